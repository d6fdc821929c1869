package stepper_test

import (
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// sketched makes a graph from a few lines, for what graph.Build does not let
// pass yet:
//
//	nodes a (h x (i j) y) z     in canonical order, loops in brackets
//	state k                     a key
//	a > h                       an edge; "when EXPR" or "on error" may follow
//	x write k = EXPR
//	z input = EXPR
//	h route first
//
// Where edges of several nodes come together, the input is keyed by node, and
// so is the run's output.
func sketched(t *testing.T, text string) *graph.Graph {
	t.Helper()
	s := &sketcher{t: t, g: &graph.Graph{Name: "sketch", OutputByNode: true}, nodes: map[string]*graph.Node{}}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			s.line(words)
		}
	}
	s.g.Order = s.g.Nodes
	for _, n := range s.g.Nodes {
		if n.Loop == nil && len(n.Incoming) == 0 || n.Loop != nil && n.Loop.Header == n && n.Index == 0 {
			s.g.Start = append(s.g.Start, n)
		}
		from := map[*graph.Node]bool{}
		for _, e := range n.Incoming {
			if e.Back == nil {
				from[e.From] = true
			}
		}
		n.EntryByNode = len(from) > 1
	}
	return s.g
}

type sketcher struct {
	t     *testing.T
	g     *graph.Graph
	nodes map[string]*graph.Node
}

func (s *sketcher) line(words []string) {
	s.t.Helper()
	rest := func(i int) string { return strings.Join(words[i:], " ") }
	env := func(src string, vars ...string) *expr.Program { return compiled(s.t, expr.NewEnv(vars...), src) }
	n := s.nodes[words[0]]
	switch {
	case words[0] == "nodes":
		s.draw(strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(rest(1))))
	case words[0] == "state":
		s.g.State = append(s.g.State, &graph.StateKey{Index: len(s.g.State), Name: words[1], Initial: document.Null(), Reduce: graph.ReduceReplace})
	case n == nil:
		s.t.Fatalf("sketch: no node %q", words[0])
	case words[1] == ">":
		s.edge(n, s.nodes[words[2]], words[3:])
	case words[1] == "write":
		for _, k := range s.g.State {
			if k.Name == words[2] {
				n.Writes = append(n.Writes, graph.Write{Key: k, Expr: env(rest(4), "input", "inputs", "state", "run", "output")})
			}
		}
	case words[1] == "input":
		n.Input = &graph.Binding{Expr: env(rest(3), "input", "inputs", "state", "run")}
	case words[1] == "route":
		n.Route = graph.Route(words[2])
	default:
		s.t.Fatalf("sketch: what is %q?", rest(0))
	}
}

func (s *sketcher) draw(words []string) {
	var loop *graph.Loop
	for _, w := range words {
		switch w {
		case "(":
			inner := &graph.Loop{Parent: loop}
			if loop == nil {
				s.g.Loops = append(s.g.Loops, inner)
			} else {
				loop.Children = append(loop.Children, inner)
			}
			loop = inner
		case ")":
			loop = loop.Parent
		default:
			n := &graph.Node{Index: len(s.g.Nodes), Rank: len(s.g.Nodes), Name: w, Loop: loop, Route: graph.RouteAll}
			s.g.Nodes = append(s.g.Nodes, n)
			s.nodes[w] = n
			if loop != nil && loop.Header == nil {
				loop.Header = n
			}
		}
	}
}

func (s *sketcher) edge(from, to *graph.Node, rest []string) {
	s.t.Helper()
	e := &graph.Edge{Index: len(s.g.Edges), From: from, To: to}
	switch {
	case len(rest) == 0:
	case rest[0] == "when":
		e.When = compiled(s.t, expr.NewEnv("input", "output", "error", "state", "run"), strings.Join(rest[1:], " "))
	case rest[0] == "on":
		e.Failure = true
		if rest[1] != "error" {
			e.On = []failure.Code{failure.Code(rest[1])}
		}
	default:
		s.t.Fatalf("sketch: what is %q?", rest)
	}
	for l := from.Loop; l != nil; l = l.Parent {
		if l.Header == to && e.Back == nil {
			e.Back = l
		}
	}
	s.g.Edges = append(s.g.Edges, e)
	from.Outgoing = append(from.Outgoing, e)
	to.Incoming = append(to.Incoming, e)
}
