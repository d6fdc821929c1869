package expr

// What an expression must give, by what is known of its variables: each node is
// evaluated on types instead of values.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/common/types"
)

// Finding is a part of an expression that fails whenever it is evaluated.
type Finding struct {
	Line   int // in the expression, from 1
	Column int // in the line, from 1, in characters
	Text   string
	Hint   string // what may have been meant; can be empty
	// Always says that the whole expression fails because of it, whatever the
	// documents are. Otherwise && or || may make up for it, or a list without
	// elements, or a condition.
	Always bool
}

// Infer gives the type of the results, and what fails whenever it is evaluated:
// nothing is found where a document could make it succeed. A variable that vars
// lacks is of any type. The findings are in the order of their places.
func (p *Program) Infer(vars map[string]*Type) (*Type, []*Finding) {
	in := &inference{slots: make([]*Type, p.slots)}
	for i, name := range p.names {
		in.slots[i] = vars[name]
		if vars[name].isNever() { // it is never evaluated
			return never, nil
		}
	}
	t := in.of(p.root)
	if t.isNever() && in.cause != nil {
		in.cause.Always = true
	}
	slices.SortStableFunc(in.found, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return t, in.found
}

// inference is one evaluation on types.
type inference struct {
	slots        []*Type
	found        []*Finding
	cause        *Finding // why the last type that is never is that
	line, column int      // of the innermost call around
}

// fail is the type of what always fails.
func (in *inference) fail(hint, format string, args ...any) *Type {
	in.cause = &Finding{Line: max(in.line, 1), Column: max(in.column, 1), Text: fmt.Sprintf(format, args...), Hint: hint}
	in.found = append(in.found, in.cause)
	return never
}

func (in *inference) of(n node) *Type {
	switch n := n.(type) {
	case *constant:
		return valueType(n.value, 0)
	case *variable:
		return in.slots[n.slot]
	case *local:
		return in.slots[n.slot]
	case *placed:
		line, column := in.line, in.column
		in.line, in.column = n.line, n.column
		t := in.of(n.node)
		in.line, in.column = line, column
		return t
	case *field:
		return in.field(n)
	case *element:
		return in.element(n)
	case *not:
		return in.not(n)
	case *negative:
		return in.operands([]node{n.x}, func(t []*Type) *Type {
			if !t[0].has(Number) {
				return in.fail("", "- needs a number, found %s", t[0].kinds().describe())
			}
			return numeric
		})
	case *and:
		return in.logic(n.x, n.y, False, True, "&&")
	case *or:
		return in.logic(n.x, n.y, True, False, "||")
	case *conditional:
		return in.conditional(n)
	case *equality:
		return in.operands([]node{n.x, n.y}, func(t []*Type) *Type { return equal(t[0].kinds(), t[1].kinds(), n.negate) })
	case *comparison:
		return in.operands([]node{n.x, n.y}, func(t []*Type) *Type { return in.comparison(t[0], t[1], n.op) })
	case *calculation:
		return in.operands([]node{n.x, n.y}, func(t []*Type) *Type { return in.calculation(t[0], t[1], n.op) })
	case *call:
		return in.operands(n.args, func(t []*Type) *Type { return in.call(n.name, t) })
	case *patternNode:
		return in.operands([]node{n.x}, func(t []*Type) *Type {
			if !t[0].has(String | other) {
				return in.fail("", "matches needs a string, found %s", t[0].kinds().describe())
			}
			return logical
		})
	case *orElse:
		return in.orElse(n)
	case *list:
		return in.list(n)
	case *object:
		return in.object(n)
	case *listLoop, *objectLoop, *fold, *binding, *notFalse:
		return in.loop(n)
	}
	return nil // of a kind that is not known here
}

// operands are evaluated all; one that fails makes the whole fail.
func (in *inference) operands(nodes []node, do func([]*Type) *Type) *Type {
	list := make([]*Type, len(nodes))
	var failed *Finding
	fails := false
	for i, n := range nodes {
		list[i] = in.of(n)
		if list[i].isNever() && !fails {
			fails, failed = true, in.cause
		}
	}
	if fails {
		in.cause = failed
		return never
	}
	return do(list)
}

func (in *inference) field(n *field) *Type {
	x := in.of(n.x)
	if x.isNever() {
		return never
	}
	m := x.member(n.name)
	if !x.has(Object) {
		m = never
	}
	switch {
	case n.mode == maybe:
		return &Type{Kinds: other}
	case n.mode == test && m.isNever() && !x.has(other):
		return &Type{Kinds: False}
	case n.mode == test:
		return logical
	case x.has(other): // a member of what an optional value holds is optional
		return nil
	case !m.isNever():
		return m
	}
	line, column := in.line, in.column
	in.line, in.column = n.line, n.column
	defer func() { in.line, in.column = line, column }()
	where := ""
	if n.path != "" {
		where = n.path
	}
	if !x.has(Object) {
		if where == "" {
			return in.fail("", "there is no %q: it would be taken of %s", n.name, x.kinds().describe())
		}
		return in.fail("", "there is no %q: %s is %s", n.name, where, x.kinds().describe())
	}
	if where == "" {
		where = "the object"
	}
	return in.fail(meant(n.name, x), "%s never has %q", where, n.name)
}

// meant is the hint for a member that is not there.
func meant(name string, x *Type) string {
	names := x.names()
	if near := nearest(name, names[:min(len(names), 200)]); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	const shown = 8
	switch {
	case len(names) == 0:
		return "it has no members"
	case len(names) > shown:
		return "it has " + strings.Join(names[:shown], ", ") + " …"
	}
	return "it has " + strings.Join(names, ", ")
}

func (in *inference) element(n *element) *Type {
	return in.operands([]node{n.x, n.i}, func(t []*Type) *Type {
		x, i := t[0], t[1]
		if n.mode == maybe || x.has(other) || i.has(other) {
			return nil
		}
		result := never
		if x.has(List) && i.has(Number) {
			result = Union(result, x.items())
		}
		if x.has(Object) && i.has(String) {
			m := x.restOfAll()
			if c, ok := constantOf(n.i); ok {
				m = x.member(c)
				if m.isNever() && !x.has(List) {
					return in.fail(meant(c, x), "the object never has %q", c)
				}
			}
			result = Union(result, m)
		}
		switch {
		case !result.isNever():
			return result
		case !x.has(List | Object):
			return in.fail("", "cannot index %s", x.kinds().describe())
		case !x.has(List):
			return in.fail("", "the key of an object must be a string, found %s", i.kinds().describe())
		case !i.has(Number):
			return in.fail("", "the index of a list must be a number, found %s", i.kinds().describe())
		}
		return in.fail("", "there is nothing to be found: it is always empty")
	})
}

// restOfAll is the type of any member of the objects.
func (t *Type) restOfAll() *Type {
	if t == nil {
		return nil
	}
	u := t.Rest
	for _, name := range t.names() {
		u = Union(u, t.Members[name])
	}
	return u
}

func constantOf(n node) (string, bool) {
	c, ok := n.(*constant)
	if !ok {
		return "", false
	}
	s, ok := c.value.(string)
	return s, ok
}

func (in *inference) not(n *not) *Type {
	x := in.of(n.x)
	switch {
	case x.isNever():
		return never
	case !x.has(Bool):
		return in.fail("", "! needs a boolean, found %s", x.kinds().describe())
	}
	t := &Type{}
	if x.has(False) {
		t.Kinds |= True
	}
	if x.has(True) {
		t.Kinds |= False
	}
	return t
}

// truth is the type of one side of && or ||.
func (in *inference) truth(n node, what string) *Type {
	t := in.of(n)
	if !t.isNever() && !t.has(Bool) {
		return in.fail("", "%s needs a boolean, found %s", what, t.kinds().describe())
	}
	if t == nil {
		return logical
	}
	return &Type{Kinds: t.Kinds & Bool}
}

// logic is && and ||: a side that decides makes the result, whatever the other
// is, even a failure.
func (in *inference) logic(x, y node, decides, goesOn Kinds, op string) *Type {
	a := in.truth(x, op)
	failed := in.cause
	if a.Kinds == decides {
		return a // the other side is never looked at
	}
	b := in.truth(y, op)
	t := &Type{Kinds: (a.Kinds | b.Kinds) & decides}
	if a.has(goesOn) && b.has(goesOn) {
		t.Kinds |= goesOn
	}
	if t.isNever() && a.isNever() {
		in.cause = failed
	}
	return t
}

func (in *inference) conditional(n *conditional) *Type {
	test := in.truth(n.test, "?:")
	t := never
	var failed *Finding
	if test.has(True) {
		t = in.of(n.yes)
		failed = in.cause
	}
	if test.has(False) {
		t = Union(t, in.of(n.no))
		if t.isNever() && failed != nil {
			in.cause = failed
		}
	}
	return t
}

// equal is the type of == and !=: known where the kinds have nothing in common,
// or where there is only one value.
func equal(a, b Kinds, negate bool) *Type {
	same := Bool
	switch {
	case a&b == 0:
		same = False
	case a == b && (a == Null || a == True || a == False):
		same = True
	}
	if negate && same != Bool {
		same = Bool &^ same
	}
	return &Type{Kinds: same}
}

func (in *inference) comparison(a, b *Type, op string) *Type {
	for _, k := range []Kinds{Number, String, Bool, other} {
		if a.has(k) && b.has(k) {
			return logical
		}
	}
	return in.fail("", "cannot compare %s with %s by %s", a.kinds().describe(), b.kinds().describe(), op)
}

func (in *inference) calculation(a, b *Type, op byte) *Type {
	t := never
	if a.has(Number) && b.has(Number) {
		t = numeric
	}
	if a.has(other) && b.has(other) {
		t = Union(t, &Type{Kinds: other})
	}
	if op == '+' && a.has(String) && b.has(String) {
		t = Union(t, textual)
	}
	if op == '+' && a.has(List) && b.has(List) {
		t = Union(t, &Type{Kinds: List, Items: Union(a.items(), b.items())})
	}
	if !t.isNever() {
		return t
	}
	hint := ""
	if op == '+' && a.has(String|Number) && b.has(String|Number) {
		hint = "string(…) makes a string of a number"
	}
	return in.fail(hint, "cannot apply %c to %s and %s", op, a.kinds().describe(), b.kinds().describe())
}

// signatures are those of all functions, by name.
var signatures = sync.OnceValue(func() map[string][]signature {
	all := map[string][]signature{}
	for _, table := range tables() {
		for _, fn := range table {
			all[fn.name] = append(all[fn.name], fn.is...)
		}
	}
	return all
})

// call is the type of a function's result: of those signatures that the
// arguments can be of.
func (in *inference) call(name string, args []*Type) *Type {
	list := signatures()[name]
	if len(list) == 0 {
		return nil
	}
	t := never
	for _, s := range list {
		if len(s.args) == len(args) && !slices.ContainsFunc(args, func(a *Type) bool { return a.has(other) }) {
			fits := true
			for i, want := range s.args {
				fits = fits && args[i].has(kindsOf(want))
			}
			if !fits {
				continue
			}
		}
		if k := kindsOf(s.result); k&other == 0 {
			t = Union(t, &Type{Kinds: k})
		} else {
			return nil
		}
	}
	if !t.isNever() {
		return t
	}
	found := make([]string, len(args))
	for i, a := range args {
		found[i] = a.kinds().describe()
	}
	return in.fail("", "%s cannot be applied to %s", name, strings.Join(found, " and "))
}

// kindsOf is the kinds of values of a declared type.
func kindsOf(t *types.Type) Kinds {
	switch t.Kind() { //nolint:exhaustive // the others are no values of JSON
	case types.NullTypeKind:
		return Null
	case types.BoolKind:
		return Bool
	case types.IntKind:
		return Number
	case types.StringKind:
		return String
	case types.ListKind:
		return List
	case types.MapKind:
		return Object
	case types.DynKind, types.TypeParamKind:
		return Anything | other
	}
	return other
}

func (in *inference) orElse(n *orElse) *Type {
	x := in.of(n.x)
	switch {
	case x.isNever():
		return never
	case !x.has(other):
		return in.fail("x.?y gives one", "or and orValue need an optional value, found %s", x.kinds().describe())
	}
	in.of(n.y)
	return nil
}

func (in *inference) list(n *list) *Type {
	return in.operands(n.items, func(items []*Type) *Type {
		t := &Type{Kinds: List, Items: never}
		for i, item := range items {
			if n.optional != nil && n.optional[i] {
				item = nil
			}
			t.Items = Union(t.Items, item)
		}
		return t
	})
}

func (in *inference) object(n *object) *Type {
	return in.operands(slices.Concat(n.keys, n.values), func(parts []*Type) *Type {
		t := &Type{Kinds: Object, Members: map[string]*Type{}, Rest: never}
		for i, value := range parts[len(n.keys):] {
			if n.optional[i] {
				value = nil
			}
			if key, ok := constantOf(n.keys[i]); ok {
				t.Members[key] = value
				continue
			}
			t.Rest = nil
		}
		return t
	})
}

// loop is the type of loops and of cel.bind. What a loop does with its elements
// may never be done: there may be none.
func (in *inference) loop(n node) *Type {
	switch n := n.(type) {
	case *binding:
		in.slots[n.slot] = in.of(n.value)
		return in.of(n.body)
	case *notFalse:
		in.of(n.x)
		return logical
	case *listLoop:
		if !in.over(&n.loop) {
			return never
		}
		if n.keep != nil {
			in.truth(n.keep, "a filter")
		}
		return &Type{Kinds: List, Items: in.of(n.item)}
	case *objectLoop:
		if !in.over(&n.loop) {
			return never
		}
		for _, part := range []node{n.keep, n.key, n.value} {
			if part != nil {
				in.of(part)
			}
		}
		return &Type{Kinds: Object}
	case *fold:
		in.of(n.init)
		if !in.over(&n.loop) {
			return never
		}
		in.slots[n.slot] = nil
		in.of(n.more)
		in.of(n.step)
		return in.of(n.last)
	}
	return nil
}

// over gives types to a loop's variables; false where there is nothing that can
// be gone over.
func (in *inference) over(l *loop) bool {
	x := in.of(l.over)
	if x.isNever() {
		return false
	}
	if !x.has(List | Object) {
		in.fail("", "cannot go over %s: a list or an object is needed", x.kinds().describe())
		return false
	}
	first, second := never, never
	if x.has(Object) {
		first, second = textual, x.restOfAll()
	}
	if x.has(List) {
		if l.second < 0 {
			first = Union(first, x.items())
		} else {
			first, second = Union(first, numeric), Union(second, x.items())
		}
	}
	in.slots[l.first] = possible(first)
	if l.second >= 0 {
		in.slots[l.second] = possible(second)
	}
	return true
}

// possible leaves out that there is no value: then a loop does nothing, and
// nothing of it fails.
func possible(t *Type) *Type {
	if t.isNever() {
		return nil
	}
	return t
}
