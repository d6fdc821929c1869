package schema

// Atoms: what is left of a set of values of one kind when conditions meet, and
// whether one set lies within another.

import (
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
)

// relation answers questions about two shapes, within a bound of work. Beyond it
// a set is taken to be larger than it is, and nothing to be within anything.
type relation struct{ left int }

func newRelation() relation { return relation{left: maxShapeWork} }

func (r *relation) spend() bool {
	r.left--
	return r.left >= 0
}

// Intersection is the shape of the values that are in both.
func Intersection(a, b *Shape) *Shape {
	r := newRelation()
	return r.intersect(a, b)
}

// Budget bounds the work of many questions together. When it is used up the
// answers are [Unknown], and intersections larger than they could be. The zero
// Budget has nothing left. Not for concurrent use.
type Budget struct{ left int }

// NewBudget is enough for about n small questions.
func NewBudget(n int) *Budget { return &Budget{left: n} }

func (b *Budget) ask(question func(*relation)) {
	granted := max(min(b.left, maxShapeWork), 0)
	r := relation{left: granted}
	question(&r)
	b.left -= granted - r.left
}

// Intersection is the shape of the values that are in both.
func (b *Budget) Intersection(x, y *Shape) (both *Shape) {
	b.ask(func(r *relation) { both = r.intersect(x, y) })
	return both
}

// Compare is the function of that name.
func (b *Budget) Compare(up, down *Shape) (v Verdict, why Mismatch) {
	b.ask(func(r *relation) { v, why = r.compare(up, down) })
	return v, why
}

func (r *relation) intersect(a, b *Shape) *Shape {
	switch {
	case a.all && !a.loose || a == b:
		return b
	case b.all && !b.loose:
		return a
	case a.all:
		return b.Loosely()
	case b.all:
		return a.Loosely()
	case r.left < 0:
		return a.Loosely()
	}
	s := &Shape{}
	for _, x := range a.atoms {
		for _, y := range b.atoms {
			if x.kind != y.kind {
				continue
			}
			if z := r.meet(x, y); z != nil {
				s.atoms = append(s.atoms, z)
			}
		}
	}
	return s.bounded()
}

// meet gives what is in both atoms of one kind; nil if nothing is.
func (r *relation) meet(x, y *atom) *atom {
	if !r.spend() {
		return x.loosely()
	}
	z := &atom{
		kind: x.kind, loose: x.loose || y.loose, truths: x.truths & y.truths,
		whole: x.whole || y.whole, from: max(x.from, y.from), to: x.to, values: x.values,
	}
	if x.to < 0 || y.to >= 0 && y.to < x.to {
		z.to = y.to
	}
	z.marks = append(slices.Clip(x.marks), y.marks...)
	slices.SortFunc(z.marks, func(a, b mark) int { return strings.Compare(a.name, b.name) })
	z.marks = slices.CompactFunc(z.marks, func(a, b mark) bool { return a.name == b.name })
	z.least, z.aboveLeast = tighter(x.least, x.aboveLeast, y.least, y.aboveLeast, 1)
	z.most, z.belowMost = tighter(x.most, x.belowMost, y.most, y.belowMost, -1)
	if y.values != nil {
		z.values = y.values
		if x.values != nil {
			z.values = slices.DeleteFunc(slices.Clone(x.values), func(v string) bool { return !y.lists(v) })
		}
	}
	switch x.kind { //nolint:exhaustive // the others have no parts
	case document.KindArray:
		z.prefix = make([]*Shape, max(len(x.prefix), len(y.prefix)))
		for i := range z.prefix {
			z.prefix[i] = r.intersect(x.item(i), y.item(i))
		}
		z.rest = r.intersect(x.rest, y.rest)
	case document.KindObject:
		r.left -= len(x.members) + len(y.members)
		z.members = make(map[string]*Shape, len(x.members)+len(y.members))
		for _, m := range []map[string]*Shape{x.members, y.members} {
			for _, name := range sortedKeys(m) {
				if _, ok := z.members[name]; !ok {
					z.members[name] = r.intersect(x.member(name), y.member(name))
				}
			}
		}
		z.rest = r.intersect(x.rest, y.rest)
		z.required = append(slices.Clip(x.required), y.required...)
		slices.Sort(z.required)
		z.required = slices.Compact(z.required)
	}
	return z.tidy()
}

