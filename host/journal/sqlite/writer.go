package sqlite

// The one connection of a store that writes, and how many share a transaction.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/ncruces/go-sqlite3"
)

// writer lets whoever wants to write do so together: the first to come leads. It
// takes all that wait, writes for them in one transaction, tells each what came
// of it, and gives the lead to the first that came meanwhile. So one that is
// alone waits for nobody, and as many share a synchronization of the disk as
// come during the one before.
type writer struct {
	*connection // of whoever leads

	tails   map[string]*tail // the ends of runs, while nobody else writes
	version int64            // of the file, when tails were read
	broken  error

	mu      sync.Mutex
	queue   []*job
	leading bool
	closed  bool
	rested  chan struct{} // closed when nobody leads any more and the writer is closed
}

// job is what one caller wants written.
type job struct {
	ctx   context.Context //nolint:containedctx // it is the call's own, looked at by who leads
	apply func(*writer) error
	err   error
	turn  chan bool // true: lead; false: done
	leads bool      // true was sent; guarded by writer.mu
}

// maxJobs is how many share a transaction.
const maxJobs = 512

func newWriter(c *connection) *writer {
	return &writer{connection: c, tails: map[string]*tail{}, rested: make(chan struct{})}
}

// do has a job written.
func (w *writer) do(ctx context.Context, apply func(*writer) error) error {
	j := &job{ctx: ctx, apply: apply, turn: make(chan bool, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed
	}
	w.queue = append(w.queue, j)
	lead := !w.leading
	w.leading = true
	w.mu.Unlock()
	if !lead {
		select {
		case lead = <-j.turn:
		case <-ctx.Done():
			if w.withdraw(j) {
				return context.Cause(ctx)
			}
			lead = <-j.turn // somebody is at it
		}
	}
	if lead {
		w.lead(j)
	}
	return j.err
}

// withdraw takes a job back that nobody has taken up.
func (w *writer) withdraw(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, j)
	if i < 0 || j.leads {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// lead writes for all that wait. The leader's own job is the first of them.
func (w *writer) lead(own *job) {
	if own.leads {
		// Those whose jobs were just done are about to come with the next ones.
		runtime.Gosched()
	}
	w.mu.Lock()
	n := min(len(w.queue), maxJobs)
	jobs := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	w.mu.Unlock()

	written := false
	defer func() {
		if !written { // it panics: others must not wait for it, nor write into what it has left
			w.broken = fmt.Errorf("%w: writing it panicked", ErrBroken)
			fail(jobs, w.broken)
		}
		w.handOn(own, jobs)
	}()
	w.writeAll(jobs)
	written = true
}

// handOn tells those whose jobs are done, and gives the lead to the next.
func (w *writer) handOn(own *job, jobs []*job) {
	for _, j := range jobs {
		if j != own {
			j.turn <- false
		}
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.queue) > 0:
		w.queue[0].leads = true
		w.queue[0].turn <- true
	default:
		w.leading = false
		if w.closed {
			close(w.rested)
		}
	}
}

// writeAll writes jobs and sets their errors. One that is refused before it has
// changed anything fails alone; where one fails later, the others are written
// again without it; where the disk fails, all do.
func (w *writer) writeAll(jobs []*job) {
	for len(jobs) > 0 {
		if w.broken != nil {
			fail(jobs, w.broken)
			return
		}
		spoiler, err := w.transaction(jobs)
		if err == nil {
			return
		}
		clear(w.tails)
		if e := w.rollback(); e != nil {
			w.broken = fmt.Errorf("%w: %w", ErrBroken, e)
		}
		if errors.Is(err, sqlite3.IOERR_FSYNC) {
			// What the system has written is unknown, and it may forget that it
			// has not: no later success would mean anything.
			err = fmt.Errorf("%w: %w", ErrBroken, err)
			w.broken = err
		}
		if spoiler == nil || general(err) {
			fail(jobs, err)
			return
		}
		spoiler.err = err
		jobs = slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return j == spoiler })
	}
}

func fail(jobs []*job, err error) {
	for _, j := range jobs {
		j.err = err
	}
}

// general says whether an error is one of the disk or the machine: it would
// strike any job.
func general(err error) bool {
	return slices.ContainsFunc([]sqlite3.ErrorCode{
		sqlite3.FULL, sqlite3.IOERR, sqlite3.NOMEM, sqlite3.BUSY, sqlite3.LOCKED,
		sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.NOTADB, sqlite3.INTERRUPT,
	}, func(code sqlite3.ErrorCode) bool { return errors.Is(err, code) })
}

// transaction writes jobs. The job that has spoilt it is named, if one has.
func (w *writer) transaction(jobs []*job) (spoiler *job, err error) {
	if err := w.enter(jobs); err != nil {
		return nil, err
	}
	version, err := w.number("PRAGMA data_version")
	if err != nil {
		return nil, err
	}
	if version != w.version || len(w.tails) > maxTails {
		clear(w.tails) // another connection has written
		w.version = version
	}
	w.changes = 0
	for _, j := range jobs {
		before := w.changes
		j.err = context.Cause(j.ctx)
		if j.err == nil {
			j.err = j.apply(w)
		}
		if j.err != nil && (w.changes != before || general(j.err)) {
			return j, j.err
		}
	}
	if w.changes == 0 {
		return nil, w.rollback()
	}
	return nil, w.commit()
}

// enter begins a transaction. Other processes may let it wait, which one that is
// alone need not endure.
func (w *writer) enter(jobs []*job) error {
	if len(jobs) > 1 {
		return w.exec("BEGIN IMMEDIATE")
	}
	ctx := jobs[0].ctx
	before := w.c.SetInterrupt(ctx)
	err := w.exec("BEGIN IMMEDIATE")
	w.c.SetInterrupt(before)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// close waits for the jobs that were taken in, and ends the connection.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		<-w.rested
		return nil
	}
	w.closed = true
	if !w.leading {
		close(w.rested)
	}
	w.mu.Unlock()
	<-w.rested
	return w.connection.close()
}
