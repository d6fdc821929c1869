package capabilitytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
	"github.com/chainrun/chainrun/host/document"
)

// sample is a capability that can be made faulty.
type sample struct {
	describe func() capability.Description
	call     func(ctx context.Context, c capability.Call) (capability.Answer, error)
}

func (s sample) Describe() capability.Description { return s.describe() }

func (s sample) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	return s.call(ctx, c)
}

// faults are capabilities that the suite must not let pass, by what it says.
func faults() map[string]sample {
	fine := func() capability.Description {
		return capability.Description{Text: "a sample", Methods: []capability.Method{
			{Name: "m", Text: "a method", Response: json.RawMessage(`{"type":"integer"}`)},
		}}
	}
	one := func(context.Context, capability.Call) (capability.Answer, error) {
		return capability.Answer{Document: document.Int(1)}, nil
	}
	fails := func(err error) func(context.Context, capability.Call) (capability.Answer, error) {
		return func(_ context.Context, c capability.Call) (capability.Answer, error) {
			if c.Request.IsZero() {
				return capability.Answer{Document: document.Int(1)}, nil
			}
			return capability.Answer{}, err
		}
	}
	described := 0
	return map[string]sample{
		"": {fine, fails(&capability.Error{Reason: "refused", Message: "no"})},
		"it describes itself in two ways": {func() capability.Description {
			d := fine()
			described++
			d.Methods[0].Text = strings.Repeat("x", described)
			return d
		}, one},
		"it cannot be offered": {func() capability.Description {
			d := fine()
			d.Methods[0].Request = json.RawMessage(`{"type":"text"}`)
			return d
		}, one},
		"not one line for people": {func() capability.Description {
			d := fine()
			d.Text = "two\nlines"
			return d
		}, one},
		"its Grant schema is not that of an object": {func() capability.Description {
			d := fine()
			d.Grant = json.RawMessage(`{}`)
			return d
		}, one},
		"no case asks for an answer of method \"n\"": {func() capability.Description {
			d := fine()
			d.Methods = append(d.Methods, capability.Method{Name: "n", Text: "another"})
			return d
		}, one},
		"breaks its schema": {fine, func(context.Context, capability.Call) (capability.Answer, error) {
			return capability.Answer{Document: document.String("1")}, nil
		}},
		"got 2, want 1": {fine, func(context.Context, capability.Call) (capability.Answer, error) {
			return capability.Answer{Document: document.Int(2)}, nil
		}},
		"it used less than nothing": {fine, func(context.Context, capability.Call) (capability.Answer, error) {
			return capability.Answer{Document: document.Int(1), Usage: capability.Usage{Cost: -1}}, nil
		}},
		"should have failed":             {fine, one},
		"the error is not classified":    {fine, fails(errors.New("no"))},
		"the error has reason \"other\"": {fine, fails(&capability.Error{Reason: "other", Message: "no"})},
		"the error says nothing":         {fine, fails(&capability.Error{Reason: "refused"})},
		"what is denied is not tried":    {fine, fails(&capability.Error{Reason: "refused", Message: "no", Denied: true, Retryable: true})},
		"of what is not tried again":     {fine, fails(&capability.Error{Reason: "refused", Message: "no", RetryAfter: 1})},
		"not lower case":                 {fine, fails(&capability.Error{Reason: "HTTP 429", Message: "no"})},
		"it is not slow": {fine, func(_ context.Context, c capability.Call) (capability.Answer, error) {
			if c.Request.String() == `"slow"` {
				return capability.Answer{}, &capability.Error{Reason: "refused", Message: "at once"}
			}
			return fails(&capability.Error{Reason: "refused", Message: "no"})(context.Background(), c)
		}},
		"it was canceled, and answered": {fine, func(ctx context.Context, c capability.Call) (capability.Answer, error) {
			if c.Request.String() == `"slow"` {
				<-ctx.Done()
				return one(ctx, c)
			}
			return fails(&capability.Error{Reason: "refused", Message: "no"})(ctx, c)
		}},
		"comes after its end": {fine, func(_ context.Context, c capability.Call) (capability.Answer, error) {
			if !c.Request.IsZero() {
				return capability.Answer{}, &capability.Error{Reason: "refused", Message: "no"}
			}
			late <- func() { c.Partial(document.Null()) }
			return capability.Answer{Document: document.Int(1)}, nil
		}},
	}
}

// late has the parts that a faulty capability gives when its call is over.
var late = make(chan func(), 100)

// TestFault is the suite on one faulty capability, in a process of its own.
func TestFault(t *testing.T) {
	fault, ok := os.LookupEnv("CHAINRUN_TEST_FAULT")
	if !ok {
		t.Skip("it is run by TestFaults")
	}
	suite := capabilitytest.Suite{
		New: func(*testing.T) capability.Capability { return faults()[fault] },
		Cases: []capabilitytest.Case{
			{Method: "m", Answer: `1`, Check: func(*testing.T, capability.Answer) {
				select {
				case f := <-late:
					f()
				default:
				}
			}},
			{Method: "m", Request: `0`, Reason: "refused"},
		},
	}
	if strings.Contains(fault, "slow") || strings.Contains(fault, "canceled") {
		suite.Slow = &capabilitytest.Case{Method: "m", Request: `"slow"`}
	}
	capabilitytest.Run(t, suite)
}

// The suite finds each fault, and says which it is.
func TestFaults(t *testing.T) {
	t.Parallel()
	for fault := range faults() {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFault$")
			c.Env = append(os.Environ(), "CHAINRUN_TEST_FAULT="+fault)
			out, err := c.CombinedOutput()
			if (err == nil) != (fault == "") || !strings.Contains(string(out), fault) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
