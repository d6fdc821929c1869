package local

// How what happens in a run becomes durable, while the run goes on.

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/stepper"
)

// ledger is what a run has to tell the journal. One append is under way at a time, and
// the run is not held meanwhile; what happens makes up the next one. So a run waits
// for its disk only where somebody would notice: before a capability is asked, before
// an answer is seen, and before anything is said outside. Where nobody waits, the next
// append is put off for a moment, because many steps in one cost little more than one.
//
// It belongs to whoever has the run, durable aside.
type ledger struct {
	prompt  bool          // appends take no time, and keep no slice: they are made in place
	awaited bool          // somebody waits for the first event
	hasty   bool          // somebody waits for every event
	durable atomic.Uint64 // the last event that the journal has

	next    []event.Event // what the journal has not been given
	bytes   int           // of the documents in next
	under   []event.Event // the append under way; nil: there is none
	due     []event.Event // the same while nobody makes it: who leaves the run sees to it
	broken  error         // the journal failed: nothing is recorded any more
	waits   []wait
	written chan struct{} // closed when the append under way is done; nil: nobody waits for it
}

// wait is somebody who goes on when an event is durable.
type wait struct {
	seq  uint64
	tell func(broken error) // nil: it has been told
}

const (
	// What is kept for the next append, at most, before the run waits for the one
	// under way.
	maxNextEvents = 256
	maxNextBytes  = 1 << 20

	// What an append is put off for, at most, for a moment.
	enoughEvents = 64
	enoughBytes  = 256 << 10
)

func (l *ledger) open(j journal.Journal, awaited bool) {
	p, ok := j.(journal.Prompter)
	l.prompt, l.awaited = ok && p.Prompt(), awaited
}

// take gives the append that is due: whoever has it makes it.
func (l *ledger) take() []event.Event {
	due := l.due
	l.due = nil
	return due
}

// relief is closed when the append under way is done.
func (l *ledger) relief() <-chan struct{} {
	if l.written == nil {
		l.written = make(chan struct{})
	}
	return l.written
}

// full says that the run has to wait for the append under way.
func (l *ledger) full() bool {
	return l.under != nil && (len(l.next) >= maxNextEvents || l.bytes >= maxNextBytes)
}

// add takes an event that the machine has taken.
func (l *ledger) add(e event.Event) {
	l.next = append(l.next, e)
	switch b := e.Body.(type) {
	case event.AttemptSucceeded:
		l.bytes += len(b.Output.Bytes())
		for _, stored := range b.Stored {
			l.bytes += len(stored.Key) + len(stored.Value.Bytes())
		}
	case event.CapabilityAnswered:
		l.bytes += len(b.Request.Bytes()) + len(b.Answer.Bytes())
	default:
	}
}

// putOff says whether the next append may wait for more.
func (r *run) putOff() bool {
	l := &r.ledger
	if l.prompt || l.hasty || l.awaited && l.durable.Load() == 0 || len(l.waits) > 0 || len(l.next) >= enoughEvents || l.bytes >= enoughBytes {
		return false
	}
	r.soon()
	return true
}

// noLonger has the journal given what was put off.
func (r *run) noLonger() {
	if l := &r.ledger; l.under == nil && len(l.next) > 0 && !r.over() {
		r.do(r.give)
	}
}

// await has tell called, once, when the events up to seq are durable, or cannot become
// it. The error ends the run.
func (r *run) await(seq uint64, tell func(broken error)) error {
	l := &r.ledger
	if l.broken == nil && l.durable.Load() < seq {
		l.waits = append(l.waits, wait{seq, tell})
		return r.record()
	}
	tell(l.broken)
	return nil
}

// tell tells those whose events are durable by now. Nobody is told twice, also where one
// of them panics.
func (l *ledger) tell() {
	durable := l.durable.Load()
	for i, w := range l.waits {
		if w.seq <= durable && w.tell != nil {
			l.waits[i].tell = nil
			w.tell(nil)
		}
	}
	l.waits = slices.DeleteFunc(l.waits, func(w wait) bool { return w.tell == nil })
}

// giveUp tells those who still wait that nothing more is recorded.
func (l *ledger) giveUp() error {
	for len(l.waits) > 0 {
		w := l.waits[0]
		l.waits = l.waits[1:]
		if w.tell != nil {
			w.tell(l.broken)
		}
	}
	return nil
}

