package graphfile

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/chainrun/chainrun/host/graph"
)

// MaxBytes bounds a graph file.
const MaxBytes = 4 << 20

// Load reads a graph and those that it names: [Parse] and then [graph.Build],
// with the complaints of both. Files that the graph names are read by load; see
// [graph.Build].
func Load(name string, text []byte, load graph.Loader) (*graph.Graph, graph.Diagnostics) {
	return newFamily(name, load).load(name, ".", text, load)
}

func (f *family) load(name, folder string, text []byte, load graph.Loader) (*graph.Graph, graph.Diagnostics) {
	src, found := Parse(name, text)
	if src == nil {
		return nil, found
	}
	src.Graphs = func(ref string, by graph.Position) (*graph.Graph, graph.Diagnostics) {
		return f.inner(path.Join(folder, ref), by)
	}
	g, more := graph.Build(src, load)
	found = append(found, more...)
	for i := range found {
		if found[i].Line == 0 { // about what is not there
			found[i].Line, found[i].Column = 1, 1
		}
	}
	found.Sort()
	if found.Failed() {
		return nil, found
	}
	return g, found
}

// Parse reads a graph file. name is how diagnostics call it. The source is nil
// only where the text is no TOML or beyond a bound; else it is what could be
// read, whatever the diagnostics say. Time and memory are linear in the text,
// which has at most [MaxBytes].
func Parse(name string, text []byte) (*graph.Source, graph.Diagnostics) {
	r := &reader{file: name}
	if len(text) > MaxBytes {
		r.complain(spot{1, 1}, graph.CodeTooLarge, fmt.Sprintf("the file has %d bytes; at most %d are allowed", len(text), MaxBytes), "put schemas and configuration into files of their own")
		return nil, r.found
	}
	values, layout, err := decode(string(text))
	if err != nil {
		r.syntax(err)
		return nil, r.found
	}
	if bad := disagreement(values, layout); bad != nil {
		r.complain(bad.value, graph.CodeSyntax, "this cannot be read reliably", `the TOML parser is known to lose values beside tables with an empty key (""): give the key a name`)
		return nil, r.found
	}
	src := r.source(item{values, layout})
	r.found.Sort()
	return src, r.found
}

// decode parses a text and finds the places of its values.
func decode(text string) (values map[string]any, layout *place, err error) {
	rest := text
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(text, mark) {
			rest = text[len(mark):] // as the parser does
			break
		}
	}
	if layout, err = scanLayout(rest); err != nil {
		return nil, nil, err
	}
	defer func() {
		// The parser panics where it finds a bug in itself.
		if r := recover(); r != nil {
			values, layout, err = nil, nil, fmt.Errorf("the parser stopped: %v", r)
		}
	}()
	if _, err := toml.Decode(text, &values); err != nil {
		return nil, nil, err
	}
	if layout.twice != nil {
		return nil, nil, &twiceError{*layout.twice}
	}
	return values, layout, nil
}

func (r *reader) syntax(err error) {
	if bound, ok := errors.AsType[*boundError](err); ok {
		r.complain(bound.at, graph.CodeTooLarge, bound.Error(), "")
		return
	}
	if twice, ok := errors.AsType[*twiceError](err); ok {
		r.complain(twice.at, graph.CodeSyntax, twice.Error(), "a key or table can be written once")
		return
	}
	bad, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		r.complain(spot{1, 1}, graph.CodeSyntax, "not TOML: "+err.Error(), "")
		return
	}
	at := spot{max(bad.Position.Line, 1), max(bad.Position.Col, 1)}
	r.complain(at, graph.CodeSyntax, "not TOML: "+bad.Message, syntaxHint(bad.Message))
}

// syntaxHint says what to do about the commonest mistakes.
func syntaxHint(message string) string {
	switch {
	case strings.Contains(message, "has already been defined"), strings.Contains(message, "already"):
		return "a key or table can be written once"
	case strings.Contains(message, "expected value but found"):
		return `strings need quotes: key = "text"`
	case strings.Contains(message, "unexpected newline"), strings.Contains(message, "strings cannot contain newlines"):
		return `close the quotes, or write a text of several lines between """ and """`
	}
	return ""
}
