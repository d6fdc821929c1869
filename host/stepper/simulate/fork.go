package simulate

// Runs that begin as forks of others.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/reference"
)

// Fork gives the case as a fork at one of its steps, with another input or another state
// there; nil where it has no step at which anything could be changed.
func (c *Case) Fork() (*Case, error) {
	r, err := c.work()
	if err != nil {
		return nil, err
	}
	return c.fork(r), nil
}

// work works the case out with the reference.
func (c *Case) work() (*reference.Result, error) {
	r, err := reference.Fork(c.Source, c.subs, c.Input, c.Forked, c.Nodes)
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", c.Seed, err)
	}
	return r, nil
}

func (c *Case) fork(of *reference.Result) *Case {
	if len(of.Steps) == 0 {
		return nil
	}
	luck := rand.New(rand.NewPCG(c.Seed, hash("fork")))
	f := &event.Forked{Run: "other", Step: of.Steps[luck.IntN(len(of.Steps))].ID}
	g := c.around(f.Step)
	n := g.Node(nodeOf(f.Step))
	element := strings.LastIndexByte(f.Step, '#') > strings.LastIndexByte(f.Step, '/')
	if len(g.State) == 0 || element || luck.IntN(3) == 0 {
		switch f.Input = document.MustParse(`{"id":"forked","n":5,"list":[{"n":8}]}`); {
		case n.Foreach != nil && !element:
			f.Input = document.MustParse(`[{"n":7},{"n":8},"x"]`)
		case luck.IntN(4) == 0:
			f.Input = document.Null()
		}
	}
	for _, k := range g.State { // sorted: k0, k1, …
		if luck.IntN(3) > 0 && !element {
			list := sets[string(k.Reduce)]
			f.State = append(f.State, document.Field{Key: k.Name, Value: document.MustParse(list[luck.IntN(len(list))])})
		}
	}
	if f.Input.IsZero() && f.State == nil {
		return nil
	}
	forked := *c
	forked.Forked = f
	return &forked
}

// sets are what keys are set to, by reducer.
var sets = map[string][]string{
	"replace": {`"forked"`, `{"forked":true}`},
	"append":  {`[]`, `["forked"]`, `["forked","again"]`},
	"union":   {`[]`, `[1,"forked"]`},
	"merge":   {`{}`, `{"k1":"forked","forked":1}`},
	"sum":     {`0`, `1000`, `-2.5`},
	"min":     {`null`, `-1000`, `1000`},
	"max":     {`null`, `-1000`, `1000`},
}

// around gives the graph that a step is directly in.
func (c *Case) around(step string) *graph.Graph {
	g := c.Graph
	for {
		at, rest, inside := strings.Cut(step, "/")
		if !inside {
			return g
		}
		g = g.Node(nodeOf(at)).Sub
		step = rest
	}
}

// checkFork carries a fork of the case out, and one without changes that takes over what
// came of the steps.
func (c *Case) checkFork(want *reference.Result) error {
	if c.Forked != nil || hash("forks", strconv.FormatUint(c.Seed, 10))%4 > 0 {
		return nil
	}
	if err := c.checkTakenOver(want); err != nil {
		return err
	}
	if f := c.fork(want); f != nil {
		return f.Check()
	}
	return nil
}

// checkTakenOver carries out a fork that changes nothing: for some steps it takes over
// what came of them, for others it executes them again. All is as it was.
func (c *Case) checkTakenOver(want *reference.Result) error {
	f := *c
	f.Forked = &event.Forked{Run: "other"}
	w := &world{Case: &f, graph: f.Graph, schedule: 2, crashes: 2, taken: map[string]event.Outcome{}}
	luck := rand.New(rand.NewPCG(c.Seed, hash("taken over")))
	for _, s := range want.Steps {
		if len(s.Attempts) == 0 || luck.IntN(3) == 0 {
			continue
		}
		last := s.Attempts[len(s.Attempts)-1]
		from := event.Origin{Run: "other", Attempt: event.Attempt{Step: s.ID, Node: s.Node, Number: len(s.Attempts)}}
		w.taken[s.ID] = event.Outcome{Output: last.Output, Failure: last.Failure, Fuel: last.Fuel, From: &from}
	}
	var text string
	if err := w.run(); err != nil {
		text = err.Error()
	} else {
		text = c.takenOver(want, w)
	}
	if text == "" {
		return nil
	}
	return &MismatchError{Case: &f, Schedule: w.schedule, Text: "taken over: " + text, Events: w.events, Want: want}
}

