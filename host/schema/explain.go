package schema

// The authority's tree of errors to a short list of leaf causes.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/failure"
)

// explainer turns the errors of one validation into violations.
type explainer struct {
	sources  *sources
	document any
	found    map[string]string // excerpts by pointer: many violations stand at one place
}

// violations are those of the tree below root: sorted, without doubles, cut to
// MaxViolations. Only those that are returned are written out, because a tree
// can have a million leaves.
func (e *explainer) violations(root *jsonschema.ValidationError) []failure.Violation {
	places := first(leaves(root), 20*MaxViolations)
	var out []failure.Violation
	for i, p := range places {
		// A place's violations are sorted together, so the list may be cut only
		// where the next place begins.
		if len(out) >= MaxViolations && comparePointers(p.pointer, places[i-1].pointer) != 0 {
			break
		}
		out = append(out, e.explain(p.cause)...)
	}
	slices.SortStableFunc(out, compareViolations)
	out = slices.Compact(out)
	return out[:min(len(out), MaxViolations)]
}

// place is a cause and where it stands.
type place struct {
	pointer string
	cause   *jsonschema.ValidationError
}

// first returns the first n causes in order, without sorting all of them.
func first(causes []*jsonschema.ValidationError, n int) []place {
	var kept []place
	full := false // kept has n places that are sorted, and perhaps more
	for _, cause := range causes {
		p := place{pointerOf(cause.InstanceLocation), cause}
		if full && comparePlaces(p, kept[n-1]) >= 0 {
			continue
		}
		kept = append(kept, p)
		if len(kept) == 2*n {
			slices.SortFunc(kept, comparePlaces)
			kept, full = kept[:n], true
		}
	}
	slices.SortFunc(kept, comparePlaces)
	return kept[:min(len(kept), n)]
}

func comparePlaces(a, b place) int {
	return cmp.Or(
		comparePointers(a.pointer, b.pointer),
		cmp.Compare(a.cause.KeywordLocation, b.cause.KeywordLocation),
		cmp.Compare(a.cause.Message, b.cause.Message),
	)
}

func compareViolations(a, b failure.Violation) int {
	return cmp.Or(
		comparePointers(a.Pointer, b.Pointer),
		cmp.Compare(a.Keyword, b.Keyword),
		cmp.Compare(a.Message, b.Message),
	)
}

