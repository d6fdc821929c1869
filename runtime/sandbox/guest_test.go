package sandbox

// Real programs: Go commands and reactors.

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// call runs one attempt and expects an output.
func call(tb testing.TB, p *Program, c Call) (map[string]any, Result) {
	tb.Helper()
	r, err := p.Call(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	if r.Stop != nil {
		tb.Fatalf("stopped: %+v", *r.Stop)
	}
	var v map[string]any
	if err := json.Unmarshal(r.Output, &v); err != nil {
		tb.Fatalf("output %q: %v", r.Output, err)
	}
	return v, r
}

func TestGoCommand(t *testing.T) {
	p := program(t, goCommand(t), Config{})
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

	t.Run("echo", func(t *testing.T) {
		input := []byte(`{"a":[1,2,3],"long":"` + strings.Repeat("x", 100_000) + `"}`)
		r, err := p.Call(t.Context(), Call{Input: input})
		if err != nil || r.Stop != nil || string(r.Output) != string(input) {
			t.Fatalf("%v %+v, %d bytes", err, r.Stop, len(r.Output))
		}
		if r.Fuel == 0 || r.PeakMemoryBytes == 0 {
			t.Errorf("fuel %d, memory %d", r.Fuel, r.PeakMemoryBytes)
		}
	})
	t.Run("world", func(t *testing.T) {
		c := Call{Config: []byte(`{"do":"world"}`), Feedback: []byte(`[{"pointer":"/a"}]`), Time: now, Seed: [32]byte{1}}
		one, first := call(t, p, c)
		two, second := call(t, p, c)
		if !reflect.DeepEqual(one, two) || first.Fuel != second.Fuel {
			t.Errorf("two equal calls differ: %v (fuel %d) and %v (fuel %d)", one, first.Fuel, two, second.Fuel)
		}
		random := one["random"]
		delete(one, "random")
		want := map[string]any{
			"start": "2024-02-29T12:00:00Z", "slept": "1h30m0s", "open": true, "args": []any{"node"},
			"env": []any{`CHAINRUN_CONFIG={"do":"world"}`, `CHAINRUN_FEEDBACK=[{"pointer":"/a"}]`},
		}
		if !reflect.DeepEqual(one, want) {
			t.Errorf("got %v, want %v", one, want)
		}
		c.Seed[0] = 2
		if three, _ := call(t, p, c); three["random"] == random {
			t.Error("another seed gives the same randomness")
		}
	})
	t.Run("exit", func(t *testing.T) {
		var log []string
		r, err := p.Call(t.Context(), Call{
			Config: []byte(`{"do":"exit","code":3}`),
			Log:    func(r LogRecord) { log = append(log, r.Level+":"+r.Message) },
		})
		want := &Stop{Reason: NodeError, Code: "exit_3", Message: "first line\nit went wrong"}
		if err != nil || !reflect.DeepEqual(r.Stop, want) || r.Output != nil {
			t.Fatalf("%v %+v", err, r.Stop)
		}
		if got := strings.Join(log, "|"); got != "info:first line|info:it went wrong" {
			t.Errorf("log %q", got)
		}
	})
	t.Run("panic", func(t *testing.T) {
		r, err := p.Call(t.Context(), Call{Config: []byte(`{"do":"panic"}`)})
		if err != nil || r.Stop == nil || r.Stop.Code != "exit_2" || !strings.Contains(r.Stop.Message, "panic: on purpose") {
			t.Fatalf("%v %+v", err, r.Stop)
		}
	})
}

func TestGoReactor(t *testing.T) {
	p := program(t, goReactor(t), Config{})
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

	t.Run("fresh", func(t *testing.T) {
		first, a := call(t, p, Call{Input: []byte(`{}`), Time: now})
		for range 5 {
			next, b := call(t, p, Call{Input: []byte(`{}`), Time: now})
			if !reflect.DeepEqual(first, next) || a.Fuel != b.Fuel || a.PeakMemoryBytes != b.PeakMemoryBytes {
				t.Fatalf("%v %+v, then %v %+v", first, a, next, b)
			}
			if _, big := call(t, p, Call{Input: []byte(`{"do":"grow"}`)}); big.PeakMemoryBytes < 40<<20 {
				t.Errorf("grew to %d", big.PeakMemoryBytes)
			}
		}
		if first["calls"] != 1.0 || first["kept"] != 1.0 {
			t.Errorf("%v", first)
		}
	})
	t.Run("sleep", func(t *testing.T) {
		begun := time.Now()
		if got, _ := call(t, p, Call{Input: []byte(`{"do":"sleep"}`)}); got["slept"] != "1h0m0s" {
			t.Errorf("%v", got)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("took %v", took)
		}
	})
	t.Run("entry", func(t *testing.T) {
		r, err := p.Call(t.Context(), Call{Entry: "echo", Input: []byte(`[1]`)})
		if err != nil || r.Stop != nil || string(r.Output) != `[1]` {
			t.Fatalf("%v %+v %s", err, r.Stop, r.Output)
		}
		if _, err := p.Call(t.Context(), Call{Entry: "none"}); !errors.Is(err, ErrNoEntry) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("error document", func(t *testing.T) {
		r, err := p.Call(t.Context(), Call{Input: []byte(`{"do":"fail"}`)})
		want := &Stop{Reason: NodeError, Code: "out_of_stock", Message: "sorry", Retryable: true}
		if err != nil || !reflect.DeepEqual(r.Stop, want) {
			t.Fatalf("%v %+v", err, r.Stop)
		}
	})
	t.Run("panic", func(t *testing.T) {
		r, err := p.Call(t.Context(), Call{Input: []byte(`{"do":"panic"}`)})
		if err != nil || r.Stop == nil || r.Stop.Reason != Trap || !strings.Contains(r.Stop.Message, "on purpose") {
			t.Fatalf("%v %+v", err, r.Stop)
		}
	})
	t.Run("host", func(t *testing.T) {
		var log []string
		got, _ := call(t, p, Call{
			Input: []byte(`{"do":"ask"}`), Config: []byte(`{"a":1}`), Feedback: []byte(`["f"]`),
			Host: func(_ context.Context, c HostCall) (HostAnswer, error) {
				if c.Capability != "greeter" || c.Method != "greet" || string(c.Payload) != `{"name":"Ada"}` {
					t.Errorf("%s.%s %s", c.Capability, c.Method, c.Payload)
				}
				return HostAnswer{Result: []byte(`"Hello, Ada, and all the others"`)}, nil
			},
			Log: func(r LogRecord) { log = append(log, r.Level+":"+r.Message+string(r.Attrs)) },
		})
		want := map[string]any{"config": `{"a":1}`, "feedback": `["f"]`, "greeting": `"Hello, Ada, and all the others"`, "granted": true}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v", got)
		}
		if got := strings.Join(log, "|"); got != `warn:careful{"n":1}|info:to stderr` {
			t.Errorf("log %q", got)
		}
	})
	t.Run("denied", func(t *testing.T) {
		got, _ := call(t, p, Call{Input: []byte(`{"do":"ask"}`)})
		if got["granted"] != false || !strings.Contains(got["greeting"].(string), `"code":"capability_denied"`) {
			t.Errorf("got %v", got)
		}
	})
}

func TestC(t *testing.T) {
	p := program(t, cCommand(t), Config{})
	var log []string
	r, err := p.Call(t.Context(), Call{
		Input: []byte(`{"name":"ada"}`), Time: time.Unix(1_700_000_000, 0),
		Log: func(r LogRecord) { log = append(log, r.Message) },
	})
	if err != nil || r.Stop != nil || string(r.Output) != `{"NAME":"ADA"}` {
		t.Fatalf("%v %+v %q", err, r.Stop, r.Output)
	}
	if got := strings.Join(log, "|"); got != "done at 1700000003" {
		t.Errorf("log %q", got)
	}
	r, err = p.Call(t.Context(), Call{Config: []byte(`"abort"`)})
	if err != nil || r.Stop == nil || r.Stop.Reason != Trap || !strings.Contains(r.Stop.Message, `unreachable in function "`) {
		t.Errorf("%v %+v", err, r.Stop)
	}

	q := program(t, cReactor(t), Config{})
	for range 3 {
		if v, _ := call(t, q, Call{Input: []byte(`{"a":[1,20,300]}`)}); v["sum"] != 321.0 || v["calls"] != 1.0 {
			t.Errorf("%v", v)
		}
	}
}
