// Package journal keeps the events of runs, in order, for good.
//
// A [Journal] is all that a run needs to be remembered by. Stores live in the
// packages below; each passes the suite of journaltest.
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/chainrun/chainrun/host/event"
)

// Journal is an append-only record of runs. It is safe for concurrent use: any
// number of runs append at once, one writer each, and anybody reads meanwhile.
//
// Every method obeys its context: one that is done before the store has begun
// its work ends in that context's error, and nothing is stored.
type Journal interface {
	// Append stores events of one run, all or none of them, after those that
	// are there. When it returns nil they are as durable as the store can make
	// them. The first event of a run has sequence number 1 and starts it, each
	// further one has the next number: else nothing is stored and the error is
	// a [*SequenceError]. Appending nothing does nothing. The events are not
	// kept by reference to the slice.
	Append(ctx context.Context, events ...event.Event) error

	// Events gives a run's events in order, as they stood when the iteration
	// began. A run that is not there gives [ErrUnknownRun]; an event that
	// cannot be read gives an error. Either ends the sequence.
	Events(ctx context.Context, run string) iter.Seq2[event.Event, error]

	// Runs gives the ids of the runs in the order in which they began.
	Runs(ctx context.Context) iter.Seq2[string, error]
}

// Prompter is a journal that may say that its appends wait for nothing, as those of one
// in memory do: whoever appends need not do something else meanwhile. Such a journal
// does not keep the slice of events that it is given, which is used again.
type Prompter interface {
	Journal

	// Prompt says so. The answer is always the same.
	Prompt() bool
}

// ErrUnknownRun means that the journal has no run of this id.
var ErrUnknownRun = errors.New("unknown run")

// ErrRunExists means that the journal has a run of this id already.
var ErrRunExists = errors.New("a run of this id is there already")

// SequenceError means that an append does not go on where the run's events
// end: somebody else has appended to this run, or the caller has lost count.
// Nothing was stored; read the run again.
type SequenceError struct {
	Run  string
	Want uint64 // the number that comes next
	Got  uint64
}

// Error implements error.
func (e *SequenceError) Error() string {
	return fmt.Sprintf("run %q: event %d does not follow: the next one is %d", e.Run, e.Got, e.Want)
}

// ErrNotOneRun means that an append mixed events of several runs, or named none.
var ErrNotOneRun = errors.New("an append holds events of one run")

// ErrFinished means that an append came after the run's last event.
var ErrFinished = errors.New("the run has finished")

// Check says whether a batch may follow what a run has: last is the number of
// its last event, 0 where it has none; finished whether that ended it. Stores
// call it under the lock or in the transaction that guards the run.
func Check(events []event.Event, last uint64, finished bool) error {
	for _, e := range events {
		switch {
		case e.Run == "" || e.Run != events[0].Run:
			return ErrNotOneRun
		case finished:
			return fmt.Errorf("run %q: %w", e.Run, ErrFinished)
		case e.Seq != last+1:
			return &SequenceError{Run: e.Run, Want: last + 1, Got: e.Seq}
		case e.Body == nil:
			return fmt.Errorf("run %q: event %d has no body", e.Run, e.Seq)
		case (e.Seq == 1) != (e.Body.Type() == event.TypeRunStarted):
			return fmt.Errorf("run %q: event %d is %s: the first and no other starts a run", e.Run, e.Seq, e.Body.Type())
		}
		last = e.Seq
		finished = e.Body.Type() == event.TypeRunFinished
	}
	return nil
}
