package llm

// This file collects what an endpoint answers, and makes the answer of it that a
// node sees.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

const (
	finishStop     = "stop"
	finishLength   = "length"
	finishTools    = "tool_calls"
	finishFiltered = "content_filter"
	finishOther    = "other"

	maxToolCalls = 1000
	// maxCount is more than any server can mean.
	maxCount = int64(1) << 50
)

// reply is an answer while it comes.
type reply struct {
	model   string
	text    strings.Builder
	refusal strings.Builder
	calls   []*callReply
	finish  string // "": not said yet
	usage   tokens

	left    int64 // bytes that it may still have
	partial func(text string)
}

type callReply struct {
	index     int64
	id, name  string
	arguments strings.Builder
}

// tokens is what an endpoint says it used.
type tokens struct {
	input, output int64
	known         bool
}

func (r *reply) take(n int) error {
	r.left -= int64(n)
	if r.left < 0 {
		return errTooLarge
	}
	return nil
}

func (r *reply) addText(s string) error {
	if s == "" {
		return nil
	}
	if err := r.take(len(s)); err != nil {
		return err
	}
	r.text.WriteString(s)
	r.partial(s)
	return nil
}

func (r *reply) addRefusal(s string) error {
	r.refusal.WriteString(s)
	return r.take(len(s))
}

// call finds the tool call at an index, or begins it. Some servers give every
// call the index 0 and tell them apart by their ids.
func (r *reply) call(index int64, id string) (*callReply, error) {
	for _, c := range slices.Backward(r.calls) {
		if c.index == index && (id == "" || c.id == "" || c.id == id) {
			return c, nil
		}
	}
	if len(r.calls) == maxToolCalls {
		return nil, errTooLarge
	}
	c := &callReply{index: index}
	r.calls = append(r.calls, c)
	return c, nil
}

func (r *reply) addCall(index int64, id, name, arguments string) error {
	c, err := r.call(index, id)
	if err != nil {
		return err
	}
	if c.id == "" {
		c.id = id
	}
	if c.name == "" {
		c.name = name
	}
	c.arguments.WriteString(arguments)
	return r.take(len(id) + len(name) + len(arguments))
}

func (r *reply) setUsage(input, output int64) {
	if input < 0 || output < 0 || input > maxCount || output > maxCount || input+output == 0 {
		return // it says nothing, or nonsense
	}
	r.usage = tokens{input: input, output: output, known: true}
}

// unfold makes the text of an answer that was asked for as a call of a tool.
func (r *reply) unfold() {
	for _, c := range r.calls {
		r.text.WriteString(c.arguments.String())
	}
	if len(r.calls) > 0 && r.finish == finishTools {
		r.finish = finishStop
	}
	r.calls = nil
}

// size is an upper estimate of the tokens of the reply: a token has at least one
// byte.
func (r *reply) size() int64 {
	n := r.text.Len() + r.refusal.Len() + 1
	for _, c := range r.calls {
		n += len(c.name) + c.arguments.Len() + 1
	}
	return int64(n)
}

func (r *reply) document(t *target, used counted) document.Document {
	fields := []document.Field{{Key: "content", Value: document.String(r.text.String())}}
	add := func(key string, value document.Document) {
		fields = append(fields, document.Field{Key: key, Value: value})
	}
	finish := r.finish
	if r.refusal.Len() > 0 {
		add("refusal", document.String(r.refusal.String()))
		finish = finishFiltered
	}
	if len(r.calls) > 0 {
		calls := make([]document.Document, len(r.calls))
		for i, c := range r.calls {
			id := c.id
			if id == "" { // some servers give none; the answer to it needs one
				id = fmt.Sprintf("call_%d", i)
			}
			calls[i] = document.Object(
				document.Field{Key: "id", Value: document.String(id)},
				document.Field{Key: "name", Value: document.String(c.name)},
				document.Field{Key: "arguments", Value: document.String(c.arguments.String())},
			)
		}
		add("tool_calls", document.Array(calls...))
	}
	if finish == "" {
		finish = finishOther
	}
	add("model", document.String(modelName(r.model, t)))
	add("endpoint", document.String(t.name))
	add("finish_reason", document.String(finish))
	return document.Object(append(fields, used.fields()...)...)
}

// modelName is what the endpoint says answered, or what was asked for.
func modelName(said string, t *target) string {
	if said == "" || len(said) > 256 {
		return t.model
	}
	return said
}

// counted is what a call used up.
type counted struct {
	tokens
	priced bool
	usage  capability.Usage // as the host counts it
	rate   int64            // tokens as the endpoint's rate counts them
}

// count makes the usage of an answer. Where the endpoint did not say it and the
// grant or the budget limits tokens or cost, the upper estimates count.
func count(t *target, said tokens, input, output int64, left capability.Left) counted {
	c := counted{tokens: said}
	counts := said
	if !said.known {
		c.tokens = tokens{}
		counts = tokens{}
		if left.Tokens < capability.Unlimited || left.Cost < capability.Unlimited {
			counts = tokens{input: input, output: output}
		}
	}
	c.rate = said.input + said.output
	if !said.known {
		c.rate = (input + output) / 4 // about what texts have
	}
	c.usage = capability.Usage{InputTokens: counts.input, OutputTokens: counts.output}
	if p, ok := t.prices[t.model]; ok {
		c.priced = true
		c.usage.Cost = p.cost(counts.input, counts.output)
	}
	return c
}

// fields are the members that tell the node.
func (c counted) fields() []document.Field {
	fields := []document.Field{{Key: "usage", Value: document.Object(
		document.Field{Key: "input_tokens", Value: document.Int(c.input)},
		document.Field{Key: "output_tokens", Value: document.Int(c.output)},
	)}}
	if !c.known {
		fields = append(fields, document.Field{Key: "usage_missing", Value: document.Bool(true)})
	}
	if c.priced {
		fields = append(fields, document.Field{Key: "cost", Value: money(c.usage.Cost)})
	}
	return fields
}
