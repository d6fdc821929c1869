package schema

// From a compiled schema to the shape of what it allows.

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
)

// Shape is the shape of the documents that the schema allows.
func (s *Schema) Shape() *Shape {
	c, err := s.acquire()
	if err != nil { // it compiled before; only the authority's own fault gets here
		return looseShape
	}
	defer s.release(c)
	o := outliner{relation: newRelation(), known: map[*jsonschema.Schema]*Shape{}}
	return o.outline(c.schema)
}

// outliner makes shapes of the parts of one schema. What is left out of a shape
// only ever makes it larger, and loose.
type outliner struct {
	relation
	known map[*jsonschema.Schema]*Shape // nil while it is being made
}

func (o *outliner) outline(s *jsonschema.Schema) *Shape {
	if shape, ok := o.known[s]; ok {
		if shape == nil { // it refers to itself
			return looseShape
		}
		return shape
	}
	o.known[s] = nil
	shape := o.make(s)
	o.known[s] = shape
	return shape
}

func (o *outliner) make(s *jsonschema.Schema) *Shape {
	if s.Always != nil {
		if *s.Always {
			return anyShape
		}
		return noShape
	}
	shape := o.own(s)
	narrow := func(t *Shape) { shape = o.intersect(shape, t) }
	if len(s.Constant) > 0 {
		narrow(valueShape(s.Constant[0]))
	}
	if len(s.Enum) > 0 {
		values := make([]*Shape, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = valueShape(v)
		}
		narrow(Union(values...))
	}
	if s.Ref != nil {
		narrow(o.outline(s.Ref))
	}
	for _, t := range s.AllOf {
		narrow(o.outline(t))
	}
	if len(s.AnyOf) > 0 {
		narrow(Union(o.outlines(s.AnyOf)...))
	}
	if len(s.OneOf) > 0 {
		narrow(o.oneOf(o.outlines(s.OneOf)))
	}
	if s.Not != nil {
		narrow(o.outline(s.Not).complement())
	}
	if s.If != nil {
		narrow(o.conditional(s))
	}
	if s.RecursiveRef != nil || s.DynamicRef != nil || s.UnevaluatedItems != nil || s.UnevaluatedProperties != nil {
		shape = shape.Loosely()
	}
	return shape
}

func (o *outliner) outlines(list []*jsonschema.Schema) []*Shape {
	shapes := make([]*Shape, len(list))
	for i, s := range list {
		shapes[i] = o.outline(s)
	}
	return shapes
}

// oneOf is exact where no two branches have a value in common.
func (o *outliner) oneOf(branches []*Shape) *Shape {
	u := Union(branches...)
	if len(branches) > maxAtoms {
		return u.Loosely()
	}
	for i, a := range branches {
		for _, b := range branches[:i] {
			if !o.intersect(a, b).IsEmpty() {
				return u.Loosely()
			}
		}
	}
	return u
}

// conditional is if, then, else.
func (o *outliner) conditional(s *jsonschema.Schema) *Shape {
	yes := o.outline(s.If)
	no := yes.complement()
	if s.Then != nil {
		yes = o.intersect(yes, o.outline(s.Then))
	}
	if s.Else != nil {
		no = o.intersect(no, o.outline(s.Else))
	}
	return Union(yes, no).Loosely()
}

// complement is what is not in the shape: exact where it consists of whole
// kinds.
func (s *Shape) complement() *Shape {
	if s.all {
		if s.loose {
			return looseShape
		}
		return noShape
	}
	c := &Shape{}
	for _, k := range shapeKinds {
		switch atoms := s.of(k); {
		case len(atoms) == 0:
			c.atoms = append(c.atoms, full(k))
		case slices.ContainsFunc(atoms, (*atom).isFull):
		default:
			c.atoms = append(c.atoms, full(k).loosely())
		}
	}
	return c
}

func (s *Shape) of(k document.Kind) []*atom {
	return slices.DeleteFunc(slices.Clone(s.atoms), func(a *atom) bool { return a.kind != k })
}

// isFull reports whether the atom is certainly all values of its kind.
func (a *atom) isFull() bool {
	r := newRelation()
	return r.under(full(a.kind), a)
}

// own is the shape by the keywords that are about one kind, and type.
func (o *outliner) own(s *jsonschema.Schema) *Shape {
	kinds, whole := typesOf(s.Types)
	shape := &Shape{}
	for _, k := range kinds {
		a := full(k)
		switch k { //nolint:exhaustive // null and booleans have no keywords
		case document.KindNumber:
			a.whole = whole
			numbers(a, s)
		case document.KindString:
			texts(a, s)
		case document.KindArray:
			o.arrays(a, s)
		case document.KindObject:
			o.objects(a, s)
		}
		if a = a.tidy(); a != nil {
			shape.atoms = append(shape.atoms, a)
		}
	}
	if len(kinds) == len(shapeKinds) && !whole && !slices.ContainsFunc(shape.atoms, func(a *atom) bool { return !a.isFull() }) &&
		len(shape.atoms) == len(kinds) {
		return anyShape
	}
	return shape
}

// typesOf gives the kinds that `type` allows, and whether numbers are whole.
func typesOf(names []string) (kinds []document.Kind, whole bool) {
	if len(names) == 0 {
		return shapeKinds, false
	}
	for _, k := range shapeKinds {
		if slices.Contains(names, k.String()) || k == document.KindNumber && slices.Contains(names, "integer") {
			kinds = append(kinds, k)
		}
	}
	return kinds, !slices.Contains(names, "number")
}

