package stepper_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// FuzzApply gives machines journals that nobody wrote: whatever stands in them,
// an event is taken or is an ImpossibleError.
func FuzzApply(f *testing.F) {
	all, err := scenario.All()
	if err != nil {
		f.Fatal(err)
	}
	for i, s := range all {
		g, err := s.Graph()
		if err != nil {
			f.Fatal(err)
		}
		w := &world{graph: g, nodes: s.Script.Invoke, calls: s.Script.Calls, input: s.Script.Input, cancelAt: s.Script.CancelAt, signals: s.Script.Signals, forked: s.Script.Forked}
		w.run(f)
		f.Add(i, []byte(lines(w.events)))
	}
	f.Fuzz(func(t *testing.T, i int, journal []byte) {
		g, err := all[uint(i)%uint(len(all))].Graph()
		if err != nil {
			t.Fatal(err)
		}
		m := stepper.New(g)
		for line := range bytes.Lines(journal) {
			e, err := event.Decode(line)
			if err != nil {
				continue
			}
			if a, ok := e.Body.(event.AttemptFailed); ok {
				m.Judge(event.Outcome{Attempt: a.Attempt, Failure: &a.Failure, Output: a.Output})
			}
			if c, ok := e.Body.(event.CapabilityAnswered); ok && c.Ordinal%2 == 0 {
				m.Admit(c.Attempt)
			}
			if _, err := m.Apply(e); err != nil {
				if _, ok := errors.AsType[*stepper.ImpossibleError](err); !ok {
					t.Fatalf("%v is no ImpossibleError", err)
				}
			}
			m.Open()
		}
	})
}
