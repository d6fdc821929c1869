package local

// Where the calls of an attempt meet their run.

import (
	"context"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
)

// attempt is one that is under way. It implements [driver.Calls] by asking the run's
// goroutine, which alone touches the machine and the journal.
type attempt struct {
	r    *run
	of   order
	past []event.CapabilityAnswered
	// ctx ends when the run no longer wants the outcome, when the outcome is there,
	// and when the run closes.
	ctx    context.Context //nolint:containedctx // the attempt is the call
	cancel context.CancelCauseFunc
}

var _ driver.Calls = (*attempt)(nil)

// carryOut makes the attempt, in a goroutine of its own, and hands in what came of it.
func (a *attempt) carryOut() {
	o, err := a.r.invoker.Invoke(a.ctx, a.r.s.Plan, a.of.Invoke, a)
	<-a.r.d.places
	o.Attempt = a.of.Attempt
	a.r.results <- result{o, err}
}

// ask is a question of an attempt to its run.
type ask struct {
	of    order
	admit bool         // may it make one more call?
	fact  event.Body   // a call, to be recorded; nil: none
	reply chan<- reply // takes one without a receiver
}

type reply struct {
	admitted bool
	err      error
}

// Settled implements [driver.Calls].
func (a *attempt) Settled(ctx context.Context) error {
	if a.r.ledger.durable.Load() >= a.of.since {
		return over(ctx, a.ctx)
	}
	_, err := a.ask(ctx, ask{of: a.of})
	return err
}

// Admit implements [driver.Calls].
func (a *attempt) Admit(ctx context.Context) (bool, error) {
	if !a.r.budgeted {
		return true, a.Settled(ctx)
	}
	got, err := a.ask(ctx, ask{of: a.of, admit: true})
	return got.admitted, err
}

// Record implements [driver.Calls].
func (a *attempt) Record(ctx context.Context, fact event.CapabilityAnswered) error {
	fact.Attempt = a.of.Attempt
	_, err := a.ask(ctx, ask{of: a.of, fact: fact})
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

// ask never waits for anything but the run's goroutine at work: that one takes
// questions whenever it waits, and answers each that it takes. When it takes none
// any more, a.ctx ends.
func (a *attempt) ask(ctx context.Context, q ask) (reply, error) {
	if err := over(ctx, a.ctx); err != nil {
		return reply{}, err
	}
	answer := make(chan reply, 1)
	q.reply = answer
	select {
	case a.r.asks <- q:
	case <-a.ctx.Done():
		return reply{}, over(a.ctx)
	case <-ctx.Done():
		return reply{}, over(ctx)
	}
	select {
	case got := <-answer:
		if got.err != nil {
			return reply{}, got.err
		}
		// The fact itself may have ended the run, and the attempt's time goes on.
		return got, over(ctx, a.ctx)
	case <-a.r.ctx.Done():
		return reply{}, over(a.r.ctx)
	}
}

// budgeted reports whether a graph, or one inside it, has a budget. Where none has,
// every call is admitted, and the run's goroutine need not be asked.
func budgeted(g *graph.Graph, seen map[*graph.Graph]bool) bool {
	if g == nil || seen[g] {
		return false
	}
	seen[g] = true
	return g.Budget != nil || slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return budgeted(n.Sub, seen) })
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

// answer answers a question of an attempt, once what has led to the answer is durable.
// The error ends the run.
func (r *run) answer(q ask) error {
	a := r.attempts[q.of.Attempt]
	switch {
	case a == nil || a.ctx.Err() != nil:
		q.reply <- reply{}
		return nil //nolint:nilerr // ask says why
	case q.fact == nil:
		admitted := q.admit && r.machine.Admit(q.of.Attempt)
		return r.await(q.of.since, func(broken error) { q.reply <- reply{admitted, broken} })
	}
	err := r.commit(q.fact)
	if err != nil {
		q.reply <- reply{err: err}
		return err
	}
	return r.await(r.seq, func(broken error) { q.reply <- reply{err: broken} })
}
