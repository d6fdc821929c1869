package simulate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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
		if c.Waits() {
			continue // nobody sends the signals
		}
		for _, parallel := range []int{1, 3, 100} {
			synctest.Test(t, func(t *testing.T) {
				j := memory.New()
				d := local.New(local.Config{Invoker: invoker{c, uint64(parallel)}, Journal: j, Parallel: parallel})
				started := c.Started()
				if _, err := d.Run(t.Context(), &plan.Plan{Graph: c.Graph, Digest: started.Plan}, "run", started); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				var events []event.Event
				for e, err := range j.Events(t.Context(), "run") {
					if err != nil {
						t.Fatal(err)
					}
					events = append(events, e)
				}
				report(t, c.Compare(events))
			})
		}
	}
}

// invoker does what the nodes of a case do.
type invoker struct {
	*simulate.Case
	schedule uint64
}

// Invoke implements driver.Invoker.
func (v invoker) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke) (event.Outcome, error) {
	timer := time.NewTimer(v.Took(v.schedule, c.Attempt))
	defer timer.Stop()
	select {
	case <-timer.C:
		return v.Nodes(c.Attempt, c.Input, c.Feedback), nil
	case <-ctx.Done():
		return event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}}, nil
	}
}
