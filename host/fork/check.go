package fork

// What a fork asks for is held against the two runs, before anything begins.

import (
	"context"
	"errors"
	"fmt"
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

// complaints are all about one thing that was asked for.
type complaints []string

func (c *complaints) add(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

// Check says all that is wrong with a fork of this run, of which next is the plan: there
// is no such step, or what it is given is not what the step takes. None: it can begin.
// Where ctx is done schemas are not looked at.
func (p *Past) Check(ctx context.Context, next *plan.Plan, f *event.Forked) []string {
	var c complaints
	if f.Step != "" {
		p.checkStep(&c, f.Step)
	}
	ran := len(c) == 0
	if refused := (*stepper.ForkError)(nil); errors.As(stepper.CheckFork(next.Graph, f), &refused) {
		for _, text := range refused.Complaints {
			// That the new graph has no such step either says nothing more.
			if ran || !strings.HasPrefix(text, fmt.Sprintf("step %q: ", f.Step)) {
				c.add("%s", text)
			}
		}
	}
	if f.Step != "" && !f.Input.IsZero() {
		checkInput(ctx, &c, next, f)
	}
	return c
}

// checkStep looks for the step that a fork is from.
func (p *Past) checkStep(c *complaints, step string) {
	steps := slices.Clone(p.steps)
	for _, s := range p.steps { // the steps that those are inside of may not have ended
		for at := around(s); at != ""; at = around(at) {
			steps = append(steps, at)
		}
	}
	switch {
	case slices.Contains(steps, step):
	case p.skipped[step]:
		c.add("step %q was skipped in run %s: choose one that ran", step, p.run)
	default:
		hint := ""
		if near := graph.Nearest(step, steps); near != "" {
			hint = fmt.Sprintf(" (did you mean %q?)", near)
		}
		c.add("run %s has no step %q%s", p.run, step, hint)
	}
}

// checkInput holds what a step is given to the schemas of its node.
func checkInput(ctx context.Context, c *complaints, next *plan.Plan, f *event.Forked) {
	_, n := standing(next, f.Step)
	if n == nil || n.Foreach != nil && lastFrame(f.Step).element < 0 {
		return // of a foreach its elements are held to them
	}
	schemas := slices.Clone(n.InSchemas)
	if n.Sub != nil {
		schemas = append(schemas, n.In.Schema, n.Sub.Graph.Input.Schema)
	}
	var told []string
	for _, s := range schemas {
		if text := broken(ctx, s, f.Input); text != "" && !slices.Contains(told, text) {
			told = append(told, text)
			c.add("the input of step %q breaks the input schema of node %q: %s", f.Step, n.Name, text)
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
