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
	graph   *graph.Graph
	layouts map[*graph.Graph]*layout

	seed     event.Seed
	forked   *event.Forked // nil: the run is no fork that changes something about a step
	parallel int           // elements of a foreach at once, where its author says nothing
	now      time.Time     // of the fact that is being applied

	run      *frame           // the run's own graph
	due      []due            // in canonical order
	dueRoom  []due            // the longest array that due was ever in, to be used again
	active   map[string]*step // begun and not through, by id
	ended    []*step          // those that the last event has brought to their end
	touched  []*step          // with others inside of which one is through
	broken   []*step          // with an attempt that was interrupted too often, in canonical order
	idle     []*step          // elements inside of which there may be no attempt, in canonical order
	timers   map[string]timer
	answered map[string]bool // waits that have got their signal

	waits, composites int // of active: those that wait for a signal, those with others inside

	owed  owed // the fact that must come next, where owing
	owing bool
	done  bool // RunFinished has been applied

	commands []Command // of the Apply that is under way
}

// owed is a fact that the machine has decided on and asked its driver to record.
type owed struct {
	body event.Body
	due  due   // of StepSkipped, and StepFailed where it is a conflict
	step *step // of the others but RunFinished
	// input is what the failure of a StepFailed goes with.
	input document.Document
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
		graph:    g,
		layouts:  map[*graph.Graph]*layout{},
		active:   map[string]*step{},
		timers:   map[string]timer{},
		answered: map[string]bool{},
	}
}

// Finished reports whether the run is over: RunFinished has been applied.
func (m *Machine) Finished() bool { return m.done }

