package schema_test

import (
	"errors"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
)

// Whatever the schema and the document are: no panic, and every complaint has
// its form.
func FuzzCompileAndValidate(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"anyOf":[{"type":"null"},{"minimum":1}]}}}`), []byte(`{"a":0}`))
	f.Add([]byte(`{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/y","items":[{}],"additionalItems":false}`), []byte(`[1,2]`))
	f.Add([]byte(`{"$ref":"other.json#/a","$id":"urn:x"}`), []byte(`1e99`))
	f.Add([]byte(`{"$dynamicRef":"#n","$defs":{"m":{"$dynamicAnchor":"n","not":{"$recursiveRef":"#"}}}}`), []byte(`"a"`))
	load := func(ref string) ([]byte, error) {
		if ref == "other.json" {
			return []byte(`{"a":{"$ref":"schema.json"}}`), nil
		}
		return nil, errors.New("not there")
	}
	f.Fuzz(func(t *testing.T, source, in []byte) {
		if len(source)+len(in) > 1<<12 {
			t.Skip()
		}
		s, err := schema.Compile("fuzz", source, load)
		if err != nil {
			var ce *schema.CompileError
			if !errors.As(err, &ce) || ce.Text == "" {
				t.Fatalf("%q: %#v", source, err)
			}
			return
		}
		d, err := document.Parse(in, document.Limits{})
		if err != nil {
			return
		}
		for _, v := range s.Validate(d) {
			if v.Message == "" || v.Keyword == "" || v.Found == "" {
				t.Fatalf("%q on %q: %+v", source, in, v)
			}
		}
	})
}
