package graphfile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/graph"
)

// item is a value with its place.
type item struct {
	value any
	place *place
}

// reader turns values into what they should be, and complains where they are
// not.
type reader struct {
	file     string
	found    graph.Diagnostics
	searches int

	placesBytes int // of the pointers that were noted
}

func (r *reader) complain(at spot, code, text, hint string) {
	r.found = append(r.found, graph.Diagnostic{
		Position: r.position(at), Code: code, Severity: graph.Error, Text: text, Hint: hint,
	})
}

func (r *reader) position(at spot) graph.Position {
	return graph.Position{File: r.file, Line: at.line, Column: at.column}
}

// keyAt and valueAt are where an item's key and value stand.
func (r *reader) keyAt(i item) graph.Position {
	if i.place == nil {
		return graph.Position{File: r.file}
	}
	return r.position(i.place.key)
}

func (r *reader) valueAt(i item) graph.Position {
	if i.place == nil {
		return graph.Position{File: r.file}
	}
	return r.position(i.place.value)
}

func (r *reader) wrong(i item, label, expected, hint string) {
	at := r.valueAt(i)
	r.complain(spot{at.Line, at.Column}, graph.CodeWrongType,
		fmt.Sprintf("%s: found %s, expected %s", label, describe(i.value), expected), hint)
}

