package plan

import (
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// An Extism plug-in is called by the name of a function; its config is a table,
// and the one thing that it can ask for is fetch.
func TestExtismNode(t *testing.T) {
	files := map[string][]byte{
		"one.wasm": moduletest.Extism("shout"), "two.wasm": moduletest.Extism("shout", "whisper"), "http.wasm": moduletest.Extism("ask"),
	}
	read := func(name string) ([]byte, error) { return files[name], nil }
	link := func(keys string) (*Plan, string) {
		p, found := Link(build(t, "version = 1\nchain = ['a']\n[nodes.a]\n"+keys), read, nil)
		return p, found.Error()
	}
	for keys, want := range map[string]string{
		"module = 'one.wasm'":                    "shout", // its only one
		"module = 'two.wasm'\nentry = 'whisper'": "whisper",
		"module = 'one.wasm'\nconfig = {a = 1}":  "shout",
	} {
		if p, found := link(keys); found != "" || p.Node("a").Entry != want {
			t.Errorf("%s: %v", keys, found)
		}
	}
	for keys, want := range map[string]string{
		"module = 'two.wasm'":                 `graph.toml:3:8: node "a": entry: "two.wasm" has no default entry (it has shout, whisper)`,
		"module = 'two.wasm'\nentry = 'cry'":  `"two.wasm" has no entry "cry" (it has shout, whisper)`,
		"module = 'one.wasm'\nconfig = ['a']": `graph.toml:5:10: node "a": config: "one.wasm" is an Extism plug-in, whose config is a table of settings; found array`,
	} {
		if _, found := link(keys); !strings.Contains(found, want) {
			t.Errorf("%s: %s\nexpected %s", keys, found, want)
		}
	}
	for file, want := range map[string]bool{"one.wasm": false, "http.wasm": true} {
		p, _ := link("module = '" + file + "'")
		if n := p.Node("a"); n.asks("fetch") != want || n.asks("llm") {
			t.Errorf("%s: asks fetch: %t, llm: %t", file, n.asks("fetch"), n.asks("llm"))
		}
	}
}
