// Greet says hello to whoever the input names.
package main

import (
	"cmp"
	"context"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type visitor struct {
	Name string `json:"name"` // default "world"
}

type greeting struct {
	Text string `json:"text"`
}

func greet(_ context.Context, v visitor) (greeting, error) {
	return greeting{Text: "Hello, " + cmp.Or(v.Name, "world")}, nil
}

func init() { node.Handle(greet) }

func main() { node.Main() }
