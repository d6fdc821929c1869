package stepper

import (
	"fmt"
	"strconv"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// The names of timers. A step's id follows the prefix.
const (
	runDeadline  = "deadline"
	stepDeadline = "deadline/"
	stepRetry    = "retry/"
	waitTimeout  = "timeout/"
)

// timer is a moment that the machine waits for.
type timer struct {
	at    time.Time
	kind  wake
	step  *step
	frame *frame
}

type wake uint8

const (
	endsFrame wake = iota // the deadline of the run, or of a subgraph
	endsStep              // a step's
	endsWait              // the time that a step waits for its signal
	retries               // a step's next attempt
)

// setTimer waits for a moment, in whole microseconds as all times of a run.
func (m *Machine) setTimer(name string, t timer) {
	if whole := t.at.Truncate(time.Microsecond); whole.Before(t.at) {
		t.at = whole.Add(time.Microsecond)
	}
	m.timers[name] = t
	m.tell(Wake{Timer: name, At: t.at})
}

// Awaits reports whether the run still waits for a timer that a [Wake] asked
// for. A driver drops the others: a step that is through needs no deadline.
func (m *Machine) Awaits(name string) bool {
	_, ok := m.timers[name]
	return ok && !m.done
}

// timerFired does what the machine waited to do.
func (m *Machine) timerFired(e event.TimerFired, now time.Time) error {
	t, ok := m.timers[e.Timer]
	switch {
	case !ok:
		return fmt.Errorf("nothing waits for the timer %q", e.Timer)
	case now.Before(t.at):
		return fmt.Errorf("the timer %q is due at %s", e.Timer, t.at.Format(time.RFC3339Nano))
	}
	delete(m.timers, e.Timer)
	s := t.step
	switch t.kind {
	case endsFrame:
		m.stopFrame(t.frame, event.Failed, failure.Failure{
			Code: failure.Deadline, Message: deadlineText(t.frame.name(), t.frame.graph.Deadline),
		})
	case endsStep:
		m.overdue(s)
	case endsWait:
		f := s.failed(failure.Timeout, fmt.Sprintf("no signal came within %s", s.node.Timeout))
		f.Attempt = s.attempt
		m.owe(owed{step: s, body: event.AttemptFailed{Attempt: s.name(s.attempt), Failure: f}})
	case retries:
		if s.of != nil {
			m.wants(s)
			return nil
		}
		m.enqueue(due{mark: s.mark, turn: s.turn, step: s})
	}
	return nil
}

// overdue ends a step that has run past its deadline.
func (m *Machine) overdue(s *step) {
	s.overdue = true
	var inside *area
	switch {
	case s.each != nil:
		inside = &s.each.area
	case s.inner != nil:
		inside = &s.inner.area
	case s.running:
		m.abort(s, failure.Timeout)
		return
	default:
		m.failWithout(s, s.overdueFailure(), s.input)
		return
	}
	m.stopIn(inside, &stop{failure: s.overdueFailure(), input: s.input}, failure.Timeout)
	m.touch(s)
}

// tryAgain waits for a step's next attempt.
func (m *Machine) tryAgain(s *step, due, now time.Time) {
	if !due.After(now) {
		m.owe(owed{step: s, body: event.AttemptStarted{Attempt: s.name(s.attempt + 1)}})
		return
	}
	if s.of != nil {
		m.rests(s)
	}
	s.waking = stepRetry + s.id + "/" + strconv.Itoa(s.attempt+1)
	m.setTimer(s.waking, timer{at: due, kind: retries, step: s})
}

// overdueFailure is the failure of a step that ran past its deadline.
func (s *step) overdueFailure() failure.Failure {
	text := deadlineText("the step", s.node.Deadline)
	if s.refused != "" {
		text += fmt.Sprintf("; the attempt before failed with %s", s.refused)
	}
	f := s.failed(failure.Timeout, text)
	f.Attempt = s.attempt
	return f
}
