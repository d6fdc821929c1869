package stepper

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// step is an activation of a node that is not through.
type step struct {
	mark
	turn   *turn
	unit   *unit
	before *state // what it sees

	arrivals []arrival         // the edges that led to it, by node
	byNode   document.Document // them as an object, once it was asked for
	arrived  document.Document // the default input
	input    document.Document // what the node is given
	bound    bool              // input is that; else it is still to be made
	feedback []failure.Violation

	attempt   int       // the last that began; 0: none did
	began     time.Time // of the first attempt
	at        time.Time // of the last attempt
	running   bool      // an attempt is under way; else the step waits for another
	aborted   failure.Code
	stops     int          // of the host, in the middle of the last attempt
	refused   failure.Code // of the last attempt that failed
	overdue   bool         // its deadline has passed
	spending  spending     // on capabilities
	waking    string
	verdict   *verdict // of the outcome that was judged last
	committed bool     // the step has succeeded
	untaken   bool     // it has failed, and nothing took the failure

	inner     *frame // of a node that is a graph, while it is under way
	each      *each  // of a foreach
	touched   bool   // it is among those to look at
	waiting   bool   // for a signal
	composite bool   // it has, or had, one of the two
	busy      int    // attempts under way inside

	// Of an element: the foreach, which element it is, its document, whether it
	// has one of the places, and what is due inside but held until it has one.
	of     *step
	index  int
	item   document.Document
	placed bool
	held   []due
}

// begin activates a node: it decides on AttemptStarted, or on StepFailed where
// the step cannot have an attempt, or enters what is inside.
func (m *Machine) begin(d due) {
	f := d.turn.frame
	limit := orDefault(f.graph.MaxSteps, graph.DefaultMaxSteps)
	if f.begun >= limit {
		m.left(&f.area, f.step)
		m.stopFrame(f, event.Failed, d.mark.failed(failure.MaxSteps,
			fmt.Sprintf("%s has begun %d steps, which is all that it may (max_steps)", f.name(), limit)))
		return
	}
	f.begun++
	s := &step{mark: d.mark, turn: d.turn, unit: d.unit, before: d.seat.state}
	m.arrive(s, d)
	m.forkStep(s)
	s.input = s.arrived
	if stay := d.turn.entry; stay != nil {
		stay.visits[s.node]++
		if limit := orDefault(s.node.MaxVisits, graph.DefaultMaxVisits); stay.visits[s.node] > limit {
			m.failWithout(s, s.failed(failure.MaxVisits,
				fmt.Sprintf("node %q was activated more than %d times since its loop was entered (max_visits)", s.node.Name, limit)), s.input)
			return
		}
	}
	if s.node.Foreach == nil {
		m.beginCall(s)
		return
	}
	if err := m.beginEach(s); err != nil {
		m.failWithout(s, s.failed(failure.ExpressionError, err.Error()), s.input)
		return
	}
	m.compose(s)
}

// compose puts a step under way that has others inside.
func (m *Machine) compose(s *step) {
	m.under(s)
	s.composite = true
	m.composites++
	m.touch(s)
	m.mayRest(s)
}

// goOn begins a step's next attempt, or an element of a foreach, or lets one that
// has rested go on.
func (m *Machine) goOn(s *step) {
	switch {
	case s.attempt > 0:
		m.owe(owed{step: s, body: event.AttemptStarted{Attempt: s.name(s.attempt + 1)}})
	case s.composite:
		m.release(s)
		m.mayRest(s)
	default:
		s.input = s.item
		m.beginCall(s)
	}
}

// beginCall makes the input of a step or an element, and calls its node.
func (m *Machine) beginCall(s *step) {
	input, err := m.bind(s)
	if err != nil {
		m.failWithout(s, s.failed(failure.ExpressionError, err.Error()), s.input)
		return
	}
	s.input, s.bound = input, true
	if f := s.checkInput(); f != nil {
		m.failWithout(s, *f, s.input)
		return
	}
	if s.node.Kind == graph.KindGraph {
		m.compose(s)
		m.enter(s.node.Sub, s, input)
		return
	}
	m.owe(owed{step: s, body: event.AttemptStarted{Attempt: s.name(1)}})
}

// checkInput holds the input of a step that has no module, and so no invoker to
// look at it, to its schemas.
func (s *step) checkInput() *failure.Failure {
	var wires []graph.Wire
	switch s.node.Kind {
	case graph.KindGraph:
		wires = []graph.Wire{s.node.In, s.node.Sub.Input}
	case graph.KindWait:
		wires = []graph.Wire{s.node.In}
	case graph.KindModule:
	}
	for _, w := range wires {
		if f := s.check(w, s.input, "the document bound for the node"); f != nil {
			f.Code = failure.InvalidInput
			return f
		}
	}
	return nil
}

// check holds a document that no invoker sees to a schema.
func (s *step) check(w graph.Wire, d document.Document, what string) *failure.Failure {
	if w.Schema == nil {
		return nil
	}
	vs := w.Schema.Validate(d)
	if len(vs) == 0 {
		return nil
	}
	f := s.failed(failure.InvalidOutput, what+" breaks its schema")
	f.Violations = vs
	f = readable(f)
	return &f
}

