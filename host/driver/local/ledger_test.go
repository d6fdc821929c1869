package local_test

// A run does not wait for its disk, and nobody can tell.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/stepper"
)

// slow is a journal with a disk that takes a while.
type slow struct {
	journal.Journal
	takes  time.Duration
	broken int // the append that fails, from 1; 0: none

	mu      sync.Mutex
	batches [][]event.Type
}

func (s *slow) Append(ctx context.Context, events ...event.Event) error {
	time.Sleep(s.takes)
	s.mu.Lock()
	s.batches = append(s.batches, types(events))
	broken := len(s.batches) == s.broken
	s.mu.Unlock()
	if broken {
		return errDisk
	}
	return s.Journal.Append(ctx, events...)
}

// TestARunGoesOnWhileItsDiskIsBusy: ten steps take two appends, that of the start and
// that of all the rest; until they are done nobody outside sees anything of it.
func TestARunGoesOnWhileItsDiskIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := strings.Split("abcdefghij", "")
		var ran atomic.Int32
		work := nodes{}
		for _, name := range names {
			work[name] = func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
				ran.Add(1)
				return gives(`1`)(ctx, c)
			}
		}
		j := &slow{Journal: memory.New(), takes: time.Second}
		d := local.New(local.Config{Journal: j, Invoker: work})
		begin := time.Now()
		var seen atomic.Int32
		over := make(chan error, 1)
		go func() {
			end, err := d.Carry(t.Context(), driver.Session{
				Plan: chain(t, names...), Run: "r", Started: started, Awaited: true,
				Observe: []driver.Observer{func(event.Event) { seen.Add(1) }},
			})
			if err == nil && end.Status != event.Done {
				err = fmt.Errorf("it ended %s", end.Status)
			}
			over <- err
		}()
		synctest.Wait()
		if ran.Load() != 10 || seen.Load() != 0 || len(over) != 0 {
			t.Errorf("before anything is durable: %d steps ran, %d events were seen, %d ends", ran.Load(), seen.Load(), len(over))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if seen.Load() != 2 || len(over) != 0 {
			t.Errorf("when the start is durable: %d events were seen, %d ends", seen.Load(), len(over))
		}
		if err := <-over; err != nil || time.Since(begin) != 2*time.Second || seen.Load() != 22 {
			t.Errorf("%v after %v, %d events were seen", err, time.Since(begin), seen.Load())
		}
		// A success and the start that it causes stay together.
		if len(j.batches) != 2 || len(j.batches[0]) != 2 || len(j.batches[1]) != 20 {
			t.Errorf("the appends were %v", j.batches)
		}
	})
}

// TestACallWaitsForWhatLedToIt: the world is asked only when the journal knows why; and
// the answer is seen only when the journal has it.
func TestACallWaitsForWhatLedToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slow{Journal: memory.New(), takes: time.Second}
		begin := time.Now()
		at := func(what string, want time.Duration) {
			if got := time.Since(begin); got != want {
				t.Errorf("%s after %v, want %v", what, got, want)
			}
		}
		d := local.New(local.Config{Journal: j, Invoker: callers{
			"a": func(_ context.Context, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
				at("a began", 0)
				return event.Outcome{Output: c.Input}, nil
			},
			"b": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				at("b began", 0)
				for i, want := range []int{2, 3} {
					if ok, err := calls.Admit(ctx); !ok || err != nil {
						t.Error(ok, err)
					}
					at("call admitted", time.Duration(want)*time.Second)
					all := stored(t, j, "r")
					if started, ok := all[3].Body.(event.AttemptStarted); !ok || started.Attempt != c.Attempt {
						t.Errorf("the journal has %v", types(all))
					}
					if err := calls.Record(ctx, asked(i+1, oneCall)); err != nil {
						t.Error(err)
					}
					at("answer seen", time.Duration(want+1)*time.Second)
					if all := stored(t, j, "r"); len(all) != 5+i {
						t.Errorf("the journal has %v", types(all))
					}
				}
				return event.Outcome{Output: c.Input}, nil
			},
		}})
		end, err := d.Carry(t.Context(), driver.Session{Plan: chain(t, "a", "b"), Run: "r", Started: started, Awaited: true})
		if err != nil || end.Status != event.Done {
			t.Errorf("%+v, %v", end, err)
		}
		at("the end", 5*time.Second)
	})
}

