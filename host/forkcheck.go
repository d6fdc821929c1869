package host

// What a fork asks for is held against the two graphs, before anything begins.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/host/stepper"
)

// forkCheck gathers all complaints about a fork.
type forkCheck struct {
	host       *Host
	run        string
	fork       Fork
	complaints []string
}

func (c *forkCheck) complain(format string, args ...any) {
	c.complaints = append(c.complaints, fmt.Sprintf(format, args...))
}

// config gives the graph with the config that the fork gives to its nodes; the graph
// itself where it gives none. What a module or the graph has against it is the error.
func (c *forkCheck) config(g *Graph) (*Graph, error) {
	edits := map[string]document.Document{}
	for _, name := range slices.Sorted(maps.Keys(c.fork.Config)) {
		if d, ok := c.document(fmt.Sprintf("the config of node %q", name), c.fork.Config[name]); ok {
			edits[name] = d
		}
	}
	if len(edits) == 0 {
		return g, nil
	}
	name, text, from := pinned(g.made)
	e := newEdit(g, from, c)
	text = e.file(text, ".", "", edits, g.plan, false)
	if len(c.complaints) > 0 {
		return g, nil // the rest is checked against what there is
	}
	return c.host.load(name, name, text, e.files())
}

// document makes a document of what an embedder hands over.
func (c *forkCheck) document(what string, v any) (document.Document, bool) {
	if v == nil { // in an input it means that there is none
		return document.Null(), true
	}
	d, err := newInput(v, c.host.limits)
	if refused := (*InputError)(nil); errors.As(err, &refused) {
		c.complain("%s is no JSON document: %s", what, refused.Failure.Violations[0].Message)
	} else if err != nil {
		c.complain("%s: %v", what, err)
	}
	return d, err == nil
}

// from checks the step that the fork is from, with what it is given, and makes the
// fact of it.
func (c *forkCheck) from(ctx context.Context, g *Graph, known history) *event.Forked {
	forked := &event.Forked{Run: c.run, Step: c.fork.From}
	if c.fork.From == "" {
		if c.fork.Input != nil {
			c.complain("an input for a step needs the step that the fork is from")
		}
		if len(c.fork.State) > 0 {
			c.complain("state needs the step that the fork is from, before which it is set")
		}
		return forked
	}
	ran := c.ran(known)
	if c.fork.Input != nil {
		if d, ok := c.document(fmt.Sprintf("the input of step %q", c.fork.From), c.fork.Input); ok {
			forked.Input = d
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.fork.State)) {
		if d, ok := c.document(fmt.Sprintf("the value of state %q", key), c.fork.State[key]); ok {
			forked.State = append(forked.State, document.Field{Key: key, Value: d})
		}
	}
	if refused := (*stepper.ForkError)(nil); errors.As(stepper.CheckFork(g.plan.Graph, forked), &refused) {
		for _, text := range refused.Complaints {
			if ran || !strings.HasPrefix(text, fmt.Sprintf("step %q: ", c.fork.From)) { // that has been said
				c.complain("%s", text)
			}
		}
	}
	if _, n := standing(g.plan, c.fork.From); n != nil && !forked.Input.IsZero() {
		c.input(ctx, n, forked.Input)
	}
	return forked
}

// runInput gives the run's own input. What is wrong with it alone is an [*InputError], as
// for any other run; it is one complaint more where there are others.
func (c *forkCheck) runInput(ctx context.Context, g *Graph, input document.Document) (_ document.Document, err error) {
	if c.fork.RunInput != nil {
		input, err = newInput(c.fork.RunInput, c.host.limits)
	}
	if err == nil {
		err = g.checkInput(ctx, input)
	}
	if err != nil && len(c.complaints) > 0 {
		c.complain("%v", err)
	}
	return input, err
}

// ran reports whether the other run has the step that the fork is from.
func (c *forkCheck) ran(known history) bool {
	step := c.fork.From
	steps := slices.Clone(known.steps)
	for _, s := range known.steps { // the steps that those are inside of may not have ended
		for at := around(s); at != ""; at = around(at) {
			steps = append(steps, at)
		}
	}
	if slices.Contains(steps, step) {
		return true
	}
	if known.skipped[step] {
		c.complain("step %q was skipped in run %s: choose one that ran", step, c.run)
		return false
	}
	hint := ""
	if near := graph.Nearest(step, steps); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	c.complain("run %s has no step %q%s", c.run, step, hint)
	return false
}

// input holds what the step is given to the schemas of its node.
func (c *forkCheck) input(ctx context.Context, n *plan.Node, d document.Document) {
	if n.Foreach != nil && !strings.Contains(c.fork.From[strings.LastIndexByte(c.fork.From, '/')+1:], "#") {
		return // a foreach holds its elements to them
	}
	schemas := slices.Clone(n.InSchemas)
	if n.Sub != nil {
		schemas = append(schemas, n.In.Schema, n.Sub.Graph.Input.Schema)
	}
	var told []string
	for _, s := range schemas {
		if text := broken(ctx, s, d); text != "" && !slices.Contains(told, text) {
			told = append(told, text)
			c.complain("the input of step %q breaks the input schema of node %q: %s", c.fork.From, n.Name, text)
		}
	}
}

// broken says how a document breaks a schema; "": it does not.
func broken(ctx context.Context, s *schema.Schema, d document.Document) string {
	if s == nil {
		return ""
	}
	found, err := s.ValidateContext(ctx, d)
	if err != nil || len(found) == 0 { // ctx is done: nothing will begin
		return ""
	}
	return failure.Summary(found)
}