// Apply takes one fact and gives what is to be done now.
//
// At most one of the commands is a [Record], and it is the last; its body must
// be the next event. The commands are in canonical order; the slice is the caller's
// until the next Apply. An error is always an [*ImpossibleError].
func (m *Machine) Apply(e event.Event) ([]Command, error) {
	clear(m.commands)
	m.commands = m.commands[:0]
	clear(m.ended)
	m.ended = m.ended[:0]
	if err := m.apply(e); err != nil {
		name := event.Type("")
		if e.Body != nil {
			name = e.Body.Type()
		}
		return nil, &ImpossibleError{Seq: e.Seq, Type: name, Text: err.Error()}
	}
	if !m.owing && !m.done {
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
	m.now = e.Time
	if m.owing {
		return m.settleDebt(e)
	}
	if started, ok := e.Body.(event.RunStarted); ok {
		return m.startRun(started)
	}
	if m.run == nil {
		return errors.New("the run has not started")
	}
	switch body := e.Body.(type) {
	case event.AttemptSucceeded:
		return m.succeeded(body)
	case event.AttemptFailed:
		return m.attemptFailed(body, e.Time)
	case event.CapabilityAnswered:
		return m.capabilityAnswered(body)
	case event.TimerFired:
		return m.timerFired(body, e.Time)
	case event.SignalReceived:
		return m.signalReceived(body)
	case event.CancelRequested:
		m.cancel(body)
		return nil
	case event.RunResumed:
		m.resumed()
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
	m.owed, m.owing = owed{}, false
	switch body := e.Body.(type) {
	case event.AttemptStarted:
		m.attemptStarted(o.step, e.Time)
	case event.AttemptSucceeded:
		m.commit(o.step, body.Output)
	case event.AttemptFailed:
		if o.step.running { // it was interrupted too often
			return m.attemptFailed(body, e.Time)
		}
		m.fail(o.step, body.Failure, o.step.input)
	case event.StepSkipped:
		m.skipped(o.due)
	case event.StepSucceeded:
		m.commit(o.step, o.step.verdict.output)
	case event.StepFailed:
		m.stepFailed(&o, body.Failure)
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
	case event.AttemptSucceeded:
		b, ok := b.(event.AttemptSucceeded)
		return ok && a.Attempt == b.Attempt && a.Output.Equal(b.Output)
	case event.AttemptFailed:
		b, ok := b.(event.AttemptFailed)
		return ok && a.Attempt == b.Attempt && a.Failure.Code == b.Failure.Code
	case event.StepSkipped:
		b, ok := b.(event.StepSkipped)
		return ok && a == b
	case event.StepSucceeded:
		b, ok := b.(event.StepSucceeded)
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
	case event.AttemptSucceeded:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	case event.AttemptFailed:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	case event.StepSkipped:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	case event.StepSucceeded:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	case event.StepFailed:
		return fmt.Sprintf("%s of %s", b.Type(), b.Step)
	default:
		return string(body.Type())
	}
}

// owe asks the driver to record a fact at once.
func (m *Machine) owe(o owed) {
	m.owed, m.owing = o, true
	m.tell(Record{Body: o.body})
}

func (m *Machine) tell(c Command) { m.commands = append(m.commands, c) }

// startRun enters the run's own graph.
func (m *Machine) startRun(e event.RunStarted) error {
	if m.run != nil {
		return errors.New("the run has started already")
	}
	if err := CheckFork(m.graph, e.Forked); err != nil {
		return fmt.Errorf("the fork: %w", err)
	}
	input := e.Input
	if input.IsZero() {
		input = document.Null()
	}
	m.seed, m.parallel, m.forked = e.Seed, e.Parallel, e.Forked
	m.run = m.enter(m.graph, nil, input)
	return nil
}

// next decides on the next fact, where one follows at once.
func (m *Machine) next() {
	for !m.owing {
		switch {
		case len(m.broken) > 0:
			m.giveUp()
		case len(m.touched) > 0 && (len(m.due) == 0 || m.touched[0].place.before(m.due[0].mark.place)):
			s := m.touched[0]
			m.touched = m.touched[1:]
			m.lookAt(s)
		case len(m.due) > 0:
			m.take(m.nextDue())
		case len(m.idle) > 0:
			m.settleIdle()
		default:
			m.end()
			return
		}
	}
}

// take decides what becomes of what is due.
func (m *Machine) take(d due) {
	switch stopped, rests := d.stopped(), d.resting(); {
	case d.step != nil && m.over(d.step):
		// It came to its end while it was held.
	case stopped && d.step == nil:
		m.left(&d.turn.frame.area, d.turn.frame.step)
	case stopped && !d.step.hasBegun():
		m.through(d.step)
	case stopped:
		// It is through when all inside is.
	case rests != nil:
		m.hold(rests, d)
	case d.conflict:
		m.owe(owed{due: d, body: event.StepFailed{
			Step: d.mark.id, Node: d.mark.node.Name, Failure: conflict(d.mark),
		}})
	case d.skip:
		m.owe(owed{due: d, body: event.StepSkipped{Step: d.mark.id, Node: d.mark.node.Name}})
	case d.step != nil:
		m.goOn(d.step)
	default:
		m.begin(d)
	}
}

// lookAt sees what is left to do for a step with others inside.
func (m *Machine) lookAt(s *step) {
	s.touched = false
	switch {
	case m.active[s.id] != s:
		// It is through.
	case s.inner != nil && s.inner.open == 0:
		m.concludeFrame(s)
	case s.each != nil:
		m.lookAtEach(s)
	}
}

// end ends the run where nothing is left to do.
func (m *Machine) end() {
	switch f := m.run; {
	case f == nil || f.open > 0:
	case f.stop != nil:
		m.owe(owed{body: event.RunFinished{Status: f.stop.status, Failure: &f.stop.failure}})
	case f.atRest:
		output, failed := f.finish()
		if failed != nil {
			m.owe(owed{body: event.RunFinished{Status: event.Failed, Failure: failed}})
			return
		}
		m.owe(owed{body: event.RunFinished{Status: event.Done, Output: output}})
	}
}

// failed makes a failure of one step.
func (s mark) failed(code failure.Code, text string) failure.Failure {
	return failure.Failure{Code: code, Message: text, Node: s.node.Name, Step: s.id}
}
