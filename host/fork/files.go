package fork

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

// Files are those that a graph is read from.
type Files struct {
	Text []byte // of the graph's own file
	// Read gives a file that another one names, by its name from the folder of the
	// graph's own file: "sub/score.toml". It fails where there is none.
	Read func(name string) ([]byte, error)
}

// Configure gives the files anew in which nodes have other configs, by the name of the
// node: "score", or "sub/score" for a node of the graph that the node "sub" runs. p is
// the plan of the graph. A run is then made of these files and of nothing else, so that
// it can be resumed, and replayed elsewhere, like any other. A file that several nodes
// run is copied for the one that changes.
//
// Where there are complaints, the files are not to be used. Whether a config is what
// the node's module takes is not looked at: that is for who loads the files.
func (f Files) Configure(p *plan.Plan, configs map[string]document.Document) (_ Files, complaints []string) {
	e := &edit{read: f.Read, written: map[string][]byte{}, users: map[*graph.Graph]int{}}
	for _, p := range p.All() {
		for _, n := range p.Graph.Nodes {
			if n.Sub != nil {
				e.users[n.Sub]++
			}
		}
	}
	text := e.file(place{plan: p, folder: "."}, f.Text, configs)
	return Files{Text: text, Read: func(name string) ([]byte, error) {
		if text, ok := e.written[path.Clean(name)]; ok {
			return text, nil
		}
		return f.Read(name)
	}}, e.complaints
}

// edit is the work of [Files.Configure].
type edit struct {
	complaints complaints
	read       func(name string) ([]byte, error)
	written    map[string][]byte    // files, by name
	users      map[*graph.Graph]int // how many nodes run a graph
}

// place is where a graph file stands.
type place struct {
	plan   *plan.Plan
	folder string
	prefix string // what stands before the names of its nodes in those of configs
	copied bool   // it is a copy: then so is what it runs
}

// file writes one graph file anew. Names in configs are those of its own nodes.
func (e *edit) file(at place, text []byte, configs map[string]document.Document) []byte {
	src, found := graphfile.Parse(at.plan.Graph.File, text)
	if src == nil || found.Failed() {
		e.complaints.add("the graph file %s cannot be read again: %v", at.plan.Graph.File, found)
		return text
	}
	inside := e.own(at, src, configs)
	for _, name := range slices.Sorted(maps.Keys(inside)) {
		e.inner(at, e.node(at, src, name), inside[name])
	}
	text, err := graphfile.Format(src)
	if err != nil {
		e.complaints.add("config: %v", err)
	}
	return text
}

// own gives the file's own nodes their configs, and returns those of nodes further
// inside, by the node that runs their graph.
func (e *edit) own(at place, src *graph.Source, configs map[string]document.Document) map[string]map[string]document.Document {
	inside := map[string]map[string]document.Document{}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		first, rest, further := strings.Cut(name, "/")
		n := e.node(at, src, first)
		switch {
		case n == nil:
		case further && n.Graph == "":
			e.complaints.add("config: node %q runs no graph, so that there is no %q", at.prefix+first, at.prefix+name)
		case further:
			if inside[first] == nil {
				inside[first] = map[string]document.Document{}
			}
			inside[first][rest] = configs[name]
		default:
			n.Config = graph.Value{Document: configs[name], At: n.At}
		}
	}
	return inside
}

// inner writes the file of the graph that a node runs anew, and has the node run that.
func (e *edit) inner(at place, n *graph.NodeSource, configs map[string]document.Document) {
	ref := path.Join(at.folder, n.Graph)
	text, err := e.read(ref)
	linked := at.plan.Node(n.Name)
	if err != nil || linked == nil || linked.Sub == nil {
		e.complaints.add("config: the graph of node %q cannot be read again: %v", at.prefix+n.Name, err)
		return
	}
	sub := place{
		plan: linked.Sub, folder: path.Dir(ref), prefix: at.prefix + n.Name + "/",
		copied: at.copied || e.users[linked.Sub.Graph] > 1,
	}
	text = e.file(sub, text, configs)
	if sub.copied {
		ref = e.unused(ref, n.Name)
		n.Graph = path.Join(path.Dir(n.Graph), path.Base(ref))
	}
	e.written[ref] = text
}

// node finds a node of a file by its name; nil where it has none.
func (e *edit) node(at place, src *graph.Source, name string) *graph.NodeSource {
	names := make([]string, len(src.Nodes))
	for i := range src.Nodes {
		if names[i] = src.Nodes[i].Name; names[i] == name {
			return &src.Nodes[i]
		}
	}
	hint := ""
	if near := graph.Nearest(name, names); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", at.prefix+near)
	}
	e.complaints.add("config: there is no node %q%s", at.prefix+name, hint)
	return nil
}

// unused finds a name for a node's own copy of a file, in the folder of that.
func (e *edit) unused(ref, node string) string {
	end := path.Ext(ref)
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s.%s%d%s", strings.TrimSuffix(ref, end), node, i, end)
		if _, taken := e.written[name]; taken {
			continue
		}
		if _, err := e.read(name); err != nil { // there is no such file
			return name
		}
	}
}
