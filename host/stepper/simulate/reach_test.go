package simulate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper/reference"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

// TestReach shows that random cases reach every rule: each kind of thing that
// can be in a graph or happen in a run is there in so many of 2,000 cases.
func TestReach(t *testing.T) {
	least := map[string]int{
		"done": 600, "failed": 400, "fork": 1000, "join": 600, "two starts": 300, "chain": 200,
		"loop": 500, "nested loop": 60, "three levels": 3, "several edges back": 100, "second turn": 200, "fifth turn": 20,
		"nested turn": 25, "out of two levels": 50, "edge back out of an inner loop": 20,
		"loop_conflict": 20, "max_visits": 20, "max_steps": 5, "expression_error": 60, "invalid_state": 8,
		"skipped": 500, "skipped loop": 100, "routed failure": 250, "second attempt": 300, "feedback": 50,
		"keyed by node": 300, "route first": 500, "opposite": 100, "value": 50, "write": 500,
		"foreach": 100, "collected failure": 15, "failed element": 10, "subgraph": 80, "subgraph in a subgraph": 10,
		"foreach of subgraphs": 3, "foreach of waits": 5, "wait": 100, "loop in a subgraph": 10, "turn of a foreach": 3,
		"routed failure of a subgraph": 1, "routed failure of an element": 3,
		"calls": 800, "call of an attempt after others": 100, "within budgets": 200, "budget": 300,
		"budget of a subgraph": 5, "refused call": 100, "call beyond": 100,
		"forked": 300, "forked state": 150, "forked input": 100, "forked in a later turn": 20, "forked element": 5,
		"forked list": 3, "forked in a subgraph": 8, "forked state of a subgraph": 5,
		"append": 100, "union": 100, "merge": 100, "sum": 100, "min": 100, "max": 100,
	}
	seen := map[string]int{}
	for seed := range uint64(2000) {
		c, err := simulate.New(seed + 1)
		if err != nil {
			t.Fatal(err)
		}
		r, err := reference.Run(c.Source, c.Subs(), c.Input, c.Nodes)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		drawn(c, found)
		happened(r, found)
		if seed%4 == 0 {
			f, err := c.Fork()
			if err != nil {
				t.Fatal(err)
			}
			forked(f, found)
		}
		events, err := c.Limited()
		if err != nil {
			t.Fatal(err)
		}
		called(events, found)
		for what := range found {
			seen[what]++
		}
	}
	for _, what := range slices.Sorted(maps.Keys(least)) {
		if seen[what] < least[what] {
			t.Errorf("%q is in %d cases, at least %d are wanted", what, seen[what], least[what])
		}
	}
	t.Log(seen)
}

func forked(c *simulate.Case, found map[string]bool) {
	if c == nil {
		return
	}
	f := c.Forked
	slash, element := strings.LastIndexByte(f.Step, '/'), strings.LastIndexByte(f.Step, '#')
	found["forked"] = true
	found["forked state"] = len(f.State) > 0
	found["forked input"] = !f.Input.IsZero()
	found["forked in a later turn"] = strings.HasSuffix(f.Step, "]") && !strings.HasSuffix(f.Step, "1]")
	found["forked element"] = element > slash
	found["forked list"] = f.Input.Kind() == document.KindArray
	found["forked in a subgraph"] = slash > 0
	found["forked state of a subgraph"] = slash > 0 && len(f.State) > 0
}

