package provider_test

import (
	"context"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/sdk/provider"
)

// This is a whole provider: go build it, and start it with
// chainrun graph.toml --provider text=./text.
func ExampleServe() {
	type query struct {
		Text string `json:"text"`
	}
	type answer struct {
		Words int `json:"words"`
	}
	count := func(_ context.Context, q query) (answer, error) {
		if q.Text == "" {
			return answer{}, &capability.Error{Reason: "empty", Message: "there is no text"}
		}
		return answer{Words: len(strings.Fields(q.Text))}, nil
	}
	provider.Serve(capability.New("counts words", capability.Handle("count", "the words of a text", count)))
}