// describe names a value in a complaint.
func describe(v any) string {
	const shown = 40
	cut := func(s string) string {
		if len(s) > shown {
			return strings.ToValidUTF8(s[:shown], "") + "…"
		}
		return s
	}
	switch v := v.(type) {
	case string:
		return "the string " + cut(strconv.Quote(v))
	case int64:
		return "the integer " + strconv.FormatInt(v, 10)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return "a date or time"
	case []any, []map[string]any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return fmt.Sprintf("a %T", v)
}

// table is a table whose keys are being read.
type table struct {
	r      *reader
	values map[string]any
	place  *place
	label  string // before a key's name in complaints: `node "a": `
	keys   graph.Positions
	known  []string
}

// table begins to read a table; nil where the item is none.
func (r *reader) table(i item, label, prefix string) *table {
	values, ok := i.value.(map[string]any)
	if !ok {
		hint := ""
		if _, ok := i.value.([]map[string]any); ok {
			hint = "write [name] instead of [[name]]"
		}
		r.wrong(i, label, "a table", hint)
		return nil
	}
	return &table{r: r, values: values, place: i.place, label: prefix, keys: graph.Positions{}}
}

// take gives a key's value. From then on the key is known.
func (t *table) take(key string) (item, bool) {
	t.known = append(t.known, key)
	v, ok := t.values[key]
	return item{v, t.place.child(key)}, ok
}

// names gives the keys in the order of the file.
func (t *table) names() []string {
	if t.place != nil && len(t.place.names) == len(t.values) {
		return t.place.names
	}
	names := make([]string, 0, len(t.values))
	for k := range t.values {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

func (t *table) item(key string) item { return item{t.values[key], t.place.child(key)} }

// written notes where a key's value stands.
func (t *table) written(key string, i item) { t.keys[key] = t.r.valueAt(i) }

// finish complains about the keys that nothing has taken.
func (t *table) finish() {
	for _, name := range t.names() {
		if slices.Contains(t.known, name) {
			continue
		}
		at := t.r.keyAt(t.item(name))
		t.r.complain(spot{at.Line, at.Column}, graph.CodeUnknownKey, fmt.Sprintf("%s%s: no such key", t.label, printable(name)), t.r.near(name, t.known))
	}
}

// maxSearches bounds how often the nearest key is looked for.
const maxSearches = 100

func (r *reader) near(name string, known []string) string {
	if r.searches++; r.searches <= maxSearches {
		if near := graph.Nearest(name, known); near != "" {
			return fmt.Sprintf("did you mean %q?", near)
		}
	}
	if len(known) > 12 {
		return ""
	}
	return "known keys: " + strings.Join(known, ", ")
}

// maxShownBytes bounds how much of a name complaints repeat: no name that can be
// one is longer.
const maxShownBytes = 128

func shown(name string) string {
	if len(name) > maxShownBytes {
		return strings.ToValidUTF8(name[:maxShownBytes], "") + "…"
	}
	return name
}

// printable quotes a key that is not a plain word.
func printable(name string) string {
	name = shown(name)
	for i := range len(name) {
		if !isBare(name[i]) {
			return strconv.Quote(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}

func (t *table) str(key string) string {
	i, ok := t.take(key)
	if !ok {
		return ""
	}
	s, ok := i.value.(string)
	if !ok {
		t.r.wrong(i, t.label+key, "a string", "")
		return ""
	}
	t.written(key, i)
	return s
}

func (t *table) boolean(key string) bool {
	i, ok := t.take(key)
	if !ok {
		return false
	}
	b, ok := i.value.(bool)
	if !ok {
		t.r.wrong(i, t.label+key, "true or false", "")
		return false
	}
	t.written(key, i)
	return b
}

func (t *table) integer(key string) int64 {
	i, ok := t.take(key)
	if !ok {
		return 0
	}
	n, ok := i.value.(int64)
	if !ok {
		hint := ""
		if f, ok := i.value.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			hint = fmt.Sprintf("write %d", int64(f))
		}
		t.r.wrong(i, t.label+key, "an integer", hint)
		return 0
	}
	t.written(key, i)
	return n
}

func (t *table) number(key string) (float64, bool) {
	i, ok := t.take(key)
	if !ok {
		return 0, false
	}
	switch v := i.value.(type) {
	case int64:
		t.written(key, i)
		return float64(v), true
	case float64:
		t.written(key, i)
		return v, true
	}
	t.r.wrong(i, t.label+key, "a number", "")
	return 0, false
}

func (t *table) duration(key string) (time.Duration, bool) {
	i, ok := t.take(key)
	if !ok {
		return 0, false
	}
	const expected = `a duration such as "500ms", "30s" or "1h30m"`
	s, ok := i.value.(string)
	if !ok {
		hint := ""
		if n, ok := i.value.(int64); ok {
			hint = fmt.Sprintf(`write the unit: "%ds"`, n)
		}
		t.r.wrong(i, t.label+key, expected, hint)
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		at := t.r.valueAt(i)
		t.r.complain(spot{at.Line, at.Column}, graph.CodeBadValue, fmt.Sprintf("%s%s: %q is not %s", t.label, key, s, expected), "")
		return 0, false
	}
	t.written(key, i)
	return d, true
}

func (t *table) size(key string) int64 {
	i, ok := t.take(key)
	if !ok {
		return 0
	}
	const expected = `a number of bytes or a size such as "16MiB"`
	switch v := i.value.(type) {
	case int64:
		t.written(key, i)
		return v
	case string:
		n, hint, ok := graph.ParseSize(v)
		if ok {
			t.written(key, i)
			return n
		}
		at := t.r.valueAt(i)
		t.r.complain(spot{at.Line, at.Column}, graph.CodeBadValue, fmt.Sprintf("%s%s: %q is not %s", t.label, key, v, expected), hint)
		return 0
	}
	t.r.wrong(i, t.label+key, expected, "")
	return 0
}

// words reads a list of strings; one string is a list of one.
func (t *table) words(key string) []graph.Word {
	i, ok := t.take(key)
	if !ok {
		return nil
	}
	if s, ok := i.value.(string); ok {
		t.written(key, i)
		return []graph.Word{{Text: s, At: t.r.valueAt(i)}}
	}
	list, ok := i.value.([]any)
	if !ok {
		t.r.wrong(i, t.label+key, "a list of strings", "")
		return nil
	}
	var words []graph.Word
	for n, v := range list {
		e := item{v, i.place.item(n)}
		s, ok := v.(string)
		if !ok {
			t.r.wrong(e, fmt.Sprintf("%s%s[%d]", t.label, key, n), "a string", "")
			continue
		}
		words = append(words, graph.Word{Text: s, At: t.r.valueAt(e)})
	}
	if len(words) == len(list) {
		t.written(key, i)
	}
	return words
}

func (t *table) expression(key string) graph.Expression {
	i, ok := t.take(key)
	if !ok {
		return graph.Expression{}
	}
	e, ok := t.r.expression(i, t.label+key)
	if ok {
		t.written(key, i)
	}
	return e
}

func (r *reader) expression(i item, label string) (graph.Expression, bool) {
	s, ok := i.value.(string)
	if !ok {
		hint := ""
		switch v := i.value.(type) {
		case bool, int64, float64:
			hint = fmt.Sprintf(`write it in quotes: "%v"`, v)
		}
		r.wrong(i, label, "an expression, in quotes", hint)
		return graph.Expression{}, false
	}
	e := graph.Expression{Text: s, At: r.valueAt(i)}
	if i.place != nil && i.place.text == s {
		e.Segments = i.place.segments
	}
	return e, true
}
