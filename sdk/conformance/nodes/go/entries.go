// The six entries that every SDK's conformance node has.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

func echo(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil }

type order struct {
	Customer string `json:"customer"`
	Lines    []line `json:"lines" jsonschema:"minItems=0"`
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity" jsonschema:"minimum=0"`
	Cents    int64  `json:"cents" jsonschema:"description=Of one, not of all"`
}

type sum struct {
	Customer string `json:"customer"`
	Cents    int64  `json:"cents"`
	Lines    int    `json:"lines"`
}

type config struct {
	Factor *int64 `json:"factor"`
}

func total(ctx context.Context, o order) (sum, error) {
	conf, err := node.Config[config](ctx)
	if err != nil {
		return sum{}, err
	}
	s := sum{Customer: upper(o.Customer), Lines: len(o.Lines)}
	for _, l := range o.Lines {
		s.Cents += l.Quantity * l.Cents
	}
	if conf.Factor != nil {
		s.Cents *= *conf.Factor
	}
	return s, nil
}

// upper makes capitals of ASCII letters alone.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

type failing struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

func fail(_ context.Context, f failing) (any, error) {
	return nil, &node.Error{Code: f.Code, Message: f.Message, Retryable: f.Retryable}
}

type complaints struct {
	Count    int      `json:"count"`
	Pointers []string `json:"pointers"`
	Keywords []string `json:"keywords"`
}

func feedback(ctx context.Context, _ json.RawMessage) (complaints, error) {
	c := complaints{Pointers: []string{}, Keywords: []string{}}
	for _, v := range node.Feedback(ctx) {
		c.Count++
		c.Pointers, c.Keywords = append(c.Pointers, v.Pointer), append(c.Keywords, v.Keyword)
	}
	return c, nil
}

type question struct {
	Capability string          `json:"capability"`
	Method     string          `json:"method"`
	Payload    json.RawMessage `json:"payload"`
}

type reply struct {
	Answer json.RawMessage `json:"answer"`
}

func ask(ctx context.Context, q question) (reply, error) {
	var r reply
	err := node.Call(ctx, q.Capability, q.Method, q.Payload, &r.Answer)
	return r, err // not in one line: TinyGo would read r before the call
}

type lines struct {
	Lines int `json:"lines" jsonschema:"minimum=0"`
}

func logs(ctx context.Context, l lines) (lines, error) {
	log := node.Log(ctx)
	for i := range l.Lines {
		log.Info(fmt.Sprintf("line %d", i), "i", i)
	}
	return l, nil
}

func init() {
	node.Describe(node.About{
		Name:        "conformance",
		Version:     "1.0.0",
		Description: "What every SDK promises.",
		License:     "Apache-2.0",
		Entries: map[string]node.AboutEntry{
			"total": {Description: "Adds an order up.", Config: config{}},
		},
	})
	node.HandleEntry("echo", echo)
	node.HandleEntry("total", total)
	node.HandleEntry("fail", fail)
	node.HandleEntry("feedback", feedback)
	node.HandleEntry("ask", ask)
	node.HandleEntry("log", logs)
}

//go:wasmexport chainrun_run_v1:echo
func runEcho(input, size uint32) uint64 { return node.RunEntry("echo", input, size) }

//go:wasmexport chainrun_run_v1:total
func runTotal(input, size uint32) uint64 { return node.RunEntry("total", input, size) }

//go:wasmexport chainrun_run_v1:fail
func runFail(input, size uint32) uint64 { return node.RunEntry("fail", input, size) }

//go:wasmexport chainrun_run_v1:feedback
func runFeedback(input, size uint32) uint64 { return node.RunEntry("feedback", input, size) }

//go:wasmexport chainrun_run_v1:ask
func runAsk(input, size uint32) uint64 { return node.RunEntry("ask", input, size) }

//go:wasmexport chainrun_run_v1:log
func runLog(input, size uint32) uint64 { return node.RunEntry("log", input, size) }
