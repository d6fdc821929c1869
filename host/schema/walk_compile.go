package schema

// From a compiled schema to what is walked.

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// kinds is a set of kinds of values.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBool
	isInteger // a number without a fraction; isNumber has all
	isNumber
	isString
	isArray
	isObject

	allKinds = isNull | isBool | isInteger | isNumber | isString | isArray | isObject
)

var kindOf = map[string]kinds{
	"null": isNull, "boolean": isBool, "integer": isInteger, "number": isNumber | isInteger,
	"string": isString, "array": isArray, "object": isObject,
}

// node is one part of a schema as it is walked. nil is that anything is valid.
// It is immutable once it is made, and safe for concurrent use.
type node struct {
	closed   bool // nothing is valid
	beyond   bool // it has something that the walk does not know
	forwards bool // it says nothing of its own, and its branches look at the whole value

	kinds     kinds
	constants []*constants // of const and of enum; all must have the value
	numbers   *numberRules
	strings   *stringRules
	arrays    *arrayRules
	objects   *objectRules
	branches  *branches
}

var (
	anything = &node{kinds: allKinds}
	nothing  = &node{closed: true}
)

// constants are the values of an enum, or the one of a const.
type constants struct {
	words     map[string]struct{} // null, true, false
	strings   map[string]struct{}
	numbers   []fixed
	inexact   bool // one of the numbers is no fixed
	composite bool // there are lists or objects
}

type stringRules struct {
	from, to int // characters; to < 0: no bound
	pattern  *pattern
	format   func(any) bool
}

type arrayRules struct {
	from, to    int // to < 0: no bound
	prefix      []*node
	rest        *node
	unique      bool
	contains    *node
	least, most int // most < 0: no bound
}

type objectRules struct {
	from, to  int // to < 0: no bound
	members   map[string]member
	few       []namedMember // members, where they are so few that there is no faster way to look
	rest      *node         // of members that are not declared and match no pattern
	patterns  []patternRule
	names     *node
	required  uint64
	dependent []dependent
}

// fewMembers is how many names are compared one after another.
const fewMembers = 8

type namedMember struct {
	name string
	member
}

// member is what is known of a name. Some are only noted, in a bit of their own.
type member struct {
	schema   *node
	declared bool
	bit      uint64
}

type patternRule struct {
	*pattern
	schema *node
}

// dependent is what holds where a member is there.
type dependent struct {
	on, required uint64
	schema       *node
}

// branches are the parts that look at the same value.
type branches struct {
	all, any, one              []*node
	not                        *node
	condition, then, otherwise *node
}

// walkOf makes the walk of a compiled schema; nil where it would know nothing.
func walkOf(root *jsonschema.Schema) *node {
	c := walkCompiler{known: map[*jsonschema.Schema]*node{}}
	n := c.node(root)
	if n == nil {
		return anything
	}
	if n.beyond || c.endless(root) {
		return nil
	}
	return n
}

type walkCompiler struct {
	known map[*jsonschema.Schema]*node
}

// endless reports whether a part refers to itself without a step into the
// document. The authority refuses every document then that gets there, and it
// always looks at all alternatives.
func (c *walkCompiler) endless(root *jsonschema.Schema) bool {
	const open, done = 1, 2
	state := map[*jsonschema.Schema]int{}
	var visit func(s *jsonschema.Schema) bool
	visit = func(s *jsonschema.Schema) bool {
		if s == nil {
			return false
		}
		if state[s] != 0 {
			return state[s] == open
		}
		state[s] = open
		if slices.ContainsFunc(besides(s), visit) {
			return true
		}
		state[s] = done
		return false
	}
	for s := range c.known {
		if visit(s) {
			return true
		}
	}
	return visit(root)
}

