package expr

// Types: what is known of the values of variables and of results, before there
// are any.

import (
	"maps"
	"slices"
	"strings"
)

// Kinds are some kinds of values.
type Kinds uint8

// The kinds of values. True and false are two, so that a condition can be known.
const (
	Null Kinds = 1 << iota
	False
	True
	Number
	String
	List
	Object
	other // what only expressions have: optional values, times, types …

	// Bool is either boolean.
	Bool = False | True
	// Anything is every kind that a document can be.
	Anything = Null | Bool | Number | String | List | Object
)

// Type is a set of values: at least those that can be there. A nil *Type is any
// value at all. Types are not modified once they are in use.
type Type struct {
	Kinds   Kinds            // none: there is no such value
	Members map[string]*Type // of objects, those that are named
	Rest    *Type            // of objects, the other members
	Items   *Type            // of lists
}

var (
	never   = &Type{}
	textual = &Type{Kinds: String}
	numeric = &Type{Kinds: Number}
	logical = &Type{Kinds: Bool}
)

func (t *Type) has(k Kinds) bool { return t == nil || t.Kinds&k != 0 }

// kinds is the set of kinds, with those that only expressions have.
func (t *Type) kinds() Kinds {
	if t == nil {
		return Anything | other
	}
	return t.Kinds
}

// isNever reports whether there is no value.
func (t *Type) isNever() bool { return t != nil && t.Kinds == 0 }

// member is the type of one member of the objects.
func (t *Type) member(name string) *Type {
	if t == nil {
		return nil
	}
	if m, ok := t.Members[name]; ok {
		return m
	}
	return t.Rest
}

func (t *Type) items() *Type {
	if t == nil {
		return nil
	}
	return t.Items
}

// maxUnion is how many parts of a union are told apart.
const maxUnion = 5_000

// Union is the type of the values of both.
func Union(a, b *Type) *Type {
	left := maxUnion
	return union(a, b, &left)
}

func union(a, b *Type, left *int) *Type {
	switch {
	case a == nil || b == nil:
		return nil
	case a == b || b.Kinds == 0:
		return a
	case a.Kinds == 0:
		return b
	}
	u := &Type{Kinds: a.Kinds | b.Kinds}
	if *left--; *left < 0 {
		return u // of any parts
	}
	switch {
	case !b.has(List):
		u.Items = a.Items
	case !a.has(List):
		u.Items = b.Items
	default:
		u.Items = union(a.Items, b.Items, left)
	}
	switch {
	case !b.has(Object):
		u.Members, u.Rest = a.Members, a.Rest
	case !a.has(Object):
		u.Members, u.Rest = b.Members, b.Rest
	default:
		u.Rest = union(a.Rest, b.Rest, left)
		u.Members = map[string]*Type{}
		for _, m := range []map[string]*Type{a.Members, b.Members} {
			for _, name := range slices.Sorted(maps.Keys(m)) {
				u.Members[name] = union(a.member(name), b.member(name), left)
			}
		}
	}
	return u
}

// valueType is the type of one constant.
func valueType(v any, depth int) *Type {
	switch v := v.(type) {
	case bool:
		if v {
			return &Type{Kinds: True}
		}
		return &Type{Kinds: False}
	case []any:
		t := &Type{Kinds: List, Items: never}
		for i, item := range v {
			if i == maxConstant || depth > maxConstantDepth {
				t.Items = nil
				break
			}
			t.Items = Union(t.Items, valueType(item, depth+1))
		}
		return t
	case map[string]any:
		t := &Type{Kinds: Object, Members: map[string]*Type{}, Rest: never}
		if len(v) > maxConstant || depth > maxConstantDepth {
			return &Type{Kinds: Object}
		}
		for name, member := range v {
			t.Members[name] = valueType(member, depth+1)
		}
		return t
	}
	switch typeOf(v) { //nolint:exhaustive // the others are no values of JSON
	case typeNull:
		return &Type{Kinds: Null}
	case typeNumber:
		return numeric
	case typeString:
		return textual
	}
	return &Type{Kinds: other}
}

// maxConstant is how many items and members of a constant are looked at, and
// maxConstantDepth how deep.
const (
	maxConstant      = 100
	maxConstantDepth = 8
)

// describe says the kinds in words: "null or a string".
func (k Kinds) describe() string {
	var words []string
	for _, w := range []struct {
		kind Kinds
		word string
	}{
		{Null, "null"},
		{Bool, "a boolean"},
		{Number, "a number"},
		{String, "a string"},
		{List, "a list"},
		{Object, "an object"},
		{other, "a value that documents do not have"},
	} {
		if k&w.kind != 0 {
			words = append(words, w.word)
		}
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// names lists the members that are named and can be there, sorted.
func (t *Type) names() []string {
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.Members)), func(name string) bool { return t.Members[name].isNever() })
}
