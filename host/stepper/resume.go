package stepper

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// MaxInterruptions is how often the host may stop in the middle of one attempt: a
// node that takes its host down with it must not do so for ever. When the run is
// resumed for the last of these times, the attempt fails with code interrupted.
const MaxInterruptions = 5

// resumed asks again for all that is open: who carried it out is gone.
func (m *Machine) resumed() {
	for _, s := range m.inOrder() {
		if !s.running || s.aborted != "" {
			continue // what was aborted fails anyway
		}
		if s.stops++; s.stops == MaxInterruptions {
			m.broken = append(m.broken, s)
		}
	}
	for _, c := range m.Open() {
		if call, ok := c.(Invoke); ok && slices.Contains(m.broken, m.active[call.Step]) {
			continue
		}
		m.tell(c)
	}
}

// giveUp decides that the first of the broken attempts has failed.
func (m *Machine) giveUp() {
	s := m.broken[0]
	m.broken = m.broken[1:]
	f := s.failed(failure.Interrupted, fmt.Sprintf("the host stopped %d times in the middle of this attempt", MaxInterruptions))
	f.Attempt = s.attempt
	m.owe(owed{step: s, body: event.AttemptFailed{Attempt: s.name(s.attempt), Failure: f}})
}

// Open gives what a run still waits for between two batches: an Invoke for each
// attempt under way, in canonical order, then a Wake for each timer, by name. It is what
// a RunResumed asks for again. Used of
// such an Invoke is without the attempt's own answers: they are the events
// CapabilityAnswered of the journal since its AttemptStarted, and the next of its
// calls has the ordinal after theirs.
func (m *Machine) Open() []Command {
	if m.done {
		return nil
	}
	var open []Command
	for _, s := range m.inOrder() {
		if s.running {
			open = append(open, m.invoke(s))
		}
		if s.aborted != "" {
			open = append(open, Abort{Attempt: s.name(s.attempt), Cause: s.aborted})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.timers)) {
		open = append(open, Wake{Timer: name, At: m.timers[name].at})
	}
	return open
}
