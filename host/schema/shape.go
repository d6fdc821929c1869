package schema

// Shapes: what is known of a set of JSON values without having one in hand.

import (
	"math/big"
	"slices"

	"github.com/chainrun/chainrun/host/document"
)

// Shape is a set of JSON values that holds at least every value of the set that
// it stands for: all documents that a [Schema] allows, or all that an expression
// can give. What is not in the shape is certainly not in the set; what is in the
// shape may be. Shapes are immutable and safe for concurrent use.
type Shape struct {
	all   bool // any value; atoms is empty
	loose bool // where all is set: the set that is meant may be smaller
	atoms []*atom
}

// atom is a set of values of one kind. Conditions that do not belong to its kind
// are not set. What an atom cannot express makes it loose: the set that is meant
// may be smaller.
type atom struct {
	kind  document.Kind
	loose bool
	marks []mark // further conditions, sorted by name

	truths uint8 // of a boolean: 1 false, 2 true

	whole                 bool // of a number
	least, most           *big.Rat
	aboveLeast, belowMost bool // least or most itself is not in it

	values []string // of a string; nil: any; sorted

	// Code points of a string, items of an array, members of an object.
	from, to int // to < 0: no bound

	prefix   []*Shape          // the first items of an array
	members  map[string]*Shape // of an object: those that are named
	required []string          // sorted
	rest     *Shape            // the other items or members
}

// mark is a condition that is compared by its name alone, as a pattern is.
type mark struct {
	name string
	test func(string) bool // of strings; nil: cannot be tested
}

const (
	isFalse, isTrue uint8 = 1, 2

	// maxAtoms is how many alternatives a shape tells apart.
	maxAtoms = 64
	// maxListed is how many strings a shape lists.
	maxListed = 10_000
	// maxShapeWork bounds the comparisons of one question about shapes.
	maxShapeWork = 50_000
)

var (
	anyShape   = &Shape{all: true}
	looseShape = &Shape{all: true, loose: true}
	noShape    = &Shape{}

	shapeKinds = []document.Kind{
		document.KindNull, document.KindBool, document.KindNumber,
		document.KindString, document.KindArray, document.KindObject,
	}
)

// AnyShape is the shape of all values.
func AnyShape() *Shape { return anyShape }

// KindShape is the shape of all values of some kinds; without kinds, of none.
func KindShape(kinds ...document.Kind) *Shape {
	s := &Shape{}
	for _, k := range kinds {
		s.atoms = append(s.atoms, full(k))
	}
	return s
}

// ObjectShape is the shape of objects with the given members, of which those
// that are required are always there; rest is the shape of other members, nil
// where there are none.
func ObjectShape(members map[string]*Shape, required []string, rest *Shape) *Shape {
	if rest == nil {
		rest = noShape
	}
	a := full(document.KindObject)
	a.members, a.rest = members, rest
	a.required = slices.Sorted(slices.Values(required))
	return single(a)
}

// ListShape is the shape of lists of such items.
func ListShape(items *Shape) *Shape {
	a := full(document.KindArray)
	a.rest = items
	return single(a)
}

// TruthShape is the shape of one boolean.
func TruthShape(v bool) *Shape {
	a := full(document.KindBool)
	a.truths = isFalse
	if v {
		a.truths = isTrue
	}
	return single(a)
}

// single is the shape of one atom.
func single(a *atom) *Shape {
	if a = a.tidy(); a == nil {
		return noShape
	}
	return &Shape{atoms: []*atom{a}}
}

// full is all values of one kind.
func full(k document.Kind) *atom {
	a := &atom{kind: k, to: -1}
	switch k { //nolint:exhaustive // the others have no parts
	case document.KindBool:
		a.truths = isFalse | isTrue
	case document.KindArray, document.KindObject:
		a.rest = anyShape
	}
	return a
}

// alternatives gives the atoms of a shape.
func (s *Shape) alternatives() []*atom {
	if !s.all {
		return s.atoms
	}
	list := make([]*atom, len(shapeKinds))
	for i, k := range shapeKinds {
		list[i] = full(k)
		list[i].loose = s.loose
	}
	return list
}

// IsAny reports whether any value may be in the shape.
func (s *Shape) IsAny() bool { return s.all }

// IsEmpty reports whether certainly no value is in the shape.
func (s *Shape) IsEmpty() bool { return !s.all && len(s.atoms) == 0 }

// Has reports whether there may be a value of the kind.
func (s *Shape) Has(k document.Kind) bool {
	return s.all && k != document.KindAbsent || slices.ContainsFunc(s.atoms, func(a *atom) bool { return a.kind == k })
}

