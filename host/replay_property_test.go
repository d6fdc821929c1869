package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/archive"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// Whatever is changed in the record of one attempt, that attempt is named.
func TestReplayFindsWhatWasChanged(t *testing.T) {
	files, err := filepath.Glob("testdata/journals/v1/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := archive.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		original := memory.New()
		if err := original.Import(t.Context(), r.Made, r.Events); err != nil {
			t.Fatal(err)
		}
		var other event.Event
		j := tampered{original, func(e *event.Event) {
			if e.Seq == other.Seq {
				*e = other
			}
		}}
		h, keeps := newHost(t, host.WithJournal(j)), newHost(t, host.WithJournal(j), host.WithCapability("kv", kv.New(nil)))
		replay := func(how string, a event.Attempt, what ...string) {
			t.Helper()
			changes++
			got, err := h.Replay(t.Context(), r.ID)
			if err != nil {
				t.Fatal(file, err)
			}
			if d := got.Divergence; d == nil || d.Step != a.Step || d.Attempt != a.Number || !slices.Contains(what, d.What) {
				t.Errorf("%s, event %d, another %s: %s", file, other.Seq, how, d)
			}
		}
		last := map[event.Attempt]event.Event{} // calls
		for _, e := range r.Events {
			with := func(b event.Body) { other = e; other.Body = b }
			switch b := e.Body.(type) {
			case event.CapabilityAnswered:
				last[b.Attempt] = e
				b.Method += "x"
				with(b)
				replay("method", b.Attempt, inspect.DivergedCall)
			case event.AttemptSucceeded:
				if b.From != nil && b.CacheKey == "" || strings.HasPrefix(b.Step, "approve") {
					continue
				}
				fuel := b
				fuel.Fuel--
				with(fuel)
				replay("fuel", b.Attempt, inspect.DivergedFuel)
				output := b
				output.Output = document.Array(b.Output)
				with(output)
				replay("output", b.Attempt, inspect.DivergedOutput, inspect.DivergedDecision)
				if len(b.Stored) > 0 {
					stored := b
					stored.Stored = nil
					with(stored)
					// Only a host with kv can tell.
					if got, err := h.Replay(t.Context(), r.ID); err != nil || !got.Identical {
						t.Errorf("%s: %+v, %v", file, got, err)
					}
					got, err := keeps.Replay(t.Context(), r.ID)
					if d := got.Divergence; err != nil || d == nil || d.What != inspect.DivergedStored || d.Step != b.Step || d.Pointer != "/0" {
						t.Errorf("%s, not stored: %s, %v", file, d, err)
					}
					other = e
					if got, err := keeps.Replay(t.Context(), r.ID); err != nil || !got.Identical {
						t.Errorf("%s: %s, %v", file, got.Divergence, err)
					}
				}
				if e, ok := last[b.Attempt]; ok && e.Body.(event.CapabilityAnswered).Failure == nil && !strings.HasPrefix(b.Step, "batch") {
					call := e.Body.(event.CapabilityAnswered)
					call.Answer = document.String("another one")
					other = e
					other.Body = call
					replay("answer", b.Attempt, inspect.DivergedOutput, inspect.DivergedOutcome)
				}
			case event.AttemptFailed:
				if b.Failure.Code == failure.Timeout || b.Failure.Code == failure.Canceled {
					continue
				}
				fuel := b
				fuel.Fuel++
				with(fuel)
				replay("fuel", b.Attempt, inspect.DivergedFuel)
				code := b
				code.Failure.Code = failure.MemoryExceeded
				with(code)
				replay("code", b.Attempt, inspect.DivergedOutcome)
			default:
			}
		}
	}
	if changes < 80 {
		t.Errorf("only %d changes", changes)
	}
}

