package local_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// callers is an invoker of Go functions that make calls, by node.
type callers map[string]func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error)

// Invoke implements driver.Invoker.
func (n callers) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	return n[c.Node](ctx, c, calls)
}

func asked(ordinal int, u event.Usage) event.CapabilityAnswered {
	return event.CapabilityAnswered{Ordinal: ordinal, Capability: "x", Method: "y", Request: document.Int(int64(ordinal)), Answer: document.String("answer"), Usage: u}
}

var oneCall = event.Usage{Calls: 1}

// call makes a call as a dispatcher does.
func call(ctx context.Context, calls driver.Calls, ordinal int, u event.Usage) error {
	admitted, err := calls.Admit(ctx)
	if err != nil {
		return err
	}
	fact := asked(ordinal, u)
	if !admitted {
		fact.Usage, fact.Answer, fact.Failure = event.Usage{}, document.Document{}, &failure.Failure{Code: failure.Budget, Message: "no room"}
	}
	return calls.Record(ctx, fact)
}

// over fails the test where an attempt that is over is not told so.
func over(t *testing.T, what string, err error, cause error) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Errorf("%s: %v, want %v", what, err, cause)
	}
}

func aborted(t *testing.T, what string, err error) {
	t.Helper()
	if _, ok := errors.AsType[*driver.AbortedError](err); !ok {
		t.Errorf("%s: %v is no AbortedError", what, err)
	}
}

// TestCallsAreDurableBeforeTheyAreSeen: "appended before the guest sees the
// answer", shown to the observers, each in a batch of its own.
func TestCallsAreDurableBeforeTheyAreSeen(t *testing.T) {
	j := &counting{Journal: memory.New()}
	p := chain(t, "a", "b")
	used := event.Usage{Calls: 1, Bytes: 2, InputTokens: 3, OutputTokens: 4, Cost: 5}
	var parts, seen atomic.Int64
	d := local.New(local.Config{Journal: j, Invoker: callers{
		"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			for i := 1; i <= 2; i++ {
				calls.Partial(event.Partial{Ordinal: i})
				if err := call(ctx, calls, i, used); err != nil {
					return event.Outcome{}, err
				}
				all := stored(t, j, "r")
				last, ok := all[len(all)-1].Body.(event.CapabilityAnswered)
				if !ok || last.Attempt != c.Attempt || last.Ordinal != i || last.Usage != used || last.Answer.String() != `"answer"` {
					t.Errorf("the last event is %+v", all[len(all)-1])
				}
				if seen.Load() != int64(i) || parts.Load() != int64(i) {
					t.Errorf("%d answers and %d parts have been seen", seen.Load(), parts.Load())
				}
			}
			return event.Outcome{Output: c.Input}, nil
		},
		"b": func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
			return event.Outcome{Output: document.Int(1), Stored: []event.Stored{{Space: "s", Key: "k", Value: document.Int(7)}}}, nil
		},
	}})
	end, err := d.Carry(t.Context(), driver.Session{
		Plan: p, Run: "r", Started: started,
		Partial: func(event.Partial) { parts.Add(1) },
		Observe: []driver.Observer{func(e event.Event) {
			if _, ok := e.Body.(event.CapabilityAnswered); ok {
				seen.Add(1)
			}
		}},
	})
	if err != nil || end.Status != event.Done {
		t.Fatal(end, err)
	}
	want := "[[run_started attempt_started] [capability_answered] [capability_answered] [attempt_succeeded attempt_started] [attempt_succeeded run_finished]]"
	if got := fmt.Sprint(j.batches); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	v := inspect.Fold(p.Graph, slices.Values(stored(t, j, "r")))
	if v.Usage != used.Plus(used) || v.Steps[0].Usage != v.Usage || v.Steps[1].Usage != (event.Usage{}) {
		t.Errorf("the view is %+v", v)
	}
}

