package host_test

// Recorded runs of every version of the formats: they are replayed for ever.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/archive"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// record writes the runs of recordedRuns that are not there yet:
//
//	go test ./host -run TestJournals -record
//
// What is there is never written again: it is what an earlier version has recorded. A
// change of a format, or of the fuel rule, begins a folder of its own.
var record = flag.Bool("record", false, "TestJournals records the runs that are not in testdata/journals yet")

// recordedIn is the folder of what this version records.
const recordedIn = "testdata/journals/v1"

// recordedRun is a run to be recorded.
type recordedRun struct {
	graph   string
	more    map[string]string // further files
	input   string
	signals map[string]any
	before  bool                                                    // it is run once before, for its cache
	fork    func(t *testing.T, h *host.Host, r *host.Run) *host.Run // what is recorded is a fork of it
	lost    int                                                     // its process is lost at this append, and it is resumed
	cancel  string                                                  // the run is canceled when this step has begun
	status  event.Status                                            // "": done
}

// recordedRuns are small, and have together all that a journal can say.
var recordedRuns = map[string]recordedRun{
	"loop": {graph: `
version = 1
name = "loop"
chain = ["draft", "check", "publish"]
[state.n]
initial = 0
[state.log]
reduce = "append"
[nodes.draft]
module = "echo.wasm"
input = {n = "state.n + 1"}
write = {n = "output.n"}
[nodes.check]
module = "echo.wasm"
write = {log = "output"}
[nodes.publish]
module = "chance.wasm"
[[edges]]
from = "check"
to = "draft"
when = "output.n < 3"
[output]
value = "{'last': output, 'state': state}"
`},
	"retry": {graph: `
version = 1
chain = ["sell", "done"]
[nodes.sell]
module = "fail.wasm"
retry = [{on = ["node_error"], max_attempts = 3, initial_interval = "1ms"}]
[nodes.done]
module = "echo.wasm"
[nodes.repair]
module = "echo.wasm"
[[edges]]
from = "sell"
to = "repair"
on = ["node_error"]
when = "error.reason == 'sold_out'"
`},
	"failures": {graph: `
version = 1
start = ["spin", "trap", "strict", "late", "state"]
[state.s]
schema = {type = "string"}
[nodes.spin]
module = "spin.wasm"
fuel = 5_000_000
[nodes.trap]
module = "trap.wasm"
[nodes.strict]
module = "answer.wasm"
output_schema = {type = "object", properties = {answer = {type = "string"}}}
retry = [{on = ["invalid_output"], max_attempts = 2, initial_interval = "1ms"}]
[nodes.late]
module = "spin.wasm"
timeout = "20ms"
retry = [{on = ["timeout"], max_attempts = 1}]
[nodes.state]
module = "echo.wasm"
write = {s = "1"}
[nodes.report]
module = "echo.wasm"
input = {code = "inputs.trap.code", all = "input"}
[[edges]]
from = "spin"
to = "report"
on = "error"
[[edges]]
from = "trap"
to = "report"
on = "error"
[[edges]]
from = "strict"
to = "report"
on = "error"
[[edges]]
from = "late"
to = "report"
on = "error"
[[edges]]
from = "state"
to = "report"
on = "error"
`},
	"failed": {graph: `
version = 1
chain = ["a", "b", "c"]
[nodes.a]
module = "echo.wasm"
[nodes.b]
module = "fail.wasm"
[nodes.c]
module = "echo.wasm"
`, status: event.Failed},
	"foreach": {graph: `
version = 1
chain = ["each", "sum"]
[nodes.each]
graph = "sub.toml"
foreach = "input.list"
concurrency = 2
on_error = "collect"
[nodes.sum]
module = "echo.wasm"
`, more: map[string]string{"sub.toml": `
version = 1
chain = ["one", "two"]
[input.schema]
type = "object"
[nodes.one]
module = "echo.wasm"
[nodes.two]
module = "chance.wasm"
`}, input: `{"list": [{"n": 1}, 2, {"n": 3}]}`},
	"wait": {graph: `
version = 1
chain = ["ask", "approve", "done"]
[nodes.ask]
module = "echo.wasm"
[nodes.approve]
wait = true
output_schema = {type = "object"}
[nodes.done]
module = "echo.wasm"
`, signals: map[string]any{"approve": map[string]any{"ok": true}}},
	"kv": {graph: `
version = 1
name = "counted"
chain = ["count", "read"]
[nodes.count]
module = "add.wasm"
input = "{'key': 'n', 'by': 1}"
[nodes.count.grants.kv]
[nodes.read]
module = "get.wasm"
input = "{'key': 'n'}"
[nodes.read.grants.kv]
`},
	"adds": {graph: `
version = 1
name = "counted"
[nodes.count]
module = "add.wasm"
foreach = "[1, 2, 3]"
input = "{'key': 'n', 'by': item}"
[nodes.count.grants.kv]
`},
	"calls": {graph: `
version = 1
chain = ["ask", "batch", "denied"]
[capabilities.mine]
kind = "oracle"
[nodes.ask]
module = "ask.wasm"
retry = [{initial_interval = "1ms"}]
[nodes.ask.grants.mine]
calls = 5
words = ["a", "b"]
[nodes.batch]
module = "batch.wasm"
input = "[{'capability': 'mine', 'method': 'ask', 'payload': input}, {'capability': 'mine', 'method': 'none'}]"
[nodes.batch.grants.mine]
[nodes.denied]
module = "ask.wasm"
[nodes.repaired]
module = "echo.wasm"
[[edges]]
from = "denied"
to = "repaired"
on = ["capability_denied"]
`},
	"cache": {graph: `
version = 1
chain = ["a", "b"]
[nodes.a]
module = "chance.wasm"
cache = true
[nodes.b]
module = "echo.wasm"
`, before: true},
	"fork": {graph: `
version = 1
chain = ["a", "b", "c"]
[state.n]
initial = 1
[nodes.a]
module = "chance.wasm"
[nodes.b]
module = "echo.wasm"
input = {n = "state.n", was = "input"}
[nodes.c]
module = "echo.wasm"
`, fork: func(t *testing.T, h *host.Host, r *host.Run) *host.Run {
		t.Helper()
		forked, err := h.Fork(t.Context(), r.ID(), host.Fork{From: "b", State: map[string]any{"n": 5}}, host.WithRunID("fork"))
		if err != nil {
			t.Fatal(err)
		}
		return forked
	}},
	"resumed": {graph: `
version = 1
name = "counted"
chain = ["a", "count", "b"]
[nodes.a]
module = "chance.wasm"
[nodes.count]
module = "add.wasm"
input = "{'key': 'n', 'by': 2}"
[nodes.count.grants.kv]
[nodes.b]
module = "echo.wasm"
`, lost: 4},
	"canceled": {graph: `
version = 1
chain = ["a", "b", "c"]
[nodes.a]
module = "chance.wasm"
[nodes.b]
module = "spin.wasm"
fuel = 1_000_000_000_000_000
[nodes.c]
module = "echo.wasm"
`, cancel: "b", status: event.Canceled},
}

