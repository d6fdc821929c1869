package reference

// One step: its input, its attempts, its edges.

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// step runs a node, or skips it, and gives the fates of its edges.
func (r *run) step(n *node, turns []int, at arrival) map[*edge]fate {
	s := &Step{ID: r.prefix + id(n.Name, turns), Node: n.Name, Status: Skipped, past: at.past}
	// "`max_steps` (default 10,000) counts activations, not elements nor skips."
	if at.came {
		r.began++
	}
	if r.began > orElse(int(r.src.MaxSteps), graph.DefaultMaxSteps) {
		r.failure = &failure.Failure{Code: failure.MaxSteps, Node: n.Name, Step: s.ID}
		return nil
	}
	self := len(r.own)
	r.own, r.steps, r.last[n] = append(r.own, s), append(r.steps, s), s
	// "A node runs once when all its incoming edges (edges back aside) are
	// resolved and at least one was taken; if none was taken it is skipped and
	// its own edges are not taken, and so on."
	if !at.came {
		return r.fates(n, at.past, nil, document.Document{})
	}
	s.Status = Failed
	if s.ID == r.forked.Step {
		if len(r.forked.State) > 0 {
			r.setAt = &self
			at.past = union(at.past, past{forked: true})
		}
		// What is given instead is the default input, too, where the author binds no
		// other.
		if !r.forked.Input.IsZero() && n.input == nil && n.Input.Fields == nil && n.foreach == nil {
			at.input = r.forked.Input
		}
	}
	known := vars{"input": at.input, "inputs": at.inputs, "state": r.state(at.past), "run": r.input}
	var taken []*edge
	judge := func(output document.Document) (f *failure.Failure) {
		taken, f = r.judge(n, s, output, known)
		return f
	}
	output, f, with := r.visit(n, s, turns, known, judge)
	if f != nil {
		return r.route(n, at.past, *f, with, known)
	}
	s.Status, s.Output = Done, output
	return r.fates(n, union(at.past, past{self: true}), taken, output)
}

// vars are what an expression sees, by name.
type vars map[string]document.Document

// visit does what a step is there for. The failure, where there is one, goes
// with the last document.
func (r *run) visit(n *node, s *Step, turns []int, known vars, judge func(document.Document) *failure.Failure) (document.Document, *failure.Failure, document.Document) {
	without := func(f *failure.Failure, with document.Document) (document.Document, *failure.Failure, document.Document) {
		s.Failures = append(s.Failures, *f)
		return document.Document{}, f, with
	}
	// "the node was activated more often than allowed since its innermost loop was
	// entered (default 100)"
	scope := n.Name
	if len(turns) > 0 {
		scope = id(n.Name, turns[:len(turns)-1])
	}
	if r.visits[scope]++; r.visits[scope] > orElse(int(n.MaxVisits), graph.DefaultMaxVisits) {
		return without(s.fails(failure.MaxVisits, ""), known["input"])
	}
	if n.foreach == nil {
		return r.one(n, s, known["input"], known, judge)
	}
	list, f := s.eval(n.foreach, known)
	if given, ok := r.instead(s); ok {
		list, f = given, nil
	}
	items, err := list.Value()
	if all, ok := items.([]any); f == nil && (err != nil || !ok) {
		f = s.fails(failure.ExpressionError, "no list")
	} else if f == nil {
		// "runs a node or subgraph for each element; the output is the list of the
		// elements' outputs; the step's failure is that of its first failed element,
		// with that element's id".
		var outputs []document.Document
		for i := range all {
			item, err := document.FromValue(all[i])
			if err != nil {
				return without(s.fails(failure.ExpressionError, err.Error()), known["input"])
			}
			output, f, with := r.element(n, s, i, item, known)
			if f != nil {
				return without(f, with)
			}
			outputs = append(outputs, output)
		}
		output := document.Array(outputs...)
		// "`write`, `deadline` and edges see the whole list"
		if f = judge(output); f == nil {
			return output, nil, output
		}
	}
	return without(f, known["input"])
}

