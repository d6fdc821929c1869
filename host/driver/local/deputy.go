package local

// How a run that is soon over is carried out by one goroutine. Carry's own makes its
// attempts: to wake another one takes as long as a small node does. Where one of them
// takes more than a moment, a deputy carries the run on, so that timers and the end of the
// context need not wait for it. A run that may wait for signals is carried out by many
// from the start.

import (
	"errors"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
)

// moment is how long that may wait which somebody else sees to then; where attempts are
// made in between, twice as long.
const moment = time.Millisecond

// soon has later called after a moment.
func (r *run) soon() {
	if r.armed {
		return
	}
	r.armed, r.armedAt = true, r.begun
	if r.moment == nil {
		r.moment = time.AfterFunc(moment, r.later)
	} else {
		r.moment.Reset(moment)
	}
}

// later does what could wait for a moment, in a goroutine of its own.
func (r *run) later() {
	r.enter()
	r.armed = false
	r.noLonger()
	switch {
	case !r.making:
		r.leave()
		return
	case r.begun != r.armedAt: // this one has only just begun
		r.soon()
		r.leave()
		return
	}
	r.making, r.mine, r.alone = false, true, false
	r.deputy = &deputy{done: make(chan struct{})}
	r.deputy.carry(r)
}

// makeHere makes the attempt that has waited longest, in Carry's goroutine and in a place
// that was taken for it. false: that has a deputy now, and no run any more.
func (r *run) makeHere() (mine bool) {
	a := r.first()
	r.making = true
	r.begun++
	r.soon()
	r.leave()
	defer func() { mine = r.handInHere(a) }() // also where it ends the goroutine
	a.make()
	return
}

func (r *run) handInHere(a *attempt) (mine bool) {
	r.d.places.done()
	r.enter()
	if !r.making {
		r.leave()
		r.handInLate(a)
		r.leave()
		return false
	}
	r.making, r.mine = false, true
	// A disk that blocks does not hold up that the run is to stop.
	for r.ledger.full() && !r.over() && r.caller.Err() == nil {
		r.relieve(r.caller.Done())
	}
	r.handIn(a)
	return true
}

// deputy is the goroutine that has taken the place of Carry's.
type deputy struct {
	done     chan struct{} // closed when it has closed the run
	end      event.RunFinished
	err      error
	panicked *driver.Panic
}

// errReplaced is what Carry's goroutine ends with where it has a deputy.
var errReplaced = errors.New("a deputy carries the run on")

func (d *deputy) carry(r *run) {
	defer close(d.done)
	d.err = errExit // where something ends this goroutine
	defer func() {
		if value := recover(); value != nil {
			d.panicked = caught(value)
		}
	}()
	d.end, d.err = r.through(r.drive, d)
}

// wait gives what came of the run.
func (d *deputy) wait() (event.RunFinished, error) {
	<-d.done
	if d.panicked != nil {
		panic(d.panicked)
	}
	return d.end, d.err
}
