// What is wrong with a manifest, for its author: more than a reader refuses.

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/module"
)

// A manifestCheck looks at one manifest.
type manifestCheck struct {
	file   string         // what complaints name
	text   []byte         // the JSON
	lined  bool           // text is the file, so that lines and columns mean something
	of     *module.Module // the module that carries it, or will; nil: unknown
	places map[string]int // where values begin, by pointer; made when needed

	found graph.Diagnostics
}

// run gives every complaint, in the order of the text.
func (c *manifestCheck) run() graph.Diagnostics {
	doc, err := document.Parse(c.text, document.Limits{Bytes: module.MaxManifestBytes, Depth: module.MaxManifestDepth})
	if err != nil {
		var syntax *document.SyntaxError
		at, text := graph.Position{File: c.file}, err.Error()
		if errors.As(err, &syntax) && c.lined {
			at.Line, at.Column, text = syntax.Line, syntax.Column, syntax.Text
		}
		c.found = append(c.found, graph.Diagnostic{
			Position: at, Code: plan.CodeInvalidManifest, Severity: graph.Error, Text: "the manifest is no JSON: " + text,
		})
		return c.found
	}
	rules, err := schema.Compile("the manifest's schema", module.ManifestSchema, nil)
	if err != nil { // chainrun's own
		panic(err)
	}
	for _, v := range rules.Validate(doc) {
		c.violation(v, doc)
	}
	c.schemas(doc)
	c.capabilities(doc)
	manifest, err := module.ParseManifest(c.text)
	switch {
	case err != nil && !c.found.Failed():
		c.complain(graph.Error, "", strings.TrimPrefix(err.Error(), "the manifest is not right: "), "")
	case err == nil && c.of != nil:
		c.module(manifest)
	}
	if c.lined {
		c.found.Sort()
	}
	return c.found
}

// complain names the place as a pointer, and as a line where there is one.
func (c *manifestCheck) complain(severity graph.Severity, pointer, text, hint string) {
	if len(c.found) >= maxComplaints {
		return
	}
	at := graph.Position{File: c.file}
	if c.lined {
		if c.places == nil {
			c.places = valuePlaces(c.text)
		}
		near := pointer // what a reference leads to has no place of its own
		for {
			if offset, ok := c.places[near]; ok {
				at = c.position(offset)
				break
			}
			near = near[:strings.LastIndexByte(near, '/')]
		}
	}
	if pointer != "" {
		text = pointer + ": " + text
	}
	c.found = append(c.found, graph.Diagnostic{Position: at, Code: plan.CodeInvalidManifest, Severity: severity, Text: text, Hint: hint})
}

func (c *manifestCheck) position(offset int) graph.Position {
	if !c.lined || offset < 0 || offset > len(c.text) {
		return graph.Position{File: c.file}
	}
	before := c.text[:offset]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return graph.Position{File: c.file, Line: bytes.Count(before, []byte{'\n'}) + 1, Column: utf8.RuneCount(line) + 1}
}

