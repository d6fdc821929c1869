package local_test

// What goes before what: an answer that is known before all else, and what is due at a
// resume before the attempts.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// TestWhatIsKnownGoesBeforeAllElse: an observer takes an hour for the event that a wait
// begins with. By then the wait's time is over, another step has ended, and somebody has
// answered the wait. It ends as it is known to, and first.
func TestWhatIsKnownGoesBeforeAllElse(t *testing.T) {
	for _, other := range []string{"a timer", "an attempt", "a signal"} {
		t.Run(other, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\n[nodes.w]\nwait = true\ntimeout = '10m'\n[nodes.b]\nmodule = 'b.wasm'\ndeadline = '2h'\n[nodes.v]\nwait = true\ntimeout = '30m'\n[[edges]]\nfrom = 'a'\nto = 'w'\n")
				for _, n := range p.Graph.Nodes {
					p.Nodes = append(p.Nodes, &plan.Node{Node: n})
				}
				b, signals := 3*time.Hour, make(chan driver.Signal, 1)
				switch other {
				case "an attempt":
					b = time.Minute
				case "a signal":
					time.AfterFunc(time.Minute, func() {
						signals <- driver.Signal{Step: "w", Document: document.Int(2), Done: func(err error) {
							if _, ok := errors.AsType[*stepper.SignalError](err); !ok {
								t.Errorf("the signal: %v", err)
							}
						}}
					})
				}
				j := memory.New()
				d := local.New(local.Config{Journal: j, Parallel: 2, Invoker: nodes{"a": takes(time.Second), "b": takes(b)}})
				_, err := d.Carry(t.Context(), driver.Session{
					Plan: p, Run: "r", Started: started, Signals: signals,
					Known: func(d stepper.Description) (event.Outcome, bool) {
						return event.Outcome{Attempt: event.Attempt{Step: d.Step, Node: "w", Number: 1}, Output: document.Int(1), From: &event.Origin{Run: "q"}}, d.Step == "w"
					},
					Observe: []driver.Observer{func(e event.Event) {
						if b, ok := e.Body.(event.AttemptStarted); ok && b.Step == "w" {
							time.Sleep(time.Hour)
						}
					}},
				})
				if err != nil {
					t.Fatal(err)
				}
				all := stored(t, j, "r")
				for i, e := range all {
					if b, ok := e.Body.(event.AttemptStarted); ok && b.Step == "w" {
						if next, ok := all[i+1].Body.(event.AttemptSucceeded); !ok || next.Step != "w" || next.From == nil {
							t.Errorf("after %+v came %+v", e, all[i+1])
						}
					}
				}
			})
		})
	}
}

// TestWhatIsDueGoesBeforeAttempts: however much is due at a resume, and however long the
// journal takes for it, no attempt begins before the timer that ends it has fired.
func TestWhatIsDueGoesBeforeAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 400\n[[nodes.a.retry]]\ninitial_interval = '1m'\n"+
			"[nodes.b]\nmodule = 'b.wasm'\ndeadline = '3m'\n")
		items := make([]document.Document, 400)
		for i := range items {
			items[i] = document.Int(int64(i))
		}
		j := memory.New()
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(driver.ErrInterrupted) })
		first := local.New(local.Config{Journal: j, Parallel: 8, Invoker: nodes{
			"a": fails(failure.Failure{Code: failure.CapabilityError, Retryable: true}), "b": hangs,
		}})
		if _, err := first.Run(ctx, p, "r", event.RunStarted{Input: document.Array(items...)}); !errors.Is(err, driver.ErrInterrupted) {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		again := local.New(local.Config{Journal: &slow{Journal: j, takes: time.Second}, Parallel: 8, Invoker: nodes{
			"a": gives(`1`), "b": func(ctx context.Context, c stepper.Invoke) (event.Outcome, error) {
				t.Errorf("%v begins, although its time is over", c.Attempt)
				return hangs(ctx, c)
			},
		}})
		end, err := again.Carry(t.Context(), driver.Session{Plan: p, Run: "r", Past: j.Events(t.Context(), "r")})
		if err != nil || end.Status != event.Failed {
			t.Errorf("%+v, %v", end, err)
		}
		if n := len(stored(t, j, "r")); n < 800+400 {
			t.Error(fmt.Sprint("only ", n, " events"))
		}
	})
}

// TestWhatIsKnownOfAWaitThatIsNoMore: an element of a foreach is known to have failed, which
// ends those after it; what is known of them is of no use any more. The first still waits.
func TestWhatIsKnownOfAWaitThatIsNoMore(t *testing.T) {
	p := planOf(t, "[nodes.w]\nwait = true\nforeach = 'input'\nconcurrency = 3\n")
	for _, n := range p.Graph.Nodes {
		p.Nodes = append(p.Nodes, &plan.Node{Node: n})
	}
	j := memory.New()
	d := local.New(local.Config{Journal: j, Invoker: nodes{}})
	_, err := d.Carry(t.Context(), driver.Session{
		Plan: p, Run: "r", Started: event.RunStarted{Input: document.MustParse(`[1,2,3]`)},
		Known: func(d stepper.Description) (event.Outcome, bool) {
			o := event.Outcome{Attempt: event.Attempt{Step: d.Step, Node: "w", Number: 1}, From: &event.Origin{Run: "q"}}
			if d.Input.String() == "2" {
				o.Failure = &failure.Failure{Code: failure.NodeError}
			} else {
				o.Output = document.Int(3)
			}
			return o, d.Input.String() != "1"
		},
	})
	if !errors.Is(err, driver.ErrWaiting) {
		t.Errorf("%v: %v", err, types(stored(t, j, "r")))
	}
}
