package stepper

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
)

// arrive gives a step its default input: at the start the run's; else what came
// along the edges that were taken, the document itself or an object keyed by
// node, whichever the graph says for this group of edges.
func (m *Machine) arrive(s *step, d due) {
	if d.group == byStart {
		s.arrived = d.turn.frame.input
		return
	}
	s.arrivals = d.seat.arrivals
	if len(s.arrivals) > 1 {
		s.arrivals = slices.Clone(s.arrivals)
		slices.SortStableFunc(s.arrivals, func(a, b arrival) int {
			return cmp.Or(cmp.Compare(a.edge.From.Rank, b.edge.From.Rank), cmp.Compare(a.edge.Index, b.edge.Index))
		})
		// Two edges of one node carry one document.
		s.arrivals = slices.CompactFunc(s.arrivals, func(a, b arrival) bool { return a.edge.From == b.edge.From })
	}
	byNode := d.mark.node.EntryByNode
	if d.group == byBack {
		byNode = d.mark.node.BackByNode
	}
	if byNode {
		s.arrived = s.inputs()
	} else {
		s.arrived = s.arrivals[0].output
	}
}

// inputs gives what arrived at a step as an object keyed by node; at the start
// it is empty.
func (s *step) inputs() document.Document {
	if s.byNode.IsZero() {
		fields := make([]document.Field, len(s.arrivals))
		for i, a := range s.arrivals {
			fields[i] = document.Field{Key: a.edge.From.Name, Value: a.output}
		}
		s.byNode = document.Object(fields...)
	}
	return s.byNode
}

// bind evaluates a node's `input`: what the node is given. What a fork gives it instead
// it is given as it is.
func (m *Machine) bind(s *step) (document.Document, error) {
	if d := m.forkInput(s); !d.IsZero() {
		return d, nil
	}
	b := s.node.Input
	switch {
	case b == nil && s.of != nil:
		return s.item, nil
	case b == nil:
		return s.arrived, nil
	}
	see := view{step: s, state: s.before}
	if b.Expr != nil {
		input, err := m.eval(b.Expr, see)
		if err != nil {
			return document.Document{}, fmt.Errorf("input: %w", err)
		}
		return input, nil
	}
	fields := make([]document.Field, len(b.Fields))
	for i, f := range b.Fields {
		value, err := m.eval(f.Expr, see)
		if err != nil {
			return document.Document{}, fmt.Errorf("input %q: %w", f.Key, err)
		}
		fields[i] = document.Field{Key: f.Key, Value: value}
	}
	input := document.Object(fields...)
	if err := input.Within(document.Limits{}); err != nil {
		return document.Document{}, fmt.Errorf("input: %w", err)
	}
	return input, nil
}

// view is what an expression sees. What is absent is null.
type view struct {
	step    *step // for input, inputs, item and index
	output  document.Document
	failure document.Document
	state   *state
}

// variables gives the documents that an expression asks for, and makes no
// others. The map is that of the next expression, too.
func (f *frame) variables(p *expr.Program, see view) map[string]document.Document {
	if f.vars == nil {
		f.vars = make(map[string]document.Document, 4)
	}
	vars := f.vars
	clear(vars)
	if see.step != nil {
		if p.Uses("input") {
			vars["input"] = see.step.arrived
		}
		if p.Uses("inputs") {
			vars["inputs"] = see.step.inputs()
		}
		if see.step.of != nil && p.Uses("item") {
			vars["item"] = see.step.item
		}
		if see.step.of != nil && p.Uses("index") {
			vars["index"] = document.Int(int64(see.step.index))
		}
	}
	if p.Uses("output") {
		vars["output"] = see.output
	}
	if p.Uses("error") {
		vars["error"] = see.failure
	}
	if p.Uses("state") {
		vars["state"] = f.stateDocument(see.state, p)
	}
	if p.Uses("run") {
		vars["run"] = f.runDocument()
	}
	for name, d := range vars {
		if d.IsZero() {
			vars[name] = document.Null()
		}
	}
	return vars
}

// runDocument is what expressions see as run.
func (f *frame) runDocument() document.Document {
	if f.run.IsZero() {
		f.run = document.Object(document.Field{Key: "input", Value: f.input})
	}
	return f.run
}

// eval evaluates an expression of a step.
func (m *Machine) eval(p *expr.Program, see view) (document.Document, error) {
	return see.step.turn.frame.eval(p, see)
}

// eval evaluates an expression of a graph. Its cost limit bounds the time; the machine has
// no other clock to stop it by. What it makes is held to the limits of every
// document: in a loop, an expression could nest its value ever deeper.
func (f *frame) eval(p *expr.Program, see view) (document.Document, error) {
	d, err := p.Eval(context.Background(), f.variables(p, see))
	switch {
	case err != nil:
		return d, err
	case d.IsZero():
		return document.Null(), nil
	}
	return d, d.Within(document.Limits{})
}

// holds evaluates a condition; no condition always holds.
func (m *Machine) holds(e *graph.Edge, see view) (bool, error) {
	if e.When == nil {
		return true, nil
	}
	ok, err := e.When.Holds(context.Background(), see.step.turn.frame.variables(e.When, see))
	if err != nil {
		return false, fmt.Errorf("condition of the edge to %q: %w", e.To.Name, err)
	}
	return ok, nil
}
