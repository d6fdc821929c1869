package plan

import (
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// A module that is told the schema of its output in its config.
func TestOutputSchemaInConfig(t *testing.T) {
	wasm := withManifest(t, `{"name":"extract","version":"1.0.0","config":{"type":"object","additionalProperties":false,
		"properties":{"schema":{"type":["object","boolean"],"chainrun:output_schema":true},"n":{"type":"integer"}}}}`)
	link := func(lines string) (*Plan, string) {
		g := build(t, "version = 1\n[nodes.a]\nmodule = 'a.wasm'\n"+lines)
		p, found := Link(g, func(string) ([]byte, error) { return wasm, nil }, nil)
		return p, found.Error()
	}
	for _, c := range []struct {
		lines, config string
		schemas       int
		refuses       string // a document that breaks one of the schemas
	}{
		{"", "", 0, ""},
		{"config.n = 1", `{"n":1}`, 0, ""},
		{"config.schema.type = 'object'", `{"schema":{"type":"object"}}`, 1, `[]`},
		{"output_schema = { type = 'array' }", `{"schema":{"type":"array"}}`, 1, `{}`},
		{"config.n = 1\noutput_schema = { type = 'array' }", `{"n":1,"schema":{"type":"array"}}`, 1, `{}`},
		{"config.schema.type = 'array'\noutput_schema = { maxItems = 1 }", `{"schema":{"type":"array"}}`, 2, `{}`},
	} {
		p, found := link(c.lines)
		if p == nil {
			t.Errorf("%s: %s", c.lines, found)
			continue
		}
		n := p.Node("a")
		if n.Config.String() != c.config || len(n.OutSchemas) != c.schemas {
			t.Errorf("%s: config %s, %d schemas", c.lines, n.Config, len(n.OutSchemas))
		}
		broken := false
		for _, s := range n.OutSchemas {
			broken = broken || len(s.Validate(document.MustParse(c.refuses))) > 0
		}
		if broken != (c.refuses != "") {
			t.Errorf("%s: %s is broken: %t", c.lines, c.refuses, broken)
		}
	}
	for lines, want := range map[string]string{
		"config.schema.type = 'nothing'":                ":4:",
		"config.schema.'$ref' = 'x.json'":               ":4:",
		"config.schema = 1":                             "a schema must be an object",
		"config = 1\noutput_schema = { type = 'null' }": "type",
	} {
		if p, found := link(lines); p != nil || !strings.Contains(found, want) {
			t.Errorf("%s: %s", lines, found)
		}
	}
}

// A module that asks for a capability under the name that its config gives.
func TestCapabilityInConfig(t *testing.T) {
	wasm := withManifest(t, `{"name":"ask","version":"1.0.0","config":{"properties":{"capability":{"type":"string","default":"llm","chainrun:capability":"llm.chat"}}}}`)
	offers, _ := offered(t)
	for lines, want := range map[string]string{
		"":                      `needs the capability "llm.chat", which is not granted to the node`,
		"[nodes.a.grants.llm]":  "",
		"[nodes.a.grants.kv]":   `needs the capability "llm.chat", which is not granted to the node`,
		"config.capability = 7": `type breaks the module's schema`,
		"[nodes.a.grants.llm]\nmethods = ['embed.texts']":                                     "the grant does not allow the method",
		"config.capability = 'gpt'\n[nodes.a.grants.llm]":                                     `needs the capability "gpt.chat", which is not granted`,
		"config.capability = 'gpt'\n[nodes.a.grants.gpt]\n[capabilities.gpt]\nkind = 'llm'\n": "",
	} {
		g := build(t, "version = 1\n[nodes.a]\nmodule = 'a.wasm'\n"+lines)
		_, found := Link(g, func(string) ([]byte, error) { return wasm, nil }, offers)
		if text := found.Error(); want == "" && found.Failed() || !strings.Contains(text, want) {
			t.Errorf("%s: %s", lines, text)
		}
	}
}
