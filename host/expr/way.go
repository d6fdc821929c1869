package expr

// Fields of variables, which are read out of the document as it is written: what an
// expression does not ask for is not decoded.

import (
	"slices"

	"github.com/chainrun/chainrun/host/document"
)

// way leads from a variable to what one of its fields, or a field of that, has.
type way struct {
	slot  int // of the variable
	names []string
	seen  int // where a frame keeps what it has found
}

// longestWay is how many names there are at most.
const longestWay = 8

// seen is what is at the end of a way, once it was looked at.
type seen struct {
	value any
	found document.Found
}

// way gives the way to a field; nil where it is no field of a variable's, or of its
// fields'.
func (p *planner) way(n *field) *way {
	var w way
	switch x := n.x.(type) {
	case *variable:
		w.slot = x.slot
	case *field:
		if x.way == nil || x.mode != take || len(x.way.names) == longestWay {
			return nil
		}
		w = *x.way
	default:
		return nil
	}
	w.names, w.seen = append(slices.Clip(w.names), n.name), p.ways
	p.ways++
	return &w
}

// encoded reports whether a variable has not been decoded.
func (f *frame) encoded(slot int) bool {
	_, unset := f.slots[slot].(failed)
	return unset
}

// look goes a way, once.
func (f *frame) look(w *way) seen {
	at := &f.seen[w.seen]
	if at.found == document.Undecided {
		at.value, at.found = f.vars[f.names[w.slot]].Peek(w.names...)
	}
	return *at
}
