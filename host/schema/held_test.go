package schema

import (
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// What a document was found to hold to is remembered by the schema's digest, of valid
// documents alone, whoever has found it: the walk or the authority.
func TestValidIsRemembered(t *testing.T) {
	compile := func(source string) *Schema {
		s, err := Compile("test", []byte(source), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct{ source, same, other string }{
		{`{"type":"object","minProperties":1}`, `{ "minProperties": 1.0, "type": "object" }`, `{"type":"object","minProperties":2}`},
		// The walk does not know.
		{`{"type":"object","unevaluatedProperties":{"minimum":0}}`, `{"unevaluatedProperties":{"minimum":0e1},"type":"object"}`, `{"type":"object","unevaluatedProperties":{"minimum":2}}`},
	} {
		s, same, other := compile(c.source), compile(c.same), compile(c.other)
		d := document.MustParse(`{"a":1}`)
		if vs := s.Validate(d); vs != nil {
			t.Fatal(vs)
		}
		if !d.Holds(s.Digest()) || !d.Holds(same.Digest()) {
			t.Errorf("%s: that it holds was forgotten", c.source)
		}
		for range 2 {
			if other.Validate(d) == nil {
				t.Errorf("%s: the document was taken to hold to %s", c.source, c.other)
			}
		}
		if d.Holds(other.Digest()) {
			t.Errorf("%s: what was refused was remembered as valid", c.source)
		}
	}
}
