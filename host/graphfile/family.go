package graphfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// maxGraphDepth bounds how deep graphs may be inside each other.
const maxGraphDepth = 16

// family is a graph file with those that it names: each is read once.
type family struct {
	name   string // of the outermost file, as diagnostics call it
	read   graph.Loader
	loaded map[string]*graph.Graph // by path from the outermost folder; nil: refused, and said so
	open   []string                // those that are being read, outermost first
}

func newFamily(name string, load graph.Loader) *family {
	own := path.Base(strings.ReplaceAll(name, `\`, "/"))
	return &family{name: name, read: load, loaded: map[string]*graph.Graph{}, open: []string{own}}
}

// inner reads a graph that another one names.
func (f *family) inner(ref string, by graph.Position) (*graph.Graph, graph.Diagnostics) {
	if g, ok := f.loaded[ref]; ok {
		return g, nil
	}
	refuse := func(code, text, hint string) (*graph.Graph, graph.Diagnostics) {
		return nil, graph.Diagnostics{{Position: by, Code: code, Severity: graph.Error, Text: text, Hint: hint}}
	}
	if i := slices.Index(f.open, ref); i >= 0 {
		return refuse(graph.CodeGraphCycle, fmt.Sprintf("the graph runs itself: %s → %s", strings.Join(f.open[i:], " → "), ref), "a loop is drawn with an edge back")
	}
	if len(f.open) > maxGraphDepth {
		return refuse(graph.CodeTooLarge, fmt.Sprintf("graphs are inside each other deeper than %d", maxGraphDepth), "")
	}
	text, err := f.text(ref)
	if err != nil {
		return refuse(graph.CodeUnreadableFile, fmt.Sprintf("graph: cannot read %q: %v", ref, err), "it is looked for in the graph's folder")
	}
	folder := path.Dir(ref)
	f.open = append(f.open, ref)
	g, found := f.load(path.Join(path.Dir(f.name), ref), folder, text, func(name string) ([]byte, error) {
		return f.read(path.Join(folder, name))
	})
	f.open = f.open[:len(f.open)-1]
	f.loaded[ref] = g
	return g, found
}

func (f *family) text(ref string) ([]byte, error) {
	if f.read == nil {
		return nil, errors.New("no files can be read here")
	}
	text, err := f.read(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no such file")
	}
	return text, err
}
