// A document that a JSON Schema takes, to begin with.

package cli

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
)

// What bounds an example.
const (
	maxExampleDepth = 8
	maxExampleParts = 200
)

// exampleOf makes a small document that a schema takes. It is false where none was
// found: a schema can ask for anything.
func exampleOf(source []byte) (document.Document, bool) {
	if len(source) == 0 {
		return document.MustParse(`{}`), true
	}
	root, err := document.Parse(source, document.Limits{})
	if err != nil {
		return document.Document{}, false
	}
	rules, err := schema.Compile("schema", source, nil)
	if err != nil {
		return document.Document{}, false
	}
	e := exampleWalk{root: root}
	doc, ok := e.make(root, 0)
	if !ok || len(rules.Validate(doc)) > 0 {
		return document.Document{}, false
	}
	return doc, true
}

type exampleWalk struct {
	root  document.Document
	parts int
}

func (e *exampleWalk) make(s document.Document, depth int) (document.Document, bool) {
	if e.parts++; depth > maxExampleDepth || e.parts > maxExampleParts {
		return document.Document{}, false
	}
	of := keywordsOf(s)
	for _, key := range []string{"const", "default"} {
		if v, ok := of.members[key]; ok {
			return v, true
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if list := of.members[key].Items(); len(list) > 0 {
			return list[0], true
		}
	}
	if pointer, local := strings.CutPrefix(of.text("$ref"), "#"); local {
		target, ok := at(e.root, pointer)
		if !ok {
			return document.Document{}, false
		}
		return e.make(target, depth+1)
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if list := of.members[key].Items(); len(list) > 0 {
			return e.make(list[0], depth+1)
		}
	}
	typ := of.text("type")
	if list := of.members["type"].Items(); len(list) > 0 {
		typ = textIn(list[0])
	}
	switch typ {
	case "array":
		return e.list(of, depth)
	case "string":
		return e.string(of), true
	case "integer", "number":
		return number(of), true
	case "boolean":
		return document.Bool(true), true
	case "null":
		return document.Null(), true
	}
	return e.object(of, depth)
}

func (e *exampleWalk) object(of keywords, depth int) (document.Document, bool) {
	properties := map[string]document.Document{}
	var names []string
	for _, f := range of.members["properties"].Fields() {
		properties[f.Key] = f.Value
		names = append(names, f.Key)
	}
	must := map[string]bool{}
	for _, item := range of.members["required"].Items() {
		name := textIn(item)
		if _, known := properties[name]; !known && !must[name] {
			names = append(names, name)
		}
		must[name] = true
	}
	var fields []document.Field
	for _, name := range names {
		if !must[name] {
			continue
		}
		s, ok := properties[name]
		if !ok {
			s = document.MustParse(`{}`)
		}
		v, ok := e.make(s, depth+1)
		if !ok {
			return document.Document{}, false
		}
		fields = append(fields, document.Field{Key: name, Value: v})
	}
	return document.Object(fields...), true
}

func (e *exampleWalk) list(of keywords, depth int) (document.Document, bool) {
	n, _ := strconv.Atoi(of.members["minItems"].String())
	if n == 0 && depth == 0 {
		n = 1 // more of an example
	}
	if n > 10 {
		return document.Document{}, false
	}
	items := make([]document.Document, 0, n)
	for range n {
		s, ok := of.members["items"]
		if !ok {
			s = document.MustParse(`{}`)
		}
		v, ok := e.make(s, depth+1)
		if !ok {
			return document.Document{}, false
		}
		items = append(items, v)
	}
	return document.Array(items...), true
}

func (e *exampleWalk) string(of keywords) document.Document {
	text := "…"
	switch of.text("format") {
	case "date-time":
		text = "2024-02-29T12:00:00Z"
	case "date":
		text = "2024-02-29"
	case "uri":
		text = "https://example.com/"
	case "email":
		text = "ada@example.com"
	}
	if n, _ := strconv.Atoi(of.members["minLength"].String()); n > 1 && n <= 100 {
		text += strings.Repeat("x", n-1)
	}
	return document.String(text)
}

func number(of keywords) document.Document {
	if v, ok := of.members["minimum"]; ok && v.Kind() == document.KindNumber {
		return v
	}
	if v, err := strconv.ParseInt(of.members["exclusiveMinimum"].String(), 10, 52); err == nil {
		return document.Int(v + 1)
	}
	if v, ok := of.members["maximum"]; ok && v.Kind() == document.KindNumber && strings.HasPrefix(v.String(), "-") {
		return v
	}
	if v, ok := of.members["multipleOf"]; ok && v.Kind() == document.KindNumber {
		return v
	}
	return document.Int(1)
}

// graph writes a graph of this one node, and how to run it.
func (p *nodePage) graph() {
	node := nodeName(p.file)
	module := baseName(p.file)
	entry, e := "", p.manifest.Entry("")
	if first := p.facts.Entries; len(first) > 0 && first[0].Name != "" {
		entry, e = first[0].Name, first[0].ManifestEntry
	}
	p.line("## In a graph\n")
	config, ok := exampleOf(e.Config)
	if !ok {
		p.line("The node needs a config that its schema describes.\n")
		return
	}
	text, ok := tomlText(config)
	if !ok {
		p.line("The node needs a config that TOML cannot write.\n")
		return
	}
	p.line("```toml\nversion = 1\nchain = [%s]\n\n[nodes.%s]\nmodule = %s", tomlString(node), tomlName(node), tomlString(module))
	if entry != "" {
		p.line("entry = %s", tomlString(entry))
	}
	if len(config.Fields()) > 0 || config.Kind() != document.KindObject {
		p.line("config = %s", text)
	}
	done := map[string]bool{}
	for _, c := range p.manifest.Capabilities {
		name, _, _ := strings.Cut(c, ".")
		if done[name] || name == "" {
			continue
		}
		done[name] = true
		p.line("\n[nodes.%s.grants.%s]", tomlName(node), tomlName(name))
		if name == "fetch" {
			p.line(`hosts = ["api.example.com"]`)
		}
	}
	p.line("```\n")
	if input, ok := exampleOf(e.Input); ok && !strings.Contains(input.String(), "'") {
		if text := string(visibleJSON(input.Bytes())); !strings.ContainsAny(text, "\n\r") {
			p.line("```sh\nchainrun graph.toml --input '%s'\n```\n", text)
		}
	}
}

// tomlText writes a document as a TOML value on one line. It is false for what
// TOML does not have: null.
func tomlText(d document.Document) (string, bool) {
	switch d.Kind() {
	case document.KindNull, document.KindAbsent:
		return "", false
	case document.KindString:
		return tomlString(textIn(d)), true
	case document.KindArray:
		var items []string
		for _, item := range d.Items() {
			text, ok := tomlText(item)
			if !ok {
				return "", false
			}
			items = append(items, text)
		}
		return "[" + strings.Join(items, ", ") + "]", true
	case document.KindObject:
		var fields []string
		for _, f := range d.Fields() {
			text, ok := tomlText(f.Value)
			if !ok {
				return "", false
			}
			fields = append(fields, tomlName(f.Key)+" = "+text)
		}
		if len(fields) == 0 {
			return "{}", true
		}
		return "{ " + strings.Join(fields, ", ") + " }", true
	default:
		return d.String(), true
	}
}

// tomlString is a basic string of TOML: as one of JSON, as long as that writes no
// surrogates.
func tomlString(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // a string always encodes
		return `""`
	}
	return string(visibleJSON(text))
}

func tomlName(s string) string {
	plain := s != ""
	for _, r := range s {
		plain = plain && (r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	if plain {
		return s
	}
	return tomlString(s)
}

// baseName is what a graph beside the file calls it; a standard node keeps its name.
func baseName(file string) string {
	if isStandard(file) {
		return file
	}
	return filepath.Base(file)
}

func isStandard(file string) bool { return strings.HasPrefix(file, "std:") }