// TestNothingIsToldThatTheJournalDoesNotHave: an append fails, and whatever was decided
// since has not been: no call is made, no observer sees it, the run has no end.
func TestNothingIsToldThatTheJournalDoesNotHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slow{Journal: memory.New(), takes: time.Second, broken: 2}
		var admitted error
		d := local.New(local.Config{Journal: j, Invoker: callers{
			"a": func(_ context.Context, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
				return event.Outcome{Output: c.Input}, nil
			},
			"b": func(ctx context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				_, admitted = calls.Admit(ctx)
				return event.Outcome{}, admitted
			},
		}})
		var seen, decided []event.Type
		end, err := d.Carry(t.Context(), driver.Session{
			Plan: chain(t, "a", "b"), Run: "r", Started: started, Awaited: true,
			Observe: []driver.Observer{func(e event.Event) { seen = append(seen, e.Body.Type()) }},
			Decided: func(e event.Event) { decided = append(decided, e.Body.Type()) },
		})
		if !errors.Is(err, errDisk) || end.Status != "" {
			t.Errorf("%+v, %v", end, err)
		}
		if admitted == nil {
			t.Error("a call was admitted")
		}
		if got := fmt.Sprint(seen); got != "[run_started attempt_started]" {
			t.Errorf("seen: %s", got)
		}
		if got := fmt.Sprint(decided); got != "[run_started attempt_started attempt_succeeded attempt_started]" {
			t.Errorf("decided: %s", got)
		}
	})
}

// TestASignalIsDoneWhenItIsDurable: and the run is said to rest only when all that has
// led to it is.
func TestASignalIsDoneWhenItIsDurable(t *testing.T) {
	for _, broken := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, "chain = ['w', 'a']\n[nodes]\nw.wait = true\na.module = 'a.wasm'\n")
			j := &slow{Journal: memory.New(), takes: time.Second, broken: broken}
			d := local.New(local.Config{Journal: j, Invoker: nodes{"a": gives(`1`)}})
			signals, rests, over := make(chan driver.Signal), make(chan []string, 1), make(chan error, 1)
			begin := time.Now()
			go func() {
				_, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: "r", Started: started, Signals: signals, Rests: func(w []string) { rests <- w }})
				over <- err
			}()
			if steps := <-rests; !slices.Equal(steps, []string{"w"}) || time.Since(begin) != time.Second {
				t.Errorf("%q rest after %v", steps, time.Since(begin))
			}
			done := make(chan error, 2)
			signals <- driver.Signal{Step: "w", Document: document.Int(1), Done: func(err error) { done <- err }}
			if err := <-done; !errors.Is(err, j.fails()) || time.Since(begin) != 2*time.Second {
				t.Errorf("done: %v after %v", err, time.Since(begin))
			}
			if err := <-over; !errors.Is(err, j.fails()) || len(done) != 0 {
				t.Errorf("the run: %v; done was told %d times more", err, len(done))
			}
		})
	}
}

func (s *slow) fails() error {
	if s.broken > 0 {
		return errDisk
	}
	return nil
}

// TestWhatWaitsForTheDiskIsBounded: in events, and in bytes.
func TestWhatWaitsForTheDiskIsBounded(t *testing.T) {
	loop := "max_steps = 10000\nchain = ['a']\n[state.n]\nreduce = 'sum'\n[nodes.a]\nmodule = 'a.wasm'\nmax_visits = 10000\nwrite.n = '1'\n" +
		"[[edges]]\nfrom = 'a'\nto = 'a'\nwhen = 'state.n < 3000'\n"
	for output, most := range map[string]int32{`1`: 130, `"` + strings.Repeat("x", 1<<18) + `"`: 6} {
		synctest.Test(t, func(t *testing.T) {
			var ran atomic.Int32
			j := &slow{Journal: memory.New(), takes: time.Second}
			d := local.New(local.Config{Journal: j, Invoker: nodes{"a": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
				ran.Add(1)
				return gives(output)(ctx, c)
			}}})
			ctx, cancel := context.WithCancelCause(t.Context())
			over := make(chan error, 1)
			go func() {
				_, err := d.Carry(ctx, driver.Session{Plan: planOf(t, loop), Run: "r", Started: started, Awaited: true})
				over <- err
			}()
			for range 3 {
				synctest.Wait()
				if n := ran.Swap(0); n < most/2 || n > most {
					t.Errorf("%d steps in the time of one append, want %d", n, most)
				}
				time.Sleep(time.Second)
			}
			// What has happened is kept, whatever ends the run.
			cancel(driver.ErrInterrupted)
			if err := <-over; !errors.Is(err, driver.ErrInterrupted) {
				t.Error(err)
			}
			all := stored(t, j, "r")
			last := all[len(all)-1]
			if int(last.Seq) != len(all) || last.Body.Type() != event.TypeAttemptStarted {
				t.Errorf("the journal has %d events, the last is %+v", len(all), last)
			}
		})
	}
}

