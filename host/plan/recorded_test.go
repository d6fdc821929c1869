package plan_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// The digest under another version of the fuel rule is another one, for subgraphs too;
// that under this one is the plan's. Whether a node has a cache is part of it.
func TestDigestUnder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sub.toml": "version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'echo.wasm'\n", "echo.wasm": string(moduletest.Echo()),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
	linked := func(cache string) (p, again *plan.Plan) {
		text := "version = 1\nchain = ['a', 'b']\n[nodes.a]\nmodule = 'echo.wasm'\n" + cache + "[nodes.b]\ngraph = 'sub.toml'\n"
		g, found := graphfile.Load("graph.toml", []byte(text), read)
		if found.Failed() {
			t.Fatal(found)
		}
		p, found = plan.Link(g, read, nil)
		if found.Failed() {
			t.Fatal(found)
		}
		again, found = plan.LinkRecorded(g, read, nil, func(*plan.Plan) bool { return false })
		if found.Failed() {
			t.Fatal(found)
		}
		return p, again
	}
	p, again := linked("")
	if p.Digest != again.Digest || p.DigestUnder(meter.Version) != p.Digest {
		t.Errorf("%s, recorded %s, under this rule %s", p.Digest, again.Digest, p.DigestUnder(meter.Version))
	}
	seen := map[string]bool{p.Digest: true}
	for _, rule := range []int{meter.Version + 1, meter.Version + 2} {
		d := p.DigestUnder(rule)
		if seen[d] {
			t.Errorf("rule %d: %s", rule, d)
		}
		seen[d] = true
	}
	plain, _ := linked("cache = false\n")
	cached, _ := linked("cache = true\n")
	if plain.Digest != p.Digest || cached.Digest == p.Digest || p.NodeDigest(p.Node("a")) == cached.NodeDigest(cached.Node("a")) {
		t.Error("cache = false is nothing, cache = true is something")
	}
}
