package drawing

import (
	"fmt"
	"iter"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// Mermaid draws a graph as a Mermaid flowchart. Failure edges are dotted; the
// nodes of a loop are in a box.
func Mermaid(g *graph.Graph) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	mermaid(&b, g, "")
	subs := inner(g)
	for i, sub := range subs {
		fmt.Fprintf(&b, "    subgraph g%d [\"%s\"]\n", i+1, mermaidText(sub.File))
		mermaid(&b, sub, prefix(i+1))
		b.WriteString("    end\n")
	}
	for from, to := range links(g, subs) {
		fmt.Fprintf(&b, "    %sn%d -.- g%d\n", prefix(from.graph), from.node.Index, to)
	}
	return b.String()
}

// prefix tells the names of one graph's nodes from those of another.
func prefix(graph int) string {
	if graph == 0 {
		return ""
	}
	return fmt.Sprintf("g%d", graph)
}

// link is a node that is a graph; graphs count from 0, which is the outermost.
type link struct {
	graph int
	node  *graph.Node
}

// links gives each node that is a graph, and the number of that graph.
func links(g *graph.Graph, subs []*graph.Graph) iter.Seq2[link, int] {
	return func(yield func(link, int) bool) {
		number := map[string]int{}
		for i, sub := range subs {
			number[sub.File] = i + 1
		}
		for i, in := range append([]*graph.Graph{g}, subs...) {
			for _, n := range in.Order {
				if n.Sub != nil && number[n.Sub.File] > 0 && !yield(link{i, n}, number[n.Sub.File]) {
					return
				}
			}
		}
	}
}

// mermaid writes the nodes and edges of one graph, whose ids begin with id.
func mermaid(b *strings.Builder, g *graph.Graph, id string) {
	node := func(indent string, n *graph.Node) {
		fmt.Fprintf(b, "%s%sn%d[\"%s\"]\n", indent, id, n.Index, mermaidText(title(n)))
	}
	count := 0
	inLoops(g, node, func(indent string, l *graph.Loop, inside func(string)) {
		count++
		fmt.Fprintf(b, "%ssubgraph %sloop%d [\"loop\"]\n", indent, id, count)
		inside(indent + "    ")
		fmt.Fprintf(b, "%send\n", indent)
	})
	for _, e := range g.Edges {
		arrow := "-->"
		if e.Failure {
			arrow = "-.->"
		}
		text := ""
		if s := label(e); s != "" {
			text = `|"` + mermaidText(s) + `"|`
		}
		fmt.Fprintf(b, "    %sn%d %s%s %[1]sn%[5]d\n", id, e.From.Index, arrow, text, e.To.Index)
	}
}

// mermaidText escapes a text for quotes. What could be markup becomes an
// entity, which Mermaid writes with # and ;.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if strings.ContainsRune("\"#;&<>`\\|", r) {
			fmt.Fprintf(&b, "#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// DOT draws a graph in Graphviz' language. Failure edges are dashed; the nodes
// of a loop are in a box.
func DOT(g *graph.Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n    node [shape=box, style=rounded];\n", dotText(g.Name))
	dot(&b, g, "")
	subs := inner(g)
	for i, sub := range subs {
		fmt.Fprintf(&b, "    subgraph cluster_g%d {\n    label=%s;\n", i+1, dotText(sub.File))
		dot(&b, sub, prefix(i+1))
		b.WriteString("    }\n")
	}
	for from, to := range links(g, subs) {
		first := subs[to-1].Start[0]
		fmt.Fprintf(&b, "    %s -> %s [style=dotted, arrowhead=none];\n",
			dotName(prefix(from.graph), from.node), dotName(prefix(to), first))
	}
	b.WriteString("}\n")
	return b.String()
}

// dotName identifies a node. A slash is in no node's name, so that the nodes of
// two graphs are two.
func dotName(id string, n *graph.Node) string {
	if id == "" {
		return dotText(n.Name)
	}
	return dotText(id + "/" + n.Name)
}

// dot writes the nodes and edges of one graph, whose names begin with id.
func dot(b *strings.Builder, g *graph.Graph, id string) {
	node := func(indent string, n *graph.Node) {
		label := ""
		if t := title(n); t != plain(n.Name) || id != "" {
			label = " [label=" + dotText(t) + "]"
		}
		fmt.Fprintf(b, "%s%s%s;\n", indent, dotName(id, n), label)
	}
	count := 0
	inLoops(g, node, func(indent string, l *graph.Loop, inside func(string)) {
		count++
		fmt.Fprintf(b, "%ssubgraph cluster_%sloop%d {\n%[1]s    label=\"loop\";\n", indent, id, count)
		inside(indent + "    ")
		fmt.Fprintf(b, "%s}\n", indent)
	})
	for _, e := range g.Edges {
		var attributes []string
		if s := label(e); s != "" {
			attributes = append(attributes, "label="+dotText(s))
		}
		if e.Failure {
			attributes = append(attributes, "style=dashed")
		}
		if e.Back != nil {
			attributes = append(attributes, "constraint=false")
		}
		text := ""
		if len(attributes) > 0 {
			text = " [" + strings.Join(attributes, ", ") + "]"
		}
		fmt.Fprintf(b, "    %s -> %s%s;\n", dotName(id, e.From), dotName(id, e.To), text)
	}
}

// dotText writes a quoted string. A backslash would begin an escape of
// Graphviz' own.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain(s)) + `"`
}

// inLoops calls node for every node in canonical order, and loop around those
// of a loop.
func inLoops(g *graph.Graph, node func(string, *graph.Node), loop func(string, *graph.Loop, func(string))) {
	var write func(indent string, nodes []*graph.Node, scope *graph.Loop)
	write = func(indent string, nodes []*graph.Node, scope *graph.Loop) {
		for i := 0; i < len(nodes); i++ {
			in := nodes[i].Loop
			for in != scope && in != nil && in.Parent != scope {
				in = in.Parent
			}
			if in == scope || in == nil {
				node(indent, nodes[i])
				continue
			}
			loop(indent, in, func(indent string) { write(indent, in.Nodes, in) })
			i += len(in.Nodes) - 1
		}
	}
	write("    ", g.Order, nil)
}
