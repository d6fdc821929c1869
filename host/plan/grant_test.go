package plan

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

// linkFiles links g.toml of some files with what offered offers.
func linkFiles(t *testing.T, files map[string]string) (*Plan, []string) {
	t.Helper()
	g, found := graphfile.Load("graphs/g.toml", []byte(files["g.toml"]), func(ref string) ([]byte, error) {
		if text, ok := files[ref]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	})
	if found.Failed() {
		t.Fatal(found)
	}
	offers, configured := offered(t)
	p, found := Link(g, modules(t), offers)
	if found.Failed() {
		t.Fatal(found)
	}
	return p, *configured
}

const granting = `
chain = ["a", "b", "inner"]
[secrets.key]
env = "KEY"
[secrets.token]
file = "../token.txt"
[secrets.unused]
env = "UNUSED"
[budget]
cost = 2
[capabilities.llm]
endpoint = "https://example.com"
key = "${secret:key}"
[capabilities.gpt]
kind = "llm"
[defaults.grants.kv]
bytes = "16KiB"
[nodes.a]
module = "a.wasm"
[nodes.b]
module = "b.wasm"
[nodes.b.grants.llm]
models = ["small"]
methods = ["embed.texts", "chat"]
calls = 5
tokens = 1_000
cost = 0.000000001
[nodes.b.grants.gpt]
[nodes.b.grants.fetch]
methods = ["GET"]
hosts = ["example.com"]
calls = 3
headers = { Authorization = "${secret:token}" }
[nodes.inner]
graph = "inner.toml"
`

const innerGraph = `
chain = ["x", "y"]
[capabilities.llm]
[nodes.x]
module = "x.wasm"
grants.llm.calls = 2
[nodes.y]
module = "y.wasm"
foreach = "[1]"
grants.llm.tokens = 7
`

func TestGranted(t *testing.T) {
	p, configured := linkFiles(t, map[string]string{"g.toml": granting, "inner.toml": innerGraph})
	// Once for each graph and name, whatever the number of grants.
	if want := []string{
		`llm {"endpoint":"https://example.com","key":"${secret:key}"}`, `gpt {}`, `llm {}`,
	}; !slices.Equal(configured, want) {
		t.Errorf("configured %q, want %q", configured, want)
	}
	a, b := p.Node("a"), p.Node("b")
	if len(a.Granted) != 1 || a.Grant("kv").Limits.Bytes != 16<<10 || a.Grant("kv").Own.String() != "{}" || !a.Grant("kv").Inherited {
		t.Errorf("a: %+v", a.Granted)
	}
	if b.Grant("kv") != nil {
		t.Error("own grants replace those of [defaults] as a whole")
	}
	llm := b.Grant("llm")
	if llm.Own.String() != `{"models":["small"]}` || llm.Limits.Calls != 5 || llm.Limits.Tokens != 1000 || llm.Limits.Cost != 1 ||
		strings.Join(llm.Limits.Methods, " ") != "embed.texts chat" || llm.Offer.Method("chat") == nil || llm.Inherited {
		t.Errorf("llm: %+v", llm)
	}
	if b.Grant("gpt").Offer == llm.Offer {
		t.Error("two names share what was configured")
	}
	// What the capability calls methods is its own.
	fetch := b.Grant("fetch")
	if fetch.Own.String() != `{"methods":["GET"],"hosts":["example.com"],"headers":{"Authorization":"${secret:token}"}}` ||
		fetch.Limits.Methods != nil || fetch.Limits.Calls != 3 {
		t.Errorf("fetch: %+v", fetch)
	}
	var secrets []string
	for _, s := range p.Secrets {
		secrets = append(secrets, s.Name)
	}
	if strings.Join(secrets, " ") != "key token" {
		t.Errorf("secrets %q", secrets)
	}
	if sub := p.Node("inner").Sub; sub.Node("x").Grant("llm").Offer != sub.Node("y").Grant("llm").Offer || sub.Node("x").Grant("llm").Offer == llm.Offer {
		t.Error("a graph has its own capability, and one for all of its nodes")
	}
}

// A graph that two nodes name is one graph.
func TestConfiguredOnce(t *testing.T) {
	_, configured := linkFiles(t, map[string]string{
		"g.toml":     "chain = ['a', 'b']\n[nodes]\na.graph = 'inner.toml'\nb.graph = 'inner.toml'\n",
		"inner.toml": innerGraph,
	})
	if len(configured) != 1 {
		t.Errorf("configured %q", configured)
	}
}

