package schema

import (
	"encoding/json"
	"flag"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

func compiled(t interface {
	Helper()
	Fatal(...any)
}, source string,
) *Schema {
	t.Helper()
	s, err := Compile("test", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContains(t *testing.T) {
	for _, c := range []struct {
		name, up, down string
		want           Verdict
		reason         string // part of it
	}{
		{"everything into everything", `{}`, `true`, Compatible, ""},
		{"something into everything", `{"type":"object","required":["a"]}`, `{}`, Compatible, ""},
		{"everything into something", `{}`, `{"type":"object"}`, Unknown, ""},
		{"into nothing", `{"type":"object"}`, `false`, Incompatible, "nothing at all"},
		{"from nothing", `false`, `{"type":"object"}`, Compatible, ""},
		{"other types", `{"type":"string"}`, `{"type":["object","null"]}`, Incompatible, "it is a string, and must be null or an object"},
		{"fewer types", `{"type":["string","null"]}`, `{"type":"string"}`, Unknown, ""},
		{"more types", `{"type":"string"}`, `{"type":["string","null"]}`, Compatible, ""},
		{"integers are numbers", `{"type":"integer"}`, `{"type":"number"}`, Compatible, ""},
		{"numbers may be integers", `{"type":"number"}`, `{"type":"integer"}`, Unknown, ""},
		{"1.0 is an integer", `{"const":1.0}`, `{"type":"integer"}`, Compatible, ""},
		{"1.5 is none", `{"const":1.5}`, `{"type":"integer"}`, Incompatible, "it is 1.5, and must be an integer"},
		{"no integer between", `{"type":"integer","minimum":1.2}`, `{"maximum":1.8,"type":"number"}`, Incompatible, "an integer of at least 1.2"},
		{"ranges apart", `{"type":"number","maximum":3}`, `{"type":"number","minimum":5}`, Incompatible, "of at most 3, and must be a number of at least 5"},
		{"ranges that touch", `{"type":"number","maximum":3}`, `{"type":"number","minimum":3}`, Unknown, ""},
		{"ranges that touch from outside", `{"type":"number","exclusiveMaximum":3}`, `{"type":"number","minimum":3}`, Incompatible, "below 3"},
		{"range within", `{"type":"number","minimum":1,"maximum":2}`, `{"minimum":0}`, Compatible, ""},
		{"enum within", `{"enum":["a","b"]}`, `{"enum":["c","b","a"]}`, Compatible, ""},
		{"enums apart", `{"enum":["a","b"]}`, `{"enum":["c"]}`, Incompatible, `"a" or "b", and must be "c"`},
		{"enum over several branches", `{"enum":["a","b"]}`, `{"anyOf":[{"const":"a"},{"const":"b"}]}`, Compatible, ""},
		{"enum by pattern", `{"enum":["ab","b"]}`, `{"pattern":"b$","type":"string"}`, Compatible, ""},
		{"enum against pattern", `{"enum":["ab","b"]}`, `{"pattern":"c$","type":"string"}`, Incompatible, ""},
		{"same pattern", `{"type":"string","pattern":"c$","minLength":3}`, `{"pattern":"c$"}`, Compatible, ""},
		{"another pattern", `{"type":"string","pattern":"c$"}`, `{"pattern":"d$"}`, Unknown, ""},
		{"same format", `{"type":"string","format":"date"}`, `{"type":"string","format":"date"}`, Compatible, ""},
		{"lengths apart", `{"type":"string","maxLength":3}`, `{"type":"string","minLength":4}`, Incompatible, "of at most 3 characters"},
		{
			"required and promised", `{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`,
			`{"type":"object","required":["a"],"properties":{"a":{"type":["string","null"]}}}`, Compatible, "",
		},
		{"required and not promised", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{"required":["a"]}`, Unknown, ""},
		{
			"required and forbidden", `{"type":"object","properties":{"a":{}},"additionalProperties":false}`,
			`{"type":"object","required":["b"]}`, Incompatible, `never has "b"`,
		},
		{
			"promised and forbidden", `{"type":"object","required":["b"]}`,
			`{"type":"object","properties":{"a":{}},"additionalProperties":false}`, Incompatible, `always has "b"`,
		},
		{
			"a required member of another type", `{"type":"object","required":["a"],"properties":{"a":{"type":"array","items":{"type":"string"},"minItems":1}}}`,
			`{"properties":{"a":{"items":{"type":"number"}}},"type":"object"}`, Incompatible, `"/a/0" is a string, and must be a number`,
		},
		{
			"an optional member of another type", `{"type":"object","properties":{"a":{"type":"string"}}}`,
			`{"type":"object","properties":{"a":{"type":"number"}}}`, Unknown, "",
		},
		{"lists that can be empty", `{"type":"array","items":{"type":"string"}}`, `{"type":"array","items":{"type":"number"}}`, Unknown, ""},
		{"too short", `{"type":"array","maxItems":1}`, `{"type":"array","minItems":2}`, Incompatible, "at most 1 items"},
		{"tuples", `{"type":"array","prefixItems":[{"const":1},{"const":2}],"minItems":2,"items":false}`, `{"items":{"type":"integer"},"maxItems":2}`, Compatible, ""},
		{"allOf", `{"allOf":[{"type":["string","number"]},{"type":["number","null"]}]}`, `{"type":"number"}`, Compatible, ""},
		{"anyOf, all fit", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"type":["string","null"]}`, Compatible, ""},
		{"anyOf, none fits", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"type":"number"}`, Incompatible, "null"},
		{
			"a kind by its tag", `{"oneOf":[{"type":"object","required":["k"],"properties":{"k":{"const":"a"}}}]}`,
			`{"oneOf":[{"type":"object","required":["k"],"properties":{"k":{"const":"b"}}},{"type":"object","required":["k"],"properties":{"k":{"const":"c"}}}]}`,
			Incompatible, `"/k"`,
		},
		{"not a kind", `{"type":"null"}`, `{"not":{"type":"null"}}`, Incompatible, "must be"},
		{"surely not", `{"type":["string","number"]}`, `{"not":{"type":"null"}}`, Compatible, ""},
		{"if", `{"const":1}`, `{"if":{"type":"number"},"then":{"type":"string"}}`, Incompatible, ""},
		{"a list that refers to itself", `{"type":"array","items":{"$ref":"#"}}`, `{"type":"array","items":{"type":"array"}}`, Unknown, ""},
		{"itself", `{"type":"array","items":{"$ref":"#"}}`, `{"type":"array","items":{"$ref":"#"}}`, Compatible, ""},
		{"a reference", `{"$ref":"#/$defs/n","$defs":{"n":{"type":"number"}}}`, `{"type":"string"}`, Incompatible, ""},
		{"draft-04", `{"$schema":"http://json-schema.org/draft-04/schema#","type":"number","maximum":3,"exclusiveMaximum":true}`, `{"type":"number","minimum":3}`, Incompatible, ""},
		{"what is not understood", `{"type":"object"}`, `{"dependentRequired":{"a":["b"]}}`, Unknown, ""},
		{"pattern properties", `{"type":"object","required":["ab"]}`, `{"patternProperties":{"^a":{"type":"string"}},"type":"object","additionalProperties":false}`, Unknown, ""},
		{"multiples", `{"type":"integer","multipleOf":4}`, `{"type":"integer","multipleOf":4}`, Compatible, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			up, down := compiled(t, c.up), compiled(t, c.down)
			got, why := Compare(up.Shape(), down.Shape())
			if verdict := Contains(down, up); verdict != c.want {
				t.Fatalf("%v (%v), want %v", verdict, why, c.want)
			}
			if got == Incompatible && !strings.Contains(why.String(), c.reason) {
				t.Errorf("the reason is %q, want %q", why, c.reason)
			}
		})
	}
}

// drawPlain draws a schema of the keywords that shapes understand, so that there
// is something to prove.
func drawPlain(t *rapid.T, depth int) any {
	if depth == 0 {
		return rapid.SampledFrom([]any{true, map[string]any{"type": "number"}, map[string]any{"type": "string"}, map[string]any{"const": "a"}}).Draw(t, "end")
	}
	n := func() int { return rapid.IntRange(0, 3).Draw(t, "n") }
	sub := func() any { return drawPlain(t, depth-1) }
	switch rapid.IntRange(0, 8).Draw(t, "form") {
	case 0, 1:
		s := map[string]any{"type": "object", "properties": map[string]any{"a": sub(), "b": sub()}}
		if rapid.Bool().Draw(t, "required") {
			s["required"] = rapid.SampledFrom([][]any{{"a"}, {"b"}, {"a", "c"}}).Draw(t, "which")
		}
		if rapid.Bool().Draw(t, "closed") {
			s["additionalProperties"] = rapid.SampledFrom([]any{false, map[string]any{"type": "number"}}).Draw(t, "additional")
		}
		if rapid.IntRange(0, 3).Draw(t, "sized") == 0 {
			s[rapid.SampledFrom([]string{"minProperties", "maxProperties"}).Draw(t, "size")] = n()
		}
		return s
	case 2:
		s := map[string]any{"type": "array", "items": sub()}
		if rapid.Bool().Draw(t, "prefix") {
			s["prefixItems"] = []any{sub()}
		}
		for _, k := range []string{"minItems", "maxItems"} {
			if rapid.Bool().Draw(t, k) {
				s[k] = n()
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "unique") == 0 {
			s["uniqueItems"] = true
		}
		return s
	case 3:
		s := map[string]any{"type": rapid.SampledFrom([]string{"number", "integer"}).Draw(t, "number")}
		for _, k := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} {
			if rapid.IntRange(0, 2).Draw(t, k) == 0 {
				s[k] = json.Number(rapid.SampledFrom([]string{"0", "1", "1.5", "2", "2.5"}).Draw(t, "bound"))
			}
		}
		return s
	case 4:
		s := map[string]any{"type": "string"}
		for _, k := range []string{"minLength", "maxLength"} {
			if rapid.Bool().Draw(t, k) {
				s[k] = n()
			}
		}
		if rapid.IntRange(0, 2).Draw(t, "patterned") == 0 {
			s["pattern"] = rapid.SampledFrom([]string{"^a", "b$"}).Draw(t, "pattern")
		}
		return s
	case 5:
		return map[string]any{"enum": []any{drawValue(t, 1), drawValue(t, 1), drawValue(t, 0)}}
	case 6:
		return map[string]any{rapid.SampledFrom([]string{"anyOf", "oneOf", "allOf"}).Draw(t, "of"): []any{sub(), sub()}}
	case 7:
		return map[string]any{"type": rapid.SampledFrom([]any{[]any{"string", "null"}, []any{"object", "boolean"}, "null", "boolean", []any{"number", "array"}}).Draw(t, "type")}
	}
	return drawSchema(t, depth)
}

// drawTwin draws a document that is likely to be valid: from the schema itself.
func drawTwin(t *rapid.T, s any, depth int) any {
	m, _ := s.(map[string]any)
	if depth == 0 || rapid.IntRange(0, 7).Draw(t, "wild") == 0 {
		return drawValue(t, 2)
	}
	if list, ok := m["enum"].([]any); ok {
		return rapid.SampledFrom(list).Draw(t, "member")
	}
	if v, ok := m["const"]; ok {
		return v
	}
	for _, k := range []string{"anyOf", "oneOf", "allOf"} {
		if list, ok := m[k].([]any); ok {
			return drawTwin(t, rapid.SampledFrom(list).Draw(t, "branch"), depth-1)
		}
	}
	switch m["type"] {
	case "object":
		o := map[string]any{}
		properties, _ := m["properties"].(map[string]any)
		for _, name := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(t, name) {
				o[name] = drawTwin(t, properties[name], depth-1)
			}
		}
		return o
	case "array":
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range list {
			list[i] = drawTwin(t, m["items"], depth-1)
		}
		return list
	}
	return drawValue(t, 2)
}

// The verdicts are held against the authority: no document satisfies both of two
// schemas that are incompatible, and none of a schema breaks one that is
// compatible with it. And no document is outside of its schema's shape.
func TestPropertyContains(t *testing.T) {
	checks(t, 1_500)
	counts := map[Verdict]int{}
	both := 0
	rapid.Check(t, func(t *rapid.T) {
		source := func(label string) (any, *Schema) {
			raw := drawPlain(t, rapid.IntRange(1, 3).Draw(t, label))
			if m, ok := raw.(map[string]any); ok {
				m["$defs"] = map[string]any{"n": map[string]any{"type": []any{"number", "array"}, "items": map[string]any{"$ref": "#/$defs/n"}}}
			}
			text, _ := json.Marshal(raw)
			return raw, compiled(t, string(text))
		}
		rawUp, up := source("up")
		rawDown, down := source("down")
		if rapid.IntRange(0, 3).Draw(t, "related") == 0 {
			m := map[string]any{rapid.SampledFrom([]string{"anyOf", "allOf"}).Draw(t, "of"): []any{rawUp, rawDown}}
			m["$defs"] = map[string]any{"n": map[string]any{"type": []any{"number", "array"}, "items": map[string]any{"$ref": "#/$defs/n"}}}
			text, _ := json.Marshal(m)
			rawDown, down = m, compiled(t, string(text))
		}
		verdict := Contains(down, up)
		counts[verdict]++
		_, why := Compare(up.Shape(), down.Shape())
		for i := range 12 {
			raw := rawUp
			if i%2 == 1 {
				raw = rawDown
			}
			d, err := document.FromValue(drawTwin(t, raw, 4))
			if err != nil {
				t.Fatal(err)
			}
			upHolds, downHolds := up.Validate(d) == nil, down.Validate(d) == nil
			switch {
			case upHolds && downHolds && verdict == Incompatible:
				t.Fatalf("%s fits both; they are said to be incompatible (%v):\n%s\n%s", d, why, up.Source(), down.Source())
			case upHolds && !downHolds && verdict == Compatible:
				t.Fatalf("%s fits only the first; they are said to be compatible:\n%s\n%s", d, up.Source(), down.Source())
			case upHolds && downHolds:
				both++
			}
			one := ValueShape(d)
			if v, _ := Compare(one, up.Shape()); upHolds && v == Incompatible || !upHolds && v == Compatible {
				t.Fatalf("%s is said to be %v with %s", d, v, up.Source())
			}
			if v, _ := Compare(one, Intersection(up.Shape(), down.Shape())); upHolds && downHolds && v == Incompatible {
				t.Fatalf("%s is not in the intersection of %s and %s", d, up.Source(), down.Source())
			}
			if v, _ := Compare(one, Union(up.Shape(), down.Shape())); upHolds && v == Incompatible {
				t.Fatalf("%s is not in the union of %s and %s", d, up.Source(), down.Source())
			}
		}
	})
	t.Logf("%v, %d documents fit both", counts, both)
	if counts[Compatible] == 0 || counts[Incompatible] == 0 || both == 0 {
		t.Errorf("nothing was proved: %v", counts)
	}
}

// Schemas that were made to be hard end soon.
func TestContainsIsBounded(t *testing.T) {
	deep := `{"type":"object","properties":{"a":{"$ref":"#/$defs/s0"}},"$defs":{`
	for i := range 40 {
		deep += `"s` + string(rune('0'+i%10)) + strings.Repeat("x", i/10) + `":{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/s` +
			string(rune('0'+(i+1)%10)) + strings.Repeat("x", (i+1)/10) + `"},"b":{"$ref":"#/$defs/s` + string(rune('0'+(i+1)%10)) + strings.Repeat("x", (i+1)/10) + `"}}},`
	}
	deep += `"s0xxxx":{"type":"number"}}}`
	other := strings.Replace(deep, `"type":"number"`, `"type":"string"`, 1)
	Contains(compiled(t, deep), compiled(t, other))

	branches := make([]string, 1000)
	for i := range branches {
		branches[i] = `{"type":"object","required":["k"],"properties":{"k":{"const":` + strings.Repeat("1", 1+i/100) + `}}}`
	}
	wide := compiled(t, `{"oneOf":[`+strings.Join(branches, ",")+`]}`)
	Contains(compiled(t, `{"type":"object"}`), wide)
	Contains(wide, compiled(t, `{"anyOf":[`+strings.Join(branches, ",")+`]}`))
}

// Numbers of a million digits are written in ten bytes: they are not expanded.
func TestShapeOfHugeNumbers(t *testing.T) {
	d := document.MustParse("[" + strings.Repeat("1e1000000,", 200) + "1e-1000000]")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	shape := ValueShape(d)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes for a document of %d", n, len(d.Bytes()))
	}
	if v, _ := Compare(shape, compiled(t, `{"items":{"type":"string"}}`).Shape()); v != Incompatible {
		t.Error(v)
	}
}

// checks raises the number of cases, unless the command line says how many: a
// hundred find too little here.
func checks(t *testing.T, n int) {
	t.Helper()
	const name = "rapid.checks"
	f := flag.Lookup(name)
	if f.Value.String() != f.DefValue {
		return
	}
	if err := flag.Set(name, strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
}

// FuzzContains holds verdicts on schemas that nobody drew against the authority.
func FuzzContains(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer","minimum":1}}}`,
		`{"oneOf":[{"const":1},{"enum":["a",null,[1,{"a":2}]]}],"not":{"type":"null"}}`,
		`{"if":{"type":"array"},"then":{"prefixItems":[{"type":"string"}],"items":false,"uniqueItems":true},"else":{"patternProperties":{"^a":false},"maxProperties":1}}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"number","multipleOf":0.1,"exclusiveMaximum":3}],"additionalItems":{"format":"date"}}`,
		`{"allOf":[{"minLength":2,"pattern":"^a"},{"maxLength":3}],"type":["string","boolean"],"dependentRequired":{"a":["b"]},"propertyNames":{"maxLength":1}}`,
	} {
		for _, d := range []string{`{"a":1}`, `[1,{"a":2}]`, `"aa"`, `null`, `2.50`} {
			f.Add([]byte(s), []byte(`{"type":"object"}`), []byte(d))
			f.Add([]byte(`{"anyOf":[{"const":1},{"type":["array","string"],"minItems":1}]}`), []byte(s), []byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, a, b, doc []byte) {
		up, err := Compile("up", a, nil)
		if err != nil {
			return
		}
		down, err := Compile("down", b, nil)
		if err != nil {
			return
		}
		d, err := document.Parse(doc, document.Limits{})
		if err != nil {
			return
		}
		verdict := Contains(down, up)
		upHolds, downHolds := up.Validate(d), down.Validate(d)
		for _, v := range append(upHolds, downHolds...) {
			if v.Keyword == limitKeyword { // a document that fits nowhere
				return
			}
		}
		if upHolds == nil && (verdict == Incompatible && downHolds == nil || verdict == Compatible && downHolds != nil) {
			t.Fatalf("%s\n%s\nare said to be %v; %s: %v", a, b, verdict, d, downHolds)
		}
		if v, _ := Compare(ValueShape(d), up.Shape()); v == Incompatible && upHolds == nil || v == Compatible && upHolds != nil {
			t.Fatalf("%s is said to be %v with %s: %v", d, v, a, upHolds)
		}
	})
}
