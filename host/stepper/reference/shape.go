package reference

// What the author drew: loops, canonical order, and what is exclusive.

import (
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
)

type node struct {
	*graph.NodeSource
	place   int // in the file
	in, out []*edge
	loop    *loop // the innermost; nil outside
	input   *expr.Program
	fields  []*expr.Program // of an input that is a table
	foreach *expr.Program
	writes  []*expr.Program
}

type edge struct {
	from, to *node
	when     *expr.Program
	failure  bool
	on       []string
	back     *loop // whose header it leads back to
}

type loop struct {
	header *node
	nodes  []*node
	parent *loop
}

func (l *loop) has(n *node) bool { return l == nil || slices.Contains(l.nodes, n) }

type shape struct {
	src    *graph.Source
	nodes  []*node
	edges  []*edge
	loops  []*loop
	starts []*node
	output *expr.Program

	orders  map[*loop][]unit // what order gave
	clashes map[*edge]bool   // what clash gave, by the group's first edge
}

// draw reads the source. "Edges are considered in file order (`chain`'s edges
// after `[[edges]]`)."
func draw(src *graph.Source) (*shape, error) {
	s := &shape{src: src, orders: map[*loop][]unit{}, clashes: map[*edge]bool{}}
	var err error
	compile := func(text string, sees ...string) *expr.Program {
		if text == "" || err != nil {
			return nil
		}
		var p *expr.Program
		p, err = expr.NewEnv(sees...).Compile(text)
		return p
	}
	named := map[string]*node{}
	for i := range src.Nodes {
		n := &node{NodeSource: &src.Nodes[i], place: i}
		// "in a foreach `item`, `index`"
		n.input = compile(n.Input.Expression.Text, "input", "inputs", "state", "run", "item", "index")
		for _, f := range n.Input.Fields {
			n.fields = append(n.fields, compile(f.Expression.Text, "input", "inputs", "state", "run", "item", "index"))
		}
		n.foreach = compile(n.Foreach.Text, "input", "inputs", "state", "run")
		for _, w := range n.Write {
			n.writes = append(n.writes, compile(w.Expression.Text, "input", "inputs", "state", "run", "output"))
		}
		s.nodes = append(s.nodes, n)
		named[n.Name] = n
	}
	connect := func(from, to string, e *edge) {
		e.from, e.to = named[from], named[to]
		s.edges = append(s.edges, e)
		e.from.out = append(e.from.out, e)
		e.to.in = append(e.to.in, e)
	}
	for _, e := range src.Edges {
		made := &edge{failure: e.AnyError || len(e.On) > 0}
		made.when = compile(e.When.Text, "input", "output", "error", "state", "run")
		for _, code := range e.On {
			made.on = append(made.on, code.Text)
		}
		connect(e.From.Text, e.To.Text, made)
	}
	for i := 1; i < len(src.Chain); i++ {
		connect(src.Chain[i-1].Text, src.Chain[i].Text, &edge{})
	}
	s.output = compile(src.Output.Value.Text, "output", "run", "state")
	if err != nil {
		return nil, fmt.Errorf("reading the graph: %w", err)
	}
	for _, w := range src.Start {
		s.starts = append(s.starts, named[w.Text])
	}
	s.findLoops(s.nodes, nil)
	return s, nil
}

// findLoops: "A loop is a strongly connected component. It must be entered at
// one node, its header; edges from inside to the header are its edges back;
// take them away and look again inside for nested loops."
//
// "`start` names the first nodes; else, for each strongly connected component
// without edges from outside, its first node in the file."
func (s *shape) findLoops(nodes []*node, parent *loop) {
	inside := func(e *edge) bool { return e.back == nil && slices.Contains(nodes, e.to) }
	done := map[*node]bool{}
	for _, n := range nodes {
		if done[n] {
			continue
		}
		from := reach([]*node{n}, inside)
		part := []*node{n}
		for _, m := range nodes {
			if m != n && from[m] && reach([]*node{m}, inside)[n] {
				part = append(part, m)
			}
		}
		cyclic := false
		var header *node
		for _, m := range part {
			done[m] = true
			if slices.Contains(s.starts, m) {
				header = m
			}
			for _, e := range m.in {
				if e.back == nil && !slices.Contains(part, e.from) {
					header = m
				} else if e.back == nil {
					cyclic = true
				}
			}
		}
		if header == nil {
			header = part[0]
			s.starts = append(s.starts, header)
		}
		if !cyclic {
			continue
		}
		l := &loop{header: header, nodes: part, parent: parent}
		s.loops = append(s.loops, l)
		for _, m := range part {
			m.loop = l
		}
		for _, e := range header.in {
			if e.back == nil && slices.Contains(part, e.from) {
				e.back = l
			}
		}
		s.findLoops(part, l)
	}
}

