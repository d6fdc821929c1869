package stepper_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
)

// TestOrderDoesNotMatter: the same input, seed and node outcomes give the same
// states, step ids, documents, output and lineage digest, in whatever order
// parallel steps finish. Runs that max_steps ended are outside the promise.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLuck(t)
		var first inspect.View
		var firstEvents []event.Event
		for schedule := range uint64(6) {
			l.schedule = schedule
			w := &world{graph: l.graph, nodes: l.invoke, input: document.MustParse(`{"q":1}`)}
			end := w.run(t)
			if end.Failure != nil && end.Failure.Code == failure.MaxSteps {
				return
			}
			if slices.ContainsFunc(w.events, func(e event.Event) bool {
				f, ok := e.Body.(event.StepFailed)
				return ok && f.Failure.Code == failure.MaxSteps
			}) {
				return // a subgraph's
			}
			v := viewOf(w)
			if schedule == 0 {
				first, firstEvents = v, w.events
				continue
			}
			if v.Digest != first.Digest || !v.Output.Equal(first.Output) || !sameFailure(v.Failure, first.Failure) {
				t.Fatalf("one order:\n%s\nanother:\n%s\nof %s", lines(firstEvents), lines(w.events), sketch(l.graph))
			}
		}
	})
}

// drawLuck draws a graph and what its nodes do. No deadline is in it: when a
// step fails must not depend on the schedule.
func drawLuck(t *rapid.T) luck {
	g := drawGraph(t)
	for _, n := range g.Nodes {
		n.Deadline = 0
		if n.Sub != nil {
			for _, n := range n.Sub.Nodes {
				n.Deadline = 0
			}
		}
	}
	return luck{graph: g, seed: rapid.Uint64().Draw(t, "seed"), failures: rapid.SampledFrom([]uint64{0, 4, 12}).Draw(t, "failures")}
}

func viewOf(w *world) inspect.View { return inspect.Fold(w.graph, slices.Values(w.events)) }

func sameFailure(a, b *failure.Failure) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Code == b.Code && a.Step == b.Step && a.Message == b.Message)
}

// sketch writes a graph's edges.
func sketch(g *graph.Graph) string {
	var b strings.Builder
	for _, e := range g.Edges {
		b.WriteString(e.From.Name + "->" + e.To.Name)
		if e.Failure {
			b.WriteString(" on error")
		}
		if e.When != nil {
			b.WriteString(" when " + e.When.Source())
		}
		if e.Back != nil {
			b.WriteString(" back")
		}
		b.WriteString("; ")
	}
	return b.String()
}

// TestRunsEndAndFold: every run ends within max_steps activations; the same
// run again gives the same events; a machine made from the journal at any batch
// goes on in the same way.
func TestRunsEndAndFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		g.MaxSteps = rapid.IntRange(1, 60).Draw(t, "max steps")
		if rapid.IntRange(0, 3).Draw(t, "has deadline") == 0 {
			g.Deadline = 30 * time.Second
		}
		l := luck{graph: g, seed: rapid.Uint64().Draw(t, "seed"), schedule: 1, failures: 4}
		w := &world{graph: g, nodes: l.invoke, input: document.MustParse(`{"q":1}`)}
		if rapid.IntRange(0, 3).Draw(t, "is canceled") == 0 {
			w.cancelAt = time.Duration(rapid.IntRange(1, 20_000).Draw(t, "cancel")) * time.Millisecond
		}
		w.run(t)
		begun := map[string]bool{}
		for _, e := range w.events {
			switch b := e.Body.(type) {
			case event.AttemptStarted:
				if !strings.ContainsAny(b.Step, "/#") {
					begun[b.Step] = true
				}
			case event.StepFailed:
				if !strings.ContainsAny(b.Step, "/#") {
					begun[b.Step] = true
				}
			default:
			}
		}
		if len(begun) > g.MaxSteps {
			t.Fatalf("%d steps, at most %d were allowed", len(begun), g.MaxSteps)
		}
		if len(w.events) < 200 {
			w.checkFolding(t)
		}
	})
}

// TestImpossibleEvents: an event that cannot happen is an error, never a panic,
// and leaves the machine as it was.
func TestImpossibleEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLuck(t)
		w := &world{graph: l.graph, nodes: l.invoke, input: document.MustParse(`{}`)}
		w.run(t)
		m := stepper.New(l.graph)
		for i, e := range w.events {
			for range 3 {
				odd := w.events[rapid.IntRange(0, len(w.events)-1).Draw(t, "other")]
				odd.Body = spoil(t, odd.Body)
				if plain([]event.Event{odd})[0] == plain(w.events[i : i+1])[0] {
					continue
				}
				probe := w.folded(t, i)
				if _, err := probe.Apply(odd); err != nil {
					if _, ok := errors.AsType[*stepper.ImpossibleError](err); !ok {
						t.Fatalf("%v is no ImpossibleError", err)
					}
					if _, err := probe.Apply(e); err != nil {
						t.Fatalf("an impossible event (%s) changed the machine: %v", plain([]event.Event{odd}), err)
					}
				}
			}
			if i > 12 {
				break
			}
			if _, err := m.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// spoil changes an event so that it is likely to be impossible.
func spoil(t *rapid.T, body event.Body) event.Body {
	how := rapid.IntRange(0, 3).Draw(t, "how")
	switch b := body.(type) {
	case event.AttemptStarted:
		b.Number += how
		return b
	case event.AttemptSucceeded:
		b.Number += how
		if how == 3 {
			b.Number, b.Output = b.Number-3, document.Document{}
		}
		return b
	case event.AttemptFailed:
		b.Step += strings.Repeat("x", how)
		return b
	case event.StepSkipped:
		b.Node += strings.Repeat("x", how)
		return b
	case event.RunFinished:
		if how == 1 {
			return event.TimerFired{Timer: "retry/n0/2"}
		}
		if how == 2 {
			return nil
		}
	default:
	}
	return body
}
