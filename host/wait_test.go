package host_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/stepper"
)

const approval = `
version = 1
chain = ["draft", "approve", "publish"]
[nodes.draft]
module = "echo.wasm"
[nodes.approve]
wait = true
output_schema = { type = "object", required = ["ok"] }
[nodes.publish]
module = "echo.wasm"
input = "{'draft': inputs.approve, 'ok': input.ok}"
`

// TestSignal: a run rests, tells who waits, and goes on when it is answered.
// Signals for nobody, twice, or with the wrong document change nothing.
func TestSignal(t *testing.T) {
	h := newHost(t)
	g := load(t, h, approval)
	r, err := h.Run(t.Context(), g, map[string]any{"n": 1})
	if err != nil || r.Status() != host.Waiting || strings.Join(r.Waits(), " ") != "approve" {
		t.Fatalf("status %s, waiting %q: %v", r.Status(), r.Waits(), err)
	}
	if v := r.View(); v.Status != "waiting" || v.Steps[1].Status != "waiting" || v.Digest != "" {
		t.Errorf("%+v", v)
	}
	if err := r.Decode(new(any)); err == nil || !strings.Contains(err.Error(), "approve") {
		t.Errorf("decoding gave %v", err)
	}
	refused := func(step string, answer any, want string) {
		t.Helper()
		err := r.Signal(t.Context(), step, answer)
		if _, ok := errors.AsType[*stepper.SignalError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("signal for %s: %v, want %q", step, err, want)
		}
	}
	refused("nobody", map[string]any{"ok": true}, "no such step waits for a signal; waiting: approve")
	refused("draft", map[string]any{"ok": true}, "no such step waits")
	refused("approve", 7, "breaks its schema")
	if err := r.Signal(t.Context(), "approve", []byte(`{"ok":`)); err == nil || !strings.Contains(err.Error(), "no JSON") {
		t.Errorf("a signal that is no JSON: %v", err)
	}
	if err := r.Signal(t.Context(), "approve", map[string]any{"ok": true}); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil || r.Status() != event.Done || r.Output().String() != `{"draft":{"ok":true},"ok":true}` {
		t.Errorf("%s with %s: %v", r.Status(), r.Output(), err)
	}
	refused("approve", map[string]any{"ok": true}, "the run is over")
}

// TestSignalTwice: the second answer is refused while the run goes on.
func TestSignalTwice(t *testing.T) {
	h := newHost(t)
	r, err := h.Run(t.Context(), load(t, h, `
version = 1
[nodes]
a.wait = true
b.wait = true
`), nil)
	if err != nil || strings.Join(r.Waits(), " ") != "a b" {
		t.Fatal(r.Waits(), err)
	}
	if err := r.Signal(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	if err := r.Signal(t.Context(), "a", 2); err == nil || !strings.Contains(err.Error(), "answered already") {
		t.Errorf("the second answer: %v", err)
	}
	if err := r.Signal(t.Context(), "b", 3); err != nil {
		t.Fatal(err)
	}
	if got := r.Output().String(); got != `{"a":1,"b":3}` {
		t.Errorf("output %s", got)
	}
}

// TestCancelWhileWaiting: a run that rests ends with its context.
func TestCancelWhileWaiting(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := h.Run(ctx, load(t, h, approval), nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range r.Events() {
	}
	if r.Status() != event.Canceled {
		t.Errorf("status %s", r.Status())
	}
}

// TestInside: foreach over a subgraph, with real modules.
func TestInside(t *testing.T) {
	h := newHost(t)
	fsys := files(`
version = 1
chain = ["each", "end"]
[nodes.each]
graph = "parts/inner.toml"
foreach = "input.rows"
[nodes.end]
module = "echo.wasm"
`)
	fsys["parts/inner.toml"] = fsys["graph.toml"]
	inner := *fsys["graph.toml"]
	inner.Data = []byte("chain = ['a', 'b']\n[nodes]\na.module = '../echo.wasm'\nb = { module = '../echo.wasm', input = '[input, run.input]' }\n")
	fsys["parts/inner.toml"] = &inner
	g, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(t.Context(), g, []byte(`{"rows":[1,{"x":2}]}`))
	if err != nil || r.Output().String() != `[[1,1],[{"x":2},{"x":2}]]` {
		t.Fatalf("%s, %v: %v", r.Output(), r.Failure(), err)
	}
	if v := r.View(); len(v.Steps) != 2 || v.Steps[0].Elements != 2 || v.Steps[0].Attempts != 4 || v.Fuel == 0 {
		t.Errorf("%+v", v.Steps)
	}
}

// TestRunsWaitOutside: beyond the bound, Start holds its caller; runs that rest do
// not count.
func TestRunsWaitOutside(t *testing.T) {
	h := newHost(t, host.WithRuns(1))
	resting := load(t, h, approval)
	var runs []*host.Run
	for range 3 {
		r, err := h.Run(t.Context(), resting, nil)
		if err != nil || r.Status() != host.Waiting {
			t.Fatal(r.Status(), err)
		}
		runs = append(runs, r)
	}
	for range 20 {
		r, err := h.Start(t.Context(), load(t, h, echo), nil)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.View(); v.Run != r.ID() {
			t.Errorf("Start came back before the run was recorded: %+v", v)
		}
		runs = append(runs, r)
	}
	for i, r := range runs {
		if i < 3 {
			if err := r.Signal(t.Context(), "approve", map[string]any{"ok": i}); err != nil {
				t.Error(err)
			}
		}
		if r.Status() != event.Done {
			t.Errorf("run %d: %s", i, r.Status())
		}
	}
}