// tighter is the stricter of two bounds; sign is 1 for lower bounds and -1 for
// upper ones.
func tighter(a *big.Rat, aOpen bool, b *big.Rat, bOpen bool, sign int) (*big.Rat, bool) {
	switch {
	case a == nil:
		return b, bOpen
	case b == nil:
		return a, aOpen
	}
	switch c := a.Cmp(b) * sign; {
	case c > 0:
		return a, aOpen
	case c < 0:
		return b, bOpen
	}
	return a, aOpen || bOpen
}

// tidy draws the conclusions of an atom's conditions; nil where nothing meets
// them all. It changes a.
func (a *atom) tidy() *atom {
	if a.to >= 0 && a.from > a.to {
		return nil
	}
	switch a.kind { //nolint:exhaustive // there is always a null
	case document.KindBool:
		if a.truths == 0 {
			return nil
		}
	case document.KindNumber:
		if !a.hasNumber() {
			return nil
		}
	case document.KindString:
		if a.values != nil {
			a.values = slices.DeleteFunc(slices.Clone(a.values), func(v string) bool { return !a.admits(v) })
			if len(a.values) == 0 {
				return nil
			}
		}
	case document.KindArray:
		return a.tidyArray()
	case document.KindObject:
		return a.tidyObject()
	}
	return a
}

// hasNumber reports whether there may be a number within the bounds.
func (a *atom) hasNumber() bool {
	if a.least == nil || a.most == nil {
		return true
	}
	c := a.least.Cmp(a.most)
	if c > 0 || c == 0 && (a.aboveLeast || a.belowMost) {
		return false
	}
	if !a.whole {
		return true
	}
	one := big.NewInt(1)
	first := new(big.Int).Div(a.least.Num(), a.least.Denom()) // rounds down
	if exact := a.least.IsInt(); !exact || a.aboveLeast {
		first.Add(first, one)
	}
	last := new(big.Int).Div(a.most.Num(), a.most.Denom())
	if a.most.IsInt() && a.belowMost {
		last.Sub(last, one)
	}
	return first.Cmp(last) <= 0
}

// isWhole reports whether all its numbers are integers.
func (a *atom) isWhole() bool {
	return a.whole || a.least != nil && a.most != nil && a.least.Cmp(a.most) == 0 && a.least.IsInt()
}

// admits reports whether a string may be in the atom.
func (a *atom) admits(v string) bool {
	if n := utf8.RuneCountInString(v); n < a.from || a.to >= 0 && n > a.to {
		return false
	}
	return !slices.ContainsFunc(a.marks, func(m mark) bool { return m.test != nil && !m.test(v) })
}

// lists reports whether a string is one of those that are listed.
func (a *atom) lists(v string) bool {
	_, found := slices.BinarySearch(a.values, v)
	return found
}

func (a *atom) tidyArray() *atom {
	end := len(a.prefix)
	for i, s := range a.prefix {
		if s.IsEmpty() {
			end = i
			break
		}
	}
	if end < len(a.prefix) || a.rest.IsEmpty() {
		if a.to < 0 || a.to > end {
			a.to = end
		}
	}
	if a.to >= 0 && a.from > a.to {
		return nil
	}
	if a.to >= 0 && a.to < len(a.prefix) {
		a.prefix = a.prefix[:a.to]
	}
	if a.to >= 0 && a.to <= len(a.prefix) {
		a.rest = noShape
	}
	return a
}

func (a *atom) tidyObject() *atom {
	possible := 0
	for _, s := range a.members {
		if !s.IsEmpty() {
			possible++
		}
	}
	for _, name := range a.required {
		if a.member(name).IsEmpty() {
			return nil
		}
	}
	if a.rest.IsEmpty() && (a.to < 0 || a.to > possible) {
		a.to = possible
	}
	a.from = max(a.from, len(a.required))
	if a.to >= 0 && a.from > a.to {
		return nil
	}
	return a
}

