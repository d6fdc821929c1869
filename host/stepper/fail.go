package stepper

import (
	"fmt"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// stop is why a run, a subgraph or a foreach comes to an end before it is at rest.
type stop struct {
	// at is the place of the step or element that failed. What is earlier in
	// canonical order goes on, as if steps ran one at a time; the rest is not
	// begun. nil: all of it stops at once.
	at      place
	status  event.Status // of a run
	failure failure.Failure
	input   document.Document // what the failure goes with
}

// reaches reports whether what stands at p must not begin any more.
func (s *stop) reaches(p place) bool {
	return s != nil && (s.at == nil || !p.before(s.at))
}

// attemptFailed tries a step again, or sends its failure along an edge, or
// stops the run.
func (m *Machine) attemptFailed(e event.AttemptFailed, now time.Time) error {
	s, err := m.attempted(e.Attempt, e.From, "")
	if err != nil {
		return err
	}
	if !e.Failure.Code.Known() {
		return fmt.Errorf("no failure has the code %q", e.Failure.Code)
	}
	m.runs(s, false)
	f := e.Failure
	if s.stopped() != nil {
		m.through(s)
		return nil
	}
	if f.Code == failure.InvalidOutput {
		s.feedback = feedback(f)
		s.spending.rejected++
	}
	s.refused = f.Code
	// What a fork takes over stands for all attempts of the step.
	if e.From == nil {
		if due, ok := m.again(s, f, now); ok {
			m.tryAgain(s, due, now)
			return nil
		}
	}
	m.fail(s, f, s.input)
	return nil
}

// feedback is what the next attempt is told of the one before: never nothing.
func feedback(f failure.Failure) []failure.Violation {
	if len(f.Violations) > 0 {
		return f.Violations
	}
	return []failure.Violation{{Message: f.Message}}
}

// stepFailed takes the fact that a step failed without an attempt of its own.
func (m *Machine) stepFailed(o *owed, f failure.Failure) {
	if o.due.conflict {
		frame := o.due.turn.frame
		m.stopIn(&frame.area, &stop{at: o.due.mark.place, status: event.Failed, failure: f}, failure.Canceled)
		m.left(&frame.area, frame.step)
		return
	}
	m.fail(o.step, f, o.input)
}

// fail ends a step with an unrecovered failure: it goes along the first failure
// edge that matches its code and whose condition holds; without one it stops
// the run or the subgraph. That of an element goes to its foreach. input is the
// document that the failure goes with.
func (m *Machine) fail(s *step, f failure.Failure, input document.Document) {
	if s.of != nil {
		m.through(s)
		m.elementFailed(s, f, input)
		return
	}
	s.turn.ran(s.mark)
	var chosen *graph.Edge
	if routable(f.Code) {
		chosen = m.choose(s, &f, input)
	}
	if chosen == nil {
		s.untaken = true
		m.through(s)
		m.stopIn(&s.turn.frame.area, &stop{at: s.place, status: event.Failed, failure: f, input: input}, failure.Canceled)
		return
	}
	carried := failureDocument(f, input)
	s.turn.state = merge(s.turn.state, s.before)
	m.leave(s.turn, s.unit, func(_ int, e *graph.Edge) arrival {
		if e != chosen {
			return arrival{state: s.before}
		}
		return arrival{from: s.id, taken: true, output: carried, state: s.before}
	})
	m.through(s)
}

// routable reports whether a step's failure can be routed. The limits of the run
// itself fail no step; those that do are a subgraph's own.
func routable(c failure.Code) bool {
	return c.Routable() || c == failure.MaxSteps || c == failure.Deadline
}

// choose finds the failure edge to take. A condition that fails counts as not
// holding; the failure says so.
func (m *Machine) choose(s *step, f *failure.Failure, input document.Document) *graph.Edge {
	for _, e := range s.node.Outgoing {
		if !e.Failure || len(e.On) > 0 && !slices.Contains(e.On, f.Code) {
			continue
		}
		ok, err := m.holds(e, view{step: s, failure: failureDocument(*f, input), state: s.before})
		if err != nil {
			f.Message += fmt.Sprintf("; the %v", err)
			*f = readable(*f)
		}
		if ok && err == nil {
			return e
		}
	}
	return nil
}

// failureDocument is what a failure edge carries. Each member is always there,
// so that conditions need not ask.
func failureDocument(f failure.Failure, input document.Document) document.Document {
	text := document.String
	violations := make([]document.Document, len(f.Violations))
	for i, v := range f.Violations {
		violations[i] = document.Object(
			document.Field{Key: "pointer", Value: text(v.Pointer)},
			document.Field{Key: "keyword", Value: text(v.Keyword)},
			document.Field{Key: "message", Value: text(v.Message)},
			document.Field{Key: "found", Value: text(v.Found)},
		)
	}
	attempt, err := document.FromValue(f.Attempt)
	if err != nil {
		attempt = document.Null()
	}
	return document.Object(
		document.Field{Key: "code", Value: text(string(f.Code))},
		document.Field{Key: "reason", Value: text(f.Reason)},
		document.Field{Key: "message", Value: text(f.Message)},
		document.Field{Key: "node", Value: text(f.Node)},
		document.Field{Key: "step", Value: text(f.Step)},
		document.Field{Key: "attempt", Value: attempt},
		document.Field{Key: "violations", Value: document.Array(violations...)},
		document.Field{Key: "input", Value: input},
	)
}

// conflict is the failure of a turn that took an edge back and, on success, a
// conditional edge out.
func conflict(last mark) failure.Failure {
	return last.failed(failure.LoopConflict,
		"the turn took both an edge back and a conditional edge out of the loop: the conditions must exclude each other")
}

// stopIn ends a run, a subgraph or a foreach as if steps ran one at a time in
// canonical order: the first failure in that order counts, what is later is
// aborted.
func (m *Machine) stopIn(a *area, why *stop, cause failure.Code) {
	if a.stop != nil && (a.stop.at == nil || why.at != nil && !why.at.before(a.stop.at)) {
		return
	}
	a.stop = why
	if a.open > 0 {
		m.abortLater(cause)
	}
}

// stopFrame ends all of a run, or of a subgraph, at once.
func (m *Machine) stopFrame(f *frame, status event.Status, why failure.Failure) {
	if f.step != nil {
		why.Node, why.Step = f.step.node.Name, f.step.id
	}
	m.stopIn(&f.area, &stop{status: status, failure: why, input: f.input}, why.Code)
	m.touch(f.step)
}

// abortLater aborts the attempts that a stop reaches and forgets the steps that
// wait for another one, or for a signal, and what is held.
func (m *Machine) abortLater(cause failure.Code) {
	for _, s := range m.inOrder() {
		m.release(s) // what the stop does not reach is held again
		switch {
		case s.stopped() == nil:
		case s.running:
			m.abort(s, cause)
		case s.inner != nil || s.each != nil:
			m.touch(s) // it is through when all inside is
		default:
			m.through(s)
		}
	}
}

func (m *Machine) abort(s *step, cause failure.Code) {
	if s.aborted == "" {
		s.aborted = cause
		m.tell(Abort{Attempt: s.name(s.attempt), Cause: cause})
	}
}

// abortion is the failure of an attempt that was aborted.
func (m *Machine) abortion(s *step) failure.Failure {
	stop := s.stopped()
	switch {
	case s.overdue:
		return s.overdueFailure()
	case stop == nil:
		return s.failed(s.aborted, "the attempt was aborted")
	case stop.at != nil && stop == m.run.stop:
		return s.failed(s.aborted, fmt.Sprintf("step %q failed, which stops the run", stop.failure.Step))
	case stop.at != nil:
		return s.failed(s.aborted, fmt.Sprintf("%q failed, which stops what comes after it", stop.failure.Step))
	}
	return s.failed(s.aborted, stop.failure.Message)
}

// cancel stops the run because somebody asked for it.
func (m *Machine) cancel(e event.CancelRequested) {
	text := "the run was canceled"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	m.stopFrame(m.run, event.Canceled, failure.Failure{Code: failure.Canceled, Message: text})
}

// inOrder gives the active steps in canonical order.
func (m *Machine) inOrder() []*step {
	steps := make([]*step, 0, len(m.active))
	for _, s := range m.active {
		steps = append(steps, s)
	}
	slices.SortFunc(steps, func(a, b *step) int { return slices.Compare(a.place, b.place) })
	return steps
}
