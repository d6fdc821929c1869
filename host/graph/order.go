package graph

import (
	"container/heap"
	"slices"
)

// order fills in the canonical order: topological without edges back, ties by
// the order of the file, a loop at its header's place and in one piece. It
// needs the loops.
func (b *builder) order() {
	g := b.graph
	o := ordering{waiting: make([]int, len(g.Nodes)), headed: map[*Node]*Loop{}}
	var loops []*Loop
	for work := slices.Clone(g.Loops); len(work) > 0; work = work[1:] {
		loops = append(loops, work[0])
		work = append(work, work[0].Children...)
		o.headed[work[0].Header] = work[0]
	}
	for _, e := range g.Edges {
		if e.Back == nil {
			o.waiting[unit(e.To, scopeOf(e)).Index]++
		}
	}
	g.Order = make([]*Node, 0, len(g.Nodes))
	var first fileHeap
	for _, n := range g.Nodes {
		if unit(n, nil) == n && o.waiting[n.Index] == 0 {
			first = append(first, n)
		}
	}
	heap.Init(&first)
	g.Order = o.emit(g.Order, nil, first)
	for i, n := range g.Order {
		n.Rank = i
	}
	byRank := func(a, b *Node) int { return a.Rank - b.Rank }
	byHeader := func(a, b *Loop) int { return a.Header.Rank - b.Header.Rank }
	slices.SortFunc(g.Loops, byHeader)
	for _, l := range loops {
		slices.SortFunc(l.Nodes, byRank)
		slices.SortFunc(l.Children, byHeader)
	}
}

// scopeOf gives the innermost loop that both ends of an edge are in.
func scopeOf(e *Edge) *Loop {
	if n := len(e.Leaves); n > 0 {
		return e.Leaves[n-1].Parent
	}
	return e.From.Loop
}

// unit gives the node that stands for n among the nodes and loops directly in
// a scope: n itself, or the header of the loop that n is in.
func unit(n *Node, scope *Loop) *Node {
	for l := n.Loop; l != scope; l = l.Parent {
		if l == nil {
			return n // not in the scope: a caller's mistake, harmless
		}
		if l.Parent == scope {
			return l.Header
		}
	}
	return n
}

type ordering struct {
	waiting []int // edges to the unit, in its scope, that are not done yet
	headed  map[*Node]*Loop
}

// emit appends the units of a scope. It recurs as deep as loops are nested.
func (o *ordering) emit(order []*Node, scope *Loop, ready fileHeap) []*Node {
	for len(ready) > 0 {
		n := heap.Pop(&ready).(*Node)
		out := n.Outgoing
		if l := o.headed[n]; l != nil && l != scope {
			order = o.emit(order, l, fileHeap{n})
			out = l.Exits
		} else {
			order = append(order, n)
		}
		for _, e := range out {
			if e.Back != nil || scopeOf(e) != scope {
				continue
			}
			to := unit(e.To, scope)
			if o.waiting[to.Index]--; o.waiting[to.Index] == 0 {
				heap.Push(&ready, to)
			}
		}
	}
	return order
}

// fileHeap gives the node that is first in the file.
type fileHeap []*Node

// Len, Less, Swap, Push and Pop are what container/heap needs.
func (h fileHeap) Len() int           { return len(h) }
func (h fileHeap) Less(i, j int) bool { return h[i].Index < h[j].Index }
func (h fileHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *fileHeap) Push(x any) { *h = append(*h, x.(*Node)) }

// Pop is for container/heap.
func (h *fileHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	*h = old[:len(old)-1]
	return n
}
