package host_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// forked is a graph with a loop, a foreach, a subgraph, a failure edge and a wait, of
// which every module counts in kv how often it is executed.
const forked = `
version = 1
name = "forked"
start = ["first"]
chain = ["first", "loop", "each", "rest", "last"]
[state.turns]
initial = 0
reduce = "sum"
[state.seen]
reduce = "append"
[defaults.grants.kv]
[nodes.first]
module = "add.wasm"
input = "{'key': 'first', 'by': 1}"
[nodes.loop]
module = "add.wasm"
input = "{'key': 'loop', 'by': 1}"
write.turns = "1"
write.seen = "output"
[nodes.each]
graph = "inner/each.toml"
foreach = "[1, 2, 3]"
concurrency = 1
input = "{'n': item, 'seen': state.seen}"
[nodes.broken]
module = "trap.wasm"
grants = {}
[[nodes.broken.retry]]
on = ["trap"]
max_attempts = 3
initial_interval = "1ms"
[nodes.mended]
module = "add.wasm"
input = "{'key': 'mended', 'by': input.attempt}"
[nodes.rest]
wait = true
timeout = "1h"
[nodes.last]
module = "add.wasm"
input = "{'key': 'last', 'by': input}"
[[edges]]
from = "loop"
to = "loop"
when = "state.turns < 3"
[[edges]]
from = "first"
to = "broken"
[[edges]]
from = "broken"
to = "mended"
on = "trap"
`

func forkedFiles() fstest.MapFS {
	add := &fstest.MapFile{Data: moduletest.Ask("kv", "add", 1)}
	return fstest.MapFS{
		"graph.toml": {Data: []byte(forked)}, "add.wasm": add, "inner/add.wasm": add, "trap.wasm": {Data: moduletest.Trap()},
		"inner/each.toml": {Data: []byte("version = 1\nname = 'forked'\n[input.schema]\nrequired = ['n']\n[nodes.add]\nmodule = 'add.wasm'\ninput = \"{'key': 'each', 'by': input.n}\"\n[nodes.add.grants.kv]\n")},
	}
}

func forkHost(t *testing.T, j journal.Values, options ...host.Option) *host.Host {
	t.Helper()
	return newHost(t, append(options, host.WithJournal(j), host.WithCapability("kv", kv.New(j)))...)
}

