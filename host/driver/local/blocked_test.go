package local_test

// Runs whose observers take their time hold up nobody else, and runs with observers take
// turns like all others.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// speeds are what an append to a journal takes.
var speeds = []time.Duration{0, 10 * time.Millisecond}

// disk is a journal of which an append takes a while; 0: one that is prompt.
func disk(takes time.Duration) journal.Journal {
	if takes == 0 {
		return memory.New()
	}
	return &slow{Journal: memory.New(), takes: takes}
}

// wide is a run of many attempts at once, before a wait.
const wide = "chain = ['a', 'w']\n[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 100\n[nodes.w]\nwait = true\n"

// loop is a run of five hundred steps, one after the other.
const loop = "max_steps = 1000\nchain = ['a']\n[state.n]\nreduce = 'sum'\n[nodes.a]\nmodule = 'a.wasm'\nmax_visits = 1000\nwrite.n = '1'\n" +
	"[[edges]]\nfrom = 'a'\nto = 'a'\nwhen = 'state.n < 500'\n"

func list(n int) document.Document {
	items := make([]document.Document, n)
	for i := range items {
		items[i] = document.Int(int64(i))
	}
	return document.Array(items...)
}

// TestObserversThatBlockHoldUpNobodyElse: three runs whose observers take an hour for one
// event, or for each, while there are attempts of theirs that could begin; there are two
// places.
func TestObserversThatBlockHoldUpNobodyElse(t *testing.T) {
	for _, at := range []event.Type{event.TypeRunStarted, event.TypeAttemptStarted, event.TypeAttemptSucceeded, ""} {
		for _, decided := range []bool{false, true} {
			t.Run(fmt.Sprintf("at %q, decided: %t", at, decided), func(t *testing.T) {
				for _, speed := range speeds {
					synctest.Test(t, func(t *testing.T) {
						j := disk(speed)
						work := takes(time.Second)
						d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: nodes{"a": work, "b": work, "c": work, "d": work, "e": work}})
						p := planOf(t, wide)
						for _, n := range p.Graph.Nodes {
							p.Nodes = append(p.Nodes, &plan.Node{Node: n})
						}
						var wg sync.WaitGroup
						for i := range 3 {
							block := func(e event.Event) {
								if at == "" && e.Seq > 3 || e.Body.Type() == at {
									time.Sleep(time.Hour)
								}
							}
							s := driver.Session{Plan: p, Run: fmt.Sprint("blocked", i), Started: event.RunStarted{Input: list(10)}}
							switch {
							case at == "" && decided: // instead of it
								s.Known = func(stepper.Description) (event.Outcome, bool) {
									time.Sleep(time.Hour)
									return event.Outcome{}, false
								}
							case decided:
								s.Decided = block
							default:
								s.Observe = []driver.Observer{block}
							}
							wg.Go(func() { over(t, s.Run, second(d.Carry(t.Context(), s)), driver.ErrWaiting) })
						}
						for i := range 10 {
							observers := []driver.Observer{func(event.Event) {}}[:i%2]
							time.Sleep(time.Minute)
							begin := time.Now()
							end, err := d.Run(t.Context(), chain(t, "a", "b", "c", "d", "e"), fmt.Sprint("other", i), started, observers...)
							if err != nil || end.Status != event.Done {
								t.Errorf("%+v, %v", end, err)
							}
							if took := time.Since(begin); took > 20*time.Second {
								t.Errorf("five steps of a second took %v", took)
							}
						}
						wg.Wait()
						alone(t)
					})
				}
			})
		}
	}
}

func second(_ event.RunFinished, err error) error { return err }

// stuck is a journal whose disk takes an hour for what one run has to say.
type stuck struct {
	journal.Journal
	run string
}

func (j *stuck) Append(ctx context.Context, events ...event.Event) error {
	if events[0].Run == j.run {
		time.Sleep(time.Hour)
	}
	return j.Journal.Append(ctx, events...)
}

// TestADiskThatBlocksHoldsUpNobodyElse: a run that has no room for more gives up its place.
func TestADiskThatBlocksHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := takes(time.Second)
		// The disk stands between the driver and a journal that would be prompt.
		j := &stuck{&slow{Journal: memory.New()}, "blocked"}
		d := local.New(local.Config{Journal: j, Parallel: 1, Invoker: nodes{"a": work, "b": work, "c": work}})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := d.Run(t.Context(), planOf(t, loop), "blocked", started)
			over(t, "the run", err, nil)
		})
		for i := range 10 {
			time.Sleep(10 * time.Minute)
			begin := time.Now()
			if end, err := d.Run(t.Context(), chain(t, "a", "b", "c"), fmt.Sprint("other", i), started); err != nil || end.Status != event.Done {
				t.Errorf("%+v, %v", end, err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("three steps of a second took %v", took)
			}
		}
		wg.Wait()
		alone(t)
	})
}

