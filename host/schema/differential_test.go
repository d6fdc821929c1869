package schema

// Whatever the guards take over from the authority, the verdict stays its own.

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

func drawSchema(t *rapid.T, depth int) any {
	if depth == 0 || rapid.IntRange(0, 9).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom([]any{true, false, map[string]any{}, map[string]any{"$ref": "#/$defs/n"}}).Draw(t, "end")
	}
	s := map[string]any{}
	sub := func() any { return drawSchema(t, depth-1) }
	subs := func() []any {
		list := make([]any, rapid.IntRange(1, 3).Draw(t, "branches"))
		for i := range list {
			list[i] = sub()
		}
		return list
	}
	for range rapid.IntRange(1, 3).Draw(t, "keywords") {
		k := rapid.SampledFrom([]string{
			"type", "const", "enum", "minimum", "maximum", "multipleOf", "minLength", "pattern",
			"items", "prefixItems", "contains", "minContains", "maxContains", "uniqueItems", "minItems", "unevaluatedItems",
			"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "unevaluatedProperties",
			"dependentRequired", "dependentSchemas", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
		}).Draw(t, "keyword")
		switch k {
		case "type":
			s[k] = rapid.SampledFrom([]any{"string", "integer", "number", "array", "object", "null", []any{"boolean", "array"}, []any{"string", "object"}}).Draw(t, "type")
		case "const":
			s[k] = drawValue(t, 1)
		case "enum":
			s[k] = []any{drawValue(t, 1), drawValue(t, 0)}
		case "minimum", "maximum", "minLength", "minItems", "maxContains", "minContains":
			s[k] = rapid.IntRange(0, 3).Draw(t, "n")
		case "multipleOf":
			s[k] = rapid.SampledFrom([]any{json.Number("0.5"), json.Number("2"), json.Number("1e-2")}).Draw(t, "of")
		case "pattern":
			s[k] = "^a"
		case "uniqueItems":
			s[k] = true
		case "prefixItems", "allOf", "anyOf", "oneOf":
			s[k] = subs()
		case "required":
			s[k] = []any{"a"}
		case "properties", "dependentSchemas":
			s[k] = map[string]any{"a": sub(), "b": sub()}
		case "patternProperties":
			s[k] = map[string]any{"^a": sub()}
		case "dependentRequired":
			s[k] = map[string]any{"a": []any{"b"}}
		default:
			s[k] = sub()
		}
	}
	return s
}

func drawValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2, 3:
		return rapid.SampledFrom([]any{json.Number("1"), json.Number("1.0"), json.Number("2"), json.Number("2.5"), json.Number("10e-1")}).Draw(t, "number")
	case 4:
		return rapid.SampledFrom([]string{"", "a", "ab", "b"}).Draw(t, "string")
	case 5:
		list := make([]any, rapid.IntRange(0, 4).Draw(t, "items"))
		for i := range list {
			list[i] = drawValue(t, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		m[rapid.SampledFrom([]string{"a", "b", "aa", "c"}).Draw(t, "key")] = drawValue(t, depth-1)
	}
	return m
}

func TestPropertyVerdictIsTheAuthoritys(t *testing.T) {
	valid, invalid := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		root, _ := drawSchema(t, 3).(map[string]any)
		if root == nil {
			root = map[string]any{}
		}
		root["$defs"] = map[string]any{"n": map[string]any{"type": []any{"number", "array"}, "items": map[string]any{"$ref": "#/$defs/n"}, "minimum": json.Number("2")}}
		source, _ := json.Marshal(root)
		ours, err := compileWith("test", source, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := jsonschema.CompileString(rootURL, string(source))
		if err != nil {
			t.Fatal(err)
		}
		d, err := document.FromValue(drawValue(t, 3))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := d.Value()
		got := ours.Validate(d)
		if want := theirs.Validate(v); (got == nil) != (want == nil) {
			t.Fatalf("%s\non %s: %v, the authority: %v", source, d, got, want)
		}
		if got == nil {
			valid++
			return
		}
		invalid++
		for range 5 { // the authority ranges over maps; nothing of that may show
			if again := ours.Validate(d); !reflect.DeepEqual(got, again) {
				t.Fatalf("%s\non %s:\n%v\n%v", source, d, got, again)
			}
		}
		for _, violation := range got {
			if violation.Message == "" || violation.Keyword == "" || violation.Found == "" {
				t.Fatalf("%s\non %s: %+v", source, d, violation)
			}
			if _, ok := lookup(v, violation.Pointer); !ok {
				t.Fatalf("%s\non %s: no such place: %+v", source, d, violation)
			}
		}
	})
	t.Logf("%d valid, %d invalid", valid, invalid)
}
