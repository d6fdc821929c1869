package scenario

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// sketch makes a graph of a few lines, see [Scenario.Graph]. It checks nothing:
// what it draws must obey the rules of a graph.
func sketch(text string) (*graph.Graph, error) {
	s := &sketcher{g: &graph.Graph{Name: "sketch", OutputByNode: true}, nodes: map[string]*graph.Node{}}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			if err := s.line(words); err != nil {
				return nil, fmt.Errorf("sketch: %q: %w", line, err)
			}
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
	return s.g, nil
}

type sketcher struct {
	g     *graph.Graph
	nodes map[string]*graph.Node
}

func (s *sketcher) line(words []string) (err error) {
	rest := func(i int) string { return strings.Join(words[i:], " ") }
	n := s.nodes[words[0]]
	switch {
	case words[0] == "nodes":
		s.draw(strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(rest(1))))
	case words[0] == "state":
		s.g.State = append(s.g.State, &graph.StateKey{Index: len(s.g.State), Name: words[1], Initial: document.Null(), Reduce: graph.ReduceReplace})
	case n == nil:
		return fmt.Errorf("no node %q", words[0])
	case words[1] == ">" && s.nodes[words[2]] != nil:
		return s.edge(n, s.nodes[words[2]], words[3:])
	case words[1] == "write":
		var w graph.Write
		for _, k := range s.g.State {
			if k.Name == words[2] {
				w.Key = k
			}
		}
		w.Expr, err = expr.NewEnv("input", "inputs", "state", "run", "output").Compile(rest(4))
		n.Writes = append(n.Writes, w)
	case words[1] == "input":
		n.Input = &graph.Binding{}
		n.Input.Expr, err = expr.NewEnv("input", "inputs", "state", "run").Compile(rest(3))
	case words[1] == "route":
		n.Route = graph.Route(words[2])
	default:
		err = errors.New("what is that?")
	}
	return err
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

func (s *sketcher) edge(from, to *graph.Node, rest []string) (err error) {
	e := &graph.Edge{Index: len(s.g.Edges), From: from, To: to}
	switch {
	case len(rest) == 0:
	case rest[0] == "when":
		e.When, err = expr.NewEnv("input", "output", "error", "state", "run").Compile(strings.Join(rest[1:], " "))
	case rest[0] == "on":
		e.Failure = true
		if rest[1] != "error" {
			e.On = []failure.Code{failure.Code(rest[1])}
		}
	default:
		err = fmt.Errorf("what is %q?", rest)
	}
	for l := from.Loop; l != nil; l = l.Parent {
		if l.Header == to && e.Back == nil {
			e.Back = l
		}
	}
	s.g.Edges = append(s.g.Edges, e)
	from.Outgoing = append(from.Outgoing, e)
	to.Incoming = append(to.Incoming, e)
	return err
}
