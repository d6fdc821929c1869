package local

import (
	"sync"
	"sync/atomic"
)

// workers are the goroutines in which a run's attempts are made. One that has made
// an attempt waits for the next: its stack has grown by then to what a call of a
// module needs, which takes a new one as long as a short call. The zero value has
// none. Only the goroutine of the run calls its methods.
type workers struct {
	all  sync.WaitGroup
	next chan func() // to those that have nothing to do; nil where there is none
	idle *atomic.Int32
}

// maxIdle is how many of them wait; others end.
const maxIdle = 8

// do has one of them do something.
func (w *workers) do(work func()) {
	if w.next == nil {
		w.next, w.idle = make(chan func()), new(atomic.Int32)
	}
	select {
	case w.next <- work:
	default:
		w.another(work)
	}
}

// another begins one, with work to do first. It is apart from do, where work would be
// on the heap each time.
func (w *workers) another(work func()) {
	next, idle := w.next, w.idle
	w.all.Go(func() {
		for more := true; more; {
			work()
			work = nil // what it has is not to be kept
			if idle.Add(1) > maxIdle {
				idle.Add(-1)
				return
			}
			work, more = <-next
			idle.Add(-1)
		}
	})
}

// release has those end that have nothing to do, and the others when they are done.
func (w *workers) release() {
	if w.next != nil {
		close(w.next)
		w.next = nil
	}
}
