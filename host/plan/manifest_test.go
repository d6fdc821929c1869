package plan

import (
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// A graph names an entry and needs no schema of its own: the manifest's hold.
func TestManifestOfEntries(t *testing.T) {
	wasm, err := module.WithManifest(moduletest.Entries("parse", "total", "plain", "broken"), []byte(`{
		"input": {"type": "string"}, "config": {"required": ["main"]},
		"entries": {
			"parse": {"output": {"type": "object", "required": ["lines"], "properties": {"lines": {"type": "array", "items": {"type": "integer"}, "minItems": 1}}}, "config": true},
			"total": {"input": {"type": "object", "required": ["lines"], "properties": {"lines": {"type": "array", "items": {"type": "string"}}}},
				"config": {"type": "object", "properties": {"factor": {"type": "integer"}}}},
			"broken": {"input": {"type": 5}, "config": true},
			"elsewhere": {"input": {"type": 5}}
		}}`))
	if err != nil {
		t.Fatal(err)
	}
	read := func(string) ([]byte, error) { return wasm, nil }

	p, found := Link(build(t, `
version = 1
chain = ["a", "b"]
[nodes.a]
module = "m.wasm"
entry = "parse"
[nodes.b]
module = "other-name-of-the-same.wasm"
entry = "total"
input = "{'lines': ['x']}"
`), read, nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	for name, want := range map[string][2]int{"a": {0, 1}, "b": {1, 0}} {
		if n := p.Node(name); len(n.InSchemas) != want[0] || len(n.OutSchemas) != want[1] {
			t.Errorf("%s: %d and %d schemas, want %v", name, len(n.InSchemas), len(n.OutSchemas), want)
		}
	}

	for name, c := range map[string]struct {
		nodes, code, want string
	}{
		"what one entry gives, another cannot take": {
			"chain = ['a', 'b']\n[nodes.a]\nmodule = 'm.wasm'\nentry = 'parse'\n[nodes.b]\nmodule = 'm.wasm'\nentry = 'total'",
			"incompatible_wire", `/lines`,
		},
		"the config of an entry": {
			"chain = ['a']\n[nodes.a]\nmodule = 'm.wasm'\nentry = 'total'\nconfig = { factor = 'x' }",
			"invalid_config", `graph.toml:6:21: node "a": config: type breaks the module's schema at "/factor"`,
		},
		"an entry that the manifest does not name has the main one's": {
			"chain = ['a']\n[nodes.a]\nmodule = 'm.wasm'\nentry = 'plain'",
			"invalid_config", `required breaks the module's schema`,
		},
		"a schema that is none": {
			"chain = ['a']\n[nodes.a]\nmodule = 'm.wasm'\nentry = 'broken'",
			"invalid_manifest", `"m.wasm": m.wasm (manifest, entries.broken.input)`,
		},
		"an entry of the manifest that the module does not have": {
			"chain = ['a']\n[nodes.a]\nmodule = 'm.wasm'\nentry = 'elsewhere'",
			"unknown_entry", "it has broken, parse, plain, total",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := Link(build(t, "version = 1\n"+c.nodes), read, nil)
			if len(found) != 1 || found[0].Code != c.code || !strings.Contains(found.Error()+found[0].Hint, c.want) {
				t.Errorf("got %v, want %s: %s", found, c.code, c.want)
			}
		})
	}
}