// instead is what a fork gives a step.
func (r *run) instead(s *Step) (document.Document, bool) {
	return r.forked.Input, s.ID == r.forked.Step && !r.forked.Input.IsZero()
}

// element: "an element's document is its `item` unless `input` is given (in that
// expression `input` is still the node's default input)".
func (r *run) element(n *node, of *Step, i int, item document.Document, known vars) (document.Document, *failure.Failure, document.Document) {
	s := &Step{ID: fmt.Sprintf("%s#%d", of.ID, i), Node: n.Name, Status: Failed}
	r.steps = append(r.steps, s)
	mine := maps.Clone(known)
	mine["item"], mine["index"] = item, document.Int(int64(i))
	output, f, with := r.one(n, s, item, mine, func(document.Document) *failure.Failure { return nil })
	if f == nil {
		s.Status, s.Output = Done, output
	}
	// "`on_error = "fail" | "collect"` (each `{output}` or `{error}`)"; a
	// loop_conflict is "never routed", nor collected.
	if n.OnError == string(graph.OnErrorCollect) && f == nil {
		return document.Object(document.Field{Key: "output", Value: output}), nil, with
	}
	if n.OnError == string(graph.OnErrorCollect) && f.Code != failure.LoopConflict {
		return document.Object(document.Field{Key: "error", Value: carried(*f, with)}), nil, with
	}
	return output, f, with
}

// one calls the node of a step or an element, or runs its subgraph. given is its
// document where the author says nothing.
func (r *run) one(n *node, s *Step, given document.Document, known vars, judge func(document.Document) *failure.Failure) (document.Document, *failure.Failure, document.Document) {
	without := func(f *failure.Failure) (document.Document, *failure.Failure, document.Document) {
		s.Failures = append(s.Failures, *f)
		return document.Document{}, f, given
	}
	input := given
	var f *failure.Failure
	instead, replaced := r.instead(s)
	if n.input != nil {
		input, f = s.eval(n.input, known)
	}
	var fields []document.Field
	for i, p := range n.fields {
		var d document.Document
		if d, f = s.eval(p, known); f != nil {
			break
		}
		fields = append(fields, document.Field{Key: n.Input.Fields[i].Key, Value: d})
		input = document.Object(fields...)
	}
	if replaced {
		input, f = instead, nil
	}
	// "A step that fails without an attempt (`max_visits`, `input`)".
	if f != nil {
		return without(f)
	}
	given = input
	if n.Graph == "" {
		return r.attempts(n, s, given, judge)
	}
	// "**Subgraph**: own state and limits, steps in the same id space."
	sub, output := r.enter(r.subs[n.Graph], s.ID+"/", given)
	switch {
	case sub.failure == nil:
		if f = judge(output); f == nil {
			return output, nil, given
		}
	// "A subgraph's own `max_steps` fails its step in the parent".
	case sub.failure.Code == failure.MaxSteps || sub.failure.Step == "":
		f = s.fails(sub.failure.Code, sub.failure.Message)
		f.Violations = sub.failure.Violations
	default:
		f, given = sub.failure, sub.failed
	}
	return without(f)
}

// attempts calls a node until an attempt succeeds or none is left.
func (r *run) attempts(n *node, s *Step, given document.Document, judge func(document.Document) *failure.Failure) (document.Document, *failure.Failure, document.Document) {
	var feedback []failure.Violation
	for {
		number := len(s.Attempts) + 1
		o := r.call(event.Attempt{Step: s.ID, Node: n.Name, Number: number}, given, feedback)
		f := o.Failure
		if f == nil {
			f = judge(o.Output)
		}
		if f != nil {
			mine := *f
			f = &mine
			f.Node, f.Step, f.Attempt = n.Name, s.ID, number
		}
		s.Attempts = append(s.Attempts, Attempt{Input: given, Feedback: feedback, Output: o.Output, Failure: f, Fuel: o.Fuel})
		if f == nil || number >= allowed(n, *f) {
			return o.Output, f, given
		}
		// "On `invalid_output` the next attempt of the node receives `feedback`". One
		// that was meant to correct and failed in another way is made again as it
		// was: "the same after a crash or a timeout".
		if f.Code == failure.InvalidOutput {
			feedback = f.Violations
		}
	}
}