// takenOver says what differs from the run that a fork takes steps over from; "": nothing.
func (c *Case) takenOver(want *reference.Result, w *world) string {
	if outside(want, w.events) {
		return ""
	}
	was, is := endings(facts(want, c.Started())), endings(w.events)
	for _, s := range want.Steps {
		if was[s.ID] != is[s.ID] {
			return fmt.Sprintf("step %s ended in %q; it was %q", s.ID, is[s.ID], was[s.ID])
		}
		if call, ok := w.inputs[event.Attempt{Step: s.ID, Node: s.Node, Number: 1}]; ok && !worded(call.Input).Equal(worded(s.Attempts[0].Input)) {
			return fmt.Sprintf("%s was given %s, not %s", s.ID, call.Input, s.Attempts[0].Input)
		}
		if _, taken := w.taken[s.ID]; taken && w.inputs[event.Attempt{Step: s.ID, Node: s.Node, Number: 2}].Step != "" {
			return "what was taken over of step " + s.ID + " was tried again"
		}
	}
	got := inspect.Fold(c.Graph, slices.Values(w.events))
	if got.Failure != nil && want.Failure != nil && got.Failure.Attempt != want.Failure.Attempt {
		return fmt.Sprintf("the failure is of attempt %d, not %d", got.Failure.Attempt, want.Failure.Attempt)
	}
	return sameEnd(want, got)
}

// outside reports whether the set of steps of a run is outside the promise.
func outside(want *reference.Result, events []event.Event) bool {
	for _, list := range [][]event.Event{events, facts(want, event.RunStarted{})} {
		for _, e := range list {
			if b, ok := e.Body.(event.RunFinished); ok && b.Failure != nil && b.Failure.Code == "max_steps" {
				return true
			}
		}
		if limited(list) {
			return true
		}
	}
	return false
}

// endings are what became of each step at last.
func endings(events []event.Event) map[string]string {
	last := map[string]string{}
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			last[b.Step] = fmt.Sprintf("%s gave %s, fuel %d", b.Node, worded(b.Output).Canonical(), b.Fuel)
		case event.AttemptFailed:
			last[b.Step] = fmt.Sprintf("%s failed: %s %s of attempt %d, fuel %d, gave %s", b.Node, b.Failure.Code, b.Failure.Reason, b.Failure.Attempt, b.Fuel, b.Output)
		case event.StepFailed:
			last[b.Step] = fmt.Sprintf("%s failed: %s of %s, attempt %d", b.Node, b.Failure.Code, b.Failure.Step, b.Failure.Attempt)
		case event.StepSucceeded:
			last[b.Step] = b.Node + " succeeded"
		case event.StepSkipped:
			last[b.Step] = b.Node + " skipped"
		default:
			// Not outcomes of steps.
		}
	}
	return last
}

// unfit is an error where the graph, made smaller, has no place for the fork.
func (c *Case) unfit() error {
	if err := stepper.CheckFork(c.Graph, c.Forked); err != nil {
		return fmt.Errorf("seed %d: %w", c.Seed, err)
	}
	return nil
}

// takeOver gives what is taken over of an attempt; false: it is executed.
func (w *world) takeOver(a event.Attempt) (event.Outcome, bool) {
	o, ok := w.taken[a.Step]
	o.Attempt = a
	return o, ok
}

// forkText says what a fork changes; "": it is none, or changes nothing.
func (c *Case) forkText() string {
	f := c.Forked
	if f == nil || f.Step == "" {
		return ""
	}
	text := ", forked at " + f.Step
	if !f.Input.IsZero() {
		text += " with " + f.Input.String()
	}
	if len(f.State) > 0 {
		text += " from the state " + document.Object(f.State...).String()
	}
	return text
}
