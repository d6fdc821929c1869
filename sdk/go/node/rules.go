// What the tags of a field say of its schema.

package node

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// rules are what a field's tags say, in their order.
type rules struct {
	list     []rule
	required bool
}

type rule struct{ key, text string }

// kinds are the JSON types that a rule is about. "" is any; text is text and goes
// on to the next rule, commas included.
var ruleKinds = map[string]struct {
	kinds []string
	text  bool
}{
	"title": {text: true}, "description": {text: true}, "pattern": {[]string{"string"}, true},
	"enum": {}, "default": {}, "example": {},
	"format": {kinds: []string{"string"}}, "minLength": {kinds: []string{"string"}}, "maxLength": {kinds: []string{"string"}},
	"minimum": {kinds: numbers}, "maximum": {kinds: numbers}, "exclusiveMinimum": {kinds: numbers},
	"exclusiveMaximum": {kinds: numbers}, "multipleOf": {kinds: numbers},
	"minItems": {kinds: []string{"array"}}, "maxItems": {kinds: []string{"array"}}, "uniqueItems": {kinds: []string{"array"}},
	"minProperties": {kinds: []string{"object"}}, "maxProperties": {kinds: []string{"object"}},
}

var numbers = []string{"number", "integer"}

// parseRules reads `jsonschema:"minimum=0,maximum=9,description=Any text, commas
// too"` and `jsonschema_description:"text"`. A tag that begins like a sentence is
// the description.
func parseRules(tag reflect.StructTag) (rules, error) {
	var r rules
	if text, ok := tag.Lookup("jsonschema_description"); ok {
		r.list = append(r.list, rule{"description", text})
	}
	text := tag.Get("jsonschema")
	if text == "" || text == "-" {
		return r, nil
	}
	if first, _, _ := strings.Cut(text, ","); strings.Contains(strings.TrimSpace(strings.SplitN(first, "=", 2)[0]), " ") {
		r.list = append(r.list, rule{"description", text})
		return r, nil
	}
	open := false // the rule before is text that may go on
	for part := range strings.SplitSeq(text, ",") {
		key, value, assigned := strings.Cut(part, "=")
		what, ok := ruleKinds[key]
		switch {
		case key == "required" && !assigned:
			r.required, open = true, false
		case key == "uniqueItems" && (!assigned || value == "true"):
			r.list, open = append(r.list, rule{key, "true"}), false
		case ok && assigned && key != "uniqueItems":
			r.list, open = append(r.list, rule{key, value}), what.text
		case open:
			last := &r.list[len(r.list)-1]
			last.text = strings.TrimSuffix(last.text, `\`) + "," + part // in other libraries a comma is written \,
		default:
			return r, fmt.Errorf("its tag jsonschema has %q, which is no rule", part)
		}
	}
	return r, nil
}

func (r rules) has(key string) bool {
	return slices.ContainsFunc(r.list, func(x rule) bool { return x.key == key })
}

// apply puts the rules into the schema of a field.
func (r rules) apply(s *object) error {
	for _, x := range r.list {
		into := s.bearer(x.key)
		if into == nil {
			t, _ := s.get("type")
			return fmt.Errorf("%s=%s in its tag is not for a value of type %v", x.key, x.text, t)
		}
		value, err := x.value(into)
		if err != nil {
			return err
		}
		switch x.key {
		case "enum":
			into.add("enum", value)
		case "example":
			into.add("examples", value)
		default:
			into.set(x.key, value)
		}
	}
	if o := s.bearer("enum"); o != nil && o.takesNull() {
		if _, ok := o.get("enum"); ok {
			o.add("enum", nil)
		}
	}
	return nil
}

// bearer finds the schema that a rule is for: s, or that of the elements of s.
// nil: none.
func (s *object) bearer(key string) *object {
	if either, ok := s.get("anyOf"); ok { // something or null
		if list, ok := either.([]any); ok && ruleKinds[key].kinds != nil {
			if first, ok := list[0].(*object); ok {
				return first.bearer(key)
			}
		}
		return s
	}
	t := s.typeName()
	kinds := ruleKinds[key].kinds
	if t == "" || slices.Contains(kinds, t) || kinds == nil && (key != "enum" || t != "array" && t != "object") {
		return s
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if v, ok := s.get(inner); ok {
			if elements, ok := v.(*object); ok {
				return elements.bearer(key)
			}
		}
	}
	return nil
}

// value is what a rule's text says, as the schema that bears it needs it.
func (x rule) value(s *object) (any, error) {
	switch x.key {
	case "title", "description", "pattern", "format":
		return x.text, nil
	case "uniqueItems":
		return true, nil
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		n, err := strconv.ParseUint(x.text, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%s=%s in its tag: want a whole number", x.key, x.text)
		}
		return n, nil
	}
	t := s.typeName()
	free := x.key == "enum" || x.key == "default" || x.key == "example" // any value of the type
	_, notNumber := strconv.ParseFloat(x.text, 64)
	valid := json.Valid([]byte(x.text))
	switch {
	case free && t == "string":
		return x.text, nil
	case !free || t == "number" || t == "integer":
		valid = valid && notNumber == nil
		t = "number"
	case t == "boolean":
		valid = x.text == "true" || x.text == "false"
	case !valid && t == "": // any value: what is no JSON is text
		return x.text, nil
	}
	if !valid {
		return nil, fmt.Errorf("%s=%s in its tag: want a JSON %s", x.key, x.text, t)
	}
	return json.RawMessage(x.text), nil
}
