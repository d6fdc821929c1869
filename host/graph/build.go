package graph

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/schema"
)

// Loader reads a file that a graph names, by a path with slashes relative to the
// graph's folder.
type Loader = schema.Loader

// Build checks what an author wrote and resolves it to a [Graph]. All
// complaints are returned at once, in the order of the file; the graph is nil
// if one of them is an error.
//
// load reads the files that the source names (schemas); Build asks for none
// outside of the graph's folder. It may be nil if none is named.
//
// Time and memory are near linear in the source.
func Build(src *Source, load Loader) (*Graph, Diagnostics) {
	b := newBuilder(src, load)
	b.build()
	if b.found.Failed() {
		return nil, b.found
	}
	return b.graph, b.found
}

func newBuilder(src *Source, load Loader) *builder {
	b := &builder{
		src: src, load: load,
		broken:   src.Partial,
		graph:    &Graph{File: src.File, Name: src.Name, Description: src.Description, byName: map[string]*Node{}},
		state:    map[string]*StateKey{},
		startAt:  map[*Node]Position{},
		twice:    map[*Edge]bool{},
		programs: map[compiled]*expr.Program{},
		schemas:  map[string]*loadedSchema{},
	}
	if b.graph.Name == "" {
		base := path.Base(strings.ReplaceAll(src.File, `\`, "/"))
		b.graph.Name = strings.TrimSuffix(base, path.Ext(base))
	}
	return b
}

func (b *builder) build() {
	b.readState()
	b.readTop()
	b.readWorld()
	b.readNodes()
	b.readEdges()
	b.connect()
	b.found.Sort()
}

// builder is one Build under way.
type builder struct {
	src   *Source
	load  Loader
	graph *Graph
	found Diagnostics

	state      map[string]*StateKey
	stateNames []string
	nodeNames  []string
	template   Node // [defaults], resolved
	startAt    map[*Node]Position
	twice      map[*Edge]bool // edges that say what another one says
	broken     bool           // the edges cannot be trusted: no questions about paths

	marks []int // by Node.Index: sets of nodes that are needed for a moment
	mark  int

	envs     [places]*expr.Env
	programs map[compiled]*expr.Program
	schemas  map[string]*loadedSchema
	searches int
	granted  int
}

func (b *builder) complain(at Position, code, text, hint string) {
	b.report(Error, at, code, text, hint)
}

func (b *builder) report(severity Severity, at Position, code, text, hint string) {
	if at.File == "" {
		at.File = b.src.File
	}
	b.found = append(b.found, Diagnostic{Position: at, Code: code, Severity: severity, Text: text, Hint: hint})
}

// maxSearches bounds how often the nearest name is looked for.
const maxSearches = 100

func (b *builder) nearest(name string, names []string) string {
	if b.searches++; b.searches > maxSearches {
		return ""
	}
	return Nearest(name, names)
}

// Sort puts the diagnostics into the order of the file.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text),
		)
	})
}

// has reports whether a key was written.
func has(keys Positions, key string) bool {
	_, ok := keys[key]
	return ok
}

// at gives a key's position, or else that of the table.
func at(keys Positions, key string, table Position) Position {
	if p, ok := keys[key]; ok {
		return p
	}
	return table
}

// readTop reads the keys at the top of the file.
func (b *builder) readTop() {
	s, g := b.src, b.graph
	if v := s.Version; v != 1 && (v != 0 || has(s.Keys, "version")) {
		b.complain(s.Keys["version"], CodeBadValue, fmt.Sprintf("version: %d is unknown; this program reads version 1", v), "write version = 1")
	}
	g.Deadline = b.duration(s.Deadline, s.Keys, "deadline", "deadline", Position{}, 0)
	g.MaxSteps = int(b.count(s.MaxSteps, s.Keys, "max_steps", "max_steps", Position{}, maxCount, DefaultMaxSteps))
	g.Input = b.wire(s.Input.Schema, "input.schema")
	g.Output = b.wire(s.Output.Schema, "output.schema")
	g.OutputValue, g.OutputSource = b.expression(s.Output.Value, inOutput, "output.value"), s.Output.Value
}

// connect asks what is about paths: start, loops, order, what is exclusive.
func (b *builder) connect() {
	g := b.graph
	b.marks = make([]int, len(g.Nodes))
	if len(g.Nodes) == 0 {
		if len(b.src.Nodes) == 0 && !b.broken {
			b.complain(at(b.src.Keys, "nodes", Position{}), CodeMissingKey, "nodes: the graph has no nodes", "declare one: [nodes.NAME] with module = \"FILE.wasm\"")
		}
		return
	}
	finder := newComponents(len(g.Nodes))
	parts := finder.find(g.Nodes)
	b.findStart(parts)
	if b.broken {
		return // what follows would complain about what is not there
	}
	b.findLoops(finder, parts)
	b.checkStart()
	b.reach()
	if b.broken {
		return
	}
	b.order()
	p := newPaths(g)
	b.hangers()
	b.shapes(p)
	b.conflicts(p)
}

// checkStart complains about start nodes that something leads to.
func (b *builder) checkStart() {
	for _, n := range b.graph.Start {
		for _, e := range n.Incoming {
			if e.Back == nil {
				b.complain(b.startAt[n], CodeBadStart, fmt.Sprintf("start: node %q is not at the start: %s leads to it", n.Name, e),
					"name the node where the graph begins, or remove the edge")
				b.broken = true
				break
			}
		}
	}
}

// reach complains about nodes that no way from the start leads to.
func (b *builder) reach() {
	b.mark++
	work := slices.Clone(b.graph.Start)
	for _, n := range work {
		b.marks[n.Index] = b.mark
	}
	for len(work) > 0 {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		for _, e := range n.Outgoing {
			if b.marks[e.To.Index] != b.mark {
				b.marks[e.To.Index] = b.mark
				work = append(work, e.To)
			}
		}
	}
	for _, n := range b.graph.Nodes {
		if b.marks[n.Index] != b.mark {
			b.complain(n.At, CodeUnreachableNode, fmt.Sprintf("node %q: no way leads to it from %s", n.Name, nodeList(b.graph.Start)),
				"add an edge to it, name it in start, or remove it")
			b.broken = true
		}
	}
}
