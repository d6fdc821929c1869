package drawing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// The scale of a drawing in SVG: a terminal's column and a layer, in pixels.
const (
	svgColumn = 9
	svgLayer  = 96
	svgBox    = 36 // the height of a node
	svgMargin = 28
	svgLabel  = 22 // the characters of a label that are shown; all are in its title
)

// svgStyle lets a drawing look right on a light and on a dark page.
const svgStyle = `
    text { font: 13px ui-monospace, monospace; fill: #1f2328; text-anchor: middle }
    .node rect { fill: #f6f8fa; stroke: #59636e; rx: 6px }
    .loop { fill: #59636e; fill-opacity: .07; stroke: #59636e; stroke-opacity: .4; stroke-dasharray: 2 3; rx: 10px }
    .edge path { fill: none; stroke: #59636e; stroke-width: 1.4 }
    .failure path { stroke: #cf222e; stroke-dasharray: 5 4 }
    .edge text { font-size: 11px; fill: #59636e; stroke: #fff; stroke-width: 4px; paint-order: stroke }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .edge text { fill: #9198a1; stroke: #0d1117 }
      .node rect { fill: #151b23; stroke: #9198a1 } .edge path { stroke: #9198a1 } .failure path { stroke: #f85149 }
    }
  `

// SVG draws a graph as a picture: layers from the start at the top to the end at
// the bottom, failure edges dashed, loops in frames where nothing else lies
// between their nodes, and the graphs within the graph below. A graph that is too
// large for that is written as a list.
func SVG(g *graph.Graph) string {
	var body strings.Builder
	width, height := svgPicture(&body, g)
	for _, sub := range inner(g) {
		var picture strings.Builder
		w, h := svgPicture(&picture, sub)
		fmt.Fprintf(&body, `  <text x="%d" y="%d" style="text-anchor: start">%s:</text>`+"\n", svgMargin, height+svgMargin/2, svgText(sub.File))
		fmt.Fprintf(&body, `  <svg y="%d" width="%d" height="%d">`+"\n%s  </svg>\n", height, w, h, picture.String())
		width, height = max(width, w), height+h
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d">
  <style>%[3]s</style>
  <defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#59636e"/></marker></defs>
%[4]s</svg>
`, width, height, svgStyle, body.String())
}

// svgPicture draws one graph and gives the size of it.
func svgPicture(b *strings.Builder, g *graph.Graph) (width, height int) {
	rows, ok := layers(g, &unicodeSigns)
	if !ok || len(rows) == 0 {
		return svgList(b, list(g, &unicodeSigns, defaultWidth))
	}
	arrange(rows)
	columns := 0
	boxes := map[*graph.Node]*box{}
	for _, row := range rows {
		_, _ = route(row) // only the columns matter here: curves need no tracks
		for _, x := range row {
			columns = max(columns, x.x+x.width)
			if x.node != nil {
				boxes[x.node] = x
			}
		}
	}
	width = max(columns, svgLabel)*svgColumn + 2*svgMargin
	svgLoops(b, g.Loops, boxes)
	taken := labels{}
	for _, n := range g.Order {
		svgEdges(b, boxes[n], width, taken)
	}
	for _, n := range g.Order {
		svgNode(b, boxes[n])
	}
	return width, (len(rows)-1)*svgLayer + svgBox + 2*svgMargin
}

func svgX(column int) int { return svgMargin + column*svgColumn + svgColumn/2 }

func (b *box) top() int { return svgMargin + b.layer*svgLayer }

func svgNode(b *strings.Builder, x *box) {
	left, width := svgMargin+x.x*svgColumn, x.width*svgColumn
	fmt.Fprintf(b, `  <g class="node"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d"/><text x="%d" y="%d" dy=".35em">%s</text></g>`+"\n",
		svgText(x.node.Name), left, x.top(), width, svgBox, left+width/2, x.top()+svgBox/2, svgText(x.title(&unicodeSigns)))
}