func drawn(c *simulate.Case, found map[string]bool) {
	g := c.Graph
	found["two starts"] = len(g.Start) > 1
	found["chain"] = len(c.Source.Chain) > 0
	found["value"] = g.OutputValue != nil
	for _, n := range g.Nodes {
		mark := func(what string, is bool) { found[what] = found[what] || is }
		mark("fork", len(n.Outgoing) > 1)
		mark("join", len(n.Incoming) > 1)
		mark("loop", n.Loop != nil)
		mark("nested loop", n.Loop != nil && n.Loop.Depth > 1)
		mark("three levels", n.Loop != nil && n.Loop.Depth > 2)
		mark("several edges back", n.Loop != nil && len(n.Loop.Back) > 1)
		mark("keyed by node", n.EntryByNode || n.BackByNode)
		mark("route first", n.Route == graph.RouteFirst && len(n.Outgoing) > 1)
		mark("write", len(n.Writes) > 0)
		mark("foreach of waits", n.Foreach != nil && n.Kind == graph.KindWait)
		for _, w := range n.Writes {
			found[string(w.Key.Reduce)] = true
		}
		for _, e := range n.Outgoing {
			mark("out of two levels", len(e.Leaves) > 1)
			mark("edge back out of an inner loop", e.Back != nil && len(e.Leaves) > 0)
			mark("opposite", e.When != nil && strings.HasPrefix(e.When.Source(), "!"))
		}
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
}

// called looks at a run with budgets.
func called(events []event.Event, found map[string]bool) {
	refused := false
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.CapabilityAnswered:
			found["calls"] = true
			found["call of an attempt after others"] = found["call of an attempt after others"] || b.Number > 1
			refused = b.Failure != nil && b.Failure.Code == failure.Budget
		case event.RunFinished:
			budget := b.Failure != nil && b.Failure.Code == failure.Budget
			found["budget"], found["within budgets"] = budget, !budget
			found["refused call"], found["call beyond"] = budget && refused, budget && !refused
			found["budget of a subgraph"] = budget && strings.Contains(b.Failure.Message, "of graph")
		default:
			// It says nothing of calls.
		}
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
}

func happened(r *reference.Result, found map[string]bool) {
	found["done"], found["failed"] = r.Failure == nil, r.Failure != nil
	if r.Failure != nil {
		found[string(r.Failure.Code)] = true
	}
	for i, s := range r.Steps {
		mark := func(what string, is bool) { found[what] = found[what] || is }
		mark("skipped", s.Status == reference.Skipped)
		mark("skipped loop", s.Status == reference.Skipped && strings.HasSuffix(s.ID, "[1]"))
		mark("second turn", strings.HasSuffix(s.ID, "[2]"))
		mark("fifth turn", strings.HasSuffix(s.ID, "[5]"))
		mark("nested turn", strings.HasSuffix(s.ID, ".2]"))
		mark("routed failure", s.Status == reference.Failed && i < len(r.Steps)-1)
		mark("second attempt", len(s.Attempts) > 1)
		mark("wait", len(s.Attempts) == 1 && s.Attempts[0].Fuel == 0)
		mark("turn of a foreach", strings.Contains(s.ID, "[2]#0"))
		mark("foreach", strings.HasSuffix(s.ID, "#1"))
		mark("subgraph", strings.Contains(s.ID, "/"))
		mark("subgraph in a subgraph", strings.Count(s.ID, "/") > 1)
		mark("foreach of subgraphs", strings.Contains(s.ID, "#1/"))
		mark("loop in a subgraph", strings.Contains(s.ID, "/") && strings.HasSuffix(s.ID, "[2]"))
		element := strings.Contains(s.ID, "#") && !strings.Contains(s.ID, "/")
		mark("failed element", element && s.Status == reference.Failed)
		for _, f := range s.Failures {
			inside := strings.HasPrefix(f.Step, s.ID) && !element && r.Failure == nil
			mark("routed failure of a subgraph", inside && strings.HasPrefix(f.Step, s.ID+"/"))
			mark("routed failure of an element", inside && strings.HasPrefix(f.Step, s.ID+"#"))
		}
		mark("collected failure", strings.Contains(s.Output.String(), `{"error":`))
		for _, a := range s.Attempts {
			mark("feedback", len(a.Feedback) > 0)
			if f := a.Failure; f != nil {
				mark("expression_error", f.Code == failure.ExpressionError)
				mark("invalid_state", f.Code == failure.InvalidState)
			}
		}
		for _, f := range s.Failures {
			found[string(f.Code)] = true
		}
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
}
