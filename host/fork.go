package host

// Runs that begin as another one went.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/stepper"
)

// Fork says what is other in a run that goes as another one went. Its zero value is a
// run with nothing changed: what failed and ended the run is executed again.
//
// Inputs and values are what the run's input may be, see [Host.Run].
type Fork struct {
	// From is the step that is executed anew, with all that is downstream of it:
	// "review[2]", "score#17", "sub/score". "": none is but for what has changed; and
	// what the other run, as a fork itself, gave to a step holds on. With another From it
	// does not: a run has one such step.
	From string
	// Input is given to the step From in place of what its input makes of the run; nil:
	// as it is.
	Input any
	// State replaces the values of these keys of the graph that the step From is in,
	// before that step.
	State map[string]any
	// Config replaces the config of nodes of the graph, by name: "score", or
	// "sub/score" for a node of the graph that the node "sub" runs.
	Config map[string]any
	// Graph is what runs from now on; nil: the graph of the other run. Config is of this
	// one.
	Graph *Graph
	// RunInput is the run's own input; nil: that of the other run.
	RunInput any
}

// ForkError means that a run cannot be forked like this: a step, a node or a key is
// not there, a value is no JSON or breaks a schema. It has all complaints.
type ForkError struct {
	Run        string
	Complaints []string
}

// Error implements error.
func (e *ForkError) Error() string {
	return fmt.Sprintf("run %s cannot be forked like this: %s", e.Run, strings.Join(e.Complaints, "\n"))
}

// Fork starts a new run that goes as another one went, but for what f says. The other
// run is in the host's journal, has ended or not, and stays as it is.
//
// A step that has the same id, the same node (see [plan.Plan.NodeDigest]) and the same
// input as in the other run, and that no step which is executed anew leads to, takes
// over what came of it there: its last success, or its failure, and the signal that
// it got. It is not executed, asks no capability, and stores nothing. Failures that
// ended the other run, and those that say nothing of the node (timeout, cancellation,
// budgets), are not taken over: so a run that failed goes on from there when the
// graph, or the world, is mended.
//
// The new run has the seed of the other one unless [WithSeed] says another. It can be
// resumed, replayed and forked like others, from its own journal; a resume executes
// what it can no longer take over, because the other run is gone. Fork returns when
// the start is recorded, see [Host.Start].
//
// The error is a [*ForkError]; [journal.ErrUnknownRun], [ErrNotPinned] or a
// [*PlanError] about the other run; an [*InputError]; or that of [Host.Load] about the
// graph with its new config.
func (h *Host) Fork(ctx context.Context, run string, f Fork, options ...RunOption) (_ *Run, err error) {
	defer guard(&err)
	var c runConfig
	for _, o := range options {
		o(&c)
	}
	old, err := h.origin(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("forking run %s: %w", run, err)
	}
	check := &forkCheck{host: h, run: run, fork: f}
	base := f.Graph
	if base == nil {
		base = old.graph
	}
	g, err := check.config(base)
	if err != nil {
		return nil, fmt.Errorf("forking run %s: %w", run, err)
	}
	known, err := recall(old.graph.plan, run, each(old.events), time.Time{})
	if err != nil {
		return nil, fmt.Errorf("forking run %s: %w", run, err)
	}
	forked := check.from(ctx, g, known)
	if own := old.started.Forked; f.From == "" && own != nil && stepper.CheckFork(g.plan.Graph, own) == nil {
		forked.Step, forked.Input, forked.State = own.Step, own.Input, own.State
	}
	input, err := check.runInput(ctx, g, old.started.Input)
	if len(check.complaints) > 0 {
		return nil, &ForkError{Run: run, Complaints: check.complaints}
	}
	if err != nil {
		return nil, err
	}
	if c.seed == nil {
		c.seed = &old.started.Seed
	}
	c.forked, c.takes = forked, newTakeOver(g.plan, known.given(old.started.Plan != g.Digest()), f.From)
	return h.begin(ctx, g, input, c)
}

