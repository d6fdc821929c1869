package stepper_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// forkable has what a fork can meet: keys of each reducer, loops in loops, subgraphs,
// elements.
func forkable(t *testing.T) *graph.Graph {
	t.Helper()
	return graphOf(t, `
chain = ["draft", "review", "each", "subs", "sub", "ask"]
[state.last]
schema = {type = "string"}
initial = 7
[state.log]
reduce = "append"
schema = {type = "string"}
[state.kinds]
reduce = "union"
[state.about]
reduce = "merge"
[state.sum]
reduce = "sum"
schema = {maximum = 3}
[state.least]
reduce = "min"
[nodes]
draft.module = "n.wasm"
review.module = "n.wasm"
each = {module = "n.wasm", foreach = "[1]"}
subs = {graph = "sub.toml", foreach = "[1]"}
sub.graph = "sub.toml"
ask.wait = true
[[edges]]
from = "review"
to = "draft"
when = "output.again"
[[edges]]
from = "review"
to = "review"
when = "output.twice"
`, map[string]string{"sub.toml": "[state.inner]\n[nodes]\nscore.module = 'n.wasm'\n"})
}

func TestCheckFork(t *testing.T) {
	g := forkable(t)
	for _, c := range []struct {
		step, input string
		state       string // an object
		want        []string
	}{
		{step: ""},
		{step: "draft[1]"},
		{step: "draft[70]", input: `null`, state: `{"last":"a","log":["a"],"kinds":[1,2],"about":{"x":1},"sum":1000,"least":null}`},
		{step: "review[1.2]", state: `{"last":7,"log":[],"least":-1.5}`},
		{step: "each", input: `[1,"x"]`, state: `{"sum":1}`},
		{step: "each#17", input: `7`},
		{step: "subs#3/score", input: `7`, state: `{"inner":[1]}`},
		{step: "sub/score", state: `{"inner":null}`},
		{step: "sub", input: `7`, state: `{"sum":1}`},
		{step: "ask", input: `7`},

		{step: "", input: `1`, want: []string{"a fork changes an input or state only of a step, and names none"}},
		{step: "", state: `{"sum":1}`, want: []string{"a fork changes an input or state only of a step, and names none"}},
		{step: "revew[1.1]", want: []string{`step "revew[1.1]": there is no node "revew" (did you mean "review"?)`}},
		{step: "sub/scor", want: []string{`there is no node "scor" (did you mean "score"?)`}},
		{step: "elsewhere", want: []string{`there is no node "elsewhere"`}},
		{step: "sub[1]", want: []string{`node "sub" is in no loop: its step is "sub"`}},
		{step: "draft", want: []string{`node "draft" is in 1 loops: say in which turn of each, as in "draft[1]"`}},
		{step: "review[2]", want: []string{`node "review" is in 2 loops: say in which turn of each, as in "review[1.1]"`}},
		{step: "draft[0]", want: []string{`"[0]" is no list of turns`}},
		{step: "draft[01]", want: []string{`"[01]" is no list of turns`}},
		{step: "draft[1", want: []string{`"[1" is no list of turns`}},
		{step: "draft[]", want: []string{`"[]" is no list of turns`}},
		{step: "draft[1]x", want: []string{`"[1]x" is no list of turns`}},
		{step: "ask#0", want: []string{`node "ask" is no foreach: it has no elements`}},
		{step: "each#x", want: []string{`"#x" is no number of an element`}},
		{step: "each#-1", want: []string{`"#-1" is no number of an element`}},
		{step: "each#", want: []string{`"#" is no number of an element`}},
		{step: "ask/score", want: []string{`node "ask" runs no graph`}},
		{step: "subs/score", want: []string{`node "subs" is a foreach: say inside of which element, as in "subs#0/score"`}},
		{step: "sub/", want: []string{`there is no node ""`}},
		{step: "each", input: `{"a":[]}`, want: []string{`the input of step "each" must be a list, the elements of its foreach; this is object`}},
		{step: "each#1", state: `{"sum":1}`, want: []string{`step "each#1" is an element of a foreach, which has no state of its own: set it before the step "each"`}},
		{step: "subs#1", state: `{"sum":1}`, want: []string{`step "subs#1" is an element of a foreach`}},
		{step: "sub/score", state: `{"sum":1}`, want: []string{`there is no state "sum"`}},
		{step: "ask", state: `{"lst":"x"}`, want: []string{`there is no state "lst" (did you mean "last"?)`}},
		{
			step: "ask", state: `{"last":8,"log":"a","kinds":{},"about":[],"sum":"1","least":"1","sun":1}`,
			want: []string{
				`state "last" cannot be set: the value breaks the key's schema`,
				`state "log" cannot be set: reduce = "append" makes a list; this is string`,
				`state "kinds" cannot be set: reduce = "union" makes a list; this is object`,
				`state "about" cannot be set: reduce = "merge" takes an object; this is array`,
				`state "sum" cannot be set: reduce = "sum" takes a number; this is string`,
				`state "least" cannot be set: reduce = "min" takes a number or null; this is string`,
				`there is no state "sun" (did you mean "sum"?)`,
			},
		},
		{step: "ask", state: `{"log":["a",1]}`, want: []string{`state "log" cannot be set: element 1 breaks the key's schema`}},
		{step: "ask", state: `{"sum":1e9999}`, want: []string{`state "sum" cannot be set: reduce = "sum" takes a number of at most`}},
	} {
		f := &event.Forked{Run: "r", Step: c.step}
		if c.input != "" {
			f.Input = document.MustParse(c.input)
		}
		if c.state != "" {
			f.State = document.MustParse(c.state).Fields()
		}
		err := stepper.CheckFork(g, f)
		var got []string
		if e, ok := errors.AsType[*stepper.ForkError](err); ok {
			got = e.Complaints
		} else if err != nil {
			t.Errorf("%+v: %T", c, err)
		}
		if !slices.EqualFunc(got, c.want, strings.Contains) {
			t.Errorf("step %q, input %s, state %s:\ngot  %q\nwant %q", c.step, c.input, c.state, got, c.want)
		}
		// A run begins where nothing is wrong, and only there.
		_, err = stepper.New(g).Apply(event.Event{Run: "r", Seq: 1, Time: epoch, Body: event.RunStarted{Forked: f}})
		if _, impossible := errors.AsType[*stepper.ImpossibleError](err); impossible != (len(c.want) > 0) {
			t.Errorf("a run of that: %v", err)
		}
	}
	twice := document.Field{Key: "sum", Value: document.Int(1)}
	for what, f := range map[string]*event.Forked{
		"state \"sum\" is set twice":                       {Step: "ask", State: []document.Field{twice, twice}},
		"state \"sum\" cannot be set: there is no value":   {Step: "ask", State: []document.Field{{Key: "sum"}}},
		"the input of step \"ask\": ":                      {Step: "ask", Input: deep(2000)},
		"state \"about\" cannot be set: ":                  {Step: "ask", State: []document.Field{{Key: "about", Value: deep(2000)}}},
		"step \"" + strings.Repeat("ask/", 1000) + "ask\"": {Step: strings.Repeat("ask/", 1000) + "ask"},
	} {
		if err := stepper.CheckFork(g, f); err == nil || !strings.HasPrefix(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := stepper.CheckFork(g, nil); err != nil {
		t.Error(err)
	}
}

// deep nests objects.
func deep(n int) document.Document {
	return document.Trusted([]byte(strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)))
}

// FuzzCheckFork: no step's id or value breaks the check, and what it lets pass a run can
// begin with.
func FuzzCheckFork(f *testing.F) {
	for _, id := range []string{"a", "a[1]", "s/b", "e#3", "e#3/b", "a[1.2]#3/x/y[", "]#/"} {
		f.Add(id, "k", `[1]`)
	}
	f.Fuzz(func(t *testing.T, step, key, value string) {
		g := graphOf(t, "[state.k]\nreduce = 'append'\n[nodes]\na.module = 'n.wasm'\ns.graph = 'sub.toml'\ne = {graph = 'sub.toml', foreach = '[1]'}\n[[edges]]\nfrom = 'a'\nto = 'a'\nwhen = 'output'\n",
			map[string]string{"sub.toml": "[state.k]\n[nodes]\nb.module = 'n.wasm'\n"})
		d, err := document.Parse([]byte(value), document.Limits{})
		if err != nil {
			return
		}
		forked := &event.Forked{Run: "r", Step: step, Input: d, State: []document.Field{{Key: key, Value: d}}}
		if stepper.CheckFork(g, forked) != nil {
			return
		}
		m := stepper.New(g)
		all := feed(t, m, event.RunStarted{Input: document.Null(), Forked: forked})
		for len(all) > 0 {
			c := all[0]
			all = all[1:]
			if call, ok := c.(stepper.Invoke); ok {
				all = append(all, feed(t, m, m.Judge(event.Outcome{Attempt: call.Attempt, Output: document.Bool(false)}))...)
			}
		}
		if !m.Finished() {
			t.Fatal("the run has no end")
		}
	})
}

// TestTakenOverWait: a fork takes over what came of a step that waits, with no signal;
// what is found in a cache, or comes from nowhere, is no answer.
func TestTakenOverWait(t *testing.T) {
	g := graphOf(t, "[nodes]\nask = {wait = true, timeout = '1h'}\nlate.module = 'n.wasm'\n[[edges]]\nfrom = 'ask'\nto = 'late'\non = ['timeout']\n", nil)
	from := &event.Origin{Run: "other", Attempt: begun("ask", "ask", 1)}
	start := func() *stepper.Machine {
		m := stepper.New(g)
		feed(t, m, event.RunStarted{Input: document.Null()})
		if !m.Resting() {
			t.Fatal("it does not wait")
		}
		return m
	}
	m := start()
	for _, body := range []event.Body{
		event.AttemptSucceeded{Attempt: begun("ask", "ask", 1), Output: document.Int(1)},
		event.AttemptSucceeded{Attempt: begun("ask", "ask", 1), Output: document.Int(1), From: from, CacheKey: "k"},
		event.AttemptSucceeded{Attempt: begun("ask", "ask", 2), Output: document.Int(1), From: from},
		event.AttemptFailed{Attempt: begun("ask", "ask", 1), Failure: failure.Failure{Code: failure.Timeout}},
	} {
		if _, err := m.Apply(event.Event{Run: "run", Seq: 9, Time: epoch, Body: body}); err == nil {
			t.Errorf("%+v is an answer", body)
		}
	}
	feed(t, m, m.Judge(event.Outcome{Attempt: begun("ask", "ask", 1), Output: document.Int(1), From: from}))
	if !m.Finished() || len(m.Waits()) > 0 {
		t.Error("what was answered there still waits")
	}
	m = start()
	body := m.Judge(event.Outcome{Attempt: begun("ask", "ask", 1), Failure: &failure.Failure{Code: failure.Timeout, Message: "no signal"}, From: from})
	if failed, ok := body.(event.AttemptFailed); !ok || failed.From != from {
		t.Errorf("%+v", body)
	}
	commands := feed(t, m, body)
	if call, ok := commands[len(commands)-1].(stepper.Invoke); !ok || call.Step != "late" {
		t.Errorf("%+v", commands)
	}
	if m.Resting() || m.Awaits("timeout/ask") || len(m.Open()) != 1 {
		t.Errorf("open is %+v", m.Open())
	}
}

// TestCacheHitsAreNotFinal: what is found in the cache fails as if the node had been
// called, and is tried again as such.
func TestCacheHitsAreNotFinal(t *testing.T) {
	g := graphOf(t, "[state.k]\nschema = {type = 'string'}\n[nodes.a]\nmodule = 'n.wasm'\nwrite = {k = 'output'}\n[[nodes.a.retry]]\non = ['invalid_state']\nmax_attempts = 2\n", nil)
	for _, c := range []struct {
		key      string
		tried    bool
		attempts int // of the failure
	}{{"key", true, 1}, {"", false, 5}} {
		m := stepper.New(g)
		feed(t, m, event.RunStarted{Input: document.Null()})
		from := &event.Origin{Run: "other", Attempt: begun("a", "a", 5)}
		failed, ok := m.Judge(event.Outcome{Attempt: begun("a", "a", 1), Output: document.Int(1), From: from, CacheKey: c.key}).(event.AttemptFailed)
		if !ok || (failed.From != nil) == c.tried || failed.Failure.Attempt != c.attempts {
			t.Fatalf("%+v", failed)
		}
		feed(t, m, failed)
		if m.Finished() == c.tried {
			t.Errorf("with key %q: finished %v", c.key, m.Finished())
		}
	}
}