// TestValuesAreStoredWithTheStep: "a step's writes ride in its success event".
func TestValuesAreStoredWithTheStep(t *testing.T) {
	j := memory.New()
	d := local.New(local.Config{Journal: j, Invoker: callers{
		"a": func(ctx context.Context, _ stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
			if v, err := j.Value(ctx, "s", "k"); err != nil || !v.IsZero() {
				t.Errorf("before: %s, %v", v, err)
			}
			return event.Outcome{Output: document.Int(1), Stored: []event.Stored{{Space: "s", Key: "k", Value: document.Int(7)}}}, nil
		},
		"b": func(ctx context.Context, _ stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
			if v, err := j.Value(ctx, "s", "k"); err != nil || v.String() != "7" {
				t.Errorf("after: %s, %v", v, err)
			}
			f := failure.Failure{Code: failure.NodeError}
			return event.Outcome{Failure: &f, Stored: []event.Stored{{Space: "s", Key: "k", Value: document.Int(8)}}}, nil
		},
	}})
	if end, err := d.Run(t.Context(), chain(t, "a", "b"), "r", started); err != nil || end.Status != event.Failed {
		t.Fatal(end, err)
	}
	if v, err := j.Value(t.Context(), "s", "k"); err != nil || v.String() != "7" {
		t.Errorf("at the end: %s, %v", v, err)
	}
}

// TestTheSessionsOwnInvoker: it makes the attempts of its run, and of no other;
// and a part of an answer that nobody watches is dropped.
func TestTheSessionsOwnInvoker(t *testing.T) {
	p := chain(t, "a")
	answers := func(n int64) driver.Invoker {
		return callers{"a": func(_ context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			calls.Partial(event.Partial{Document: document.Null()})
			return event.Outcome{Output: document.Int(n)}, nil
		}}
	}
	d := local.New(local.Config{Journal: memory.New(), Invoker: answers(1)})
	for run, own := range map[string]driver.Invoker{"1": nil, "2": answers(2)} {
		end, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: run, Started: started, Invoker: own})
		if err != nil || end.Output.String() != run {
			t.Errorf("run %s: %+v, %v", run, end, err)
		}
	}
}

func TestTenThousandCalls(t *testing.T) {
	const count = 10_000
	j := memory.New()
	d := local.New(local.Config{Journal: j, Invoker: callers{
		"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			for i := 1; i <= count; i++ {
				if err := call(ctx, calls, i, oneCall); err != nil {
					return event.Outcome{}, err
				}
			}
			return event.Outcome{Output: c.Input}, nil
		},
	}})
	p := planOf(t, "[budget]\ncalls = 10_000\n[nodes.a]\nmodule = 'a.wasm'\n")
	if end, err := d.Run(t.Context(), p, "r", started); err != nil || end.Status != event.Done {
		t.Fatal(end, err)
	}
	for i, e := range stored(t, j, "r")[2:] {
		if c, ok := e.Body.(event.CapabilityAnswered); i < count && (!ok || c.Ordinal != i+1) {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
}

// TestAbortWhileACallIsOpen: the answer that comes too late is not recorded, and
// who brings it is told why.
func TestAbortWhileACallIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, "[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\n")
		j := memory.New()
		d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: callers{
			"a": func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
				time.Sleep(time.Second)
				return event.Outcome{Failure: &failure.Failure{Code: failure.NodeError, Message: "gone"}}, nil
			},
			"b": func(ctx context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				if ok, err := calls.Admit(ctx); !ok || err != nil {
					t.Errorf("%v, %v", ok, err)
				}
				time.Sleep(time.Minute) // a capability that does not obey its context
				err := calls.Record(ctx, asked(1, oneCall))
				aborted(t, "recording", err)
				_, admit := calls.Admit(ctx)
				aborted(t, "asking for another", admit)
				aborted(t, "recording without the attempt's context", calls.Record(t.Context(), asked(1, oneCall)))
				return event.Outcome{}, err
			},
		}})
		end, err := d.Run(t.Context(), p, "r", started)
		if err != nil || end.Failure == nil || end.Failure.Step != "a" {
			t.Fatalf("%+v, %v", end, err)
		}
		for _, e := range stored(t, j, "r") {
			if c, ok := e.Body.(event.CapabilityAnswered); ok {
				t.Errorf("recorded: %+v", c)
			}
		}
	})
}

