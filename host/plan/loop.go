package plan

import (
	"fmt"

	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
)

// loop warns of a loop, and of those inside it, in which every turn is followed
// by another: an edge back that is taken whenever its node succeeds, from a node
// that is part of every turn. Where a failure may lead on there is a way out.
func (v *prover) loop(l *graph.Loop) {
	for _, child := range l.Children {
		v.loop(child)
	}
	in := map[*graph.Node]bool{}
	for _, n := range l.Nodes {
		in[n] = true
		for _, e := range n.Outgoing {
			if e.Failure {
				return
			}
		}
	}
	every := map[*graph.Node]bool{l.Header: true} // part of every turn
	for _, n := range l.Nodes {
		for _, e := range n.Incoming {
			if e.Back != l && every[e.From] && in[e.From] && v.always(e) {
				every[n] = true
			}
		}
		if !every[n] {
			continue
		}
		for _, e := range n.Outgoing {
			if e.Back == l && v.always(e) {
				v.complain(graph.Warning, e.At, CodeEndlessLoop,
					fmt.Sprintf("the loop of %q never ends by itself: %s is taken in every turn", l.Header.Name, e),
					fmt.Sprintf("give the edge a condition; as it is, only a limit ends the loop: max_visits, after %d turns, or max_steps", l.Header.MaxVisits))
				return
			}
		}
	}
}

// always reports whether an edge is taken whenever its node succeeds.
func (v *prover) always(e *graph.Edge) bool {
	if e.Failure || !v.holds(e) {
		return false
	}
	if e.From.Route != graph.RouteFirst {
		return true
	}
	for _, f := range e.From.Outgoing {
		if !f.Failure {
			return f == e
		}
	}
	return false
}

// holds reports whether the condition of an edge on success is always true.
func (v *prover) holds(e *graph.Edge) bool {
	if e.When == nil {
		return true
	}
	vars := v.after(v.plan.Nodes[e.From.Index])
	vars["error"] = &expr.Type{Kinds: expr.Null}
	t, _ := e.When.Infer(vars)
	return t != nil && t.Kinds == expr.True
}
