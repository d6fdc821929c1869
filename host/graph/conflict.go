package graph

import "fmt"

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
	before := b.ancestors(column)
	found := 0
	for _, k := range b.graph.State {
		p.branchings(writers[k.Index], func(at int32, _ bool, groups []group) bool {
			return p.clashes(at, groups, func(x, y group) bool {
				xs := before.without(p, y.child, x.points, column)
				ys := before.without(p, x.child, y.points, column)
				for _, v := range xs {
					for _, w := range ys {
						if before.has(w, column[v]) || before.has(v, column[w]) {
							continue
						}
						b.conflict(k, b.graph.Nodes[v], b.graph.Nodes[w])
						found++
						return false
					}
				}
				return true
			}) || found < maxConflicts
		})
	}
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

// without leaves out the writers that come before a point: they also come
// before everything below it.
func (a *ancestry) without(p *paths, point int32, writers []int32, column map[int32]int) (left []int32) {
	if !p.isNode(point) {
		return writers
	}
	for _, w := range writers {
		if !a.has(point, column[w]) {
			left = append(left, w)
		}
	}
	return left
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
