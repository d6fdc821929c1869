package reference

// One step: its input, its attempts, its edges.

import (
	"context"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// step runs a node, or skips it, and gives the fates of its edges.
func (r *run) step(n *node, turns []int, at arrival) map[*edge]fate {
	s := &Step{ID: id(n.Name, turns), Node: n.Name, Status: Skipped, past: at.past}
	self := len(r.steps)
	// "A node runs once when all its incoming edges (edges back aside) are
	// resolved and at least one was taken; if none was taken it is skipped and
	// its own edges are not taken, and so on."
	if !at.came {
		r.steps, r.last[n] = append(r.steps, s), s
		return r.fates(n, at.past, nil, document.Document{})
	}
	// "`max_steps` (default 10,000) counts activations, not elements nor skips."
	if r.began++; r.began > orElse(int(r.src.MaxSteps), graph.DefaultMaxSteps) {
		r.failure = &failure.Failure{Code: failure.MaxSteps, Node: n.Name, Step: s.ID}
		return nil
	}
	r.steps, r.last[n] = append(r.steps, s), s
	known := map[string]document.Document{"input": at.input, "inputs": at.inputs, "state": r.state(at.past), "run": r.input}
	given, f := r.prepare(n, turns, known)
	if f != nil {
		// "A step that fails without an attempt (`max_visits`, `input`)".
		f.Node, f.Step = n.Name, s.ID
		s.Failures, s.Status = append(s.Failures, *f), Failed
		return r.route(n, s, at.past, *f, at.input, known)
	}
	var feedback []failure.Violation
	for {
		number := len(s.Attempts) + 1
		o := r.call(event.Attempt{Step: s.ID, Node: n.Name, Number: number}, given, feedback)
		f := o.Failure
		var taken []*edge
		if f == nil {
			taken, f = r.judge(n, s, o.Output, known)
		}
		if f != nil {
			mine := *f
			f = &mine
			f.Node, f.Step, f.Attempt = n.Name, s.ID, number
		}
		s.Attempts = append(s.Attempts, Attempt{Input: given, Feedback: feedback, Output: o.Output, Failure: f, Fuel: o.Fuel})
		if f == nil {
			s.Status = Done
			return r.fates(n, union(at.past, past{self: true}), taken, o.Output)
		}
		if number >= attempts(n, *f) {
			s.Status = Failed
			return r.route(n, s, at.past, *f, given, known)
		}
		// "On `invalid_output` the next attempt of the node receives `feedback`". One
		// that was meant to correct and failed in another way is made again as it
		// was: "the same after a crash or a timeout".
		if f.Code == failure.InvalidOutput {
			feedback = f.Violations
		}
	}
}

// prepare gives the document that the node is handed, or why there is none.
func (r *run) prepare(n *node, turns []int, known map[string]document.Document) (document.Document, *failure.Failure) {
	// "the node was activated more often than allowed since its innermost loop was
	// entered (default 100)"
	scope := n.Name
	if len(turns) > 0 {
		scope = id(n.Name, turns[:len(turns)-1])
	}
	if r.visits[scope]++; r.visits[scope] > orElse(int(n.MaxVisits), graph.DefaultMaxVisits) {
		return document.Document{}, &failure.Failure{Code: failure.MaxVisits}
	}
	if n.input == nil && n.fields == nil {
		return known["input"], nil
	}
	if n.input != nil {
		return eval(n.input, known)
	}
	var fields []document.Field
	for i, p := range n.fields {
		d, f := eval(p, known)
		if f != nil {
			return d, f
		}
		fields = append(fields, document.Field{Key: n.Input.Fields[i].Key, Value: d})
	}
	return document.Object(fields...), nil
}

// judge works out what a success leads to: the updates, which it keeps in the
// step, and the edges that are taken.
func (r *run) judge(n *node, s *Step, output document.Document, known map[string]document.Document) ([]*edge, *failure.Failure) {
	// "also `output`; state before the step's writes"
	vars := map[string]document.Document{"output": output, "error": document.Null()}
	for k, v := range known {
		vars[k] = v
	}
	writes := map[string]document.Document{}
	for i, w := range n.Write {
		update, f := eval(n.writes[i], vars)
		if f != nil {
			return nil, f
		}
		key := r.key(w.Key)
		// "an optional schema for each written update (for `append` and `union` one
		// element)". "An update that breaks its schema fails the step with
		// `invalid_state`."
		if v := validate(key.Schema, update); len(v) > 0 {
			return nil, &failure.Failure{Code: failure.InvalidState, Violations: v}
		}
		if _, err := reduce(key.Reduce, r.field(vars["state"], key.Name), update); err != nil {
			return nil, &failure.Failure{Code: failure.InvalidState, Message: err.Error()}
		}
		writes[w.Key] = update
	}
	// "`input`, `output` (null on a failure edge), `error` (null on a success
	// edge), `state` after the step's writes (not the turn's), `run.input`"
	vars["state"] = r.written(known["state"], writes)
	var taken []*edge
	for _, e := range n.out {
		if e.failure {
			continue
		}
		// "`when` is a condition; every edge that holds is taken; with `route =
		// "first"` only the first."
		if e.when != nil {
			holds, err := e.when.Holds(context.Background(), vars)
			if err != nil {
				return nil, &failure.Failure{Code: failure.ExpressionError, Message: err.Error()}
			}
			if !holds {
				continue
			}
		}
		taken = append(taken, e)
		if n.Route == string(graph.RouteFirst) {
			break
		}
	}
	s.writes = writes
	return taken, nil
}

// attempts: "Retry rules stand in order: the first that lists the code applies;
// one without `on` covers the codes tried again by default; unlisted codes keep
// their defaults; `max_attempts` (default 3) counts all attempts of the step."
func attempts(n *node, f failure.Failure) int {
	for _, rule := range n.Retry {
		listed := len(rule.On) == 0 && f.Retryable
		for _, code := range rule.On {
			listed = listed || code.Text == string(f.Code)
		}
		if listed {
			return orElse(int(rule.MaxAttempts), graph.DefaultMaxAttempts)
		}
	}
	if f.Retryable {
		return graph.DefaultMaxAttempts
	}
	return 1
}

// route: "On an unrecovered failure the first failure edge (`on = "error"` or
// codes) that matches code and `when` is taken, whatever `route` says; it carries
// the failure as a document; the success edges are not taken." "A failing `when`
// of a failure edge counts as not holding."
func (r *run) route(n *node, s *Step, before past, f failure.Failure, input document.Document, known map[string]document.Document) map[*edge]fate {
	doc := carried(f, input)
	vars := map[string]document.Document{"error": doc, "output": document.Null()}
	for k, v := range known {
		vars[k] = v
	}
	for _, e := range n.out {
		if !e.failure || len(e.on) > 0 && !slices.Contains(e.on, string(f.Code)) {
			continue
		}
		if e.when != nil {
			if holds, err := e.when.Holds(context.Background(), vars); err != nil || !holds {
				continue
			}
		}
		return r.fates(n, before, []*edge{e}, doc)
	}
	// "Without one, the step's scope stops as if steps ran one at a time in
	// canonical order."
	r.failure = &f
	return nil
}

func (r *run) fates(n *node, carried past, taken []*edge, doc document.Document) map[*edge]fate {
	fates := map[*edge]fate{}
	for _, e := range n.out {
		fates[e] = fate{taken: slices.Contains(taken, e), document: doc, past: carried}
	}
	return fates
}

func eval(p *expr.Program, vars map[string]document.Document) (document.Document, *failure.Failure) {
	d, err := p.Eval(context.Background(), vars)
	if err != nil {
		return d, &failure.Failure{Code: failure.ExpressionError, Message: fmt.Sprint(err)}
	}
	return d, nil
}

func orElse(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}
