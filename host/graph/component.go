package graph

import (
	"cmp"
	"slices"
)

// components finds strongly connected components with Tarjan's algorithm,
// without recursion: a graph of 10,000 nodes may be one long chain.
type components struct {
	index, low []int // by Node.Index; index 0: not visited
	on         []bool
	member     []int // the scope that a node is being looked at in
	scope      int
}

func newComponents(nodes int) *components {
	return &components{
		index: make([]int, nodes), low: make([]int, nodes),
		on: make([]bool, nodes), member: make([]int, nodes),
	}
}

// find gives the components of nodes, over the edges between them that are not
// edges back. The nodes of each are in file order, and so are the components,
// by their first node.
func (c *components) find(nodes []*Node) [][]*Node {
	c.scope++
	for _, n := range nodes {
		c.index[n.Index], c.member[n.Index] = 0, c.scope
	}
	var found [][]*Node
	type visit struct {
		node *Node
		next int // the next outgoing edge to look at
	}
	var path []visit
	var stack []*Node
	count := 0
	enter := func(n *Node) {
		count++
		c.index[n.Index], c.low[n.Index], c.on[n.Index] = count, count, true
		path = append(path, visit{node: n})
		stack = append(stack, n)
	}
	for _, root := range nodes {
		if c.index[root.Index] != 0 {
			continue
		}
		enter(root)
		for len(path) > 0 {
			v := &path[len(path)-1]
			i := v.node.Index
			if v.next < len(v.node.Outgoing) {
				e := v.node.Outgoing[v.next]
				v.next++
				to := e.To.Index
				switch {
				case e.Back != nil || c.member[to] != c.scope:
				case c.index[to] == 0:
					enter(e.To)
				case c.on[to]:
					c.low[i] = min(c.low[i], c.index[to])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1].node.Index
				c.low[up] = min(c.low[up], c.low[i])
			}
			if c.low[i] != c.index[i] {
				continue
			}
			at := len(stack) - 1
			for stack[at].Index != i {
				at--
			}
			part := slices.Clone(stack[at:])
			stack = stack[:at]
			for _, n := range part {
				c.on[n.Index] = false
			}
			slices.SortFunc(part, byFile)
			found = append(found, part)
		}
	}
	slices.SortFunc(found, func(a, b []*Node) int { return byFile(a[0], b[0]) })
	return found
}

func byFile(a, b *Node) int { return cmp.Compare(a.Index, b.Index) }

// cyclic reports whether a component is a loop: more than one node, or one with
// an edge to itself.
func cyclic(part []*Node) bool {
	if len(part) > 1 {
		return true
	}
	return slices.ContainsFunc(part[0].Outgoing, func(e *Edge) bool { return e.To == part[0] && e.Back == nil })
}
