// The fields that a JSON Schema describes, as the rows of a table.

package cli

import (
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// What bounds the table of a schema.
const (
	maxFieldRows  = 200
	maxFieldDepth = 12
	maxFieldRefs  = 300 // references that are followed
)

type fieldRow struct {
	path, typ   string
	required    bool
	description string
}

// fields writes the table of a schema.
func (p *nodePage) fields(source []byte) {
	doc, err := document.Parse(source, document.Limits{})
	if err != nil {
		p.line("The schema is no JSON that is read.\n")
		return
	}
	w := fieldWalk{root: doc}
	w.walk("", doc, true, 0, nil)
	p.line("| field | type | required | |\n|---|---|---|---|")
	for _, r := range w.rows {
		required := ""
		if r.required {
			required = "yes"
		}
		name := "the document"
		if r.path != "" {
			name = cellCode(r.path)
		}
		p.line("| %s | %s | %s | %s |", name, r.typ, required, r.description)
	}
	p.line("")
	if w.cut {
		p.line("More fields are in the schema: `chainrun node manifest show`.\n")
	}
}

// A fieldWalk collects rows, the outer before the inner, in the order of the
// schema.
type fieldWalk struct {
	root document.Document
	rows []fieldRow
	refs int
	cut  bool
}

// walk adds the row of a place and those below it. inside are the references that
// led there: a type within itself is named, not written again.
func (w *fieldWalk) walk(path string, s document.Document, required bool, depth int, inside []string) {
	if len(w.rows) >= maxFieldRows || depth > maxFieldDepth {
		w.cut = true
		return
	}
	of := keywordsOf(s)
	row := fieldRow{path: path, required: required, description: of.said()}
	null := false
	for range maxFieldDepth {
		if inner, ok := of.orNull(); ok {
			of, null = keywordsOf(inner), true
		}
		ref := of.text("$ref")
		if ref == "" {
			break
		}
		if slices.Contains(inside, ref) {
			row.typ = "as " + markdown(ref[strings.LastIndexByte(ref, '/')+1:]) + " above"
			w.rows = append(w.rows, row)
			return
		}
		inside = append(slices.Clip(inside), ref)
		pointer, local := strings.CutPrefix(ref, "#")
		if w.refs++; !local || w.refs > maxFieldRefs {
			break
		}
		target, found := at(w.root, pointer)
		if !found {
			break
		}
		if of = keywordsOf(target); row.description == "" {
			row.description = of.said()
		}
	}
	row.typ = of.typeText(null)
	w.rows = append(w.rows, row)

	var must []string
	for _, item := range of.members["required"].Items() {
		must = append(must, textIn(item))
	}
	for _, f := range of.members["properties"].Fields() {
		if w.cut {
			return
		}
		name := f.Key
		if path != "" {
			name = path + "." + f.Key
		}
		w.walk(name, f.Value, slices.Contains(must, f.Key), depth+1, inside)
	}
	if items := of.members["items"]; len(items.Fields()) > 0 {
		w.walk(path+"[]", items, false, depth+1, inside)
	}
	if rest := of.members["additionalProperties"]; len(rest.Fields()) > 0 {
		w.walk(strings.TrimPrefix(path+".*", "."), rest, false, depth+1, inside)
	}
}

// keywords are the members of one schema, read once.
type keywords struct {
	members map[string]document.Document
	never   bool // the schema false
}

func keywordsOf(s document.Document) keywords {
	k := keywords{members: map[string]document.Document{}, never: s.String() == "false"}
	for _, f := range s.Fields() {
		k.members[f.Key] = f.Value
	}
	return k
}

func (k keywords) text(key string) string { return textIn(k.members[key]) }

// orNull tells whether a schema is that of something or null, and what.
func (k keywords) orNull() (document.Document, bool) {
	list := k.members["anyOf"].Items()
	if len(list) != 2 {
		return document.Document{}, false
	}
	for i, item := range list {
		if keywordsOf(item).text("type") == "null" {
			return list[1-i], true
		}
	}
	return document.Document{}, false
}

// said is the title and the description of a schema, for a table.
func (k keywords) said() string {
	text := strings.TrimSpace(markdown(k.text("title")) + " " + markdown(k.text("description")))
	if k.members["chainrun:output_schema"].String() == "true" {
		text = strings.TrimSpace(text + " The JSON Schema of the output, which is held against it.")
	}
	if value, ok := k.members["default"]; ok {
		text = strings.TrimSpace(text + " Default " + cellCode(shortJSON(value)) + ".")
	}
	return text
}

// typeText says what may stand at a place, for a table.
func (k keywords) typeText(null bool) string {
	var types []string
	if t, ok := k.members["type"]; ok {
		if t.Kind() == document.KindArray {
			for _, item := range t.Items() {
				types = append(types, markdown(textIn(item)))
			}
		} else {
			types = append(types, markdown(textIn(t)))
		}
	}
	if null {
		types = append(types, "null")
	}
	text := strings.Join(types, " or ")
	add := func(more string) { text = strings.TrimSpace(text + " " + more) }
	for _, rule := range []struct{ key, sign string }{
		{"minimum", "≥ "},
		{"exclusiveMinimum", "\\> "},
		{"maximum", "≤ "},
		{"exclusiveMaximum", "\\< "},
		{"multipleOf", "a multiple of "},
		{"minLength", "length ≥ "},
		{"maxLength", "length ≤ "},
		{"minItems", "at least "},
		{"maxItems", "at most "},
		{"minProperties", "at least "},
		{"maxProperties", "at most "},
		{"pattern", "like "},
		{"const", "always "},
		{"format", ""},
		{"contentEncoding", ""},
	} {
		v, ok := k.members[rule.key]
		if idle := v.String() == "0" && strings.HasPrefix(rule.key, "min") && rule.key != "minimum"; ok && !idle {
			value := cellCode(shortJSON(v))
			if v.Kind() == document.KindString && rule.key != "const" {
				value = cellCode(textIn(v))
			} else if v.Kind() == document.KindNumber {
				value = shortJSON(v)
			}
			add(rule.sign + value)
		}
	}
	if list, ok := k.members["enum"]; ok {
		var values []string
		for n, item := range list.Items() {
			if n == 20 {
				values = append(values, "…")
				break
			}
			values = append(values, cellCode(shortJSON(item)))
		}
		add(strings.Join(values, ", "))
	}
	if text == "" {
		switch {
		case k.never:
			return "nothing"
		case len(k.members) == 0:
			return "any"
		}
		for _, key := range []string{"anyOf", "oneOf", "allOf", "$ref", "properties", "if", "not"} {
			if _, ok := k.members[key]; ok {
				return "see the schema"
			}
		}
		return "any"
	}
	return text
}

// textIn gives a string document's characters, "" for any other.
func textIn(d document.Document) string {
	if d.Kind() != document.KindString {
		return ""
	}
	v, err := d.Value()
	text, ok := v.(string)
	if err != nil || !ok {
		return ""
	}
	return text
}

// shortJSON is a value as JSON, cut to what fits a table.
func shortJSON(d document.Document) string {
	const most = 100
	if text := d.String(); len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return d.String()
}
