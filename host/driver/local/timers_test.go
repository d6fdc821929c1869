package local_test

// Whoever sets a timer, it fires in time.

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/stepper"
)

// TestATimerThatIsEarlierThanTheFirst: an attempt that fails leads to one, while the
// goroutine of Carry waits for that of another attempt, or for none.
func TestATimerThatIsEarlierThanTheFirst(t *testing.T) {
	for _, other := range []string{"", "[nodes.a]\nmodule = 'a.wasm'\ntimeout = '1h'\n"} {
		for _, speed := range speeds {
			synctest.Test(t, func(t *testing.T) {
				var tries []time.Duration
				begin := time.Now()
				d := local.New(local.Config{Journal: disk(speed), Parallel: 2, Invoker: nodes{
					"a": takes(time.Minute),
					"b": func(context.Context, stepper.Invoke) (event.Outcome, error) {
						time.Sleep(time.Second)
						tries = append(tries, time.Since(begin))
						return event.Outcome{Failure: &failure.Failure{Code: failure.CapabilityError, Retryable: true}}, nil
					},
				}})
				p := planOf(t, other+"[nodes.b]\nmodule = 'b.wasm'\ntimeout = '2h'\n[[nodes.b.retry]]\njitter = 0\ninitial_interval = '2s'\nmax_attempts = 4\n")
				if end, err := d.Run(t.Context(), p, "r", started); err != nil || end.Status != event.Failed {
					t.Errorf("%+v, %v", end, err)
				}
				if got := fmt.Sprint(tries); got != "[1s 4s 9s 18s]" {
					t.Errorf("tried after %s", got)
				}
			})
		}
	}
}