// TestBudgetEndsWhileACallIsOpen: another step's call ends the run; the node that
// made that call does not see the answer either.
func TestBudgetEndsWhileACallIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, "[budget]\ntokens = 10\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\n[nodes.c]\nmodule = 'c.wasm'\n")
		j := memory.New()
		var told atomic.Int64
		waits := func(ctx context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			if ok, err := calls.Admit(ctx); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
			<-ctx.Done()
			err := calls.Record(ctx, asked(1, oneCall))
			aborted(t, "recording", err)
			told.Add(1)
			return event.Outcome{}, err
		}
		d := local.New(local.Config{Journal: j, Parallel: 3, Invoker: callers{
			"a": waits, "c": waits,
			"b": func(ctx context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				time.Sleep(time.Second)
				err := call(ctx, calls, 1, event.Usage{Calls: 1, InputTokens: 11})
				aborted(t, "the answer beyond the budget", err)
				told.Add(1)
				return event.Outcome{}, fmt.Errorf("asking: %w", err)
			},
		}})
		end, err := d.Run(t.Context(), p, "r", started)
		if err != nil || end.Failure == nil || end.Failure.Code != failure.Budget || end.Failure.Step != "b" || told.Load() != 3 {
			t.Fatalf("%+v, %v; %d were told", end.Failure, err, told.Load())
		}
		v := inspect.Fold(p.Graph, slices.Values(stored(t, j, "r")))
		if v.Usage != (event.Usage{Calls: 1, InputTokens: 11}) {
			t.Errorf("%+v", v.Usage)
		}
	})
}

// TestBudgetIsSharedByManyAttempts: however many attempts ask at once, no more
// calls are made than the budget allows, and as many as it allows can be made.
func TestBudgetIsSharedByManyAttempts(t *testing.T) {
	for count, want := range map[int]event.Status{25: event.Done, 26: event.Failed, 200: event.Failed} {
		p := planOf(t, "[budget]\ncalls = 25\n[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 50\n")
		var made atomic.Int64
		d := local.New(local.Config{Journal: memory.New(), Parallel: 50, Invoker: callers{
			"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
				ok, err := calls.Admit(ctx)
				if err != nil {
					return event.Outcome{}, err
				}
				fact := asked(1, oneCall)
				if ok {
					made.Add(1)
				} else {
					fact = event.CapabilityAnswered{Ordinal: 1, Failure: &failure.Failure{Code: failure.Budget}}
				}
				if err := calls.Record(ctx, fact); err != nil {
					return event.Outcome{}, err
				}
				return event.Outcome{Output: c.Input}, nil
			},
		}})
		items := make([]document.Document, count)
		for i := range items {
			items[i] = document.Int(int64(i))
		}
		end, err := d.Run(t.Context(), p, "r", event.RunStarted{Input: document.Array(items...)})
		if err != nil || end.Status != want || made.Load() > 25 {
			t.Errorf("%d elements: %+v, %v; %d calls were made", count, end, err, made.Load())
		}
		if end.Failure != nil && end.Failure.Code != failure.Budget {
			t.Errorf("%d elements: %+v", count, end.Failure)
		}
	}
}

// TestCallsOfAnAttemptThatHasEnded: whoever keeps the Calls of an attempt is told
// that it is over, also after the run.
func TestCallsOfAnAttemptThatHasEnded(t *testing.T) {
	kept := make(chan driver.Calls, 1)
	p := chain(t, "a", "b")
	j := memory.New()
	check := func(when string, calls driver.Calls) {
		t.Helper()
		over(t, when+", recording", calls.Record(context.Background(), asked(1, oneCall)), context.Canceled)
		_, err := calls.Admit(context.Background())
		over(t, when+", asking", err, context.Canceled)
		calls.Partial(event.Partial{})
	}
	d := local.New(local.Config{Journal: j, Invoker: callers{
		"a": func(_ context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			kept <- calls
			return event.Outcome{Output: c.Input}, nil
		},
		"b": func(_ context.Context, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
			calls := <-kept
			check("in the next step", calls)
			kept <- calls
			return event.Outcome{Output: c.Input}, nil
		},
	}})
	end, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: "r", Started: started, Partial: func(event.Partial) { t.Error("a part of an attempt that is over") }})
	if err != nil || end.Status != event.Done {
		t.Fatal(end, err)
	}
	check("after the run", <-kept)
}

// TestCallWithItsOwnTime: a call is told that its own context is done, and the run
// goes on.
func TestCallWithItsOwnTime(t *testing.T) {
	late := errors.New("too late")
	d := local.New(local.Config{Journal: memory.New(), Invoker: callers{
		"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			short, cancel := context.WithCancelCause(ctx)
			cancel(late)
			over(t, "recording", calls.Record(short, asked(1, oneCall)), late)
			if err := calls.Record(ctx, asked(1, oneCall)); err != nil {
				t.Error(err)
			}
			return event.Outcome{Output: c.Input}, nil
		},
	}})
	if end, err := d.Run(t.Context(), chain(t, "a"), "r", started); err != nil || end.Status != event.Done {
		t.Fatal(end, err)
	}
}

