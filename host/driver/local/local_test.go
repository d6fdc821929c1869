package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// nodes is an invoker of Go functions, by node.
type nodes map[string]func(ctx context.Context, c stepper.Invoke) (event.Outcome, error)

func (n nodes) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	return n[c.Node](ctx, c)
}

func gives(output string) func(context.Context, stepper.Invoke) (event.Outcome, error) {
	return func(context.Context, stepper.Invoke) (event.Outcome, error) {
		return event.Outcome{Output: document.MustParse(output), Fuel: 7}, nil
	}
}

func fails(f failure.Failure) func(context.Context, stepper.Invoke) (event.Outcome, error) {
	return func(context.Context, stepper.Invoke) (event.Outcome, error) {
		return event.Outcome{Failure: &f}, nil
	}
}

// hangs waits until its attempt is aborted.
func hangs(ctx context.Context, _ stepper.Invoke) (event.Outcome, error) {
	<-ctx.Done()
	return event.Outcome{Failure: &failure.Failure{Code: failure.Canceled}}, nil
}

func chain(t *testing.T, names ...string) *plan.Plan {
	t.Helper()
	src := &graph.Source{File: "test.toml"}
	for _, name := range names {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: name, Module: name + ".wasm"})
		src.Chain = append(src.Chain, graph.Word{Text: name})
	}
	return built(t, src)
}