// commit takes a fact with all that it leads to, carries that out, and has it recorded.
func (r *run) commit(fact event.Body) error {
	now := r.d.clock.Now().UTC().Truncate(time.Microsecond)
	if now.Before(r.last) {
		now = r.last // the clock was set back
	}
	todo := r.todo[:0]
	first := len(r.ledger.next)
	for next := fact; next != nil; {
		e := event.Event{Run: r.s.Run, Seq: r.seq + 1, Time: now, Body: next}
		commands, err := r.machine.Apply(e)
		if err != nil {
			r.ledger.next = r.ledger.next[:first] // half of a fact is none
			return fmt.Errorf("carrying out the run: %w", err)
		}
		r.seq, r.last = e.Seq, now
		r.ledger.add(e)
		next = nil
		for _, c := range commands {
			if record, ok := c.(stepper.Record); ok {
				next = record.Body
			} else {
				todo = append(todo, c)
			}
		}
	}
	if r.resting {
		r.resting = false
		r.d.gate.again()
	}
	batch := r.ledger.next[first:]
	if decided := r.s.Decided; decided != nil {
		for _, e := range batch {
			decided(e)
		}
	}
	for _, c := range todo {
		r.carryOut(c)
	}
	clear(todo)
	r.todo = todo
	if r.s.Known != nil {
		for _, e := range batch {
			if started, ok := e.Body.(event.AttemptStarted); ok {
				r.lookUp(started.Step)
			}
		}
	}
	return r.record()
}

// record has the journal given what there is, unless that may wait, or the journal is
// still busy with what it has been given: then written does.
func (r *run) record() error {
	if l := &r.ledger; l.under != nil || len(l.next) == 0 || r.putOff() {
		return nil
	}
	return r.give()
}

// give has the journal given what there is.
func (r *run) give() error {
	l := &r.ledger
	l.under, l.next, l.bytes = l.next, nil, 0
	if l.prompt {
		return r.written(r.append(l.under))
	}
	l.due = l.under
	return nil
}

// keep makes an append that was taken, without the run, and says what came of it.
func (r *run) keep(due []event.Event) {
	for due != nil {
		err := r.append(due)
		r.enter()
		r.do(func() error { return r.written(err) })
		due = r.ledger.take()
		r.leave()
	}
}

// append makes events durable: the first with what the run is made of. The journal may be
// called in whichever goroutine; where it panics, written does.
func (r *run) append(events []event.Event) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicError{caught(value)}
		}
	}()
	if pinner, ok := r.d.journal.(journal.Pinner); ok && events[0].Seq == 1 && r.s.Made != nil {
		return pinner.Begin(r.ctx, r.s.Made, events...)
	}
	return r.d.journal.Append(r.ctx, events...)
}

// written takes what came of an append: who observes the run is told, and who waits for
// its events.
func (r *run) written(err error) error {
	l := &r.ledger
	events := l.under
	l.under = nil
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	if l.broken != nil {
		return l.broken // somebody has panicked meanwhile
	}
	if p, ok := err.(panicError); ok { //nolint:errorlint // as append gives it
		panic(p.Panic)
	}
	if err != nil {
		l.broken = fmt.Errorf("recording the run: %w", err)
		return l.broken
	}
	for _, e := range events {
		if durable := r.s.Durable; durable != nil {
			durable(e)
		}
		for _, see := range r.s.Observe {
			see(e)
		}
		if finished, ok := e.Body.(event.RunFinished); ok {
			r.finished = finished
		}
	}
	// Observers have seen an attempt begin before anybody sees what it does.
	l.durable.Store(events[len(events)-1].Seq)
	if l.prompt && len(l.next) == 0 && len(events) <= enoughEvents {
		clear(events)
		l.next = events[:0]
	}
	l.tell()
	return r.record()
}

// settle waits until all that has happened by now is durable, whatever happens meanwhile:
// the run is not held. Only Carry's goroutine calls it.
func (r *run) settle() error {
	l := &r.ledger
	for now := r.seq; l.broken == nil && l.durable.Load() < now && (l.under != nil || len(l.next) > 0); {
		switch due := l.take(); {
		case due != nil:
			r.leave()
			err := r.append(due)
			r.back()
			if err := r.written(err); err != nil {
				return err
			}
		case l.under == nil:
			if err := r.give(); err != nil {
				return err
			}
		default:
			r.relieve(nil)
		}
	}
	return l.broken
}

// room waits until the ledger has room, or the run is to stop: a disk that blocks does not
// hold that up. The error is another one's that has ended the run meanwhile. Only Carry's
// goroutine calls it.
func (r *run) room() error {
	for r.ledger.full() {
		stop := r.caller.Done()
		if r.stopping {
			stop = nil
		} else if r.caller.Err() != nil {
			return r.stop()
		}
		r.relieve(stop)
	}
	return r.outcome()
}

// relieve waits until the append under way is done, or stop is. The run is not held
// meanwhile. Only Carry's goroutine calls it.
func (r *run) relieve(stop <-chan struct{}) {
	relief := r.ledger.relief()
	r.leave()
	select {
	case <-relief:
	case <-stop:
	}
	r.back()
}
