package capabilitytest_test

import (
	"context"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
	"github.com/chainrun/chainrun/host/document"
)

// A capability of Go functions passes.
func TestFunctions(t *testing.T) {
	type word struct {
		Word string `json:"word"`
	}
	capabilitytest.Run(t, capabilitytest.Suite{
		New: func(*testing.T) capability.Capability {
			return capability.New("words",
				capability.Handle("greet", "greets", func(ctx context.Context, in word) (word, error) {
					if in.Word == "" {
						return word{}, &capability.Error{Reason: "nobody", Message: "there is nobody to greet", Retryable: true}
					}
					c := capability.FromContext(ctx)
					c.Partial(document.String("hello"))
					token, err := c.Secrets.Expand("${secret:token}")
					return word{Word: "hello " + in.Word + token + c.Grant.String()}, err
				}),
				capability.Handle("wait", "waits for ever", func(ctx context.Context, in bool) (string, error) {
					if !in {
						return "no", nil
					}
					<-ctx.Done()
					return "", context.Cause(ctx)
				}),
			).WithGrant(`{"type":"object","properties":{"loud":{"type":"boolean"}},"additionalProperties":false}`)
		},
		Secrets: map[string]string{"token": "!"},
		Cases: []capabilitytest.Case{
			{Method: "greet", Request: `{"word":"you"}`, Answer: `{"word":"hello you!{}"}`},
			{Method: "greet", Request: `{"word":"you"}`, Grant: `{"loud":true}`, Answer: `{"word":"hello you!{\"loud\":true}"}`},
			{Method: "greet", Request: `{"word":""}`, Reason: "nobody", Retryable: true},
			{Method: "wait", Request: `false`, Check: func(t *testing.T, a capability.Answer) {
				t.Helper()
				if a.Document.String() != `"no"` {
					t.Error(a.Document)
				}
			}},
		},
		Slow: &capabilitytest.Case{Method: "wait", Request: `true`},
	})
}
