package local

// Where the calls of an attempt meet their run.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
)

var _ driver.Calls = (*attempt)(nil)

// ask is a question of an attempt to its run.
type ask struct {
	admit bool       // may it make one more call?
	fact  event.Body // a call, to be recorded; nil: none
}

// reply answers one.
type reply struct {
	admitted bool
	err      error
}

// Settled implements [driver.Calls].
func (a *attempt) Settled(ctx context.Context) error {
	if a.r.ledger.durable.Load() >= a.of.since {
		return over(ctx, a.ctx)
	}
	_, err := a.ask(ctx, ask{})
	return err
}

// Admit implements [driver.Calls].
func (a *attempt) Admit(ctx context.Context) (bool, error) {
	if !a.r.budgeted {
		return true, a.Settled(ctx)
	}
	got, err := a.ask(ctx, ask{admit: true})
	return got.admitted, err
}

// Record implements [driver.Calls].
func (a *attempt) Record(ctx context.Context, fact event.CapabilityAnswered) error {
	fact.Attempt = a.of.Attempt
	_, err := a.ask(ctx, ask{fact: fact})
	return err
}

// Answered implements [driver.Calls].
func (a *attempt) Answered() []event.CapabilityAnswered { return a.past }

// Partial implements [driver.Calls].
func (a *attempt) Partial(p event.Partial) {
	if see := a.r.s.Partial; see != nil && a.ctx.Err() == nil {
		see(p)
	}
}

// ask waits only for the journal, or for who has the run.
func (a *attempt) ask(ctx context.Context, q ask) (reply, error) {
	r := a.r
	if err := a.enter(ctx, q.fact != nil); err != nil {
		return reply{}, err
	}
	said := reply{err: errNoReply}
	var later <-chan reply
	r.do(func() (err error) {
		said, later, err = r.answer(a, q)
		return err
	})
	due := r.ledger.take()
	r.leave()
	if due != nil { // nobody else would wait less for it
		err := r.append(due)
		r.enter()
		r.do(func() error { return r.written(err) })
		r.leave()
	}
	if later != nil {
		select {
		case said = <-later:
		case <-r.ctx.Done():
			return reply{}, over(r.ctx)
		}
	}
	if said.err != nil {
		return reply{}, said.err
	}
	// The fact itself may have ended the run, and the attempt's time goes on.
	return said, over(ctx, a.ctx)
}

// errNoReply is what an attempt is told whose question has made its run panic.
var errNoReply = errors.New("the run has come to an end")

// enter takes the run for an attempt, unless that is over. Where it is to record
// something, the ledger has room for it.
func (a *attempt) enter(ctx context.Context, records bool) error {
	r := a.r
	for {
		if err := over(ctx, a.ctx); err != nil {
			return err
		}
		r.enter()
		r.do(r.stop)
		var wait <-chan struct{} // for the end of a.ctx, where there is no more
		switch {
		case r.over():
		case records && r.ledger.full():
			wait = r.ledger.relief()
		default:
			return nil
		}
		r.leave()
		select {
		case <-wait:
		case <-a.ctx.Done():
		case <-ctx.Done():
		}
	}
}

// budgeted reports whether a graph, or one inside it, has a budget. Where none has,
// every call is admitted.
func budgeted(g *graph.Graph) bool {
	return slices.ContainsFunc(g.All(), func(g *graph.Graph) bool { return g.Budget != nil })
}

// over says why the first of these that is done is.
func over(contexts ...context.Context) error {
	for _, ctx := range contexts {
		if ctx.Err() != nil {
			return fmt.Errorf("the attempt is over: %w", context.Cause(ctx))
		}
	}
	return nil
}

// answer answers a question of an attempt: now, or later, once what has led to the answer
// is durable. The error ends the run.
func (r *run) answer(a *attempt, q ask) (now reply, later <-chan reply, err error) {
	if a.ctx.Err() != nil {
		return reply{}, nil, nil //nolint:nilerr // ask says why
	}
	since := a.of.since
	if q.fact != nil {
		if err := r.commit(q.fact); err != nil {
			return reply{err: err}, nil, err
		}
		since = r.seq
	}
	admitted := q.admit && r.machine.Admit(a.of.Attempt)
	if r.ledger.durable.Load() >= since {
		return reply{admitted: admitted}, nil, nil
	}
	said := make(chan reply, 1)
	err = r.await(since, func(broken error) { said <- reply{admitted, broken} })
	return reply{}, said, err
}
