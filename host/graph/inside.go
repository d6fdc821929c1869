package graph

// What stands in for a module: a graph inside a node, a wait, and a foreach
// around any of them.

import (
	"fmt"
	"path"

	"github.com/chainrun/chainrun/host/document"
)

// readGraph reads the graph that a node names.
func (b *builder) readGraph(n *Node, s *NodeSource, owner string) {
	where := at(s.Keys, "graph", s.At)
	if why := outside(s.Graph); why != "" {
		b.complain(where, CodeUnreadableFile, fmt.Sprintf("%s: graph: %q %s", owner, s.Graph, why), "it is looked for in this graph's folder")
		return
	}
	n.Graph = path.Clean(s.Graph)
	if b.src.Graphs == nil {
		b.complain(where, CodeUnreadableFile, fmt.Sprintf("%s: graph: %q: no files can be read here", owner, s.Graph), "")
		return
	}
	inner, found := b.src.Graphs(n.Graph, where)
	b.found = append(b.found, found...)
	n.Sub = inner
}

// meaningless are the keys that say how a module is called.
var meaningless = []string{"entry", "encoding", "config", "fuel", "memory", "retry", "cache"}

// noModule refuses the keys that mean nothing to a node without a module, and
// takes away what [defaults] says of them.
func (b *builder) noModule(n *Node, s *NodeSource, owner string) {
	what := "a subgraph"
	if n.Kind == KindWait {
		what = "a wait"
	}
	for _, key := range meaningless {
		if has(s.Keys, key) || key == "config" && !s.Config.Document.IsZero() {
			b.complain(at(s.Keys, key, s.Config.At), CodeBadValue, fmt.Sprintf("%s: %s means nothing to %s", owner, key, what), "remove it")
		}
	}
	if n.Kind == KindGraph && has(s.Keys, "timeout") {
		b.complain(s.Keys["timeout"], CodeBadValue, fmt.Sprintf("%s: timeout means nothing to %s, which has no attempts", owner, what),
			"deadline bounds the whole step")
	}
	if len(s.Grants) > 0 || has(s.Keys, "grants") {
		hint := "a step that waits asks nothing: remove it"
		if n.Kind == KindGraph {
			hint = fmt.Sprintf("grant it in %s, to the node that asks: [nodes.NODE.grants.CAPABILITY]", s.Graph)
		}
		for _, g := range s.Grants {
			b.complain(g.At, CodeBadValue, fmt.Sprintf("%s: grants.%s: %s cannot be granted anything", owner, g.Name, what), hint)
		}
		if len(s.Grants) == 0 {
			b.complain(at(s.Keys, "grants", s.At), CodeBadValue, fmt.Sprintf("%s: grants: %s cannot be granted anything", owner, what), "remove it")
		}
	}
	n.Module, n.Entry, n.Encoding, n.Retry, n.Grants, n.Cache = "", "", EncodingJSON, nil, nil, false
	n.Fuel, n.MemoryBytes, n.Config, n.ConfigPlaces = 0, 0, document.Document{}, nil
	// A default for calls is none for people who think.
	n.Timeout = s.Timeout
}

// foreach reads a node's foreach and what belongs to it.
func (b *builder) foreach(n *Node, s *NodeSource, owner string, defaults bool) {
	label := func(key string) string { return owner + ": " + key }
	if s.Foreach.Text != "" || s.Foreach.At.Line != 0 {
		n.Foreach, n.ForeachSource = b.expression(s.Foreach, inForeach, label("foreach")), s.Foreach
	}
	n.Concurrency = int(b.count(s.Concurrency, s.Keys, "concurrency", label("concurrency"), s.At, maxCount, int64(n.Concurrency)))
	n.OnError = OnError(b.word(s.OnError, s, "on_error", owner, string(n.OnError), string(OnErrorFail), string(OnErrorCollect)))
	if defaults || n.Foreach != nil || s.Foreach.Text != "" {
		return
	}
	for _, key := range []string{"concurrency", "on_error"} {
		if has(s.Keys, key) {
			b.complain(s.Keys[key], CodeBadValue, fmt.Sprintf("%s: %s belongs to a foreach, which the node does not have", owner, key),
				`add foreach = "an expression that gives a list", or remove it`)
		}
	}
}
