package stepper

// What a fork changes about one step: what it is given, and the state before it.

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
)

// ForkError says all that is wrong with what a fork changes: nothing can begin with
// it. The one who asked for the fork is to be told.
type ForkError struct {
	Step       string
	Complaints []string // at least one
}

// Error implements error.
func (e *ForkError) Error() string { return strings.Join(e.Complaints, "; ") }

// CheckFork says whether a run of the graph can begin as a fork, nil as none. That the
// step never begins is no fault: which turns, elements and branches there are only the
// run shows. The error is a [*ForkError].
func CheckFork(g *graph.Graph, f *event.Forked) error {
	if f == nil {
		return nil
	}
	e := &ForkError{Step: f.Step}
	complain := func(format string, args ...any) { e.Complaints = append(e.Complaints, fmt.Sprintf(format, args...)) }
	switch {
	case f.Step != "":
		if s, fault := locate(g, f.Step); fault != "" {
			complain("step %q: %s", f.Step, fault)
		} else {
			s.check(f, complain)
		}
	case !f.Input.IsZero() || len(f.State) > 0:
		complain("a fork changes an input or state only of a step, and names none")
	}
	if len(e.Complaints) == 0 {
		return nil
	}
	return e
}

// located is what a step's id says of where it is.
type located struct {
	graph   *graph.Graph // that it is directly in
	node    *graph.Node
	element bool // of a foreach
}

// locate finds the node of a step by the step's id; else it says what is wrong with it.
func locate(g *graph.Graph, id string) (at located, fault string) {
	parts := strings.Split(id, "/")
	for i, text := range parts {
		last := i == len(parts)-1
		if at, fault = locatePart(g, text); fault != "" {
			return at, fault
		}
		switch n := at.node; {
		case last:
		case n.Kind != graph.KindGraph:
			return at, fmt.Sprintf("node %q runs no graph: there are no steps inside of it", n.Name)
		case n.Foreach != nil && !at.element:
			return at, fmt.Sprintf("node %q is a foreach: say inside of which element, as in %q", n.Name, text+"#0/"+strings.Join(parts[i+1:], "/"))
		default:
			g = n.Sub
		}
	}
	return at, ""
}

// locatePart reads what a step's id says of one graph: "score[2.3]#17".
func locatePart(g *graph.Graph, text string) (at located, fault string) {
	at.graph = g
	rest, element, isElement := strings.Cut(text, "#")
	name, suffix, inLoop := strings.Cut(rest, "[")
	if at.node = g.Node(name); at.node == nil {
		return at, fmt.Sprintf("there is no node %q%s", name, meant(name, g.Nodes, func(n *graph.Node) string { return n.Name }))
	}
	var turns []string
	if inLoop {
		inner, closed := strings.CutSuffix(suffix, "]")
		if turns = strings.Split(inner, "."); !closed || slices.ContainsFunc(turns, func(s string) bool { return !numeral(s, 1) }) {
			return at, fmt.Sprintf("%q is no list of turns: they are written as in %q", "["+suffix, name+"[1.2]")
		}
	}
	depth := 0
	if l := at.node.Loop; l != nil {
		depth = l.Depth
	}
	switch {
	case len(turns) > 0 && depth == 0:
		return at, fmt.Sprintf("node %q is in no loop: its step is %q", name, name)
	case len(turns) != depth:
		return at, fmt.Sprintf("node %q is in %d loops: say in which turn of each, as in %q", name, depth, name+"[1"+strings.Repeat(".1", depth-1)+"]")
	case isElement && at.node.Foreach == nil:
		return at, fmt.Sprintf("node %q is no foreach: it has no elements", name)
	case isElement && !numeral(element, 0):
		return at, fmt.Sprintf("%q is no number of an element: they count from 0", "#"+element)
	}
	at.element = isElement
	return at, ""
}

// numeral reports whether a text is a number, as ids write it, from least on.
func numeral(text string, least int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && strconv.Itoa(n) == text
}

