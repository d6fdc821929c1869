package stepper

import (
	"errors"
	"fmt"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// step is an activation of a node that is not through.
type step struct {
	mark
	turn   *turn
	unit   *unit
	before *state // what it sees

	arrivals []arrival         // the edges that led to it, by node
	byNode   document.Document // them as an object, once it was asked for
	arrived  document.Document // the default input
	input    document.Document // what the node is given
	feedback []failure.Violation

	attempt int       // the last that began; 0: none did
	began   time.Time // of the first attempt
	at      time.Time // of the last attempt
	running bool      // an attempt is under way; else the step waits for another
	aborted failure.Code
	refused failure.Code // of the last attempt that failed
	overdue bool         // its deadline has passed
	waking  string
	verdict *verdict // of the outcome that was judged last
}

// begin activates a node: it decides on AttemptStarted, or on StepFailed where
// the step cannot have an attempt.
func (m *Machine) begin(d due) {
	limit := orDefault(m.graph.MaxSteps, graph.DefaultMaxSteps)
	if m.begun >= limit {
		f := d.mark.failed(failure.MaxSteps, fmt.Sprintf("the run has begun %d steps, which is all that it may (max_steps)", limit))
		m.stopRun(event.Failed, f)
		return
	}
	m.begun++
	s := &step{mark: d.mark, turn: d.turn, unit: d.unit, before: d.seat.state}
	m.arrive(s, d)
	s.input = s.arrived
	if stay := d.turn.entry; stay != nil {
		stay.visits[s.node]++
		if limit := orDefault(s.node.MaxVisits, graph.DefaultMaxVisits); stay.visits[s.node] > limit {
			m.failWithout(s, s.failed(failure.MaxVisits,
				fmt.Sprintf("node %q was activated more than %d times since its loop was entered (max_visits)", s.node.Name, limit)))
			return
		}
	}
	input, err := m.bind(s)
	if err != nil {
		m.failWithout(s, s.failed(failure.ExpressionError, err.Error()))
		return
	}
	s.input = input
	m.owe(owed{step: s, body: event.AttemptStarted{Attempt: s.name(1)}})
}

// failWithout decides that a step fails without an attempt.
func (m *Machine) failWithout(s *step, f failure.Failure) {
	m.owe(owed{step: s, body: event.StepFailed{Step: s.id, Node: s.node.Name, Failure: f}})
}

// name names an attempt of the step.
func (s *step) name(number int) event.Attempt {
	return event.Attempt{Step: s.id, Node: s.node.Name, Number: number}
}

// attemptStarted begins an attempt.
func (m *Machine) attemptStarted(o *owed, now time.Time) {
	s := o.step
	s.attempt++
	s.running, s.at = true, now
	if s.attempt == 1 {
		s.began = now
		m.active[s.id] = s
		if s.node.Deadline > 0 {
			m.setTimer(stepDeadline+s.id, timer{at: now.Add(s.node.Deadline), kind: endsStep, step: s})
		}
	}
	m.tell(m.invoke(s))
}

// invoke is the command that carries out the attempt under way.
func (m *Machine) invoke(s *step) Invoke {
	return Invoke{
		Attempt:  s.name(s.attempt),
		Time:     s.at,
		Seed:     attemptSeed(m.seed, s.id, s.attempt),
		Input:    s.input,
		Feedback: s.feedback,
	}
}

// running finds the step of an attempt that is under way.
func (m *Machine) running(a event.Attempt) (*step, error) {
	s := m.active[a.Step]
	switch {
	case s == nil:
		return nil, fmt.Errorf("no step %q is under way", a.Step)
	case s.node.Name != a.Node:
		return nil, fmt.Errorf("step %q is of node %q, not %q", a.Step, s.node.Name, a.Node)
	case !s.running:
		return nil, fmt.Errorf("step %q has no attempt under way", a.Step)
	case s.attempt != a.Number:
		return nil, fmt.Errorf("step %q is at attempt %d, not %d", a.Step, s.attempt, a.Number)
	}
	return s, nil
}

// succeeded commits a step: its writes, and the decision of each of its edges.
func (m *Machine) succeeded(e event.AttemptSucceeded) error {
	s, err := m.running(e.Attempt)
	switch {
	case err != nil:
		return err
	case s.aborted != "":
		return fmt.Errorf("step %q was aborted (%s)", s.id, s.aborted)
	case e.Output.IsZero():
		return errors.New("it has no output")
	}
	v := s.verdict
	if v == nil || !v.of(e.Output) {
		var f *failure.Failure
		if v, f = m.judge(s, e.Output); f != nil {
			return fmt.Errorf("step %q fails with %s: %s", s.id, f.Code, f.Message)
		}
	}
	m.through(s)
	s.turn.ran(s.mark)
	if m.bestAt == nil || m.bestAt.before(s.place) {
		m.best, m.bestAt = ending{s.node, e.Output}, s.place
	}
	if m.layout.ends[s.node.Index] {
		s.turn.ends = append(s.turn.ends, ending{s.node, e.Output})
	}
	s.turn.state = merge(s.turn.state, v.after)
	m.leave(s.turn, s.unit, func(i int, _ *graph.Edge) arrival {
		return arrival{taken: v.taken[i], output: e.Output, state: v.after}
	})
	return nil
}

// skipped passes "not taken" on to the edges of a node that no edge leads to.
func (m *Machine) skipped(d due) {
	m.leave(d.turn, d.unit, func(int, *graph.Edge) arrival {
		return arrival{state: d.seat.state}
	})
}

// through ends the activity of a step.
func (m *Machine) through(s *step) {
	delete(m.active, s.id)
	delete(m.timers, stepDeadline+s.id)
	delete(m.timers, s.waking)
	s.running = false
}

func orDefault(n, fallback int) int {
	if n <= 0 {
		return fallback
	}
	return n
}