// original is a run that is forked.
type original struct {
	graph   *Graph
	started event.RunStarted
	events  []event.Event
}

// origin reads a run that is forked, and makes its graph again.
func (h *Host) origin(ctx context.Context, run string) (original, error) {
	events, err := h.past(ctx, run)
	if err != nil {
		return original{}, err
	}
	g, err := h.loadPinned(ctx, run)
	if err != nil {
		return original{}, err
	}
	started, ok := events[0].Body.(event.RunStarted)
	if !ok || started.Plan != g.Digest() {
		return original{}, &PlanError{Run: run, Began: started.Plan, Is: g.Digest()}
	}
	return original{g, started, events}, nil
}

// inherited reports whether a fork is given what the other run, a fork itself, was given
// for the same step: then the step is not to be executed anew.
func inherited(f, from *event.Forked) bool {
	same := func(a, b document.Field) bool { return a.Key == b.Key && a.Value.Equal(b.Value) }
	return from != nil && f.Step == from.Step && f.Input.Digest() == from.Input.Digest() && slices.EqualFunc(f.State, from.State, same)
}

// given is what a fork can take over. Where its plan is another one, what the steps of
// the other run gave may lead to something else.
func (k history) given(changed bool) map[string]outcome {
	if changed {
		maps.Copy(k.outcomes, k.judged)
	}
	return k.outcomes
}

// redacted takes secrets out of what a fork gives to its step.
func (v vault) redacted(f event.Forked) event.Forked {
	if v.redact == nil {
		return f
	}
	if !f.Input.IsZero() {
		f.Input = v.redact.Document(f.Input)
	}
	state := make([]document.Field, len(f.State))
	for i, s := range f.State {
		state[i] = document.Field{Key: s.Key, Value: v.redact.Document(s.Value)}
	}
	f.State = state
	return f
}

// takeOverAgain makes what a fork that is carried on takes over, with what it has
// executed so far. nil: the run that it comes from is gone.
//
// What that run did after this one began is not looked at: this one would have gone
// another way without its process stopping.
func (h *Host) takeOverAgain(ctx context.Context, g *Graph, past []event.Event) (*takeOver, error) {
	started, ok := past[0].Body.(event.RunStarted)
	if !ok || started.Forked == nil {
		return nil, nil
	}
	from := started.Forked
	old, err := h.origin(ctx, from.Run)
	if err == nil {
		var known history
		if known, err = recall(old.graph.plan, from.Run, each(old.events), past[0].Time); err == nil {
			step := from.Step
			if inherited(from, old.started.Forked) {
				step = ""
			}
			t := newTakeOver(g.plan, known.given(old.started.Plan != g.Digest()), step)
			for _, e := range past {
				t.see(e)
			}
			return t, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	why := err.Error()
	if errors.Is(err, journal.ErrUnknownRun) {
		why = "it is not in the store any more"
	}
	h.logger.Warn("nothing more is taken over from run "+from.Run+", steps are executed: "+why, "run", past[0].Run)
	return nil, nil
}

// TakenOver counts the steps so far that have been executed, or answered by a signal,
// and those that took over what came of them in the run that this one was forked
// from. An element of a foreach counts as a step; a subgraph or a foreach itself does
// not.
func (r *Run) TakenOver() (taken, executed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	over := map[string]bool{}
	count := func(step string, own bool) {
		switch was, seen := over[step]; {
		case !seen && own:
			executed++
		case !seen:
			taken++
		case own && !was:
			executed, taken = executed+1, taken-1
		}
		over[step] = over[step] || own
	}
	for _, e := range r.events {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			count(b.Step, !tookOver(b.From, b.CacheKey))
		case event.AttemptFailed:
			count(b.Step, !tookOver(b.From, ""))
		default:
		}
	}
	return taken, executed
}
