package schema

// What a violation says: what was expected, from the schema's own text rather
// than from the authority's message, which prints Go values and floats.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// messages say what a cause expected of value: one, or one for each property
// that a keyword complains about.
func (e *explainer) messages(cause *jsonschema.ValidationError, keyword string, value any) []string {
	rule, around, ok := e.sources.rule(cause.AbsoluteKeywordLocation)
	if !ok { // within a metaschema, of which we keep no text
		return []string{strings.TrimPrefix(cause.Message, "jsonschema: ")}
	}
	if cause.Message == "not allowed" {
		return []string{notAllowed(keyword, pointerOf(cause.InstanceLocation))}
	}
	var all []string
	switch keyword {
	case "required":
		all = missing(rule, value)
	case "additionalProperties":
		all = surplus(around, value)
	}
	if len(all) == 0 {
		all = []string{expectation(keyword, rule, around, value, cause)}
	}
	return all
}

// rule finds the value of a keyword, and the schema around it, at an absolute
// location.
func (s *sources) rule(location string) (rule any, around map[string]any, ok bool) {
	address, fragment, _ := strings.Cut(location, "#")
	root, known := s.byURL[address]
	if !known {
		return nil, nil, false
	}
	pointer := pointerOf(fragment)
	rule, ok = lookup(root, pointer)
	if !ok { // minContains, where only contains is written
		rule = nil
	}
	parent, found := lookup(root, pointer[:max(strings.LastIndexByte(pointer, '/'), 0)])
	around, _ = parent.(map[string]any)
	return rule, around, ok || found
}

func expectation(keyword string, rule any, around map[string]any, value any, cause *jsonschema.ValidationError) string {
	text := excerpt(rule, 200)
	switch keyword {
	case "type":
		return "must be " + oneOf(rule)
	case "const":
		return "must be " + text
	case "enum":
		list, _ := rule.([]any)
		if len(list) == 1 {
			return "must be " + excerpt(list[0], 200)
		}
		return "must be one of " + listed(list, 400)
	case "format":
		name, _ := rule.(string)
		return "must be " + formatName(name)
	case "pattern":
		return "must match the pattern " + text
	case "minLength", "maxLength":
		s, _ := value.(string)
		return fmt.Sprintf("must have %s %s, has %d", bound(keyword), counted(text, "character"), utf8.RuneCountInString(s))
	case "minItems", "maxItems":
		list, _ := value.([]any)
		return fmt.Sprintf("must have %s %s, has %d", bound(keyword), counted(text, "item"), len(list))
	case "minProperties", "maxProperties":
		m, _ := value.(map[string]any)
		return fmt.Sprintf("must have %s %s, has %d", bound(keyword), counted(text, "property"), len(m))
	case "minimum", "maximum":
		return "must be " + bound(keyword) + " " + text
	case "exclusiveMinimum", "exclusiveMaximum":
		if exclusive, ok := rule.(bool); ok && exclusive { // draft-04
			text = excerpt(around[strings.ToLower(strings.TrimPrefix(keyword, "exclusive"))], 200)
		}
		if keyword == "exclusiveMinimum" {
			return "must be greater than " + text
		}
		return "must be less than " + text
	case "multipleOf":
		return "must be a multiple of " + text
	case "not":
		return "must not be valid against " + text
	case "minContains", "maxContains":
		if rule == nil {
			text = "1"
		}
		return fmt.Sprintf("must contain %s %s valid against %s", bound(keyword), counted(text, "item"), excerpt(around["contains"], 200))
	case "oneOf":
		var first, second int
		if _, err := fmt.Sscanf(cause.Message, "valid against schemas at indexes %d and %d", &first, &second); err == nil {
			return fmt.Sprintf("must match exactly one of the alternatives, matches (%d) and (%d)", first+1, second+1)
		}
	case "dependentRequired", "dependencies":
		if name, ok := rule.(string); ok {
			owner := unescapeToken(lastToken(parentOf(pointerOf(cause.AbsoluteKeywordLocation))))
			return fmt.Sprintf("the property %q is required, because %q is there", name, owner)
		}
	case "contentEncoding":
		return "must be encoded as " + text
	case "contentMediaType":
		return "must hold " + text
	case "additionalItems":
		if list, ok := around["items"].([]any); ok {
			return fmt.Sprintf("must have at most %s, has %s", counted(strconv.Itoa(len(list)), "item"), size(value))
		}
	case "uniqueItems":
		return "items must differ: " + cause.Message
	}
	return strings.TrimPrefix(cause.Message, "jsonschema: ")
}