// within reports whether every value of x is certainly one that y stands for.
func (r *relation) within(x, y *Shape) bool {
	switch {
	case y.all:
		return !y.loose || x.IsEmpty()
	}
	for _, a := range x.alternatives() {
		if !r.covered(a, y) {
			return false
		}
	}
	return true
}

// covered reports whether an atom is certainly within a shape. Strings and
// booleans that are listed may be in different alternatives of it.
func (r *relation) covered(a *atom, s *Shape) bool {
	if slices.ContainsFunc(s.atoms, func(b *atom) bool { return r.under(a, b) }) {
		return true
	}
	var split []*atom
	switch {
	case a.kind == document.KindBool && a.truths == isFalse|isTrue:
		for _, t := range []uint8{isFalse, isTrue} {
			b := *a
			b.truths = t
			split = append(split, &b)
		}
	case a.kind == document.KindString && len(a.values) > 1:
		for _, v := range a.values {
			b := *a
			b.values = []string{v}
			split = append(split, &b)
		}
	default:
		return false
	}
	return !slices.ContainsFunc(split, func(b *atom) bool { return !r.covered(b, s) })
}

// under reports whether every value of x is certainly in y.
func (r *relation) under(x, y *atom) bool {
	if !r.spend() || x.kind != y.kind || y.loose || !x.marked(y) {
		return false
	}
	switch x.kind { //nolint:exhaustive // null is null
	case document.KindBool:
		return x.truths&^y.truths == 0
	case document.KindNumber:
		if y.whole && !x.isWhole() {
			return false
		}
		return atLeast(x.least, x.aboveLeast, y.least, y.aboveLeast, 1) && atLeast(x.most, x.belowMost, y.most, y.belowMost, -1)
	case document.KindString:
		if x.values != nil {
			return !slices.ContainsFunc(x.values, func(v string) bool {
				return !y.admits(v) || y.values != nil && !y.lists(v)
			})
		}
		return y.values == nil && x.sized(y)
	case document.KindArray:
		return x.sized(y) && r.itemsUnder(x, y)
	case document.KindObject:
		return x.sized(y) && r.membersUnder(x, y)
	}
	return true
}

// marked reports whether a meets the marks of b.
func (a *atom) marked(b *atom) bool {
	return !slices.ContainsFunc(b.marks, func(m mark) bool {
		if slices.ContainsFunc(a.marks, func(n mark) bool { return n.name == m.name }) {
			return false
		}
		if a.values == nil || m.test == nil {
			return true
		}
		return slices.ContainsFunc(a.values, func(v string) bool { return !m.test(v) })
	})
}

// sized reports whether every size of a is one of b's.
func (a *atom) sized(b *atom) bool {
	return a.from >= b.from && (b.to < 0 || a.to >= 0 && a.to <= b.to)
}

// atLeast reports whether bound a is as strict as bound b.
func atLeast(a *big.Rat, aOpen bool, b *big.Rat, bOpen bool, sign int) bool {
	if b == nil || a == nil {
		return b == nil
	}
	c := a.Cmp(b) * sign
	return c > 0 || c == 0 && (aOpen || !bOpen)
}

func (r *relation) itemsUnder(x, y *atom) bool {
	n := max(len(x.prefix), len(y.prefix))
	for i := range n {
		if x.to >= 0 && i >= x.to {
			return true
		}
		if !r.within(x.item(i), y.item(i)) {
			return false
		}
	}
	return x.to >= 0 && n >= x.to || r.within(x.rest, y.rest)
}

func (r *relation) membersUnder(x, y *atom) bool {
	for _, name := range y.required {
		if _, ok := slices.BinarySearch(x.required, name); !ok {
			return false
		}
	}
	for _, m := range []map[string]*Shape{x.members, y.members} {
		for _, name := range sortedKeys(m) {
			if !r.within(x.member(name), y.member(name)) {
				return false
			}
		}
	}
	return r.within(x.rest, y.rest)
}
