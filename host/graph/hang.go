package graph

import "fmt"

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
