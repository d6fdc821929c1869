package host

// What the run that a fork comes from has to give.

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// history is what is known of a run that others fork.
type history struct {
	steps    []string           // that ran, in the order in which they began
	skipped  map[string]bool    // steps that did not
	outcomes map[string]outcome // of the steps that ended
	judged   map[string]outcome // of those, which ended the run by what they led to, see recall
}

// recollection makes a history of events.
type recollection struct {
	history
	run     string
	machine *stepper.Machine
	digest  func(step string) string
	inputs  map[string]document.Document // of the steps that are under way
	stopped map[string]bool              // of the failures that ended steps and those around them: nothing caught it
}

// recall reads what came of the steps of a run: of what ended until a moment, because
// the run may go on. p is the run's own plan.
//
// What a step gave is its last success, or the failure that was its end. Some ends
// say nothing of the node, but of the time, or of the run: those are left out. So are
// the failures that nothing caught, because to go on from there is what a fork is
// for. A failure that came of what the step gave, and not of the step (a write, a
// condition), is left out in outcomes as well; judged has it, as the success that it
// would have been, for a plan where that may come out otherwise.
func recall(p *plan.Plan, run string, past iter.Seq2[event.Event, error], until time.Time) (history, error) {
	own := &takeOver{plan: p, digests: map[*plan.Node]string{}}
	return recallBy(p.Graph, own.digest, run, past, until)
}

func recallBy(g *graph.Graph, digest func(string) string, run string, past iter.Seq2[event.Event, error], until time.Time) (history, error) {
	r := recollection{
		history: history{skipped: map[string]bool{}, outcomes: map[string]outcome{}, judged: map[string]outcome{}},
		run:     run, machine: stepper.New(g), digest: digest,
		inputs: map[string]document.Document{}, stopped: map[string]bool{},
	}
	for e, err := range past {
		if err != nil {
			return history{}, err
		}
		if !until.IsZero() && e.Time.After(until) {
			break
		}
		if err := r.apply(e); err != nil {
			return history{}, fmt.Errorf("reading run %s: %w", run, err)
		}
	}
	for step := range r.outcomes {
		if stops, ok := r.stopped[step]; ok && stops && !r.caught(step) {
			delete(r.outcomes, step)
		}
	}
	for step, o := range r.judged {
		if !r.stopped[step] || r.caught(step) {
			r.outcomes[step] = o
			delete(r.judged, step)
		}
	}
	return r.history, nil
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
	case event.AttemptStarted:
		if b.Number == 1 {
			r.steps = append(r.steps, b.Step)
		}
		if _, called := r.inputs[b.Step]; !called { // nobody is, of a step that waits
			if d, ok := r.machine.Describe(b.Step); ok {
				r.inputs[b.Step] = d.Input
			}
		}
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
		r.ended(b.Attempt, event.Outcome{Output: b.Output, Fuel: b.Fuel, From: b.From}, b.CacheKey == "")
	case event.AttemptFailed:
		r.failed(b)
	default:
	}
	return nil
}

// ended keeps what came of a step.
func (r *recollection) ended(a event.Attempt, o event.Outcome, forked bool) {
	r.outcomes[a.Step] = r.outcome(a, o, forked)
	delete(r.inputs, a.Step)
}

// outcome says what came of a step and where that is from: from where this run took
// it over, if it did, else from here.
func (r *recollection) outcome(a event.Attempt, o event.Outcome, forked bool) outcome {
	if o.From == nil || !forked {
		o.From = &event.Origin{Run: r.run, Attempt: a}
	}
	o.Attempt = event.Attempt{Step: a.Step, Node: a.Node, Number: 1}
	return outcome{node: r.digest(a.Step), input: r.inputs[a.Step].Digest(), Outcome: o}
}

// failed keeps the failure of an attempt, if it was the end of the step and says
// something of it.
func (r *recollection) failed(b event.AttemptFailed) {
	d, ok := r.machine.Describe(b.Step)
	if ok && d.Again {
		return
	}
	r.stopped[b.Step] = ok && d.Stops
	switch b.Failure.Code {
	case failure.Timeout, failure.Canceled, failure.Interrupted, failure.Deadline, failure.Budget, failure.MaxSteps:
		return
	case failure.ExpressionError, failure.InvalidState:
		if !b.Output.IsZero() {
			r.judged[b.Step] = r.outcome(b.Attempt, event.Outcome{Output: b.Output, Fuel: b.Fuel, From: b.From}, true)
			return
		}
	default:
	}
	f := b.Failure
	r.ended(b.Attempt, event.Outcome{Output: b.Output, Failure: &f, Fuel: b.Fuel, From: b.From}, true)
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

// around names the step that a step is directly inside of: the foreach of an element,
// or the subgraph; "": it is in the run's own graph.
func around(step string) string {
	slash := strings.LastIndexByte(step, '/')
	if i := strings.LastIndexByte(step, '#'); i > slash {
		return step[:i]
	}
	return step[:max(slash, 0)]
}
