package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// run is one run under way. It belongs to the goroutine of [Driver.Run]; the
// attempts have goroutines of their own, which hand in what came of them.
type run struct {
	d        *Driver
	s        driver.Session
	invoker  driver.Invoker
	machine  *stepper.Machine
	budgeted bool // calls have to be admitted
	careful  bool // attempts begin only when what led to them is durable
	resting  bool // and Rests has been told; it has no place in the gate

	// ctx has the caller's values, but not its end: a run that is canceled has
	// still to be recorded.
	ctx      context.Context //nolint:containedctx // the run is the call
	cancel   context.CancelCauseFunc
	seq      uint64    // of the last event that the machine has taken
	last     time.Time // of that event
	finished event.RunFinished
	ledger   ledger

	// answered are the calls of the attempts that are to begin again, see resume.
	answered map[event.Attempt][]event.CapabilityAnswered

	known    []event.Outcome   // of steps that wait, see driver.Session
	todo     []stepper.Command // of one commit; the room is used again
	waiting  []order           // attempts that have no place yet
	dropped  []event.Attempt   // of those, the ones that are wanted no more
	attempts map[event.Attempt]*attempt
	results  chan result
	asks     chan ask
	workers  workers
	timers   timers
}

// order is an attempt to be made.
type order struct {
	stepper.Invoke
	since uint64 // the last event that it goes by
}

// result is what an attempt hands in.
type result struct {
	outcome event.Outcome
	err     error
}

func newRun(ctx context.Context, d *Driver, s driver.Session) *run {
	r := &run{
		d: d, s: s, invoker: cmp.Or(s.Invoker, d.invoker),
		machine:  stepper.New(s.Plan.Graph),
		budgeted: budgeted(s.Plan.Graph, map[*graph.Graph]bool{}),
		attempts: map[event.Attempt]*attempt{},
		results:  make(chan result),
		asks:     make(chan ask),
	}
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	r.ledger.open(d.journal, s.Awaited)
	return r
}

// close ends what is still under way, whatever the reason, and waits for it. What has
// happened until then is kept, unless the journal fails, or something has panicked: half
// of a fact may have happened then, and observers are not to be asked again.
// The error is the journal's.
func (r *run) close(panicked bool) (err error) {
	if panicked {
		r.ledger.broken = cmp.Or(r.ledger.broken, errPanicked)
	} else {
		err = r.settle()
	}
	r.timers.stop()
	if !r.resting {
		r.d.gate.leave()
	}
	r.cancel(driver.ErrInterrupted)
	for len(r.attempts) > 0 {
		o := <-r.results
		delete(r.attempts, o.outcome.Attempt)
	}
	r.workers.release()
	r.workers.all.Wait()
	r.ledger.close()
	return err
}

// errPanicked is what those are told who wait for a run that ends by a panic.
var errPanicked = errors.New("the run has ended by a panic")

// drive feeds the machine until the run is over.
func (r *run) drive(ctx context.Context) (event.RunFinished, error) {
	done := ctx.Done()
	for !r.machine.Finished() {
		// A run that is to stop begins nothing more: the end of ctx goes first.
		if done != nil && ctx.Err() != nil {
			done = nil
			if err := r.end(ctx); err != nil {
				return event.RunFinished{}, err
			}
			continue
		}
		if len(r.known) > 0 {
			if err := r.handKnown(); err != nil {
				return event.RunFinished{}, err
			}
			continue
		}
		if r.machine.Resting() {
			// Whoever is told so is to find all that has led to it.
			if err := r.settle(); err != nil {
				return event.RunFinished{}, err
			}
			if r.s.Signals == nil {
				return event.RunFinished{}, driver.ErrWaiting
			}
			if !r.resting {
				r.rest()
			}
		}
		if len(r.dropped) > 0 {
			o := event.Outcome{Attempt: r.dropped[0]}
			r.dropped = r.dropped[1:]
			if err := r.commit(r.machine.Judge(o)); err != nil {
				return event.RunFinished{}, err
			}
			continue
		}
		var place chan<- struct{}
		if len(r.waiting) > 0 && (!r.careful || r.ledger.durable.Load() >= r.waiting[0].since) {
			place = r.d.places
		}
		var err error
		select {
		case place <- struct{}{}:
			r.begin()
		case o := <-r.results:
			err = r.handIn(o)
		case q := <-r.asks:
			err = r.answer(q)
		case err = <-r.ledger.done:
			err = r.written(err)
		case <-r.ledger.over():
			r.ledger.armed = false
			if r.ledger.under == nil && len(r.ledger.next) > 0 {
				err = r.give()
			}
		case <-r.timers.next(r.d.clock):
			err = r.wake()
		case signal, open := <-r.s.Signals:
			if !open {
				r.s.Signals = nil // nobody can answer any more
				continue
			}
			err = r.signal(signal)
		case <-done:
		}
		if err != nil {
			return event.RunFinished{}, err
		}
	}
	if err := r.settle(); err != nil {
		return event.RunFinished{}, err
	}
	return r.finished, nil
}

