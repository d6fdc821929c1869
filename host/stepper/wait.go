package stepper

import (
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// SignalError means that a signal cannot be taken: no step waits for it, or its
// document breaks the step's schema. The run has not changed; the sender is to
// be told.
type SignalError struct {
	Step       string
	Text       string
	Violations []failure.Violation
}

// Error implements error.
func (e *SignalError) Error() string {
	text := fmt.Sprintf("signal for step %q: %s", e.Step, e.Text)
	if len(e.Violations) > 0 {
		text += ": " + failure.Summary(e.Violations)
	}
	return text
}

// CheckSignal says whether a signal can be taken now. A driver asks before it
// records SignalReceived. The error is a [*SignalError].
func (m *Machine) CheckSignal(id string, answer document.Document) error {
	s := m.active[id]
	switch {
	case m.done:
		return &SignalError{Step: id, Text: "the run is over"}
	case m.answered[id]:
		return &SignalError{Step: id, Text: "it has been answered already"}
	case s == nil || !s.waiting:
		text := "no such step waits for a signal"
		if waits := m.Waits(); len(waits) > 0 {
			text += "; waiting: " + strings.Join(waits, ", ")
		}
		return &SignalError{Step: id, Text: text}
	case answer.IsZero():
		return &SignalError{Step: id, Text: "it has no document"}
	}
	if f := s.check(s.node.Out, answer, "the answer"); f != nil {
		return &SignalError{Step: id, Text: f.Message, Violations: f.Violations}
	}
	return nil
}

// Waits lists the steps that wait for a signal, in canonical order.
func (m *Machine) Waits() []string {
	var ids []string
	for _, s := range m.inOrder() {
		if s.waiting {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// Waiting reports whether a step waits for a signal.
func (m *Machine) Waiting(id string) bool {
	s := m.active[id]
	return s != nil && s.waiting
}

// Resting reports whether only signals, or the timeouts of those who wait for
// them, can carry the run on.
func (m *Machine) Resting() bool {
	// What neither waits nor has others inside has an attempt under way, or rests
	// before the next one.
	return m.waits > 0 && m.waits+m.composites == len(m.active) && !m.done && !m.owing
}

// beginWait lets a step rest until its signal comes.
func (m *Machine) beginWait(s *step) {
	s.waiting = true
	m.waits++
	if s.node.Timeout > 0 {
		s.waking = waitTimeout + s.id
		m.setTimer(s.waking, timer{at: m.now.Add(s.node.Timeout), kind: endsWait, step: s})
	}
	if s.of != nil {
		m.rests(s)
	}
}

// signalReceived takes the answer that a step waits for: it is what the step's
// attempt gives.
func (m *Machine) signalReceived(e event.SignalReceived) error {
	if err := m.CheckSignal(e.Step, e.Document); err != nil {
		return err
	}
	s := m.active[e.Step]
	m.answered[e.Step] = true
	v, f := m.judge(s, e.Document)
	if f != nil {
		m.owe(owed{step: s, body: event.AttemptFailed{Attempt: s.name(s.attempt), Failure: *f, Output: e.Document}})
		return nil
	}
	s.verdict = v
	m.owe(owed{step: s, body: event.AttemptSucceeded{Attempt: s.name(s.attempt), Output: e.Document}})
	return nil
}
