package local_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

func planOf(tb testing.TB, text string) *plan.Plan {
	tb.Helper()
	g, found := graphfile.Load("graph.toml", []byte(text), nil)
	if found.Failed() {
		tb.Fatal(found)
	}
	return &plan.Plan{Graph: g, Digest: "sha256:test"}
}

// takes answers with its input after a while.
func takes(d time.Duration) func(context.Context, stepper.Invoke) (event.Outcome, error) {
	return func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return event.Outcome{Output: c.Input}, nil
	}
}

// TestRunsTakeTurns: a run with a thousand attempts to make does not hold up
// runs that have one at a time.
func TestRunsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wide := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 1000\n")
		narrow := chain(t, "a", "b", "c", "d", "e")
		work := takes(time.Second)
		d := local.New(local.Config{Journal: memory.New(), Parallel: 2, Invoker: nodes{"a": work, "b": work, "c": work, "d": work, "e": work}})
		items := make([]document.Document, 1000)
		for i := range items {
			items[i] = document.Int(int64(i))
		}
		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := d.Run(t.Context(), wide, "wide", event.RunStarted{Input: document.Array(items...)}); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 520*time.Second {
				t.Errorf("1,020 seconds of work took %v in two places", took)
			}
		})
		synctest.Wait()
		for i := range 4 {
			wg.Go(func() {
				if _, err := d.Run(t.Context(), narrow, fmt.Sprint("narrow", i), started); err != nil {
					t.Error(err)
				}
				// Five runs take turns in two places: each step waits for the others once.
				if took := time.Since(begin); took > 20*time.Second {
					t.Errorf("five steps took %v beside the wide run", took)
				}
			})
		}
		wg.Wait()
	})
}

// TestRunsAreBounded: runs beyond the bound are not begun; one that rests until a
// signal comes makes room; one that is canceled outside ends at once.
func TestRunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		observe := func(e event.Event) {
			switch e.Body.(type) {
			case event.RunStarted:
				most.Store(max(most.Load(), under.Add(1)))
			case event.RunFinished:
				under.Add(-1)
			default:
			}
		}
		d := local.New(local.Config{Journal: memory.New(), Parallel: 100, Runs: 3, Invoker: nodes{"a": takes(time.Second)}})
		p := chain(t, "a")
		var wg sync.WaitGroup
		begin := time.Now()
		for i := range 30 {
			wg.Go(func() {
				if _, err := d.Run(t.Context(), p, fmt.Sprint(i), started, observe); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if end, err := d.Run(ctx, p, "canceled", started); err != nil || end.Status != event.Canceled {
			t.Errorf("a run canceled outside: %+v, %v", end, err)
		}
		wg.Wait()
		if took := time.Since(begin); took != 10*time.Second || most.Load() != 3 {
			t.Errorf("30 runs of a second took %v, %d at once", took, most.Load())
		}

		resting := make(chan []string, 10)
		signals := make(chan driver.Signal)
		waiting := planOf(t, "chain = ['w', 'a']\n[nodes]\nw.wait = true\na.module = 'a.wasm'\n")
		for i := range 10 {
			wg.Go(func() {
				end, err := d.Carry(t.Context(), driver.Session{
					Plan: waiting, Run: fmt.Sprint("w", i), Started: started, Signals: signals,
					Rests: func(steps []string) { resting <- steps },
				})
				if err != nil || end.Output.String() != "7" {
					t.Errorf("%+v, %v", end, err)
				}
			})
		}
		for range 10 {
			if steps := <-resting; len(steps) != 1 || steps[0] != "w" {
				t.Errorf("waiting: %q", steps)
			}
		}
		if _, err := d.Run(t.Context(), p, "after", started); err != nil {
			t.Error(err)
		}
		for range 10 {
			signals <- driver.Signal{Step: "w", Document: document.Int(7), Done: func(err error) {
				if err != nil {
					t.Error(err)
				}
			}}
		}
		wg.Wait()
	})
}

// TestRestingWithoutSignals: nobody can answer, so the driver says so. A wait
// whose time is over takes no answer.
func TestRestingWithoutSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := local.New(local.Config{Journal: memory.New(), Invoker: nodes{"a": takes(time.Second)}})
		p := planOf(t, "[nodes.w]\nwait = true\ntimeout = '5s'\n[nodes.a]\nmodule = 'a.wasm'\n")
		if _, err := d.Run(t.Context(), p, "r", started); !errors.Is(err, driver.ErrWaiting) {
			t.Errorf("got %v", err)
		}
		closed := make(chan driver.Signal)
		close(closed)
		if _, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: "c", Started: started, Signals: closed}); !errors.Is(err, driver.ErrWaiting) {
			t.Errorf("got %v", err)
		}
		signals := make(chan driver.Signal)
		done := make(chan error)
		go func() {
			end, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: "s", Started: started, Signals: signals})
			if err == nil && end.Status != event.Failed {
				err = fmt.Errorf("it ended %s", end.Status)
			}
			done <- err
		}()
		send := func(step string) error {
			taken := make(chan error, 1)
			signals <- driver.Signal{Step: step, Document: document.Null(), Done: func(err error) { taken <- err }}
			return <-taken
		}
		time.Sleep(time.Second)
		if err := send("a"); err == nil || !strings.Contains(err.Error(), "waiting: w") {
			t.Errorf("a signal for nobody: %v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAThousandRuns: what each of a thousand runs holds while its attempt is under
// way.
func TestAThousandRuns(t *testing.T) {
	const runs = 1000
	p := chain(t, "a", "b")
	release := make(chan struct{})
	var begun sync.WaitGroup
	begun.Add(runs)
	first := func(_ context.Context, c stepper.Invoke) (event.Outcome, error) {
		begun.Done()
		<-release
		return event.Outcome{Output: c.Input}, nil
	}
	d := local.New(local.Config{Journal: memory.New(), Parallel: runs, Invoker: nodes{"a": first, "b": gives(`1`)}})
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for i := range runs {
		wg.Go(func() {
			end, err := d.Run(t.Context(), p, fmt.Sprint(i), started)
			if err != nil || end.Status != event.Done {
				t.Errorf("got %+v, %v", end, err)
			}
		})
	}
	begun.Wait()
	runtime.GC()
	runtime.ReadMemStats(&during)
	each := (during.HeapAlloc + during.StackInuse - before.HeapAlloc - before.StackInuse) / runs
	t.Logf("%d bytes a run", each)
	if each > 64<<10 {
		t.Errorf("%d bytes a run", each)
	}
	close(release)
	wg.Wait()
}
