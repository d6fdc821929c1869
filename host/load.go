package host

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
)

// Graph is a graph that was loaded, checked, linked to its modules and
// compiled: ready to run, any number of times at once.
type Graph struct {
	plan        *plan.Plan
	made        *journal.Sources
	diagnostics graph.Diagnostics
}

// Name is the graph's name as written, else its file's base name.
func (g *Graph) Name() string { return g.plan.Graph.Name }

// Digest identifies what the graph does: its nodes, edges, limits, schemas and
// the bytes of its modules, but no path and no name of a file.
func (g *Graph) Digest() string { return g.plan.Digest }

// Definition is the graph as it was checked. Not to be modified.
func (g *Graph) Definition() *graph.Graph { return g.plan.Graph }

// Plan is the graph with its modules and schemas. Not to be modified.
func (g *Graph) Plan() *plan.Plan { return g.plan }

// Diagnostics are the warnings and notes that did not stop the graph from being
// loaded.
func (g *Graph) Diagnostics() graph.Diagnostics { return g.diagnostics }

// Load reads a graph file and everything that it names. Modules and schemas are
// found relative to the graph's folder. The error is [graph.Diagnostics] where
// the graph or a module is at fault: every complaint, with its place.
func (h *Host) Load(name string) (_ *Graph, err error) {
	defer guard(&err)
	text, from, err := open(name)
	if err != nil {
		return nil, err
	}
	defer from.close()
	where, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("loading the graph: %w", err)
	}
	from.module = h.modules.or(from.module)
	return h.load(name, where, text, from)
}

// open reads a graph file of the operating system's and says where its other
// files are.
func open(name string) ([]byte, files, error) {
	text, err := readGraph(os.Open(name))
	if err != nil {
		return nil, files{}, fmt.Errorf("loading the graph: %w", err)
	}
	dir := filepath.Dir(name)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, files{}, fmt.Errorf("loading the graph: %w", err)
	}
	return text, files{
		schema: func(ref string) ([]byte, error) { return readFS(root.FS(), ref, MaxSchemaBytes) },
		module: func(ref string) ([]byte, error) {
			if !filepath.IsAbs(ref) {
				ref = filepath.Join(dir, filepath.FromSlash(ref))
			}
			return readOS(ref, plan.MaxModuleBytes)
		},
		close: func() { _ = root.Close() },
	}, nil
}

// LoadFS is [Host.Load] within fsys: an embedded file system, for instance.
// Nothing outside of fsys is read.
func (h *Host) LoadFS(fsys fs.FS, name string) (_ *Graph, err error) {
	defer guard(&err)
	text, err := readGraph(fsys.Open(name))
	if err != nil {
		return nil, fmt.Errorf("loading the graph: %w", err)
	}
	dir := path.Dir(name)
	return h.load(name, name, text, files{
		schema: func(ref string) ([]byte, error) {
			inside, err := fs.Sub(fsys, dir)
			if err != nil {
				return nil, err
			}
			return readFS(inside, ref, MaxSchemaBytes)
		},
		module: h.modules.or(func(ref string) ([]byte, error) { return readFS(fsys, path.Join(dir, ref), plan.MaxModuleBytes) }),
	})
}

// MaxGraphBytes is the largest graph file that is read, MaxSchemaBytes the
// largest schema file.
const (
	MaxGraphBytes  = graphfile.MaxBytes
	MaxSchemaBytes = 4 << 20
)

// files is where a graph's files are read from. Schemas stay inside the graph's
// folder, because a schema may name others and may come from a stranger; a
// module's path is the author's alone.
type files struct {
	schema, module func(ref string) ([]byte, error)
	close          func()
}

// Read reads and checks a graph file and the schemas that it names, but none of
// its modules: enough to draw it. The diagnostics are warnings and notes; the
// error is [graph.Diagnostics] where the graph is at fault.
func Read(name string) (*graph.Graph, graph.Diagnostics, error) {
	text, from, err := open(name)
	if err != nil {
		return nil, nil, err
	}
	defer from.close()
	g, found := build(name, text, from)
	if found.Failed() {
		return nil, nil, found
	}
	return g, found, nil
}

func build(name string, text []byte, from files) (*graph.Graph, graph.Diagnostics) {
	return graphfile.Load(name, text, from.schema)
}

// load makes a graph of its text and of what it names, and keeps all that it was
// made of. where is the name by which another process, in another folder, would
// know the file.
func (h *Host) load(name, where string, text []byte, from files) (*Graph, error) {
	kept := &recorder{files: []journal.Source{{Kind: journal.SourceGraph, Name: where, Content: text}}}
	from.schema = kept.recorded(journal.SourceFile, from.schema)
	from.module = kept.recorded(journal.SourceModule, from.module)
	g, found := build(name, text, from)
	if found.Failed() {
		return nil, found
	}
	p, found, err := h.link(name, g, found, from.module, plan.Link)
	if err != nil {
		return nil, err
	}
	made, err := journal.NewSources(kept.digested(p))
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", name, err)
	}
	return &Graph{plan: p, made: made, diagnostics: found}, nil
}

// linker is [plan.Link], or one of its kind.
type linker func(*graph.Graph, plan.Reader, plan.Offers) (*plan.Plan, graph.Diagnostics)

// link makes the plan of a graph that was built with these warnings and notes, and
// compiles its modules. The error is [graph.Diagnostics] where one of them is at fault.
func (h *Host) link(name string, g *graph.Graph, found graph.Diagnostics, module plan.Reader, link linker) (*plan.Plan, graph.Diagnostics, error) {
	p, more := link(g, module, h.offers)
	found = append(found, more...)
	if found.Failed() {
		return nil, nil, found
	}
	more, err := h.invoker.Prepare(context.Background(), p)
	if err != nil {
		return nil, nil, fmt.Errorf("loading %s: %w", name, err)
	}
	found = append(found, more...)
	if found.Failed() {
		return nil, nil, found
	}
	return p, found, nil
}

// LoadSource is [Host.Load] of a graph that was not read from a file but filled in by
// hand. read gives the schemas and modules that it names, but for modules by name
// ([WithModules]). Runs of it can be neither resumed nor replayed: no journal knows what
// they were made of.
func (h *Host) LoadSource(src *graph.Source, read func(name string) ([]byte, error)) (_ *Graph, err error) {
	defer guard(&err)
	return h.loadSource(src, read, plan.Link)
}

// LoadAnswered is [Host.LoadSource] for attempts whose calls are answered by
// [Attempt.Answers] or [Attempt.Calls]: what a module needs and its node is not
// granted does not matter.
func (h *Host) LoadAnswered(src *graph.Source, read func(name string) ([]byte, error)) (_ *Graph, err error) {
	defer guard(&err)
	return h.loadSource(src, read, plan.LinkAnswered)
}

func (h *Host) loadSource(src *graph.Source, read func(name string) ([]byte, error), link linker) (*Graph, error) {
	g, found := graph.Build(src, read)
	if found.Failed() {
		return nil, found
	}
	p, found, err := h.link(src.File, g, found, h.modules.or(read), link)
	if err != nil {
		return nil, err
	}
	return &Graph{plan: p, diagnostics: found}, nil
}