// TestJournals replays every run that was ever recorded, on a host that offers nothing.
func TestJournals(t *testing.T) {
	if *record {
		recordJournals(t)
	}
	digests := recordedDigests(t)
	files, err := filepath.Glob("testdata/journals/*/*.jsonl")
	if err != nil || len(files) != len(digests) || len(files) < len(recordedRuns) {
		t.Fatalf("%d journals and %d digests, of %d runs: %v", len(files), len(digests), len(recordedRuns), err)
	}
	j := memory.New()
	hosts := map[string]*host.Host{
		"compiler":    newHost(t, host.WithJournal(j)),
		"interpreter": newHost(t, host.WithJournal(j), host.WithInterpreter()),
	}
	facts := map[event.Type]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := archive.Read(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Import(t.Context(), r.Made, r.Events); err != nil {
				t.Fatal(err)
			}
			for _, e := range r.Events {
				facts[e.Body.Type()] = true
			}
			for name, h := range hosts {
				got, err := h.Replay(t.Context(), r.ID)
				if err != nil {
					t.Fatal(err)
				}
				if !got.Identical || got.Attempts == 0 || got.Digest != digests[filepath.ToSlash(file)] {
					t.Errorf("%s: %d attempts, digest %s, want %s: %s", name, got.Attempts, got.Digest, digests[filepath.ToSlash(file)], got.Divergence)
				}
			}
		})
	}
	if len(facts) != 13 && !t.Failed() {
		t.Errorf("only these facts are recorded: %v", slices.Sorted(maps.Keys(facts)))
	}
}