// besides are the parts that look at the same value as s.
func besides(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else}
	all = append(append(append(all, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, d := range s.DependentSchemas {
		all = append(all, d)
	}
	for _, d := range s.Dependencies {
		if d, ok := d.(*jsonschema.Schema); ok {
			all = append(all, d)
		}
	}
	return all
}

func (c *walkCompiler) node(s *jsonschema.Schema) *node {
	if s == nil {
		return nil
	}
	if n, ok := c.known[s]; ok {
		return n
	}
	n := &node{kinds: allKinds}
	c.known[s] = n // it may refer to itself
	if s.Always != nil {
		n.closed = !*s.Always
		return n
	}
	if s.RecursiveRef != nil || s.DynamicRef != nil || s.UnevaluatedItems != nil || s.UnevaluatedProperties != nil ||
		s.RegexProperties || s.ContentEncoding != "" || s.ContentMediaType != "" || s.ContentSchema != nil {
		n.beyond = true
		return n
	}
	if len(s.Types) > 0 {
		n.kinds = 0
		for _, t := range s.Types {
			n.kinds |= kindOf[t]
		}
	}
	if len(s.Constant) > 0 {
		n.constants = append(n.constants, constantsOf(s.Constant[:1]))
	}
	if len(s.Enum) > 0 {
		n.constants = append(n.constants, constantsOf(s.Enum))
	}
	g, _ := s.Extensions[guardName].(*guard)
	if g == nil {
		g = &guard{} // a metaschema's
	}
	n.numbers, n.strings = numberRulesOf(s), stringRulesOf(s, g)
	n.arrays = c.arrays(s, g)
	var noted bool
	if n.objects, noted = c.objects(s); !noted {
		n.beyond = true
	}
	n.branches = c.branches(s)
	n.forwards = n.branches != nil && len(n.branches.all)+len(n.branches.any)+len(n.branches.one) > 0 &&
		n.kinds == allKinds && n.constants == nil && n.numbers == nil && n.strings == nil && n.arrays == nil && n.objects == nil
	return n
}

func (c *walkCompiler) nodes(list []*jsonschema.Schema) []*node {
	var nodes []*node
	for _, s := range list {
		nodes = append(nodes, c.node(s))
	}
	return nodes
}

func (c *walkCompiler) branches(s *jsonschema.Schema) *branches {
	b := &branches{all: c.nodes(s.AllOf), any: c.nodes(s.AnyOf), one: c.nodes(s.OneOf), not: c.node(s.Not)}
	if s.Ref != nil {
		b.all = append(b.all, c.node(s.Ref))
	}
	if s.If != nil && (s.Then != nil || s.Else != nil) {
		b.condition, b.then, b.otherwise = c.node(s.If), c.node(s.Then), c.node(s.Else)
	}
	if b.all == nil && b.any == nil && b.one == nil && b.not == nil && b.condition == nil {
		return nil
	}
	return b
}

func constantsOf(values []any) *constants {
	c := &constants{words: map[string]struct{}{}, strings: map[string]struct{}{}}
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			c.words["null"] = struct{}{}
		case bool:
			c.words[map[bool]string{true: "true", false: "false"}[v]] = struct{}{}
		case string:
			c.strings[v] = struct{}{}
		case json.Number:
			if r, ok := ratOf(v); ok {
				if d, ok := exactly(r); ok {
					c.numbers = append(c.numbers, d)
					continue
				}
			}
			c.inexact = true
		default:
			c.composite = true
		}
	}
	return c
}

