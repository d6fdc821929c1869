package stepper

import (
	"fmt"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
)

// frame is one graph under way: the run's own, or the subgraph of one step or
// element. It has its own state and limits; its steps have ids and places below
// those of the step whose subgraph it is.
type frame struct {
	area
	graph     *graph.Graph
	layout    *layout
	untouched *state // the state before the first write
	step      *step  // whose subgraph it is; nil: it is the run's own
	prefix    string // of its steps' ids
	place     place  // what is inside stands below it

	input document.Document
	run   document.Document // what expressions see as run, once one has
	vars  map[string]document.Document

	root     *turn
	atRest   bool        // the graph's own turn is
	begun    int         // activations
	used     event.Usage // of capabilities, with all that is inside
	admitted int         // calls that are admitted and not recorded
	best     ending
	bestAt   place // where best succeeded
}

// area is what comes to an end as a whole: a run, a subgraph, the elements of a
// foreach.
type area struct {
	open int // what is due or begun in it and not through
	stop *stop
}

// enter begins a graph: the run's own, or that of a step.
func (m *Machine) enter(g *graph.Graph, s *step, input document.Document) *frame {
	f := &frame{
		graph: g, layout: m.layoutOf(g), untouched: &state{cells: make([]*cell, len(g.State))},
		step: s, input: input,
	}
	deadline := runDeadline
	if s != nil {
		f.prefix, f.place = s.id+"/", s.place
		deadline = stepDeadline + f.prefix
		s.inner = f
	}
	if g.Deadline > 0 {
		m.setTimer(deadline, timer{at: m.now.Add(g.Deadline), kind: endsFrame, frame: f})
	}
	f.root = newTurn(f, f.layout.root, nil, 0, nil, nil)
	f.atRest = f.root.live == 0
	for _, u := range f.root.scope.units {
		if u.incoming == 0 {
			m.ready(f.root, u)
		}
	}
	return f
}

// layoutOf makes the layout of each graph once.
func (m *Machine) layoutOf(g *graph.Graph) *layout {
	l := m.layouts[g]
	if l == nil {
		l = newLayout(g)
		m.layouts[g] = l
	}
	return l
}

// area is what a step is directly in.
func (s *step) area() *area {
	if s.of != nil {
		return &s.of.each.area
	}
	return &s.turn.frame.area
}

// around is the step that a step is inside of; nil where it is directly in the
// run.
func (s *step) around() *step {
	if s.of != nil {
		return s.of
	}
	return s.turn.frame.step
}

// stopped gives the stop that reaches a step, the innermost first; nil where it
// may go on.
func (s *step) stopped() *stop {
	for at := s; at != nil; at = at.around() {
		if stop := at.area().stop; stop.reaches(at.place) {
			return stop
		}
	}
	return nil
}

// stopped is the same for what is due.
func (d due) stopped() bool {
	if d.step != nil {
		return d.step.stopped() != nil
	}
	f := d.turn.frame
	return f.stop.reaches(d.mark.place) || f.step != nil && f.step.stopped() != nil
}

// left takes note that something that was open in a frame or a foreach is
// through. What it was inside of, nil for the run, has to be looked at.
func (m *Machine) left(a *area, around *step) {
	a.open--
	m.touch(around)
}

// touch notes that a step with others inside has to be looked at.
func (m *Machine) touch(s *step) {
	if s != nil && !s.touched {
		s.touched = true
		i, _ := slices.BinarySearchFunc(m.touched, s, func(a, b *step) int { return slices.Compare(a.place, b.place) })
		m.touched = slices.Insert(m.touched, i, s)
	}
}

// concludeFrame ends a step whose subgraph is through.
func (m *Machine) concludeFrame(s *step) {
	f := s.inner
	s.inner = nil
	delete(m.timers, stepDeadline+f.prefix)
	switch {
	case s.stopped() != nil:
		m.through(s)
	case f.stop != nil:
		m.failWithout(s, f.stop.failure, f.stop.input)
	default:
		output, failed := f.finish()
		if failed == nil {
			failed = s.check(s.node.Out, output, "the subgraph's output")
		}
		if failed != nil {
			failed.Node, failed.Step = s.node.Name, s.id
			m.failWithout(s, *failed, s.input)
			return
		}
		m.conclude(s, output)
	}
}

// conclude decides that a step without attempts of its own has succeeded; or
// that it fails, because its writes or conditions do.
func (m *Machine) conclude(s *step, output document.Document) {
	v, failed := m.judge(s, output)
	if failed != nil {
		m.failWithout(s, *failed, s.input)
		return
	}
	s.verdict = v
	m.owe(owed{step: s, body: stepSucceeded(s)})
}

// name says which graph it is.
func (f *frame) name() string {
	if f.step == nil {
		return "the run"
	}
	return fmt.Sprintf("the subgraph of step %q", f.step.id)
}

// deadlineText words a deadline.
func deadlineText(what string, d time.Duration) string {
	return what + " took longer than its deadline of " + d.String()
}