func numbers(a *atom, s *jsonschema.Schema) {
	a.least, a.aboveLeast = tighter(s.Minimum, false, s.ExclusiveMinimum, true, 1)
	a.most, a.belowMost = tighter(s.Maximum, false, s.ExclusiveMaximum, true, -1)
	if s.MultipleOf != nil {
		a.marks = append(a.marks, mark{name: "multipleOf " + s.MultipleOf.RatString()})
	}
}

func texts(a *atom, s *jsonschema.Schema) {
	a.from, a.to = max(s.MinLength, 0), max(s.MaxLength, -1)
	if g, ok := s.Extensions[guardName].(*guard); ok && g.pattern != nil {
		a.marks = append(a.marks, mark{"pattern " + g.pattern.String(), g.pattern.MatchString})
	}
	if s.Format != "" {
		if test := jsonschema.Formats[s.Format]; test != nil {
			a.marks = append(a.marks, mark{"format " + s.Format, func(v string) bool { return test(v) }})
		}
	}
	if s.ContentEncoding != "" || s.ContentMediaType != "" {
		a.loose = true
	}
}

func (o *outliner) arrays(a *atom, s *jsonschema.Schema) {
	a.from, a.to = max(s.MinItems, 0), max(s.MaxItems, -1)
	a.prefix = o.outlines(s.PrefixItems)
	unique := s.UniqueItems
	if g, ok := s.Extensions[guardName].(*guard); ok {
		unique = unique || g.unique
		if g.items != nil {
			a.rest = o.outline(g.items)
		}
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		a.rest = o.outline(items)
	case []*jsonschema.Schema:
		a.prefix = o.outlines(items)
		a.rest = o.additional(s.AdditionalItems)
	}
	if s.Items2020 != nil {
		a.rest = o.outline(s.Items2020)
	}
	if unique {
		a.marks = append(a.marks, mark{name: "uniqueItems"})
	}
	if s.Contains != nil {
		a.loose = true
	}
}

// additional is the shape by additionalProperties or additionalItems.
func (o *outliner) additional(v any) *Shape {
	switch v := v.(type) {
	case bool:
		if !v {
			return noShape
		}
	case *jsonschema.Schema:
		return o.outline(v)
	}
	return anyShape
}

func (o *outliner) objects(a *atom, s *jsonschema.Schema) {
	a.from, a.to = max(s.MinProperties, 0), max(s.MaxProperties, -1)
	a.required = slices.Compact(slices.Sorted(slices.Values(s.Required)))
	a.rest = o.additional(s.AdditionalProperties)
	patterns := sortedPatterns(s)
	named := slices.Concat(a.required, sortedKeys(s.Properties))
	a.members = make(map[string]*Shape, len(named))
	for _, name := range named {
		if _, ok := a.members[name]; ok {
			continue
		}
		shape, evaluated := anyShape, false
		if p, ok := s.Properties[name]; ok {
			shape, evaluated = o.outline(p), true
		}
		for _, p := range patterns {
			if p.MatchString(name) {
				shape, evaluated = o.intersect(shape, o.outline(s.PatternProperties[p])), true
			}
		}
		if !evaluated {
			shape = a.rest
		}
		a.members[name] = shape
	}
	if len(patterns) > 0 { // which of the other names match is not known
		others := []*Shape{a.rest}
		for _, p := range patterns {
			others = append(others, o.outline(s.PatternProperties[p]))
		}
		a.rest, a.loose = Union(others...), true
	}
	if s.PropertyNames != nil || s.RegexProperties || len(s.Dependencies)+len(s.DependentRequired)+len(s.DependentSchemas) > 0 {
		a.loose = true
	}
}

func sortedPatterns(s *jsonschema.Schema) []*regexp.Regexp {
	byText := map[string]*regexp.Regexp{}
	for p := range s.PatternProperties {
		byText[p.String()] = p
	}
	list := make([]*regexp.Regexp, 0, len(byText))
	for _, text := range sortedKeys(byText) {
		list = append(list, byText[text])
	}
	return list
}

// ValueShape is the shape of one document.
func ValueShape(d document.Document) *Shape {
	v, err := d.Value()
	if err != nil || d.IsZero() {
		return looseShape
	}
	return valueShape(v)
}

func valueShape(v any) *Shape {
	switch v := v.(type) {
	case nil:
		return KindShape(document.KindNull)
	case bool:
		return TruthShape(v)
	case json.Number:
		a := full(document.KindNumber)
		if isHuge(v) { // not to be expanded
			a.loose = true
			return single(a)
		}
		r, ok := new(big.Rat).SetString(string(v))
		if ok {
			a.least, a.most = r, r
		} else {
			a.loose = true
		}
		return single(a)
	case string:
		a := full(document.KindString)
		a.values = []string{v}
		return single(a)
	case []any:
		a := full(document.KindArray)
		a.from, a.to, a.rest = len(v), len(v), noShape
		for _, item := range v {
			a.prefix = append(a.prefix, valueShape(item))
		}
		return single(a)
	case map[string]any:
		members := make(map[string]*Shape, len(v))
		for name, member := range v {
			members[name] = valueShape(member)
		}
		return ObjectShape(members, sortedKeys(v), nil)
	}
	return looseShape
}