// leaves are the errors that are causes themselves. Alternatives and contains
// count as such: what is below them are reasons why they do not hold, not
// faults.
func leaves(root *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var out []*jsonschema.ValidationError
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 || isAlternative(e) {
			out = append(out, e)
			return
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(root)
	return out
}

func isAlternative(e *jsonschema.ValidationError) bool {
	switch lastToken(e.KeywordLocation) {
	case "anyOf":
		return e.Message == "anyOf failed"
	case "oneOf":
		return e.Message == "oneOf failed"
	case "minContains":
		return true
	}
	return false
}

// keywordOf is the rule that an error is about. A schema that is just false has
// no keyword; the one that it stands under is named.
func keywordOf(e *jsonschema.ValidationError) string {
	tokens := strings.Split(pointerOf(e.KeywordLocation), "/")
	for i := len(tokens) - 1; i > 0; i-- {
		if i > 1 && takesNames[tokens[i-1]] {
			continue // the name of a property or definition, whatever it looks like
		}
		if keywords[tokens[i]] {
			return tokens[i]
		}
	}
	return "false"
}

func lastToken(location string) string { return location[strings.LastIndexByte(location, '/')+1:] }

// takesNames are the keywords below which names stand.
var takesNames = map[string]bool{
	"properties": true, "patternProperties": true, "$defs": true, "definitions": true,
	"dependentSchemas": true, "dependentRequired": true, "dependencies": true,
}

var keywords = map[string]bool{
	"type": true, "const": true, "enum": true, "format": true,
	"minProperties": true, "maxProperties": true, "required": true, "properties": true,
	"propertyNames": true, "patternProperties": true, "additionalProperties": true,
	"dependencies": true, "dependentRequired": true, "dependentSchemas": true, "unevaluatedProperties": true,
	"minItems": true, "maxItems": true, "uniqueItems": true, "items": true, "additionalItems": true,
	"prefixItems": true, "contains": true, "minContains": true, "maxContains": true, "unevaluatedItems": true,
	"minLength": true, "maxLength": true, "pattern": true, "contentEncoding": true, "contentMediaType": true,
	"minimum": true, "maximum": true, "exclusiveMinimum": true, "exclusiveMaximum": true, "multipleOf": true,
	"not": true, "anyOf": true, "oneOf": true, "allOf": true, "if": true, "then": true, "else": true,
	"$ref": true, "$recursiveRef": true, "$dynamicRef": true,
}

// explain writes one cause out. Keywords that name several properties give one
// violation for each.
func (e *explainer) explain(cause *jsonschema.ValidationError) []failure.Violation {
	v := failure.Violation{Pointer: pointerOf(cause.InstanceLocation), Keyword: keywordOf(cause)}
	value, _ := lookup(e.document, v.Pointer)
	prefix := ""
	if inNames(cause.KeywordLocation) { // the property's name was checked, not its value
		value = unescapeToken(lastToken(v.Pointer))
		prefix = "the property's name: "
	}
	v.Found = e.excerpt(v.Pointer+prefix, value)
	if len(cause.Causes) > 0 && (v.Keyword == "anyOf" || v.Keyword == "oneOf") {
		return e.alternatives(cause, v)
	}
	var out []failure.Violation
	for _, text := range e.messages(cause, v.Keyword, value) {
		v.Message = prefix + text
		out = append(out, v)
	}
	return out
}

func (e *explainer) excerpt(place string, value any) string {
	text, ok := e.found[place]
	if !ok {
		text = excerpt(value, foundBytes)
		e.found[place] = text
	}
	return text
}

// inNames reports whether the schema that failed was applied to a name.
func inNames(keywordLocation string) bool {
	tokens := strings.Split(keywordLocation, "/")
	for i, t := range tokens {
		if t == "propertyNames" && (i == 0 || !takesNames[tokens[i-1]]) {
			return true
		}
	}
	return false
}

// alternatives explains an anyOf or oneOf of which no branch holds.
func (e *explainer) alternatives(cause *jsonschema.ValidationError, v failure.Violation) []failure.Violation {
	meant := -1
	for i, branch := range cause.Causes {
		if e.isMeant(branch, v.Pointer) {
			if meant >= 0 {
				meant = -1
				break
			}
			meant = i
		}
	}
	if meant >= 0 {
		var out []failure.Violation
		for _, leaf := range leaves(cause.Causes[meant]) {
			out = append(out, e.explain(leaf)...)
			if len(out) >= MaxViolations {
				break
			}
		}
		return out
	}
	const shown = 8
	quantity := "at least one"
	if v.Keyword == "oneOf" {
		quantity = "exactly one"
	}
	parts := make([]string, 0, shown+1)
	for i, branch := range cause.Causes {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(cause.Causes)-shown))
			break
		}
		parts = append(parts, fmt.Sprintf("(%d) %s", i+1, e.brief(branch, v.Pointer)))
	}
	v.Message = fmt.Sprintf("must match %s of %d alternatives, matches none: %s", quantity, len(cause.Causes), strings.Join(parts, "; "))
	return []failure.Violation{v}
}

// isMeant reports whether a branch could have been the one that the document
// was made for: its type is right, and so are the constants by which branches
// are told apart, in the value itself or in one of its members.
func (e *explainer) isMeant(branch *jsonschema.ValidationError, pointer string) bool {
	for _, leaf := range leaves(branch) {
		at := pointerOf(leaf.InstanceLocation)
		keyword := keywordOf(leaf)
		own := at == pointer
		switch keyword {
		case "type", "false":
			if own {
				return false
			}
		case "const", "enum":
			if own || strings.LastIndexByte(at, '/') == len(pointer) {
				return false
			}
		}
	}
	return true
}

// brief says in one line what a branch asks for.
func (e *explainer) brief(branch *jsonschema.ValidationError, pointer string) string {
	const shown, longest = 3, 240
	found := leaves(branch)
	slices.SortStableFunc(found, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(
			comparePointers(pointerOf(a.InstanceLocation), pointerOf(b.InstanceLocation)),
			cmp.Compare(a.KeywordLocation, b.KeywordLocation),
		)
	})
	var parts []string
	for i, leaf := range found {
		if i == shown {
			parts = append(parts, "…")
			break
		}
		for _, v := range e.explain(leaf) {
			text := v.Message
			if below, ok := strings.CutPrefix(v.Pointer, pointer); ok && below != "" {
				text = below + " " + text
			}
			parts = append(parts, text)
			if len(parts) > 2*shown {
				break
			}
		}
	}
	return cut([]byte(strings.Join(parts, ", ")), longest)
}
