package stepper

// An element that is a subgraph rests when all inside does: there are waits,
// and steps before their next attempt, but no attempt. It gives its place back,
// and what becomes due inside is held until it has one again.

import "slices"

// runs notes that an attempt of a step is under way, or no longer: what the step
// is inside of does not rest meanwhile.
func (m *Machine) runs(s *step, running bool) {
	if s.running == running {
		return
	}
	s.running = running
	if !running {
		s.settleCalls(s.spending.admitted)
	}
	for at := s.around(); at != nil; at = at.around() {
		if running {
			at.busy++
			continue
		}
		if at.busy--; at.busy == 0 {
			m.mayRest(at)
		}
	}
}

// mayRest notes an element inside of which there may be no attempt.
func (m *Machine) mayRest(s *step) {
	if s.of == nil {
		return
	}
	i, noted := slices.BinarySearchFunc(m.idle, s, func(a, b *step) int { return slices.Compare(a.place, b.place) })
	if !noted {
		m.idle = slices.Insert(m.idle, i, s)
	}
}

// settleIdle lets the last of these elements rest, when nothing is due: those
// inside of others come first, because the next element may follow them.
func (m *Machine) settleIdle() {
	last := len(m.idle) - 1
	s := m.idle[last]
	m.idle = m.idle[:last]
	if s.busy == 0 && !m.over(s) {
		m.rests(s)
	}
}

// resting gives the innermost element around what is due that has no place; nil:
// nothing holds it.
func (d due) resting() *step {
	at := d.turn.frame.step
	if d.step != nil {
		at = d.step.around()
	}
	for at != nil && (at.of == nil || at.placed) {
		at = at.around()
	}
	return at
}

// hold keeps what is due until the element around it has a place again.
func (m *Machine) hold(s *step, d due) {
	s.held = append(s.held, d)
	m.wants(s)
}

// release makes due again what an element holds.
func (m *Machine) release(s *step) {
	held := s.held
	s.held = nil
	for _, d := range held {
		m.keepDue(d)
	}
}

// over reports whether a step has begun and is through.
func (m *Machine) over(s *step) bool { return s.hasBegun() && m.active[s.id] != s }

func (s *step) hasBegun() bool { return s.attempt > 0 || s.composite }