func ratOf(n json.Number) (*big.Rat, bool) {
	if isHuge(n) {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

func numberRulesOf(s *jsonschema.Schema) *numberRules {
	r := &numberRules{}
	add := func(at *big.Rat, upper, strict bool) {
		if at == nil {
			return
		}
		d, ok := exactly(at)
		if !ok {
			r.inexact = true
			return
		}
		r.bounds = append(r.bounds, barrier{d, upper, strict})
	}
	add(s.Minimum, false, false)
	add(s.ExclusiveMinimum, false, true)
	add(s.Maximum, true, false)
	add(s.ExclusiveMaximum, true, true)
	if s.MultipleOf != nil {
		if d, ok := exactly(s.MultipleOf); ok {
			r.multipleOf = append(r.multipleOf, d)
		} else {
			r.inexact = true
		}
	}
	if r.bounds == nil && r.multipleOf == nil && !r.inexact {
		return nil
	}
	return r
}

func stringRulesOf(s *jsonschema.Schema, g *guard) *stringRules {
	r := &stringRules{from: max(s.MinLength, 0), to: s.MaxLength}
	if re := cmp.Or(g.pattern, s.Pattern); re != nil {
		r.pattern = newPattern(re)
	}
	switch s.Format {
	case "":
	case "regex":
		r.format = isPattern
	default:
		r.format = jsonschema.Formats[s.Format]
	}
	if r.from == 0 && r.to < 0 && r.pattern == nil && r.format == nil {
		return nil
	}
	return r
}

func (c *walkCompiler) arrays(s *jsonschema.Schema, g *guard) *arrayRules {
	r := &arrayRules{
		from: max(s.MinItems, 0), to: s.MaxItems, unique: s.UniqueItems || g.unique,
		prefix: c.nodes(s.PrefixItems), rest: c.node(s.Items2020), contains: c.node(s.Contains),
		least: s.MinContains, most: s.MaxContains,
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		r.rest = c.node(items)
	case []*jsonschema.Schema:
		r.prefix, r.rest = c.nodes(items), c.additional(s.AdditionalItems)
	}
	if g.items != nil {
		r.rest = c.node(g.items)
	}
	if s.Contains == nil && r.from == 0 && r.to < 0 && !r.unique && r.prefix == nil && r.rest == nil {
		return nil
	}
	return r
}

// additional is of additionalProperties or additionalItems.
func (c *walkCompiler) additional(v any) *node {
	switch v := v.(type) {
	case bool:
		if !v {
			return nothing
		}
	case *jsonschema.Schema:
		return c.node(v)
	}
	return nil
}

// objects gives the keywords about objects; noted is false where they name more
// members than there are bits.
func (c *walkCompiler) objects(s *jsonschema.Schema) (r *objectRules, noted bool) {
	r = &objectRules{
		from: max(s.MinProperties, 0), to: s.MaxProperties, members: map[string]member{},
		rest: c.additional(s.AdditionalProperties), names: c.node(s.PropertyNames),
	}
	for name, p := range s.Properties {
		r.members[name] = member{schema: c.node(p), declared: true}
	}
	bits := 0
	bit := func(name string) uint64 {
		m := r.members[name]
		if m.bit == 0 {
			m.bit = 1 << bits // 0 beyond 64, see below
			bits++
			r.members[name] = m
		}
		return m.bit
	}
	bitsOf := func(names []string) (set uint64) {
		for _, name := range names {
			set |= bit(name)
		}
		return set
	}
	r.required = bitsOf(s.Required)
	for _, name := range sortedKeys(s.DependentRequired) {
		r.dependent = append(r.dependent, dependent{on: bit(name), required: bitsOf(s.DependentRequired[name])})
	}
	for _, name := range sortedKeys(s.DependentSchemas) {
		r.dependent = append(r.dependent, dependent{on: bit(name), schema: c.node(s.DependentSchemas[name])})
	}
	for _, name := range sortedKeys(s.Dependencies) {
		d := dependent{on: bit(name)}
		switch needs := s.Dependencies[name].(type) {
		case []string:
			d.required = bitsOf(needs)
		case *jsonschema.Schema:
			d.schema = c.node(needs)
		}
		r.dependent = append(r.dependent, d)
	}
	for _, p := range sortedPatterns(s) {
		r.patterns = append(r.patterns, patternRule{newPattern(p), c.node(s.PatternProperties[p])})
	}
	if len(r.members) == 0 && r.from == 0 && r.to < 0 && r.rest == nil && r.patterns == nil && r.names == nil && r.dependent == nil {
		return nil, true
	}
	if len(r.members) <= fewMembers {
		for _, name := range slices.Sorted(maps.Keys(r.members)) {
			r.few = append(r.few, namedMember{name, r.members[name]})
		}
	}
	return r, bits <= 64
}
