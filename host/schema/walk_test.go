package schema

// The walk is sure only where the authority says the same.

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

// held is what the walk finds, after it was held against the authority behind the
// guards.
func held(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, s *Schema, d document.Document,
) finding {
	t.Helper()
	if s.walk == nil {
		return unknown
	}
	w := walker{b: d.Bytes(), visits: 1 << 20, steps: walkPattern}
	end, found := w.value(s.walk, 0)
	slow := &Schema{name: s.name, source: s.source, digest: s.digest, sources: s.sources}
	violations := slow.Validate(document.Trusted(d.Bytes())) // of which nothing is known yet
	switch {
	case found == valid && (violations != nil || end != len(d.Bytes())):
		t.Fatalf("%s\non %s\nsurely valid, up to %d of %d; the authority: %v", s.source, d, end, len(d.Bytes()), violations)
	case found == invalid && violations == nil:
		t.Fatalf("%s\non %s\nsurely invalid; the authority says that it is valid", s.source, d)
	}
	return found
}

func TestWalkOnSuite(t *testing.T) {
	suite := suiteFolder(t)
	remotes := suiteRemotes(t, suite)
	for _, draft := range []string{"draft7", "draft2019-09", "draft2020-12"} {
		var cases, right, sure [2]int
		root := filepath.Join(suite, "tests", draft)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var groups []suiteGroup
			if err := json.Unmarshal(b, &groups); err != nil {
				return err
			}
			for _, g := range groups {
				if draft == "draft7" {
					g.Schema = inDraft7(g.Schema)
				}
				s, err := compileWith("suite", g.Schema, nil, remotes)
				if err != nil {
					continue
				}
				for _, c := range g.Tests {
					d, err := document.Parse(c.Data, document.Limits{})
					if err != nil {
						continue
					}
					which := 0
					if !c.Valid {
						which = 1
					}
					cases[which]++
					switch held(t, s, d) {
					case valid:
						sure[0]++
						right[0] += 1 - which
					case invalid:
						sure[1]++
						right[1] += which
					case unknown:
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: sure of %d of %d that are valid, and of %d of %d that are not; %d and %d as the suite has it",
			draft, sure[0], cases[0], sure[1], cases[1], right[0], right[1])
		if sure[0] < cases[0]/2 {
			t.Errorf("%s: sure of %d of %d valid documents only", draft, sure[0], cases[0])
		}
	}
}

// drawWalked draws a schema of what the walk knows, and some that it does not.
func drawWalked(t *rapid.T, depth int) any {
	if depth == 0 || rapid.IntRange(0, 7).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom([]any{true, false, map[string]any{}, map[string]any{"$ref": "#/$defs/n"}, map[string]any{"type": "string"}}).Draw(t, "end")
	}
	s := map[string]any{}
	sub := func() any { return drawWalked(t, depth-1) }
	number := func() any {
		return rapid.SampledFrom([]json.Number{"0", "-1", "1", "2", "2.50", "0.1", "-0.05", "1e2", "1e-30", "99999999999999999999", "3"}).Draw(t, "number")
	}
	for range rapid.IntRange(1, 4).Draw(t, "keywords") {
		k := rapid.SampledFrom([]string{
			"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format",
			"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required", "dependentRequired", "dependentSchemas",
			"patternProperties", "propertyNames", "additionalProperties", "properties", "const", "enum", "type", "type", "properties",
			"items", "prefixItems", "contains", "minContains", "maxContains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "unevaluatedItems",
		}).Draw(t, "keyword")
		switch k {
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
			s[k] = number()
		case "multipleOf":
			s[k] = rapid.SampledFrom([]json.Number{"0.5", "2", "1e-2", "3", "0.1", "7e20"}).Draw(t, "of")
		case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains":
			s[k] = rapid.IntRange(0, 3).Draw(t, "n")
		case "pattern":
			s[k] = rapid.SampledFrom([]string{"^a", "é", `\n`, "^.$"}).Draw(t, "pattern")
		case "format":
			s[k] = rapid.SampledFrom([]string{"date", "uri", "regex", "nothing-known"}).Draw(t, "format")
		case "uniqueItems":
			s[k] = true
		case "required":
			s[k] = []any{rapid.SampledFrom([]string{"a", "é\"", "b"}).Draw(t, "name")}
		case "dependentRequired":
			s[k] = map[string]any{"a": []any{"b"}}
		case "dependentSchemas":
			s[k] = map[string]any{"a": sub()}
		case "properties", "patternProperties":
			s[k] = map[string]any{"a": sub(), "é": sub()}
		case "const":
			s[k] = drawWalkedValue(t, 1)
		case "enum":
			s[k] = []any{drawWalkedValue(t, 1), drawWalkedValue(t, 0), drawWalkedValue(t, 0)}
		case "type":
			s[k] = rapid.SampledFrom([]any{"string", "integer", "number", "array", "object", "object", "array", "null", []any{"boolean", "integer"}, []any{"string", "object"}}).Draw(t, "type")
		case "prefixItems", "allOf", "anyOf", "oneOf":
			list := make([]any, rapid.IntRange(1, 3).Draw(t, "branches"))
			for i := range list {
				list[i] = sub()
			}
			s[k] = list
		default:
			s[k] = sub()
		}
	}
	return s
}

func drawWalkedValue(t *rapid.T, depth int) any {
	kinds := 9
	if depth == 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2, 3:
		return rapid.SampledFrom([]json.Number{"0", "-0", "1", "1.0", "2", "2.5", "-1", "10e-1", "0.10", "3", "99999999999999999999", "100", "-0.05", "123456789012345678", "1234567890123456789", "1e5000", "0.1234567890123456789"}).Draw(t, "number")
	case 4, 5:
		return rapid.SampledFrom([]string{"", "a", "ab", "b", "é", "\n", "\"\\", "aé\t", "\U0001F600", "2026-11-22", "[", "\u0000"}).Draw(t, "string")
	case 6, 7:
		list := make([]any, rapid.IntRange(0, 4).Draw(t, "items"))
		for i := range list {
			list[i] = drawWalkedValue(t, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		m[rapid.SampledFrom([]string{"a", "b", "aa", "é", "é\"", "\U0001F600"}).Draw(t, "key")] = drawWalkedValue(t, depth-1)
	}
	return m
}

// escaped writes a document in another way: each character outside of ASCII as
// an escape, and space wherever it may be.
func escaped(t *rapid.T, d document.Document) document.Document {
	var b strings.Builder
	for _, r := range d.String() {
		switch {
		case r > 0xFFFF:
			r -= 0x10000
			writeUnit(&b, 0xD800+r>>10)
			writeUnit(&b, 0xDC00+r&0x3FF)
		case r > 0x7F:
			writeUnit(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, []byte(b.String()), "", " \t"); err != nil {
		t.Fatal(err)
	}
	e, err := document.Parse(spaced.Bytes(), document.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func writeUnit(b *strings.Builder, unit rune) {
	const digits = "0123456789aBcDeF"
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[unit>>shift&15])
	}
}

func TestPropertyWalk(t *testing.T) {
	found := map[finding]int{}
	rapid.Check(t, func(t *rapid.T) {
		root, _ := drawWalked(t, 3).(map[string]any)
		if root == nil {
			root = map[string]any{}
		}
		root["$defs"] = map[string]any{"n": map[string]any{"type": []any{"number", "array", "object"}, "items": map[string]any{"$ref": "#/$defs/n"}, "minimum": json.Number("2")}}
		source, _ := json.Marshal(root)
		s, err := compileWith("test", source, nil, nil)
		if err != nil {
			t.Skip(err)
		}
		for range 4 {
			d, err := document.FromValue(drawWalkedValue(t, 3))
			if err != nil {
				t.Fatal(err)
			}
			one := held(t, s, d)
			other := escaped(t, d)
			if again := held(t, s, other); again != one && again != unknown && one != unknown {
				t.Fatalf("%s\non %s: %d; on %s: %d", source, d, one, other, again)
			}
			found[one]++
		}
	})
	t.Logf("%d valid, %d invalid, %d unknown", found[valid], found[invalid], found[unknown])
	if found[valid] == 0 || found[invalid] == 0 {
		t.Error("the walk is never sure")
	}
}

// What the authority refuses to look at, the walk does not accept.
func TestWalkBounds(t *testing.T) {
	for name, c := range map[string]struct{ schema, in string }{
		"itself":                {`{"properties":{"c":{"$ref":"#"}},"if":{"$ref":"#/properties/c"}}`, `1`},
		"itself, as a member":   {`{"properties":{"a":{"properties":{"c":{"$ref":"#/properties/a"}},"if":{"$ref":"#/properties/a/properties/c"}}}}`, `{"a":1}`},
		"a huge number":         {`{}`, `1e1001`},
		"a long number":         {`{"items":{"type":"number"}}`, `[` + strings.Repeat("1", MaxNumberDigits+1) + `]`},
		"too many values":       {`{}`, `[` + strings.Repeat("1,", MaxValues) + `1]`},
		"an unevaluated member": {`{"properties":{"a":true},"unevaluatedProperties":false}`, `{"b":1}`},
	} {
		s, err := Compile(name, []byte(c.schema), nil)
		if err != nil {
			t.Error(name, err)
			continue
		}
		if d := document.MustParse(c.in); s.walk.surely(d.Bytes()) {
			t.Errorf("%s: accepted", name)
		} else if s.Validate(d) == nil {
			t.Errorf("%s: the authority accepts it", name)
		}
	}
}

// Bytes that are no document are never accepted, and never crash it.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"],"$defs":{"x":{"anyOf":[{"type":"null"},{"minimum":1}]}}}`), []byte(`{"a":0}`))
	f.Add([]byte(`{"items":{"enum":[1,"a\n",null,2.5]},"uniqueItems":true,"contains":{"const":1}}`), []byte(`["a\n", 1, 2.50]`))
	f.Add([]byte(`{"oneOf":[{"pattern":"^a"},{"maxLength":3},{"not":{"type":"string"}}]}`), []byte(`"ab\u00e9\ud83d\ude00"`))
	f.Fuzz(func(t *testing.T, source, in []byte) {
		if len(source)+len(in) > 1<<12 {
			t.Skip()
		}
		s, err := Compile("fuzz", source, nil)
		if err != nil || s.walk == nil {
			return
		}
		d, err := document.Parse(in, document.Limits{})
		if err != nil {
			s.walk.surely(in) // whatever it says of what nobody hands to it
			return
		}
		held(t, s, d)
	})
}