// TestStepsShareAnAppend: nobody waits for the first steps, so they are recorded
// together; and soon, although the next one takes its time.
func TestStepsShareAnAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slow{Journal: memory.New()}
		d := local.New(local.Config{Journal: j, Invoker: nodes{"a": gives(`1`), "b": gives(`2`), "c": takes(time.Hour)}})
		var told []time.Duration
		for _, awaited := range []bool{false, true} {
			told, j.batches = nil, nil
			begin := time.Now()
			end, err := d.Carry(t.Context(), driver.Session{
				Plan: chain(t, "a", "b", "c"), Run: fmt.Sprint(awaited), Started: started, Awaited: awaited,
				Observe: []driver.Observer{func(event.Event) { told = append(told, time.Since(begin)) }},
			})
			if err != nil || end.Status != event.Done {
				t.Errorf("%+v, %v", end, err)
			}
			soon, first, appends := time.Millisecond, time.Millisecond, 2
			if awaited {
				first, appends = 0, 3
			}
			if want := []time.Duration{first, first, soon, soon, soon, soon, time.Hour, time.Hour}; !slices.Equal(told, want) {
				t.Errorf("told after %v, want %v", told, want)
			}
			if len(j.batches) != appends {
				t.Errorf("the appends were %v", j.batches)
			}
		}
	})
}

// TestAfterACrashNothingIsAheadOfTheDisk: whichever attempt ends the process is the one
// that is known to have been interrupted.
func TestAfterACrashNothingIsAheadOfTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slow{Journal: memory.New(), takes: time.Second}
		known := func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
			all := stored(t, j, "r")
			if !slices.ContainsFunc(all, func(e event.Event) bool {
				started, ok := e.Body.(event.AttemptStarted)
				return ok && started.Attempt == c.Attempt
			}) {
				t.Errorf("%v begins, the journal has %v", c.Attempt, types(all))
			}
			return gives(`1`)(ctx, c)
		}
		p := chain(t, "a", "b", "c")
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { stop(driver.ErrInterrupted) })
		first := local.New(local.Config{Journal: j, Invoker: nodes{"a": hangs}})
		if _, err := first.Run(ctx, p, "r", started); !errors.Is(err, driver.ErrInterrupted) {
			t.Fatal(err)
		}
		begin := time.Now()
		again := local.New(local.Config{Journal: j, Invoker: nodes{"a": known, "b": known, "c": known}})
		end, err := again.Carry(t.Context(), driver.Session{Plan: p, Run: "r", Past: j.Events(t.Context(), "r")})
		if err != nil || end.Status != event.Done || time.Since(begin) != 4*time.Second {
			t.Errorf("%+v, %v after %v", end, err, time.Since(begin))
		}
	})
}

// TestSettled: what an attempt asks of the journal is answered as if its run had waited
// for the disk.
func TestSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slow{Journal: memory.New(), takes: time.Second}
		d := local.New(local.Config{Journal: j, Invoker: callers{
			"a": func(_ context.Context, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
				return event.Outcome{Output: c.Input}, nil
			},
			"b": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				for range 2 {
					if err := calls.Settled(ctx); err != nil {
						t.Error(err)
					}
					if all := stored(t, j, "r"); len(all) != 4 {
						t.Errorf("the journal has %v", types(all))
					}
				}
				return event.Outcome{Output: c.Input}, nil
			},
		}})
		if end, err := d.Run(t.Context(), chain(t, "a", "b"), "r", started); err != nil || end.Status != event.Done {
			t.Errorf("%+v, %v", end, err)
		}
	})
}