// drawGraph draws a graph in TOML, as large as it is odd.
func drawGraph(t *rapid.T) string {
	var b strings.Builder
	n := rapid.IntRange(2, 6).Draw(t, "nodes")
	b.WriteString("version = 1\nmax_steps = 100\nstart = ['n0']\n[state.sum]\nreduce = 'append'\n")
	var edges strings.Builder
	for i := range n {
		module := rapid.SampledFrom([]string{"echo", "answer", "fail", "chance", "ask", "askmuch", "trap"}).Draw(t, "module")
		fmt.Fprintf(&b, "[nodes.n%d]\nmodule = '%s.wasm'\n", i, module)
		if rapid.Bool().Draw(t, "writes") {
			b.WriteString("write = {sum = '[output]'}\n")
		}
		if rapid.IntRange(0, 3).Draw(t, "each") == 0 {
			fmt.Fprintf(&b, "foreach = '[1, 2, {\"a\": 3}]'\nconcurrency = %d\non_error = '%s'\n", rapid.IntRange(1, 3).Draw(t, "concurrency"), rapid.SampledFrom([]string{"fail", "collect"}).Draw(t, "on_error"))
		}
		asks := strings.HasPrefix(module, "ask")
		if !asks && rapid.Bool().Draw(t, "cache") {
			b.WriteString("cache = true\n")
		}
		if rapid.Bool().Draw(t, "retry") {
			b.WriteString("retry = [{max_attempts = 3, initial_interval = '1us'}]\n")
		}
		if rapid.IntRange(0, 3).Draw(t, "schema") == 0 {
			b.WriteString("output_schema = {type = ['string', 'array']}\n")
		}
		if asks {
			fmt.Fprintf(&b, "[nodes.n%d.grants.oracle]\ncalls = %d\n", i, rapid.IntRange(1, 4).Draw(t, "calls"))
		}
		if i == 0 {
			continue
		}
		from := rapid.IntRange(0, i-1).Draw(t, "from")
		fmt.Fprintf(&edges, "[[edges]]\nfrom = 'n%d'\nto = 'n%d'\n", from, i)
		switch rapid.IntRange(0, 4).Draw(t, "edge") {
		case 0:
			edges.WriteString("on = 'error'\n")
		case 1:
			edges.WriteString("when = 'size(string(output)) % 2 == 0'\n")
		}
		if from > 0 && rapid.IntRange(0, 3).Draw(t, "second") == 0 {
			fmt.Fprintf(&edges, "[[edges]]\nfrom = 'n%d'\nto = 'n%d'\n", from-1, i)
		}
		if rapid.IntRange(0, 5).Draw(t, "back") == 0 {
			fmt.Fprintf(&edges, "[[edges]]\nfrom = 'n%d'\nto = 'n%d'\nwhen = 'size(state.sum) < 4'\n", i, from)
		}
	}
	return b.String() + edges.String()
}

// What any graph did with a world that never answers the same twice, it does again on a
// host that has no world.
func TestReplayOfAnyGraph(t *testing.T) {
	var count atomic.Int64
	world := oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		n := count.Add(1)
		if n%5 == 0 {
			return capability.Answer{}, &capability.Error{Reason: "busy", Message: fmt.Sprint(n), Retryable: true}
		}
		return capability.Answer{Document: document.Array(document.Int(n), document.String(strings.Repeat("x", int(n%7))))}, nil
	})
	j := memory.New()
	hosts := []*host.Host{newHost(t, host.WithJournal(j), host.WithParallel(1)), newHost(t, host.WithJournal(j), host.WithParallel(4))}
	h := newHost(t, host.WithJournal(j), host.WithParallel(3), host.WithCapability("oracle", world))
	runs, attempts := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawGraph(t)
		fsys := files(text)
		for name, m := range map[string][]byte{
			"chance.wasm": moduletest.Chance(), "trap.wasm": moduletest.Trap(),
			"ask.wasm": moduletest.Ask("oracle", "ask", 1), "askmuch.wasm": moduletest.Ask("oracle", "ask", 3),
		} {
			fsys[name] = &fstest.MapFile{Data: m}
		}
		g, err := h.LoadFS(fsys, "graph.toml")
		if err != nil {
			return // what check refuses
		}
		r, err := h.Run(context.Background(), g, json.RawMessage(`{"n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		runs++
		var first inspect.Replayed
		for i, other := range hosts {
			got, err := other.Replay(context.Background(), r.ID())
			if err != nil || !got.Identical || got.Digest != r.View().Digest {
				t.Fatalf("%+v, %s, %v\n%s", got, got.Divergence, err, text)
			}
			if i > 0 && (got.Attempts != first.Attempts || got.Skipped != first.Skipped) {
				t.Fatalf("%+v, %+v", first, got)
			}
			first = got
		}
		attempts += first.Attempts
	})
	t.Logf("%d runs, %d attempts", runs, attempts)
	if runs < 20 && !t.Failed() {
		t.Error("too few graphs are any good")
	}
}
