package drawing

import (
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// Mermaid draws a graph as a Mermaid flowchart. Failure edges are dotted; the
// nodes of a loop are in a box.
func Mermaid(g *graph.Graph) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	node := func(indent string, n *graph.Node) {
		fmt.Fprintf(&b, "%sn%d[\"%s\"]\n", indent, n.Index, mermaidText(n.Name))
	}
	count := 0
	inLoops(g, node, func(indent string, l *graph.Loop, inside func(string)) {
		count++
		fmt.Fprintf(&b, "%ssubgraph loop%d [\"loop\"]\n", indent, count)
		inside(indent + "    ")
		fmt.Fprintf(&b, "%send\n", indent)
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
		fmt.Fprintf(&b, "    n%d %s%s n%d\n", e.From.Index, arrow, text, e.To.Index)
	}
	return b.String()
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
	node := func(indent string, n *graph.Node) { fmt.Fprintf(&b, "%s%s;\n", indent, dotText(n.Name)) }
	count := 0
	inLoops(g, node, func(indent string, l *graph.Loop, inside func(string)) {
		count++
		fmt.Fprintf(&b, "%ssubgraph cluster_%d {\n%s    label=\"loop\";\n", indent, count, indent)
		inside(indent + "    ")
		fmt.Fprintf(&b, "%s}\n", indent)
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
		fmt.Fprintf(&b, "    %s -> %s%s;\n", dotText(e.From.Name), dotText(e.To.Name), text)
	}
	b.WriteString("}\n")
	return b.String()
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
