// Say puts a name or a text into the words of its config. Both nodes of the
// graph are this one module.
package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type config struct {
	Words string `json:"words"` // with {} where the text goes; default "{}"
}

type input struct {
	Name string `json:"name"` // default "world"
	Text string `json:"text"` // goes before Name
}

type output struct {
	Text string `json:"text"`
}

func say(ctx context.Context, in input) (output, error) {
	conf, err := node.Config[config](ctx)
	if err != nil {
		return output{}, err
	}
	text := cmp.Or(in.Text, in.Name, "world")
	return output{Text: strings.ReplaceAll(cmp.Or(conf.Words, "{}"), "{}", text)}, nil
}

func init() { node.Handle(say) }

func main() { node.Main() }
