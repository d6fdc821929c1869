package stepper

// What calls of capabilities use up, and the budgets that bound it. A budget counts
// all that is inside of its graph, from when that is entered: a subgraph has it
// anew in each turn and element.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// spending is what an open step has used of capabilities. It goes with the step.
type spending struct {
	before   []Used // by earlier attempts, sorted by name
	now      []Used // by the last attempt that began, sorted by name
	ordinal  int    // of that attempt's last call
	admitted int    // calls that the attempt may make and has not recorded
	rejected int    // answers of the step that were rejected as invalid_output
}

// newAttempt begins to count another attempt.
func (s *spending) newAttempt() {
	for _, u := range s.now {
		s.before = plus(s.before, u.Capability, u.Usage)
	}
	s.now, s.ordinal = nil, 0
}

// plus adds to what was used of one capability.
func plus(list []Used, capability string, u event.Usage) []Used {
	i, found := slices.BinarySearchFunc(list, capability, func(u Used, name string) int { return strings.Compare(u.Capability, name) })
	if !found {
		list = slices.Insert(list, i, Used{Capability: capability})
	}
	list[i].Usage = list[i].Plus(u)
	return list
}

// around gives the frame that a frame is inside of; nil: it is the run's.
func (f *frame) around() *frame {
	if f.step == nil {
		return nil
	}
	return f.step.turn.frame
}

// Admit asks whether the budgets have room for one call more of an attempt that
// is under way, and takes the room: until its CapabilityAnswered, with 1 as
// Usage.Calls, has been applied, or the attempt has ended.
//
// It changes nothing that Apply can see: a machine that is made again from its
// events has admitted nothing, as the attempts under way have made no calls then.
func (m *Machine) Admit(a event.Attempt) bool {
	s, err := m.running(a)
	if err != nil || m.done {
		return false
	}
	for f := s.turn.frame; f != nil; f = f.around() {
		if b := f.graph.Budget; b != nil && (f.spent(b, 0) != "" || b.Calls > 0 && f.used.Calls+int64(f.admitted) >= b.Calls) {
			return false
		}
	}
	s.spending.admitted++
	for f := s.turn.frame; f != nil; f = f.around() {
		f.admitted++
	}
	return true
}

// settleCalls gives back the room of n calls that were admitted.
func (s *step) settleCalls(n int) {
	n = min(n, s.spending.admitted)
	if n == 0 {
		return
	}
	s.spending.admitted -= n
	for f := s.turn.frame; f != nil; f = f.around() {
		f.admitted -= n
	}
}

// capabilityAnswered counts what a call used up, and stops the run where that is
// beyond a budget.
func (m *Machine) capabilityAnswered(e event.CapabilityAnswered) error {
	s, err := m.running(e.Attempt)
	switch {
	case err != nil:
		return err
	case e.Ordinal != s.spending.ordinal+1:
		return fmt.Errorf("call %d of step %q, attempt %d, does not follow call %d", e.Ordinal, s.id, s.attempt, s.spending.ordinal)
	case !e.Usage.Valid():
		return errors.New("its usage is negative")
	case e.Failure != nil && !e.Failure.Code.Known():
		return fmt.Errorf("no failure has the code %q", e.Failure.Code)
	}
	s.spending.ordinal++
	s.spending.now = plus(s.spending.now, e.Capability, e.Usage)
	if e.Usage.Calls > 0 {
		s.settleCalls(1)
	}
	var beyond string
	for f := s.turn.frame; f != nil; f = f.around() {
		f.used = f.used.Plus(e.Usage)
		if b := f.graph.Budget; b != nil && beyond == "" {
			beyond = f.spent(b, 1)
		}
	}
	if e.Failure != nil && e.Failure.Code == failure.Budget && beyond == "" {
		beyond = s.noRoom(*e.Failure)
	}
	if beyond != "" {
		why := s.failed(failure.Budget, beyond)
		why.Attempt = s.attempt
		m.stopFrame(m.run, event.Failed, readable(why))
	}
	return nil
}

// spent says what of a budget has been used up (beyond = 0), or of what more than
// it allows has been used (1); "": nothing.
func (f *frame) spent(b *graph.Budget, beyond int64) string {
	for _, d := range f.dimensions(b) {
		if d.limit > 0 && d.used >= d.limit+beyond {
			return f.budgetText(d)
		}
	}
	return ""
}

// dimension is one thing that budgets bound.
type dimension struct {
	key         string
	used, limit int64
}

func (f *frame) dimensions(b *graph.Budget) []dimension {
	return []dimension{
		{"calls", f.used.Calls, b.Calls},
		{"tokens", f.used.Tokens(), b.Tokens},
		{"cost", f.used.Cost, b.Cost},
	}
}

// noRoom words why a call was not admitted: a budget is used up, or what is left
// of its calls was under way.
func (s *step) noRoom(refused failure.Failure) string {
	for f := s.turn.frame; f != nil; f = f.around() {
		if b := f.graph.Budget; b != nil {
			if text := f.spent(b, 0); text != "" {
				return text
			}
		}
	}
	for f := s.turn.frame; f != nil; f = f.around() {
		if b := f.graph.Budget; b != nil && b.Calls > 0 {
			return f.budgetText(f.dimensions(b)[0]) + " (the others are under way)"
		}
	}
	return refused.Message
}

func (f *frame) budgetText(d dimension) string {
	used, limit := strconv.FormatInt(d.used, 10)+" "+d.key, strconv.FormatInt(d.limit, 10)
	if d.key == "cost" {
		used, limit = "a cost of "+event.CostText(d.used), event.CostText(d.limit)
	}
	of := ""
	if f.step != nil {
		of = fmt.Sprintf(" of graph %q", f.graph.Name)
	}
	return fmt.Sprintf("%s has used %s, and its budget is %s: to allow more, raise %s in [budget]%s", f.name(), used, limit, d.key, of)
}
