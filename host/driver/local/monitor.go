package local

// Who may touch a run, and when. A run is a monitor: there is no goroutine that all news
// must be brought to. Whoever has some (an attempt that has ended or that asks, an
// append that is done) takes the run, does what follows, and leaves it. The goroutine
// of Carry does so with timers, signals and the end of its context. It is also told
// where something is to be done that may have to wait; and the end.

import (
	"cmp"
	"runtime/debug"

	"github.com/chainrun/chainrun/host/driver"
)

// enter takes the run. The lock is a channel, not a mutex, because observers are called
// with it: they must be quick, but one that waits is to be seen as waiting.
func (r *run) enter() { r.lock <- struct{}{} }

// tryEnter takes the run unless somebody has it.
func (r *run) tryEnter() bool {
	select {
	case r.lock <- struct{}{}:
		return true
	default:
		return false
	}
}

// back is enter, for Carry's goroutine.
func (r *run) back() {
	r.enter()
	r.mine = true
}

// leave gives the run to whoever comes next, and begins what can be begun.
func (r *run) leave() {
	if r.out() {
		r.d.places.offer(r)
	}
}

// out is leave; true: the caller sees to it that an attempt of the run is made.
func (r *run) out() bool {
	if due := r.ledger.take(); due != nil {
		r.appends.Go(func() { r.keep(due) })
	}
	if r.mine {
		r.mine = false
	} else if r.calls() {
		r.call()
	}
	ready := r.ready()
	<-r.lock
	// Only now: begin relies on it where it finds the run taken.
	return ready && r.offered.CompareAndSwap(false, true)
}

// calls says whether something is to be done that is left to Carry's goroutine.
func (r *run) calls() bool {
	return r.over() || len(r.known) > 0 || len(r.dropped) > 0 ||
		len(r.attempts) == 0 && len(r.waiting) == 0 && !r.resting || r.timers.late()
}

// call has Carry's goroutine look.
func (r *run) call() {
	select {
	case r.news <- struct{}{}:
	default: // it is about to
	}
}

// ready says whether an attempt may begin.
func (r *run) ready() bool {
	return len(r.waiting) > 0 && len(r.known) == 0 && len(r.dropped) == 0 && !r.over() && !r.resuming &&
		(r.stopping || r.caller.Err() == nil) &&
		(!r.careful || r.ledger.durable.Load() >= r.waiting[0].since)
}

// over says whether the run takes nothing more.
func (r *run) over() bool {
	return r.closing || r.failed != nil || r.panicked != nil || r.machine.Finished()
}

// do does something in the place of Carry's goroutine: an error or a panic is that one's.
// After a panic nothing more is recorded: half of a fact may have happened.
func (r *run) do(something func() error) {
	defer func() {
		if value := recover(); value != nil {
			r.panicked = cmp.Or(r.panicked, caught(value))
			r.ledger.broken = cmp.Or(r.ledger.broken, errPanicked)
		}
	}()
	if err := something(); err != nil {
		r.failed = cmp.Or(r.failed, err)
	}
}

// caught makes what somebody panics with a thing to panic with once more, elsewhere.
func caught(value any) *driver.Panic {
	if p, ok := value.(*driver.Panic); ok {
		return p
	}
	return &driver.Panic{Value: value, Stack: debug.Stack()}
}

// panicError stands for a panic until somebody has the run.
type panicError struct{ *driver.Panic }

// Error implements error.
func (p panicError) Error() string { return p.String() }

// outcome gives the error that somebody has left to Carry's goroutine, or panics with
// what somebody else has.
func (r *run) outcome() error {
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.failed
}
