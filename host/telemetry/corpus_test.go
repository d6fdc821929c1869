package telemetry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// scripted does what a scenario's script says.
type scripted struct{ *scenario.Script }

// Invoke implements driver.Invoker.
func (v scripted) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	o, took := v.Script.Invoke(c)
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
		return o, nil
	case <-ctx.Done():
		return event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled, Message: "canceled"}}, nil
	}
}

// The real events of every scenario give spans that hang together: one for each
// step that began and each attempt, no id twice, children within their parents.
func TestCorpus(t *testing.T) {
	all, err := scenario.All()
	if err != nil || len(all) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			var list []event.Event
			synctest.Test(t, func(t *testing.T) { list = facts(t, s) })
			c := collect(t, "http/protobuf")
			o := open(t)
			for _, e := range list {
				o.Observe(e)
			}
			shut(t, o)
			c.tree(t) // complains of what does not hang together
			want, got := map[string]bool{}, map[string]bool{}
			for _, e := range list {
				switch b := e.Body.(type) {
				case event.AttemptStarted:
					want["step "+b.Step] = true
					want["attempt "+b.Step+" "+string(rune('0'+b.Number))] = true
				case event.StepSucceeded:
					want["step "+b.Step] = true
				case event.StepFailed:
					want["step "+b.Step] = true
				case event.RunFinished:
					want["run"] = true
				default:
				}
			}
			within := map[string][2]uint64{}
			for _, s := range c.spans {
				within[string(s.GetSpanId())] = [2]uint64{s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano()}
			}
			for _, s := range c.spans {
				id, number := value(s.GetAttributes(), "chainrun.step.id"), value(s.GetAttributes(), "chainrun.attempt")
				switch {
				case id == "":
					got["run"] = true
				case number == "":
					got["step "+id] = true
				default:
					got["attempt "+id+" "+number] = true
				}
				if p, ok := within[string(s.GetParentSpanId())]; ok && (s.GetStartTimeUnixNano() < p[0] || s.GetEndTimeUnixNano() > p[1]) {
					t.Errorf("%s %s is not within what it is in", s.GetName(), id)
				}
			}
			for k := range want {
				if !got[k] {
					t.Errorf("no span for %s", k)
				}
			}
		})
	}
}

func facts(t *testing.T, s *scenario.Scenario) (list []event.Event) {
	t.Helper()
	g, err := s.Graph()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	if s.Script.CancelAt > 0 {
		stop := time.AfterFunc(s.Script.CancelAt, func() { cancel(errors.New("enough")) })
		defer stop.Stop()
	}
	signals := make(chan driver.Signal)
	over := make(chan struct{})
	go func() {
		begin := time.Now()
		for _, one := range s.Script.Signals {
			time.Sleep(time.Until(begin.Add(one.At)))
			select {
			case signals <- driver.Signal{Step: one.Step, Document: one.Document, Done: func(error) {}}:
			case <-over:
				return
			}
		}
	}()
	j := memory.New()
	d := local.New(local.Config{Invoker: scripted{s.Script}, Journal: j, Parallel: 8})
	_, err = d.Carry(ctx, driver.Session{
		Plan: &plan.Plan{Graph: g, Digest: "sha256:plan"}, Run: "run", Signals: signals,
		Started: event.RunStarted{Graph: g.Name, Plan: "sha256:plan", Input: s.Script.Input, Forked: s.Script.Forked},
		Observe: []driver.Observer{func(e event.Event) { list = append(list, e) }},
	})
	close(over)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