// signal records an answer, unless the machine cannot take it. What is due goes
// first: a wait whose time is over takes no answer.
func (r *run) signal(s driver.Signal) error {
	err := r.wake()
	if err == nil {
		if refused := r.machine.CheckSignal(s.Step, s.Document); refused != nil {
			// What it is refused for may not be durable yet: if it is forgotten, the
			// signal is not to be lost.
			return r.await(r.seq, func(err error) { s.Done(cmp.Or(err, refused)) })
		}
		err = r.commit(event.SignalReceived{Step: s.Step, Document: s.Document})
	}
	if err != nil {
		s.Done(err)
		return err
	}
	return r.await(r.seq, s.Done)
}

// rest gives the run's place to another one until something happens.
func (r *run) rest() {
	r.resting = true
	r.workers.release()
	r.d.gate.leave()
	if r.s.Rests != nil {
		r.s.Rests(r.machine.Waits())
	}
}

// end cancels the run because ctx is done, or gives ErrInterrupted.
func (r *run) end(ctx context.Context) error {
	if err := interrupted(ctx); err != nil {
		return cmp.Or(r.settle(), err)
	}
	return r.commit(event.CancelRequested{Reason: reason(ctx)})
}

// reason is why ctx was canceled, where somebody said so.
func reason(ctx context.Context) string {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause.Error()
	}
	return ""
}

func (r *run) carryOut(c stepper.Command) {
	switch c := c.(type) {
	case stepper.Invoke:
		r.waiting = append(r.waiting, order{c, r.seq})
	case stepper.Wake:
		r.timers.add(c, r.machine.Awaits)
	case stepper.Abort:
		r.abort(c)
	case stepper.Record:
		// Part of the batch, see commit.
	}
}

// begin makes the attempt that has waited longest, in the place that was taken.
func (r *run) begin() {
	a := &attempt{r: r, of: r.waiting[0]}
	r.shift()
	name := a.of.Attempt
	a.past = r.answered[name]
	delete(r.answered, name)
	a.ctx, a.cancel = context.WithCancelCause(r.ctx)
	r.attempts[name] = a
	r.workers.do(a)
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

// handIn takes what came of an attempt.
func (r *run) handIn(o result) error {
	a := o.outcome.Attempt
	if o.err != nil {
		o = r.whyEnded(o)
	}
	r.attempts[a].cancel(nil)
	delete(r.attempts, a)
	if o.err != nil {
		return fmt.Errorf("step %q, attempt %d: %w", a.Step, a.Number, o.err)
	}
	return r.commit(r.machine.Judge(o.outcome))
}

// whyEnded is what an attempt hands in that ended with what its calls told it; another
// error stays one.
func (r *run) whyEnded(o result) result {
	a := o.outcome.Attempt
	var aborted *driver.AbortedError
	if errors.As(context.Cause(r.attempts[a].ctx), &aborted) && errors.As(o.err, &aborted) {
		return result{outcome: event.Outcome{Attempt: a, Failure: &failure.Failure{Code: aborted.Cause, Message: aborted.Error()}}}
	}
	return o
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

// wake records the timers that are due and that the run still waits for.
func (r *run) wake() error {
	r.timers.stop()
	for {
		name, ok := r.timers.due(r.d.clock.Now().Truncate(time.Microsecond))
		if !ok {
			return nil
		}
		if !r.machine.Awaits(name) {
			continue
		}
		if err := r.commit(event.TimerFired{Timer: name}); err != nil {
			return err
		}
	}
}