// TestADiskThatBlocksHoldsUpNoCancel: an attempt under way is told at once, also where the
// run has no room for more, and where a timer waits for that.
func TestADiskThatBlocksHoldsUpNoCancel(t *testing.T) {
	for i, observe := range [][]driver.Observer{nil, {func(event.Event) {}}, nil, {func(event.Event) {}}} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var told time.Duration
			d := local.New(local.Config{Journal: &stuck{&slow{Journal: memory.New()}, "r"}, Parallel: 2, Invoker: nodes{
				"a": gives(`1`),
				"b": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
					defer func() { told = time.Since(begin) }()
					return hangs(ctx, c)
				},
			}})
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { cancel(errors.New("enough")) })
			text := "[nodes.b]\nmodule = 'b.wasm'\n[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\n"
			if i > 1 {
				text += "[nodes.w]\nwait = true\ntimeout = '30s'\n"
			}
			p := planOf(t, text)
			if end, err := d.Run(ctx, p, "r", event.RunStarted{Input: list(500)}, observe...); err != nil || end.Status != event.Canceled {
				t.Errorf("%+v, %v", end, err)
			}
			if told != time.Minute {
				t.Errorf("observed: %t, a timer: %t; told after %v", observe != nil, i > 1, told)
			}
		})
	}
}

// TestRunsWithObserversTakeTurns: one with a thousand attempts to make does not hold up
// those that have one at a time, whoever of them is observed; and all places are made use
// of.
func TestRunsWithObserversTakeTurns(t *testing.T) {
	for _, observed := range []string{"all", "the wide run", "the others"} {
		t.Run(observed, func(t *testing.T) {
			for _, speed := range speeds {
				synctest.Test(t, func(t *testing.T) {
					j := disk(speed)
					work := takes(time.Second)
					d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: nodes{"a": work, "b": work, "c": work, "d": work, "e": work}})
					see := []driver.Observer{func(event.Event) {}}
					var one, others []driver.Observer
					if observed != "the others" {
						one = see
					}
					if observed != "the wide run" {
						others = see
					}
					begin := time.Now()
					var wg sync.WaitGroup
					wg.Go(func() {
						p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 1000\n")
						if _, err := d.Run(t.Context(), p, "wide", event.RunStarted{Input: list(1000)}, one...); err != nil {
							t.Error(err)
						}
						if took := time.Since(begin); took > 530*time.Second {
							t.Errorf("1,020 seconds of work took %v in two places", took)
						}
					})
					synctest.Wait()
					for i := range 4 {
						wg.Go(func() {
							if _, err := d.Run(t.Context(), chain(t, "a", "b", "c", "d", "e"), fmt.Sprint("narrow", i), started, others...); err != nil {
								t.Error(err)
							}
							// Five runs take turns in two places: each step waits for the others once.
							if took := time.Since(begin); took > 20*time.Second {
								t.Errorf("five steps took %v beside the wide run", took)
							}
						})
					}
					wg.Wait()
					alone(t)
				})
			}
		})
	}
}

// TestLongRunsTakeTurns: runs of one step after the other give up their places after each.
func TestLongRunsTakeTurns(t *testing.T) {
	for observers, see := range [][]driver.Observer{{}, {func(event.Event) {}}} {
		t.Run(fmt.Sprint(observers, " observers"), func(t *testing.T) {
			for _, speed := range speeds {
				synctest.Test(t, func(t *testing.T) {
					j := disk(speed)
					work := takes(time.Second)
					d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: nodes{"a": work, "b": work, "c": work}})
					long := planOf(t, loop)
					var wg sync.WaitGroup
					begin := time.Now()
					carry := func(p *plan.Plan, run string, most time.Duration) {
						wg.Go(func() {
							if _, err := d.Run(t.Context(), p, run, started, see...); err != nil {
								t.Error(err)
							}
							if took := time.Since(begin); took > most {
								t.Errorf("%s took %v", run, took)
							}
						})
					}
					for i := range 2 {
						carry(long, fmt.Sprint("long", i), 530*time.Second)
					}
					synctest.Wait()
					for i := range 2 {
						carry(chain(t, "a", "b", "c"), fmt.Sprint("short", i), 10*time.Second)
					}
					wg.Wait()
				})
			}
		})
	}
}
