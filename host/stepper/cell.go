package stepper

import (
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// cell holds the updates of one state key that one place of a run sees.
// Immutable and shared.
//
// With the reducer replace the last update in canonical order is all that is
// left, and joining needs no list of ancestors: the last of the lasts is the
// last of all. With any other reducer a cell is the root of a search tree of the
// updates by place. The same updates always make the same tree (the root of each
// part is the one whose place has the greatest hash), so two trees share what
// they have in common, and joining costs what they differ in.
type cell struct {
	by     place
	value  document.Document // the update
	amount *amount           // what value counts for sum, min, max; nil: nothing
	with   graph.Reduce

	// floor is the cell of this tree by which a fork has set the key: the first of the
	// tree, with nothing before it, whose value takes the place of the initial one. nil:
	// none has.
	floor *cell

	weight      uint64
	left, right *cell   // earlier and later updates
	total       *amount // of the tree: sum, min, max

	reduced document.Document // of the tree and the initial value, once it was asked for
}

// newCell is one update on its own.
func newCell(with graph.Reduce, by place, value document.Document) *cell {
	c := &cell{by: by, value: value, with: with}
	if accumulates(with) {
		c.weight = by.weight()
		if counts(with) {
			c.amount, _ = newAmount(value) // judge has asked already
			c.total = c.amount
		}
	}
	return c
}

// newFloor is a value that a key was set to, not an update.
func newFloor(with graph.Reduce, by place, value document.Document) *cell {
	c := newCell(with, by, value)
	c.floor = c
	return c
}

// sets reports whether a cell is a value that the key was set to.
func (c *cell) sets() bool { return c.floor == c }

// accumulates reports whether a reducer keeps every update.
func accumulates(r graph.Reduce) bool { return r != graph.ReduceReplace && r != "" }

// join gives the updates of two cells of one key.
func join(a, b *cell) *cell {
	switch {
	case a == b, b == nil:
		return a
	case a == nil:
		return b
	case accumulates(a.with):
		// What is earlier than where the key was set counts no longer, on whatever way
		// it comes.
		switch {
		case a.floor != nil && b.floor == nil:
			_, b = b.split(a.floor.by)
		case b.floor != nil && a.floor == nil:
			_, a = a.split(b.floor.by)
		}
		return unite(a, b)
	case a.by.before(b.by):
		return b
	}
	return a
}

// above orders the cells of a tree from the root down.
func (c *cell) above(o *cell) bool {
	return c.weight > o.weight || c.weight == o.weight && c.by.before(o.by)
}

// unite joins two trees. What they share is not looked into.
func unite(a, b *cell) *cell {
	if a == b || b == nil {
		return a
	}
	if a == nil {
		return b
	}
	if slices.Equal(a.by, b.by) {
		left, right := unite(a.left, b.left), unite(a.right, b.right)
		if left == b.left && right == b.right {
			return b
		}
		return a.over(left, right)
	}
	if b.above(a) {
		a, b = b, a
	}
	earlier, later := b.split(a.by)
	return a.over(unite(a.left, earlier), unite(a.right, later))
}

// split parts a tree in which nothing stands at p itself.
func (c *cell) split(p place) (earlier, later *cell) {
	if c == nil {
		return nil, nil
	}
	if c.by.before(p) {
		middle, right := c.right.split(p)
		return c.over(c.left, middle), right
	}
	left, middle := c.left.split(p)
	return left, c.over(middle, c.right)
}

// over puts the update of a cell above two trees.
func (c *cell) over(left, right *cell) *cell {
	if left == c.left && right == c.right {
		return c
	}
	n := &cell{
		by: c.by, value: c.value, amount: c.amount, with: c.with, weight: c.weight,
		left: left, right: right, total: c.amount,
	}
	if c.sets() {
		n.floor = n
	}
	if left != nil {
		n.floor = left.floor
		n.total = add(c.with, left.total, n.total)
	}
	if right != nil {
		n.total = add(c.with, n.total, right.total)
	}
	return n
}

// each visits the updates of a tree in canonical order, without what the key was set
// to. It recurs as deep as the tree is, which grows with the logarithm of its updates.
func (c *cell) each(visit func(document.Document)) {
	if c == nil {
		return
	}
	c.left.each(visit)
	if !c.sets() {
		visit(c.value)
	}
	c.right.each(visit)
}

// reduce gives the value of the key that the updates make of its initial value.
func (c *cell) reduce(key *graph.StateKey) document.Document {
	if !accumulates(c.with) {
		return c.value
	}
	if c.reduced.IsZero() {
		c.reduced = c.reduceTree(key)
	}
	return c.reduced
}

func (c *cell) reduceTree(key *graph.StateKey) document.Document {
	from := key.Initial
	if c.floor != nil {
		from = c.floor.value
	}
	switch c.with {
	case graph.ReduceAppend:
		list := from.Items()
		c.each(func(d document.Document) { list = append(list, d) })
		return document.Array(list...)
	case graph.ReduceUnion:
		return union(from, c)
	case graph.ReduceMerge:
		return mergeObjects(from, c)
	case graph.ReduceSum, graph.ReduceMin, graph.ReduceMax:
		total := c.total
		if c.floor == nil {
			initial, _ := newAmount(from)
			total = add(c.with, initial, total)
		}
		if total != nil {
			return total.document()
		}
		return document.Null()
	case graph.ReduceReplace:
	}
	return c.value
}

// union keeps the first of equal elements.
func union(initial document.Document, c *cell) document.Document {
	var list []document.Document
	seen := map[string]bool{}
	take := func(d document.Document) {
		if key := string(d.Canonical()); !seen[key] {
			seen[key] = true
			list = append(list, d)
		}
	}
	for _, d := range initial.Items() {
		take(d)
	}
	c.each(take)
	return document.Array(list...)
}

// mergeObjects sets the members of each update, the later wins. A member stays
// where it first stood.
func mergeObjects(initial document.Document, c *cell) document.Document {
	var fields []document.Field
	take := func(d document.Document) { fields = append(fields, d.Fields()...) }
	take(initial)
	c.each(take)
	return document.Object(fields...)
}

// weight hashes a place. It is not secret: ranks and turns are all that is in it.
func (p place) weight() uint64 {
	h := uint64(len(p))
	for _, n := range p {
		h += uint64(n) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}
