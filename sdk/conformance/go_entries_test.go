// sdk/go: the six entries of every language, and a graph of them that has no
// schemas of its own.

package conformance

import (
	"context"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

var _ = register("go", func(t *testing.T) []byte {
	t.Helper()
	return buildGo(t, asReactor...)
})

// What the types of the entries say is enough for the prover to find a wire and a
// config that cannot be right.
func TestGoTypesInAGraph(t *testing.T) {
	wasm := buildGo(t, asReactor...)
	said, stop, err := load(t, wasm).Describe(context.Background(), sandbox.Limits{})
	if err != nil || stop != nil {
		t.Fatalf("%+v, %v", stop, err)
	}
	if wasm, err = module.WithManifest(wasm, said); err != nil {
		t.Fatal(err)
	}
	check := func(text string) graph.Diagnostics {
		src, found := graphfile.Parse("graph.toml", []byte("version = 1\n"+text))
		if found.Failed() {
			t.Fatal(found)
		}
		g, found := graph.Build(src, nil)
		if found.Failed() {
			t.Fatal(found)
		}
		_, found = plan.Link(g, func(string) ([]byte, error) { return wasm, nil }, nil)
		return found
	}
	const total, log = "[nodes.total]\nmodule = 'n.wasm'\nentry = 'total'\n", "[nodes.log]\nmodule = 'n.wasm'\nentry = 'log'\n"
	for name, c := range map[string]struct{ text, want string }{
		"as it should be":          {"chain = ['total', 'log']\n" + total + log, ""},
		"a list where a number is": {"chain = ['log', 'total']\n" + total + log, "incompatible_wire"},
		"a config of another type": {"chain = ['total']\n" + total + "config = { factor = 'three' }\n", "invalid_config"},
	} {
		found := check(c.text)
		switch {
		case c.want == "" && len(found) > 0, c.want != "" && (len(found) != 1 || found[0].Code != c.want):
			t.Errorf("%s: got %v, want %q", name, found, c.want)
		case c.want != "" && !strings.HasPrefix(found.Error(), "graph.toml:"):
			t.Errorf("%s: %v has no place", name, found)
		}
	}
}
