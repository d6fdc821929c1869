package expr

// The nodes of a planned expression: fields, operators, literals.

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/document"
)

// node is a part of an expression, ready to be evaluated. Nodes are immutable
// and shared by all evaluations.
type node interface {
	eval(f *frame) (any, error)
}

type (
	constant struct{ value any }
	variable struct{ slot int }
	local    struct{ slot int }

	// field is x.name, x.?name or has(x.name).
	field struct {
		x    node
		name string
		mode access
		path string // of x, as written, for complaints; "" if it is no plain path
		way  *way   // to it from a variable; nil: there is none

		line, column int // in the source
	}
	// placed is a call whose place in the source is known.
	placed struct {
		node
		line, column int
	}
	// element is x[i] or x[?i].
	element struct {
		x, i node
		mode access
	}
	not         struct{ x node }
	negative    struct{ x node }
	and         struct{ x, y node }
	or          struct{ x, y node }
	conditional struct{ test, yes, no node }
	equality    struct {
		x, y   node
		negate bool
	}
	comparison struct {
		x, y node
		op   string
	}
	calculation struct {
		x, y node
		op   byte
	}
	call struct {
		name string
		args []node
		do   func(f *frame, args []any) (any, error)
	}
	// orElse is x.or(y) and, where value is set, x.orValue(y): y is looked at
	// only when it is needed.
	orElse struct {
		x, y  node
		value bool
	}
	list struct {
		items    []node
		optional []bool
	}
	object struct {
		keys, values []node
		optional     []bool
	}
)

// access is what a field or index is wanted for.
type access byte

const (
	take  access = iota // the value, an error when missing
	maybe               // an optional
	test                // whether it is there
)

func (n *placed) eval(f *frame) (any, error) {
	v, err := n.node.eval(f)
	if err != nil {
		if e, ok := err.(*fault); ok && e.line == 0 { //nolint:errorlint // made here and never wrapped
			e.line, e.column = n.line, n.column
		}
	}
	return v, err
}

func (n *constant) eval(*frame) (any, error) { return n.value, nil }

func (n *variable) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	v := f.slots[n.slot]
	if _, ok := v.(failed); ok {
		return f.variable(n.slot)
	}
	return v, nil
}

func (n *local) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	v := f.slots[n.slot]
	if e, ok := v.(failed); ok {
		return nil, e.err
	}
	return v, nil
}

func (n *field) eval(f *frame) (any, error) {
	if n.way != nil && f.encoded(n.way.slot) {
		if s := f.look(n.way); s.found == document.There || s.found == document.Missing && n.mode != take {
			// As much as for one field after another.
			if err := f.spend(len(n.way.names) + 1); err != nil {
				return nil, err
			}
			return n.mode.result(s.value, s.found == document.There, nil)
		}
		// The variable itself is needed, for the complaint if for nothing else.
		if _, err := f.variable(n.way.slot); err != nil {
			return nil, err
		}
	}
	if err := f.spend(1); err != nil {
		return nil, err
	}
	x, err := n.x.eval(f)
	if err != nil {
		return nil, err
	}
	if m, ok := x.(map[string]any); ok {
		v, ok := m[n.name]
		return n.mode.result(v, ok, func() error { return missingf("no such key: %s", absent{m, n.name, n.path}) })
	}
	if o, ok := x.(*optional); ok {
		return n.mode.through(o, func(x any) (any, bool) {
			m, _ := x.(map[string]any)
			v, ok := m[n.name]
			return v, ok
		}), nil
	}
	return n.mode.result(nil, false, func() error {
		if n.path != "" {
			return missingf("cannot take key %q of %s, which is %s", n.name, n.path, describe(x))
		}
		return missingf("cannot take key %q of %s", n.name, describe(x))
	})
}

// absent complains about a key that an object has not.
type absent struct {
	object    map[string]any
	key, path string
}

// String is the key, where it was looked for, and the key that may have been
// meant.
func (a absent) String() string {
	text := fmt.Sprintf("%q", clip(a.key))
	if a.path != "" {
		text += " in " + a.path
	}
	if len(a.object) <= 200 {
		if near := nearest(a.key, slices.Sorted(maps.Keys(a.object))); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
	}
	return text
}

// result is what an access gives for a value that is there or not.
func (a access) result(v any, found bool, complaint func() error) (any, error) {
	switch a {
	case test:
		return found, nil
	case maybe:
		if !found {
			return none, nil
		}
		return &optional{value: v, present: true}, nil
	default:
		if !found {
			return nil, complaint()
		}
		return v, nil
	}
}