func TestAsks(t *testing.T) {
	p, _ := linkFiles(t, map[string]string{"g.toml": granting, "inner.toml": innerGraph})
	asks := p.Asks()
	var got []string
	for _, g := range asks.Grants {
		got = append(got, fmt.Sprintf("%s %s %s/%s %s calls=%d bytes=%d tokens=%d cost=%d own=%s set=%s secrets=%s env=%s",
			g.File, g.Node, g.Capability, g.Kind, strings.Join(g.Methods, ","), g.Limits.Calls, g.Limits.Bytes, g.Limits.Tokens, g.Limits.Cost,
			g.Terms, g.Settings, strings.Join(g.Secrets, ","), strings.Join(g.Environment, ",")))
	}
	for _, s := range asks.Secrets {
		got = append(got, fmt.Sprintf("%s secret %s env=%s file=%s", s.File, s.Name, s.Env, s.Path))
	}
	for _, b := range asks.Budgets {
		got = append(got, fmt.Sprintf("%s budget %d %d %d", b.File, b.Calls, b.Tokens, b.Cost))
	}
	want := []string{
		`graphs/g.toml a kv/kv get,set calls=0 bytes=16384 tokens=0 cost=0 own={} set= secrets= env=`,
		`graphs/g.toml b fetch/fetch request calls=3 bytes=0 tokens=0 cost=0 own={"methods":["GET"],"hosts":["example.com"],"headers":{"Authorization":"${secret:token}"}} set= secrets=token env=`,
		`graphs/g.toml b gpt/llm chat,embed.texts calls=0 bytes=0 tokens=0 cost=0 own={} set={} secrets= env=LLM_KEY`,
		`graphs/g.toml b llm/llm embed.texts,chat calls=5 bytes=0 tokens=1000 cost=1 own={"models":["small"]} set={"endpoint":"https://example.com","key":"${secret:key}"} secrets=key env=LLM_KEY`,
		`graphs/inner.toml x llm/llm chat,embed.texts calls=2 bytes=0 tokens=0 cost=0 own={} set={} secrets= env=LLM_KEY`,
		`graphs/inner.toml y llm/llm chat,embed.texts calls=0 bytes=0 tokens=7 cost=0 own={} set={} secrets= env=LLM_KEY`,
		`graphs/g.toml secret key env=KEY file=`,
		`graphs/g.toml secret token env= file=../token.txt`,
		`graphs/g.toml budget 0 0 2000000000`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if asks.Nothing() {
		t.Error("it asks for nothing")
	}
	none, _ := linkFiles(t, map[string]string{"g.toml": "[nodes.a]\nmodule = 'a.wasm'\n"})
	if !none.Asks().Nothing() {
		t.Error("it asks for something")
	}
}

// TestRecordedDigest: a graph that asks for nothing has the digest that it had
// before there were grants. Journals hold such digests: it never changes while the
// version of digests is this one.
func TestRecordedDigest(t *testing.T) {
	p, found := Link(build(t, `
version = 1
chain = ["a", "b"]
deadline = "1m"
[state.n]
initial = 0
reduce = "sum"
[defaults]
timeout = "5s"
[nodes.a]
module = "a.wasm"
config = { page = 20 }
write = { n = "1" }
[nodes.b]
module = "b.wasm"
foreach = "input.rows"
[[nodes.b.retry]]
on = "timeout"
max_attempts = 5
[[edges]]
from = "b"
to = "a"
when = "state.n < 3"
`), func(string) ([]byte, error) { return command, nil }, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	if recorded := "sha256:08f29be60dd543cd07edf36ef180675b7daf2a6f6c9d046d5681506be7c394c9"; p.Digest != recorded {
		t.Errorf("%s, recorded as %s", p.Digest, recorded)
	}
}

// Whatever changes what may be asked of the world changes the digest; where a
// secret comes from does not.
func TestDigestOfGrants(t *testing.T) {
	digestOf := func(text string) string {
		t.Helper()
		p, _ := linkFiles(t, map[string]string{"g.toml": text, "inner.toml": innerGraph})
		return p.Digest
	}
	replace := func(old, with string) string {
		t.Helper()
		if !strings.Contains(granting, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(granting, old, with, 1)
	}
	want := digestOf(granting)
	for name, same := range map[string]string{
		"where a secret is":      replace(`env = "KEY"`, `env = "OTHER"`),
		"a secret nobody uses":   replace("[secrets.unused]\nenv = \"UNUSED\"\n", ""),
		"how a size is written":  replace(`"16KiB"`, `16_384`),
		"the order of methods":   replace(`["embed.texts", "chat"]`, `["chat", "embed.texts"]`),
		"the order of terms":     replace("calls = 5\ntokens = 1_000\n", "tokens = 1000\ncalls = 5\n"),
		"a capability unused":    granting + "[capabilities.more]\nkind = 'llm'\n",
		"the order of tables":    replace("[capabilities.gpt]\nkind = \"llm\"\n", "") + "[capabilities.gpt]\nkind = \"llm\"\n",
		"how a cost is written":  replace(`0.000000001`, `1e-9`),
		"the name of the secret": replace(`[secrets.unused]`, `[secrets.other]`),
	} {
		if got := digestOf(same); got != want {
			t.Errorf("%s: another digest", name)
		}
	}
	for name, other := range map[string]string{
		"terms":          replace(`"small"`, `"large"`),
		"calls":          replace(`calls = 5`, `calls = 6`),
		"no limit":       replace("calls = 5\n", ""),
		"bytes":          replace(`"16KiB"`, `"17KiB"`),
		"tokens":         replace(`1_000`, `1_001`),
		"cost":           replace(`0.000000001`, `0.000000002`),
		"methods":        replace(`["embed.texts", "chat"]`, `["chat"]`),
		"settings":       replace(`https://example.com`, `https://example.org`),
		"kind":           replace("kind = \"llm\"", "kind = \"kv\""),
		"a budget":       replace("cost = 2\n", "cost = 3\n"),
		"no budget":      replace("[budget]\ncost = 2\n", ""),
		"a secret":       replace(`"${secret:token}"`, `"${secret:unused}"`),
		"one grant less": replace("[nodes.b.grants.gpt]\n", ""),
	} {
		if got := digestOf(other); got == want {
			t.Errorf("%s: the same digest", name)
		}
	}
}

func TestWorstOfGrants(t *testing.T) {
	p, _ := linkFiles(t, map[string]string{"g.toml": granting, "inner.toml": innerGraph})
	// a and b have grants without bounds; the budget bounds the cost of all.
	w := p.Worst()
	if w.Calls != capability.Unlimited || w.Tokens != capability.Unlimited || w.Cost != 2_000_000_000 {
		t.Errorf("%d calls, %d tokens, %d", w.Calls, w.Tokens, w.Cost)
	}
	if e := w.Elements; len(e) != 1 || e[0].Step != "inner/y" || e[0].Tokens != 7 || e[0].Calls != capability.Unlimited || e[0].Cost != 2_000_000_000 {
		t.Errorf("%+v", e)
	}

	const bounded = `
chain = ["a", "b"]
[nodes.a]
module = "a.wasm"
max_visits = 3
[[nodes.a.retry]]
max_attempts = 9
[nodes.a.grants.llm]
calls = 5
tokens = 100
cost = 0.5
[nodes.a.grants.kv]
calls = 2
tokens = 1
cost = 0.000000001
[nodes.b]
module = "b.wasm"
[[edges]]
from = "b"
to = "a"
when = "output.again"
`
	for name, c := range map[string]struct {
		text                string
		calls, tokens, cost int64
	}{
		// Limits count over all attempts of a step; there are three steps of a.
		"a loop":               {bounded, 21, 303, 1_500_000_003},
		"max_steps":            {"max_steps = 2\n" + bounded, 14, 202, 1_000_000_002},
		"a budget":             {bounded + "[budget]\ncalls = 20\ntokens = 1000\n", 20, 303, 1_500_000_003},
		"without grants":       {"[nodes.a]\nmodule = 'a.wasm'\n", 0, 0, 0},
		"a limit that is none": {strings.Replace(bounded, "calls = 2\n", "", 1), capability.Unlimited, 303, 1_500_000_003},
	} {
		p, _ := linkFiles(t, map[string]string{"g.toml": c.text})
		if w := p.Worst(); w.Calls != c.calls || w.Tokens != c.tokens || w.Cost != c.cost {
			t.Errorf("%s: %d calls, %d tokens, %d", name, w.Calls, w.Tokens, w.Cost)
		}
		if p.Worst().Calls != Worst(p.Graph).Calls {
			t.Errorf("%s: the graph's worst case is another one", name)
		}
	}
}

// TestGrantLines: what a message offers can be written, but for what is the
// author's choice.
func TestGrantLines(t *testing.T) {
	offers, _ := offered(t)
	n := &Node{Node: &graph.Node{Name: "é"}}
	for name, want := range map[string]string{
		"kv": `[nodes."é".grants.kv]`, "fetch": `[nodes."é".grants.fetch] with hosts = …`, "none": `[nodes."é".grants.none]`,
	} {
		if got := n.GrantLines(name, offers[name]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// By hand there are no positions, and no file: every complaint still says which
// graph and where in it.
func TestWorldByHand(t *testing.T) {
	offers, _ := offered(t)
	g, found := graph.Build(&graph.Source{
		File: "hand.toml",
		Nodes: []graph.NodeSource{{
			Name: "a", Module: "a.wasm", Config: graph.Value{Document: document.MustParse(`"${secret:x}"`)},
			Grants: []graph.Section{
				{Name: "kv"},
				{Name: "fetch", Value: graph.Value{Document: document.MustParse(`{"host": []}`)}},
				{Name: "llm", Value: graph.Value{Document: document.MustParse(`{"calls": null}`)}},
			},
		}},
		Secrets: []graph.Section{{Name: "s", Value: graph.Value{Document: document.MustParse(`{"env": "S"}`)}}},
	}, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	_, found = Link(g, modules(t), offers)
	var got []string
	for _, d := range found {
		got = append(got, d.Code)
		if d.File != "hand.toml" {
			t.Errorf("%+v", d)
		}
	}
	slices.Sort(got)
	if want := []string{"exposed_secret", "invalid_grant", "unknown_key", "unused_secret", "wrong_type"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
