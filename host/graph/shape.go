package graph

// shapes decides where a document is an object keyed by node: where two edges
// into a node, or two nodes at the end of the run, are not exclusive.
func (b *builder) shapes(p *paths) {
	for _, n := range b.graph.Nodes {
		var entry, back []int32
		for _, e := range n.Incoming {
			if e.Back != nil {
				back = append(back, p.edge(e))
			} else {
				entry = append(entry, p.edge(e))
			}
		}
		n.EntryByNode = p.edgesClash(entry)
		n.BackByNode = p.edgesClash(back)
	}
	var ends []int32
	for _, n := range b.graph.Nodes {
		if n.Ends() {
			ends = append(ends, p.node(n))
		}
	}
	p.branchings(ends, func(at int32, self bool, groups []group) bool {
		b.graph.OutputByNode = self || p.clash(at, groups)
		return !b.graph.OutputByNode
	})
}

// Ends reports whether the node is at the end of the run: it has no success
// edge out, edges back not counted.
func (n *Node) Ends() bool {
	for _, e := range n.Outgoing {
		if !e.Failure && e.Back == nil {
			return false
		}
	}
	return true
}

// edgesClash reports whether two of the edges come from different nodes and are
// not exclusive.
func (p *paths) edgesClash(edges []int32) (clash bool) {
	p.branchings(edges, func(at int32, _ bool, groups []group) bool {
		var direct, others []group // direct: edges of the branching node itself
		for _, g := range groups {
			if g.points[0] == g.child {
				direct = append(direct, g)
			} else {
				others = append(others, g)
			}
		}
		clash = p.clash(at, others)
		for i := 0; i < len(others) && !clash; i++ {
			for _, d := range direct {
				if clash = p.clash(at, []group{d, others[i]}); clash {
					break
				}
			}
		}
		return !clash
	})
	return clash
}
