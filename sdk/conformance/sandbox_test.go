// The same nodes in chainrun's own sandbox.

package conformance

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// engine is shared by all tests: it compiles a module once.
var engine = sync.OnceValues(func() (*sandbox.Engine, error) {
	return sandbox.New(context.Background(), sandbox.Config{})
})

func load(t *testing.T, wasm []byte) *sandbox.Program {
	t.Helper()
	engine, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	m, err := module.Read(wasm)
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// attempts are what both builds of the Go node must do alike.
var attempts = []struct{ input, output, reason string }{
	{` {"do" :"echo",  "data": 1.0e2 } `, ` {"do" :"echo",  "data": 1.0e2 } `, ""},
	{`{"do":"transform","text":"grün"}`, `{"text":"GRÜN"}`, ""},
	{`{"do":"config"}`, `{"limit":5}`, ""},
	{`{"do":"feedback"}`, `[{"pointer":"/a","keyword":"type","message":"want string","found":3}]`, ""},
	{`{"do":"fail with code","text":"no"}`, ``, "my_code"},
	{`{"do":"panic","text":"ouch"}`, ``, "panic"},
	{`{"do":"call"}`, ``, "capability_denied"},
}

func call(input string) sandbox.Call {
	return sandbox.Call{
		Input:    []byte(input),
		Config:   []byte(`{"limit": 5}`),
		Feedback: []byte(`[{"pointer":"/a","keyword":"type","message":"want string","found":3}]`),
	}
}

func TestGoReactorInTheSandbox(t *testing.T) {
	program := load(t, buildGo(t, asReactor...))
	for _, a := range attempts {
		got, err := program.Call(context.Background(), call(a.input))
		switch {
		case err != nil:
			t.Fatal(err)
		case a.reason == "" && (got.Stop != nil || string(got.Output) != a.output):
			t.Errorf("%s: got %s, %+v", a.input, got.Output, got.Stop)
		case a.reason != "" && (got.Stop == nil || got.Stop.Reason != sandbox.NodeError || got.Stop.Code != a.reason):
			t.Errorf("%s: got %s, %+v, want %s", a.input, got.Output, got.Stop, a.reason)
		}
	}

	retryable, err := program.Call(context.Background(), call(`{"do":"fail retryable","text":"later"}`))
	if err != nil || retryable.Stop == nil || !retryable.Stop.Retryable || retryable.Stop.Message != "later" {
		t.Errorf("retryable: got %+v, %v", retryable.Stop, err)
	}

	var log []string
	logging := call(`{"do":"log"}`)
	logging.Log = func(r sandbox.LogRecord) { log = append(log, r.Level+" "+r.Message+" "+string(r.Attrs)) }
	if _, err := program.Call(context.Background(), logging); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(log, "|"), `debug one |info two {"n":2}|warn three |error four {"err":"boom"}`; got != want {
		t.Errorf("logged %s, want %s", got, want)
	}

	// A capability answers, with more than the SDK's first buffer holds.
	asking := call(`{"do":"call","data":{"q":1}}`)
	asked := 0
	asking.Host = func(_ context.Context, c sandbox.HostCall) (sandbox.HostAnswer, error) {
		if asked++; c.Capability != "clerk" || c.Method != "ask" || string(c.Payload) != `{"q":1}` {
			t.Errorf("asked %s.%s %s", c.Capability, c.Method, c.Payload)
		}
		return sandbox.HostAnswer{Result: json.RawMessage(`{"text":"` + strings.Repeat("z", 50_000) + `"}`)}, nil
	}
	got, err := program.Call(context.Background(), asking)
	if err != nil || string(got.Output) != `{"size":50000}` || asked != 1 {
		t.Errorf("got %s, %+v, %v; asked %d times", got.Output, got.Stop, err, asked)
	}
}

// Two attempts with the same input are the same, to the instruction.
func TestGoFuelIsExact(t *testing.T) {
	for name, args := range map[string][]string{"reactor": asReactor, "command": asCommand} {
		program := load(t, buildGo(t, args...))
		first, err := program.Call(context.Background(), call(`{"do":"transform","text":"x"}`))
		if err != nil || first.Stop != nil {
			t.Fatalf("%s: %+v, %v", name, first.Stop, err)
		}
		t.Logf("%s: %d fuel, %d KiB of memory", name, first.Fuel, first.PeakMemoryBytes>>10)
		for range 3 {
			next, err := program.Call(context.Background(), call(`{"do":"transform","text":"x"}`))
			if err != nil || next.Stop != nil {
				t.Fatalf("%s: %+v, %v", name, next.Stop, err)
			}
			if next.Fuel != first.Fuel || next.PeakMemoryBytes != first.PeakMemoryBytes {
				t.Errorf("%s: %d fuel and %d bytes, then %d and %d", name, first.Fuel, first.PeakMemoryBytes, next.Fuel, next.PeakMemoryBytes)
			}
		}
	}
}

func TestGoCommandInTheSandbox(t *testing.T) {
	program := load(t, buildGo(t, asCommand...))
	for _, a := range attempts {
		got, err := program.Call(context.Background(), call(a.input))
		switch {
		case err != nil:
			t.Fatal(err)
		case a.reason == "" && (got.Stop != nil || string(got.Output) != a.output):
			t.Errorf("%s: got %s, %+v", a.input, got.Output, got.Stop)
		case a.reason != "" && (got.Stop == nil || got.Stop.Reason != sandbox.NodeError || got.Stop.Code != "exit_1" || !strings.Contains(got.Stop.Message, a.reason+": ")):
			t.Errorf("%s: got %s, %+v, want exit_1 and %s", a.input, got.Output, got.Stop, a.reason)
		}
	}
}

// What a Go node does wrong ends in the right reason, and the next attempt finds
// nothing of it.
func TestGoLimitsInTheSandbox(t *testing.T) {
	for name, args := range map[string][]string{"reactor": asReactor, "command": asCommand} {
		program := load(t, buildGo(t, args...))
		for _, c := range []struct {
			do     string
			limits sandbox.Limits
			want   sandbox.StopReason
		}{
			{"hoard", sandbox.Limits{MemoryBytes: 16 << 20}, sandbox.MemoryExceeded},
			{"recurse", sandbox.Limits{}, sandbox.Trap},
			{"spin", sandbox.Limits{Fuel: 10_000_000}, sandbox.FuelExhausted},
			{"spin", sandbox.Limits{Timeout: 50 * time.Millisecond}, sandbox.TimedOut},
			{"big", sandbox.Limits{OutputBytes: 1000}, sandbox.OutputTooLarge},
		} {
			bad := call(`{"do":"` + c.do + `","size":2000}`)
			bad.Limits = c.limits
			got, err := program.Call(context.Background(), bad)
			if err != nil {
				t.Fatal(err)
			}
			if got.Stop == nil || got.Stop.Reason != c.want {
				t.Errorf("%s, %s: got %+v, want %s", name, c.do, got.Stop, c.want)
			}
			after, err := program.Call(context.Background(), call(`{"do":"transform","text":"alive"}`))
			if err != nil || after.Stop != nil || string(after.Output) != `{"text":"ALIVE"}` {
				t.Errorf("%s, after %s: got %s, %+v, %v", name, c.do, after.Output, after.Stop, err)
			}
		}
	}
}
