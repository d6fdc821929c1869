package host_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// echoes is a host with a capability that answers what it is asked.
func echoes(t *testing.T) *host.Host {
	t.Helper()
	h, err := host.New(host.WithCapability("echo", capability.New("gives it back", capability.Handle("say", "says it",
		func(_ context.Context, in map[string]any) (map[string]any, error) {
			if in["fail"] != nil {
				return nil, &capability.Error{Reason: "no_echo", Message: "silence"}
			}
			return in, nil
		}))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// one is a graph of one node, filled in by hand.
func one(t *testing.T, h *host.Host, wasm []byte, change func(*graph.NodeSource)) *host.Graph {
	t.Helper()
	n := graph.NodeSource{Name: "n", Module: "n.wasm"}
	if change != nil {
		change(&n)
	}
	g, err := h.LoadSource(&graph.Source{File: "by hand", Nodes: []graph.NodeSource{n}}, func(name string) ([]byte, error) {
		if name != "n.wasm" {
			return nil, fs.ErrNotExist
		}
		return wasm, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func granted(n *graph.NodeSource) {
	n.Grants = []graph.Section{{Name: "echo", Value: graph.Value{Document: document.Object()}}}
}

// An attempt is one: checked and limited as in a run, but not tried again.
func TestAttempt(t *testing.T) {
	h := echoes(t)
	ask := one(t, h, moduletest.Ask("echo", "say", 1), granted)
	input := document.MustParse(`{"a":1}`)
	done, err := h.Attempt(t.Context(), ask, host.Attempt{Node: "n", Input: input})
	if err != nil || done.Failure != nil || !done.Output.Equal(input) || done.Fuel == 0 || done.MemoryBytes == 0 || len(done.Calls) != 1 || done.Took <= 0 {
		t.Fatalf("%+v %v", done, err)
	}

	// What was answered is answered again, without the grant and the world.
	bare := one(t, h, moduletest.Ask("echo", "say", 1), nil)
	again, err := h.Attempt(t.Context(), bare, host.Attempt{Node: "n", Input: input, Recorded: true, Calls: done.Calls})
	if err != nil || again.Failure != nil || again.Fuel != done.Fuel || !again.Output.Equal(done.Output) || len(again.Calls) != 0 {
		t.Errorf("%+v %v", again, err)
	}
	_, err = h.Attempt(t.Context(), bare, host.Attempt{Node: "n", Input: document.MustParse(`{"a":2}`), Recorded: true, Calls: done.Calls})
	if _, diverged := errors.AsType[*invoke.DivergedError](err); !diverged {
		t.Errorf("another request: %v", err)
	}
	if denied, err := h.Attempt(t.Context(), bare, host.Attempt{Node: "n", Input: input}); err != nil || denied.Failure.Code != failure.CapabilityDenied {
		t.Errorf("%+v %v", denied, err)
	}

	// Time and seed are those that are given.
	chance := one(t, h, moduletest.Chance(), nil)
	at := host.Attempt{Node: "n", Input: input, Time: time.Unix(1, 0).UTC(), Seed: event.Seed{1}}
	a, errA := h.Attempt(t.Context(), chance, at)
	b, errB := h.Attempt(t.Context(), chance, at)
	at.Seed[0] = 2
	c, errC := h.Attempt(t.Context(), chance, at)
	if err := errors.Join(errA, errB, errC); err != nil || !a.Output.Equal(b.Output) || a.Output.Equal(c.Output) {
		t.Errorf("%s %s %s %v", a.Output, b.Output, c.Output, err)
	}

	// A recorded attempt has its timeout, and ends with the context.
	spin := one(t, h, moduletest.Spin(), func(n *graph.NodeSource) { n.Timeout = time.Millisecond })
	if late, err := h.Attempt(t.Context(), spin, host.Attempt{Node: "n", Input: input, Recorded: true}); err != nil || late.Failure.Code != failure.Timeout {
		t.Errorf("%+v %v", late, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if over, err := h.Attempt(ctx, spin, host.Attempt{Node: "n", Input: input}); err != nil || over.Failure.Code != failure.Canceled {
		t.Errorf("%+v %v", over, err)
	}
	if _, err := h.Attempt(t.Context(), spin, host.Attempt{Node: "other"}); err == nil {
		t.Error("a node that is not there was called")
	}
}

// What is wrong with a graph by hand is said as of a file.
func TestLoadSource(t *testing.T) {
	h := echoes(t)
	read := func(name string) ([]byte, error) {
		if name == "trap.wasm" {
			return moduletest.Trap(), nil
		}
		return nil, fs.ErrNotExist
	}
	for name, c := range map[string]struct {
		node graph.NodeSource
		want string
	}{
		"no module":    {graph.NodeSource{Name: "n", Module: "n.wasm"}, `"n.wasm": no such file`},
		"no entry":     {graph.NodeSource{Name: "n", Module: "trap.wasm", Entry: "x"}, `has no entry "x"`},
		"no name":      {graph.NodeSource{Module: "trap.wasm"}, `a name cannot be empty`},
		"no schema":    {graph.NodeSource{Name: "n", Module: "trap.wasm", InputSchema: graph.SchemaSource{File: "x.json"}}, `cannot read "x.json"`},
		"not on offer": {graph.NodeSource{Name: "n", Module: "trap.wasm", Grants: []graph.Section{{Name: "x", Value: graph.Value{Document: document.Object()}}}}, `"x"`},
	} {
		_, err := h.LoadSource(&graph.Source{File: "by hand", Nodes: []graph.NodeSource{c.node}}, read)
		if ds, ok := errors.AsType[graph.Diagnostics](err); !ok || !strings.Contains(ds.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Attempts that fail are told of with what they were given, so that they can be made again.
func TestFailedAttempts(t *testing.T) {
	h := echoes(t)
	g := one(t, h, moduletest.Ask("echo", "say", 1), func(n *graph.NodeSource) {
		granted(n)
		n.Config = graph.Value{Document: document.MustParse(`{"c":1}`)}
		n.OutputSchema = graph.SchemaSource{Inline: graph.Value{Document: document.MustParse(`{"required":["b"]}`)}}
		now := time.Duration(0)
		n.Retry = []graph.RetrySource{{MaxAttempts: 2, InitialInterval: &now}}
	})
	for input, code := range map[string]failure.Code{`{"a":1}`: failure.InvalidOutput, `{"fail":1}`: failure.CapabilityError, `{"b":1}`: ""} {
		var mu sync.Mutex
		var seen []host.FailedAttempt
		r, err := h.Run(t.Context(), g, []byte(input), host.WithFailedAttempts(func(a host.FailedAttempt) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, a)
		}))
		if err != nil || (r.Failure() == nil) != (code == "") {
			t.Fatalf("%s: %v %v", input, r.Failure(), err)
		}
		if code == "" && len(seen) != 0 || code == failure.InvalidOutput && len(seen) != 2 || code == failure.CapabilityError && len(seen) != 1 {
			t.Fatalf("%s: %d attempts failed", input, len(seen))
		}
		for i, a := range seen {
			if a.Run != r.ID() || a.Outcome.Number != i+1 || a.Outcome.Failure.Code != code || len(a.Calls) != 1 || len(a.Feedback) != i || a.File != "by hand" || a.Config.String() != `{"c":1}` {
				t.Errorf("%s: attempt %d: %+v", input, i+1, a)
			}
			again, err := h.Attempt(t.Context(), g, host.Attempt{
				Node: "n", Input: a.Input, Feedback: a.Feedback, Time: a.Time, Seed: a.Seed, Recorded: true, Calls: a.Calls,
			})
			if err != nil || again.Failure == nil || again.Failure.Code != code || again.Fuel != a.Outcome.Fuel || again.Failure.Message != a.Outcome.Failure.Message {
				t.Errorf("%s: made again: %+v %v", input, again, err)
			}
		}
	}
}
