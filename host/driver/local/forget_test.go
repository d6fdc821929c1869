package local_test

// What a run has decided and its journal may yet forget: nobody goes by it.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// TestASignalIsRefusedForWhatIsDurable: the second answer to a step is refused because
// of the first one; where that is forgotten, the second was not refused.
func TestASignalIsRefusedForWhatIsDurable(t *testing.T) {
	for _, broken := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, "chain = ['w', 'a']\n[nodes]\nw.wait = true\na.module = 'a.wasm'\n")
			j := &slow{Journal: memory.New(), takes: time.Second, broken: broken}
			d := local.New(local.Config{Journal: j, Invoker: nodes{"a": takes(time.Hour)}})
			signals, over := make(chan driver.Signal), make(chan error, 1)
			go func() {
				_, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: "r", Started: started, Signals: signals})
				over <- err
			}()
			done := make(chan error, 3)
			for i := range 2 {
				signals <- driver.Signal{Step: "w", Document: document.Int(int64(i)), Done: func(err error) { done <- err }}
			}
			begin := time.Now()
			first, second := <-done, <-done
			if !errors.Is(first, j.fails()) || time.Since(begin) != time.Second {
				t.Errorf("the first: %v after %v", first, time.Since(begin))
			}
			var refused *stepper.SignalError
			if broken > 0 && !errors.Is(second, errDisk) || broken == 0 && !errors.As(second, &refused) {
				t.Errorf("the second: %v", second)
			}
			if err := <-over; !errors.Is(err, j.fails()) || len(done) != 0 {
				t.Errorf("the run: %v; %d told twice", err, len(done))
			}
		})
	}
}

// TestWhatWaitsIsBoundedWhereNobodyIsInvoked: also the answers that are known, and the
// attempts that are dropped.
func TestWhatWaitsIsBoundedWhereNobodyIsInvoked(t *testing.T) {
	loop := "max_steps = 10000\nchain = ['w']\n[state.n]\nreduce = 'sum'\n[nodes.w]\nwait = true\nmax_visits = 10000\nwrite.n = '1'\n" +
		"[[edges]]\nfrom = 'w'\nto = 'w'\nwhen = 'state.n < 2000'\n"
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, loop)
		p.Nodes = []*plan.Node{{Node: p.Graph.Nodes[0]}}
		j := &slow{Journal: memory.New(), takes: time.Second}
		d := local.New(local.Config{Journal: j, Invoker: nodes{}})
		end, err := d.Carry(t.Context(), driver.Session{
			Plan: p, Run: "r", Started: started,
			Known: func(d stepper.Description) (event.Outcome, bool) {
				return event.Outcome{Attempt: event.Attempt{Step: d.Step, Node: "w", Number: 1}, Output: document.Int(1), From: &event.Origin{Run: "q"}}, true
			},
		})
		if err != nil || end.Status != event.Done {
			t.Errorf("%+v, %v", end, err)
		}
		for _, b := range j.batches {
			if len(b) > 260 {
				t.Errorf("an append of %d events", len(b))
			}
		}
	})
}

// TestObserversSeeAnAttemptBeginBeforeItsCalls: an observer that is slow does not see a
// call, or parts of its answer, before it sees whose they are.
func TestObserversSeeAnAttemptBeginBeforeItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slow{Journal: memory.New(), takes: time.Second}
		var seen atomic.Bool
		d := local.New(local.Config{Journal: j, Invoker: callers{
			"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				time.Sleep(1500 * time.Millisecond) // the journal has it, the observer is at it
				if ok, err := calls.Admit(ctx); !ok || err != nil || !seen.Load() {
					t.Errorf("admitted: %t, %v; the attempt was seen: %t", ok, err, seen.Load())
				}
				return event.Outcome{Output: c.Input}, nil
			},
		}})
		_, err := d.Run(t.Context(), chain(t, "a"), "r", started, func(e event.Event) {
			if e.Body.Type() == event.TypeAttemptStarted {
				time.Sleep(time.Second)
				seen.Store(true)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestAnObserverThatPanicsIsAskedNothingMore: and the run gives its place back.
func TestAnObserverThatPanicsIsAskedNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := local.New(local.Config{Journal: &slow{Journal: memory.New(), takes: time.Second}, Invoker: nodes{"a": gives(`1`), "b": hangs}, Runs: 1})
		var seen []event.Type
		func() {
			defer func() {
				p, ok := recover().(*driver.Panic)
				if !ok || p.Value != "enough" || !strings.Contains(string(p.Stack), "forget_test.go") {
					t.Errorf("panic: %v", p)
				}
			}()
			_, _ = d.Run(t.Context(), chain(t, "a", "b"), "r", started, func(e event.Event) {
				seen = append(seen, e.Body.Type())
				panic("enough")
			})
		}()
		if !slices.Equal(seen, []event.Type{event.TypeRunStarted}) {
			t.Errorf("seen: %v", seen)
		}
		if end, err := d.Run(t.Context(), chain(t, "a"), "s", started); err != nil || end.Status != event.Done {
			t.Errorf("the next run: %+v, %v", end, err)
		}
	})
}

// TestNothingBeginsAgainBeforeTheResumeIsDurable: a node that takes the process with it
// does so a bounded number of times, because each resume is counted.
func TestNothingBeginsAgainBeforeTheResumeIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		ctx, cancel := context.WithCancelCause(t.Context())
		d := local.New(local.Config{Journal: j, Invoker: nodes{"a": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
			cancel(driver.ErrInterrupted)
			return hangs(ctx, c)
		}}})
		if _, err := d.Run(ctx, chain(t, "a"), "r", started); !errors.Is(err, driver.ErrInterrupted) {
			t.Fatal(err)
		}
		again := local.New(local.Config{Journal: &slow{Journal: j, takes: time.Second}, Invoker: nodes{"a": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
			if got := types(stored(t, j, "r")); !slices.Contains(got, event.TypeRunResumed) {
				t.Errorf("the journal has %v", got)
			}
			return gives(`1`)(ctx, c)
		}}})
		end, err := again.Carry(t.Context(), driver.Session{Plan: chain(t, "a"), Run: "r", Past: j.Events(t.Context(), "r")})
		if err != nil || end.Status != event.Done {
			t.Errorf("%+v, %v", end, err)
		}
	})
}
