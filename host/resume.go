package host

// Runs that go on after their process had stopped.

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// ErrNotPinned means that a run cannot be carried on because what it was made of is
// not in the journal: the journal keeps none, or the run was begun without.
var ErrNotPinned = errors.New("what the run was made of was not stored with it")

// PlanError means that what a run was made of makes another plan now: this chainrun
// has another rule for fuel or for plans, or offers other capabilities. Resume the run
// with the version, and the capabilities, that it was begun with.
type PlanError struct {
	Run       string
	Began, Is string // the plan's digests
}

// Error implements error.
func (e *PlanError) Error() string {
	return fmt.Sprintf("run %s began with plan %s; what it was made of makes plan %s now: use the chainrun and the capabilities that it was begun with",
		e.Run, e.Began, e.Is)
}

// ErrCassette means that a run was answered from a cassette, and is not to ask
// capabilities by mistake: [WithCassette] answers it further, [WithLive] has it ask.
var ErrCassette = errors.New("the run is answered from a cassette")

// Resume carries on a run that is in the journal and that nobody carries out just
// now, from where it was when its process stopped: with the graph, schemas and modules
// of its beginning, which are in the journal ([journal.Pinner]). Steps that are
// committed are not executed again; attempts under way begin again with what they were
// answered before. What waits in the run's inbox ([journal.Mailbox]) is taken: signals
// that no step waits for are dropped, with a warning; where somebody has asked for the
// run's end, no attempt begins any more. Of a run that has ended it gives the end. [WithRunID] and [WithSeed] have no effect; observers see what is new.
//
// The error is [journal.ErrUnknownRun]; [ErrRunning] where this host carries the run
// out, and the journal's own where another process does; [ErrNotPinned]; [ErrCassette]; a
// [*PlanError]; or that of [Host.Load].
func (h *Host) Resume(ctx context.Context, id string, options ...RunOption) (_ *Run, err error) {
	defer guard(&err)
	var c runConfig
	for _, o := range options {
		o(&c)
	}
	release, err := h.take(id)
	if err != nil {
		return nil, fmt.Errorf("resuming run %s: %w", id, err)
	}
	carried := false
	defer func() {
		if !carried { // also where something has panicked
			release()
		}
	}()
	r, err := h.resume(ctx, id, c, release)
	carried = err == nil
	if err != nil {
		return nil, fmt.Errorf("resuming run %s: %w", id, err)
	}
	return r, nil
}

// resume carries on a run that is the host's own. Where it gives no error, the run
// releases itself.
func (h *Host) resume(ctx context.Context, id string, c runConfig, release func()) (*Run, error) {
	past, err := h.past(ctx, id)
	if err != nil {
		return nil, err
	}
	g, err := h.loadPinned(ctx, id)
	if err != nil {
		return nil, err
	}
	if began, ok := past[0].Body.(event.RunStarted); !ok || began.Plan != g.Digest() {
		return nil, &PlanError{Run: id, Began: began.Plan, Is: g.Digest()}
	}
	for _, e := range past {
		for _, f := range c.past {
			f(e)
		}
	}
	if finished, ok := past[len(past)-1].Body.(event.RunFinished); ok {
		r := newRun(id, g, vault{})
		r.events = past
		release()
		r.end(finished, nil)
		return r, nil
	}
	if c.takes, err = h.takeOverAgain(ctx, g, past); err != nil {
		return nil, err
	}
	messages, err := h.mail.inbox(ctx, id)
	if err != nil {
		return nil, err
	}
	canceled := canceledBy(messages)
	if c.answers == nil && !c.live && canceled == nil && fromCassette(past) {
		return nil, ErrCassette
	}
	var open vault
	if c.answers == nil && canceled == nil { // what begins nothing more needs no key
		if open, err = h.unlock(ctx, g); err != nil {
			return nil, err
		}
	}
	r := newRun(id, g, open)
	r.events = past
	free := release
	if canceled != nil {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		cancel(canceled)
		free = func() { cancel(nil); release() }
	}
	h.carry(ctx, r, c, driver.Session{Plan: g.plan, Past: each(past)}, open, free)
	r.event(len(past))          // it is under way
	h.mail.hand(id, messages)() // so that it does not seem to rest where it has its answer
	return r, nil
}

// fromCassette says whether whoever carried a run out last had a cassette.
func fromCassette(past []event.Event) (yes bool) {
	for _, e := range past {
		switch b := e.Body.(type) {
		case event.RunStarted:
			yes = b.Cassette
		case event.RunResumed:
			yes = b.Cassette
		default:
		}
	}
	return yes
}

// past reads the events of a run.
func (h *Host) past(ctx context.Context, id string) (past []event.Event, err error) {
	for e, err := range h.journal.Events(ctx, id) {
		if err != nil {
			return nil, err
		}
		past = append(past, e)
	}
	if len(past) == 0 {
		return nil, journal.ErrUnknownRun
	}
	return past, nil
}

func each(events []event.Event) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// loadPinned makes the graph of a run again.
func (h *Host) loadPinned(ctx context.Context, id string) (*Graph, error) {
	p, ok := h.journal.(journal.Pinner)
	if !ok {
		return nil, ErrNotPinned
	}
	made, err := p.Sources(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case made == nil:
		return nil, ErrNotPinned
	}
	name, text, from := pinned(made)
	return h.load(name, name, text, from)
}
