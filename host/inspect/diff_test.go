package inspect_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/stepper"
)

func subject(g *graph.Graph, events []event.Event) inspect.Subject {
	return inspect.Subject{Graph: g, Events: slices.Values(events)}
}

func TestDiffOfEqualRuns(t *testing.T) {
	g, a := films.run(t)
	_, b := films.run(t)
	each(b, func(e *event.Event) { e.Run, e.Time = "r2", e.Time.AddDate(0, 0, 1) })
	d := inspect.Diff(subject(g, a), subject(g, b))
	if !d.Equal || d.First != nil || d.Others+d.OnlyA+d.OnlyB != 0 || !d.SamePlan || !d.SameSeed || d.Input != nil || d.Output != nil {
		t.Errorf("%+v", d)
	}
	if d.A.Run != "r1" || d.B.Run != "r2" || d.A.Digest == "" || d.A.Steps != 7 {
		t.Errorf("%+v", d.A)
	}
	// Also as far as they are by now.
	if d := inspect.Diff(subject(g, a[:9]), subject(g, b[:9])); !d.Equal {
		t.Errorf("%+v", d)
	}
	if d := inspect.Diff(subject(g, a[:9]), subject(g, b[:3])); d.Equal || d.First == nil {
		t.Errorf("%+v", d)
	}
}

// TestDiff: the first step that differs, and how; then what follows from it.
func TestDiff(t *testing.T) {
	g, a := films.run(t)
	for name, c := range map[string]struct {
		change  func(p *play)
		first   string
		how     []string
		others  int
		a, b    int // steps in one of them alone
		input   string
		changes string // of the first step's output
	}{
		"an output": {
			func(p *play) {
				gives(p, "judge[1]", `{"again":true,"word":"so far so good","films":[{"id":"tt0017136","title":"Metropolis!"}],"x/y":[1]}`)
			}, "judge[1]",
			[]string{"output"},
			0, 0, 0,
			"null", `[{"pointer":"/films/0/title","a":"Metropolis","b":"Metropolis!"},{"pointer":"/x~1y","b":[1]}]`,
		},
		"a loop that ends before": {
			func(p *play) { gives(p, "judge[1]", `{"again":false,"word":"at once","films":[]}`) },
			"judge[1]",
			[]string{"output"},
			0, 1, 0,
			"null", `[{"pointer":"/again","a":true,"b":false},{"pointer":"/films/0","a":{"id":"tt0017136","title":"Metropolis"}},{"pointer":"/word","a":"so far so good","b":"at once"}]`,
		},
		"the input of the run": {
			func(p *play) { p.input = `{"city":"Prag"}` }, "", nil, 0, 0, 0,
			`[{"pointer":"/city","a":"Berlin","b":"Prag"},{"pointer":"/since","a":1927}]`, "null",
		},
		"an element": {
			func(p *play) { gives(p, "look#1", `{"title":"M, eine Stadt","id":"tt0021749"}`) }, // at once
			"look#1",
			[]string{"failure", "attempts", "fuel"},
			0, 0, 0,
			"null", "null",
		},
	} {
		p := films
		c.change(&p)
		_, b := p.run(t)
		d := inspect.Diff(subject(g, a), subject(g, b))
		if d.Equal || d.Others != c.others || d.OnlyA != c.a || d.OnlyB != c.b {
			t.Errorf("%s: equal %v, %d others, %d and %d alone", name, d.Equal, d.Others, d.OnlyA, d.OnlyB)
		}
		if input, _ := json.Marshal(d.Input); string(input) != c.input {
			t.Errorf("%s: input %s", name, input)
		}
		first, how, changes := "", []string(nil), []inspect.Change(nil)
		if d.First != nil {
			first, how, changes = d.First.Step, d.First.How, d.First.Output
		}
		text, _ := json.Marshal(changes)
		if first != c.first || !slices.Equal(how, c.how) || string(text) != c.changes {
			t.Errorf("%s: first %q by %v: %s", name, first, how, text)
		}
	}
}

// gives has a step give something else.
func gives(p *play, step, output string) {
	before := p.nodes
	p.nodes = func(c stepper.Invoke) event.Outcome {
		if c.Step == step {
			return success(output)
		}
		return before(c)
	}
}

