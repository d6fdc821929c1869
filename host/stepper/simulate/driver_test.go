package simulate_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

// TestLocalDriver carries cases out with the real driver, with few and with many
// attempts at once: the promise holds there too.
func TestLocalDriver(t *testing.T) {
	for seed := uint64(1); seed <= 300; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, parallel := range []int{1, 3, 100} {
			synctest.Test(t, func(t *testing.T) {
				events := carried(t, c, parallel)
				report(t, c.Compare(events))
				undo := c.Limit(simulate.Spent(events))
				if undo == nil {
					return
				}
				defer undo()
				if text, _ := c.Budgets(carried(t, c, parallel)); text != "" {
					t.Errorf("seed %d, %d at once: with budgets: %s", seed, parallel, text)
				}
			})
		}
	}
}

// carried gives the events of a run by the local driver, whose waits are
// answered after a while.
func carried(t *testing.T, c *simulate.Case, parallel int) (events []event.Event) {
	t.Helper()
	j := memory.New()
	d := local.New(local.Config{Invoker: invoker{c, uint64(parallel)}, Journal: j, Parallel: parallel})
	started := c.Started()
	var senders sync.WaitGroup
	over := make(chan struct{})
	signals := make(chan driver.Signal)
	answer := func(e event.Event) {
		b, ok := e.Body.(event.AttemptStarted)
		if !ok || !c.Waits(b.Node) {
			return
		}
		senders.Go(func() {
			timer := time.NewTimer(c.Took(uint64(parallel), b.Attempt))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-over:
				return
			}
			select {
			case signals <- driver.Signal{Step: b.Step, Document: c.Answer(b.Step), Done: func(error) {}}:
			case <-over:
			}
		})
	}
	_, err := d.Carry(t.Context(), driver.Session{
		Plan: &plan.Plan{Graph: c.Graph, Digest: started.Plan}, Run: "run", Started: started,
		Signals: signals, Observe: []driver.Observer{answer},
	})
	close(over)
	senders.Wait()
	if err != nil {
		t.Fatalf("seed %d: %v", c.Seed, err)
	}
	for e, err := range j.Events(t.Context(), "run") {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// invoker does what the nodes of a case do.
type invoker struct {
	*simulate.Case
	schedule uint64
}

// Invoke implements driver.Invoker.
func (v invoker) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	begin := time.Now()
	for _, call := range v.Calls(v.schedule, c.Attempt) {
		if err := ask(ctx, begin, calls, call); err != nil {
			return event.Outcome{}, err
		}
	}
	timer := time.NewTimer(v.Took(v.schedule, c.Attempt) - time.Since(begin))
	defer timer.Stop()
	select {
	case <-timer.C:
		return v.Nodes(c.Attempt, c.Input, c.Feedback), nil
	case <-ctx.Done():
		return event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}}, nil
	}
}

// ask makes a call of a case, in its time.
func ask(ctx context.Context, begin time.Time, calls driver.Calls, c simulate.Call) error {
	until := func(d time.Duration) error {
		timer := time.NewTimer(time.Until(begin.Add(d)))
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := until(c.Asked); err != nil {
		return err
	}
	if c.Fact.Usage.Calls > 0 {
		admitted, err := calls.Admit(ctx)
		if err != nil {
			return err
		}
		if !admitted {
			return calls.Record(ctx, c.Refused())
		}
	}
	if c.Lost {
		return nil
	}
	if err := until(c.Answered); err != nil {
		return err
	}
	return calls.Record(ctx, c.Fact)
}
