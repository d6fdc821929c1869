package graph

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/chainrun/chainrun/host/expr"
)

// paths answers what is behind what. It is the dominator tree of the graph
// without edges back, in which every edge is a point as well as every node: a
// point is behind an edge exactly when that edge is above it in the tree.
//
// The points are the nodes by their Index, then the edges by theirs, then the
// root, which leads to the start nodes.
type paths struct {
	g     *Graph
	depth []int32
	up    [][]int32 // up[k][p] is the point 2^k above p
	pre   []int32   // numbers the tree in preorder
	end   []int32   // the last number below p
}

// newPaths needs the canonical order, and every node reachable.
func newPaths(g *Graph) *paths {
	points := len(g.Nodes) + len(g.Edges) + 1
	p := &paths{
		g: g, depth: make([]int32, points), up: make([][]int32, bits.Len(uint(points))),
		pre: make([]int32, points), end: make([]int32, points),
	}
	for k := range p.up {
		p.up[k] = make([]int32, points)
	}
	root := p.root()
	for k := range p.up {
		p.up[k][root] = root
	}
	start := make([]bool, len(g.Nodes))
	for _, n := range g.Start {
		start[n.Index] = true
	}
	order := make([]int32, 0, points)
	for _, n := range g.Order {
		above := int32(-1)
		if start[n.Index] {
			above = root
		}
		for _, e := range n.Incoming {
			switch {
			case e.Back != nil:
			case above < 0:
				above = p.edge(e)
			default:
				above = p.meet(above, p.edge(e))
			}
		}
		p.hang(p.node(n), max(above, 0))
		order = append(order, p.node(n))
		for _, e := range n.Outgoing {
			p.hang(p.edge(e), p.node(n))
			order = append(order, p.edge(e))
		}
	}
	p.number(order)
	return p
}

func (p *paths) node(n *Node) int32  { return int32(n.Index) }
func (p *paths) edge(e *Edge) int32  { return int32(len(p.g.Nodes) + e.Index) }
func (p *paths) root() int32         { return int32(len(p.depth) - 1) }
func (p *paths) isNode(x int32) bool { return int(x) < len(p.g.Nodes) }

// edgeAt gives the edge that a point is, or nil.
func (p *paths) edgeAt(x int32) *Edge {
	if p.isNode(x) || x == p.root() {
		return nil
	}
	return p.g.Edges[int(x)-len(p.g.Nodes)]
}

func (p *paths) hang(x, above int32) {
	p.depth[x] = p.depth[above] + 1
	p.up[0][x] = above
	for k := 1; k < len(p.up); k++ {
		p.up[k][x] = p.up[k-1][p.up[k-1][x]]
	}
}

// lift gives the point above x at the given depth.
func (p *paths) lift(x, depth int32) int32 {
	for d := p.depth[x] - depth; d > 0; d &= d - 1 {
		x = p.up[bits.TrailingZeros32(uint32(d))][x]
	}
	return x
}

// meet gives the lowest point that is above both, or is one of them.
func (p *paths) meet(x, y int32) int32 {
	if p.depth[x] < p.depth[y] {
		x, y = y, x
	}
	x = p.lift(x, p.depth[y])
	if x == y {
		return x
	}
	for _, up := range slices.Backward(p.up) {
		if up[x] != up[y] {
			x, y = up[x], up[y]
		}
	}
	return p.up[0][x]
}

// number gives the points their places in preorder. order has every point
// after the one above it.
func (p *paths) number(order []int32) {
	size := make([]int32, len(p.depth))
	for _, x := range slices.Backward(order) {
		size[x]++
		size[p.up[0][x]] += size[x]
	}
	next := make([]int32, len(p.depth)) // the next free number below a point
	next[p.root()] = 1
	p.end[p.root()] = int32(len(order))
	for _, x := range order {
		above := p.up[0][x]
		p.pre[x] = next[above]
		next[above] += size[x]
		next[x] = p.pre[x] + 1
		p.end[x] = p.pre[x] + size[x] - 1
	}
}

// group is some points that are all at or below one child of a branching point.
type group struct {
	child  int32
	points []int32
}

// branchings calls visit for every point of the tree at which the given points
// part: with the groups into which they part there, and whether the branching
// point is itself one of them. It stops when visit returns false. points is
// sorted.
func (p *paths) branchings(points []int32, visit func(at int32, self bool, groups []group) bool) {
	sort.Slice(points, func(i, j int) bool { return p.pre[points[i]] < p.pre[points[j]] })
	work := [][]int32{points}
	for len(work) > 0 {
		part := work[len(work)-1]
		work = work[:len(work)-1]
		if len(part) < 2 {
			continue
		}
		at := p.meet(part[0], part[len(part)-1])
		self := part[0] == at
		if self {
			part = part[1:]
		}
		var groups []group
		for len(part) > 0 {
			child := p.lift(part[0], p.depth[at]+1)
			n := sort.Search(len(part), func(i int) bool { return p.pre[part[i]] > p.end[child] })
			groups = append(groups, group{child, part[:n]})
			work = append(work, part[:n])
			part = part[n:]
		}
		if !visit(at, self, groups) {
			return
		}
	}
}

// clash reports whether two groups of a branching are not exclusive.
func (p *paths) clash(at int32, groups []group) bool {
	first := p.isNode(at) && p.g.Nodes[at].Route == RouteFirst
	for i, b := range groups {
		f := p.edgeAt(b.child)
		if f == nil {
			if len(groups) > 1 {
				return true
			}
			continue
		}
		if first {
			continue
		}
		// Among five edges of a node two are not exclusive, so this ends soon.
		for _, a := range groups[:i] {
			if e := p.edgeAt(a.child); e != nil && !exclusiveEdges(e, f) {
				return true
			}
		}
	}
	return false
}

// exclusiveEdges reports whether two edges of one node are never both taken, as
// far as the design counts it: both of route = "first", or a success and a
// failure edge, or X and !(X) compared as parsed.
func exclusiveEdges(a, b *Edge) bool {
	if a.From.Route == RouteFirst || a.Failure != b.Failure {
		return true
	}
	return a.When != nil && b.When != nil && expr.Opposite(a.When, b.When)
}

// exclusive reports whether two points are behind two exclusive edges of one
// node.
func (p *paths) exclusive(x, y int32) bool {
	at := p.meet(x, y)
	if at == x || at == y {
		return false
	}
	e, f := p.edgeAt(p.lift(x, p.depth[at]+1)), p.edgeAt(p.lift(y, p.depth[at]+1))
	return e != nil && f != nil && exclusiveEdges(e, f)
}