// Truths says which booleans may be in it.
func (s *Shape) Truths() (no, yes bool) {
	for _, a := range s.alternatives() {
		no = no || a.truths&isFalse != 0
		yes = yes || a.truths&isTrue != 0
	}
	return no, yes
}

// Names lists the members that objects of the shape are known to have or may
// have, sorted.
func (s *Shape) Names() []string {
	var names []string
	for _, a := range s.atoms {
		for name := range a.members {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Member is the shape of a member of its objects; empty where none has it.
func (s *Shape) Member(name string) *Shape {
	return s.parts(document.KindObject, func(a *atom) *Shape { return a.member(name) })
}

// Others is the shape of the members that [Shape.Names] does not list.
func (s *Shape) Others() *Shape {
	return s.parts(document.KindObject, func(a *atom) *Shape { return a.rest })
}

// Items is the shape of the items of its lists.
func (s *Shape) Items() *Shape {
	return s.parts(document.KindArray, func(a *atom) *Shape {
		all := a.prefix
		if a.to < 0 || a.to > len(a.prefix) {
			all = append(slices.Clip(all), a.rest)
		}
		return Union(all...)
	})
}

func (s *Shape) parts(k document.Kind, part func(*atom) *Shape) *Shape {
	if s.all {
		return anyShape
	}
	var list []*Shape
	for _, a := range s.atoms {
		if a.kind == k {
			list = append(list, part(a))
		}
	}
	return Union(list...)
}

// Loosely is the shape as one that may be too large: nothing is proved to fit
// into it.
func (s *Shape) Loosely() *Shape {
	if s.all {
		return looseShape
	}
	t := &Shape{atoms: make([]*atom, len(s.atoms))}
	for i, a := range s.atoms {
		t.atoms[i] = a.loosely()
	}
	return t
}

func (a *atom) loosely() *atom {
	b := *a
	b.loose = true
	return &b
}

// member is the shape of one member of an object.
func (a *atom) member(name string) *Shape {
	if s, ok := a.members[name]; ok {
		return s
	}
	return a.rest
}

// item is the shape of one item of an array.
func (a *atom) item(i int) *Shape {
	if i < len(a.prefix) {
		return a.prefix[i]
	}
	return a.rest
}

// Union is the shape of the values of all the given shapes.
func Union(shapes ...*Shape) *Shape {
	if len(shapes) == 1 {
		return shapes[0]
	}
	u := &Shape{}
	for _, s := range shapes {
		if s.all {
			return s
		}
		u.atoms = append(u.atoms, s.atoms...)
	}
	return u.bounded()
}

// bounded keeps the number of alternatives small: where there are too many, the
// numbers become a range, the strings a list, and other kinds all of their kind.
func (s *Shape) bounded() *Shape {
	if len(s.atoms) <= maxAtoms {
		return s
	}
	byKind := map[document.Kind][]*atom{}
	for _, a := range s.atoms {
		byKind[a.kind] = append(byKind[a.kind], a)
	}
	t := &Shape{}
	for _, k := range shapeKinds {
		list := byKind[k]
		if len(list) <= maxAtoms/len(shapeKinds) {
			t.atoms = append(t.atoms, list...)
			continue
		}
		t.atoms = append(t.atoms, hull(k, list))
	}
	return t
}

// hull is one atom around several of one kind.
func hull(k document.Kind, list []*atom) *atom {
	h := full(k)
	h.loose = true
	switch k { //nolint:exhaustive // all of the others
	case document.KindNumber:
		h.whole = !slices.ContainsFunc(list, func(a *atom) bool { return !a.isWhole() })
		h.least, h.most = boundOf(list, true), boundOf(list, false)
	case document.KindString:
		h.values = []string{}
		for _, a := range list {
			if a.values == nil {
				h.values = nil
				break
			}
			h.values = append(h.values, a.values...)
		}
		if len(h.values) > maxListed {
			h.values = nil
		}
		if h.values != nil {
			slices.Sort(h.values)
			h.values = slices.Compact(h.values)
			h.loose = slices.ContainsFunc(list, func(a *atom) bool { return a.loose || len(a.marks) > 0 })
		}
	}
	return h
}

// boundOf is the least of the lower bounds, or the greatest of the upper ones;
// nil where one has none.
func boundOf(list []*atom, lower bool) *big.Rat {
	var bound *big.Rat
	for _, a := range list {
		r, sign := a.most, 1
		if lower {
			r, sign = a.least, -1
		}
		if r == nil {
			return nil
		}
		if bound == nil || r.Cmp(bound)*sign > 0 {
			bound = r
		}
	}
	return bound
}