// through is an access to what an optional holds. The result is optional too:
// x.?y.z is absent where y or z is.
func (a access) through(o *optional, get func(any) (any, bool)) any {
	var v any
	found := false
	if o.present {
		v, found = get(o.value)
	}
	switch {
	case a == test:
		return found
	case found:
		return &optional{value: v, present: true}
	}
	return none
}

func (n *element) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	x, err := n.x.eval(f)
	if err != nil {
		return nil, err
	}
	i, err := n.i.eval(f)
	if err != nil {
		return nil, err
	}
	var reason error
	get := func(x any) (any, bool) {
		var v any
		v, reason = f.at(x, i)
		return v, reason == nil
	}
	if o, ok := x.(*optional); ok {
		v := n.mode.through(o, get)
		if reason != nil && !isMissing(reason) {
			return nil, reason
		}
		return v, nil
	}
	v, found := get(x)
	if reason != nil && !isMissing(reason) {
		return nil, reason
	}
	return n.mode.result(v, found, func() error { return reason })
}

// at is x[i].
func (f *frame) at(x, i any) (any, error) {
	switch c := x.(type) {
	case []any:
		p, err := f.integer(i, "the index")
		if err != nil {
			return nil, err
		}
		if p < 0 || p >= len(c) {
			return nil, missingf("index %d is out of range: the list has %d elements", p, len(c))
		}
		return c[p], nil
	case map[string]any:
		k, ok := i.(string)
		if !ok {
			return nil, failf("the key of an object must be a string, found %s", describe(i))
		}
		v, ok := c[k]
		if !ok {
			return nil, missingf("no such key: %s", absent{object: c, key: k})
		}
		return v, nil
	}
	return nil, missingf("cannot index %s", describe(x))
}

func (n *call) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	base := len(f.stack)
	defer func() {
		clear(f.stack[base:])
		f.stack = f.stack[:base]
	}()
	for _, a := range n.args {
		v, err := a.eval(f)
		if err != nil {
			return nil, err
		}
		f.stack = append(f.stack, v)
	}
	return n.do(f, f.stack[base:])
}

func (n *orElse) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	x, err := n.x.eval(f)
	if err != nil {
		return nil, err
	}
	o, ok := x.(*optional)
	switch {
	case !ok && n.value:
		return nil, failf("orValue needs an optional value, as x.?y is; found %s", describe(x))
	case !ok:
		return nil, failf("or needs an optional value, as x.?y is; found %s", describe(x))
	case o.present && n.value:
		return o.value, nil
	case o.present:
		return o, nil
	}
	return n.y.eval(f)
}

func (n *list) eval(f *frame) (any, error) {
	if err := f.build(16*len(n.items) + 24); err != nil {
		return nil, err
	}
	items := make([]any, 0, len(n.items))
	for i, item := range n.items {
		v, err := item.eval(f)
		if err != nil {
			return nil, err
		}
		if n.optional != nil && n.optional[i] {
			o, ok := v.(*optional)
			if !ok {
				return nil, failf("[?x] needs an optional value, found %s", describe(v))
			}
			if !o.present {
				continue
			}
			v = o.value
		}
		items = append(items, v)
	}
	return items, nil
}

// bytesPerMember is about what a member of a Go map takes.
const bytesPerMember = 64

func (n *object) eval(f *frame) (any, error) {
	if err := f.build(bytesPerMember*len(n.keys) + 48); err != nil {
		return nil, err
	}
	m := make(map[string]any, len(n.keys))
	for i := range n.keys {
		k, err := n.keys[i].eval(f)
		if err != nil {
			return nil, err
		}
		v, err := n.values[i].eval(f)
		if err != nil {
			return nil, err
		}
		if n.optional != nil && n.optional[i] {
			o, ok := v.(*optional)
			if !ok {
				return nil, failf("{?k: x} needs an optional value, found %s", describe(v))
			}
			if !o.present {
				continue
			}
			v = o.value
		}
		if err := insert(m, k, v); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// insert adds a member to an object that is being built.
func insert(m map[string]any, key, value any) error {
	k, ok := key.(string)
	if !ok {
		return failf("the key of an object must be a string, found %s", describe(key))
	}
	if _, ok := m[k]; ok {
		return failf("two members have the key %q", clip(k))
	}
	m[k] = value
	return nil
}

// clip keeps complaints short.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	cut := 64
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
