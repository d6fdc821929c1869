package graph

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawSource draws a graph of a few nodes with any edges: most of them cannot
// run, but what Build finds out about paths is right for all of them.
func drawSource(t *rapid.T, most int) *Source {
	n := rapid.IntRange(1, most).Draw(t, "nodes")
	src := &Source{State: []StateSource{{Name: "k"}}}
	for i := range n {
		s := NodeSource{Name: fmt.Sprintf("n%d", i), Module: "m.wasm"}
		if rapid.IntRange(0, 3).Draw(t, "route") == 0 {
			s.Route = "first"
		}
		if rapid.IntRange(0, 2).Draw(t, "write") == 0 {
			s.Write = []FieldSource{{Key: "k", Expression: Expression{Text: "1"}}}
		}
		src.Nodes = append(src.Nodes, s)
	}
	conditions := []string{"", "output.a", "!(output.a)", "output.b", "!output.b"}
	node := rapid.IntRange(0, n-1)
	for range rapid.IntRange(0, 2*n).Draw(t, "edges") {
		from, to := node.Draw(t, "from"), node.Draw(t, "to")
		if from > to && rapid.IntRange(0, 3).Draw(t, "back") > 0 {
			from, to = to, from
		}
		e := EdgeSource{From: Word{Text: fmt.Sprintf("n%d", from)}, To: Word{Text: fmt.Sprintf("n%d", to)}}
		if rapid.IntRange(0, 3).Draw(t, "failure") == 0 {
			e.AnyError = true
		}
		e.When.Text = rapid.SampledFrom(conditions).Draw(t, "when")
		src.Edges = append(src.Edges, e)
	}
	return src
}

// analyse builds a drawn graph and skips it where Build refuses its structure.
func analyse(t *rapid.T) *builder {
	b := newBuilder(drawSource(t, 9), nil)
	b.build()
	if b.broken || b.graph.Order == nil {
		t.Skip("refused")
	}
	return b
}

// passes reports whether a path leads from the start to the node or edge, edges
// back aside, without the edge avoid.
func passes(g *Graph, avoid, toEdge *Edge, toNode *Node) bool {
	if toEdge != nil && toEdge == avoid {
		return false
	}
	if toEdge != nil {
		toNode = toEdge.From
	}
	seen := map[*Node]bool{}
	work := slices.Clone(g.Start)
	for len(work) > 0 {
		n := work[0]
		work = work[1:]
		if n == toNode {
			return true
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		for _, e := range n.Outgoing {
			if e.Back == nil && e != avoid {
				work = append(work, e.To)
			}
		}
	}
	return false
}

// behind lists the edges that something is behind, by the definition.
func behind(g *Graph, e *Edge, n *Node) (list []*Edge) {
	for _, f := range g.Edges {
		if !passes(g, f, e, n) {
			list = append(list, f)
		}
	}
	return list
}

func exclusiveByDefinition(g *Graph, e1 *Edge, n1 *Node, e2 *Edge, n2 *Node) bool {
	for _, f1 := range behind(g, e1, n1) {
		for _, f2 := range behind(g, e2, n2) {
			if f1 != f2 && f1.From == f2.From && exclusiveEdges(f1, f2) {
				return true
			}
		}
	}
	return false
}

func TestExclusiveIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := analyse(t).graph
		p := newPaths(g)
		for _, n := range g.Nodes {
			for _, m := range g.Nodes {
				if n == m {
					continue
				}
				if got, want := p.exclusive(p.node(n), p.node(m)), exclusiveByDefinition(g, nil, n, nil, m); got != want {
					t.Fatalf("nodes %s, %s: exclusive %v, want %v", n.Name, m.Name, got, want)
				}
			}
		}
		for _, e := range g.Edges {
			for _, f := range g.Edges {
				if e == f {
					continue
				}
				if got, want := p.exclusive(p.edge(e), p.edge(f)), exclusiveByDefinition(g, e, nil, f, nil); got != want {
					t.Fatalf("%s, %s: exclusive %v, want %v", e, f, got, want)
				}
			}
		}
	})
}

func TestShapesAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := analyse(t).graph
		byNode := func(edges []*Edge) bool {
			for _, e := range edges {
				for _, f := range edges {
					if e.From != f.From && !exclusiveByDefinition(g, e, nil, f, nil) {
						return true
					}
				}
			}
			return false
		}
		output := false
		for _, n := range g.Nodes {
			entry := slices.DeleteFunc(slices.Clone(n.Incoming), func(e *Edge) bool { return e.Back != nil })
			back := slices.DeleteFunc(slices.Clone(n.Incoming), func(e *Edge) bool { return e.Back == nil })
			if got, want := n.EntryByNode, byNode(entry); got != want {
				t.Fatalf("node %s: EntryByNode %v", n.Name, got)
			}
			if got, want := n.BackByNode, byNode(back); got != want {
				t.Fatalf("node %s: BackByNode %v", n.Name, got)
			}
			for _, m := range g.Nodes {
				output = output || n != m && n.Ends() && m.Ends() && !exclusiveByDefinition(g, nil, n, nil, m)
			}
		}
		if g.OutputByNode != output {
			t.Fatalf("OutputByNode %v", g.OutputByNode)
		}
	})
}

