package reference

// Turns of loops, and the run as a whole, which is like one turn.

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

type run struct {
	*shape
	*world
	prefix string            // of its steps' ids
	input  document.Document // what expressions see as `run`
	own    []*Step           // without those of subgraphs, and elements
	last   map[*node]*Step   // the latest step of each node
	visits map[string]int
	began  int
	// A fork has set keys before the step at this place; nil: it has not.
	setAt *int
	// The run has failed: nothing else begins. failed is the input of the step.
	failure *failure.Failure
	failed  document.Document
}

// past is a set of steps, by their place in run.own: those whose updates are
// in a state; and forked, where what a fork has set is.
type past map[int]bool

// forked is no step.
const forked = -1

func union(all ...past) past {
	sum := past{}
	for _, p := range all {
		maps.Copy(sum, p)
	}
	return sum
}

// fate is what became of an edge. "After a step each outgoing edge is taken or
// not taken." "Every resolved edge, taken or not, carries the state of its
// source; only documents need a taken edge."
type fate struct {
	taken    bool
	document document.Document
	past     past
}

// arrival is what a unit begins with.
type arrival struct {
	came   bool              // an edge to it was taken
	input  document.Document // the default input
	inputs document.Document // by node
	past   past
}

// arrive joins edges to one node. "A node's default input is the output of the
// edge taken to it; where two of its edges from different nodes are not
// exclusive, it is an object keyed by node (those taken)." "Entry edges and edges
// back are two groups."
func (r *run) arrive(group []*edge, fates map[*edge]fate) arrival {
	a := arrival{past: past{}}
	var keyed []document.Field
	for _, e := range group {
		f := fates[e]
		a.past = union(a.past, f.past)
		if !f.taken {
			continue
		}
		a.came, a.input = true, f.document
		if !slices.ContainsFunc(keyed, func(k document.Field) bool { return k.Key == e.from.Name }) {
			keyed = append(keyed, document.Field{Key: e.from.Name, Value: f.document})
		}
	}
	a.inputs = document.Object(keyed...)
	byNode, known := r.clashes[group[0]]
	if !known {
		byNode = r.clash(group)
		r.clashes[group[0]] = byNode
	}
	if byNode {
		a.input = a.inputs
	} else if len(keyed) > 1 {
		r.clashed = fmt.Sprintf("%s is given the documents of %s and %s", group[0].to.Name, keyed[0].Key, keyed[1].Key)
	}
	return a
}

// turn runs what is directly in a scope, one unit after another in canonical
// order, and gives the fates of all edges of its nodes; nil once the run failed.
func (r *run) turn(scope *loop, turns []int, entry arrival) map[*edge]fate {
	fates := map[*edge]fate{}
	if r.orders[scope] == nil {
		r.orders[scope] = r.order(scope)
	}
	for _, u := range r.orders[scope] {
		at := entry
		if entered := scope == nil && slices.Contains(r.starts, u.node) || scope != nil && scope.header == u.node; !entered {
			at = r.arrive(entries(u.node), fates)
		}
		if u.loop != nil {
			maps.Copy(fates, r.around(u.loop, turns, at))
		} else {
			maps.Copy(fates, r.step(u.node, turns, at))
		}
		if r.failure != nil {
			return nil
		}
	}
	return fates
}

func entries(n *node) []*edge {
	return slices.DeleteFunc(slices.Clone(n.in), func(e *edge) bool { return e.back != nil })
}

// around runs a loop, turn by turn, and gives the fates of the edges out of it.
// A loop that is not entered is skipped as its first turn.
func (r *run) around(l *loop, turns []int, at arrival) map[*edge]fate {
	all := at.past
	for turn := 1; ; turn++ {
		first := len(r.own)
		fates := r.turn(l, append(slices.Clone(turns), turn), at)
		if r.failure != nil {
			return nil
		}
		// "its state, with every step of the turn, is what the next turn starts
		// from and the edges out carry; they carry the documents of the last turn."
		all = union(all)
		for i := first; i < len(r.own); i++ {
			all[i] = true
		}
		if r.setAt != nil && *r.setAt >= first {
			all[forked] = true
		}
		var back, out []*edge
		for _, e := range r.edges {
			if e.back == l {
				back = append(back, e)
			} else if l.has(e.from) && !l.has(e.to) {
				out = append(out, e)
			}
		}
		taken := func(e *edge) bool { return fates[e].taken }
		// "A failure edge out that is taken ends the loop: edges back of that turn
		// are dropped."
		ended := slices.ContainsFunc(out, func(e *edge) bool { return e.failure && taken(e) })
		again := !ended && slices.ContainsFunc(back, taken)
		// "A conditional edge out taken on success together with an edge back fails
		// with `loop_conflict` (no attempt, not routed, at the place of the turn's
		// last step)."
		if again && slices.ContainsFunc(out, func(e *edge) bool { return !e.failure && e.when != nil && taken(e) }) {
			// "A step is one activation of a node": what is skipped is none.
			for r.own[len(r.own)-1].Status == Skipped {
				r.own, r.steps = r.own[:len(r.own)-1], r.steps[:len(r.steps)-1]
			}
			last := r.own[len(r.own)-1]
			r.failure = &failure.Failure{Code: failure.LoopConflict, Node: last.Node, Step: last.ID}
			last.Failures, last.Status = append(last.Failures, *r.failure), Failed
			return nil
		}
		// "If an edge back was taken, the next turn begins."
		if again {
			at = r.arrive(back, fates)
			at.past = all
			continue
		}
		// "An edge out without `when` and `on` means when the loop is done: it is
		// taken only in a turn that takes no edge back."
		left := map[*edge]fate{}
		for _, e := range out {
			f := fates[e]
			f.past = all
			left[e] = f
		}
		return left
	}
}
