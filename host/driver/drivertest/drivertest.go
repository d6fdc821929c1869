// Package drivertest is the suite that every driver must pass.
package drivertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// Open makes a driver with the system's clock that lets at least eight attempts
// run at once. It is called in a bubble of testing/synctest, and what it starts
// must have ended when a run has.
type Open func(t *testing.T, v driver.Invoker, j journal.Journal) driver.Driver

// Run carries out the scenarios of the corpus with the driver that open makes.
// Each must give the events of its transcript, at their times; where steps run
// at once, those that happen at the same time may come in another order.
func Run(t *testing.T, open Open) {
	t.Helper()
	all, err := scenario.All()
	if err != nil || len(all) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { carryOut(t, s, open) })
		})
	}
}

func carryOut(t *testing.T, s *scenario.Scenario, open Open) {
	t.Helper()
	g, err := s.Graph()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	if s.Script.CancelAt > 0 {
		stop := time.AfterFunc(s.Script.CancelAt, func() { cancel(errors.New(scenario.CancelReason)) })
		defer stop.Stop()
	}
	j := memory.New()
	d := open(t, invoker{s.Script}, j)
	var seen []event.Event
	started := event.RunStarted{Graph: g.Name, Plan: "sha256:plan", Input: s.Script.Input, Forked: s.Script.Forked}
	signals := make(chan driver.Signal)
	sent := send(t, s.Script.Signals, signals)
	session := driver.Session{
		Plan: &plan.Plan{Graph: g, Digest: started.Plan}, Run: "run", Started: started, Signals: signals,
		Observe: []driver.Observer{func(e event.Event) { seen = append(seen, e) }},
	}
	end, err := stopped(ctx, d, j, session, s.Script.Stops)
	if err != nil {
		t.Fatal(err)
	}
	<-sent
	var stored []event.Event
	for e, err := range j.Events(t.Context(), "run") {
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, e)
	}
	got, want := scenario.Transcript(stored, nil), scenario.Facts(s.Transcript)
	if shown := scenario.Transcript(seen, nil); shown != got {
		t.Errorf("observers saw:\n%s\nin the journal is:\n%s", shown, got)
	}
	if !s.Serial() {
		got, want = sorted(got), sorted(want)
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if last, ok := stored[len(stored)-1].Body.(event.RunFinished); !ok || last.Status != end.Status || !last.Output.Equal(end.Output) {
		t.Errorf("the run gave %+v, its last event is %+v", end, stored[len(stored)-1])
	}
}

// stopped carries a run out; at each of some times after its start the host stops,
// and resumes it.
func stopped(ctx context.Context, d driver.Driver, j journal.Journal, s driver.Session, stops []time.Duration) (event.RunFinished, error) {
	begin := time.Now()
	for _, at := range stops {
		host, stop := context.WithCancelCause(ctx)
		timer := time.AfterFunc(time.Until(begin.Add(at)), func() { stop(driver.ErrInterrupted) })
		end, err := d.Carry(host, s)
		timer.Stop()
		stop(nil)
		if !errors.Is(err, driver.ErrInterrupted) {
			return end, err
		}
		s.Past = j.Events(ctx, s.Run)
	}
	return d.Carry(ctx, s)
}

// send sends signals at their times.
func send(t *testing.T, list []scenario.Signal, signals chan<- driver.Signal) <-chan struct{} {
	t.Helper()
	sent := make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(sent)
		for _, s := range list {
			time.Sleep(time.Until(begin.Add(s.At)))
			signals <- driver.Signal{Step: s.Step, Document: s.Document, Done: func(err error) {
				if err != nil {
					t.Errorf("signal for %s: %v", s.Step, err)
				}
			}}
		}
	}()
	return sent
}

// sorted brings the lines of a transcript into an order that does not depend on
// what happened first within one moment.
func sorted(transcript string) string {
	lines := strings.SplitAfter(transcript, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// invoker does what a script says, in the time that it says.
type invoker struct{ script *scenario.Script }

// Invoke implements [driver.Invoker].
func (v invoker) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	begin := time.Now()
	o, took := v.script.Invoke(c)
	for i, call := range v.script.Calls(c.Attempt) {
		if i < len(calls.Answered()) {
			continue
		}
		if err := ask(ctx, begin, calls, call, c.Attempt, i+1); err != nil {
			return event.Outcome{}, err
		}
	}
	timer := time.NewTimer(took - time.Since(begin))
	defer timer.Stop()
	select {
	case <-timer.C:
		return o, nil
	case <-ctx.Done():
		return event.Outcome{
			Attempt: c.Attempt,
			Failure: &failure.Failure{Code: failure.Canceled, Message: context.Cause(ctx).Error()},
		}, nil
	}
}

// ask makes one call of a script, at its time.
func ask(ctx context.Context, begin time.Time, calls driver.Calls, c scenario.Call, a event.Attempt, ordinal int) (err error) {
	timer := time.NewTimer(time.Until(begin.Add(c.At)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	admitted := true
	if c.Usage.Calls > 0 {
		if admitted, err = calls.Admit(ctx); err != nil {
			return err
		}
	}
	return calls.Record(ctx, c.Answered(a, ordinal, admitted))
}
