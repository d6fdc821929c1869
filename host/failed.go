package host

// What attempts that failed were given, for whoever wants to make them again.

import (
	"context"
	"time"

	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// FailedAttempt is an attempt of a node with a module that failed by what the node did
// or was given: all that is needed to make it again ([Host.Attempt]). Secrets are taken
// out of it, as they are out of a journal.
type FailedAttempt struct {
	Run      string
	Node     *plan.Node // not to be modified
	File     string     // of the graph that the node stands in
	Input    document.Document
	Config   document.Document // absent: the graph gives none
	Feedback []failure.Violation
	Time     time.Time
	Seed     event.Seed
	Calls    []event.CapabilityAnswered // in the order in which they were made
	Outcome  event.Outcome              // has the failure
}

// WithFailedAttempts is called with each attempt of the run that fails, before the
// failure is recorded: from several goroutines at once, and while a step waits. Attempts
// that were canceled are not among them, nor those whose output the graph refuses for
// its own reasons (invalid_state, expression_error).
func WithFailedAttempts(f func(FailedAttempt)) RunOption {
	return func(c *runConfig) { c.failed = append(c.failed, f) }
}

// watched lets those who want to know see the attempts that fail.
func (c runConfig) watched(next driver.Invoker, run string, open vault) driver.Invoker {
	if len(c.failed) == 0 {
		return next
	}
	return watcher{next: next, run: run, redact: open.redact, see: c.failed}
}

// watcher is an invoker that tells of what fails.
type watcher struct {
	next   driver.Invoker
	run    string
	redact *secret.Redactor
	see    []func(FailedAttempt)
}

// Invoke implements [driver.Invoker].
func (w watcher) Invoke(ctx context.Context, p *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	heard := &listener{Calls: calls}
	o, err := w.next.Invoke(ctx, p, c, heard)
	if err != nil || o.Failure == nil || o.Failure.Code == failure.Canceled || o.From != nil {
		return o, err
	}
	n := p.Step(c.Step)
	f := FailedAttempt{
		Run: w.run, Node: n, File: p.Owner(c.Step).Graph.File,
		Input: w.redact.Document(c.Input), Config: w.redact.Document(n.Config), Feedback: c.Feedback,
		Time: c.Time, Seed: c.Seed, Calls: heard.calls(), Outcome: o,
	}
	// Whoever looks the attempt up finds it, unless the run is over anyway.
	_ = calls.Settled(ctx)
	for _, see := range w.see {
		see(f)
	}
	return o, err
}

// listener hears what an attempt asks and is answered.
type listener struct {
	driver.Calls
	made []event.CapabilityAnswered
}

// Record implements [driver.Calls].
func (l *listener) Record(ctx context.Context, c event.CapabilityAnswered) error {
	l.made = append(l.made, c)
	return l.Calls.Record(ctx, c)
}

// calls are those of the attempt: of one that was begun again also the calls that were
// recorded before.
func (l *listener) calls() []event.CapabilityAnswered {
	return append(append([]event.CapabilityAnswered(nil), l.Answered()...), l.made...)
}
