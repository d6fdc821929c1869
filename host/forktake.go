package host

// What a fork takes over instead of executing it.

import (
	"context"
	"sync"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// takeOver gives steps of a fork what came of them in the run that it comes from. A
// step is given it when
//
//   - it has the same id,
//   - its node decides the same, see [plan.Plan.NodeDigest],
//   - it is given the same document, and
//   - it is not downstream of a step that is executed anew, nor the one that the fork
//     is from.
//
// All of that is a property of the two plans and of the recorded documents, never of
// time, see [trail]. A step that is not given it is executed anew.
type takeOver struct {
	plan  *plan.Plan         // of the fork
	known map[string]outcome // by step

	mu      sync.Mutex
	anew    *trail
	digests map[*plan.Node]string
}

// outcome is what came of a step.
type outcome struct {
	node, input string // their digests
	event.Outcome
}

// newTakeOver makes what a fork of this plan takes over. from is the step that is
// executed anew whatever it is given; "": none.
func newTakeOver(p *plan.Plan, known map[string]outcome, from string) *takeOver {
	t := &takeOver{plan: p, known: known, anew: newTrail(p.Graph), digests: map[*plan.Node]string{}}
	if from != "" {
		t.anew.add(from)
	}
	return t
}

// over gives an invoker that executes only what cannot be taken over.
func (t *takeOver) over(v driver.Invoker) driver.Invoker { return taker{v, t} }

type taker struct {
	driver.Invoker
	from *takeOver
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

// wait gives what came of a step that has begun to wait, see [driver.Session].
func (t *takeOver) wait(d stepper.Description) (event.Outcome, bool) {
	was, ok := t.take(d.Step, d.Input)
	return was.Outcome, ok
}

// see follows what the run records: which steps it has executed, and what has come to
// its end. It sees an event before anything begins that the event leads to; and at a
// resume, those of the past. What was under way then is decided on again, see
// [taker.Invoke]: nothing that this depends on has changed.
func (t *takeOver) see(e event.Event) {
	switch b := e.Body.(type) {
	case event.AttemptSucceeded:
		if !tookOver(b.From, b.CacheKey) {
			t.execute(b.Step)
		}
	case event.AttemptFailed:
		if !tookOver(b.From, "") {
			t.execute(b.Step)
		}
	case event.StepSucceeded:
		t.ended(b.Step, "")
	case event.StepFailed:
		t.ended(b.Step, b.Failure.Step)
	default:
	}
}

func (t *takeOver) ended(step, failed string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.anew.ended(step, failed)
}

// tookOver reports whether what came of an attempt was taken over from another run.
func tookOver(from *event.Origin, cacheKey string) bool { return from != nil && cacheKey == "" }

// take gives what came of a step; else the step is executed anew.
func (t *takeOver) take(step string, input document.Document) (outcome, bool) {
	was, ok := t.known[step]
	ok = ok && was.input == input.Digest()
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok && was.node == t.digest(step) && !t.anew.reaches(step) {
		return was, true
	}
	t.anew.add(step)
	return outcome{}, false
}

// execute notes a step that is executed anew.
func (t *takeOver) execute(step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.anew.add(step)
}

// digest is that of a step's node; "" where the plan has none.
func (t *takeOver) digest(step string) string {
	p, n := standing(t.plan, step)
	if n == nil {
		return ""
	}
	if _, ok := t.digests[n]; !ok {
		t.digests[n] = p.NodeDigest(n)
	}
	return t.digests[n]
}

// standing finds the node of a step, and the plan that it stands in; nil where there
// is none.
func standing(p *plan.Plan, step string) (*plan.Plan, *plan.Node) {
	frames := framesOf(step)
	for i, f := range frames {
		n := p.Node(f.node)
		if n == nil || i == len(frames)-1 {
			return p, n
		}
		if p = n.Sub; p == nil {
			break
		}
	}
	return nil, nil
}
