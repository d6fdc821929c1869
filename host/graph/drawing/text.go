package drawing

import (
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// TextOptions say how [Text] draws.
type TextOptions struct {
	ASCII bool // nothing but ASCII for lines and arrows
	Width int  // the columns that there are; 0: 80
}

const (
	defaultWidth = 80
	leastWidth   = 24
)

// signs are the characters of a drawing.
type signs struct {
	lines    [16]string // by the sides that a line leads to
	dotted   [16]string // of failure edges
	boxes    [16]string // of boxes
	into     string     // an arrow down
	back     string     // an arrow up
	edge     string     // in lists
	failed   string
	repeat   string
	ellipsis string
}

// The sides of a cell.
const (
	north = 1 << iota
	south
	east
	west
)

var unicodeSigns = signs{
	lines: [16]string{
		north | south: "│", east | west: "─", south | east: "╭", south | west: "╮", north | east: "╰", north | west: "╯",
		north | south | east | west: "┼", south | east | west: "┬", north | east | west: "┴", north | south | east: "├", north | south | west: "┤",
	},
	dotted: [16]string{
		north | south: "┊", east | west: "┄", south | east: "╭", south | west: "╮", north | east: "╰", north | west: "╯",
	},
	boxes: [16]string{
		north | south: "│", east | west: "─", south | east: "╭", south | west: "╮", north | east: "╰", north | west: "╯",
		south | east | west: "┬", north | east | west: "┴",
	},
	into: "▼", back: "▲", edge: "→", failed: "⇢", repeat: "↺", ellipsis: "…",
}

var asciiSigns = signs{
	lines: [16]string{
		north | south: "|", east | west: "-", south | east: ".", south | west: ".", north | east: "'", north | west: "'",
		north | south | east | west: "+", south | east | west: "+", north | east | west: "+", north | south | east: "+", north | south | west: "+",
	},
	dotted: [16]string{
		north | south: ":", east | west: ".", south | east: ".", south | west: ".", north | east: "'", north | west: "'",
	},
	boxes: [16]string{
		north | south: "|", east | west: "-", south | east: "+", south | west: "+", north | east: "+", north | west: "+",
		south | east | west: "+", north | east | west: "+",
	},
	into: "v", back: "^", edge: "->", failed: "~>", repeat: "<-", ellipsis: "...",
}

// Text draws a graph for a terminal: boxes and lines, from the start at the top
// to the end at the bottom; lines of failure edges are dotted, edges back lead
// up. Below stands when the edges are taken that are not taken always, and below
// that the graphs within the graph. A graph that is too wide or too large for
// that is written as a list.
func Text(g *graph.Graph, o TextOptions) string {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	o.Width = max(o.Width, leastWidth)
	s := &unicodeSigns
	if o.ASCII {
		s = &asciiSigns
	}
	var b strings.Builder
	b.WriteString(one(g, s, o.Width))
	for _, sub := range inner(g) {
		b.WriteString("\n" + cut(plain(sub.File)+":", o.Width, s.ellipsis) + "\n\n" + one(sub, s, o.Width))
	}
	return b.String()
}

// one draws a graph without those within it.
func one(g *graph.Graph, s *signs, width int) string {
	if boxes, ok := drawBoxes(g, s, width); ok {
		return boxes + legend(g, s, width)
	}
	return list(g, s, width)
}

// sign gives the arrow that stands for an edge in a list.
func (s *signs) sign(e *graph.Edge) string {
	switch {
	case e.Back != nil:
		return s.repeat
	case e.Failure:
		return s.failed
	}
	return s.edge
}

// legend lists the edges that a drawing alone does not explain.
func legend(g *graph.Graph, s *signs, width int) string {
	var b strings.Builder
	for _, e := range g.Edges {
		text := label(e)
		if text == "" && e.From != e.To {
			continue
		}
		if b.Len() == 0 {
			b.WriteByte('\n')
		}
		line := fmt.Sprintf("%s %s %s", plain(e.From.Name), s.sign(e), plain(e.To.Name))
		if text != "" {
			line += "  " + plain(text)
		}
		b.WriteString(cut(line, width, s.ellipsis) + "\n")
	}
	return b.String()
}

// list writes every node in canonical order, with its edges below it.
func list(g *graph.Graph, s *signs, width int) string {
	var b strings.Builder
	for _, n := range g.Order {
		b.WriteString(cut(title(n), width, s.ellipsis) + "\n")
		for _, e := range n.Outgoing {
			line := fmt.Sprintf("  %s %s", s.sign(e), plain(e.To.Name))
			if text := label(e); text != "" {
				line += "  " + plain(text)
			}
			b.WriteString(cut(line, width, s.ellipsis) + "\n")
		}
	}
	return b.String()
}
