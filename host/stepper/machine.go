package stepper

import (
	"errors"
	"fmt"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// Machine is one run. It belongs to one goroutine at a time.
//
// It is made by [New], goes through the run's events in order, and can be made
// again from them at any point between two batches.
type Machine struct {
	graph     *graph.Graph
	layout    *layout
	untouched *state // the state before the first write

	seed  event.Seed
	input document.Document // the run's
	run   document.Document // what expressions see as run

	root   *turn
	atRest bool             // the graph's own turn is
	due    []due            // in canonical order
	active map[string]*step // begun and not through, by id
	timers map[string]timer
	begun  int // activations
	best   ending
	bestAt place // where best succeeded
	stop   *stop

	owed *owed // the fact that must come next
	done bool  // RunFinished has been applied

	commands []Command // of the Apply that is under way
}

// owed is a fact that the machine has decided on and asked its driver to record.
type owed struct {
	body event.Body
	due  due   // of AttemptStarted (the first), StepSkipped, StepFailed
	step *step // of AttemptStarted, StepFailed
}

// ImpossibleError means that an event cannot happen at this point of this run:
// the journal is damaged, or belongs to another plan. The machine has not
// changed, but there is no way on.
type ImpossibleError struct {
	Seq  uint64
	Type event.Type
	Text string
}

// Error implements error.
func (e *ImpossibleError) Error() string {
	return fmt.Sprintf("event %d (%s) cannot happen here: %s", e.Seq, e.Type, e.Text)
}

// New makes the machine of a run that has not started. g must come from
// graph.Build; it is shared, not copied.
func New(g *graph.Graph) *Machine {
	return &Machine{
		graph:     g,
		layout:    newLayout(g),
		untouched: &state{cells: make([]*cell, len(g.State))},
		active:    map[string]*step{},
		timers:    map[string]timer{},
	}
}

// Finished reports whether the run is over: RunFinished has been applied.
func (m *Machine) Finished() bool { return m.done }

// Apply takes one fact and gives what is to be done now.
//
// At most one of the commands is a [Record], and it is the last; its body must
// be the next event. The commands are in canonical order and belong to the
// caller. An error is always an [*ImpossibleError].
func (m *Machine) Apply(e event.Event) ([]Command, error) {
	m.commands = nil
	if err := m.apply(e); err != nil {
		name := event.Type("")
		if e.Body != nil {
			name = e.Body.Type()
		}
		return nil, &ImpossibleError{Seq: e.Seq, Type: name, Text: err.Error()}
	}
	if m.owed == nil && !m.done {
		m.next()
	}
	return m.commands, nil
}

// apply changes the machine by one fact. Where it gives an error, it has
// changed nothing.
func (m *Machine) apply(e event.Event) error {
	if m.done {
		return errors.New("the run is over")
	}
	if m.owed != nil {
		return m.settleDebt(e)
	}
	if started, ok := e.Body.(event.RunStarted); ok {
		return m.startRun(started, e.Time)
	}
	if m.root == nil {
		return errors.New("the run has not started")
	}
	switch body := e.Body.(type) {
	case event.AttemptSucceeded:
		return m.succeeded(body)
	case event.AttemptFailed:
		return m.attemptFailed(body, e.Time)
	case event.TimerFired:
		return m.timerFired(body, e.Time)
	case event.CancelRequested:
		m.cancel(body)
		return nil
	default:
		return errors.New("nothing led to it")
	}
}

// settleDebt takes the fact that the machine has asked for.
func (m *Machine) settleDebt(e event.Event) error {
	o := m.owed
	if !sameFact(o.body, e.Body) {
		return fmt.Errorf("%s must come first", describe(o.body))
	}
	m.owed = nil
	switch body := e.Body.(type) {
	case event.AttemptStarted:
		m.attemptStarted(o, e.Time)
	case event.StepSkipped:
		m.skipped(o.due)
	case event.StepFailed:
		m.stepFailed(o, body.Failure)
	case event.RunFinished:
		m.done = true
	default:
		// The machine owes no other fact.
	}
	return nil
}

// sameFact compares what identifies a fact, not all that it says.
func sameFact(a, b event.Body) bool {
	switch a := a.(type) {
	case event.AttemptStarted:
		b, ok := b.(event.AttemptStarted)
		return ok && a == b
	case event.StepSkipped:
		b, ok := b.(event.StepSkipped)
		return ok && a == b
	case event.StepFailed:
		b, ok := b.(event.StepFailed)
		return ok && a.Step == b.Step && a.Node == b.Node && a.Failure.Code == b.Failure.Code
	case event.RunFinished:
		b, ok := b.(event.RunFinished)
		return ok && a.Status == b.Status
	default:
		return false
	}
}

func describe(body event.Body) string {
	switch b := body.(type) {
	case event.AttemptStarted:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	case event.StepSkipped:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	case event.StepFailed:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	default:
		return string(body.Type())
	}
}

// owe asks the driver to record a fact at once.
func (m *Machine) owe(o owed) {
	m.owed = &o
	m.tell(Record{Body: o.body})
}

func (m *Machine) tell(c Command) { m.commands = append(m.commands, c) }

// startRun enters the graph's own scope.
func (m *Machine) startRun(e event.RunStarted, now time.Time) error {
	if m.root != nil {
		return errors.New("the run has started already")
	}
	m.seed, m.input = e.Seed, e.Input
	if m.input.IsZero() {
		m.input = document.Null()
	}
	m.run = document.Object(document.Field{Key: "input", Value: m.input})
	if m.graph.Deadline > 0 {
		m.setTimer(runDeadline, timer{at: now.Add(m.graph.Deadline), kind: endsRun})
	}
	m.root = newTurn(m.layout.root, nil, 0, nil, nil)
	m.atRest = m.root.live == 0
	for _, u := range m.root.scope.units {
		if u.incoming == 0 {
			m.ready(m.root, u)
		}
	}
	return nil
}

// next decides on the next fact, where one follows at once.
func (m *Machine) next() {
	for len(m.due) > 0 && m.owed == nil {
		d := m.due[0]
		m.due = m.due[1:]
		if m.stop.reaches(d.mark.place) {
			continue
		}
		switch {
		case d.conflict:
			m.owe(owed{due: d, body: event.StepFailed{
				Step: d.mark.id, Node: d.mark.node.Name, Failure: conflict(d.mark),
			}})
		case d.skip:
			m.owe(owed{due: d, body: event.StepSkipped{Step: d.mark.id, Node: d.mark.node.Name}})
		default:
			m.begin(d)
		}
	}
	if m.owed != nil || len(m.active) > 0 {
		return
	}
	switch {
	case m.stop != nil:
		m.owe(owed{body: event.RunFinished{Status: m.stop.status, Failure: &m.stop.failure}})
	case m.atRest:
		m.owe(owed{body: m.finish()})
	}
}

// failed makes a failure of one step.
func (s mark) failed(code failure.Code, text string) failure.Failure {
	return failure.Failure{Code: code, Message: text, Node: s.node.Name, Step: s.id}
}
