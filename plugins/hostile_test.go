package plugins_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/failure"
)

// once runs a graph of one standard node.
func once(t *testing.T, h *host.Host, module, lines, input string) *host.Run {
	t.Helper()
	g, err := h.LoadFS(fstest.MapFS{"graph.toml": {Data: []byte("version = 1\n[nodes.a]\ntimeout = '10m'\nmodule = 'std:" + module + "'\n" + lines)}}, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(t.Context(), g, json.RawMessage(input))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What has no end, or is built to cost much, ends where the graph says, with the code
// of the limit that it met: never in a hang, never in a trap.
func TestNodesMeetTheirLimits(t *testing.T) {
	h := standardHost(t)
	deep := strings.Repeat(`[`, 500) + `1` + strings.Repeat(`]`, 500)
	const fuel = "fuel = 300_000_000\n"
	for name, c := range map[string]struct {
		module, lines, input string
		code                 failure.Code
		reason               string
	}{
		"endless generator":     {"jq", fuel + `config.query = "last(repeat(1))"`, `0`, failure.FuelExhausted, ""},
		"endless recursion":     {"jq", fuel + `config.query = "def f: f; f"`, `0`, failure.FuelExhausted, ""},
		"endless list":          {"jq", "memory = '32MiB'\n" + `config.query = "[repeat(1)]"`, `0`, failure.MemoryExceeded, ""},
		"deep recursion":        {"jq", "memory = '32MiB'\n" + `config.query = "def f: 1 + f; f"`, `0`, failure.MemoryExceeded, ""},
		"costly expression":     {"jq", fuel + `config.query = "[range(100000)] | map(tostring | test(\"(a*)*b\"))"`, `0`, failure.FuelExhausted, ""},
		"nested ranges":         {"template", fuel + `config.template = "{{range .}}{{range $}}{{range $}}{{range $}}{{range $}}{{end}}{{end}}{{end}}{{end}}{{end}}"`, "[" + strings.Repeat("1,", 200) + "1]", failure.FuelExhausted, ""},
		"a long range":          {"template", fuel + `config.template = "{{range 30000000}}{{end}}"`, `0`, failure.FuelExhausted, ""},
		"a template of itself":  {"template", `config.template = "{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}"`, `0`, failure.NodeError, "template_error"},
		"a bomb of CSV":         {"csv", "", quoted(strings.Repeat("x", 1<<20) + "\n" + strings.Repeat("1\n", 1<<10)), failure.NodeError, "too_large"},
		"a schema of itself":    {"validate", `config.schema = { allOf = [{ "$ref" = "#" }] }`, `0`, failure.NodeError, "bad_schema"},
		"a number out of reach": {"validate", `config.schema = { multipleOf = 3 }`, `1e999999999`, failure.NodeError, "bad_input"},
		"overlaps":              {"split", `config = { size = 100000, overlap = 99999 }`, quoted(strings.Repeat("a", 1<<20)), failure.NodeError, "too_large"},
		"another kind":          {"html2text", "", `{"page":"<p>"}`, failure.InvalidInput, ""},
		"another kind of list":  {"merge", "", `"a"`, failure.InvalidInput, ""},
		"deep jq":               {"jq", `config.query = "[..] | length"`, deep, "", ""},
		"deep template":         {"template", `config.template = "{{.}}"`, deep, "", ""},
		"deep schema":           {"validate", `config.schema = { "$defs" = { l = { items = { "$ref" = "#/$defs/l" } } }, "$ref" = "#/$defs/l" }`, deep, "", ""},
		"deep tags":             {"html2text", "", quoted(strings.Repeat("<ul><li><blockquote><div>", 10_000) + "x"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := once(t, h, c.module, c.lines, c.input)
			f := r.Failure()
			switch {
			case f == nil && c.code != "":
				t.Errorf("gives %.80s, expected %s", r.Output(), c.code)
			case f != nil && (f.Code != c.code || f.Reason != c.reason):
				t.Errorf("fails with %s (%s): %s, expected %s (%s)", f.Code, f.Reason, f.Message, c.code, c.reason)
			}
		})
	}
}

// What a node needs of the world is known before it runs.
func TestNodesNeedGrants(t *testing.T) {
	h := standardHost(t)
	for lines, want := range map[string]string{
		"module = 'std:extract'\nconfig.schema.type = 'object'":                `"std:extract" needs the capability "llm.chat", which is not granted to the node`,
		"module = 'std:prompt'\nconfig = { prompt = 'x', capability = 'gpt' }": `"std:prompt" needs the capability "gpt.chat"`,
		"module = 'std:http'\nconfig.url = 'https://example.com/'":             `"std:http" needs the capability "fetch.request"`,
		"module = 'std:jq'\nconfig.qery = '.'":                                 `the property "qery" is not allowed`,
		"module = 'std:extract'\nconfig.schema.type = 'thing'":                 `config.schema`,
	} {
		_, err := h.LoadFS(fstest.MapFS{"graph.toml": {Data: []byte("version = 1\n[nodes.a]\n" + lines)}}, "graph.toml")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", lines, err)
		}
	}
}

// Every node does a small piece of work within 16 MiB, and costs what the documentation
// says.
func TestNodesAreSmall(t *testing.T) {
	h := standardHost(t)
	for _, c := range []struct {
		module, lines, input, output string
		fuel                         uint64
	}{
		{"template", `config.template = "Hello, {{.name}}!"`, `{"name":"Ada"}`, `"Hello, Ada!"`, 300_000},
		{"jq", `config.query = ".name"`, `{"name":"Ada"}`, `"Ada"`, 250_000},
		{"csv", "", `"a,b\n1,2\n"`, `[{"a":"1","b":"2"}]`, 250_000},
		{"html2text", "", `"<p>a<p>b"`, `"a\n\nb"`, 150_000},
		{"split", "config.size = 2", `"abc"`, `["ab","c"]`, 250_000},
		{"merge", "", `["ab","c"]`, `"abc"`, 250_000},
		{"validate", `config = { schema = { type = "string" }, as = "document" }`, `"x"`, `"x"`, 4_000_000},
	} {
		g, err := h.LoadFS(fstest.MapFS{"graph.toml": {Data: []byte("version = 1\n[nodes.a]\nmemory = '16MiB'\nmodule = 'std:" + c.module + "'\n" + c.lines)}}, "graph.toml")
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.Run(t.Context(), g, json.RawMessage(c.input))
		if err != nil || r.Failure() != nil {
			t.Fatalf("%s: %v, %+v", c.module, err, r.Failure())
		}
		if fuel := r.View().Fuel; r.Output().String() != c.output || fuel > c.fuel {
			t.Errorf("%s: %s, for %d of fuel", c.module, r.Output(), fuel)
		} else {
			t.Logf("%s: %d of fuel", c.module, fuel)
		}
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