// violation says what the manifest's schema has against it.
func (c *manifestCheck) violation(v failure.Violation, doc document.Document) {
	if v.Keyword == "type" && v.Found == "null" {
		return // as if it were not there
	}
	if v.Keyword != "additionalProperties" {
		hint := ""
		if v.Keyword == "pattern" || v.Keyword == "type" {
			hint = manifestHints[v.Pointer[strings.LastIndexByte(v.Pointer, '/')+1:]]
		}
		c.complain(graph.Error, v.Pointer, v.Message+", found "+v.Found, hint)
		return
	}
	known := manifestKeys
	switch {
	case strings.HasPrefix(v.Pointer, "/entries/"):
		known = []string{"description", "input", "output", "config"}
	case v.Pointer == "/limits" || strings.HasPrefix(v.Pointer, "/limits/"):
		known = []string{"fuel", "memory_bytes", "timeout"}
	}
	parent, ok := at(doc, v.Pointer)
	if !ok || parent.Kind() != document.KindObject {
		parent, _ = at(doc, v.Pointer[:max(0, strings.LastIndexByte(v.Pointer, '/'))])
	}
	for _, f := range parent.Fields() {
		if slices.Contains(known, f.Key) {
			continue
		}
		hint := "a manifest is read without it"
		if near := graph.Nearest(f.Key, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.complain(graph.Error, strings.TrimSuffix(v.Pointer, "/"+escapedKey(f.Key))+"/"+escapedKey(f.Key), "unknown key", hint)
	}
}

// manifestHints say what a field that breaks its pattern should be like.
var manifestHints = map[string]string{
	"name":     `letters, digits, ".", "_", "-" and "/", such as "word-count"`,
	"version":  `such as "1.2.0"`,
	"homepage": "an http or https URL",
	"license":  `an SPDX expression, such as "MIT" or "Apache-2.0 OR MIT"`,
	"timeout":  `such as "1.5s" or "200ms"`,
	"input":    "a JSON Schema: an object, true or false",
	"output":   "a JSON Schema: an object, true or false",
	"config":   "a JSON Schema: an object, true or false",
}

// schemas compiles every schema, as a graph that uses its entry would.
func (c *manifestCheck) schemas(doc document.Document) {
	c.entrySchemas("", doc)
	entries, _ := at(doc, "/entries")
	for _, f := range entries.Fields() {
		c.entrySchemas("/entries/"+escapedKey(f.Key), f.Value)
	}
}

func (c *manifestCheck) entrySchemas(prefix string, entry document.Document) {
	for _, key := range []string{"input", "output", "config"} {
		source, ok := at(entry, "/"+key)
		if !ok || source.Kind() != document.KindObject {
			continue
		}
		_, err := schema.Compile(key, source.Bytes(), nil)
		var wrong *schema.CompileError
		switch {
		case errors.As(err, &wrong):
			c.complain(graph.Error, prefix+"/"+key+wrong.Pointer, wrong.Text, wrong.Hint)
		case err != nil:
			c.complain(graph.Error, prefix+"/"+key, err.Error(), "")
		}
	}
}

func (c *manifestCheck) capabilities(doc document.Document) {
	list, _ := at(doc, "/capabilities")
	for i, item := range list.Items() {
		pointer := "/capabilities/" + strconv.Itoa(i)
		if item.Kind() != document.KindString {
			continue // said by the manifest's schema
		}
		name := textIn(item)
		capability, method, named := strings.Cut(name, ".")
		switch {
		case capability == "" || named && method == "":
			c.complain(graph.Error, pointer, fmt.Sprintf("%q names no capability", name), `write "llm", or "llm.chat" for one method of it`)
		case capability == graph.HostCapability:
			c.complain(graph.Warning, pointer, "every node has this capability", "leave it out")
		}
	}
}

// module holds the manifest against the file that it is about.
func (c *manifestCheck) module(m *module.Manifest) {
	entries := c.of.Entries()
	for _, name := range sortedNames(m.Entries) {
		if !slices.Contains(entries, name) {
			hint := "the module has no further entries"
			if named := slices.DeleteFunc(slices.Clone(entries), func(e string) bool { return e == "" }); len(named) > 0 {
				hint = "it has " + strings.Join(named, ", ")
			}
			c.complain(graph.Error, "/entries/"+escapedKey(name), "the module does not export this entry", hint)
		}
	}
	if abi, err := c.of.ABI(); err == nil && abi == module.ABICommand && len(m.Capabilities) > 0 {
		c.complain(graph.Error, "/capabilities", "the module is a command, and a command cannot ask for capabilities", "build it as a reactor")
	}
	if least := leastMemory(c.of); m.Limits.MemoryBytes > 0 && m.Limits.MemoryBytes < least {
		c.complain(graph.Error, "/limits/memory_bytes", fmt.Sprintf("the module needs %d bytes to start", least), "")
	}
}

// leastMemory is what a module needs to start.
func leastMemory(m *module.Module) uint64 {
	least := uint64(0)
	for _, memory := range m.Memories {
		least += uint64(memory.Min) << 16
	}
	return least
}

// at finds a value by its pointer.
func at(doc document.Document, pointer string) (document.Document, bool) {
	for pointer != "" {
		key, rest, _ := strings.Cut(pointer[1:], "/")
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		found := false
		switch doc.Kind() {
		case document.KindObject:
			for _, f := range doc.Fields() {
				if f.Key == key {
					doc, found = f.Value, true
				}
			}
		case document.KindArray:
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(doc.Items()) {
				doc, found = doc.Items()[i], true
			}
		default:
		}
		if !found {
			return doc, false
		}
		if pointer = ""; rest != "" {
			pointer = "/" + rest
		}
	}
	return doc, true
}

func escapedKey(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// What bounds the places of a hostile text, whose pointers could be far longer than
// the text itself.
const (
	maxPlaces     = 50_000
	maxPlaceBytes = 500
)

// maxComplaints bounds what is said of one manifest.
const maxComplaints = 200

// valuePlaces tells where each member (its key) and each element of a JSON text
// begins, by pointer. The text is JSON.
func valuePlaces(text []byte) map[string]int {
	type level struct {
		pointer string
		index   int // of the next element; -1 in an object
		key     bool
	}
	places := map[string]int{"": 0}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	open, here := []level{}, ""
	for {
		start := int(d.InputOffset())
		for start < len(text) && strings.IndexByte(" \t\r\n:,", text[start]) >= 0 {
			start++
		}
		t, err := d.Token()
		if err != nil {
			return places
		}
		last := len(open) - 1
		if t == json.Delim('}') || t == json.Delim(']') {
			open = open[:last]
			continue
		}
		if last >= 0 {
			l := &open[last]
			name := strconv.Itoa(l.index)
			if l.index >= 0 {
				l.index++
			} else if l.key = !l.key; l.key {
				name, _ = t.(string)
			}
			if l.index >= 0 || l.key {
				here = l.pointer
				if len(l.pointer) < maxPlaceBytes && len(places) < maxPlaces { // below and beyond, the place is that around
					here += "/" + escapedKey(name)
					places[here] = start
				}
			}
			if l.key {
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{pointer: here, index: -1})
		case json.Delim('['):
			open = append(open, level{pointer: here})
		}
	}
}
