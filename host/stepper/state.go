package stepper

import (
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// state is what one place of a run sees of the declared keys: the updates of
// its ancestors that ran, reduced in canonical order. Immutable and shared; nil
// is the state in which nothing has been written.
//
// With the reducer replace, the last update in canonical order is all that is
// left of a key. Merging then needs no list of ancestors: the last of the lasts
// is the last of all.
type state struct {
	cells    []*cell // by graph.StateKey.Index; nil: the initial value
	document document.Document
}

// cell is the value of one key and where it was written.
type cell struct {
	by    place
	value document.Document
}

// update is one write of a step that is about to be committed.
type update struct {
	key   *graph.StateKey
	value document.Document
}

// with gives the state after the updates of the step at the place by.
func (s *state) with(keys int, by place, updates []update) *state {
	if len(updates) == 0 {
		return s
	}
	after := &state{cells: make([]*cell, keys)}
	if s != nil {
		copy(after.cells, s.cells)
	}
	for _, u := range updates {
		after.cells[u.key.Index] = &cell{by: by, value: u.value}
	}
	return after
}

// merge joins what two branches saw.
func merge(a, b *state) *state {
	if a == b || b == nil {
		return a
	}
	if a == nil {
		return b
	}
	onlyA, onlyB := true, true
	for i := range a.cells {
		if later(a.cells[i], b.cells[i]) == a.cells[i] {
			onlyB = onlyB && a.cells[i] == b.cells[i]
		} else {
			onlyA = false
		}
	}
	switch {
	case onlyA:
		return a
	case onlyB:
		return b
	}
	joined := &state{cells: make([]*cell, len(a.cells))}
	for i := range a.cells {
		joined.cells[i] = later(a.cells[i], b.cells[i])
	}
	return joined
}

// later is the one of two cells that was written later in canonical order.
func later(a, b *cell) *cell {
	switch {
	case a == b, b == nil:
		return a
	case a == nil, a.by.before(b.by):
		return b
	}
	return a
}

// stateDocument gives the state as expressions see it: an object of all keys in
// the order of the file.
func (m *Machine) stateDocument(s *state) document.Document {
	if s == nil {
		s = m.untouched
	}
	if s.document.IsZero() {
		fields := make([]document.Field, len(m.graph.State))
		for i, key := range m.graph.State {
			value := key.Initial
			if s.cells[i] != nil {
				value = s.cells[i].value
			}
			if value.IsZero() {
				value = document.Null()
			}
			fields[i] = document.Field{Key: key.Name, Value: value}
		}
		s.document = document.Object(fields...)
	}
	return s.document
}
