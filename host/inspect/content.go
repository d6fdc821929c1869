package inspect

// What decides what a graph does, in parts that can be compared one by one.

import (
	"encoding/hex"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/schema"
)

// NodeChange is a node that two graphs have not alike.
type NodeChange struct {
	Node string `json:"node"` // of a graph inside: "sub/score"
	// Only is "a" or "b" where the other graph has no such node.
	Only string `json:"only,omitempty"`
	// Keys are what differs, as the graph file calls it: "module", "config", …
	Keys []string `json:"keys,omitempty"`
}

// The names of the two sides in a [Difference].
const (
	onlyA = "a"
	onlyB = "b"
)

// content is one key of a node or a graph and what decides about it. Positions, names of
// files and the order in which keys were written do not.
type content struct {
	key   string
	value document.Document
}

// comparison compares two graphs with those inside them.
type comparison struct {
	madeA, madeB *journal.Sources // nil: modules are compared by their names
	seen         map[[2]*graph.Graph]bool
	nodes        []NodeChange
}

// compare gives the keys of two graphs that differ, and notes the nodes. prefix is
// that of the nodes' names; a graph that stands in several places is looked at once.
func (c *comparison) compare(a, b *graph.Graph, folderA, folderB, prefix string) (keys []string) {
	if a == nil || b == nil || c.seen[[2]*graph.Graph{a, b}] {
		return nil
	}
	c.seen[[2]*graph.Graph{a, b}] = true
	for _, n := range a.Nodes {
		other := b.Node(n.Name)
		if other == nil {
			c.nodes = append(c.nodes, NodeChange{Node: prefix + n.Name, Only: onlyA})
			continue
		}
		changed := differing(nodeContent(n, folderA, c.madeA), nodeContent(other, folderB, c.madeB))
		at := len(c.nodes)
		c.nodes = append(c.nodes, NodeChange{Node: prefix + n.Name, Keys: changed})
		if n.Sub != nil && other.Sub != nil {
			inner := c.compare(n.Sub, other.Sub, path.Dir(path.Join(folderA, n.Graph)), path.Dir(path.Join(folderB, other.Graph)), prefix+n.Name+"/")
			for _, key := range inner {
				c.nodes[at].Keys = append(c.nodes[at].Keys, "graph: "+key)
			}
		}
		if len(c.nodes[at].Keys) == 0 {
			c.nodes = slices.Delete(c.nodes, at, at+1)
		}
	}
	for _, n := range b.Nodes {
		if a.Node(n.Name) == nil {
			c.nodes = append(c.nodes, NodeChange{Node: prefix + n.Name, Only: onlyB})
		}
	}
	return differing(graphContent(a), graphContent(b))
}

func differing(a, b []content) (keys []string) {
	for i, x := range a { // both have the same keys
		if !x.value.Equal(b[i].value) {
			keys = append(keys, x.key)
		}
	}
	return keys
}

func nodeContent(n *graph.Node, folder string, made *journal.Sources) []content {
	var writes, retry, grants []document.Document
	for _, w := range n.Writes {
		writes = append(writes, document.Array(document.String(w.Key.Name), programText(w.Expr)))
	}
	for _, r := range n.Retry {
		list := []document.Document{
			document.Int(int64(r.MaxAttempts)), span(r.InitialInterval), span(r.MaxInterval), span(r.MaxElapsed),
			document.String(strconv.FormatFloat(r.Multiplier, 'g', -1, 64)), document.String(strconv.FormatFloat(r.Jitter, 'g', -1, 64)),
		}
		for _, c := range r.On {
			list = append(list, document.String(string(c)))
		}
		retry = append(retry, document.Array(list...))
	}
	for _, g := range n.Grants {
		grants = append(grants, document.Array(document.String(g.Capability), g.Terms))
	}
	return []content{
		{"module", moduleContent(n, folder, made)},
		{"graph", document.Bool(n.Sub != nil)},
		{"wait", document.Bool(n.Kind == graph.KindWait)},
		{"entry", document.String(n.Entry)},
		{"encoding", document.String(string(n.Encoding))},
		{"input", bindingText(n.Input)},
		{"config", n.Config},
		{"write", document.Array(writes...)},
		{"input_schema", schemaDigest(n.In.Schema)},
		{"output_schema", schemaDigest(n.Out.Schema)},
		{"fuel", document.String(strconv.FormatUint(n.Fuel, 10))},
		{"memory", document.String(strconv.FormatUint(n.MemoryBytes, 10))},
		{"timeout", span(n.Timeout)},
		{"deadline", span(n.Deadline)},
		{"max_visits", document.Int(int64(n.MaxVisits))},
		{"route", document.String(string(n.Route))},
		{"foreach", programText(n.Foreach)},
		{"on_error", document.String(string(n.OnError))},
		{"retry", document.Array(retry...)},
		{"grants", document.Array(grants...)},
	}
}