// TestDiffOfGraphs: by what they do, not by how they are written.
func TestDiffOfGraphs(t *testing.T) {
	const text = `version = 1
chain = ["a", "b"]
[state.k]
[nodes.a]
module = "a.wasm"
config = { x = 1 }
[nodes.b]
graph = "sub.toml"
`
	one := play{graph: text, files: map[string]string{"sub.toml": "version = 1\n[nodes.c]\nmodule = \"c.wasm\"\n"}, nodes: func(stepper.Invoke) event.Outcome { return success(`1`) }}
	other := play{graph: `version = 1
chain = ["a", "b", "d"]
[nodes.a]
module = "elsewhere/a.wasm"
config = { x = 1.0 }
fuel = 77
input = "run.input"
[nodes.b]
graph = "sub.toml"
[nodes.d]
module = "d.wasm"
`, files: map[string]string{"sub.toml": "version = 1\n[nodes.c]\nmodule = \"c.wasm\"\n[nodes.e]\nmodule = \"c.wasm\"\n"}, nodes: one.nodes}
	made := func(names ...string) *journal.Sources {
		var files []journal.Source
		for _, name := range names {
			files = append(files, journal.Source{Kind: journal.SourceModule, Name: name, Content: []byte(name[len(name)-6:])})
		}
		s, err := journal.NewSources(files)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	g, a := one.run(t)
	h, b := other.run(t)
	began := b[0].Body.(event.RunStarted)
	began.Plan = "sha256:other"
	b[0].Body = began
	x, y := subject(g, a), subject(h, b)
	x.Made, y.Made = made("a.wasm", "c.wasm"), made("elsewhere/a.wasm", "c.wasm", "d.wasm")
	d := inspect.Diff(x, y)
	got, err := json.Marshal([]any{d.SamePlan, d.Graph, d.Nodes, d.StepsOnlyA, d.StepsOnlyB})
	want := `[false,["edges","state"],[{"node":"a","keys":["input","fuel"]},{"node":"b","keys":["graph: start"]},{"node":"b/e","only":"b"},{"node":"d","only":"b"}],null,["b/e","d"]]`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Without their bytes, modules are their names.
	x.Made = nil
	if d := inspect.Diff(x, y); !slices.Contains(d.Nodes[0].Keys, "module") {
		t.Errorf("%+v", d.Nodes)
	}
	// Without a graph, the journals are compared.
	d = inspect.Diff(subject(nil, a), subject(nil, b))
	if d.Equal || d.Nodes != nil || d.OnlyB != 2 {
		t.Errorf("%+v", d)
	}
}

// TestDiffLeavesTimingOut: what ran beside a step that failed the run is chance.
func TestDiffLeavesTimingOut(t *testing.T) {
	p := play{graph: "version = 1\n[nodes.a]\nmodule = \"a.wasm\"\n[nodes.b]\nmodule = \"b.wasm\"\n"}
	p.nodes = func(stepper.Invoke) event.Outcome { return success(`1`) }
	g := p.build(t)
	f := failure.Failure{Code: failure.Trap, Message: "m", Node: "a", Step: "a", Attempt: 1}
	end := event.RunFinished{Status: event.Failed, Failure: &f}
	fast := story(start, began("a", 1), began("b", 1), gave("b", 1, `1`, 1), broke("a", 1, f, 3), end)
	slow := story(start, began("a", 1), began("b", 1), broke("a", 1, f, 3), broke("b", 1, failure.Failure{Code: failure.Canceled}, 1), end)
	if d := inspect.Diff(subject(g, fast), subject(g, slow)); !d.Equal || d.First != nil || d.OnlyA != 0 {
		t.Errorf("%+v", d)
	}
}

func TestChanges(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{`1`, `1.0`, `null`},
		{`{"a":1,"b":[1,2]}`, `{"b":[1.0,2],"a":1}`, `null`},
		{`[]`, `{}`, `[{"pointer":"","a":[],"b":{}}]`},
		{`null`, `false`, `[{"pointer":"","a":null,"b":false}]`},
		{`"1"`, `1`, `[{"pointer":"","a":"1","b":1}]`},
		{`{"a":null}`, `{}`, `[{"pointer":"/a","a":null}]`},
		{`[1,2,3]`, `[1,5]`, `[{"pointer":"/1","a":2,"b":5},{"pointer":"/2","a":3}]`},
		{`{"":{"~/":1}}`, `{"":{"~/":2}}`, `[{"pointer":"//~0~1","a":1,"b":2}]`},
	} {
		changes, more := inspect.Changes(document.MustParse(c.a), document.MustParse(c.b), 10)
		if got, err := json.Marshal(changes); err != nil || string(got) != c.want || more {
			t.Errorf("%s, %s: %s", c.a, c.b, got)
		}
	}
	if changes, more := inspect.Changes(document.MustParse(`[1,2,3]`), document.MustParse(`[2,3,4]`), 2); len(changes) != 2 || !more {
		t.Errorf("%v, %v", changes, more)
	}
	if changes, more := inspect.Changes(document.MustParse(`[1,2,3]`), document.MustParse(`[2,3]`), 3); len(changes) != 3 || more {
		t.Errorf("%v, %v", changes, more)
	}
	if changes, _ := inspect.Changes(document.Document{}, document.Null(), 2); len(changes) != 1 {
		t.Errorf("%v", changes)
	}
	if changes, _ := inspect.Changes(document.Document{}, document.Document{}, 2); changes != nil {
		t.Errorf("%v", changes)
	}
}

// TestDiffOfAFork: what was taken over stands for all attempts of the step.
func TestDiffOfAFork(t *testing.T) {
	p := play{graph: "version = 1\nchain = [\"a\", \"b\"]\n[nodes.a]\nmodule = \"a.wasm\"\n[nodes.b]\nmodule = \"b.wasm\"\n"}
	p.nodes = func(c stepper.Invoke) event.Outcome {
		if c.Step == "a" && c.Number == 1 {
			return refused(`0`)
		}
		return success(`1`)
	}
	g, a := p.run(t)
	p.nodes = func(c stepper.Invoke) event.Outcome {
		if c.Step == "b" {
			return success(`2`)
		}
		o := success(`1`)
		o.From = &event.Origin{Run: "r1", Attempt: event.Attempt{Step: "a", Node: "a", Number: 2}}
		return o
	}
	p.started.Forked = &event.Forked{Run: "r1", Step: "b"}
	_, b := p.run(t)
	d := inspect.Diff(subject(g, a), subject(g, b))
	if d.Equal || d.First == nil || d.First.Step != "b" || !slices.Equal(d.First.How, []string{"output"}) || d.Others != 0 {
		t.Errorf("%+v", d)
	}
}