// under notes that a step is under way.
func (m *Machine) under(s *step) {
	s.began = m.now
	m.active[s.id] = s
	// The deadline of a foreach is that of all its elements together.
	if s.node.Deadline > 0 && s.of == nil {
		m.setTimer(stepDeadline+s.id, timer{at: m.now.Add(s.node.Deadline), kind: endsStep, step: s})
	}
}

// failWithout decides that a step fails without an attempt of its own.
func (m *Machine) failWithout(s *step, f failure.Failure, input document.Document) {
	m.owe(owed{step: s, input: input, body: event.StepFailed{Step: s.id, Node: s.node.Name, Failure: f}})
}

func stepSucceeded(s *step) event.StepSucceeded {
	return event.StepSucceeded{Step: s.id, Node: s.node.Name}
}

// name names an attempt of the step.
func (s *step) name(number int) event.Attempt {
	return event.Attempt{Step: s.id, Node: s.node.Name, Number: number}
}

// attemptStarted begins an attempt.
func (m *Machine) attemptStarted(s *step, now time.Time) {
	s.attempt++
	s.at, s.stops = now, 0
	s.spending.newAttempt()
	if s.attempt == 1 {
		m.under(s)
	}
	if s.node.Kind == graph.KindWait {
		m.beginWait(s)
		return
	}
	m.runs(s, true)
	m.tell(m.invoke(s))
}

// invoke is the command that carries out the attempt under way.
func (m *Machine) invoke(s *step) Invoke {
	return Invoke{
		Attempt:  s.name(s.attempt),
		Time:     s.at,
		Seed:     attemptSeed(m.seed, s.id, s.attempt),
		Input:    s.input,
		Feedback: s.feedback,
		Used:     slices.Clone(s.spending.before),
		Rejected: s.spending.rejected,
	}
}

// attempted finds the step whose attempt came to an end. That of a step that waits ends
// by its signal; only a fork can take over what came of it.
func (m *Machine) attempted(a event.Attempt, from *event.Origin, cacheKey string) (*step, error) {
	if s := m.active[a.Step]; s != nil && s.waiting && takenOver(from, cacheKey) && s.name(s.attempt) == a {
		return s, nil
	}
	return m.running(a)
}

// running finds the step of an attempt that is under way.
func (m *Machine) running(a event.Attempt) (*step, error) {
	s := m.active[a.Step]
	switch {
	case s == nil:
		return nil, fmt.Errorf("no step %q is under way", a.Step)
	case s.node.Name != a.Node:
		return nil, fmt.Errorf("step %q is of node %q, not %q", a.Step, s.node.Name, a.Node)
	case !s.running:
		return nil, fmt.Errorf("step %q has no attempt under way", a.Step)
	case s.attempt != a.Number:
		return nil, fmt.Errorf("step %q is at attempt %d, not %d", a.Step, s.attempt, a.Number)
	}
	return s, nil
}

// succeeded commits a step: its writes, and the decision of each of its edges.
func (m *Machine) succeeded(e event.AttemptSucceeded) error {
	s, err := m.attempted(e.Attempt, e.From, e.CacheKey)
	switch {
	case err != nil:
		return err
	case s.aborted != "":
		return fmt.Errorf("step %q was aborted (%s)", s.id, s.aborted)
	case e.Output.IsZero():
		return errors.New("it has no output")
	}
	v := s.verdict
	if v == nil || !v.of(e.Output) {
		var f *failure.Failure
		if v, f = m.judge(s, e.Output); f != nil {
			return fmt.Errorf("step %q fails with %s: %s", s.id, f.Code, f.Message)
		}
	}
	s.verdict = v
	m.commit(s, e.Output)
	return nil
}

// commit ends a step that has succeeded.
func (m *Machine) commit(s *step, output document.Document) {
	s.committed = true
	if s.of != nil {
		s.elementDone(output)
		m.through(s)
		return
	}
	v, f := s.verdict, s.turn.frame
	s.turn.ran(s.mark)
	if f.bestAt == nil || f.bestAt.before(s.place) {
		f.best, f.bestAt = ending{s.node, output}, s.place
	}
	if f.layout.ends[s.node.Index] {
		s.turn.ends = append(s.turn.ends, ending{s.node, output})
	}
	s.turn.state = merge(s.turn.state, v.after)
	m.leave(s.turn, s.unit, func(i int, _ *graph.Edge) arrival {
		return arrival{from: s.id, taken: v.taken[i], output: output, state: v.after}
	})
	m.through(s)
}

// skipped passes "not taken" on to the edges of a node that no edge leads to.
func (m *Machine) skipped(d due) {
	m.leave(d.turn, d.unit, func(int, *graph.Edge) arrival {
		return arrival{state: d.seat.state}
	})
	m.left(&d.turn.frame.area, d.turn.frame.step)
}

// through ends the activity of a step. What follows it has been made due before.
func (m *Machine) through(s *step) {
	if m.active[s.id] == s {
		delete(m.active, s.id)
		delete(m.timers, stepDeadline+s.id)
		delete(m.timers, s.waking)
		if s.waiting {
			m.waits--
		}
		if s.composite {
			m.composites--
		}
	}
	m.ended = append(m.ended, s)
	m.runs(s, false)
	s.waiting = false
	if s.of != nil {
		m.rests(s)
	}
	m.left(s.area(), s.around())
}

func orDefault(n, fallback int) int {
	if n <= 0 {
		return fallback
	}
	return n
}
