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
	"github.com/chainrun/chainrun/host/fork"
	"github.com/chainrun/chainrun/host/journal"
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
	old, err := h.origin(ctx, run, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("forking run %s: %w", run, err)
	}
	asked := &forkRequest{Fork: f, limits: h.limits}
	g, err := h.forkedGraph(asked, old.graph)
	if err != nil {
		return nil, fmt.Errorf("forking run %s: %w", run, err)
	}
	c.forked = asked.forked(run)
	asked.complaints = append(asked.complaints, old.past.Check(ctx, g.plan, c.forked)...)
	old.past.Inherit(c.forked, g.plan)
	input, err := asked.input(ctx, g, old.started.Input)
	if len(asked.complaints) > 0 {
		return nil, &ForkError{Run: run, Complaints: asked.complaints}
	}
	if err != nil {
		return nil, err
	}
	if c.seed == nil {
		c.seed = &old.started.Seed
	}
	c.takes = old.past.TakeOver(g.plan, f.From)
	awaited(&c)
	r, err := h.begin(ctx, g, input, c)
	if err != nil {
		return nil, err
	}
	r.event(0)
	return r, nil
}

// forkRequest makes documents of what an embedder asks for, and gathers all that is
// wrong with it.
type forkRequest struct {
	Fork
	limits     document.Limits
	complaints []string
}

func (r *forkRequest) complain(format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

// document makes one of what an embedder hands over.
func (r *forkRequest) document(what string, v any) (document.Document, bool) {
	if v == nil { // in a run's input it means that there is none
		return document.Null(), true
	}
	d, err := newInput(v, r.limits)
	if refused := (*InputError)(nil); errors.As(err, &refused) {
		r.complain("%s is no JSON document: %s", what, refused.Failure.Violations[0].Message)
	} else if err != nil {
		r.complain("%s: %v", what, err)
	}
	return d, err == nil
}

// forked makes the fact of the step that the fork is from, and of what it is given.
func (r *forkRequest) forked(run string) *event.Forked {
	forked := &event.Forked{Run: run, Step: r.From}
	if r.From == "" {
		if r.Input != nil {
			r.complain("an input for a step needs the step that the fork is from")
		}
		if len(r.State) > 0 {
			r.complain("state needs the step that the fork is from, before which it is set")
		}
		return forked
	}
	if r.Input != nil {
		if d, ok := r.document(fmt.Sprintf("the input of step %q", r.From), r.Input); ok {
			forked.Input = d
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.State)) {
		if d, ok := r.document(fmt.Sprintf("the value of state %q", key), r.State[key]); ok {
			forked.State = append(forked.State, document.Field{Key: key, Value: d})
		}
	}
	return forked
}

// input gives the run's own input. What is wrong with it alone is an [*InputError], as
// for any other run; it is one complaint more where there are others.
func (r *forkRequest) input(ctx context.Context, g *Graph, input document.Document) (_ document.Document, err error) {
	if r.RunInput != nil {
		input, err = newInput(r.RunInput, r.limits)
	}
	if err == nil {
		err = g.checkInput(ctx, input)
	}
	if err != nil && len(r.complaints) > 0 {
		r.complain("%v", err)
	}
	return input, err
}

// forkedGraph gives the graph that a fork runs; where there are complaints one that the
// rest can be checked against. The error is what a module or the graph has against the
// config that its nodes are given.
func (h *Host) forkedGraph(asked *forkRequest, g *Graph) (*Graph, error) {
	if asked.Graph != nil {
		g = asked.Graph
	}
	configs := map[string]document.Document{}
	for _, name := range slices.Sorted(maps.Keys(asked.Config)) {
		if d, ok := asked.document(fmt.Sprintf("the config of node %q", name), asked.Config[name]); ok {
			configs[name] = d
		}
	}
	if len(configs) == 0 {
		return g, nil
	}
	name, text, from := pinned(g.made)
	edited, found := fork.Files{Text: text, Read: from.schema}.Configure(g.plan, configs)
	if asked.complaints = append(asked.complaints, found...); len(asked.complaints) > 0 {
		return g, nil
	}
	from.schema = edited.Read
	return h.load(name, name, edited.Text, from)
}

// original is a run that is forked.
type original struct {
	graph   *Graph
	started event.RunStarted
	past    *fork.Past
}

// origin makes the graph of a run that is forked again, and reads what became of its
// steps until a moment, see [fork.Recall].
func (h *Host) origin(ctx context.Context, run string, until time.Time) (original, error) {
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
	past, err := fork.Recall(g.plan, run, each(events), until)
	return original{g, started, past}, err
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
func (h *Host) takeOverAgain(ctx context.Context, g *Graph, past []event.Event) (*fork.TakeOver, error) {
	started, ok := past[0].Body.(event.RunStarted)
	if !ok || started.Forked == nil {
		return nil, nil
	}
	old, err := h.origin(ctx, started.Forked.Run, past[0].Time)
	if err == nil {
		return old.past.TakeOverAgain(g.plan, started.Forked, past), nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	why := err.Error()
	if errors.Is(err, journal.ErrUnknownRun) {
		why = "it is not in the store any more"
	}
	h.logger.Warn("nothing more is taken over from run "+started.Forked.Run+", steps are executed: "+why, "run", past[0].Run)
	return nil, nil
}

// TakenOver counts the steps so far that have been executed, or answered by a signal,
// and those that took over what came of them in the run that this one was forked
// from. An element of a foreach counts as a step; a subgraph or a foreach itself does
// not.
func (r *Run) TakenOver() (taken, executed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fork.Count(r.events)
}
