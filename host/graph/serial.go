package graph

import (
	"fmt"
	"slices"
)

// serial refuses what would run two steps at once: this version runs one at a
// time. Steps run at once where two success edges of a node may both be taken,
// and where two edges out of a loop may be.
func (b *builder) serial() {
	for _, n := range b.graph.Nodes {
		var inside, out []*Edge
		for _, e := range n.Outgoing {
			switch {
			case e.Failure || e.Back != nil:
			case len(e.Leaves) > 0:
				out = append(out, e)
			default:
				inside = append(inside, e)
			}
		}
		b.forks(inside)
		b.forks(out)
	}
	for _, l := range b.graph.Loops {
		if len(l.Children) == 0 {
			b.exits(l)
		}
	}
}

// forks complains about the first two success edges of a node that are not
// exclusive.
func (b *builder) forks(edges []*Edge) {
	if len(edges) < 2 || edges[0].From.Route == RouteFirst {
		return
	}
	for i, f := range edges {
		for _, e := range edges[:i] {
			if !exclusiveEdges(e, f) && !b.twice[e] && !b.twice[f] {
				b.parallel(e, f)
				return
			}
		}
	}
}

// exits complains about an edge out that may be taken in the same turn as
// another one, of a node that runs later in that turn. A failure edge out ends
// its turn, so only a success edge out can have company.
func (b *builder) exits(l *Loop) {
	later := map[*Node]*Edge{} // an edge out of the node or of one after it
	for _, n := range slices.Backward(l.Nodes) {
		for _, f := range n.Outgoing {
			if f.Back != nil || len(f.Leaves) > 0 {
				continue
			}
			exit := later[f.To]
			if exit == nil {
				continue
			}
			if later[n] == nil {
				later[n] = exit
			}
			for _, e := range n.Outgoing {
				if len(e.Leaves) > 0 && !e.Failure && !f.Failure && !exclusiveEdges(e, f) {
					b.parallel(e, exit)
					break
				}
			}
		}
		for _, e := range n.Outgoing {
			if len(e.Leaves) > 0 {
				later[n] = e
				break
			}
		}
	}
}

func (b *builder) parallel(e, f *Edge) {
	b.complain(f.At, CodeNotSupportedYet,
		fmt.Sprintf("%s and %s may both be taken: parallel branches are not supported yet", e, f),
		fmt.Sprintf(`add route = "first" to node %q, or conditions of which one is the other's !(…)`, e.From.Name))
}

// hangers notes the nodes that look as if they ran in every turn of a loop and
// do not: nothing leads back from them.
func (b *builder) hangers() {
	for _, l := range b.graph.Loops {
		for _, e := range l.Exits {
			if e.Failure || e.When != nil || !goesOn(e.From, l) {
				continue
			}
			b.report(Note, e.At, CodeHangsOffLoop,
				fmt.Sprintf("node %q hangs off the loop of %s without an edge back: it runs once, after the last turn", e.To.Name, nodeList(l.Nodes)),
				fmt.Sprintf("to run it in every turn, put it between two nodes of the loop, or add an edge back from %q", e.To.Name))
		}
	}
}

// goesOn reports whether a node of the loop always leads on inside it, and not
// back.
func goesOn(n *Node, l *Loop) bool {
	on := false
	for _, e := range n.Outgoing {
		if e.Back == l {
			return false
		}
		on = on || !e.Failure && e.When == nil && l.contains(e.To)
	}
	return on
}