// recordedDigests reads the lineage digests that the runs had when they were recorded:
// lines of a digest and a file, in a file "digests" of each folder.
func recordedDigests(t *testing.T) map[string]string {
	t.Helper()
	digests := map[string]string{}
	lists, err := filepath.Glob("testdata/journals/*/digests")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			digest, file, ok := strings.Cut(strings.TrimSpace(line), "  ")
			if !ok {
				t.Fatalf("%s: %q", list, line)
			}
			digests[filepath.ToSlash(filepath.Join(filepath.Dir(list), file))] = digest
		}
	}
	return digests
}

// recordJournals records the runs that are not there.
func recordJournals(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(recordedIn, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(recordedRuns)) {
		file := filepath.Join(recordedIn, name+".jsonl")
		if _, err := os.Stat(file); err == nil {
			continue
		}
		r, digest := recordRun(t, name, recordedRuns[name])
		var text bytes.Buffer
		if err := archive.Write(&text, r); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		list, err := os.OpenFile(filepath.Join(recordedIn, "digests"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := list.WriteString(digest + "  " + name + ".jsonl\n"); err != nil {
			t.Fatal(err)
		}
		if err := list.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// recordRun carries a run out and takes it out of its journal.
func recordRun(t *testing.T, name string, c recordedRun) (archive.Run, string) {
	t.Helper()
	fsys := files(c.graph)
	for _, m := range []struct {
		name string
		wasm []byte
	}{
		{"chance.wasm", moduletest.Chance()},
		{"trap.wasm", moduletest.Trap()},
		{"add.wasm", moduletest.Ask("kv", "add", 2)},
		{"get.wasm", moduletest.Ask("kv", "get", 1)},
		{"ask.wasm", moduletest.Ask("mine", "ask", 2)},
		{"batch.wasm", moduletest.Ask("node", "batch", 1)},
	} {
		fsys[m.name] = &fstest.MapFile{Data: m.wasm}
	}
	for file, text := range c.more {
		fsys[file] = &fstest.MapFile{Data: []byte(text)}
	}
	asked := 0
	answer := oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		if asked++; asked == 2 {
			return capability.Answer{}, &capability.Error{Reason: "busy", Message: "come back", Retryable: true}
		}
		return capability.Answer{Document: document.MustParse(`{"answer": 42}`), Usage: capability.Usage{InputTokens: 3, Cost: 7}}, nil
	})
	j := &frail{Journal: memory.New(), left: 1 << 30}
	h := newHost(t, host.WithJournal(j), host.WithCapability("kv", kv.New(j)), host.WithCapability("oracle", answer))
	g, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(name, err)
	}
	if c.input == "" {
		c.input = `{"n":1}`
	}
	if c.before {
		mustRun(t, h, g, c.input)
	}
	id := name
	if c.fork != nil {
		id = "before-" + name
	}
	if c.lost > 0 {
		j.left, j.stored = c.lost, true
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r, err := h.Start(ctx, g, json.RawMessage(c.input), host.WithRunID(id), host.WithObserver(func(e event.Event) {
		if b, ok := e.Body.(event.AttemptStarted); ok && b.Step == c.cancel {
			cancel(errors.New("that is enough"))
		}
	}))
	if err != nil {
		t.Fatal(name, err)
	}
	if err := r.Wait(); errors.Is(err, errLost) {
		j.left = 1 << 30
		if r, err = h.Resume(t.Context(), id); err != nil {
			t.Fatal(name, err)
		}
	} else if err != nil || c.lost > 0 {
		t.Fatal(name, err)
	}
	for step, answer := range c.signals {
		if err := r.Signal(t.Context(), step, answer); err != nil {
			t.Fatal(name, err)
		}
	}
	if c.fork != nil {
		r = c.fork(t, h, r)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(name, err)
	}
	if r.Status() != cmp.Or(c.status, event.Done) {
		t.Fatal(name, r.Status(), r.Failure())
	}
	got, err := archive.Load(t.Context(), j, r.ID())
	if err != nil {
		t.Fatal(name, err)
	}
	return got, r.View().Digest
}
