// sdk/go: the schemas of Go types are of the JSON that encoding/json reads and
// writes.

package conformance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/module"
)

func TestGoTypes(t *testing.T) {
	for _, pattern := range []string{"nodes/gotypes/*", "../go/node/*.go"} { // so that the test's cache knows them
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	program := filepath.Join(t.TempDir(), "gotypes")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("nodes", "gotypes")
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said, err := exec.CommandContext(t.Context(), program, "--manifest").Output()
	if err != nil {
		t.Fatal(err)
	}
	m, err := module.ParseManifest(said)
	if err != nil {
		t.Fatal(err)
	}
	// run gives what the entry makes of a document: its output, or that it refused.
	run := func(t *testing.T, entry, input string) (output string, refused bool) {
		t.Helper()
		c := exec.CommandContext(t.Context(), program)
		c.Env = append(os.Environ(), "CHAINRUN_ENTRY="+entry)
		c.Stdin = strings.NewReader(input)
		out, err := c.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), err != nil
	}
	for entry, c := range map[string]struct {
		good, wrong []string
		lenient     []string // that Go takes and the schema does not: a field is missing, a list is too long
	}{
		"numbers": {
			[]string{`{"any":1.5,"maybe":null}`, `{"any":-1e30,"whole":9007199254740993,"small":255,"signed":-32768,"quoted":"-5","maybe":2,"later":[]}`},
			[]string{`[]`, `null`, `{"any":"1"}`, `{"any":1,"small":256}`, `{"any":1,"small":-1}`, `{"any":1,"signed":32768}`, `{"any":1,"whole":1.5}`, `{"any":1,"quoted":5}`, `{"any":1,"maybe":"x"}`},
			[]string{`{}`},
		},
		"texts": {
			[]string{
				`{"plain":""}`, `{"plain":"é","at":"2024-02-29T12:00:00.5+01:00","bytes":"AQI=","address":"::1","exact":1e400,"a~b/c %":"x","rest":{"a":[null]}}`,
				`{"plain":"x","at":null,"address":null}`,
			},
			[]string{`{"plain":5}`, `{"plain":"x","at":"yesterday"}`, `{"plain":"x","at":5}`, `{"plain":"x","address":1}`, `{"plain":"x","exact":true}`, `{"plain":"x","rest":[]}`, `{"plain":"x","a~b/c %":1}`},
			[]string{`{"plain":"x","bytes":[1]}`, `{}`},
		},
		"lists": {
			[]string{`{"names":null,"counts":null}`, `{"names":["a"],"pair":[1,2],"counts":{"-5":[true],"7":null},"deep":[[{"a":1},null],null]}`},
			[]string{`{"names":"a","counts":{}}`, `{"names":[1],"counts":{}}`, `{"names":[],"counts":{"x":[]}}`, `{"names":[],"counts":{"1":[0]}}`, `{"names":[],"counts":[]}`, `{"names":[],"counts":{},"deep":[{}]}`},
			[]string{`{"names":[]}`, `{"names":[],"counts":{},"pair":[1]}`, `{"names":[],"counts":{},"pair":[1,2,3]}`},
		},
		"embedding": {
			[]string{`{"id":"x","own":true}`, `{"id":"x","own":true,"note":"n"}`},
			[]string{`{"id":5,"own":true}`, `{"id":"x","own":1}`, `{"id":"x","own":true,"note":1}`},
			[]string{`{"own":true}`},
		},
		"tree": {
			[]string{`{"value":1}`, `{"value":1,"children":[{"value":2,"children":[]}],"named":{"a":{"value":3},"b":null}}`},
			[]string{`{"value":"1"}`, `{"value":1,"children":[{"value":"2"}]}`, `{"value":1,"named":{"a":{"value":1,"named":{"b":{"value":{}}}}}}`},
			[]string{`{"value":1,"children":[{}]}`},
		},
		"chosen": {
			[]string{`{"level":"low","size":2,"code":7}`, `{"level":"high","size":3,"kinds":[1,9]}`, `{"level":"high","size":3,"code":null}`},
			[]string{`{"level":5,"size":1}`, `{"level":"low","size":"1"}`},
			[]string{`{"level":"middle","size":1}`, `{"level":"low","size":4}`, `{"level":"low","size":1,"kinds":[]}`, `{"level":"low","size":1,"kinds":[1,1]}`, `{"level":"low","size":1,"kinds":[10]}`, `{"level":"low","size":1,"code":8}`},
		},
		"strings":  {[]string{`null`, `[]`, `["a","b"]`}, []string{`{}`, `"a"`, `[1]`}, nil},
		"anything": {[]string{`null`, `{"a":[1,"b"]}`}, nil, nil},
	} {
		t.Run(entry, func(t *testing.T) {
			compile := func(source []byte) *schema.Schema {
				if source == nil {
					source = []byte(`true`)
				}
				s, err := schema.Compile(entry, source, nil)
				if err != nil {
					t.Fatalf("%v in %s", err, source)
				}
				return s
			}
			in, out := compile(m.Entries[entry].Input), compile(m.Entries[entry].Output)
			for _, doc := range c.good {
				if found := violations(t, in, doc); len(found) > 0 {
					t.Errorf("the schema refuses %s: %v", doc, found)
				}
				output, refused := run(t, entry, doc)
				if refused {
					t.Errorf("Go refuses %s", doc)
				} else if found := violations(t, out, output); len(found) > 0 {
					t.Errorf("the output %s breaks the schema: %v", output, found)
				}
			}
			for _, doc := range append(c.wrong, c.lenient...) {
				if len(violations(t, in, doc)) == 0 {
					t.Errorf("the schema takes %s", doc)
				}
			}
			for _, doc := range c.wrong {
				if output, refused := run(t, entry, doc); !refused {
					t.Errorf("Go takes %s as %s", doc, output)
				}
			}
			for _, doc := range c.lenient {
				if _, refused := run(t, entry, doc); refused {
					t.Errorf("Go refuses %s", doc)
				}
			}
		})
	}
}
