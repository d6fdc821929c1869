package host

// Graph files with another config for some of their nodes.

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/plan"
)

// edit writes the files of a graph anew where a node gets another config, so that the
// run is made of them and of nothing else: it can be resumed, and replayed elsewhere,
// like any other. A file that several nodes run is copied for the one that changes.
type edit struct {
	from    files
	check   *forkCheck
	written map[string][]byte    // by name, from the outermost folder
	used    map[*graph.Graph]int // how many nodes run it
}

func newEdit(g *Graph, from files, check *forkCheck) *edit {
	e := &edit{from: from, check: check, written: map[string][]byte{}, used: map[*graph.Graph]int{}}
	for _, p := range g.plan.All() {
		for _, n := range p.Graph.Nodes {
			if n.Sub != nil {
				e.used[n.Sub]++
			}
		}
	}
	return e
}

// files gives the graph's files as they are from now on.
func (e *edit) files() files {
	from := e.from
	from.schema = func(name string) ([]byte, error) {
		if text, ok := e.written[path.Clean(name)]; ok {
			return text, nil
		}
		return e.from.schema(name)
	}
	return from
}

// file writes one file anew. Names in edits are those of its nodes, prefix is what
// stands before them in what the operator wrote; p is the plan of the file, of which
// copied says that it is a copy: then so is what it runs.
func (e *edit) file(text []byte, folder, prefix string, edits map[string]document.Document, p *plan.Plan, copied bool) []byte {
	src, found := graphfile.Parse(p.Graph.File, text)
	if src == nil || found.Failed() {
		e.check.complain("the graph file %s cannot be read again: %v", p.Graph.File, found)
		return text
	}
	inner := map[string]map[string]document.Document{}
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		first, rest, inside := strings.Cut(name, "/")
		n := e.node(src, first, prefix)
		switch {
		case n == nil:
		case inside && n.Graph == "":
			e.check.complain("config: node %q runs no graph, so that there is no %q", prefix+first, prefix+name)
		case inside:
			if inner[first] == nil {
				inner[first] = map[string]document.Document{}
			}
			inner[first][rest] = edits[name]
		default:
			n.Config = graph.Value{Document: edits[name], At: n.At}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		n := e.node(src, name, prefix)
		sub := p.Node(name)
		ref := path.Join(folder, n.Graph)
		text, err := e.from.schema(ref)
		if err != nil || sub == nil || sub.Sub == nil {
			e.check.complain("config: the graph of node %q cannot be read again: %v", prefix+name, err)
			continue
		}
		own := copied || e.used[sub.Sub.Graph] > 1
		text = e.file(text, path.Dir(ref), prefix+name+"/", inner[name], sub.Sub, own)
		if own {
			ref = e.copied(ref, name)
			n.Graph = path.Join(path.Dir(n.Graph), path.Base(ref))
		}
		e.written[ref] = text
	}
	text, err := graphfile.Format(src)
	if err != nil {
		e.check.complain("config: %v", err)
	}
	return text
}

func (e *edit) node(src *graph.Source, name, prefix string) *graph.NodeSource {
	names := make([]string, len(src.Nodes))
	for i := range src.Nodes {
		if names[i] = src.Nodes[i].Name; names[i] == name {
			return &src.Nodes[i]
		}
	}
	hint := ""
	if near := graph.Nearest(name, names); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", prefix+near)
	}
	e.check.complain("config: there is no node %q%s", prefix+name, hint)
	return nil
}

// copied finds a name for the copy of a file, in its folder.
func (e *edit) copied(ref, node string) string {
	end := path.Ext(ref)
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s.%s%d%s", strings.TrimSuffix(ref, end), node, i, end)
		if _, taken := e.written[name]; taken {
			continue
		}
		if _, err := e.from.schema(name); err != nil { // there is no such file
			return name
		}
	}
}
