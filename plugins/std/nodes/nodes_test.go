package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// chainrun is a host for tests: the node's config and feedback, and what capabilities
// answer.
type chainrun struct {
	config, feedback string
	answers          map[string]string // by capability.method
	asked            *[]string
}

func (h chainrun) Call(capability, method string, payload []byte) ([]byte, error) {
	switch name := capability + "." + method; name {
	case "node.config":
		return []byte(h.config), nil
	case "node.feedback":
		return []byte(h.feedback), nil
	default:
		*h.asked = append(*h.asked, name+" "+strings.TrimSpace(string(payload)))
		answer, ok := h.answers[name]
		if !ok {
			return nil, &node.CallError{Code: "capability_denied", Message: name, Capability: capability, Method: method}
		}
		return []byte(answer), nil
	}
}

// entry is a node over documents as bytes, as the SDK makes it.
func entry[In, Out any](f func(context.Context, In) (Out, error)) func(context.Context, string) (string, error) {
	return func(ctx context.Context, input string) (string, error) {
		var in In
		if raw, ok := any(&in).(*json.RawMessage); ok {
			*raw = json.RawMessage(input)
		} else if err := json.Unmarshal([]byte(input), &in); err != nil {
			return "", node.Errorf("bad_input", "%w", err)
		}
		out, err := f(ctx, in)
		if err != nil {
			return "", err
		}
		if raw, ok := any(out).(json.RawMessage); ok {
			return string(raw), nil
		}
		b, err := encode(out)
		return string(b), err
	}
}

var all = map[string]func(context.Context, string) (string, error){
	"template": entry(templateNode), "jq": entry(jqNode), "csv": entry(csvNode), "html2text": entry(html2textNode),
	"split": entry(splitNode), "merge": entry(mergeNode), "validate": entry(validateNode),
	"prompt": entry(promptNode), "extract": entry(extractNode), "http": entry(httpNode),
}

// run gives a node's output, or its error as "code: message".
func (h chainrun) run(name, input string) string {
	out, err := all[name](node.WithHost(context.Background(), h), input)
	if err == nil {
		return out
	}
	var coded *node.Error
	var call *node.CallError
	switch {
	case errors.As(err, &coded):
		return coded.Code + ": " + err.Error()
	case errors.As(err, &call):
		return call.Code + ": " + err.Error()
	}
	return "uncoded: " + err.Error()
}

// check is one line of a table: what a node makes of a config and an input. A want
// that ends in … is how it begins.
type check struct{ config, input, want string }

func checkAll(t *testing.T, name string, checks []check) {
	t.Helper()
	for _, c := range checks {
		got := chainrun{config: c.config}.run(name, c.input)
		begin, cut := strings.CutSuffix(c.want, "…")
		if got != c.want && (!cut || !strings.HasPrefix(got, begin)) {
			t.Errorf("%s of %s with %s:\n got %s\nwant %s", name, c.input, c.config, got, c.want)
		}
	}
}

func quoted(s string) string {
	b, err := encode(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
