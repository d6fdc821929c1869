package local_test

// How a run stops: soon, whatever its attempts do, and nothing more begins.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
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

// TestNothingBeginsOnceTheContextHasEnded: not even what the event leads to at which it was
// canceled, whoever comes first then.
func TestNothingBeginsOnceTheContextHasEnded(t *testing.T) {
	for name, cause := range map[string]error{"interrupted": driver.ErrInterrupted, "canceled": errors.New("enough")} {
		for _, observed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", observed: ", observed), func(t *testing.T) {
				for i := range 50 {
					ctx, cancel := context.WithCancelCause(t.Context())
					d := local.New(local.Config{Journal: memory.New(), Invoker: nodes{"a": gives(`1`), "b": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
						t.Error("b was begun")
						return gives(`2`)(ctx, c)
					}}})
					s := driver.Session{Plan: chain(t, "a", "b"), Run: fmt.Sprint(i), Started: started, Durable: func(e event.Event) {
						if e.Body.Type() == event.TypeAttemptSucceeded {
							cancel(cause)
						}
					}}
					if observed {
						s.Observe = []driver.Observer{s.Durable}
						s.Durable = nil
					}
					end, err := d.Carry(ctx, s)
					if errors.Is(cause, driver.ErrInterrupted) {
						over(t, "the run", err, cause)
					} else if err != nil || end.Status != event.Canceled {
						t.Errorf("%+v, %v", end, err)
					}
				}
			})
		}
	}
}

// TestWhatHasNotBegunIsCanceledAtOnce: also while another attempt takes its time to end.
func TestWhatHasNotBegunIsCanceledAtOnce(t *testing.T) {
	for _, speed := range speeds {
		synctest.Test(t, func(t *testing.T) {
			j := disk(speed)
			d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: nodes{"a": func(_ context.Context, c stepper.Invoke) (event.Outcome, error) {
				if c.Input.String() == "0" {
					time.Sleep(time.Second)
					return event.Outcome{Failure: &failure.Failure{Code: failure.NodeError}}, nil
				}
				time.Sleep(time.Hour) // whatever its context says
				return event.Outcome{Output: c.Input}, nil
			}}})
			begin := time.Now()
			p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 10\n")
			if end, err := d.Run(t.Context(), p, "r", event.RunStarted{Input: list(10)}); err != nil || end.Status != event.Failed || time.Since(begin) < time.Hour {
				t.Errorf("%+v, %v after %v", end, err, time.Since(begin))
			}
			all := slices.DeleteFunc(stored(t, j, "r"), func(e event.Event) bool {
				return e.Body.Type() != event.TypeAttemptFailed || e.Time.Sub(begin) > 2*time.Second
			})
			if len(all) != 9 { // that of the failure, and those that were not begun
				t.Errorf("soon after: %v", all)
			}
		})
	}
}

// TestNothingIsTakenOnceTheContextHasEnded: neither a call nor an outcome, of whoever has
// seen it end.
func TestNothingIsTakenOnceTheContextHasEnded(t *testing.T) {
	for name, cause := range map[string]error{"interrupted": driver.ErrInterrupted, "canceled": errors.New("enough")} {
		for _, asks := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", asks: ", asks), func(t *testing.T) {
				for i := range 50 {
					j := memory.New()
					ctx, cancel := context.WithCancelCause(t.Context())
					d := local.New(local.Config{Journal: j, Invoker: callers{"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
						cancel(cause)
						if asks {
							err := calls.Record(context.WithoutCancel(ctx), asked(1, oneCall))
							if err == nil {
								t.Error("a call was recorded")
							}
							return event.Outcome{}, err
						}
						return event.Outcome{Output: c.Input}, nil
					}}})
					end, err := d.Run(ctx, chain(t, "a"), fmt.Sprint(i), started)
					if errors.Is(cause, driver.ErrInterrupted) {
						over(t, "the run", err, cause)
						if got := fmt.Sprint(types(stored(t, j, fmt.Sprint(i)))); got != "[run_started attempt_started]" {
							t.Errorf("the journal has %s", got)
						}
					} else if err != nil || end.Status != event.Canceled {
						t.Errorf("%+v, %v", end, err)
					}
				}
			})
		}
	}
}