// meant suggests a name.
func meant[T any](name string, list []T, nameOf func(T) string) string {
	names := make([]string, len(list))
	for i, x := range list {
		names[i] = nameOf(x)
	}
	if near := graph.Nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// check complains about what a fork changes about a step.
func (at located) check(f *event.Forked, complain func(format string, args ...any)) {
	if !f.Input.IsZero() {
		if err := f.Input.Within(document.Limits{}); err != nil {
			complain("the input of step %q: %v", f.Step, err)
		} else if fault := at.input(f.Input); fault != "" {
			complain("the input of step %q %s", f.Step, fault)
		}
	}
	if at.element && len(f.State) > 0 {
		complain("step %q is an element of a foreach, which has no state of its own: set it before the step %q",
			f.Step, f.Step[:strings.LastIndexByte(f.Step, '#')])
		return
	}
	for i, v := range f.State {
		switch j := slices.IndexFunc(at.graph.State, func(k *graph.StateKey) bool { return k.Name == v.Key }); {
		case slices.ContainsFunc(f.State[:i], func(o document.Field) bool { return o.Key == v.Key }):
			complain("state %q is set twice", v.Key)
		case j < 0:
			complain("there is no state %q%s", v.Key, meant(v.Key, at.graph.State, func(k *graph.StateKey) string { return k.Name }))
		default:
			if fault := canHold(at.graph.State[j], v.Value); fault != "" {
				complain("state %q cannot be set: %s", v.Key, fault)
			}
		}
	}
}

// input says why a document cannot be what a step is given; "" where it can. Whether it
// holds to the node's schemas is seen when the step begins.
func (at located) input(d document.Document) string {
	if at.node.Foreach == nil || at.element {
		return ""
	}
	if d.Kind() != document.KindArray {
		return "must be a list, the elements of its foreach; this is " + d.Kind().String()
	}
	n := 0
	for range d.All() {
		if n++; n > maxElements {
			return fmt.Sprintf("has more than %d elements", maxElements)
		}
	}
	return ""
}

// canHold says why a key cannot have a value; "" where it can. The key's schema is that
// of an update: where the value is one, or is a list of them, it must hold to it.
func canHold(key *graph.StateKey, value document.Document) string {
	if value.IsZero() {
		return "there is no value"
	}
	if err := value.Within(document.Limits{}); err != nil {
		return err.Error()
	}
	want, updates := "", []document.Document(nil)
	switch key.Reduce {
	case graph.ReduceAppend, graph.ReduceUnion:
		if value.Kind() != document.KindArray {
			want = "a list"
		}
		updates = value.Items()
	case graph.ReduceMerge, graph.ReduceSum, graph.ReduceMin, graph.ReduceMax:
		if vs := fits(update{key, value}); vs != nil {
			return vs[0].Message + "; this is " + vs[0].Found
		}
	case graph.ReduceReplace:
		updates = []document.Document{value}
	}
	if want != "" {
		return fmt.Sprintf("reduce = %q makes %s; this is %s", key.Reduce, want, value.Kind())
	}
	if key.Schema == nil || value.Equal(key.Initial) {
		return ""
	}
	for i, u := range updates {
		vs := key.Schema.Validate(u)
		if len(vs) == 0 {
			continue
		}
		where := "the value"
		if key.Reduce != graph.ReduceReplace {
			where = fmt.Sprintf("element %d", i)
		}
		return fmt.Sprintf("%s breaks the key's schema: %s %s", where, vs[0].Pointer, vs[0].Message)
	}
	return ""
}

// forks reports whether the run is a fork that changes something about a step.
func (m *Machine) forks(id string) bool { return m.forked != nil && m.forked.Step == id }

// forkStep changes what a step that begins sees: the state before it; and its default
// input, where that is what it is given.
func (m *Machine) forkStep(s *step) {
	if !m.forks(s.id) {
		return
	}
	if !m.forked.Input.IsZero() && s.node.Input == nil && s.node.Foreach == nil {
		s.arrived = m.forked.Input
	}
	g := s.turn.frame.graph
	sets := make([]update, 0, len(m.forked.State))
	for _, v := range m.forked.State {
		i := slices.IndexFunc(g.State, func(k *graph.StateKey) bool { return k.Name == v.Key })
		sets = append(sets, update{g.State[i], v.Value}) // CheckFork has found it
	}
	s.before = s.before.set(len(g.State), s.place.justBefore(), sets)
}

// forkInput is what a fork gives a step, or the list that it gives a foreach; absent:
// what the graph says.
func (m *Machine) forkInput(s *step) document.Document {
	if !m.forks(s.id) {
		return document.Document{}
	}
	return m.forked.Input
}

// justBefore is a place between p and all that comes earlier in canonical order.
func (p place) justBefore() place {
	last := len(p) - 1
	return p[:last:last].inside(p[last]-1, math.MaxInt)
}
