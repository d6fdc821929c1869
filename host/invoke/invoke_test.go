package invoke_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// modules are what the graphs of these tests may name.
var modules = map[string][]byte{
	"echo.wasm":    moduletest.Echo(),
	"answer.wasm":  moduletest.Say(`{"answer":42}`),
	"words.wasm":   moduletest.Say(`forty-two`),
	"empty.wasm":   moduletest.Say(` `),
	"twice.wasm":   moduletest.Say(`{"a":1,"a":2}`),
	"deep.wasm":    moduletest.Say(strings.Repeat("[", 600) + strings.Repeat("]", 600)),
	"latin1.wasm":  moduletest.Say("caf\xe9"),
	"command.wasm": moduletest.Command(),
	"plugin.wasm":  moduletest.Extism("shout", "ask"),
	"quotes.wasm":  moduletest.Say(strings.Repeat(`"`, 30)),
	"fail.wasm":    moduletest.Fail(`{"code":"sold_out","message":"no tickets","retryable":true}`),
	"badfail.wasm": moduletest.Fail(`{"code":`),
	"trap.wasm":    moduletest.Trap(),
	"spin.wasm":    moduletest.Spin(),
}

// link builds a plan of one node "a" with these keys.
func link(t *testing.T, keys string) *plan.Plan {
	t.Helper()
	src, found := graphfile.Parse("graph.toml", []byte("version = 1\nchain = ['a']\n[nodes.a]\n"+keys))
	if found.Failed() {
		t.Fatal(found)
	}
	g, found := graph.Build(src, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	p, found := plan.Link(g, func(name string) ([]byte, error) {
		if m, ok := modules[name]; ok {
			return m, nil
		}
		return nil, fmt.Errorf("opening %s: %w", name, fs.ErrNotExist)
	}, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	return p
}

func newInvoker(t *testing.T, limits invoke.Limits) *invoke.Invoker {
	t.Helper()
	engine, err := sandbox.New(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(context.Background()) })
	return invoke.New(engine, limits, nil)
}

func try(t *testing.T, v *invoke.Invoker, p *plan.Plan, input string) event.Outcome {
	t.Helper()
	o, err := v.Invoke(t.Context(), p, invoke.Request{
		Attempt: event.Attempt{Step: "a", Node: "a", Number: 1},
		Time:    time.Unix(1_700_000_000, 0).UTC(), Input: document.MustParse(input),
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.Step != "a" || o.Number != 1 {
		t.Errorf("the outcome names no attempt: %+v", o.Attempt)
	}
	return o
}

// Every way in which an attempt can end has one code.
func TestOutcomes(t *testing.T) {
	v := newInvoker(t, invoke.Limits{})
	for _, c := range []struct {
		name, keys, input string
		output            string       // where it succeeds
		code              failure.Code // where it does not
		reason, pointer   string
		retryable, kept   bool
	}{
		{name: "echo", keys: "module = 'echo.wasm'", input: `{"b":1, "a":[]}`, output: `{"b":1, "a":[]}`},
		{name: "input schema", keys: "module = 'echo.wasm'\ninput_schema = {required = ['x']}", input: `{}`, code: failure.InvalidInput},
		{name: "output schema", keys: "module = 'answer.wasm'\noutput_schema = {properties = {answer = {type = 'string'}}}", input: `{}`, code: failure.InvalidOutput, pointer: "/answer", kept: true},
		{name: "no JSON", keys: "module = 'words.wasm'", input: `{}`, code: failure.InvalidOutput},
		{name: "empty", keys: "module = 'empty.wasm'", input: `{}`, code: failure.InvalidOutput},
		{name: "duplicate key", keys: "module = 'twice.wasm'", input: `{}`, code: failure.InvalidOutput},
		{name: "too deep", keys: "module = 'deep.wasm'", input: `{}`, code: failure.InvalidOutput},
		{name: "node error", keys: "module = 'fail.wasm'", input: `{}`, code: failure.NodeError, reason: "sold_out", retryable: true},
		{name: "trap", keys: "module = 'trap.wasm'", input: `{}`, code: failure.Trap},
		{name: "fuel", keys: "module = 'spin.wasm'\nfuel = 1_000_000", input: `{}`, code: failure.FuelExhausted},
		{name: "timeout", keys: "module = 'spin.wasm'\nfuel = 1_000_000_000_000\ntimeout = '50ms'", input: `{}`, code: failure.Timeout, retryable: true},
		{name: "text in and out", keys: "module = 'echo.wasm'\nencoding = 'text'", input: `"h\u00e9llo"`, output: `"héllo"`},
		{name: "text from no string", keys: "module = 'echo.wasm'\nencoding = 'text'", input: `{}`, code: failure.InvalidInput},
		{name: "text through a command", keys: "module = 'command.wasm'\nencoding = 'text'", input: `"a \"b\""`, output: `"a \"b\""`},
		{name: "a command", keys: "module = 'command.wasm'", input: `{"a":1}`, output: `{"a":1}`},
		{name: "a plug-in", keys: "module = 'plugin.wasm'\nentry = 'shout'", input: `{"a":1}`, output: `{"a":1}`},
		{name: "text through a plug-in", keys: "module = 'plugin.wasm'\nentry = 'shout'\nencoding = 'text'", input: `"\n"`, output: `"\n"`},
		{name: "a plug-in without a grant", keys: "module = 'plugin.wasm'\nentry = 'ask'", input: `{"url":"http://a.example/"}`, code: failure.CapabilityDenied, reason: "not_granted"},
		{name: "text that is none", keys: "module = 'latin1.wasm'\nencoding = 'text'", input: `""`, code: failure.InvalidOutput},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := link(t, c.keys)
			if found, err := v.Prepare(t.Context(), p); err != nil || len(found) > 0 {
				t.Fatal(found, err)
			}
			o := try(t, v, p, c.input)
			if c.code == "" {
				if o.Failure != nil {
					t.Fatalf("failed: %s", o.Failure)
				}
				if got := string(o.Output.Bytes()); got != c.output {
					t.Errorf("output %s, want %s", got, c.output)
				}
				if o.Fuel == 0 {
					t.Error("no fuel was counted")
				}
				return
			}
			f := o.Failure
			if f == nil {
				t.Fatalf("output %s, want %s", o.Output.Bytes(), c.code)
			}
			if f.Code != c.code || f.Reason != c.reason || f.Retryable != c.retryable {
				t.Errorf("%+v, want code %s, reason %q, retryable %v", f, c.code, c.reason, c.retryable)
			}
			if f.Node != "a" || f.Step != "a" || f.Attempt != 1 || f.Message == "" {
				t.Errorf("the failure has no place or no message: %+v", f)
			}
			if !o.Output.IsZero() != c.kept {
				t.Errorf("output kept: %v, want %v", !o.Output.IsZero(), c.kept)
			}
			invalid := f.Code == failure.InvalidInput || f.Code == failure.InvalidOutput
			if invalid != (len(f.Violations) > 0) {
				t.Errorf("violations: %v", f.Violations)
			}
			if c.pointer != "" && f.Violations[0].Pointer != c.pointer {
				t.Errorf("violation at %q, want %q", f.Violations[0].Pointer, c.pointer)
			}
		})
	}
}

// A node that breaks the ABI has failed, and says how.
func TestErrorDocumentThatIsNone(t *testing.T) {
	v := newInvoker(t, invoke.Limits{})
	o := try(t, v, link(t, "module = 'badfail.wasm'"), `{}`)
	if o.Failure == nil || o.Failure.Message == "" {
		t.Fatalf("%+v, want a failure with a message", o)
	}
}

func TestCapsOfTheHost(t *testing.T) {
	v := newInvoker(t, invoke.Limits{DocumentBytes: 10, DocumentDepth: 3})
	p := link(t, "module = 'echo.wasm'")
	if o := try(t, v, p, `[1,2,3]`); o.Failure != nil {
		t.Error(o.Failure)
	}
	if o := try(t, v, p, `[1,2,3,4,5,6]`); o.Failure == nil || o.Failure.Code != failure.InvalidInput {
		t.Errorf("a document larger than its cap: %v", o.Failure)
	}
	if o := try(t, newInvoker(t, invoke.Limits{DocumentBytes: 50}), link(t, "module = 'quotes.wasm'\nencoding = 'text'"), `""`); o.Failure == nil || o.Failure.Code != failure.InvalidOutput {
		t.Errorf("a text that is larger than its cap as a JSON string: %v", o.Failure)
	}
	if o := try(t, v, link(t, "module = 'answer.wasm'"), `1`); o.Failure == nil || o.Failure.Code != failure.InvalidOutput {
		t.Errorf("an output larger than its cap: %v", o.Failure)
	}
}

func TestCanceled(t *testing.T) {
	v := newInvoker(t, invoke.Limits{})
	p := link(t, "module = 'spin.wasm'\nfuel = 1_000_000_000_000")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	o, err := v.Invoke(ctx, p, invoke.Request{
		Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Input: document.MustParse(`{}`),
	})
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Canceled {
		t.Errorf("%+v, %v; want canceled", o.Failure, err)
	}
}

// An attempt that is aborted in the moment in which it begins is canceled, and no
// error of chainrun.
func TestCanceledAtOnce(t *testing.T) {
	v := newInvoker(t, invoke.Limits{})
	p := link(t, "module = 'echo.wasm'")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 64 { // once the module is there, chance decides what is seen first
		if i == 32 {
			try(t, v, p, `{}`)
		}
		o, err := v.Invoke(ctx, p, invoke.Request{
			Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Input: document.MustParse(`{}`),
		})
		if err != nil || o.Step != "a" || o.Failure == nil || o.Failure.Code != failure.Canceled {
			t.Fatalf("%+v, %v; want canceled", o, err)
		}
	}
}

// A module that the sandbox refuses is a diagnostic at the node's module line.
func TestPrepareRefuses(t *testing.T) {
	invalid := moduletest.Echo()
	// The body of run ends in i64.or; an f32.add there has the wrong types.
	at := strings.LastIndexByte(string(invalid), 0x84)
	invalid[at] = 0x92
	modules["invalid.wasm"] = invalid
	p := link(t, "module = 'invalid.wasm'")
	found, err := newInvoker(t, invoke.Limits{}).Prepare(t.Context(), p)
	if err != nil || len(found) != 1 || found[0].Line != 4 || found[0].Code != "invalid_module" {
		t.Errorf("got %v, %v; want one diagnostic at line 4", found, err)
	}
}
