package graphfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// Format writes a source as TOML, always in the same way: [Parse] reads the
// same source from it, positions aside. Comments of a file are not in its
// source and so are not written.
//
// The error says what TOML cannot express: null, a number that is neither a
// 64-bit integer nor exactly a 64-bit float.
func Format(src *graph.Source) ([]byte, error) {
	w := &writer{}
	w.top(src)
	if w.err != nil {
		return nil, fmt.Errorf("writing the graph file: %w", w.err)
	}
	return []byte(w.b.String()), nil
}

type writer struct {
	b   strings.Builder
	err error
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// header begins a table.
func (w *writer) header(open string, path []string, end string) {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = key(p)
	}
	w.line("\n%s%s%s", open, strings.Join(parts, "."), end)
}

// key writes a key, in quotes where it needs them.
func key(name string) string {
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 || !isBare(byte(r)) }) < 0 {
		return name
	}
	return quote(name)
}

// quote writes a string on one line.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (w *writer) str(name, v string, keys graph.Positions) {
	if v != "" || written(keys, name) {
		w.line("%s = %s", name, quote(v))
	}
}

func (w *writer) integer(name string, v int64, keys graph.Positions) {
	if v != 0 || written(keys, name) {
		w.line("%s = %d", name, v)
	}
}

func (w *writer) boolean(name string, v bool, keys graph.Positions) {
	if v || written(keys, name) {
		w.line("%s = %t", name, v)
	}
}

func (w *writer) duration(name string, v time.Duration, keys graph.Positions) {
	if v != 0 || written(keys, name) {
		w.line("%s = %q", name, v)
	}
}

func (w *writer) number(name string, v float64) { w.line("%s = %s", name, float(v)) }

