package graph

import (
	"fmt"
	"math/bits"
	"slices"
)

// maxConflicts bounds how many write conflicts are reported.
const maxConflicts = 50

// conflicts complains about two writers of a replace key of which neither is
// an ancestor of the other and that are not exclusive: whose value would stand
// would depend on timing.
func (b *builder) conflicts(p *paths) {
	writers := make([][]int32, len(b.graph.State))
	for _, n := range b.graph.Nodes {
		for _, w := range n.Writes {
			if w.Key.Reduce == ReduceReplace {
				writers[w.Key.Index] = append(writers[w.Key.Index], p.node(n))
			}
		}
	}
	column := map[int32]int{} // of the writers that have company
	for _, ws := range writers {
		if len(ws) < 2 {
			continue
		}
		for _, w := range ws {
			if _, ok := column[w]; !ok {
				column[w] = len(column)
			}
		}
	}
	if len(column) == 0 {
		return
	}
	c := &company{b: b, p: p, before: b.ancestors(column), column: column}
	for w, i := range column {
		for len(c.writer) <= i {
			c.writer = append(c.writer, 0)
		}
		c.writer[i] = w
	}
	found := 0
	for _, k := range b.graph.State {
		p.branchings(writers[k.Index], func(at int32, _ bool, groups []group) bool {
			if v, w, bad := c.conflict(at, groups); bad {
				b.conflict(k, b.graph.Nodes[v], b.graph.Nodes[w])
				found++
			}
			return found < maxConflicts
		})
	}
}

// company is the writers that are not alone in writing a key.
type company struct {
	b      *builder
	p      *paths
	before *ancestry
	column map[int32]int // by node
	writer []int32       // by column
}

// ordered reports whether one of two writers comes before the other.
func (c *company) ordered(x, y int32) bool {
	return c.before.has(y, c.column[x]) || c.before.has(x, c.column[y])
}

// conflict finds two writers in different groups of a branching of which
// neither comes before the other and that are not exclusive.
func (c *company) conflict(at int32, groups []group) (v, w int32, found bool) {
	var edges, nodes []group
	for _, g := range groups {
		if c.p.isNode(g.child) {
			nodes = append(nodes, g)
		} else {
			edges = append(edges, g)
		}
	}
	// Of what is behind two edges of a node, one comes before the other only by
	// leaving a loop; so this ends soon.
	for i, g := range edges {
		for _, f := range edges[:i] {
			if exclusiveEdges(c.p.edgeAt(f.child), c.p.edgeAt(g.child)) {
				continue
			}
			for _, x := range f.points {
				for _, y := range g.points {
					if !c.ordered(x, y) {
						return x, y, true
					}
				}
			}
		}
		if c.p.g.Nodes[at].Route == RouteFirst {
			break
		}
	}
	if len(nodes) == 0 || len(groups) == 1 {
		return 0, 0, false
	}
	slices.SortFunc(nodes, func(x, y group) int {
		return c.b.graph.Nodes[x.child].Rank - c.b.graph.Nodes[y.child].Rank
	})
	earlier := make([]uint64, c.before.words)
	add := func(g group) {
		for _, x := range g.points {
			earlier[c.column[x]/64] |= 1 << (c.column[x] % 64)
		}
	}
	for _, g := range edges {
		add(g)
	}
	for i, g := range nodes {
		// Writers that come before the node also come before all that is below
		// it; of the others each is looked at.
		for word, known := range c.before.row(c.b.graph.Nodes[g.child]) {
			for left := earlier[word] &^ known; left != 0; left &= left - 1 {
				x := c.writer[word*64+bits.TrailingZeros64(left)]
				for _, y := range g.points {
					if !c.ordered(x, y) {
						return x, y, true
					}
				}
			}
		}
		if i+1 < len(nodes) {
			add(g)
		}
	}
	return 0, 0, false
}

func (b *builder) conflict(k *StateKey, v, w *Node) {
	if v.Index > w.Index {
		v, w = w, v
	}
	b.complain(w.writeAt(k), CodeWriteConflict,
		fmt.Sprintf("node %q: write.%s: node %q may write state key %q in the same run, at %s, and neither comes before the other",
			w.Name, k.Name, v.Name, k.Name, v.writeAt(k)),
		`add route = "first" where their ways part, or let one come after the other`)
}

func (n *Node) writeAt(k *StateKey) Position {
	for _, w := range n.Writes {
		if w.Key == k {
			return w.At
		}
	}
	return n.At
}

// ancestry has a row of bits for every node: which of some chosen nodes come
// before it on some path.
type ancestry struct {
	words int
	bits  []uint64
}

func (a *ancestry) has(node int32, column int) bool {
	return a.bits[int(node)*a.words+column/64]&(1<<(column%64)) != 0
}

func (a *ancestry) row(n *Node) []uint64 { return a.bits[n.Index*a.words : (n.Index+1)*a.words] }

// ancestors follows the edges, edges back aside, from the chosen nodes. What
// follows a loop comes after every node of the loop, because an edge out
// carries the state of the whole turn.
func (b *builder) ancestors(column map[int32]int) *ancestry {
	words := (len(column) + 63) / 64
	a := &ancestry{words: words, bits: make([]uint64, words*len(b.graph.Nodes))}
	inside := map[*Loop][]uint64{} // all chosen nodes in a loop and before it
	add := func(to, from []uint64) {
		for i, w := range from {
			to[i] |= w
		}
	}
	for _, n := range b.graph.Order {
		row := a.row(n)
		for _, e := range n.Incoming {
			if e.Back != nil {
				continue
			}
			if len(e.Leaves) > 0 {
				add(row, inside[e.Leaves[len(e.Leaves)-1]])
				continue
			}
			add(row, a.row(e.From))
			if c, ok := column[int32(e.From.Index)]; ok {
				row[c/64] |= 1 << (c % 64)
			}
		}
		for l := n.Loop; l != nil; l = l.Parent {
			if inside[l] == nil {
				inside[l] = make([]uint64, words)
			}
			add(inside[l], row)
			if c, ok := column[int32(n.Index)]; ok {
				inside[l][c/64] |= 1 << (c % 64)
			}
		}
	}
	return a
}
