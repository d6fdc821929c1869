package fork

// What the run that a fork comes from has to give.

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// Past is what is known of a run that others fork. Immutable once it is made.
type Past struct {
	plan     *plan.Plan
	run      string
	forked   *event.Forked      // of what it is a fork itself; nil: of nothing
	steps    []string           // that ran, in the order in which they began
	skipped  map[string]bool    // steps that did not
	outcomes map[string]outcome // of the steps that ended
	judged   map[string]outcome // of those, which ended the run by what they led to, see Recall
}

// Recall reads what came of the steps of a run: of what ended until a moment, because
// the run may go on; the zero time is the end. p is the run's own plan. The error is
// that of events, or that they are not those of a run of p.
//
// What a step gave is its last success, or the failure that was its end. Some ends
// say nothing of the node, but of the time, or of the run: those are left out. So are
// the failures that nothing caught, because to go on from there is what a fork is
// for. A failure that came of what the step gave, and not of the step (a write, a
// condition), is left out as well, but for a plan where that may come out otherwise:
// there it is the success that it would have been.
func Recall(p *plan.Plan, run string, events iter.Seq2[event.Event, error], until time.Time) (*Past, error) {
	r := recollection{
		Past:    &Past{plan: p, run: run, skipped: map[string]bool{}, outcomes: map[string]outcome{}, judged: map[string]outcome{}},
		machine: stepper.New(p.Graph), digests: newDigests(p),
		inputs: map[string]document.Document{}, stopped: map[string]bool{},
	}
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if !until.IsZero() && e.Time.After(until) {
			break
		}
		if err := r.apply(e); err != nil {
			return nil, fmt.Errorf("reading run %s: %w", run, err)
		}
	}
	r.leaveOutUncaught()
	return r.Past, nil
}

// Inherit gives a fork from no step what this run, as a fork itself, gave to a step, if
// the graph of next has such a step still.
func (p *Past) Inherit(f *event.Forked, next *plan.Plan) {
	if own := p.forked; f.Step == "" && gives(own) && stepper.CheckFork(next.Graph, own) == nil {
		f.Step, f.Input, f.State = own.Step, own.Input, own.State
	}
}

// inherited reports whether a fork has from this run what it gives to its step: then the
// step is not to be executed anew. Who forks a fork from the very step and with the very
// values of that one looks the same, because the journal does not tell the two apart.
func (p *Past) inherited(f *event.Forked) bool {
	same := func(a, b document.Field) bool { return a.Key == b.Key && a.Value.Equal(b.Value) }
	own := p.forked
	return gives(f) && gives(own) && f.Step == own.Step && f.Input.Digest() == own.Input.Digest() && slices.EqualFunc(f.State, own.State, same)
}

// gives reports whether a run is a fork that gives something to a step.
func gives(f *event.Forked) bool { return f != nil && (!f.Input.IsZero() || len(f.State) > 0) }

// recollection makes a past of events.
type recollection struct {
	*Past
	machine *stepper.Machine
	digests digests
	inputs  map[string]document.Document // of the steps that are under way
	stopped map[string]bool              // of the failures that ended steps and those around them: nothing caught it
}

func (r *recollection) apply(e event.Event) error {
	commands, err := r.machine.Apply(e)
	if err != nil {
		return err
	}
	for _, c := range commands {
		if c, ok := c.(stepper.Invoke); ok {
			r.inputs[c.Step] = c.Input
		}
	}
	switch b := e.Body.(type) {
	case event.RunStarted:
		r.forked = b.Forked
	case event.AttemptStarted:
		r.began(b.Attempt)
	case event.StepSkipped:
		r.skipped[b.Step] = true
	case event.StepSucceeded:
		r.steps = append(r.steps, b.Step)
	case event.StepFailed:
		r.steps = append(r.steps, b.Step)
		if d, ok := r.machine.Describe(b.Step); ok {
			r.stopped[b.Step] = d.Stops
		}
	case event.AttemptSucceeded:
		o := event.Outcome{Output: b.Output, Fuel: b.Fuel}
		if b.CacheKey == "" { // else this run stands for it, as for what it executed
			o.From = b.From
		}
		r.keep(r.outcomes, b.Attempt, o)
	case event.AttemptFailed:
		r.failed(b)
	default:
	}
	return nil
}

func (r *recollection) began(a event.Attempt) {
	if a.Number == 1 {
		r.steps = append(r.steps, a.Step)
	}
	if _, invoked := r.inputs[a.Step]; !invoked { // it waits: there is no command with its input
		if d, ok := r.machine.Describe(a.Step); ok {
			r.inputs[a.Step] = d.Input
		}
	}
}

// keep keeps what came of a step, and where that is from: from where this run took it
// over, if it did, else from here.
func (r *recollection) keep(among map[string]outcome, a event.Attempt, o event.Outcome) {
	if o.From == nil {
		o.From = &event.Origin{Run: r.run, Attempt: a}
	}
	o.Attempt = event.Attempt{Step: a.Step, Node: a.Node, Number: 1}
	among[a.Step] = outcome{node: r.digests.of(a.Step), input: r.inputs[a.Step].Digest(), Outcome: o}
	delete(r.inputs, a.Step)
}

// failed keeps the failure of an attempt, if it was the end of the step and says
// something of it.
func (r *recollection) failed(b event.AttemptFailed) {
	d, ok := r.machine.Describe(b.Step)
	if ok && d.Again {
		return
	}
	r.stopped[b.Step] = ok && d.Stops
	o := event.Outcome{Output: b.Output, Fuel: b.Fuel, From: b.From}
	switch b.Failure.Code {
	case failure.Timeout, failure.Canceled, failure.Interrupted, failure.Deadline, failure.Budget, failure.MaxSteps:
		return
	case failure.ExpressionError, failure.InvalidState:
		if !b.Output.IsZero() { // of what it gave, not of the step
			r.keep(r.judged, b.Attempt, o)
			return
		}
	default:
	}
	f := b.Failure
	o.Failure = &f
	r.keep(r.outcomes, b.Attempt, o)
}

// leaveOutUncaught tells, when all is read, the failures that nothing caught from the
// others.
func (r *recollection) leaveOutUncaught() {
	for step := range r.outcomes {
		if r.stopped[step] && !r.caught(step) {
			delete(r.outcomes, step)
		}
	}
	for step, o := range r.judged {
		if !r.stopped[step] || r.caught(step) {
			r.outcomes[step] = o
			delete(r.judged, step)
		}
	}
}

// caught reports whether the failure of a step ended what it was inside of, and that
// was caught: on a failure edge, or as an element that is collected.
func (r *recollection) caught(step string) bool {
	for at := around(step); at != ""; at = around(at) {
		if stops, ok := r.stopped[at]; !ok || !stops {
			return ok
		}
	}
	return false
}
