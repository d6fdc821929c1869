package inspect

import (
	"iter"
	"strings"

	"github.com/chainrun/chainrun/host/event"
)

// Calls gives the calls of capabilities that a [Step] counts, in the order in
// which they were answered: those of all its attempts, and of a foreach also those
// of its elements and of what is inside them.
func Calls(events iter.Seq[event.Event], step string) iter.Seq[event.CapabilityAnswered] {
	return func(yield func(event.CapabilityAnswered) bool) {
		for e := range events {
			c, ok := e.Body.(event.CapabilityAnswered)
			if !ok || c.Step != step && !strings.HasPrefix(c.Step, step+"#") {
				continue
			}
			if !yield(c) {
				return
			}
		}
	}
}