func built(t *testing.T, src *graph.Source) *plan.Plan {
	t.Helper()
	g, found := graph.Build(src, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	return &plan.Plan{Graph: g, Digest: "sha256:test"}
}

var started = event.RunStarted{Graph: "test", Plan: "sha256:test", Input: document.MustParse(`{"n":1}`)}

func types(events []event.Event) (list []event.Type) {
	for _, e := range events {
		list = append(list, e.Body.Type())
	}
	return list
}

func stored(t *testing.T, j journal.Journal, run string) (list []event.Event) {
	t.Helper()
	for e, err := range j.Events(context.Background(), run) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func TestChainRunsToItsEnd(t *testing.T) {
	p := chain(t, "parse", "score", "report")
	j := memory.New()
	var input document.Document
	d := local.New(local.Config{Journal: j, Invoker: nodes{
		"parse": gives(`{"a":1}`), "score": gives(`2`),
		"report": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
			input = c.Input
			return gives(`"end"`)(ctx, c)
		},
	}})
	var seen []event.Event
	end, err := d.Run(t.Context(), p, "r1", started, func(e event.Event) {
		if kept := stored(t, j, "r1"); uint64(len(kept)) < e.Seq {
			t.Errorf("event %d was shown before it was durable", e.Seq)
		}
		seen = append(seen, e)
	})
	if err != nil || end.Status != event.Done || end.Output.String() != `"end"` || input.String() != "2" {
		t.Fatalf("got %+v, %v; report was given %s", end, err, input)
	}
	if want := stored(t, j, "r1"); fmt.Sprint(types(seen)) != fmt.Sprint(types(want)) {
		t.Errorf("observed %v, stored %v", types(seen), types(want))
	}
	v := inspect.Fold(p.Graph, func(yield func(event.Event) bool) {
		for _, e := range seen {
			if !yield(e) {
				return
			}
		}
	})
	text, err := json.Marshal(v)
	if err != nil || v.Fuel != 21 || len(v.Steps) != 3 || v.Steps[1].Step != "score" || v.Digest == "" {
		t.Errorf("view: %s, %v", text, err)
	}
}

func TestSuccessAndTheStartItCausesAreOneAppend(t *testing.T) {
	p := chain(t, "a", "b")
	j := &counting{Journal: memory.New()}
	d := local.New(local.Config{Journal: j, Invoker: nodes{"a": gives(`1`), "b": gives(`2`)}})
	if _, err := d.Run(t.Context(), p, "r", started); err != nil {
		t.Fatal(err)
	}
	want := "[[run_started attempt_started] [attempt_succeeded attempt_started] [attempt_succeeded run_finished]]"
	if got := fmt.Sprint(j.batches); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

type counting struct {
	journal.Journal
	batches [][]event.Type
	broken  int // the append that fails, from 1; 0: none
}

var errDisk = errors.New("the disk is full")

func (c *counting) Prompt() bool { return true }

func (c *counting) Append(ctx context.Context, events ...event.Event) error {
	c.batches = append(c.batches, types(events))
	if len(c.batches) == c.broken {
		return errDisk
	}
	return c.Journal.Append(ctx, events...)
}

func TestRetryWaitsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := chain(t, "a")
		tries := 0
		j := memory.New()
		d := local.New(local.Config{Journal: j, Invoker: nodes{
			"a": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
				if tries++; tries < 3 {
					return fails(failure.Failure{Code: failure.CapabilityError, Retryable: true})(ctx, c)
				}
				return gives(`1`)(ctx, c)
			},
		}})
		begin := time.Now()
		end, err := d.Run(t.Context(), p, "r", started)
		took := time.Since(begin)
		if err != nil || end.Status != event.Done || tries != 3 {
			t.Fatalf("got %+v, %v after %d tries", end, err, tries)
		}
		// 500 ms and 1 s, each with half of it as jitter either way.
		if took < 750*time.Millisecond || took > 2250*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

func TestDeadlines(t *testing.T) {
	run := func(t *testing.T, change func(*graph.Source)) (event.RunFinished, time.Duration) {
		t.Helper()
		src := &graph.Source{File: "t.toml", Nodes: []graph.NodeSource{{Name: "a", Module: "a.wasm"}}}
		change(src)
		d := local.New(local.Config{Journal: memory.New(), Invoker: nodes{"a": hangs}})
		begin := time.Now()
		end, err := d.Run(t.Context(), built(t, src), "r", started)
		if err != nil {
			t.Fatal(err)
		}
		return end, time.Since(begin)
	}
	synctest.Test(t, func(t *testing.T) {
		end, took := run(t, func(s *graph.Source) { s.Deadline = 3 * time.Second })
		if end.Status != event.Failed || end.Failure.Code != failure.Deadline || took != 3*time.Second {
			t.Errorf("run's deadline: %+v after %s", end, took)
		}
		end, took = run(t, func(s *graph.Source) { s.Nodes[0].Deadline = 2 * time.Second })
		if end.Status != event.Failed || end.Failure.Code != failure.Timeout || end.Failure.Step != "a" || took != 2*time.Second {
			t.Errorf("step's deadline: %+v after %s", end, took)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := chain(t, "a")
		j := memory.New()
		d := local.New(local.Config{Journal: j, Invoker: nodes{"a": hangs}})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("enough")) })
		end, err := d.Run(ctx, p, "r", started)
		if err != nil || end.Status != event.Canceled || end.Failure.Code != failure.Canceled {
			t.Fatalf("got %+v, %v", end, err)
		}
		want := "[run_started attempt_started cancel_requested attempt_failed run_finished]"
		if got := fmt.Sprint(types(stored(t, j, "r"))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestCanceledBeforeItBegins(t *testing.T) {
	d := local.New(local.Config{Journal: memory.New(), Invoker: nodes{
		"a": func(context.Context, stepper.Invoke) (event.Outcome, error) {
			t.Error("an attempt was begun")
			return event.Outcome{Output: document.Null()}, nil
		},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	end, err := d.Run(ctx, chain(t, "a"), "r", started)
	if err != nil || end.Status != event.Canceled {
		t.Errorf("got %+v, %v", end, err)
	}
}

func TestInterruptLeavesTheRunOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := chain(t, "a")
		j := memory.New()
		d := local.New(local.Config{Journal: j, Invoker: nodes{"a": hangs}})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(driver.ErrInterrupted) })
		if _, err := d.Run(ctx, p, "r", started); !errors.Is(err, driver.ErrInterrupted) {
			t.Fatalf("got %v", err)
		}
		if got := fmt.Sprint(types(stored(t, j, "r"))); got != "[run_started attempt_started]" {
			t.Errorf("stored %s", got)
		}
	})
}

func TestInvokerErrorEndsTheRun(t *testing.T) {
	errBroken := errors.New("the sandbox is broken")
	p := chain(t, "a", "b")
	j := memory.New()
	d := local.New(local.Config{Journal: j, Invoker: nodes{
		"a": func(context.Context, stepper.Invoke) (event.Outcome, error) { return event.Outcome{}, errBroken },
	}})
	if _, err := d.Run(t.Context(), p, "r", started); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
}

func TestParallelBoundsAttemptsOverAllRuns(t *testing.T) {
	const parallel, runs = 3, 40
	synctest.Test(t, func(t *testing.T) {
		p := chain(t, "a", "b")
		var now, most atomic.Int32
		work := func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
			n := now.Add(1)
			for {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return gives(`1`)(ctx, c)
		}
		before := runtime.NumGoroutine()
		d := local.New(local.Config{Journal: memory.New(), Parallel: parallel, Invoker: nodes{"a": work, "b": work}})
		var wg sync.WaitGroup
		for i := range runs {
			wg.Go(func() {
				end, err := d.Run(t.Context(), p, fmt.Sprint("r", i), started)
				if err != nil || end.Status != event.Done {
					t.Errorf("got %+v, %v", end, err)
				}
			})
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > runs+parallel+1 {
			t.Errorf("%d goroutines for %d runs with %d attempts at once", n, runs, parallel)
		}
		wg.Wait()
		if most.Load() != parallel {
			t.Errorf("%d attempts at once, want %d", most.Load(), parallel)
		}
	})
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	p := chain(t, "a", "b")
	d := local.New(local.Config{Journal: memory.New(), Invoker: nodes{"a": gives(`1`), "b": hangs}})
	for i := range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		if i%2 == 0 {
			cause = driver.ErrInterrupted
		}
		_, _ = d.Run(ctx, p, fmt.Sprint(i), started, func(e event.Event) {
			if e.Seq == 4 {
				cancel(cause)
			}
		})
		cancel(nil)
	}
	// AfterFunc and the like may take a moment to go; workers must not.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}
