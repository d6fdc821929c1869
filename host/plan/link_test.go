package plan

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

func build(t *testing.T, text string) *graph.Graph {
	t.Helper()
	src, found := graphfile.Parse("graph.toml", []byte(text))
	if found.Failed() {
		t.Fatal(found)
	}
	g, found := graph.Build(src, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	return g
}

func withManifest(t *testing.T, manifest string) []byte {
	t.Helper()
	m, err := module.WithManifest(moduletest.Echo(), []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Both the author's schema and the module's must hold; the config is held
// against the manifest's.
func TestManifest(t *testing.T) {
	wasm := withManifest(t, `{"name":"scale","version":"1.0.0",
		"input":{"type":"object"},"output":{"type":"object"},
		"config":{"type":"object","required":["factor"],"properties":{"factor":{"type":"number"}}}}`)
	read := func(string) ([]byte, error) { return wasm, nil }

	p, found := Link(build(t, `
version = 1
chain = ["a"]
[nodes.a]
module = "scale.wasm"
input_schema = { required = ["n"] }
config = { factor = 2 }
`), read, nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if n := p.Node("a"); len(n.InSchemas) != 2 || len(n.OutSchemas) != 1 || n.Manifest.Name != "scale" {
		t.Errorf("schemas %d and %d, manifest %+v", len(n.InSchemas), len(n.OutSchemas), n.Manifest)
	}
	if p.Node("b") != nil {
		t.Error("a node that is not there")
	}

	for name, c := range map[string]struct{ config, want string }{
		"missing": {"", `required`},
		"type":    {`config = { factor = "two" }`, `/factor`},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := Link(build(t, "version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'scale.wasm'\n"+c.config), read, nil)
			if len(found) != 1 || found[0].Code != "invalid_config" || !strings.Contains(found.Error(), c.want) {
				t.Errorf("got %v, want invalid_config about %s", found, c.want)
			}
		})
	}
}

// Every node complains at its own line, and a shared file is read once.
func TestAllComplaintsAtOnce(t *testing.T) {
	reads := map[string]int{}
	_, found := Link(build(t, `
version = 1
chain = ["a", "b", "c", "d"]
[nodes.a]
module = "none.wasm"
[nodes.b]
module = "none.wasm"
[nodes.c]
module = "component.wasm"
[nodes.d]
module = "broken.wasm"
`), func(name string) ([]byte, error) {
		reads[name]++
		switch name {
		case "component.wasm":
			return []byte("\x00asm\x0d\x00\x01\x00"), nil
		case "broken.wasm":
			return nil, errors.New("input/output error")
		}
		return nil, fs.ErrNotExist
	}, nil)
	want := []struct {
		line int
		code string
	}{{5, "module_not_found"}, {7, "module_not_found"}, {9, "invalid_module"}, {11, "module_unreadable"}}
	if len(found) != len(want) {
		t.Fatalf("got %v", found)
	}
	for i, w := range want {
		if found[i].Line != w.line || found[i].Code != w.code || found[i].Hint == "" {
			t.Errorf("complaint %d: %+v, want line %d, code %s and a hint", i, found[i], w.line, w.code)
		}
	}
	if reads["none.wasm"] != 1 {
		t.Errorf("a file was read %d times", reads["none.wasm"])
	}
}

func TestReference(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for text, want := range map[string]reference{
		"a.wasm":                          {name: "a.wasm"},
		"a@b.wasm":                        {name: "a@b.wasm"},
		"std:jq":                          {name: "std:jq", scheme: "std"},
		"https://x.org/a.wasm":            {name: "https://x.org/a.wasm", scheme: "https"},
		"a.wasm@sha256:" + sum:            {name: "a.wasm", digest: "sha256:" + sum},
		"a.wasm@sha256:" + "AB" + sum[2:]: {name: "a.wasm", digest: "sha256:" + sum},
	} {
		if got, err := parseReference(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "@sha256:" + sum, "a.wasm@sha256:", "a.wasm@sha256:xy", "a.wasm@sha256:" + sum + "00"} {
		if got, err := parseReference(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}

// Whatever changes what a run does changes the digest; nothing else does.
func TestDigest(t *testing.T) {
	read := func(string) ([]byte, error) { return moduletest.Echo(), nil }
	digestOf := func(text string) string {
		t.Helper()
		p, found := Link(build(t, text), read, nil)
		if found.Failed() {
			t.Fatal(found)
		}
		return p.Digest
	}
	const base = `
version = 1
chain = ["a", "b"]
[nodes.a]
module = "x.wasm"
[nodes.b]
module = "y.wasm"
`
	want := digestOf(base)
	for name, same := range map[string]string{
		"comments":     "# hello\n" + base,
		"name":         "name = 'other'\ndescription = 'text'\n" + base,
		"file of node": strings.ReplaceAll(base, "y.wasm", "z.wasm"),
		"defaults":     base + "timeout = '30s'\nroute = 'all'\n",
		"edges":        strings.ReplaceAll(base, `chain = ["a", "b"]`, "") + "[[edges]]\nfrom='a'\nto='b'\n",
	} {
		if got := digestOf(same); got != want {
			t.Errorf("%s: another digest", name)
		}
	}
	for name, other := range map[string]string{
		"order":      strings.ReplaceAll(base, `["a", "b"]`, `["b", "a"]`),
		"fuel":       base + "fuel = 5\n",
		"memory":     base + "memory = '1MiB'\n",
		"timeout":    base + "timeout = '1s'\n",
		"deadline":   base + "deadline = '1s'\n",
		"max_visits": base + "max_visits = 5\n",
		"encoding":   base + "encoding = 'text'\n",
		"config":     base + "config = { a = 1 }\n",
		"input":      base + "input = '1'\n",
		"in schema":  base + "input_schema = { type = 'object' }\n",
		"out schema": base + "output_schema = { type = 'object' }\n",
		"retry":      base + "[[nodes.b.retry]]\nmax_attempts = 5\n",
		"state":      base + "[state.n]\ninitial = 1\n",
		"max_steps":  "max_steps = 5\n" + base,
		"run output": base + "[output]\nvalue = '1'\n",
		"run schema": base + "[input.schema]\ntype = 'object'\n",
		"when":       strings.ReplaceAll(base, `chain = ["a", "b"]`, "") + "[[edges]]\nfrom='a'\nto='b'\nwhen='true'\n",
	} {
		if got := digestOf(other); got == want {
			t.Errorf("%s: the same digest", name)
		}
	}
}

// A graph inside a graph: its modules are found from its folder, its steps by
// their ids, and its content is in the digest of the plan around it.
func TestInner(t *testing.T) {
	const outer = `
version = 1
chain = ["each", "sub", "ask"]
[nodes.each]
graph = "parts/inner.toml"
foreach = "input"
[nodes.sub]
graph = "parts/inner.toml"
[nodes.ask]
wait = true
`
	link := func(inner string) (*Plan, []string) {
		t.Helper()
		files := map[string]string{"parts/inner.toml": inner, "parts/more.toml": "[nodes.deep]\nmodule = 'up/d.wasm'\n"}
		g, found := graphfile.Load("graph.toml", []byte(outer), func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		if found.Failed() {
			t.Fatal(found)
		}
		var names []string
		p, found := Link(g, func(name string) ([]byte, error) {
			names = append(names, name)
			return moduletest.Echo(), nil
		}, nil)
		if found.Failed() {
			t.Fatal(found)
		}
		return p, names
	}
	const inner = "chain = ['a', 'b']\n[nodes]\na.module = '../x.wasm'\nb.graph = 'more.toml'\n"
	p, names := link(inner)
	if got := strings.Join(names, " "); got != "x.wasm parts/up/d.wasm" {
		t.Errorf("files read: %s", got)
	}
	if len(p.All()) != 3 {
		t.Errorf("%d plans", len(p.All()))
	}
	for step, want := range map[string]string{
		"sub": "sub", "sub/a": "a", "each#3/a": "a", "each[2]#3/b[1]/deep[4.5]": "deep", "ask": "ask",
		"sub/x": "", "x/a": "", "sub/a/a": "", "": "", "ask/a": "",
	} {
		got := ""
		if n := p.Step(step); n != nil {
			got = n.Name
		}
		if got != want {
			t.Errorf("step %q is of node %q, want %q", step, got, want)
		}
	}
	other, _ := link("max_steps = 5\n" + inner)
	if other.Digest == p.Digest {
		t.Error("the inner graph is not in the digest")
	}
	same, _ := link("name = 'x'\n" + inner)
	if same.Digest != p.Digest {
		t.Error("the inner graph's name is in the digest")
	}
}