// TestConflictsAreTheDefinition compares whether any two writers conflict.
func TestConflictsAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := analyse(t)
		g := b.graph
		// A node comes before another one if a path leads there, edges back
		// aside; a whole loop comes before what follows it.
		before := map[[2]*Node]bool{}
		for _, n := range g.Nodes {
			for _, e := range n.Outgoing {
				if e.Back == nil {
					before[[2]*Node{n, e.To}] = true
					for _, l := range e.Leaves {
						for _, m := range l.Nodes {
							before[[2]*Node{m, e.To}] = true
						}
					}
				}
			}
		}
		for _, k := range g.Nodes {
			for _, n := range g.Nodes {
				for _, m := range g.Nodes {
					if before[[2]*Node{n, k}] && before[[2]*Node{k, m}] {
						before[[2]*Node{n, m}] = true
					}
				}
			}
		}
		want := false
		for _, n := range g.Nodes {
			for _, m := range g.Nodes {
				if n != m && len(n.Writes) > 0 && len(m.Writes) > 0 && !before[[2]*Node{n, m}] && !before[[2]*Node{m, n}] {
					want = want || !exclusiveByDefinition(g, nil, n, nil, m)
				}
			}
		}
		got := slices.ContainsFunc(b.found, func(d Diagnostic) bool { return d.Code == CodeWriteConflict })
		if got != want {
			t.Fatalf("conflict %v, want %v", got, want)
		}
	})
}

func TestOrderIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := analyse(t).graph
		if len(g.Order) != len(g.Nodes) {
			t.Fatalf("%d of %d nodes in order", len(g.Order), len(g.Nodes))
		}
		for i, n := range g.Order {
			if n.Rank != i {
				t.Fatalf("node %s has rank %d at %d", n.Name, n.Rank, i)
			}
		}
		for _, e := range g.Edges {
			if (e.Back == nil) != (e.From.Rank < e.To.Rank) {
				t.Fatalf("%s: ranks %d, %d", e, e.From.Rank, e.To.Rank)
			}
		}
		want := orderByDefinition(g, nil)
		if !slices.Equal(g.Order, want) {
			t.Fatalf("order %s, want %s", nodeList(g.Order), nodeList(want))
		}
	})
}

// orderByDefinition takes, again and again, the unit that is first in the file
// among those that nothing in the scope leads to any more.
func orderByDefinition(g *Graph, scope *Loop) (order []*Node) {
	left := map[*Node][]*Node{} // by unit: the nodes in it
	for _, n := range g.Nodes {
		if scope == nil || scope.contains(n) {
			u := unit(n, scope)
			left[u] = append(left[u], n)
		}
	}
	for len(left) > 0 {
		var first *Node
		for u := range left {
			ready := true
			for _, e := range g.Edges {
				if e.Back != nil || scope != nil && (!scope.contains(e.From) || !scope.contains(e.To)) {
					continue
				}
				from, to := unit(e.From, scope), unit(e.To, scope)
				if to == u && from != u && left[from] != nil {
					ready = false
				}
			}
			if ready && (first == nil || u.Index < first.Index) {
				first = u
			}
		}
		var inner *Loop
		for l := first.Loop; l != scope && l != nil; l = l.Parent {
			inner = l
		}
		if inner != nil {
			order = append(order, orderByDefinition(g, inner)...)
		} else {
			order = append(order, first)
		}
		delete(left, first)
	}
	return order
}

func TestLoopsAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := analyse(t).graph
		reach := func(from, to *Node, scope *Loop, headers map[*Node]bool) bool {
			seen := map[*Node]bool{}
			work := []*Node{from}
			for len(work) > 0 {
				n := work[0]
				work = work[1:]
				for _, e := range n.Outgoing {
					if scope != nil && !scope.contains(e.To) || headers[e.To] {
						continue
					}
					if e.To == to {
						return true
					}
					if !seen[e.To] {
						seen[e.To] = true
						work = append(work, e.To)
					}
				}
			}
			return false
		}
		// Two nodes are in one loop of a scope exactly when each leads to the
		// other there, without an edge to the header of the scope.
		var check func(scope *Loop, nodes []*Node)
		check = func(scope *Loop, nodes []*Node) {
			headers := map[*Node]bool{}
			if scope != nil {
				headers[scope.Header] = true
			}
			for _, n := range nodes {
				for _, m := range nodes {
					want := reach(n, m, scope, headers) && reach(m, n, scope, headers)
					ln, lm := loopIn(n, scope), loopIn(m, scope)
					if got := ln != nil && ln == lm; got != want {
						t.Fatalf("nodes %s, %s: in one loop %v, want %v", n.Name, m.Name, got, want)
					}
				}
			}
			loops := g.Loops
			if scope != nil {
				loops = scope.Children
			}
			for _, l := range loops {
				check(l, l.Nodes)
			}
		}
		check(nil, g.Nodes)
		for _, e := range g.Edges {
			for _, l := range e.Leaves {
				if !l.contains(e.From) || l.contains(e.To) || !slices.Contains(l.Exits, e) {
					t.Fatalf("%s leaves a loop that it does not leave", e)
				}
			}
			if l := e.Back; l != nil && (l.Header != e.To || !l.contains(e.From) || !slices.Contains(l.Back, e)) {
				t.Fatalf("%s is no edge back", e)
			}
			if e.From.Loop != nil && !e.From.Loop.contains(e.To) && len(e.Leaves) == 0 {
				t.Fatalf("%s leaves no loop", e)
			}
		}
	})
}

// loopIn gives the loop directly in a scope that n is in.
func loopIn(n *Node, scope *Loop) *Loop {
	for l := n.Loop; l != scope && l != nil; l = l.Parent {
		if l.Parent == scope {
			return l
		}
	}
	return nil
}
