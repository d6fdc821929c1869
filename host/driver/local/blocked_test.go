package local_test

// Runs whose observers take their time hold up nobody else, and runs with observers take
// turns like all others.

import (
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

// both runs a test over a journal that takes no time, and over one that takes some.
func both(t *testing.T, test func(t *testing.T, j journal.Journal)) {
	t.Helper()
	for name, takes := range map[string]time.Duration{"prompt": 0, "slow": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if takes == 0 {
					test(t, memory.New())
				} else {
					test(t, &slow{Journal: memory.New(), takes: takes})
				}
			})
		})
	}
}

// wide is a run of many attempts at once, before a wait.
const wide = "chain = ['a', 'w']\n[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 100\n[nodes.w]\nwait = true\n"

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
				both(t, func(t *testing.T, j journal.Journal) {
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
			})
		}
	}
}

func second(_ event.RunFinished, err error) error { return err }

// TestRunsWithObserversTakeTurns: one with a thousand attempts to make does not hold up
// those that have one at a time, whoever of them is observed; and all places are made use
// of.
func TestRunsWithObserversTakeTurns(t *testing.T) {
	for _, observed := range []string{"all", "the wide run", "the others"} {
		t.Run(observed, func(t *testing.T) {
			both(t, func(t *testing.T, j journal.Journal) {
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
		})
	}
}

// TestLongRunsTakeTurns: runs of one step after the other give up their places after each.
func TestLongRunsTakeTurns(t *testing.T) {
	for observers, see := range [][]driver.Observer{{}, {func(event.Event) {}}} {
		t.Run(fmt.Sprint(observers, " observers"), func(t *testing.T) {
			both(t, func(t *testing.T, j journal.Journal) {
				work := takes(time.Second)
				d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: nodes{"a": work, "b": work, "c": work}})
				long := planOf(t, "max_steps = 1000\nchain = ['a']\n[state.n]\nreduce = 'sum'\n[nodes.a]\nmodule = 'a.wasm'\nmax_visits = 1000\nwrite.n = '1'\n"+
					"[[edges]]\nfrom = 'a'\nto = 'a'\nwhen = 'state.n < 500'\n")
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
		})
	}
}
