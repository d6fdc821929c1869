package local

// How attempts are made, and what comes of them.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/stepper"
)

// order is an attempt to be made.
type order struct {
	stepper.Invoke
	since uint64 // the last event that it goes by
}

// attempt is one that is under way. It implements [driver.Calls].
type attempt struct {
	r    *run
	of   order
	past []event.CapabilityAnswered
	// ctx ends when the run no longer wants the outcome, when the outcome is there,
	// and when the run closes.
	ctx    context.Context //nolint:containedctx // the attempt is the call
	cancel context.CancelCauseFunc

	outcome event.Outcome // what came of it
	err     error
}

// work makes an attempt of the run in a place that was taken for it, and goes on with
// those of whichever run has waited longest, until there are none.
func (r *run) work() {
	places := &r.d.places
	var making *attempt
	defer func() {
		if making != nil { // and has ended this goroutine
			go making.handInAfterExit()
		}
	}()
	for r != nil {
		a := r.begin()
		if a == nil {
			r = places.next(nil)
			continue
		}
		making = a
		a.make()
		making = nil
		if !r.slow {
			if r.enter(); !r.ledger.full() {
				r.handIn(a)
				if r.out() {
					r = places.next(r)
				} else {
					r = places.next(nil)
				}
				continue
			}
			r.leave()
		}
		// Others are told what came of it and may take their time, or the disk does. The
		// place is not held meanwhile.
		if other := places.next(nil); other != nil {
			go func(r *run) { r.handInLate(a); r.leave() }(r)
			r = other
			continue
		}
		r.handInLate(a)
		if !r.out() || !places.take(r) {
			return
		}
	}
}

// begin begins the attempt that has waited longest; nil: there is none, by now.
func (r *run) begin() *attempt {
	entered := true
	if r.slow {
		entered = r.tryEnter()
	} else {
		r.enter()
	}
	// Once: whoever leaves the run from now on may have offered it again.
	r.offered.Store(false)
	if !entered && !r.tryEnter() {
		return nil // who has the run offers it again: out looks after it has left
	}
	defer r.leave()
	if !r.ready() {
		return nil
	}
	return r.first()
}

// first begins the attempt that has waited longest, where one may begin.
func (r *run) first() *attempt {
	a := &attempt{r: r, of: r.waiting[0]}
	r.shift()
	name := a.of.Attempt
	a.past = r.answered[name]
	delete(r.answered, name)
	a.ctx, a.cancel = context.WithCancelCause(r.ctx)
	r.attempts[name] = a
	return a
}

// make makes the attempt, without the run. An invoker that ends its goroutine, as a test
// that fails does in a capability of its own, is one that panics.
func (a *attempt) make() {
	returned := false
	defer func() {
		value := recover()
		switch {
		case returned:
		case value == nil:
			a.err = panicError{caught(errExit)}
		default:
			a.err = panicError{caught(value)}
		}
	}()
	a.outcome, a.err = a.r.invoker.Invoke(a.ctx, a.r.s.Plan, a.of.Invoke, a)
	a.outcome.Attempt = a.of.Attempt
	returned = true
}

// errExit is what Carry panics with where an attempt calls runtime.Goexit.
var errExit = errors.New("what the run has called has ended its goroutine: runtime.Goexit, as FailNow of a test calls it")

// handInAfterExit does what the goroutine of the attempt cannot do any more.
func (a *attempt) handInAfterExit() {
	a.r.handInLate(a)
	a.r.leave()
	a.r.d.places.done()
}

// shift takes out the first of those that wait. The room of the last one is used again.
func (r *run) shift() {
	r.waiting[0] = order{}
	if len(r.waiting) == 1 {
		r.waiting = r.waiting[:0]
	} else {
		r.waiting = r.waiting[1:]
	}
}

// handInLate takes the run, when its ledger has room, and hands in what came of an
// attempt.
func (r *run) handInLate(a *attempt) {
	r.enter()
	for r.ledger.full() && !r.over() {
		relief := r.ledger.relief()
		r.leave()
		<-relief
		r.enter()
	}
	r.handIn(a)
}

// handIn takes what came of an attempt.
func (r *run) handIn(a *attempt) {
	err := a.err
	if err != nil {
		err = a.whyEnded()
	}
	a.cancel(nil)
	delete(r.attempts, a.of.Attempt)
	if p, ok := err.(panicError); ok { //nolint:errorlint // as make gives it
		r.do(func() error { panic(p.Panic) })
		return
	}
	if r.do(r.stop); r.over() {
		return
	}
	r.do(func() error {
		if err != nil {
			return fmt.Errorf("step %q, attempt %d: %w", a.of.Step, a.of.Number, err)
		}
		if err := r.commit(r.machine.Judge(a.outcome)); err != nil {
			return err
		}
		return r.handKnown()
	})
}

// whyEnded makes an outcome of what an attempt ended with that its calls told it; another
// error stays one.
func (a *attempt) whyEnded() error {
	var aborted *driver.AbortedError
	if errors.As(context.Cause(a.ctx), &aborted) && errors.As(a.err, &aborted) {
		a.outcome = event.Outcome{Attempt: a.of.Attempt, Failure: &failure.Failure{Code: aborted.Cause, Message: aborted.Error()}}
		return nil
	}
	return a.err
}

// abort ends an attempt: one under way soon hands in a failure; one that still
// waits for its place is not begun, and hands it in at once.
func (r *run) abort(c stepper.Abort) {
	if a := r.attempts[c.Attempt]; a != nil {
		a.cancel(&driver.AbortedError{Abort: c})
		return
	}
	for i, w := range r.waiting {
		if w.Attempt == c.Attempt {
			if i == 0 { // the usual case: aborts come in order
				r.shift()
			} else {
				r.waiting = slices.Delete(r.waiting, i, i+1)
			}
			r.dropped = append(r.dropped, c.Attempt)
			return
		}
	}
}