// judge works out what a success leads to: the updates, which it keeps in the
// step, and the edges that are taken.
func (r *run) judge(n *node, s *Step, output document.Document, known vars) ([]*edge, *failure.Failure) {
	// "also `output`; state before the step's writes"
	see := maps.Clone(known)
	see["output"], see["error"] = output, document.Null()
	writes := map[string]document.Document{}
	for i, w := range n.Write {
		update, f := s.eval(n.writes[i], see)
		if f != nil {
			return nil, f
		}
		key := r.key(w.Key)
		// "an optional schema for each written update (for `append` and `union` one
		// element)". "An update that breaks its schema fails the step with
		// `invalid_state`."
		if v := validate(key.Schema, update); len(v) > 0 {
			f := s.fails(failure.InvalidState, "")
			f.Violations = v
			return nil, f
		}
		if _, err := reduce(key.Reduce, r.field(known["state"], key.Name), update); err != nil {
			return nil, s.fails(failure.InvalidState, err.Error())
		}
		writes[w.Key] = update
	}
	// "`input`, `output` (null on a failure edge), `error` (null on a success
	// edge), `state` after the step's writes (not the turn's), `run.input`"
	see["state"] = r.written(known["state"], writes)
	var taken []*edge
	for _, e := range n.out {
		if e.failure {
			continue
		}
		// "`when` is a condition; every edge that holds is taken; with `route =
		// "first"` only the first."
		if e.when != nil {
			holds, err := e.when.Holds(context.Background(), see)
			if err != nil {
				return nil, s.fails(failure.ExpressionError, err.Error())
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

// allowed: "Retry rules stand in order: the first that lists the code applies;
// one without `on` covers the codes tried again by default; unlisted codes keep
// their defaults; `max_attempts` (default 3) counts all attempts of the step."
func allowed(n *node, f failure.Failure) int {
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
func (r *run) route(n *node, before past, f failure.Failure, input document.Document, known vars) map[*edge]fate {
	doc := carried(f, input)
	see := maps.Clone(known)
	see["error"], see["output"] = doc, document.Null()
	for _, e := range n.out {
		// "loop_conflict: no, never routed"
		if !e.failure || f.Code == failure.LoopConflict || len(e.on) > 0 && !slices.Contains(e.on, string(f.Code)) {
			continue
		}
		if e.when != nil {
			if holds, err := e.when.Holds(context.Background(), see); err != nil || !holds {
				continue
			}
		}
		return r.fates(n, before, []*edge{e}, doc)
	}
	// "Without one, the step's scope stops as if steps ran one at a time in
	// canonical order."
	r.failure, r.failed = &f, input
	return nil
}

func (r *run) fates(n *node, carried past, taken []*edge, doc document.Document) map[*edge]fate {
	fates := map[*edge]fate{}
	for _, e := range n.out {
		fates[e] = fate{taken: slices.Contains(taken, e), document: doc, past: carried}
	}
	return fates
}

func (s *Step) fails(code failure.Code, message string) *failure.Failure {
	return &failure.Failure{Code: code, Message: message, Node: s.Node, Step: s.ID}
}

func (s *Step) eval(p *expr.Program, see vars) (document.Document, *failure.Failure) {
	d, err := p.Eval(context.Background(), see)
	if err != nil {
		return d, s.fails(failure.ExpressionError, err.Error())
	}
	return d, nil
}

func orElse(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}