// notAllowed is for a schema that is just false.
func notAllowed(keyword, pointer string) string {
	switch keyword {
	case "properties", "patternProperties", "unevaluatedProperties":
		return fmt.Sprintf("the property %s is not allowed", excerpt(unescapeToken(lastToken(pointer)), 100))
	case "items", "prefixItems", "unevaluatedItems":
		return "no item is allowed here"
	}
	return "nothing is allowed here"
}

func size(v any) string {
	list, _ := v.([]any)
	return strconv.Itoa(len(list))
}

func parentOf(pointer string) string { return pointer[:max(strings.LastIndexByte(pointer, '/'), 0)] }

func bound(keyword string) string {
	if strings.HasPrefix(keyword, "min") {
		return "at least"
	}
	return "at most"
}

func counted(n, noun string) string {
	switch {
	case n == "1":
		return n + " " + noun
	case noun == "property":
		return n + " properties"
	}
	return n + " " + noun + "s"
}

var articles = map[string]string{
	"string": "a string", "number": "a number", "integer": "an integer", "boolean": "true or false",
	"null": "null", "array": "an array", "object": "an object",
}

// oneOf names the types that a type keyword allows.
func oneOf(rule any) string {
	list, ok := rule.([]any)
	if !ok {
		list = []any{rule}
	}
	names := make([]string, 0, len(list))
	for _, t := range list {
		name, _ := t.(string)
		if a, ok := articles[name]; ok {
			name = a
		}
		names = append(names, name)
	}
	return strings.Join(names, " or ")
}

var formats = map[string]string{
	"date-time": "a date and time as in 2006-01-02T15:04:05Z",
	"date":      "a date as in 2006-01-02",
	"time":      "a time as in 15:04:05Z",
	"duration":  "a duration as in P1DT2H",
	"email":     "an e-mail address",
	"uri":       "an absolute URI",
	"uuid":      "a UUID",
	"regex":     "a regular expression (RE2)",
	"hostname":  "a host name",
	"ipv4":      "an IPv4 address",
	"ipv6":      "an IPv6 address",
}

func formatName(name string) string {
	if text, ok := formats[name]; ok {
		return text + " (format " + name + ")"
	}
	return fmt.Sprintf("of the format %q", name)
}

// listed writes values one after another, the last ones left out beyond a
// length.
func listed(list []any, longest int) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.Len() > longest {
			fmt.Fprintf(&b, "and %d more", len(list)-i)
			break
		}
		b.WriteString(excerpt(v, 100))
	}
	return b.String()
}

// missing names each required property that is not there.
func missing(rule, value any) []string {
	names, _ := rule.([]any)
	fields, _ := value.(map[string]any)
	var out []string
	for _, n := range names {
		name, _ := n.(string)
		if _, ok := fields[name]; !ok {
			out = append(out, fmt.Sprintf("the property %q is required", name))
		}
		if len(out) == MaxViolations {
			break
		}
	}
	return out
}

// surplus names each property that the schema around additionalProperties does
// not know.
func surplus(around map[string]any, value any) []string {
	fields, _ := value.(map[string]any)
	known, _ := around["properties"].(map[string]any)
	patterns, _ := around["patternProperties"].(map[string]any)
	var matchers []*regexp.Regexp
	for _, p := range sortedKeys(patterns) {
		if m, err := regexp.Compile(p); err == nil {
			matchers = append(matchers, m)
		}
	}
	hint := ""
	if len(known) > 0 {
		names := make([]any, 0, len(known))
		for _, k := range sortedKeys(known) {
			names = append(names, k)
		}
		hint = "; allowed: " + listed(names, 200)
	}
	var out []string
	for _, k := range sortedKeys(fields) {
		if _, ok := known[k]; ok || slices.ContainsFunc(matchers, func(m *regexp.Regexp) bool { return m.MatchString(k) }) {
			continue
		}
		out = append(out, fmt.Sprintf("the property %s is not allowed%s", excerpt(k, 100), hint))
		if len(out) == MaxViolations {
			break
		}
	}
	return out
}