// float writes a number so that TOML reads it as a float.
func float(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	switch s {
	case "NaN":
		return "nan"
	case "+Inf":
		return "inf"
	case "-Inf":
		return "-inf"
	}
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func (w *writer) words(name string, list []graph.Word, keys graph.Positions) {
	if len(list) == 0 && !written(keys, name) {
		return
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = quote(v.Text)
	}
	w.line("%s = [%s]", name, strings.Join(texts, ", "))
}

func (w *writer) expression(name string, e graph.Expression, keys graph.Positions) {
	w.str(name, e.Text, keys)
}

func written(keys graph.Positions, name string) bool {
	_, ok := keys[name]
	return ok
}

func (w *writer) schema(name string, s graph.SchemaSource) {
	if s.File != "" {
		w.line("%s = %s", name, quote(s.File))
		return
	}
	w.value(name, s.Inline)
}

func (w *writer) value(name string, v graph.Value) {
	if !v.Document.IsZero() {
		w.line("%s = %s", name, w.document(v.Document))
	}
}

// document writes a JSON value as a TOML value on one line.
func (w *writer) document(d document.Document) string {
	dec := json.NewDecoder(strings.NewReader(d.String()))
	dec.UseNumber()
	return w.next(dec)
}

// next writes the decoder's next value. It keeps the order of keys, which a
// decoded map would not.
func (w *writer) next(dec *json.Decoder) string {
	token, err := dec.Token()
	if err != nil {
		w.fail(fmt.Errorf("reading a document: %w", err))
		return "0"
	}
	switch v := token.(type) {
	case json.Delim:
		var parts []string
		for dec.More() && w.err == nil {
			if v == '[' {
				parts = append(parts, w.next(dec))
				continue
			}
			name, err := dec.Token()
			if err != nil {
				w.fail(fmt.Errorf("reading a document: %w", err))
				break
			}
			parts = append(parts, key(fmt.Sprint(name))+" = "+w.next(dec))
		}
		if _, err := dec.Token(); err != nil && w.err == nil {
			w.fail(fmt.Errorf("reading a document: %w", err))
		}
		if v == '[' {
			return "[" + strings.Join(parts, ", ") + "]"
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case string:
		return quote(v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return strconv.FormatInt(n, 10)
		}
		f, err := v.Float64()
		if exact, e := document.FromValue(f); err != nil || e != nil || !exact.Equal(document.Trusted([]byte(v))) {
			w.fail(fmt.Errorf("TOML has no number %s", v))
			return "0"
		}
		return float(f)
	}
	w.fail(errors.New("TOML has no null"))
	return "0"
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) top(src *graph.Source) {
	w.integer("version", max(src.Version, 1), nil)
	w.str("name", src.Name, src.Keys)
	w.str("description", src.Description, src.Keys)
	w.words("start", src.Start, src.Keys)
	w.words("chain", src.Chain, src.Keys)
	w.duration("deadline", src.Deadline, src.Keys)
	w.integer("max_steps", src.MaxSteps, src.Keys)
	w.wire("input", src.Input, src.Keys)
	w.wire("output", src.Output, src.Keys)
	if len(src.State) == 0 && written(src.Keys, "state") {
		w.header("[", []string{"state"}, "]")
	}
	for _, s := range src.State {
		w.header("[", []string{"state", s.Name}, "]")
		w.value("initial", s.Initial)
		w.schema("schema", s.Schema)
		w.str("reduce", s.Reduce, s.Keys)
	}
	w.sections("capabilities", src.Capabilities, src.Keys)
	w.sections("secrets", src.Secrets, src.Keys)
	if src.Budget != nil {
		w.line("\n[budget]")
		w.fields(src.Budget.Value.Document)
	}
	if d := src.Defaults; written(src.Keys, "defaults") || !empty(d) {
		w.node([]string{"defaults"}, d)
	}
	if len(src.Nodes) == 0 && written(src.Keys, "nodes") {
		w.header("[", []string{"nodes"}, "]")
	}
	for _, n := range src.Nodes {
		w.node([]string{"nodes", n.Name}, n)
	}
	for _, e := range src.Edges {
		w.line("\n[[edges]]")
		w.str("from", e.From.Text, e.Keys)
		w.str("to", e.To.Text, e.Keys)
		w.expression("when", e.When, e.Keys)
		if e.AnyError {
			w.line(`on = "error"`)
		} else {
			w.words("on", e.On, e.Keys)
		}
	}
}

func (w *writer) wire(name string, s graph.WireSource, keys graph.Positions) {
	if s.Schema.File == "" && s.Schema.Inline.Document.IsZero() && s.Value.Text == "" && !written(keys, name) {
		return
	}
	w.header("[", []string{name}, "]")
	w.schema("schema", s.Schema)
	w.expression("value", s.Value, s.Keys)
}

func (w *writer) sections(name string, list []graph.Section, keys graph.Positions) {
	if len(list) == 0 && written(keys, name) {
		w.header("[", []string{name}, "]")
	}
	for _, s := range list {
		w.section([]string{name, s.Name}, s.Value)
	}
}

func (w *writer) section(path []string, v graph.Value) {
	w.header("[", path, "]")
	w.fields(v.Document)
}

// fields writes an object's members as the keys of the table that is open.
func (w *writer) fields(d document.Document) {
	if d.IsZero() {
		return
	}
	if d.Kind() != document.KindObject {
		w.fail(fmt.Errorf("a table was expected, found %s", d.Kind()))
		return
	}
	dec := json.NewDecoder(strings.NewReader(d.String()))
	dec.UseNumber()
	_, _ = dec.Token()
	for dec.More() && w.err == nil {
		name, err := dec.Token()
		if err != nil {
			w.fail(err)
			return
		}
		w.line("%s = %s", key(fmt.Sprint(name)), w.next(dec))
	}
}

// empty reports whether nothing is written in a table of node keys.
func empty(n graph.NodeSource) bool {
	w := &writer{}
	w.node(nil, n)
	return w.err == nil && strings.TrimSpace(w.b.String()) == "[]"
}

func (w *writer) node(path []string, n graph.NodeSource) {
	w.header("[", path, "]")
	w.str("module", n.Module, n.Keys)
	w.str("graph", n.Graph, n.Keys)
	w.boolean("wait", n.Wait, n.Keys)
	w.str("entry", n.Entry, n.Keys)
	w.str("encoding", n.Encoding, n.Keys)
	if n.Input.Fields != nil {
		w.table("input", n.Input.Fields)
	} else {
		w.expression("input", n.Input.Expression, n.Keys)
	}
	w.value("config", n.Config)
	if n.Write != nil {
		w.table("write", n.Write)
	}
	w.schema("input_schema", n.InputSchema)
	w.schema("output_schema", n.OutputSchema)
	w.integer("fuel", n.Fuel, n.Keys)
	if n.Memory != 0 || written(n.Keys, "memory") {
		w.line("memory = %s", graph.FormatSize(n.Memory))
	}
	w.duration("timeout", n.Timeout, n.Keys)
	w.duration("deadline", n.Deadline, n.Keys)
	w.integer("max_visits", n.MaxVisits, n.Keys)
	w.str("route", n.Route, n.Keys)
	w.expression("foreach", n.Foreach, n.Keys)
	w.integer("concurrency", n.Concurrency, n.Keys)
	w.str("on_error", n.OnError, n.Keys)
	w.boolean("cache", n.Cache, n.Keys)
	if n.Retry != nil && len(n.Retry) == 0 {
		w.line("retry = []")
	}
	for _, g := range n.Grants {
		w.section(append(slices.Clone(path), "grants", g.Name), g.Value)
	}
	for _, r := range n.Retry {
		w.header("[[", append(slices.Clone(path), "retry"), "]]")
		w.words("on", r.On, r.Keys)
		w.integer("max_attempts", r.MaxAttempts, r.Keys)
		if r.InitialInterval != nil {
			w.line("initial_interval = %q", *r.InitialInterval)
		}
		w.duration("max_interval", r.MaxInterval, r.Keys)
		if r.Multiplier != 0 || written(r.Keys, "multiplier") {
			w.number("multiplier", r.Multiplier)
		}
		if r.Jitter != nil {
			w.number("jitter", *r.Jitter)
		}
		w.duration("max_elapsed", r.MaxElapsed, r.Keys)
	}
}

// table writes a table of expressions on one line.
func (w *writer) table(name string, fields []graph.FieldSource) {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = key(f.Key) + " = " + quote(f.Expression.Text)
	}
	w.line("%s = {%s}", name, strings.Join(parts, ", "))
}
