package cases

// From a file to cases.

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

// Read reads the cases of a file: TOML, or JSON where its name ends in .json. All
// complaints are returned at once, those about TOML with their line and column; the cases
// are nil if one of them is an error.
func Read(name string, text []byte) ([]*Case, graph.Diagnostics) {
	r := &reader{name: name}
	var root graph.Value
	switch {
	case len(text) > MaxBytes:
		r.complain(graph.Position{File: name}, graph.CodeTooLarge, fmt.Sprintf("the file has more than %d bytes", MaxBytes), "")
	case filepath.Ext(name) == ".json":
		root = r.json(text)
	default:
		root, r.found = graphfile.Value(name, text)
	}
	if r.found.Failed() {
		return nil, r.found
	}
	r.value = root
	list := r.file()
	r.found.Sort()
	if r.found.Failed() {
		return nil, r.found
	}
	return list, nil
}

// reader turns values into what they should be, and complains where they are not.
type reader struct {
	name  string
	value graph.Value // the whole file
	found graph.Diagnostics
}

func (r *reader) complain(at graph.Position, code, text, hint string) {
	r.found = append(r.found, graph.Diagnostic{Position: at, Code: code, Severity: graph.Error, Text: text, Hint: hint})
}

func (r *reader) json(text []byte) graph.Value {
	d, err := document.Parse(text, document.Limits{Bytes: MaxBytes})
	if err == nil {
		return graph.Value{Document: d, At: graph.Position{File: r.name}}
	}
	at, said := graph.Position{File: r.name}, err.Error()
	if syntax, ok := errors.AsType[*document.SyntaxError](err); ok {
		at.Line, at.Column, said = syntax.Line, syntax.Column, syntax.Text
	}
	r.complain(at, graph.CodeSyntax, "not JSON: "+said, "")
	return graph.Value{}
}

// item is a value with the pointer to it and the words that name it in complaints.
type item struct {
	document.Document
	pointer, label string
}

func (r *reader) at(i item) graph.Position {
	return r.value.Places.Find(i.pointer, graph.Position{File: r.name})
}

func (r *reader) wrong(i item, expected string) {
	found := i.String()
	if len(found) > 40 {
		found = strings.ToValidUTF8(found[:40], "") + "…"
	}
	r.complain(r.at(i), graph.CodeWrongType, fmt.Sprintf("%s: found %s, expected %s", i.label, found, expected), "")
}

// members gives what an object has, and complains about keys that are not known.
func (r *reader) members(i item, known ...string) map[string]item {
	if i.Kind() != document.KindObject {
		r.wrong(i, "a table")
		return nil
	}
	has := map[string]item{}
	for _, f := range i.Fields() {
		inner := item{f.Value, i.pointer + "/" + escape(f.Key), i.label + "." + f.Key}
		if i.label == "" {
			inner.label = f.Key
		}
		if slices.Contains(known, f.Key) {
			has[f.Key] = inner
			continue
		}
		hint := "known keys: " + strings.Join(known, ", ")
		if near := graph.Nearest(f.Key, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		at := r.value.Keys.Find(inner.pointer, r.at(inner))
		r.complain(at, graph.CodeUnknownKey, inner.label+": no such key", hint)
	}
	return has
}

func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// items gives the elements of a list.
func (r *reader) items(i item) []item {
	if i.Kind() != document.KindArray {
		r.wrong(i, "a list of tables")
		return nil
	}
	var list []item
	for n, d := range i.Items() {
		list = append(list, item{d, i.pointer + "/" + strconv.Itoa(n), fmt.Sprintf("%s[%d]", i.label, n)})
	}
	return list
}

// take reads a member that may be absent into something, by a function that says what
// was expected where it does not fit.
func take[T any](r *reader, has map[string]item, key string, into *T, read func(document.Document) (T, string)) {
	i, ok := has[key]
	if !ok {
		return
	}
	v, expected := read(i.Document)
	if expected != "" {
		r.wrong(i, expected)
		return
	}
	*into = v
}

func text(d document.Document) (string, string) {
	v, err := d.Value()
	if s, ok := v.(string); ok && err == nil {
		return s, ""
	}
	return "", "a string"
}

func truth(d document.Document) (bool, string) {
	if d.Kind() != document.KindBool {
		return false, "true or false"
	}
	return d.String() == "true", ""
}

func positive(d document.Document) (int64, string) {
	n, err := strconv.ParseInt(d.String(), 10, 64)
	if err != nil || n <= 0 {
		return 0, "an integer from 1"
	}
	return n, ""
}

// size reads a number of bytes, or one with a unit.
func size(d document.Document) (int64, string) {
	const expected = `a number of bytes from 1, or a size such as "16MiB"`
	s, not := text(d)
	if not != "" {
		n, no := positive(d)
		if no != "" {
			return 0, expected
		}
		return n, ""
	}
	for unit, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
			if err != nil || n <= 0 {
				return 0, expected
			}
			return n * factor, ""
		}
	}
	return 0, expected
}

func span(d document.Document) (time.Duration, string) {
	s, not := text(d)
	t, err := time.ParseDuration(s)
	if not != "" || err != nil || t <= 0 {
		return 0, `a length of time such as "2s"`
	}
	return t, ""
}

func moment(d document.Document) (time.Time, string) {
	s, not := text(d)
	t, err := time.Parse(time.RFC3339Nano, s)
	if not != "" || err != nil {
		return t, `a time such as "2026-01-02T15:04:05Z"`
	}
	return t.UTC().Truncate(time.Microsecond), ""
}

func whole(d document.Document) (document.Document, string) { return d, "" }

// violation reads one violation of a feedback.
func (r *reader) violation(i item) failure.Violation {
	var v failure.Violation
	has := r.members(i, "pointer", "keyword", "message", "found")
	take(r, has, "pointer", &v.Pointer, text)
	take(r, has, "keyword", &v.Keyword, text)
	take(r, has, "message", &v.Message, text)
	take(r, has, "found", &v.Found, text)
	return v
}

// answer reads one answer of a capability. Without a payload it answers any.
func (r *reader) answer(i item, ordinal int) event.CapabilityAnswered {
	a := event.CapabilityAnswered{Ordinal: ordinal}
	has := r.members(i, "capability", "method", "payload", "answer", "failure")
	take(r, has, "capability", &a.Capability, text)
	take(r, has, "method", &a.Method, text)
	take(r, has, "payload", &a.Request, whole)
	take(r, has, "answer", &a.Answer, whole)
	if a.Capability == "" || a.Method == "" {
		r.complain(r.at(i), graph.CodeMissingKey, i.label+": capability and method say what is answered", "")
	}
	if !a.Request.IsZero() {
		a.Usage.Calls = 1 // so that the request is compared
	}
	said, failed := has["failure"]
	if !failed {
		return a
	}
	if _, both := has["answer"]; both {
		r.complain(r.at(said), graph.CodeBadValue, i.label+": a call has an answer or a failure", "")
	}
	f := &failure.Failure{Code: failure.CapabilityError}
	inner := r.members(said, "code", "reason", "message", "retryable")
	take(r, inner, "code", &f.Code, func(d document.Document) (failure.Code, string) {
		s, _ := text(d)
		if c := failure.Code(s); c == failure.CapabilityError || c == failure.CapabilityDenied {
			return c, ""
		}
		return "", `"capability_error" or "capability_denied"`
	})
	take(r, inner, "reason", &f.Reason, text)
	take(r, inner, "message", &f.Message, text)
	take(r, inner, "retryable", &f.Retryable, truth)
	a.Failure = f
	return a
}
