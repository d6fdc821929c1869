package stepper_test

import (
	"reflect"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/stepper"
)

// described is a description as a reader writes it.
type described struct {
	From                         []string
	Input, Before, After, Output string
	Again, Stops                 bool
}

// watch applies facts and what they lead to, and gives the last description of each
// step, with those that are over.
func watch(t *testing.T, m *stepper.Machine, ids []string, facts ...event.Body) map[string]described {
	t.Helper()
	seen := map[string]described{}
	for _, body := range facts {
		for body != nil {
			commands, err := m.Apply(event.Event{Run: "run", Seq: 1, Time: epoch, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			body = nil
			for _, id := range ids {
				d, ok := m.Describe(id)
				from, known := m.From(id)
				if known != ok || !reflect.DeepEqual(from, d.From) {
					t.Errorf("%s: From gives %q, %v", id, from, known)
				}
				if ok {
					if d.Step != id || d.Node == "" {
						t.Errorf("%q is described as %q of %q", id, d.Step, d.Node)
					}
					seen[id] = described{d.From, text(d.Input), text(d.Before), text(d.After), text(d.Output), d.Again, d.Stops}
				}
			}
			for _, c := range commands {
				if r, ok := c.(stepper.Record); ok {
					body = r.Body
				}
			}
		}
	}
	return seen
}

func text(d document.Document) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func done(step, node string, number int, output string) event.Body {
	return event.AttemptSucceeded{Attempt: begun(step, node, number), Output: document.MustParse(output)}
}

func broken(step, node string, number int, f failure.Failure) event.Body {
	return event.AttemptFailed{Attempt: begun(step, node, number), Failure: f}
}

func TestDescribe(t *testing.T) {
	g := graphOf(t, `
chain = ["a", "check", "each", "sub", "end"]
[state.n]
reduce = "sum"
[state.last]
[nodes.a]
module = "n.wasm"
write = {n = "1", last = "output"}
[nodes.check]
module = "n.wasm"
input = {was = "state.n", got = "input"}
write = {n = "10"}
[nodes.each]
module = "n.wasm"
foreach = "[input, 7]"
input = "string(index)"
concurrency = 1
write = {last = "output"}
[nodes.sub]
graph = "sub.toml"
[nodes.end]
module = "n.wasm"
input = "input.missing"
[[edges]]
from = "check"
to = "check"
when = "output == 'again'"
[[edges]]
from = "a"
to = "end"
`, map[string]string{"sub.toml": "[nodes.b]\nmodule = 'n.wasm'\n"})
	m := stepper.New(g)
	ids := []string{"a", "check[1]", "check[2]", "each", "each#0", "each#1", "sub", "sub/b", "end", "nobody"}
	got := watch(t, m, ids,
		event.RunStarted{Input: document.MustParse(`"in"`)},
		done("a", "a", 1, `"A"`),
		done("check[1]", "check", 1, `"again"`),
		done("check[2]", "check", 1, `"fine"`),
		done("each#0", "each", 1, `"zero"`),
		done("each#1", "each", 1, `"one"`),
		done("sub/b", "b", 1, `"b"`),
	)
	want := map[string]described{
		"a":        {nil, `"in"`, `{"n":0,"last":null}`, `{"n":1,"last":"A"}`, `"A"`, false, false},
		"check[1]": {[]string{"a"}, `{"was":1,"got":"A"}`, `{"n":1,"last":"A"}`, `{"n":11,"last":"A"}`, `"again"`, false, false},
		"check[2]": {[]string{"check[1]"}, `{"was":11,"got":"again"}`, `{"n":11,"last":"A"}`, `{"n":21,"last":"A"}`, `"fine"`, false, false},
		"each":     {[]string{"check[2]"}, `["fine",7]`, `{"n":21,"last":"A"}`, `{"n":21,"last":["zero","one"]}`, `["zero","one"]`, false, false},
		"each#0":   {nil, `"0"`, `{"n":21,"last":"A"}`, "", `"zero"`, false, false},
		"each#1":   {nil, `"1"`, `{"n":21,"last":"A"}`, "", `"one"`, false, false},
		"sub":      {[]string{"each"}, `["zero","one"]`, `{"n":21,"last":["zero","one"]}`, `{"n":21,"last":["zero","one"]}`, `"b"`, false, false},
		"sub/b":    {nil, `["zero","one"]`, "", "", `"b"`, false, false},
		"end":      {[]string{"a", "sub"}, "", `{"n":21,"last":["zero","one"]}`, "", "", false, true},
	}
	for _, id := range ids {
		if !reflect.DeepEqual(got[id], want[id]) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", id, got[id], want[id])
		}
	}
	if d, ok := m.Describe("a"); ok {
		t.Errorf("a step that is long over: %+v", d)
	}
}

// TestDescribeFailures: whether another attempt follows, and whether something takes the
// failure, is known with the event that it failed.
func TestDescribeFailures(t *testing.T) {
	g := graphOf(t, `
[nodes.a]
module = "n.wasm"
[[nodes.a.retry]]
on = ["trap"]
max_attempts = 2
initial_interval = "0s"
[nodes.b]
module = "n.wasm"
foreach = "[1]"
on_error = "collect"
[nodes.c]
module = "n.wasm"
foreach = "[1]"
[[edges]]
from = "a"
to = "b"
on = ["timeout"]
[[edges]]
from = "b"
to = "c"
`, nil)
	trap, late := failure.Failure{Code: failure.Trap}, failure.Failure{Code: failure.Timeout, Retryable: true}
	m := stepper.New(g)
	feed(t, m, event.RunStarted{Input: document.Null()})
	expect := func(id string, body event.Body, again, stops bool) {
		t.Helper()
		commands, err := m.Apply(event.Event{Run: "run", Seq: 1, Time: epoch, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := m.Describe(id); !ok || d.Again != again || d.Stops != stops {
			t.Errorf("%s after %+v: %+v, %v", id, body, d, ok)
		}
		for _, c := range commands {
			if r, ok := c.(stepper.Record); ok {
				feed(t, m, r.Body)
			}
		}
	}
	expect("a", broken("a", "a", 1, trap), true, false) // at once
	expect("a", event.CapabilityAnswered{Attempt: begun("a", "a", 2), Ordinal: 1}, false, false)
	expect("a", broken("a", "a", 2, late), true, false) // later
	wake := m.Open()[0].(stepper.Wake)
	_, err := m.Apply(event.Event{Run: "run", Seq: 1, Time: wake.At, Body: event.TimerFired{Timer: wake.Timer}})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, m, event.AttemptStarted{Attempt: begun("a", "a", 3)})
	expect("a", broken("a", "a", 3, late), false, false) // along the edge
	expect("b#0", broken("b#0", "b", 1, trap), false, false)
	expect("c#0", broken("c#0", "c", 1, trap), false, true)
	if !m.Finished() {
		t.Error("the run goes on")
	}
}
