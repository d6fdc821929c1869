// The conformance node in Go: does what the input's "do" says, so that a test
// can see every part of the SDK from the host's side.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type request struct {
	Do   string          `json:"do"`
	Text string          `json:"text"`
	Size int             `json:"size"`
	Data json.RawMessage `json:"data"`
}

func probe(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
	var r request
	if err := json.Unmarshal(in, &r); err != nil {
		return nil, node.Errorf("bad_input", "decoding: %w", err)
	}
	switch r.Do {
	case "echo":
		return in, nil
	case "echo under garbage collection":
		for range 20 {
			_ = make([]byte, 1<<20)
			runtime.GC()
		}
		return in, nil
	case "transform":
		return json.Marshal(map[string]string{"text": strings.ToUpper(r.Text)})
	case "big":
		return json.Marshal(strings.Repeat("x", r.Size))
	case "hoard":
		var held [][]byte
		for {
			held = append(held, make([]byte, 1<<20))
			held[0][0]++
		}
	case "spin":
		for n := 0; ; n++ {
			runtime.KeepAlive(n)
		}
	case "recurse":
		return nil, node.Errorf("done", "%d", recurse(1))
	case "fail":
		return nil, errors.New(r.Text)
	case "fail with code":
		return nil, fmt.Errorf("wrapped: %w", node.Errorf("my_code", "%s", r.Text))
	case "fail retryable":
		return nil, node.Retryable(node.Errorf("busy", "%s", r.Text))
	case "panic":
		panic(r.Text)
	case "config":
		config, err := node.Config[struct {
			Limit int `json:"limit"`
		}](ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(config)
	case "feedback":
		return json.Marshal(node.Feedback(ctx))
	case "call":
		var answer struct {
			Text string `json:"text"`
		}
		if err := node.Call(ctx, "clerk", "ask", r.Data, &answer); err != nil {
			return nil, err
		}
		return json.Marshal(map[string]int{"size": len(answer.Text)})
	case "log":
		log := node.Log(ctx)
		log.Debug("one")
		log.Info("two", "n", 2)
		log.Warn("three")
		log.Error("four", "err", errors.New("boom"))
		return json.RawMessage(`null`), nil
	default:
		return nil, node.Errorf("unknown", "cannot %q", r.Do)
	}
}

func recurse(n int) int {
	if n < 0 {
		return n
	}
	return recurse(n+1) + 1
}

func init() { node.Handle(probe) }

func main() { node.Main() }
