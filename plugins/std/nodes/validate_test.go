package nodes

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	const schema = `"schema":{"type":"object","required":["a"],"properties":{"a":{"type":"integer","maximum":5},"b":{"format":"date"}}}`
	checkAll(t, "validate", []check{
		{`{` + schema + `}`, `{"a": 3.0}`, `{"valid":true,"violations":[],"document":{"a":3.0}}`},
		{`{` + schema + `}`, `{"a":7}`, `{"valid":false,"violations":[{"pointer":"/a","keyword":"maximum","message":"must be <= 5 but found 7"}],"document":{"a":7}}`},
		{`{` + schema + `}`, `{}`, `{"valid":false,"violations":[{"pointer":"","keyword":"required","message":"missing properties: 'a'"}],"document":{}}`},
		{`{` + schema + `,"as":"document"}`, `{"a":1}`, `{"a":1}`},
		{`{` + schema + `,"as":"document"}`, `{"a":"x"}`, `invalid_document: /a expected integer, but got string`},
		{`{` + schema + `,"as":"document"}`, `[]`, `invalid_document: the document expected object, but got array`},
		{`{` + schema + `}`, `{"a":1,"b":"x"}`, `{"valid":false,…`},
		{`{"schema":false}`, `1`, `{"valid":false,…`},
		{`{"schema":{"$defs":{"t":{"type":"string"}},"items":{"$ref":"#/$defs/t"}}}`, `["a",1]`, `{"valid":false,"violations":[{"pointer":"/1",…`},
		{`{"schema":{"type":"nothing"}}`, `1`, `bad_schema: …`},
		{`{"schema":{"pattern":"("}}`, `1`, `bad_schema: …`},
		{`{"schema":{"$ref":"https://example.com/x.json"}}`, `1`, `bad_schema: …`},
		{`{"schema":{"$ref":"file:///etc/passwd"}}`, `1`, `bad_schema: …`},
		{`{"schema":{"$ref":"other.json"}}`, `1`, `bad_schema: …`},
		{``, `1`, `bad_schema: …`},
	})
}

func TestValidateIsBounded(t *testing.T) {
	checkAll(t, "validate", []check{
		{`{"schema":{"$ref":"#"}}`, `1`, `…`},
		{`{"schema":{"maximum":5}}`, `1e999999999`, `bad_input: the number 1e999999999 is too long to be compared`},
		{`{"schema":{"multipleOf":3}}`, `1e999999999`, `bad_input: the number 1e999999999 is too long to be compared`},
		{`{"schema":{"items":{"type":"string"}}}`, "[" + strings.Repeat("1,", 100_000) + "1]", `{"valid":false,…`},
		{
			`{"schema":{"$defs":{"n":{"anyOf":[{"items":{"$ref":"#/$defs/n"},"type":"array"},{"items":{"$ref":"#/$defs/n"},"type":"array"}]}},"$ref":"#/$defs/n"}}`,
			strings.Repeat("[", 10) + "1" + strings.Repeat("]", 10), `{"valid":false,…`,
		},
	})
}
