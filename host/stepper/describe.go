package stepper

import (
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// Description is what a step began from and, once it has succeeded, led to.
type Description struct {
	Step, Node string
	// From are the steps whose edges to it were taken, in canonical order. Empty for a
	// start, an element, and what is at the start of a subgraph.
	From []string
	// Input is what the step is given; of a foreach as a whole, the list that it goes
	// through. Absent: it has none yet, or failed in making it.
	Input document.Document
	// Before is the state that the step sees, an object of all keys; After is the same
	// with its writes. Absent where the graph that the step is in declares none; After
	// also until the step has succeeded, and of an element, which writes nothing.
	Before, After document.Document
	// Output is what the step gave: absent until it has succeeded.
	Output document.Document
	// Again says that an attempt has failed and another one follows; Stops that the step
	// has failed and nothing took it, neither a failure edge nor, of an element, a foreach
	// that collects: it ends the run, the subgraph or the foreach that it is in.
	Again, Stops bool
}

// Describe describes a step that is under way, or that came to its end with the last
// event applied; false of any other, and of one that was skipped. It changes nothing.
func (m *Machine) Describe(id string) (Description, bool) {
	s := m.known(id)
	if s == nil {
		return Description{}, false
	}
	f := s.turn.frame
	d := Description{
		Step: s.id, Node: s.node.Name, From: s.from(), Before: f.whole(s.before),
		Again: m.triesAgain(s), Stops: s.untaken,
	}
	if s.bound {
		d.Input = s.input
	} else if s.each != nil {
		if list, err := m.list(s); err == nil {
			d.Input = list
		}
	}
	if s.committed {
		d.Output = s.verdict.output
		if s.of == nil {
			d.After = f.whole(s.verdict.after)
		}
	}
	return d, true
}

// From is [Description.From] alone, of the same steps, and makes no documents.
func (m *Machine) From(id string) ([]string, bool) {
	s := m.known(id)
	if s == nil {
		return nil, false
	}
	return s.from(), true
}

// known gives a step that can be described; nil: there is none.
func (m *Machine) known(id string) *step {
	for _, s := range m.ended {
		if s.id == id {
			return s
		}
	}
	return m.active[id]
}

func (s *step) from() (steps []string) {
	if s.of != nil {
		return nil // its foreach came from there
	}
	for _, a := range s.arrivals {
		steps = append(steps, a.from)
	}
	return steps
}

// triesAgain reports whether a step rests before its next attempt.
func (m *Machine) triesAgain(s *step) bool {
	if m.active[s.id] != s || s.running || s.waiting || s.composite {
		return false
	}
	if m.owing && m.owed.step == s {
		_, next := m.owed.body.(event.AttemptStarted)
		return next
	}
	return true
}

// whole gives a state as an object of all keys; absent where the graph has none.
func (f *frame) whole(s *state) document.Document {
	if len(f.graph.State) == 0 {
		return document.Document{}
	}
	if s == nil {
		s = f.untouched
	}
	fields := make([]document.Field, len(f.graph.State))
	for i, key := range f.graph.State {
		fields[i] = document.Field{Key: key.Name, Value: s.valueOf(key)}
	}
	return document.Object(fields...)
}
