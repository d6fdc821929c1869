package stepper

import (
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
)

// state is what one place of a run sees of the declared keys: the updates of
// its ancestors that ran, reduced in canonical order. Immutable and shared; nil
// is the state in which nothing has been written.
type state struct {
	cells    []*cell           // by graph.StateKey.Index; nil: the initial value
	document document.Document // of all keys, once it was asked for
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
		i := u.key.Index
		after.cells[i] = join(after.cells[i], newCell(u.key.Reduce, by, u.value))
	}
	return after
}

// set gives the state with these values of keys, in place of all updates of them that
// are earlier than the place by; later ones are reduced on top.
func (s *state) set(keys int, by place, sets []update) *state {
	if len(sets) == 0 {
		return s
	}
	after := &state{cells: make([]*cell, keys)}
	if s != nil {
		copy(after.cells, s.cells)
	}
	for _, u := range sets {
		after.cells[u.key.Index] = newFloor(u.key.Reduce, by, u.value)
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
	cells := make([]*cell, len(a.cells))
	for i := range cells {
		cells[i] = join(a.cells[i], b.cells[i])
	}
	switch {
	case slices.Equal(cells, a.cells):
		return a
	case slices.Equal(cells, b.cells):
		return b
	}
	return &state{cells: cells}
}

// valueOf is a key as expressions see it.
func (s *state) valueOf(key *graph.StateKey) document.Document {
	if c := s.cells[key.Index]; c != nil {
		return c.reduce(key)
	}
	if key.Initial.IsZero() {
		return document.Null()
	}
	return key.Initial
}

// stateDocument gives the state as an expression sees it: an object of the keys
// in the order of the file. An expression that names its keys gets no others, so
// that a loop that counts does not pay for the list that it collects.
func (f *frame) stateDocument(s *state, p *expr.Program) document.Document {
	if s == nil {
		s = f.untouched
	}
	wanted, some := p.Members("state")
	if !some && !s.document.IsZero() {
		return s.document
	}
	fields := make([]document.Field, 0, len(f.graph.State))
	for _, key := range f.graph.State {
		if some && !slices.Contains(wanted, key.Name) {
			continue
		}
		fields = append(fields, document.Field{Key: key.Name, Value: s.valueOf(key)})
	}
	d := document.Object(fields...)
	if !some {
		s.document = d
	}
	return d
}
