package fork

// What a fork takes over instead of executing it.

import (
	"context"
	"maps"
	"sync"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// TakeOver gives steps of one fork what came of them in the run that it comes from. A
// step is given it when
//
//   - it has the same id,
//   - its node decides the same, see [plan.Plan.NodeDigest],
//   - it is given the same document, and
//   - it is not downstream of a step that is executed anew, nor the one that the fork
//     is from.
//
// All of that is a property of the two plans and of the recorded documents, never of
// time. A step that is not given it is executed anew.
//
// Whoever carries the fork out puts [TakeOver.Invoker], [TakeOver.Known] and
// [TakeOver.See] (as Decided) in its [driver.Session]. Safe for concurrent use.
type TakeOver struct {
	known map[string]outcome // by step

	mu      sync.Mutex
	anew    *trail
	digests digests // of the fork's plan
}

// outcome is what came of a step.
type outcome struct {
	node, input string // their digests
	event.Outcome
}

// TakeOver makes what a fork of this run takes over, of which next is the plan. from is
// the step that is executed anew whatever it is given; "": none.
func (p *Past) TakeOver(next *plan.Plan, from string) *TakeOver {
	known := p.outcomes
	if next.Digest != p.plan.Digest {
		// What the steps gave may lead to something else here.
		known = maps.Clone(known)
		maps.Copy(known, p.judged)
	}
	t := &TakeOver{known: known, anew: newTrail(next.Graph), digests: newDigests(next)}
	if from != "" {
		t.anew.add(from)
	}
	return t
}

// TakeOverAgain makes what a fork of this run takes over that is carried on: next is
// its plan, forked what it began with, and done are all its events so far.
func (p *Past) TakeOverAgain(next *plan.Plan, forked *event.Forked, done []event.Event) *TakeOver {
	from := forked.Step
	if p.inherited(forked) {
		from = ""
	}
	t := p.TakeOver(next, from)
	for _, e := range done {
		t.See(e)
	}
	return t
}

// Invoker gives an invoker that has v execute only what cannot be taken over.
func (t *TakeOver) Invoker(v driver.Invoker) driver.Invoker { return taker{v, t} }

type taker struct {
	driver.Invoker
	from *TakeOver
}

// Invoke implements [driver.Invoker].
func (v taker) Invoke(ctx context.Context, p *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	// What has made calls here was begun, and is not taken over half-way: the other
	// run may know more by now than it did then.
	if c.Number == 1 && len(calls.Answered()) == 0 {
		if was, ok := v.from.take(c.Step, c.Input); ok {
			return was.Outcome, nil
		}
	} else {
		v.from.execute(c.Step)
	}
	return v.Invoker.Invoke(ctx, p, c, calls)
}

// Known gives what came of a step that has begun to wait, see [driver.Session].
func (t *TakeOver) Known(d stepper.Description) (event.Outcome, bool) {
	was, ok := t.take(d.Step, d.Input)
	return was.Outcome, ok
}

// See follows what the run records: which steps it has executed, and what has come to
// its end. It has to see an event before anything begins that the event leads to; and
// at a resume, those of the past. What was under way then is decided on again when it
// is invoked: nothing that this depends on has changed.
func (t *TakeOver) See(e event.Event) {
	if step, taken, ok := ended(e); ok {
		if !taken {
			t.execute(step)
		}
		return
	}
	switch b := e.Body.(type) {
	case event.StepSucceeded:
		t.ended(b.Step, "")
	case event.StepFailed:
		t.ended(b.Step, b.Failure.Step)
	default:
	}
}

// ended closes what a subgraph or a foreach has inside, see [trail.ended].
func (t *TakeOver) ended(step, failed string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.anew.ended(step, failed)
}

// take gives what came of a step; else the step is executed anew.
func (t *TakeOver) take(step string, input document.Document) (outcome, bool) {
	was, ok := t.known[step]
	ok = ok && was.input == input.Digest()
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok && was.node == t.digests.of(step) && !t.anew.reaches(step) {
		return was, true
	}
	t.anew.add(step)
	return outcome{}, false
}

// execute notes a step that is executed anew.
func (t *TakeOver) execute(step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.anew.add(step)
}

// ended reads the end of an attempt: whose it is, and whether it was taken over from
// another run. What was found in the cache was not: it depends on no other run.
func ended(e event.Event) (step string, taken, ok bool) {
	switch b := e.Body.(type) {
	case event.AttemptSucceeded:
		return b.Step, b.From != nil && b.CacheKey == "", true
	case event.AttemptFailed:
		return b.Step, b.From != nil, true
	default:
		return "", false, false
	}
}

// Count counts the steps of a run so far that took over what came of them in another
// run, and those that were executed, or answered by a signal. An element of a foreach
// counts as a step; a subgraph or a foreach itself does not.
func Count(events []event.Event) (taken, executed int) {
	own := map[string]bool{} // by step, whether any attempt of it is this run's own
	for _, e := range events {
		if step, over, ok := ended(e); ok {
			own[step] = own[step] || !over
		}
	}
	for _, is := range own {
		if is {
			executed++
		} else {
			taken++
		}
	}
	return taken, executed
}
