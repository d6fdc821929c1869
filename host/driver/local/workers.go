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
	next chan work // to those that have nothing to do; nil where there is none
	idle *atomic.Int32
}

// work is what a worker does: an attempt, as it is, since a func of it would be one more
// object.
type work interface{ carryOut() }

// workFunc is any other work.
type workFunc func()

func (f workFunc) carryOut() { f() }

// maxIdle is how many of them wait; others end.
const maxIdle = 8

// do has one of them do something.
func (w *workers) do(job work) {
	if w.next == nil {
		w.next, w.idle = make(chan work), new(atomic.Int32)
	}
	select {
	case w.next <- job:
	default:
		w.another(job)
	}
}

// another begins one, with job to do first. It is apart from do, where job would be
// on the heap each time.
func (w *workers) another(job work) {
	next, idle := w.next, w.idle
	w.all.Go(func() {
		for more := true; more; {
			job.carryOut()
			job = nil // what it has is not to be kept
			if idle.Add(1) > maxIdle {
				idle.Add(-1)
				return
			}
			job, more = <-next
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
