package schema

// What keeps the authority inside bounds: it can neither be interrupted nor
// told to stop after some errors, so an extension that every compiled schema
// carries counts the work and takes over the checks whose cost is not linear.

import (
	"context"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
)

const guardName = "chainrun"

// The work that one validation may do, in units: a schema looked at is one, and
// so is each of its branches and each member of the object or list in front of
// it. Ordinary schemas take two to ten units a value. What a unit costs grows
// with the square of the document's depth, because the authority writes out the
// whole path of every error, also of those that it forgets again; so deep
// documents get fewer.
const (
	workBase     = 20_000
	workPerValue = 64
	workLeast    = 8 // a value, however deep
	workMost     = 16_000_000
	shallow      = 16 // the depth from which on there is less
)

// work is the allowance for a document of so many values and levels.
func work(values, depth int) int {
	steep := 1 + (depth/shallow)*(depth/shallow)
	return min(workBase/steep+values*max(workPerValue/steep, workLeast), workMost)
}

// failedItems is after how many failed items a list is not looked at further.
const failedItems = 2 * MaxViolations

// checker is one compiled copy of a schema, for one validation at a time.
type checker struct {
	sources *sources
	schema  *jsonschema.Schema
	ctx     context.Context //nolint:containedctx // of the one validation
	work    int             // units left
	look    int             // units until ctx is looked at
	steps   int             // of patterns, left
	names   int             // the greatest size of the patternProperties of one schema
}

// tooMuchWork is what a guard panics with; [checker.run] recovers it.
type tooMuchWork struct{}

// givenUp is its like where nobody waits for the answer any more.
type givenUp struct{}

// guard is the extension's part of one compiled schema.
type guard struct {
	checker *checker
	weight  int
	unique  bool
	pattern *regexp.Regexp
	size    int // of pattern
	names   int // of all patternProperties
	items   *jsonschema.Schema
	from    int // the first index that items is for
}

// Compile makes the guard of one schema object.
func (c *checker) Compile(_ jsonschema.CompilerContext, m map[string]any) (jsonschema.ExtSchema, error) {
	g := &guard{checker: c, weight: 1}
	for _, k := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[k].([]any)
		g.weight += len(list)
	}
	return g, nil
}

// Validate charges for the schema and does what was taken from it.
func (g *guard) Validate(ctx jsonschema.ValidationContext, v any) error {
	cost := g.weight
	list, isList := v.([]any)
	if m, ok := v.(map[string]any); ok {
		cost += len(m)
	}
	g.spend(cost + len(list))
	if m, ok := v.(map[string]any); ok && g.names > 0 {
		for k := range m {
			g.step(len(k) * g.names)
		}
	}
	if text, ok := v.(string); ok && g.pattern != nil {
		g.step(len(text) * g.size)
		if !g.pattern.MatchString(text) {
			return ctx.Error("pattern", "does not match pattern %q", g.pattern)
		}
	}
	if !isList {
		return nil
	}
	var failed []error
	if g.unique {
		if i, j, ok := equalItems(list); ok {
			failed = append(failed, ctx.Error("uniqueItems", "items %d and %d are equal", i, j))
		}
	}
	if g.items != nil {
		for i := g.from; i < len(list) && len(failed) < failedItems; i++ {
			ctx.EvaluatedItem(i)
			if err := ctx.Validate(g.items, "items", list[i], strconv.Itoa(i)); err != nil {
				failed = append(failed, err)
			}
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return jsonschema.ValidationError{}.Group(ctx.Error("", ""), failed...)
}

func (g *guard) spend(units int) {
	c := g.checker
	if c.work -= units; c.work < 0 {
		panic(tooMuchWork{})
	}
	if c.look -= units; c.look < 0 {
		c.look = 10_000 // some milliseconds
		if c.ctx.Err() != nil {
			panic(givenUp{})
		}
	}
}

func (g *guard) step(steps int) {
	if g.checker.steps -= steps; g.checker.steps < 0 {
		panic(tooMuchWork{})
	}
}

// equalItems finds two equal items of a list by their canonical forms. The
// authority's own way compares all items whose hashes collide, and they can be
// made to.
func equalItems(list []any) (first, second int, found bool) {
	seen := make(map[string]int, len(list))
	for i, v := range list {
		var key string
		switch v := v.(type) {
		case nil:
			key = "n"
		case bool:
			key = strconv.FormatBool(v)
		case string:
			key = "\"" + v
		default:
			d, err := document.FromValue(v)
			if err != nil {
				continue
			}
			key = string(d.Canonical())
		}
		if at, ok := seen[key]; ok {
			return at, i, true
		}
		seen[key] = i
	}
	return 0, 0, false
}

// harden goes through the compiled schemas that can be reached, gives the
// checks above to their guards, and mends sizes that overflowed.
func (c *checker) harden(root *jsonschema.Schema) {
	seen := map[*jsonschema.Schema]bool{}
	queue := []*jsonschema.Schema{root}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		// The metaschemas are the authority's own and shared by the process.
		if s == nil || seen[s] || strings.HasPrefix(s.Location, "https://json-schema.org/") {
			continue
		}
		seen[s] = true
		queue = append(queue, parts(s)...)
		for _, size := range []*int{&s.MinItems, &s.MaxItems, &s.MinLength, &s.MaxLength, &s.MinProperties, &s.MaxProperties, &s.MinContains, &s.MaxContains} {
			if *size < -1 {
				*size = math.MaxInt
			}
		}
		if s.Enum != nil && len(s.Enum) == 0 { // one of nothing; the authority takes no notice
			s.Always = new(bool)
		}
		s.ContentSchema = nil // no keyword of draft-07; its content would escape the bounds
		g, ok := s.Extensions[guardName].(*guard)
		if !ok {
			continue
		}
		g.unique, s.UniqueItems = s.UniqueItems, false
		if s.Pattern != nil {
			g.size = patternSize(s.Pattern.String())
			g.pattern, s.Pattern = s.Pattern, nil
		}
		for p := range s.PatternProperties {
			g.names += patternSize(p.String())
		}
		c.names = max(c.names, g.names)
		if items, ok := s.Items.(*jsonschema.Schema); ok {
			g.items, s.Items = items, nil
		}
		if s.Items2020 != nil {
			g.items, g.from, s.Items2020 = s.Items2020, len(s.PrefixItems), nil
		}
	}
}

// parts are the schemas directly below and beside s.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames,
		s.UnevaluatedProperties, s.Items2020, s.Contains, s.UnevaluatedItems,
	}
	all = append(all, s.AllOf...)
	all = append(all, s.AnyOf...)
	all = append(all, s.OneOf...)
	all = append(all, s.PrefixItems...)
	for _, p := range s.Properties {
		all = append(all, p)
	}
	for _, p := range s.PatternProperties {
		all = append(all, p)
	}
	for _, p := range s.DependentSchemas {
		all = append(all, p)
	}
	for _, p := range s.Dependencies {
		if p, ok := p.(*jsonschema.Schema); ok {
			all = append(all, p)
		}
	}
	for _, p := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items} {
		switch p := p.(type) {
		case *jsonschema.Schema:
			all = append(all, p)
		case []*jsonschema.Schema:
			all = append(all, p...)
		}
	}
	return all
}