func loadForked(t *testing.T, h *host.Host, replace ...string) *host.Graph {
	t.Helper()
	files := forkedFiles()
	for name, f := range files {
		if strings.HasSuffix(name, ".toml") {
			files[name] = &fstest.MapFile{Data: []byte(strings.NewReplacer(replace...).Replace(string(f.Data)))}
		}
	}
	g, err := h.LoadFS(files, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// original runs the graph to its end.
func original(t *testing.T, h *host.Host, id string, replace ...string) *host.Run {
	t.Helper()
	r, err := h.Start(t.Context(), loadForked(t, h, replace...), nil, host.WithRunID(id))
	if err != nil {
		t.Fatal(err)
	}
	toEnd(t, r, 10)
	return r
}

// toEnd answers a run if it waits, and waits for its end.
func toEnd(t *testing.T, r *host.Run, answer any) {
	t.Helper()
	if r.Status() == host.Waiting {
		if err := r.Signal(t.Context(), "rest", answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
}

// counts are those of all modules.
func counts(t *testing.T, j journal.Values) string {
	t.Helper()
	var texts []string
	for _, key := range []string{"first", "loop", "each", "mended", "last"} {
		d, err := j.Value(t.Context(), "forked", key)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, key+" "+d.String())
	}
	return strings.Join(texts, ", ")
}

// executed are the steps of a run that were executed, or answered by a signal.
func executed(r *host.Run) string {
	var steps []string
	for e := range r.Events() {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			if b.From == nil {
				steps = append(steps, b.Step)
			}
		case event.AttemptFailed:
			if b.From == nil && !slices.Contains(steps, b.Step) {
				steps = append(steps, b.Step)
			}
		default:
		}
	}
	slices.Sort(steps)
	return strings.Join(steps, " ")
}

func taken(r *host.Run) int {
	n, _ := r.TakenOver()
	return n
}

// attempts counts those of modules that the run itself made.
func attempts(r *host.Run) (n int) {
	for e := range r.Events() {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			if b.From == nil && b.Node != "rest" {
				n++
			}
		case event.AttemptFailed:
			if b.From == nil {
				n++
			}
		default:
		}
	}
	return n
}

const once = "first 1, loop 3, each 6, mended 3, last 10"

// A fork executes what has changed, with what is downstream of it, and nothing else.
func TestFork(t *testing.T) {
	for name, c := range map[string]struct {
		fork     host.Fork
		replace  []string // in the files of another graph
		signal   bool     // the wait is asked again
		executed string
		output   string // "": that of the other run
		counts   string
	}{
		"nothing": {counts: once},
		"from a turn": {
			fork: host.Fork{From: "loop[2]"}, signal: true,
			executed: "each#0/add each#1/add each#2/add last loop[2] loop[3] rest",
			output:   `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 5, each 12, mended 3, last 30",
		},
		"from an element": {
			fork: host.Fork{From: "each#1"}, signal: true, executed: "each#1/add last rest",
			output: `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 3, each 8, mended 3, last 30",
		},
		"from inside an element": {
			fork: host.Fork{From: "each#1/add", Input: map[string]any{"key": "each", "by": 100}}, signal: true,
			executed: "each#1/add last rest", output: `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 3, each 106, mended 3, last 30",
		},
		"from all elements": {
			fork: host.Fork{From: "each"}, signal: true, executed: "each#0/add each#1/add each#2/add last rest",
			output: `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 3, each 12, mended 3, last 30",
		},
		"from the wait": {
			fork: host.Fork{From: "rest"}, signal: true, executed: "last rest",
			output: `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 3, each 6, mended 3, last 30",
		},
		"with an input": {
			fork: host.Fork{From: "last", Input: map[string]any{"key": "last", "by": 5}}, executed: "last",
			output: `{"mended":{"value":3},"last":{"value":15}}`, counts: "first 1, loop 3, each 6, mended 3, last 15",
		},
		"with state": {
			// The second turn is the last one.
			fork: host.Fork{From: "loop[2]", State: map[string]any{"turns": 2}}, signal: true,
			executed: "each#0/add each#1/add each#2/add last loop[2] rest",
			output:   `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 4, each 12, mended 3, last 30",
		},
		"another graph": {
			replace: []string{"'key': 'last', 'by': input", "'key': 'last', 'by': input * 2", "turns < 3", "turns < 2 + 1"}, executed: "last",
			output: `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 3, each 6, mended 3, last 30",
		},
		"fewer turns": {
			// What comes after the loop is given something else.
			replace:  []string{"turns < 3", "turns < 2"},
			executed: "", output: `{"mended":{"value":3},"last":{"value":10}}`, counts: once,
		},
		"more turns": {
			replace: []string{"turns < 3", "turns < 4"}, signal: true,
			executed: "each#0/add each#1/add each#2/add last loop[4] rest",
			output:   `{"mended":{"value":3},"last":{"value":30}}`, counts: "first 1, loop 4, each 12, mended 3, last 30",
		},
		"an upstream that failed": {
			replace: []string{`module = "trap.wasm"`, "module = \"trap.wasm\"\nfuel = 5000"}, executed: "broken mended",
			output: `{"mended":{"value":6},"last":{"value":10}}`, counts: "first 1, loop 3, each 6, mended 6, last 10",
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := memory.New()
			h := forkHost(t, j)
			old := original(t, h, "old")
			if old.Status() != event.Done || counts(t, j) != once {
				t.Fatal(old.Status(), old.Failure(), counts(t, j))
			}
			if c.replace != nil {
				c.fork.Graph = loadForked(t, h, c.replace...)
			}
			r, err := h.Fork(t.Context(), "old", c.fork, host.WithRunID("new"))
			if err != nil {
				t.Fatal(err)
			}
			if waits := r.Waits(); (waits != nil) != c.signal {
				t.Fatalf("it waits for %v", waits)
			} else if c.signal {
				if err := r.Signal(t.Context(), "rest", 20); err != nil {
					t.Fatal(err)
				}
			}
			want := c.output
			if want == "" {
				want = old.Output().String()
			}
			if r.Status() == host.Waiting {
				t.Fatal("it waits")
			}
			if r.Status() != event.Done || r.Output().String() != want {
				t.Errorf("%s with %s, %v; want %s", r.Status(), r.Output(), r.Failure(), want)
			}
			if got := executed(r); got != c.executed {
				t.Errorf("executed %q, want %q", got, c.executed)
			}
			if got := counts(t, j); got != c.counts {
				t.Errorf("counts: %s, want %s", got, c.counts)
			}
			if took, did := r.TakenOver(); did != len(strings.Fields(c.executed)) || took == 0 {
				t.Errorf("it counts %d and %d", took, did)
			}
			// It is replayed from its own journal: what it took over is taken as recorded.
			told, err := h.Replay(t.Context(), "new")
			if err != nil || told.Divergence != nil || told.Skipped < taken(r) || told.Attempts != attempts(r) {
				t.Errorf("replayed: %+v, %v; took over %d, made %d attempts", told, err, taken(r), attempts(r))
			}
			// A fork of the fork, with nothing changed, is the fork.
			again, err := h.Fork(t.Context(), "new", host.Fork{})
			if err != nil {
				t.Fatal(err)
			}
			if again.Status() != event.Done || !again.Output().Equal(r.Output()) || executed(again) != "" {
				t.Errorf("its fork: %s with %s, executed %q", again.Status(), again.Output(), executed(again))
			}
			for e := range again.Events() {
				if b, ok := e.Body.(event.AttemptFailed); ok && (b.Failure.Attempt != b.From.Number || b.From.Run == "new" && b.From.Number == 1) {
					t.Errorf("%+v is from %+v", b.Failure, *b.From)
				}
			}
		})
	}
}

// A fork whose process is lost at any append goes on to the same end, and executes what
// it would have; also where the other run has gone on meanwhile. Where that is gone, what
// is left is executed.
func TestForkThroughCrashes(t *testing.T) {
	fork := host.Fork{From: "loop[3]", State: map[string]any{"turns": 5}}
	whole := memory.New()
	h := forkHost(t, whole)
	original(t, h, "old")
	want, err := h.Fork(t.Context(), "old", fork)
	if err != nil {
		t.Fatal(err)
	}
	toEnd(t, want, 20)
	after := counts(t, whole)
	if want.Status() != event.Done || executed(want) != "each#0/add each#1/add each#2/add last loop[3] rest" {
		t.Fatal(want.Status(), want.Failure(), executed(want))
	}
	crashes := 0
	for left := 1; ; left++ {
		over := false
		for _, stored := range []bool{false, true} {
			kept := memory.New()
			original(t, forkHost(t, kept), "old")
			f := &frail{Journal: kept, left: left, stored: stored}
			r, err := forkHost(t, f).Fork(t.Context(), "old", fork, host.WithRunID("new"))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Wait(); err == nil && r.Status() == host.Waiting {
				_ = r.Signal(t.Context(), "rest", 20) // the crash may come here
			}
			if err := r.Wait(); err == nil && r.Status() == event.Done {
				over = true
				break
			} else if !errors.Is(err, errLost) {
				t.Fatal(left, stored, err)
			}
			crashes++
			r, err = forkHost(t, kept).Resume(t.Context(), "new")
			if left == 1 && !stored {
				continue // it never began
			}
			if err != nil {
				t.Fatal(left, stored, err)
			}
			toEnd(t, r, 20)
			if r.Status() != event.Done || !r.Output().Equal(want.Output()) || r.View().Digest != want.View().Digest || executed(r) != executed(want) || counts(t, kept) != after {
				t.Errorf("lost at append %d (%v): %s with %s, executed %q; %s", left, stored, r.Status(), r.Output(), executed(r), counts(t, kept))
			}
		}
		if over {
			break
		}
	}
	if crashes < 20 {
		t.Errorf("only %d crashes", crashes)
	}

	gone := memory.New()
	original(t, forkHost(t, gone), "old")
	r, err := forkHost(t, &frail{Journal: gone, left: 4, stored: true}).Fork(t.Context(), "old", fork, host.WithRunID("new"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	before := executed(r)
	gone.Forget("old")
	r, err = forkHost(t, gone).Resume(t.Context(), "new")
	if err != nil {
		t.Fatal(err)
	}
	toEnd(t, r, 20)
	if got := executed(r); r.Status() != event.Done || before != "" || !strings.Contains(got, "loop[3]") || !strings.Contains(got, "rest") {
		t.Errorf("the other run is gone: %s, executed %q, then %q", r.Status(), before, got)
	}
}

// A fork of a fork executes the step that it is from again, also where that one was
// from the same step and a crash comes before it; what the other fork gave to a step
// holds on where it is from none.
func TestForkOfAForkThroughCrashes(t *testing.T) {
	given := host.Fork{From: "loop[2]", State: map[string]any{"turns": 1}}
	for name, c := range map[string]struct {
		first, second host.Fork
		executed      string
	}{
		"the same step":            {host.Fork{From: "loop[2]"}, host.Fork{From: "loop[2]"}, "each#0/add each#1/add each#2/add last loop[2] loop[3] rest"},
		"another step":             {host.Fork{From: "loop[2]"}, host.Fork{From: "rest"}, "last rest"},
		"none":                     {host.Fork{From: "loop[2]"}, host.Fork{}, ""},
		"a later step":             {given, host.Fork{From: "last"}, "last"},
		"none, but what was given": {given, host.Fork{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for left := 2; ; left++ {
				kept := memory.New()
				h := forkHost(t, kept)
				original(t, h, "old")
				first, err := h.Fork(t.Context(), "old", c.first, host.WithRunID("first"))
				if err != nil {
					t.Fatal(err)
				}
				toEnd(t, first, 20)
				second, err := forkHost(t, &frail{Journal: kept, left: left, stored: true}).Fork(t.Context(), "first", c.second, host.WithRunID("second"))
				if err != nil {
					t.Fatal(err)
				}
				if second.Wait() == nil { // it has come to its end, or to its wait
					break
				}
				r, err := forkHost(t, kept).Resume(t.Context(), "second")
				if err != nil {
					t.Fatal(err)
				}
				toEnd(t, r, 30)
				if got := executed(r); r.Status() != event.Done || got != c.executed {
					t.Errorf("lost at append %d: %s, %v, executed %q, want %q", left, r.Status(), r.Failure(), got, c.executed)
				}
			}
		})
	}
}

// A signal that is known is given at once, also where the time of the wait is over by
// the time that it is looked for.
func TestForkOfAShortWait(t *testing.T) {
	j := memory.New()
	h := forkHost(t, j)
	old := original(t, h, "old")
	if old.Status() != event.Done {
		t.Fatal(old.Failure())
	}
	for range 20 {
		r, err := h.Fork(t.Context(), "old", host.Fork{Graph: loadForked(t, h, `"1h"`, `"1ns"`)})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status() != event.Done || executed(r) != "" {
			t.Fatal(r.Status(), r.Failure(), executed(r))
		}
	}
}

// A run that failed goes on from its failure when the graph is mended; what failed is
// executed again also where nothing is.
func TestForkOfAFailedRun(t *testing.T) {
	j := memory.New()
	h := forkHost(t, j)
	breaks := []string{"'key': 'last', 'by': input", "'key': 'last', 'by': 'many'"}
	old := original(t, h, "old", breaks...)
	if old.Status() != event.Failed || old.Failure().Step != "last" {
		t.Fatal(old.Status(), old.Failure())
	}
	same, err := h.Fork(t.Context(), "old", host.Fork{})
	if err != nil {
		t.Fatal(err)
	}
	if same.Status() != event.Failed || executed(same) != "last" {
		t.Errorf("with nothing changed: %s, executed %q", same.Status(), executed(same))
	}
	r, err := h.Fork(t.Context(), "old", host.Fork{Graph: loadForked(t, h)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status() != event.Done || executed(r) != "last" || counts(t, j) != once {
		t.Errorf("mended: %s, executed %q, %s", r.Status(), executed(r), counts(t, j))
	}

	// A condition that failed does not cost the node another execution, if it changes.
	broken := original(t, h, "condition", "state.turns < 3", "state.turns < 3 && output.no")
	if broken.Status() != event.Failed || broken.Failure().Step != "loop[1]" {
		t.Fatal(broken.Status(), broken.Failure())
	}
	before := counts(t, j)
	r, err = h.Fork(t.Context(), "condition", host.Fork{Graph: loadForked(t, h, "state.turns < 3", "state.turns < 0")})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status() != host.Waiting {
		t.Fatal(r.Status(), r.Failure())
	}
	if err := r.Signal(t.Context(), "rest", 0); err != nil {
		t.Fatal(err)
	}
	if got := executed(r); r.Status() != event.Done || strings.Contains(got, "loop") || !strings.Contains(got, "each#0/add") {
		t.Errorf("another condition: %s, executed %q (%s, then %s)", r.Status(), got, before, counts(t, j))
	}
}

// Runs that have not ended can be forked: what is done there is taken over.
func TestForkOfAWaitingRun(t *testing.T) {
	j := memory.New()
	h := forkHost(t, j)
	ctx, stop := interruptible(t)
	old, err := h.Start(ctx, loadForked(t, h), nil, host.WithRunID("old"))
	if err != nil || old.Status() != host.Waiting {
		t.Fatal(err)
	}
	for _, state := range []string{"rests", "is interrupted"} {
		r, err := h.Fork(t.Context(), "old", host.Fork{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status() != host.Waiting {
			t.Fatal(r.Status())
		}
		if took, did := r.TakenOver(); took != 9 || did != 0 {
			t.Errorf("of a run that %s: %s, %d taken over, %d executed", state, r.Status(), took, did)
		}
		if err := r.Signal(t.Context(), "rest", 1); err != nil || r.Status() != event.Done || executed(r) != "last rest" {
			t.Errorf("of a run that %s: %v, %s", state, err, r.Status())
		}
		stop()
		<-old.Done()
	}
	if got := counts(t, j); got != "first 1, loop 3, each 6, mended 3, last 2" {
		t.Error(got)
	}
}

// The config of a node is changed in the files that the new run is made of, so that it
// can be resumed without the old ones. A subgraph that two nodes run is changed for one.
func TestForkConfig(t *testing.T) {
	files := fstest.MapFS{
		"g/graph.toml": {Data: []byte(`# a comment
version = 1
name = "configured"
[nodes.a]
graph = "sub/one.toml"
[nodes.b]
graph = "sub/one.toml"
[nodes.c]
module = "c.wasm"
config = { x = 1 }
`)},
		"g/c.wasm":           {Data: moduletest.Echo()},
		"g/sub/one.toml":     {Data: []byte("version = 1\n[nodes.inner]\ngraph = 'two/two.toml'\n")},
		"g/sub/two/two.toml": {Data: []byte("version = 1\n[nodes.n]\nmodule = 'n.wasm'\nconfig = {y = 1}\n")},
		"g/sub/two/n.wasm":   {Data: moduletest.Echo()},
	}
	j := memory.New()
	h := newHost(t, host.WithJournal(j))
	g, err := h.LoadFS(files, "g/graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Run(t.Context(), g, nil, host.WithRunID("old")); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		config   map[string]any
		executed string
	}{
		{map[string]any{"c": map[string]any{"x": 1}}, ""},
		{map[string]any{"c": map[string]any{"x": 2}}, "c"},
		{map[string]any{"a/inner/n": []byte(`{"y": 2, "z": [1.5, {"a b": "\u0001"}]}`)}, "a/inner/n"},
		{map[string]any{"a/inner/n": 1, "b/inner/n": "two", "c": true}, "a/inner/n b/inner/n c"},
	} {
		id := fmt.Sprint("new", i)
		ctx, stop := interruptible(t)
		r, err := h.Fork(ctx, "old", host.Fork{Config: c.config}, host.WithRunID(id))
		if err != nil {
			t.Fatal(err)
		}
		if r.Status() != event.Done || executed(r) != c.executed {
			t.Errorf("%v: %s, executed %q", c.config, r.Status(), executed(r))
		}
		stop()
		if again, err := newHost(t, host.WithJournal(j)).Resume(t.Context(), id); err != nil || again.View().Digest != r.View().Digest {
			t.Errorf("%v: it cannot be made again: %v", c.config, err)
		}
		made, err := host.Pinned(t.Context(), j, id)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range c.config {
			n, at := (*graph.Node)(nil), made
			for part := range strings.SplitSeq(name, "/") {
				n = at.Node(part)
				at = n.Sub
			}
			want, ok := v.([]byte)
			if !ok {
				d, err := document.FromValue(v)
				if err != nil {
					t.Fatal(err)
				}
				want = d.Bytes()
			}
			if !n.Config.Equal(document.MustParse(string(want))) {
				t.Errorf("the config of %s is %s, not %s", name, n.Config, want)
			}
		}
		// And again, from there.
		twice, err := h.Fork(t.Context(), id, host.Fork{Config: map[string]any{"b/inner/n": 7}})
		if err != nil || executed(twice) != "b/inner/n" {
			t.Errorf("%v: once more: %v", c.config, err)
		}
	}
	var ds graph.Diagnostics
	if _, err := h.Fork(t.Context(), "old", host.Fork{Config: map[string]any{"a": 1}}); !errors.As(err, &ds) {
		t.Errorf("the config of a graph: %v", err)
	}
}

// Everything that is wrong is said at once, and nothing begins.
func TestForkRefused(t *testing.T) {
	j := memory.New()
	h := forkHost(t, j)
	original(t, h, "old")
	for name, c := range map[string]struct {
		fork host.Fork
		want []string
	}{
		"a step":      {host.Fork{From: "loop[7]", Config: map[string]any{"lost": 1}}, []string{`run old has no step "loop[7]" (did you mean "loop[`, `there is no node "lost" (did you mean "last"?)`}},
		"a node":      {host.Fork{From: "mendet"}, []string{`has no step "mendet" (did you mean "mended"?)`}},
		"no step":     {host.Fork{Input: 1, State: map[string]any{"turns": 1}}, []string{"needs the step that the fork is from", "state needs the step"}},
		"keys":        {host.Fork{From: "loop[1]", State: map[string]any{"turn": 1, "turns": "x", "seen": 3}}, []string{`(did you mean "turns"?)`, `state "turns"`, `state "seen"`}},
		"no JSON":     {host.Fork{From: "loop[1]", Input: []byte("{"), State: map[string]any{"turns": []byte("1 2")}, Config: map[string]any{"last": []byte("")}}, []string{"the input of step", `state "turns"`, `config of node "last"`}},
		"a schema":    {host.Fork{From: "each#1", Input: map[string]any{"m": 1}}, []string{`the input of step "each#1"`, `required`}},
		"no list":     {host.Fork{From: "each", Input: 7, RunInput: []byte("{")}, []string{"must be a list", "the run's input is no JSON"}},
		"no subgraph": {host.Fork{Config: map[string]any{"last/x": 1, "each/ad": 2, "each/add": nil}}, []string{`node "last" runs no graph`, `"each/ad" (did you mean "each/add"?)`, "TOML has no null"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Fork(t.Context(), "old", c.fork, host.WithRunID("new"))
			var refused *host.ForkError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(refused.Error(), want) {
					t.Errorf("%s: nothing about %q", refused, want)
				}
			}
			if len(refused.Complaints) > len(c.want) {
				t.Errorf("%d complaints: %q", len(refused.Complaints), refused.Complaints)
			}
		})
	}
	if _, err := h.Fork(t.Context(), "nobody", host.Fork{}); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("an unknown run: %v", err)
	}
	var input *host.InputError
	if _, err := h.Fork(t.Context(), "old", host.Fork{RunInput: []byte("{")}); !errors.As(err, &input) {
		t.Errorf("a run's input that is no JSON: %v", err)
	}
	for e, err := range j.Events(t.Context(), "new") {
		if !errors.Is(err, journal.ErrUnknownRun) {
			t.Error("it began:", e, err)
		}
	}
}
