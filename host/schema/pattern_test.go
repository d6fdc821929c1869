package schema_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
)

// A few bytes can ask for a pattern of any size: it is refused before it is
// compiled.
func TestLargePatterns(t *testing.T) {
	large := strings.Repeat("a{1000}", 300)
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`{"pattern":"a{900}%d"}`, i)
	}
	for _, c := range []struct{ name, source, want string }{
		{"one", `{"pattern":"` + large + `"}`, "test.json at /pattern: the pattern a{1000}"},
		{"of names", `{"patternProperties":{"` + large + `":true}}`, "test.json at /patternProperties/a{1000}"},
		{"long", `{"pattern":"` + strings.Repeat("[ab]", 50_000) + `"}`, "has more than 20000 instructions"},
		{"together", `{"allOf":[` + strings.Join(many, ",") + `]}`, "patterns of the schema and its files have more than 200000 instructions"},
		{"ordinary", `{"pattern":"^.{1,1000}$"}`, ""},
	} {
		_, err := schema.Compile("test.json", []byte(c.source), nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %.200v, want %s", c.name, err, c.want)
		}
	}
}

// Time is linear in the text and in the pattern; the product is bounded.
func TestPatternsTakeBoundedTime(t *testing.T) {
	text := document.String(strings.Repeat("a", 15<<20))
	key := document.Object(document.Field{Key: strings.Repeat("a", 1<<20), Value: document.Null()})
	for _, c := range []struct {
		source string
		on     document.Document
	}{
		{`{"pattern":"a{1000}a{1000}a{1000}c"}`, text},
		{`{"patternProperties":{"a{1000}a{1000}a{1000}c":true}}`, key},
		{`{"format":"regex"}`, document.String(strings.Repeat("a{1000}", 100_000))},
	} {
		s, err := schema.Compile("test.json", []byte(c.source), nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if found := s.Validate(c.on); len(found) != 1 {
			t.Errorf("%s: got %v", c.source, found)
		}
		if took := time.Since(began); took > 40*time.Second {
			t.Errorf("%s: took %s", c.source, took)
		}
	}
	s, err := schema.Compile("test.json", []byte(`{"pattern":"^[A-Za-z0-9+/]*=*$"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if found := s.Validate(text); found != nil {
		t.Errorf("a long text and an ordinary pattern: %v", found)
	}
}
