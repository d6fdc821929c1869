package drawing_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graph/drawing"
)

// drawGraph draws a graph that Build accepts; nil where it drew another one.
func drawGraph(t *rapid.T) *graph.Graph {
	n := rapid.IntRange(1, 12).Draw(t, "nodes")
	src := &graph.Source{File: "g.toml"}
	name := func(i int) string { return fmt.Sprintf("node%d%s", i, strings.Repeat("x", i%4)) }
	for i := range n {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: name(i), Module: "m.wasm", Route: "first"})
		if i > 0 {
			src.Edges = append(src.Edges, graph.EdgeSource{
				From: graph.Word{Text: name(rapid.IntRange(0, i-1).Draw(t, "from"))}, To: graph.Word{Text: name(i)},
				When:     graph.Expression{Text: rapid.StringMatching(`output\.[a-z]{1,5} == '[a-z \x00-\x08\x1b"#<>|é]{0,6}'`).Draw(t, "when")},
				AnyError: rapid.Bool().Draw(t, "failure"),
			})
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "more") {
		src.Edges = append(src.Edges, graph.EdgeSource{
			From: graph.Word{Text: name(rapid.IntRange(0, n-1).Draw(t, "from"))}, To: graph.Word{Text: name(rapid.IntRange(0, n-1).Draw(t, "to"))},
			When: graph.Expression{Text: "output.again"}, AnyError: rapid.Bool().Draw(t, "failure"),
		})
	}
	g, _ := graph.Build(src, nil)
	return g
}

func TestTextHolds(t *testing.T) {
	boxes, lists := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		if g == nil {
			t.Skip("refused")
		}
		o := drawing.TextOptions{ASCII: rapid.Bool().Draw(t, "ascii"), Width: rapid.IntRange(24, 120).Draw(t, "width")}
		text := drawing.Text(g, o)
		if again := drawing.Text(g, o); again != text {
			t.Fatalf("not the same twice:\n%s\n%s", text, again)
		}
		picture, _, boxed := strings.Cut(text, "\n\n")
		if strings.ContainsAny(text, "╭") || strings.Contains(text, "+--") {
			boxes++
		} else {
			lists++
		}
		for line := range strings.SplitSeq(text, "\n") {
			if n := len([]rune(line)); n > o.Width && !boxed {
				t.Fatalf("%d columns of %d:\n%s", n, o.Width, text)
			}
			for _, r := range line {
				if !unicode.IsPrint(r) || o.ASCII && r > 0x7e && strings.ContainsRune(picture, r) && boxed {
					t.Fatalf("%q in:\n%s", r, text)
				}
			}
		}
		for _, n := range g.Nodes {
			if !strings.Contains(text, n.Name) {
				t.Fatalf("%s is missing:\n%s", n.Name, text)
			}
		}
		wellFormed(t, drawing.SVG(g), len(g.Nodes), len(g.Edges)-loopsToSelf(g))
		for _, markup := range []string{drawing.Mermaid(g), drawing.DOT(g)} {
			for _, e := range g.Edges {
				if e.From.Name == "" || !strings.Contains(markup, "\n") {
					t.Fatal(markup)
				}
			}
			if strings.ContainsFunc(markup, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Fatalf("%q", markup)
			}
		}
	})
	if boxes == 0 || lists == 0 {
		t.Errorf("%d drawings in boxes, %d lists", boxes, lists)
	}
}

// wellFormed reads a picture as XML and counts what it shows.
func wellFormed(t *rapid.T, svg string, nodes, edges int) {
	foundNodes, foundEdges := 0, 0
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "g" {
			continue
		}
		if e.Attr[0].Value == "node" {
			foundNodes++
		} else {
			foundEdges++
		}
	}
	if foundNodes != nodes || foundEdges != edges {
		t.Fatalf("%d nodes and %d edges, want %d and %d:\n%s", foundNodes, foundEdges, nodes, edges, svg)
	}
}

func loopsToSelf(g *graph.Graph) (n int) {
	for _, e := range g.Edges {
		if e.From == e.To {
			n++
		}
	}
	return n
}

// TestLinesArrive follows every line of a drawing in boxes from the lower side
// of a box, and finds as many arrows as there are edges.
func TestLinesArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		if g == nil {
			t.Skip("refused")
		}
		text := drawing.Text(g, drawing.TextOptions{Width: 400})
		if !strings.Contains(text, "╭") {
			t.Skip("a list")
		}
		picture, _, _ := strings.Cut(text, "\n\n")
		down, up := 0, 0
		for _, e := range g.Edges {
			switch {
			case e.From == e.To:
			case e.Back != nil:
				up++
			default:
				down++
			}
		}
		if got := strings.Count(picture, "▼"); got != down {
			t.Fatalf("%d arrows down for %d edges:\n%s", got, down, text)
		}
		if got := strings.Count(picture, "▲"); got != up {
			t.Fatalf("%d arrows up for %d edges:\n%s", got, up, text)
		}
		if strings.ContainsAny(picture, "├┤") {
			t.Fatalf("lines run into each other:\n%s", text)
		}
	})
}

// TestLarge: a graph of 10,000 nodes is drawn, as a list, in good time.
func TestLarge(t *testing.T) {
	src := &graph.Source{}
	for i := range 10_000 {
		name := fmt.Sprintf("n%d", i)
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: name, Module: "m.wasm"})
		src.Chain = append(src.Chain, graph.Word{Text: name})
	}
	g, found := graph.Build(src, nil)
	if g == nil {
		t.Fatal(found)
	}
	if n := strings.Count(drawing.Text(g, drawing.TextOptions{}), "\n"); n != 19_999 {
		t.Errorf("%d lines", n)
	}
	for _, s := range []string{drawing.Mermaid(g), drawing.DOT(g), drawing.SVG(g)} {
		if n := strings.Count(s, "\n"); n < 19_999 {
			t.Errorf("%d lines", n)
		}
	}
}
