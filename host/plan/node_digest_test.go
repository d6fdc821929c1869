package plan

import (
	"strings"
	"testing"
)

// A node's digest changes with what decides its attempts, and with nothing else.
func TestNodeDigest(t *testing.T) {
	base := `
chain = ["a", "b"]
[state.n]
reduce = "sum"
[capabilities.gpt]
kind = "llm"
endpoint = "https://example.com"
[nodes.a]
module = "a.wasm"
config = { x = 1 }
[nodes.a.grants.gpt]
models = ["small"]
[nodes.b]
module = "b.wasm"
[nodes.rest]
wait = true
[[edges]]
from = "a"
to = "rest"
`
	digests := func(text string) (all [3]string) {
		p, _ := linkFiles(t, map[string]string{"g.toml": text})
		for i, name := range []string{"a", "b", "rest"} {
			if n := p.Node(name); n != nil {
				all[i] = p.NodeDigest(n)
			}
		}
		return all
	}
	was := digests(base)
	if was[0] == was[1] || was[1] == was[2] || was[2] == "" {
		t.Fatal(was)
	}
	for old, c := range map[string]struct {
		text    string
		changed bool // of a; never of b
	}{
		`{ x = 1 }`:       {`{ x = 2 }`, true},
		`["small"]`:       {`["small", "large"]`, true},
		`https://example`: {`https://another.example`, true},
		"config =":        {"fuel = 77\nconfig =", true},
		"config = ":       {"timeout = '7s'\nconfig = ", true},
		"onfig = {":       {"onfig = {y = 3,", true},
		"chain = [":       {"name = 'other'\nmax_steps = 77\nchain = [", false},
		"[nodes.a]\n":     {"[nodes.a]\nwrite.n = '1'\nmax_visits = 3\ninput = '{}'\ndeadline = '1h'\nroute = 'all'\n", false},
		"[nodes.b]":       {"[[nodes.a.retry]]\non = ['trap']\nmax_attempts = 7\n[nodes.b]", false},
		"to = \"rest\"":   {"to = \"rest\"\nwhen = \"false\"", false},
	} {
		text := strings.Replace(base, old, c.text, 1)
		if text == base {
			t.Fatal(old)
		}
		now := digests(text)
		if (now[0] != was[0]) != c.changed || now[1] != was[1] || now[2] != was[2] {
			t.Errorf("%s → %s: %v, not %v", old, c.text, now, was)
		}
	}
	if now := digests(strings.Replace(base, "wait = true", "wait = true\noutput_schema = { type = 'object' }", 1)); now[2] == was[2] {
		t.Error("another schema for the answer makes no difference")
	}
}
