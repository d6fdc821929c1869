package stepper

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// defaultConcurrency is how many elements are under way at once where neither
// the author nor the run's start says it.
const defaultConcurrency = 8

// maxElements bounds a foreach: a list of 16 MiB could have eight million.
const maxElements = 1_000_000

// each is a foreach under way. What it keeps of an element that has not begun or
// is through is its document's bytes.
type each struct {
	area
	items   [][]byte
	outputs [][]byte // of those that are through
	next    int      // the first that has not begun
	places  int      // that are free
	rested  []*step  // elements that have rested and want a place again, by index; some may be through
}

// beginEach begins the elements of a step.
func (m *Machine) beginEach(s *step) error {
	list, err := m.list(s)
	if err != nil {
		return err
	}
	s.each = &each{places: cmp.Or(s.node.Concurrency, m.parallel, defaultConcurrency)}
	for item := range list.All() {
		if len(s.each.items) == maxElements {
			return fmt.Errorf("foreach: the list has more than %d elements", maxElements)
		}
		s.each.items = append(s.each.items, item.Bytes())
	}
	s.each.outputs = make([][]byte, len(s.each.items))
	return nil
}

// list gives the documents of a step's elements.
func (m *Machine) list(s *step) (document.Document, error) {
	if d := m.forkInput(s); !d.IsZero() {
		return d, nil // a list: CheckFork has seen to it
	}
	list, err := m.eval(s.node.Foreach, view{step: s, state: s.before})
	if err != nil {
		return list, fmt.Errorf("foreach: %w", err)
	}
	if list.Kind() != document.KindArray {
		return list, fmt.Errorf("foreach: it must give a list; this is %s", list.Kind())
	}
	return list, nil
}

// lookAtEach begins elements where places are free, and ends the step when all
// are through.
func (m *Machine) lookAtEach(s *step) {
	e := s.each
	for e.places > 0 && s.stopped() == nil {
		element := m.nextElement(s)
		if element == nil || element.stopped() != nil {
			break // it, and all after it
		}
		e.places--
		element.placed = true
		m.enqueue(due{mark: element.mark, turn: s.turn, step: element})
	}
	if e.open > 0 {
		return
	}
	switch {
	case s.stopped() != nil:
		m.through(s)
	case e.stop != nil:
		m.failWithout(s, e.stop.failure, e.stop.input)
	default:
		outputs := make([]document.Document, len(e.outputs))
		for i, b := range e.outputs {
			outputs[i] = document.Trusted(b)
		}
		output := document.Array(outputs...)
		if err := output.Within(document.Limits{}); err != nil {
			m.failWithout(s, s.failed(failure.InvalidOutput, fmt.Sprintf("the list of the outputs: %v", err)), s.input)
			return
		}
		m.conclude(s, output)
	}
}

// nextElement gives the next element that wants a place: one that has rested first.
func (m *Machine) nextElement(s *step) *step {
	e := s.each
	for len(e.rested) > 0 {
		element := e.rested[0]
		e.rested = e.rested[1:]
		if !m.over(element) {
			return element
		}
	}
	if e.next == len(e.items) {
		return nil
	}
	i := e.next
	element := &step{
		mark: mark{id: s.id + "#" + strconv.Itoa(i), node: s.node, place: s.place.inside(i)},
		turn: s.turn, unit: s.unit, before: s.before,
		arrivals: s.arrivals, byNode: s.byNode, arrived: s.arrived,
		of: s, index: i, item: document.Trusted(e.items[i]),
	}
	if e.stop.reaches(element.place) {
		return element
	}
	e.next++
	e.open++
	return element
}

// rests gives the place of an element back while it waits, or all that is inside.
func (m *Machine) rests(s *step) {
	if s.placed {
		s.placed = false
		s.of.each.places++
		m.touch(s.of)
	}
}

// wants puts an element that has rested among those that want a place.
func (m *Machine) wants(s *step) {
	e := s.of.each
	i, wanted := slices.BinarySearchFunc(e.rested, s, func(a, b *step) int { return cmp.Compare(a.index, b.index) })
	if !wanted {
		e.rested = slices.Insert(e.rested, i, s)
	}
	m.touch(s.of)
}

// elementDone keeps what an element gave.
func (s *step) elementDone(output document.Document) {
	if s.node.OnError == graph.OnErrorCollect {
		output = document.Object(document.Field{Key: "output", Value: output})
	}
	s.keep(output)
}

func (s *step) keep(output document.Document) {
	s.of.each.outputs[s.index] = output.Bytes()
	s.of.each.items[s.index] = nil
}

// elementFailed collects a failure, or stops the foreach at this element: those
// before it go on.
func (m *Machine) elementFailed(s *step, f failure.Failure, input document.Document) {
	if s.node.OnError == graph.OnErrorCollect && f.Code != failure.LoopConflict {
		s.keep(document.Object(document.Field{Key: "error", Value: failureDocument(f, input)}))
		return
	}
	s.untaken = true
	m.stopIn(&s.of.each.area, &stop{at: s.place, failure: f, input: input}, failure.Canceled)
}
