// Package drawing draws graphs: for the terminal, as Mermaid, and as DOT. The
// same graph always gives the same drawing. Names and conditions are an
// author's text: they are escaped, so that none of them can end a label, begin
// markup or move a terminal's cursor.
package drawing

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// label says when an edge is taken: "on timeout, trap when error.attempt > 1";
// "" for an edge without condition.
func label(e *graph.Edge) string {
	var parts []string
	if e.Failure {
		on := "error"
		if len(e.On) > 0 {
			on = join(e.On)
		}
		parts = append(parts, "on "+on)
	}
	if e.When != nil {
		parts = append(parts, "when "+e.When.Source())
	}
	return strings.Join(parts, " ")
}

func join(codes []failure.Code) string {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = string(c)
	}
	return strings.Join(texts, ", ")
}

// title is what stands in a node: its name, and what it is besides a module: run
// for each element of a list, a graph of its own, a rest until a signal comes.
func title(n *graph.Node) string {
	t := plain(n.Name)
	if n.Foreach != nil {
		t += " [each]"
	}
	switch n.Kind {
	case graph.KindGraph:
		t += " {" + plain(n.Graph) + "}"
	case graph.KindWait:
		t += " (waits)"
	case graph.KindModule:
	}
	return t
}

// maxInner bounds how many graphs within a graph are drawn.
const maxInner = 50

// inner lists the graphs that g and they have as nodes, each file once, outer
// ones first.
func inner(g *graph.Graph) []*graph.Graph {
	seen := map[string]bool{g.File: true}
	found := []*graph.Graph{g}
	for i := 0; i < len(found); i++ {
		for _, n := range found[i].Order {
			if n.Sub != nil && !seen[n.Sub.File] && len(found) <= maxInner {
				seen[n.Sub.File] = true
				found = append(found, n.Sub)
			}
		}
	}
	return found[1:]
}

// plain makes a text safe for one line of a terminal or a label: space of any
// kind becomes one blank, and what cannot be seen becomes its number.
func plain(s string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(strings.ToValidUTF8(s, "\uFFFD")) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, r := range word {
			if unicode.IsPrint(r) || unicode.Is(unicode.M, r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
	}
	return b.String()
}

// cells counts the columns that a plain text takes in a terminal.
func cells(s string) (n int) {
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// cut shortens a plain text to a number of columns.
func cut(s string, most int, ellipsis string) string {
	if cells(s) <= most {
		return s
	}
	var b strings.Builder
	n := cells(ellipsis)
	for _, r := range s {
		if n += runeCells(r); n > most {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + ellipsis
}
