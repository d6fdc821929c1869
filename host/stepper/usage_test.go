package stepper_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/stepper"
)

func graphOf(t rapid.TB, text string, subs map[string]string) *graph.Graph {
	t.Helper()
	g, found := graphfile.Load("graph.toml", []byte("version = 1\n"+text), func(name string) ([]byte, error) {
		return []byte("version = 1\n" + subs[name]), nil
	})
	if found.Failed() {
		t.Fatal(found)
	}
	return g
}

// feed applies facts and what they lead to, and gives the commands.
func feed(t rapid.TB, m *stepper.Machine, facts ...event.Body) (all []stepper.Command) {
	t.Helper()
	for _, body := range facts {
		for body != nil {
			commands, err := m.Apply(event.Event{Run: "run", Seq: 1, Time: epoch, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			body = nil
			for _, c := range commands {
				if r, ok := c.(stepper.Record); ok {
					body = r.Body
				}
			}
			all = append(all, commands...)
		}
	}
	return all
}

func begun(step, node string, number int) event.Attempt {
	return event.Attempt{Step: step, Node: node, Number: number}
}

func answered(a event.Attempt, ordinal int, calls int64) event.CapabilityAnswered {
	return event.CapabilityAnswered{Attempt: a, Ordinal: ordinal, Capability: "x", Method: "y", Usage: event.Usage{Calls: calls}}
}

func TestAnswersThatCannotBe(t *testing.T) {
	g := graphOf(t, "[nodes]\na.module = 'a.wasm'\nw.wait = true\nsub.graph = 'sub.toml'\n", map[string]string{"sub.toml": "[nodes]\nb.module = 'b.wasm'\n"})
	m := stepper.New(g)
	a := begun("a", "a", 1)
	refuse := func(what string, c event.CapabilityAnswered) {
		t.Helper()
		_, err := m.Apply(event.Event{Run: "run", Seq: 9, Time: epoch, Body: c})
		if _, ok := errors.AsType[*stepper.ImpossibleError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("before the start", answered(a, 1, 1))
	feed(t, m, event.RunStarted{Input: document.Null()})
	for what, c := range map[string]event.CapabilityAnswered{
		"no such step":     answered(begun("q", "q", 1), 1, 1),
		"another node":     answered(begun("a", "b", 1), 1, 1),
		"another attempt":  answered(begun("a", "a", 2), 1, 1),
		"no first call":    answered(a, 2, 1),
		"call 0":           answered(a, 0, 1),
		"less than none":   answered(a, 1, -1),
		"of a wait":        answered(begun("w", "w", 1), 1, 1),
		"of a subgraph":    answered(begun("sub", "sub", 1), 1, 1),
		"an unknown code":  {Attempt: a, Ordinal: 1, Failure: &failure.Failure{Code: "tired"}},
		"outside a prefix": answered(begun("b", "b", 1), 1, 1),
	} {
		refuse(what, c)
	}
	feed(t, m, answered(a, 1, 1), answered(begun("sub/b", "b", 1), 1, 1), answered(a, 2, 0))
	refuse("the same again", answered(a, 2, 1))
	refuse("one left out", answered(a, 4, 1))
	feed(t, m, event.AttemptSucceeded{Attempt: a, Output: document.Null()})
	refuse("after the attempt", answered(a, 3, 1))
}

func TestAdmitKeepsRoom(t *testing.T) {
	g := graphOf(t, "[budget]\ncalls = 3\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nsub.graph = 'sub.toml'\n",
		map[string]string{"sub.toml": "[budget]\ncalls = 1\n[nodes]\nc.module = 'c.wasm'\nd.module = 'd.wasm'\n"})
	m := stepper.New(g)
	a, b, c, d := begun("a", "a", 1), begun("b", "b", 1), begun("sub/c", "c", 1), begun("sub/d", "d", 1)
	expect := func(what string, a event.Attempt, want bool) {
		t.Helper()
		if got := m.Admit(a); got != want {
			t.Fatalf("%s: %v", what, got)
		}
	}
	expect("before the start", a, false)
	feed(t, m, event.RunStarted{Input: document.Null()})
	expect("nobody's", begun("q", "q", 1), false)
	expect("another attempt's", begun("a", "a", 2), false)
	expect("the subgraph's only one", c, true)
	expect("a second in the subgraph", d, false)
	expect("a second by the same", c, false)
	expect("the run's second", a, true)
	expect("the run's third", a, true)
	expect("a fourth", b, false)
	feed(t, m, answered(a, 1, 0))
	expect("a fourth, after a call that was denied", b, false)
	feed(t, m, answered(a, 2, 1))
	expect("a fourth, after one was answered", b, false)
	feed(t, m, event.AttemptFailed{Attempt: c, Failure: failure.Failure{Code: failure.Timeout, Retryable: true}})
	expect("after the subgraph's was never made", d, true)
	expect("the room that there was, taken", b, false)
	feed(t, m, event.AttemptSucceeded{Attempt: a, Output: document.Null()})
	expect("after another was never made", b, true)
	feed(t, m, answered(d, 1, 1), answered(b, 1, 1))
	expect("after all three were answered", b, false)
	if m.Finished() || len(m.Open()) == 0 {
		t.Fatal("a budget that is used up, and not more, ends nothing")
	}
}

// TestBudgetsHold: with calls admitted by the machine no graph's calls go beyond
// its budget, and as long as there is room a call is admitted; whatever attempts
// do with what was admitted.
func TestBudgetsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphOf(t, "[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nsub = {graph = 'sub.toml', foreach = '[1,2]', concurrency = 2}\n",
			map[string]string{"sub.toml": "[nodes]\nc.module = 'c.wasm'\nd.module = 'd.wasm'\n"})
		limit := func(name string) int64 { return rapid.Int64Range(0, 6).Draw(t, name) }
		outer, inner := limit("outer"), limit("inner")
		g.Budget = &graph.Budget{Calls: outer}
		g.Node("sub").Sub.Budget = &graph.Budget{Calls: inner}
		m := stepper.New(g)
		feed(t, m, event.RunStarted{Input: document.Null()})
		names := []string{"a", "b", "sub#0/c", "sub#0/d", "sub#1/c", "sub#1/d"}
		type state struct{ ordinal, admitted int }
		open := map[string]*state{}
		for _, n := range names {
			open[n] = &state{}
		}
		taken := map[string]int64{} // by graph: calls used or admitted
		graphsOf := func(step string) []string {
			if around, _, ok := strings.Cut(step, "/"); ok {
				return []string{"", around}
			}
			return []string{""}
		}
		room := func(step string) bool {
			for i, g := range graphsOf(step) {
				if l := []int64{outer, inner}[i]; l > 0 && taken[g] >= l {
					return false
				}
			}
			return true
		}
		take := func(step string, n int64) {
			for _, g := range graphsOf(step) {
				taken[g] += n
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			step := rapid.SampledFrom(names).Draw(t, "step")
			s, a := open[step], begun(step, step[len(step)-1:], 1)
			if s == nil {
				continue
			}
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2:
				want := room(step)
				if got := m.Admit(a); got != want {
					t.Fatalf("%s is admitted: %v", step, got)
				}
				if want {
					s.admitted++
					take(step, 1)
				}
			case 3, 4:
				if s.admitted > 0 {
					s.admitted--
					s.ordinal++
					if got := feed(t, m, answered(a, s.ordinal, 1)); len(got) > 0 {
						t.Fatalf("a call that was admitted led to %v", got)
					}
				}
			case 5:
				take(step, -int64(s.admitted))
				delete(open, step)
				feed(t, m, event.AttemptSucceeded{Attempt: a, Output: document.Null()})
			}
		}
	})
}

// TestBudgetEndsTheRun: what a budget ends is over at once, whatever the attempt
// that made the call still gives.
func TestBudgetEndsTheRun(t *testing.T) {
	g := graphOf(t, "[budget]\ntokens = 5\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nw.wait = true\n", nil)
	m := stepper.New(g)
	feed(t, m, event.RunStarted{Input: document.Null()})
	a := begun("a", "a", 1)
	over := answered(a, 1, 1)
	over.Usage.InputTokens, over.Usage.OutputTokens = 2, 4
	aborted := 0
	for _, c := range feed(t, m, over) {
		if abort, ok := c.(stepper.Abort); ok && abort.Cause == failure.Budget {
			aborted++
		}
	}
	if aborted != 2 || m.Admit(a) {
		t.Fatalf("%d are aborted", aborted)
	}
	// A second answer that was under way changes nothing any more.
	late := answered(a, 2, 1)
	late.Usage.InputTokens = 100
	if got := feed(t, m, late); len(got) > 0 {
		t.Fatalf("a late answer led to %v", got)
	}
	body := m.Judge(event.Outcome{Attempt: a, Output: document.Null(), Stored: []event.Stored{{Space: "s", Key: "k"}}})
	if f, ok := body.(event.AttemptFailed); !ok || f.Failure.Code != failure.Budget {
		t.Fatalf("the attempt's outcome is %+v", body)
	}
	feed(t, m, body, m.Judge(event.Outcome{Attempt: begun("b", "b", 1), Output: document.Null()}))
	if !m.Finished() {
		t.Fatal("the run goes on")
	}
}

// TestNoRoomWithOthersUnderWay: a call may be refused although the calls that were
// answered leave room. What is said of it depends on the facts alone.
func TestNoRoomWithOthersUnderWay(t *testing.T) {
	g := graphOf(t, "[budget]\ncalls = 2\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\n", nil)
	end := func(admit bool) event.RunFinished {
		m := stepper.New(g)
		feed(t, m, event.RunStarted{Input: document.Null()})
		a, b := begun("a", "a", 1), begun("b", "b", 1)
		if admit && (!m.Admit(b) || !m.Admit(a) || m.Admit(b)) {
			t.Fatal("the calls are not admitted as they should be")
		}
		refused := answered(b, 1, 0)
		refused.Failure = &failure.Failure{Code: failure.Budget, Message: "no room"}
		feed(t, m, refused)
		commands := feed(t, m, event.AttemptFailed{Attempt: a, Failure: failure.Failure{Code: failure.Budget}}, event.AttemptFailed{Attempt: b, Failure: failure.Failure{Code: failure.Budget}})
		for _, c := range commands {
			if r, ok := c.(stepper.Record); ok {
				if end, ok := r.Body.(event.RunFinished); ok {
					return end
				}
			}
		}
		t.Fatalf("no end in %v", commands)
		return event.RunFinished{}
	}
	one, other := end(true), end(false)
	if one.Failure == nil || one.Failure.Code != failure.Budget || one.Failure.Step != "b" || !strings.Contains(one.Failure.Message, "raise calls in [budget]") {
		t.Errorf("the run ends with %+v", one.Failure)
	}
	if one.Failure.Message != other.Failure.Message {
		t.Errorf("%q or %q", one.Failure.Message, other.Failure.Message)
	}
}

func TestWhatIsStored(t *testing.T) {
	g := graphOf(t, "[state.n]\nreduce = 'sum'\n[nodes.a]\nmodule = 'a.wasm'\nwrite = {n = 'output'}\n", nil)
	m := stepper.New(g)
	feed(t, m, event.RunStarted{Input: document.Null()})
	a := begun("a", "a", 1)
	some := []event.Stored{{Space: "s", Key: "k", Value: document.Int(1)}}
	much := []event.Stored{{Space: "s", Key: "k", Value: document.String(strings.Repeat("x", event.MaxStoredBytes))}}
	if b, ok := m.Judge(event.Outcome{Attempt: a, Output: document.Int(1), Stored: some}).(event.AttemptSucceeded); !ok || len(b.Stored) != 1 {
		t.Errorf("a success stores %+v", b)
	}
	for code, o := range map[failure.Code]event.Outcome{
		failure.InvalidState:    {Attempt: a, Output: document.String("no number"), Stored: some},
		failure.NodeError:       {Attempt: a, Failure: &failure.Failure{Code: failure.NodeError}, Stored: some},
		failure.CapabilityError: {Attempt: a, Output: document.Int(1), Stored: much},
	} {
		if b, ok := m.Judge(o).(event.AttemptFailed); !ok || b.Failure.Code != code || b.Failure.Retryable {
			t.Errorf("%s: %+v", code, b)
		}
	}
}

func BenchmarkApplyAnswer(b *testing.B) {
	g, found := graphfile.Load("graph.toml", []byte("version = 1\n[budget]\ncost = 1000000\n[nodes]\na.module = 'a.wasm'\n"), nil)
	if found.Failed() {
		b.Fatal(found)
	}
	m := stepper.New(g)
	for body := event.Body(event.RunStarted{Input: document.Null()}); body != nil; {
		commands, err := m.Apply(event.Event{Run: "run", Seq: 1, Time: epoch, Body: body})
		if err != nil {
			b.Fatal(err)
		}
		body = nil
		for _, c := range commands {
			if r, ok := c.(stepper.Record); ok {
				body = r.Body
			}
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if !m.Admit(begun("a", "a", 1)) {
			b.Fatal("not admitted")
		}
		if _, err := m.Apply(event.Event{Run: "run", Seq: 1, Time: epoch.Add(time.Duration(n)), Body: answered(begun("a", "a", 1), n, 1)}); err != nil {
			b.Fatal(err)
		}
	}
}
