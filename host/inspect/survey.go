package inspect

// What a trace knows of each step, gathered in one pass over the journal.

import (
	"iter"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// station is one step on a value's way. Of its documents it keeps only where the value
// stands in them.
type station struct {
	id     string
	name   string      // of the node
	node   *graph.Node // nil: the graph has no such step
	place  []int
	outer  string // the step whose subgraph it is in, or whose element it is; "": the run's
	prefix string // of the ids in its graph
	from   []string
	began  int // when: the number of events before
	ended  int // 0: it has not

	succeeded, failed bool
	output, failure   []string // where the value stands
	state             []string // in the state that it saw
	answers           []answered
	taken             *Taken
	asked, looked     bool // what led to it is known; its state was looked at
}

// answered is a call with the value in its answer.
type answered struct {
	capability, method string
	pointers           []string
}

type tracer struct {
	out    Traced
	hunt   *seeker
	graph  *graph.Graph
	input  document.Document
	names  names
	steps  map[string]*station
	frames map[string][]*station // those directly in a graph, by the prefix of their ids; in canonical order
	seen   map[string]bool
	bytes  int // that the machine has made
	led    int // what may still be followed of what led to others
}

// survey goes through the events.
func (t *tracer) survey(events iter.Seq[event.Event]) {
	var machine *stepper.Machine
	if t.graph != nil {
		machine = stepper.New(t.graph)
	}
	number := 0
	for e := range events {
		number++
		if machine != nil {
			if _, err := machine.Apply(e); err != nil {
				machine = nil // what follows is known by the events alone
				t.out.Truncated = true
			}
		}
		t.note(e, number, machine)
	}
	for _, s := range t.steps {
		t.frames[s.prefix] = append(t.frames[s.prefix], s)
	}
	for _, list := range t.frames {
		slices.SortFunc(list, byPlace)
	}
}

func byPlace(a, b *station) int {
	if c := slices.Compare(a.place, b.place); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

func (t *tracer) note(e event.Event, number int, machine *stepper.Machine) {
	id := stepOf(e.Body)
	if id == "" || nested(id) > maxNested {
		return
	}
	s := t.steps[id]
	if s == nil {
		s = t.arrive(id, number)
	}
	switch b := e.Body.(type) {
	case event.AttemptStarted:
		s.name, s.answers = b.Node, nil // only the last attempt gave the output
	case event.CapabilityAnswered:
		if at := t.hunt.find(b.Answer); at != nil {
			s.answers = append(s.answers, answered{b.Capability, b.Method, at})
		}
	case event.AttemptSucceeded:
		s.name, s.succeeded, s.ended = b.Node, true, number
		s.output, s.taken = t.hunt.find(b.Output), takenFrom(b.From, b.CacheKey)
	case event.AttemptFailed:
		s.name, s.failed, s.ended = b.Node, true, number
		s.failure, s.taken = t.hunt.find(failureValue(b.Failure)), takenFrom(b.From, "")
	case event.StepFailed:
		s.name, s.failed, s.ended = b.Node, true, number
		s.failure = t.hunt.find(failureValue(b.Failure))
	case event.StepSucceeded:
		s.name, s.succeeded, s.ended = b.Node, true, number
	default:
		return
	}
	if machine != nil {
		t.ask(s, machine)
	}
}

func (t *tracer) arrive(id string, number int) *station {
	s := &station{id: id, began: number}
	s.node, s.place = t.names.locate(t.graph, id)
	s.prefix = id[:strings.LastIndexByte(id, '/')+1]
	s.name = nodeOf(id)
	if outer := around(id); len(outer) > 0 {
		s.outer = outer[0]
		if rest := id[len(s.prefix):]; strings.Contains(rest, "#") {
			s.prefix = s.outer + "#" // it is directly in the foreach
		}
	}
	t.steps[id] = s
	return s
}

// ask has the machine say what led to a step, once; and again what one with others
// inside gave, at its end.
func (t *tracer) ask(s *station, machine *stepper.Machine) {
	if !s.asked {
		s.from, s.asked = machine.From(s.id)
	}
	composite := isComposite(s.node) && s.succeeded && s.output == nil
	state := uses(s.node, "state") && !s.looked
	if !composite && !state {
		return
	}
	if t.bytes > traceBytes {
		t.out.Truncated = true
		return
	}
	d, ok := machine.Describe(s.id)
	if !ok {
		return
	}
	t.bytes += len(d.Before.Bytes()) + len(d.After.Bytes()) + len(d.Output.Bytes())
	if composite {
		s.output = t.hunt.find(d.Output)
	}
	if state {
		s.looked = true
		s.state = t.hunt.find(d.Before)
	}
}

// uses reports whether the expressions that make what a node is given name a variable.
func uses(n *graph.Node, variable string) bool {
	if n == nil {
		return false
	}
	does := func(p *expr.Program) bool { return p != nil && p.Uses(variable) }
	if does(n.Foreach) || n.Input != nil && does(n.Input.Expr) {
		return true
	}
	return n.Input != nil && slices.ContainsFunc(n.Input.Fields, func(f graph.Field) bool { return does(f.Expr) })
}