// reach gives the nodes that some nodes lead to, themselves included.
func reach(from []*node, by func(*edge) bool) map[*node]bool {
	seen := map[*node]bool{}
	for work := slices.Clone(from); len(work) > 0; work = work[1:] {
		if n := work[0]; !seen[n] {
			seen[n] = true
			for _, e := range n.out {
				if by(e) {
					work = append(work, e.to)
				}
			}
		}
	}
	return seen
}

// unit is a node or a loop that is directly in a scope.
type unit struct {
	*node       // or the loop's header
	loop  *loop // nil: a node
}

func unitOf(n *node, scope *loop) unit {
	if n.loop == scope {
		return unit{n, nil}
	}
	l := n.loop
	for l.parent != scope {
		l = l.parent
	}
	return unit{l.header, l}
}

// order gives the units of a scope. "Topological without edges back, ties by
// the order of the file, a loop at its header's place."
func (s *shape) order(scope *loop) (list []unit) {
	var left []unit
	for _, n := range s.nodes {
		if u := unitOf; scope.has(n) && u(n, scope).node == n {
			left = append(left, u(n, scope))
		}
	}
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(u unit) bool {
			return !slices.ContainsFunc(s.edges, func(e *edge) bool {
				if e.back != nil || !scope.has(e.from) || !scope.has(e.to) {
					return false
				}
				from := unitOf(e.from, scope)
				return from != u && unitOf(e.to, scope) == u && slices.Contains(left, from)
			})
		})
		list = append(list, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return list
}

// behind: "A step is behind an edge when every path to it (edges back aside)
// passes that edge."
func (s *shape) behind(n *node, g *edge) bool {
	return !reach(s.starts, func(e *edge) bool { return e.back == nil && e != g })[n]
}

// exclusive: "two are exclusive exactly when they are behind two edges of one
// node that are both of `route = "first"`, or a success and a failure edge, or
// `X` and `!(X)` compared as parsed; nothing else counts." behindA and behindB
// say what the two are behind.
func (s *shape) exclusive(behindA, behindB func(*edge) bool) bool {
	for _, g := range s.edges {
		for _, h := range g.from.out {
			pair := g.failure != h.failure ||
				g.from.Route == string(graph.RouteFirst) ||
				g.when != nil && h.when != nil && expr.Opposite(g.when, h.when)
			if g != h && pair && behindA(g) && behindB(h) {
				return true
			}
		}
	}
	return false
}

// clash says whether a document is keyed by node: "where two of its edges from
// different nodes are not exclusive".
func (s *shape) clash(edges []*edge) bool {
	after := func(e *edge) func(*edge) bool {
		return func(g *edge) bool { return e == g || s.behind(e.from, g) }
	}
	for i, e := range edges {
		for _, f := range edges[:i] {
			if e.from != f.from && !s.exclusive(after(e), after(f)) {
				return true
			}
		}
	}
	return false
}

// ends are "the nodes without success edges out (edges back not counted)";
// clashing says whether "two such nodes are not exclusive".
func (s *shape) ends() (list []*node, clashing bool) {
	after := func(n *node) func(*edge) bool {
		return func(g *edge) bool { return s.behind(n, g) }
	}
	for _, n := range s.nodes {
		if slices.ContainsFunc(n.out, func(e *edge) bool { return !e.failure && e.back == nil }) {
			continue
		}
		for _, m := range list {
			clashing = clashing || !s.exclusive(after(n), after(m))
		}
		list = append(list, n)
	}
	return list, clashing
}