// full is a journal that has room for some appends.
type full struct {
	*memory.Journal
	left int
}

var errFull = errors.New("no space left")

// Append implements journal.Journal.
func (j *full) Append(ctx context.Context, events ...event.Event) error {
	if j.left--; j.left < 0 {
		return errFull
	}
	return j.Journal.Append(ctx, events...)
}

// TestCallsThatCannotBeRecorded: the run is broken, and nobody is left waiting:
// neither who recorded nor those who would have.
func TestCallsThatCannotBeRecorded(t *testing.T) {
	p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 20\n")
	d := local.New(local.Config{Journal: &full{memory.New(), 40}, Parallel: 20, Invoker: callers{
		"a": func(ctx context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			for i := 1; ; i++ {
				if err := call(ctx, calls, i, oneCall); err != nil {
					return event.Outcome{}, err
				}
			}
		},
	}})
	_, err := d.Run(t.Context(), p, "r", event.RunStarted{Input: document.MustParse(`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]`)})
	if !errors.Is(err, errFull) {
		t.Fatal(err)
	}
}

// TestFactsThatCannotBe: an invoker that has lost count breaks the run.
func TestFactsThatCannotBe(t *testing.T) {
	d := local.New(local.Config{Journal: memory.New(), Invoker: callers{
		"a": func(ctx context.Context, _ stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
			return event.Outcome{}, calls.Record(ctx, asked(2, oneCall))
		},
	}})
	_, err := d.Run(t.Context(), chain(t, "a"), "r", started)
	if _, ok := errors.AsType[*stepper.ImpossibleError](err); !ok {
		t.Fatal(err)
	}
}

// TestStopWhileCallsAreMade stops runs in the middle of many calls, in each way
// that there is: nothing hangs, and what was recorded folds to an end.
func TestStopWhileCallsAreMade(t *testing.T) {
	for name, cause := range map[string]error{"interrupted": driver.ErrInterrupted, "canceled": errors.New("enough")} {
		for after := range 30 {
			t.Run(fmt.Sprint(name, " after ", after), func(t *testing.T) {
				p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 8\n")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				j := memory.New()
				var made atomic.Int64
				d := local.New(local.Config{Journal: j, Parallel: 8, Invoker: callers{
					"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
						var several sync.WaitGroup
						defer several.Wait()
						for i := 1; i <= 20; i++ {
							several.Go(func() { calls.Partial(event.Partial{Ordinal: i}) })
							if made.Add(1) == int64(5*after) {
								cancel(cause)
							}
							if err := call(ctx, calls, i, oneCall); err != nil {
								return event.Outcome{}, err
							}
						}
						return event.Outcome{Output: c.Input}, nil
					},
				}})
				end, err := d.Carry(ctx, driver.Session{
					Plan: p, Run: "r", Started: event.RunStarted{Input: document.MustParse(`[1,2,3,4,5,6,7,8]`)},
					Partial: func(event.Partial) {},
				})
				switch {
				case after == 0:
					if err != nil || end.Status != event.Done {
						t.Fatal(end, err)
					}
				case errors.Is(cause, driver.ErrInterrupted):
					over(t, "the run", err, driver.ErrInterrupted)
				case err != nil || end.Status != event.Canceled && end.Status != event.Done:
					t.Fatal(end, err)
				}
				m := stepper.New(p.Graph)
				for _, e := range stored(t, j, "r") {
					if _, err := m.Apply(e); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRecord is what a call costs beside its capability, over a journal in
// memory: without a budget, and with one, when it has to be admitted first.
func BenchmarkRecord(b *testing.B) {
	for name, text := range map[string]string{"plain": "", "budget": "[budget]\ntokens = 1\n"} {
		b.Run(name, func(b *testing.B) {
			p := planOf(b, text+"[nodes.a]\nmodule = 'a.wasm'\n")
			d := local.New(local.Config{Journal: memory.New(), Invoker: callers{
				"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
					n := 0
					for b.Loop() {
						n++
						if err := call(ctx, calls, n, oneCall); err != nil {
							b.Error(err)
							break
						}
					}
					return event.Outcome{Output: c.Input}, nil
				},
			}})
			b.ReportAllocs()
			if _, err := d.Run(b.Context(), p, "r", started); err != nil {
				b.Fatal(err)
			}
		})
	}
}
