package meter

// Where slots charge: moving charges from slot to slot, so that fewer of them have any.

// The scanner gives each slot the cost of what it pays for. But fuel only has to be right where something looks: at a call,
// at an unreachable, where the function ends, and at a look whether the slice is used up. Anywhere else the local may have
// been charged too much or too little, as long as it is the same amount on all ways to that place.
//
// So every place in the code belongs to a class. All places of a class have the same amount too much, its surplus: what
// joins two classes is control that goes from one place to the other without a slot in between. Those where something looks
// are in the exact class, with a surplus of zero. The head of a loop need not be: its look allows for the surplus. A slot
// lies between two classes, and charges its cost, and what its class behind has more than the one before. For all but
// exact, the surplus can be chosen, and with each choice one slot has nothing to charge. Slots that cost nothing are chosen
// first: so a slot that charges would have charged anyhow, unless it ends in an unreachable.
//
// Go, for one, has a slot of the same cost behind every call, which decides whether to go on, and one of the same cost in
// front of every jump. Both become free: what goes on pays for them.
const exact int32 = 0

// deepest is how deep loops count as such when one slot is preferred to another.
const deepest = 3

// A classes is a union of sets of places. Elements know how much their surplus is above their parent's.
type classes struct {
	parent []int32
	above  []int64
}

func (c *classes) reset() {
	c.parent = append(c.parent[:0], exact)
	c.above = append(c.above[:0], 0)
}

func (c *classes) add() int32 {
	n := int32(len(c.parent))
	c.parent = append(c.parent, n)
	c.above = append(c.above, 0)
	return n
}

// find gives the root of a class, and its surplus above the root's. It halves the paths that it goes.
func (c *classes) find(n int32) (root int32, above int64) {
	for c.parent[n] != n {
		p := c.parent[n]
		c.above[n] += c.above[p] // nothing where p is a root
		c.parent[n] = c.parent[p]
		above += c.above[n]
		n = c.parent[n]
	}
	return n, above
}

// join makes the surplus of b that of a, and more, if that can still be chosen. The lower root stays: exact is its own.
func (c *classes) join(a, b int32, more int64) {
	ra, aboveA := c.find(a)
	rb, aboveB := c.find(b)
	if ra == rb {
		return
	}
	d := aboveA + more - aboveB // of rb above ra
	if ra < rb {
		c.parent[rb], c.above[rb] = ra, d
	} else {
		c.parent[ra], c.above[ra] = rb, -d
	}
}

// same notes that control goes between the current place and one of the class.
func (s *scanner) same(class int32) { s.classes.join(class, s.class, 0) }

// exactly notes that something looks at the fuel at the current place.
func (s *scanner) exactly() { s.same(exact) }

// balance chooses what each class has too much, and changes the costs of the slots to it. The order of the slots decides
// between choices that are equally good: slots behind calls first, of which many are alike, then jumps that begin where these
// end, of which many are alike too, then what lies in inner loops, then what comes first. Slots in front of an unreachable
// come last: hardly anything gets there.
func (s *scanner) balance(edits []edit) {
	if s.fn.direct() {
		return // whatever it charges is seen
	}
	c := &s.classes
	if s.fn.checksOnEntry() {
		c.join(exact, edits[0].out(), 0)
	}
	free := func(wanted func(d *edit) bool) {
		for i := range edits {
			if d := &edits[i]; d.kind == editSlot && wanted(d) {
				c.join(d.in, d.out(), -d.cost)
			}
		}
	}
	free(func(d *edit) bool { return d.cost == 0 && d.flags&slotTrap == 0 })
	free(func(d *edit) bool { return d.flags&(slotReload|slotTrap) == slotReload && d != &edits[0] })
	free(func(d *edit) bool {
		root, _ := c.find(d.in)
		return d.flags&slotBack != 0 && root == exact
	})
	for depth := s.deepest; depth >= 0; depth-- {
		free(func(d *edit) bool { return int(d.flags/slotDepth) == depth && d.flags&slotTrap == 0 })
	}
	free(func(d *edit) bool { return d.flags&slotTrap != 0 })
	_, base := c.find(exact)
	for i := range edits {
		d := &edits[i]
		if d.kind != editSlot && d.kind != editLoop {
			continue
		}
		_, in := c.find(d.in)
		if d.kind == editLoop {
			d.cost = base - in
			continue
		}
		_, out := c.find(d.out())
		d.cost += out - in
	}
}

// out is the class behind a slot.
func (d *edit) out() int32 { return int32(d.arg) }