// moduleContent is a module's bytes, where they are known; else its name.
func moduleContent(n *graph.Node, folder string, made *journal.Sources) document.Document {
	if made != nil && n.Module != "" {
		name, _, _ := strings.Cut(n.Module, "@sha256:")
		inside := path.Join(folder, filepath.ToSlash(name))
		for _, f := range made.Files {
			if f.Kind == journal.SourceModule && (f.Name == name && (folder == "." || strings.Contains(name, ":")) || f.Name == inside) {
				content := document.String(hex.EncodeToString(f.Digest[:]))
				if strings.Contains(name, ":") { // std:jq and std:csv are two entries of one file
					return document.Array(content, document.String(name))
				}
				return content
			}
		}
	}
	return document.String(n.Module)
}

func graphContent(g *graph.Graph) []content {
	var edges, start, state, settings []document.Document
	for _, e := range g.Edges {
		list := []document.Document{
			document.String(e.From.Name), document.String(e.To.Name), programText(e.When), document.Bool(e.Failure),
		}
		for _, c := range e.On {
			list = append(list, document.String(string(c)))
		}
		edges = append(edges, document.Array(list...))
	}
	for _, n := range g.Start {
		start = append(start, document.String(n.Name))
	}
	for _, k := range g.State {
		state = append(state, document.Array(document.String(k.Name), k.Initial, schemaDigest(k.Schema), document.String(string(k.Reduce))))
	}
	for _, s := range g.Capabilities {
		settings = append(settings, document.Array(document.String(s.Name), document.String(s.Kind), s.Value))
	}
	budget := document.Null()
	if b := g.Budget; b != nil {
		budget = document.Array(document.Int(b.Calls), document.Int(b.Tokens), document.Int(b.Cost))
	}
	return []content{
		{"edges", document.Array(edges...)},
		{"start", document.Array(start...)},
		{"state", document.Array(state...)},
		{"input", schemaDigest(g.Input.Schema)},
		{"output", document.Array(schemaDigest(g.Output.Schema), programText(g.OutputValue))},
		{"deadline", span(g.Deadline)},
		{"max_steps", document.Int(int64(g.MaxSteps))},
		{"capabilities", document.Array(settings...)},
		{"budget", budget},
	}
}

func span(d time.Duration) document.Document { return document.Int(int64(d)) }

func programText(p *expr.Program) document.Document {
	if p == nil {
		return document.Null()
	}
	return document.String(p.Normal())
}

func schemaDigest(s *schema.Schema) document.Document {
	if s == nil {
		return document.Null()
	}
	return document.String(s.Digest())
}

func bindingText(b *graph.Binding) document.Document {
	if b == nil {
		return document.Null()
	}
	if b.Expr != nil {
		return programText(b.Expr)
	}
	fields := make([]document.Field, len(b.Fields))
	for i, f := range b.Fields {
		fields[i] = document.Field{Key: f.Key, Value: programText(f.Expr)}
	}
	return document.Object(fields...)
}
