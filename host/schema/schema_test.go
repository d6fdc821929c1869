package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/schema"
)

func compile(tb testing.TB, source string) *schema.Schema {
	tb.Helper()
	s, err := schema.Compile("test.json", []byte(source), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func show(vs []failure.Violation) string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintf(&b, "%s|%s|%s|%s\n", v.Pointer, v.Keyword, v.Message, v.Found)
	}
	return b.String()
}

func TestViolations(t *testing.T) {
	kinds := `{"oneOf":[
		{"properties":{"kind":{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"]},
		{"properties":{"kind":{"const":"box"},"w":{"type":"number"},"h":{"type":"number"}},"required":["kind","w","h"]}]}`
	for _, c := range []struct{ schema, in, want string }{
		{`{}`, `[1,{"a":null}]`, ``},
		{`true`, `1`, ``},
		{`false`, `1`, "|false|nothing is allowed here|1\n"},
		{`{"type":"string"}`, `1.50`, "|type|must be a string|1.50\n"},
		{`{"type":["string","null"]}`, `{"b":1,"a":2}`, "|type|must be a string or null|{\"a\":2,\"b\":1}\n"},
		{`{"type":"integer"}`, `1.0`, ``},
		{`{"type":"integer"}`, `1e400`, ``},
		{`{"const":5}`, `6`, "|const|must be 5|6\n"},
		{`{"enum":["a",1,null,{"x":1}]}`, `"b"`, "|enum|must be one of \"a\", 1, null, {\"x\":1}|\"b\"\n"},
		{`{"minimum":0.1}`, `0.09999999999999999999999999`, "|minimum|must be at least 0.1|0.09999999999999999999999999\n"},
		{`{"exclusiveMaximum":1e400}`, `1e400`, "|exclusiveMaximum|must be less than 1e400|1e400\n"},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":3,"exclusiveMinimum":true}`, `3`, "|exclusiveMinimum|must be greater than 3|3\n"},
		{`{"multipleOf":0.01}`, `19.995`, "|multipleOf|must be a multiple of 0.01|19.995\n"},
		{`{"multipleOf":0.01}`, `19.99`, ``},
		{`{"minLength":3}`, `"éé"`, "|minLength|must have at least 3 characters, has 2|\"éé\"\n"},
		{`{"maxLength":1}`, `"éé"`, "|maxLength|must have at most 1 character, has 2|\"éé\"\n"},
		{`{"pattern":"^[a-z]+$"}`, `"A"`, "|pattern|must match the pattern \"^[a-z]+$\"|\"A\"\n"},
		{`{"format":"date"}`, `"June"`, "|format|must be a date as in 2006-01-02 (format date)|\"June\"\n"},
		{`{"format":"colour"}`, `"June"`, ``},
		{`{"minItems":1}`, `[]`, "|minItems|must have at least 1 item, has 0|[]\n"},
		{`{"maxItems":1e300}`, `[1]`, ``},
		{`{"minItems":1e300}`, `[1]`, "|minItems|must have at least 1e300 items, has 1|[1]\n"},
		{`{"maxProperties":0}`, `{"a":1}`, "|maxProperties|must have at most 0 properties, has 1|{\"a\":1}\n"},
		{`{"uniqueItems":true}`, `[1,{"a":1},{"a":1.0}]`, "|uniqueItems|items must differ: items 1 and 2 are equal|[1,{\"a\":1},{\"a\":1.0}]\n"},
		{`{"uniqueItems":true}`, `[1,"1",true,"true",null,"null",[1]]`, ``},
		{
			`{"required":["b","a","c"]}`, `{"a":1}`,
			"|required|the property \"b\" is required|{\"a\":1}\n|required|the property \"c\" is required|{\"a\":1}\n",
		},
		{
			`{"properties":{"a":{}},"patternProperties":{"^x-":{}},"additionalProperties":false}`, `{"a":1,"x-y":1,"c":1,"b":2}`,
			"|additionalProperties|the property \"b\" is not allowed; allowed: \"a\"|{\"a\":1,\"b\":2,\"c\":1,\"x-y\":1}\n" +
				"|additionalProperties|the property \"c\" is not allowed; allowed: \"a\"|{\"a\":1,\"b\":2,\"c\":1,\"x-y\":1}\n",
		},
		{
			`{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, `{"a":1,"b":2}`,
			"/b|unevaluatedProperties|the property \"b\" is not allowed|2\n",
		},
		{`{"properties":{"a":false}}`, `{"a":1}`, "/a|properties|the property \"a\" is not allowed|1\n"},
		{`{"propertyNames":{"maxLength":2}}`, `{"abc":1}`, "/abc|maxLength|the property's name: must have at most 2 characters, has 3|\"abc\"\n"},
		{
			`{"properties":{"type":{"type":"string"},"a/b~c %é":{"type":"null"}}}`, `{"type":1,"a/b~c %é":1}`,
			"/a~1b~0c %é|type|must be null|1\n/type|type|must be a string|1\n",
		},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "|dependentRequired|the property \"b\" is required, because \"a\" is there|{\"a\":1}\n"},
		{`{"not":{"type":"null"}}`, `null`, "|not|must not be valid against {\"type\":\"null\"}|null\n"},
		{`{"contains":{"type":"null"}}`, `[1,2]`, "|minContains|must contain at least 1 item valid against {\"type\":\"null\"}|[1,2]\n"},
		{`{"contains":{"type":"null"},"maxContains":1}`, `[null,null]`, "|maxContains|must contain at most 1 item valid against {\"type\":\"null\"}|[null,null]\n"},
		{`{"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]}}`, `{"a":1}`, "|required|the property \"b\" is required|{\"a\":1}\n"},
		{
			`{"prefixItems":[{"type":"null"}],"items":{"type":"string"}}`, `[1,"a",2,3]`,
			"/0|type|must be null|1\n/2|type|must be a string|2\n/3|type|must be a string|3\n",
		},
		{
			`{"items":{"$ref":"#/$defs/n"},"$defs":{"n":{"allOf":[{"type":"number"},{"minimum":1}]}}}`, `["x",0,2]`,
			"/0|type|must be a number|\"x\"\n/1|minimum|must be at least 1|0\n",
		},
		{
			`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`,
			"|anyOf|must match at least one of 2 alternatives, matches none: (1) must be a string; (2) must be null|1\n",
		},
		{
			kinds, `{"kind":"box","w":"1"}`,
			"|required|the property \"h\" is required|{\"kind\":\"box\",\"w\":\"1\"}\n/w|type|must be a number|\"1\"\n",
		},
		{
			kinds, `{"kind":"star"}`,
			"|oneOf|must match exactly one of 2 alternatives, matches none: (1) the property \"r\" is required, /kind must be \"circle\"; (2) the property \"w\" is required, the property \"h\" is required, /kind must be \"box\"|{\"kind\":\"star\"}\n",
		},
		{`{"oneOf":[{},{"type":"number"},{}]}`, `1`, "|oneOf|must match exactly one of the alternatives, matches (1) and (2)|1\n"},
		{
			`{"properties":{"n":{"minimum":1}}}`, `{"n":1e999999999,"m":[1e-999999999]}`,
			"/m/0|limit|a number must not be beyond what can be computed with (1000 characters, exponents to ±1000)|1e-999999999\n" +
				"/n|limit|a number must not be beyond what can be computed with (1000 characters, exponents to ±1000)|1e999999999\n",
		},
	} {
		s := compile(t, c.schema)
		if got := show(s.Validate(document.MustParse(c.in))); got != c.want {
			t.Errorf("%s\non %s\n got %s\nwant %s", c.schema, c.in, got, c.want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct{ in, pointer, text string }{
		{`{`, ``, "test.json: a schema must be JSON: line 1, column 2: expected a key in double quotes, found the end of the text"},
		{`[]`, ``, "test.json: a schema must be an object, true or false; found []"},
		{`{"a":1,"a":2}`, ``, `test.json: a schema must be JSON: line 1, column 8: the key "a" stands twice in one object`},
		{`{"properties":{"a":{"type":"strin"}}}`, `/properties/a/type`, `test.json at /properties/a/type: must be one of "array", "boolean", "integer", "null", "number", "object", "string"; found "strin"`},
		{`{"properties":{"a":{"pattern":"(?=x)"}}}`, `/properties/a/pattern`, `test.json at /properties/a/pattern: not a regular expression that can be used; found "(?=x)" (patterns are RE2, without look-ahead and back references)`},
		{`{"items":{"$ref":"#/$defs/x"}}`, `/items/$ref`, `test.json at /items/$ref: the reference "#/$defs/x" leads nowhere`},
		{`{"$ref":"#"}`, `/$ref`, `test.json at /$ref: the schema refers to itself without end (a reference must lead into a part of the document)`},
		{`{"items":{"$ref":"https://example.com/x.json#/a"}}`, `/items/$ref`, `test.json at /items/$ref: the reference "https://example.com/x.json": it leads to another machine or an absolute place, and nothing is read from there (put the definition into $defs of the schema, or in a file named by a relative reference)`},
		{`{"$ref":"file:///etc/passwd"}`, `/$ref`, `test.json at /$ref: the reference "file:///etc/passwd": it leads to another machine or an absolute place, and nothing is read from there (put the definition into $defs of the schema, or in a file named by a relative reference)`},
		{`{"$ref":"/etc/passwd"}`, `/$ref`, `test.json at /$ref: the reference "/etc/passwd": it leads out of the schema's folder (name a file beside the schema or below it)`},
		{`{"$ref":"../x.json"}`, `/$ref`, `test.json at /$ref: the reference "/x.json": it leads out of the schema's folder (name a file beside the schema or below it)`},
		{`{"$ref":"x.json"}`, `/$ref`, `test.json at /$ref: the reference "x.json": it names another file (no files can be named here; put the definition into $defs of the schema itself)`},
		{`{"$schema":"https://example.com/meta"}`, `/$schema`, `test.json at /$schema: the reference "https://example.com/meta": it leads to another machine or an absolute place, and nothing is read from there (put the definition into $defs of the schema, or in a file named by a relative reference)`},
		{`{"multipleOf":1e-999999999}`, `/multipleOf`, `test.json at /multipleOf: the number 1e-999999999 is beyond what can be computed with (1000 characters, exponents to ±1000)`},
	} {
		_, err := schema.Compile("test.json", []byte(c.in), nil)
		var ce *schema.CompileError
		if !errors.As(err, &ce) {
			t.Errorf("%s: %v, want a CompileError", c.in, err)
			continue
		}
		if ce.Pointer != c.pointer || ce.Error() != c.text {
			t.Errorf("%s\n got %q %v\nwant %q %s", c.in, ce.Pointer, err, c.pointer, c.text)
		}
	}
}

func TestFiles(t *testing.T) {
	files := map[string]string{
		"address.json":      `{"type":"object","properties":{"zip":{"$ref":"common/types.json#/$defs/zip"}}}`,
		"common/types.json": `{"$defs":{"zip":{"type":"string","pattern":"^[0-9]{5}$"},"up":{"$ref":"../address.json"}}}`,
		"bad.json":          `{"properties":{"a":{"type":7}}}`,
		"again.json":        `{"$ref":"again.json"}`,
	}
	asked := map[string]int{}
	load := func(ref string) ([]byte, error) {
		asked[ref]++
		if f, ok := files[ref]; ok {
			return []byte(f), nil
		}
		return nil, fmt.Errorf("no file %s", ref)
	}
	source := `{"properties":{"home":{"$ref":"address.json"},"work":{"$ref":"address.json"}}}`
	s, err := schema.Compile("order.json", []byte(source), load)
	if err != nil {
		t.Fatal(err)
	}
	in := document.MustParse(`{"home":{"zip":"x"}}`)
	want := "/home/zip|pattern|must match the pattern \"^[0-9]{5}$\"|\"x\"\n"
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got := show(s.Validate(in)); got != want {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	wg.Wait()
	for ref, n := range asked {
		if n != 1 {
			t.Errorf("%s was loaded %d times", ref, n)
		}
	}
	withID := `{"$id":"https://example.com/schemas/order.json","properties":{"home":{"$ref":"address.json"}}}`
	other, err := schema.Compile("order.json", []byte(withID), load)
	if err != nil {
		t.Fatal(err)
	}
	if got := show(other.Validate(in)); got != want {
		t.Errorf("with an $id: %s", got)
	}
	before := s.Digest()
	files["common/types.json"] = `{"$defs":{"zip":{}}}`
	changed, err := schema.Compile("another name", []byte(" "+source), load)
	if err != nil {
		t.Fatal(err)
	}
	if changed.Digest() == before || !strings.HasPrefix(before, "sha256:") {
		t.Error("the digest does not depend on a file that is named")
	}
	for ref, text := range map[string]string{
		"none.json":  `order.json at /$ref: the reference "none.json": no file none.json`,
		"bad.json":   `order.json (bad.json) at /properties/a/type: `,
		"again.json": `order.json at /$ref: the schema refers to itself without end`,
	} {
		_, err := schema.Compile("order.json", []byte(`{"$ref":"`+ref+`"}`), load)
		if err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// Each of these would hold the authority for hours, or kill it.
func TestHostile(t *testing.T) {
	doubling := func(n int, leaf string) string {
		var b strings.Builder
		b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
		for i := range n {
			fmt.Fprintf(&b, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
		}
		fmt.Fprintf(&b, `"d%d":%s}}`, n, leaf)
		return b.String()
	}
	tree := `{"anyOf":[{"properties":{"x":{"$ref":"#"}},"required":["a"]},{"properties":{"x":{"$ref":"#"}},"required":["b"]}]}`
	deep := strings.Repeat(`{"x":`, 200) + `1` + strings.Repeat(`}`, 200)
	var collide strings.Builder
	collide.WriteString(`[["a\u0003b"]`)
	for i := range 1 << 14 {
		collide.WriteString(`,[`)
		for bit := range 14 {
			collide.WriteString(`"a`)
			if i>>bit&1 == 1 {
				collide.WriteString(`","`)
			} else {
				collide.WriteString(`\u0003`)
			}
			collide.WriteString(`b",`)
		}
		fmt.Fprintf(&collide, `"e"]`)
	}
	collide.WriteString(`]`)
	wrong := `[` + strings.Repeat(`0,`, 1<<20) + `0]`
	var members strings.Builder
	members.WriteString(`{"a":""`)
	for i := range 1 << 15 {
		fmt.Fprintf(&members, `,"p%d":0`, i)
	}
	members.WriteString(`}`)
	long := `{"` + strings.Repeat("k", 1<<20) + `":[` + strings.Repeat(`0,`, 1<<12) + `0]}`
	for _, c := range []struct{ name, schema, in, want string }{
		{"allOf doubling, valid", doubling(60, `{}`), `1`, "|limit|the check took too much work"},
		{"allOf doubling, invalid", doubling(40, `{"minimum":2}`), `1`, "|limit|the check took too much work"},
		{"alternatives at every level", tree, deep, "|limit|the check took too much work"},
		{"lists that hash alike", `{"uniqueItems":true}`, collide.String(), ""},
		{"a million wrong items", `{"items":{"type":"string"}}`, wrong, "/0|type|must be a string|0\n/1|type"},
		{"many wrong members", `{"additionalProperties":{"type":"string"}}`, members.String(), "/p0|type|must be a string|0\n/p1|type|must be a string|0\n/p10|"},
		{"a long key above many values", `{"additionalProperties":{"items":{"type":"number"}},"unevaluatedProperties":true}`, long, "|limit|long keys stand above too many values"},
		{"recursion as deep as the document", `{"properties":{"x":{"$ref":"#"}}}`, deep, ""},
		{"numbers in an enum", `{"enum":[1,2]}`, `1e1000000`, "|limit|a number must not be beyond"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compile(t, c.schema)
			began := time.Now()
			got := show(s.Validate(document.MustParse(c.in)))
			if !strings.HasPrefix(got, c.want) || (c.want == "" && got != "") {
				t.Errorf("got %.300s", got)
			}
			t.Log(time.Since(began))
		})
	}
}

func TestManyViolationsAreCut(t *testing.T) {
	s := compile(t, `{"items":{"type":"string"},"minItems":1000}`)
	got := s.Validate(document.MustParse(`[` + strings.Repeat(`0,`, 200) + `0]`))
	if len(got) != schema.MaxViolations || got[0].Keyword != "minItems" || got[49].Pointer != "/48" {
		t.Errorf("%d violations: %s", len(got), show(got))
	}
	if f := got[0].Found; len(f) > 204 || !strings.HasSuffix(f, "…") {
		t.Errorf("found %q", f)
	}
	if got := show(s.Validate(document.Document{})); got != "|type|there must be a document; there is none|\n" {
		t.Error(got)
	}
}
