package pack

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

// TestLanguage calls every export of testdata/language.js, which says itself
// what each must give.
func TestLanguage(t *testing.T) {
	n, err := Pack(t.Context(), Options{Script: "testdata/language.js", CacheDir: cacheDir})
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, n)
	var want map[string]any
	if err := json.Unmarshal(gives(t, p, sandbox.Call{}), &want); err != nil {
		t.Fatal(err)
	}
	for _, entry := range n.Entries {
		if entry == "" {
			continue
		}
		var got any
		if err := json.Unmarshal(gives(t, p, sandbox.Call{Entry: entry}), &got); err != nil {
			t.Fatal(err)
		}
		if expected, found := want[entry]; !found || !reflect.DeepEqual(got, expected) {
			t.Errorf("%s: got %v, want %v", entry, got, expected)
		}
		delete(want, entry)
	}
	for entry := range want {
		t.Errorf("nothing of the name %q is exported", entry)
	}
}

// gives demands an output.
func gives(t *testing.T, p *sandbox.Program, c sandbox.Call) []byte {
	t.Helper()
	if c.Input == nil {
		c.Input = []byte("null")
	}
	r, err := p.Call(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Stop != nil {
		t.Fatalf("%s: stopped: %+v", c.Entry, *r.Stop)
	}
	return r.Output
}

// stops demands a failure.
func stops(t *testing.T, p *sandbox.Program, c sandbox.Call) sandbox.Stop {
	t.Helper()
	if c.Input == nil {
		c.Input = []byte("null")
	}
	r, err := p.Call(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Stop == nil {
		t.Fatalf("%s: did not fail: %.200s", c.Entry, r.Output)
	}
	return *r.Stop
}
