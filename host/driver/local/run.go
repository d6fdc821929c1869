package local

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/stepper"
)

// run is one run under way. What may be done with it by whom is said in monitor.go.
type run struct {
	d        *Driver
	s        driver.Session
	invoker  driver.Invoker
	budgeted bool // calls have to be admitted
	slow     bool // others are told what happens, and may take their time
	alone    bool // it may be carried out by one goroutine, see deputy.go

	caller context.Context //nolint:containedctx // the run is the call
	// ctx has the caller's values, but not its end: a run that is canceled has
	// still to be recorded.
	ctx    context.Context //nolint:containedctx // as above
	cancel context.CancelCauseFunc

	lock    chan struct{}  // has room for whoever has the run: all that follows is theirs
	news    chan struct{}  // Carry's goroutine is to look
	offered atomic.Bool    // somebody is to make one of its attempts
	appends sync.WaitGroup // in goroutines of their own

	mine     bool // Carry's goroutine has the run
	making   bool // it makes an attempt, and sees to nothing else
	deputy   *deputy
	moment   *time.Timer // calls later; nil: there was no need yet
	armed    bool        // it is to come
	begun    int         // how many attempts Carry's goroutine has made
	armedAt  int         // the same when later was armed
	closing  bool
	failed   error         // for Carry's goroutine to end the run with
	panicked *driver.Panic // the same for a panic
	stopping bool          // that the caller wants it to end is recorded

	machine  *stepper.Machine
	resuming bool      // attempts do not begin yet: what is due goes first
	careful  bool      // they begin only when what led to them is durable
	resting  bool      // and Rests has been told; it has no place in the gate
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
	timers   timers
}

func newRun(ctx context.Context, d *Driver, s driver.Session) *run {
	r := &run{
		d: d, s: s, caller: ctx, invoker: cmp.Or(s.Invoker, d.invoker),
		machine:  stepper.New(s.Plan.Graph),
		budgeted: budgeted(s.Plan.Graph),
		slow:     len(s.Observe) > 0 || s.Decided != nil || s.Known != nil,
		attempts: map[event.Attempt]*attempt{},
		lock:     make(chan struct{}, 1),
		news:     make(chan struct{}, 1),
	}
	r.alone = !r.slow && !s.Plan.Graph.Waits()
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	r.ledger.open(d.journal, s.Awaited)
	return r
}

// close ends what is still under way, whatever the reason, and waits for it. What has
// happened until then is kept, unless the journal fails, or something has panicked: half
// of a fact may have happened then, and observers are not to be asked again.
// The error is the journal's.
func (r *run) close(panicked bool) (err error) {
	if !r.mine {
		r.back()
	}
	r.closing = true
	if panicked {
		r.ledger.broken = cmp.Or(r.ledger.broken, errPanicked)
	} else {
		// A panic waits until all else is closed.
		r.do(func() error {
			err = r.settle()
			return nil
		})
	}
	r.timers.stop()
	if !r.resting {
		r.d.gate.leave()
	}
	r.cancel(driver.ErrInterrupted)
	for len(r.attempts) > 0 {
		r.leave()
		<-r.news
		r.back()
	}
	r.leave()
	r.appends.Wait()
	r.back()
	if r.moment != nil {
		r.moment.Stop()
	}
	for len(r.ledger.waits) > 0 { // one who is told may panic
		r.do(r.ledger.giveUp)
	}
	late := r.panicked
	r.leave()
	if late != nil && !panicked {
		panic(late)
	}
	return err
}

// errPanicked is what those are told who wait for a run that ends by a panic.
var errPanicked = errors.New("the run has ended by a panic")

// drive sees to the run until it is over.
func (r *run) drive() (event.RunFinished, error) {
	done := r.caller.Done()
	for !r.machine.Finished() {
		if err := r.outcome(); err != nil {
			return event.RunFinished{}, err
		}
		// A run that is to stop begins nothing more: the end of its context goes first.
		if done != nil && r.caller.Err() != nil {
			done = nil
			if err := r.end(); err != nil {
				return event.RunFinished{}, err
			}
			continue
		}
		if r.ledger.full() {
			r.relieve(done)
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
		if r.alone && r.ready() && r.d.places.try() {
			if !r.makeHere() {
				return event.RunFinished{}, errReplaced
			}
			continue
		}
		if err := r.wait(done); err != nil {
			return event.RunFinished{}, err
		}
	}
	r.closing = true
	err := r.outcome()
	if err == nil {
		err = cmp.Or(r.settle(), r.outcome())
	}
	if err != nil {
		return event.RunFinished{}, err
	}
	return r.finished, nil
}

// wait leaves the run until there are news for Carry's goroutine, and takes them.
func (r *run) wait(done <-chan struct{}) error {
	due := r.timers.next(r.d.clock)
	r.leave()
	select {
	case <-r.news:
		r.back()
	case <-done:
		r.back()
	case <-due:
		r.back()
		if err := r.outcome(); err != nil {
			return err
		}
		return r.wake()
	case signal, open := <-r.s.Signals:
		r.back()
		if !open {
			r.s.Signals = nil // nobody can answer any more
			return nil
		}
		return r.signal(signal)
	}
	return nil
}

// signal records an answer, unless the machine cannot take it. What is due goes
// first: a wait whose time is over takes no answer.
func (r *run) signal(s driver.Signal) error {
	broken := errPanicked // why it is not recorded; nil: it is awaited
	defer func() {
		if broken != nil {
			s.Done(broken)
		}
	}()
	refused, err := r.receive(s)
	if broken = err; err != nil {
		return err
	}
	// What it is refused for may not be durable yet: if it is forgotten, the signal is
	// not to be lost.
	return r.await(r.seq, func(err error) { s.Done(cmp.Or(err, refused)) })
}

// receive takes a signal, after what is due; refused says why the machine cannot.
func (r *run) receive(s driver.Signal) (refused, err error) {
	if err := r.outcome(); err != nil {
		return nil, err
	}
	if err := r.wake(); err != nil {
		return nil, err
	}
	if r.closing {
		return nil, interrupted(r.caller)
	}
	if refused := r.machine.CheckSignal(s.Step, s.Document); refused != nil {
		return refused, nil
	}
	return nil, r.commit(event.SignalReceived{Step: s.Step, Document: s.Document})
}

// rest gives the run's place to another one until something happens.
func (r *run) rest() {
	r.resting = true
	r.d.gate.leave()
	if r.s.Rests != nil {
		r.s.Rests(r.machine.Waits())
	}
}

// end cancels the run because its caller does, or gives ErrInterrupted. Only Carry's
// goroutine calls it.
func (r *run) end() error {
	if err := r.stop(); err != nil {
		return err
	}
	if r.closing {
		return cmp.Or(r.settle(), interrupted(r.caller))
	}
	return nil
}

// stop sees to it that the run ends if its caller wants it to: that goes before whatever
// attempts still bring, also where Carry's goroutine has not come to it yet.
func (r *run) stop() error {
	switch {
	case r.stopping || r.over() || r.caller.Err() == nil:
	case interrupted(r.caller) != nil:
		r.closing = true // nothing more is recorded
	default:
		r.stopping = true
		return r.commit(event.CancelRequested{Reason: reason(r.caller)})
	}
	return nil
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

// wake records the timers that are due and that the run still waits for. What is known of
// a wait goes before its time.
func (r *run) wake() error {
	r.timers.stop()
	for {
		if err := r.room(); err != nil || r.closing {
			return err
		}
		if len(r.known) > 0 && !r.machine.Finished() {
			if err := r.handKnown(); err != nil {
				return err
			}
			continue
		}
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
