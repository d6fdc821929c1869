package local_test

// Attempts that never stop recording calls hold up neither the end of their run's context
// nor anything else that Carry's goroutine sees to.

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/stepper"
)

// many are more calls than there is time for.
const many = 1000

// records records one call after the other, until it is told to end.
func records(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	for i := len(calls.Answered()) + 1; i <= many; i++ {
		if err := calls.Record(ctx, asked(i, oneCall)); err != nil {
			return event.Outcome{}, err
		}
	}
	return event.Outcome{Output: c.Input}, nil
}

// TestAttemptsThatRecordHoldUpNoEnd: that of a new run, and that of one that is carried on.
func TestAttemptsThatRecordHoldUpNoEnd(t *testing.T) {
	for name, cause := range map[string]error{"interrupted": driver.ErrInterrupted, "canceled": errors.New("enough")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := planOf(t, "[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nc.module = 'c.wasm'\n")
				m := memory.New()
				j := &slow{Journal: m, takes: time.Second}
				d := local.New(local.Config{Journal: j, Parallel: 3, Invoker: callers{"a": records, "b": records, "c": records}})
				carry := func(s driver.Session, cause error) event.RunFinished {
					s.Plan, s.Run = p, "r"
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					stop := time.AfterFunc(10500*time.Millisecond, func() { cancel(cause) })
					defer stop.Stop()
					begin := time.Now()
					end, err := d.Carry(ctx, s)
					if errors.Is(cause, driver.ErrInterrupted) {
						over(t, "the run", err, cause)
					} else if err != nil || end.Status != event.Canceled {
						t.Errorf("%+v, %v", end, err)
					}
					if took := time.Since(begin); took > 20*time.Second {
						t.Errorf("it ended after %v", took)
					}
					return end
				}
				carry(driver.Session{Started: started}, driver.ErrInterrupted)
				carry(driver.Session{Past: m.Events(t.Context(), "r")}, cause)
			})
		})
	}
}
