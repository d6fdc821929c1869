package cassette

import (
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// DivergedError means that a run asks for something else than what was recorded:
// the graph, a module, the input, the seed or the time that a node reads is
// another one. Record the run anew, or find out why.
type DivergedError struct {
	Asked    event.CapabilityAnswered  // without an answer
	Recorded *event.CapabilityAnswered // nil: nothing was recorded there
}

// excerptBytes is how much of a request a message shows.
const excerptBytes = 120

// Error implements error.
func (e *DivergedError) Error() string {
	a := e.Asked
	at := fmt.Sprintf("the cassette has diverged at step %q, attempt %d, call %d", a.Step, a.Number, a.Ordinal)
	r := e.Recorded
	switch {
	case r == nil:
		return fmt.Sprintf("%s: nothing was recorded there, and the node calls %s.%s", at, a.Capability, a.Method)
	case r.Capability != a.Capability || r.Method != a.Method:
		return fmt.Sprintf("%s: recorded %s.%s, asked %s.%s", at, r.Capability, r.Method, a.Capability, a.Method)
	}
	pointer, recorded, asked := difference("", r.Request, a.Request)
	if pointer == "" {
		pointer = "the document"
	}
	return fmt.Sprintf("%s: the request to %s.%s differs at %s:\n  recorded %s\n  asked    %s",
		at, a.Capability, a.Method, pointer, recorded, asked)
}

// difference finds the first place, in the order of a's members, where two
// documents differ.
func difference(at string, a, b document.Document) (pointer, was, is string) {
	switch kind := a.Kind(); {
	case kind != b.Kind():
	case kind == document.KindObject:
		fields, others := a.Fields(), map[string]document.Document{}
		for _, f := range b.Fields() {
			others[f.Key] = f.Value
		}
		for _, f := range fields {
			other, ok := others[f.Key]
			if !ok || !f.Value.Equal(other) {
				return difference(at+"/"+escape(f.Key), f.Value, other)
			}
			delete(others, f.Key)
		}
		for _, f := range b.Fields() {
			if _, more := others[f.Key]; more {
				return at + "/" + escape(f.Key), "nothing", excerpt(f.Value)
			}
		}
	case kind == document.KindArray:
		items, others := a.Items(), b.Items()
		for i := range max(len(items), len(others)) {
			pointer := fmt.Sprintf("%s/%d", at, i)
			switch {
			case i >= len(items):
				return pointer, "nothing", excerpt(others[i])
			case i >= len(others):
				return pointer, excerpt(items[i]), "nothing"
			case !items[i].Equal(others[i]):
				return difference(pointer, items[i], others[i])
			}
		}
	}
	return at, excerpt(a), excerpt(b)
}

func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

func excerpt(d document.Document) string {
	if d.IsZero() {
		return "nothing"
	}
	s := d.String()
	if len(s) > excerptBytes {
		s = strings.ToValidUTF8(s[:excerptBytes], "") + "…"
	}
	return s
}
