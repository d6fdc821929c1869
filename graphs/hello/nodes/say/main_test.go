package main

import (
	"context"
	"testing"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// words is a host that has nothing but a config.
type words string

func (w words) Call(_, method string, _ []byte) ([]byte, error) {
	if method == "config" {
		return []byte(w), nil
	}
	return nil, nil
}

func TestSay(t *testing.T) {
	for _, c := range []struct {
		config string
		in     input
		want   string
	}{
		{`{"words":"Hello, {}"}`, input{}, "Hello, world"},
		{`{"words":"Hello, {}"}`, input{Name: "Ada"}, "Hello, Ada"},
		{`{"words":"{}!"}`, input{Text: "Hello, world"}, "Hello, world!"},
		{``, input{Text: "as it is"}, "as it is"},
	} {
		got, err := say(node.WithHost(context.Background(), words(c.config)), c.in)
		if err != nil || got.Text != c.want {
			t.Errorf("%s, %+v: got %q, %v", c.config, c.in, got.Text, err)
		}
	}
}