// svgEdges draws the lines that begin at a node's lower side: its edges out, and
// edges back to it, whose arrow is at this end. An edge from the node to itself
// is a sign in its title, and only has its condition to tell.
func svgEdges(b *strings.Builder, x *box, width int, taken labels) {
	for _, l := range x.down {
		class, arrow := "edge", "end"
		if l.edge.Failure {
			class = "edge failure"
		}
		if l.edge.Back != nil {
			arrow = "start"
		}
		at, y := svgX(l.from), x.top()+svgBox
		var path strings.Builder
		fmt.Fprintf(&path, "M%d %d", at, y)
		for {
			to, below := svgX(l.to), l.lower.top()
			fmt.Fprintf(&path, "C%d %d %d %d %d %d", at, (y+below)/2, to, (y+below)/2, to, below)
			at, y = to, below
			if l.lower.node != nil {
				break
			}
			y += svgBox
			fmt.Fprintf(&path, "V%d", y)
			l = l.lower.down[0]
		}
		text := svgText(label(l.edge))
		fmt.Fprintf(b, `  <g class="%s"><title>%s to %s %s</title><path d="%s" marker-%s="url(#arrow)"/>`,
			class, svgText(l.edge.From.Name), svgText(l.edge.To.Name), text, path.String(), arrow)
		if text != "" {
			short := cut(plain(label(l.edge)), svgLabel, "…")
			half := cells(short) * svgColumn * 3 / 8 // a label's letters are smaller
			middle := min(max(at, half), width-half)
			fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, middle, taken.find(y-svgBox/2, middle-half, middle+half), svgText(short))
		}
		b.WriteString("</g>\n")
	}
}

// labels are the stretches of labels, by their height.
type labels map[int][][2]int

// find gives a label a height at which it does not lie on another one: the one
// that it is given, or one above that is still between the layers.
func (l labels) find(y, left, right int) int {
	const line, lines = 14, 3
	at := y
	for range lines {
		if !slices.ContainsFunc(l[at], func(s [2]int) bool { return left < s[1] && s[0] < right }) {
			l[at] = append(l[at], [2]int{left, right})
			return at
		}
		at -= line
	}
	return y
}

// svgLoops frames the loops whose frame would hold no other node; outer ones
// first, so that inner ones lie on them.
func svgLoops(b *strings.Builder, loops []*graph.Loop, boxes map[*graph.Node]*box) {
	for _, l := range loops {
		first := boxes[l.Nodes[0]]
		left, right, top, bottom := first.x, first.x+first.width, first.layer, first.layer
		inside := map[*graph.Node]bool{}
		for _, n := range l.Nodes {
			x := boxes[n]
			left, right = min(left, x.x), max(right, x.x+x.width)
			top, bottom = min(top, x.layer), max(bottom, x.layer)
			inside[n] = true
		}
		alone := true
		for n, x := range boxes {
			if !inside[n] && x.layer >= top && x.layer <= bottom && x.x < right && x.x+x.width > left {
				alone = false
			}
		}
		if alone {
			pad := 14 - 3*min(l.Depth-1, 4)
			fmt.Fprintf(b, `  <rect class="loop" x="%d" y="%d" width="%d" height="%d"/>`+"\n",
				svgMargin+left*svgColumn-pad, svgMargin+top*svgLayer-pad,
				(right-left)*svgColumn+2*pad, (bottom-top)*svgLayer+svgBox+2*pad)
		}
		svgLoops(b, l.Children, boxes)
	}
}

// svgList sets lines of text, for what cannot be drawn.
func svgList(b *strings.Builder, text string) (width, height int) {
	const line = 18
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, text := range lines {
		fmt.Fprintf(b, `  <text x="%d" y="%d" style="text-anchor: start; white-space: pre">%s</text>`+"\n",
			svgMargin, svgMargin+(i+1)*line, svgText(text))
	}
	return defaultWidth*svgColumn + 2*svgMargin, len(lines)*line + 2*svgMargin
}

var svgEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// svgText escapes a text for an element or an attribute. The spaces that begin a
// line of a list are kept.
func svgText(s string) string {
	indent := len(s) - len(strings.TrimLeft(s, " "))
	return s[:indent] + svgEscapes.Replace(plain(s))
}
