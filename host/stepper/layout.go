package stepper

import (
	"cmp"
	"slices"

	"github.com/chainrun/chainrun/host/graph"
)

// layout is a graph seen as scopes. It depends on the graph alone.
type layout struct {
	root  *scope
	nodes []*unit // by graph.Node.Index
	edges []route // by graph.Edge.Index
	ends  []bool  // by graph.Node.Index: it has no success edges out, edges back not counted
}

// scope is the graph itself or one of its loops.
type scope struct {
	loop   *graph.Loop // nil: the graph itself
	parent *scope
	unit   *unit // what it is in the parent
	units  []*unit
	// incoming is that of all units.
	incoming int
	exits    []*graph.Edge // edges out of it, in the order of the file
}

// unit is what lives and dies in a turn: a node, or a loop inside as a whole.
type unit struct {
	scope    *scope
	index    int         // in scope.units
	node     *graph.Node // nil: it is a loop
	inner    *scope      // nil: it is a node
	incoming int         // edges to it in its scope, edges back aside
	start    bool        // begins unconditionally
}

// route is the way of an edge through the scopes: it is decided in the scope of
// its source and handed up, at rest, until it reaches the scope home, where it
// leads to a unit or, as an edge back, to the next turn.
type route struct {
	home *scope
	to   *unit // nil: an edge back of home
}

func newLayout(g *graph.Graph) *layout {
	l := &layout{
		root:  &scope{units: make([]*unit, 0, len(g.Nodes))},
		nodes: make([]*unit, len(g.Nodes)),
		edges: make([]route, len(g.Edges)),
		ends:  make([]bool, len(g.Nodes)),
	}
	scopes := map[*graph.Loop]*scope{nil: l.root}
	all := l.addLoops(g.Loops, l.root, scopes)
	units := make([]unit, len(g.Nodes))
	for i, n := range g.Nodes {
		units[i].node = n
		l.nodes[n.Index] = scopes[n.Loop].add(&units[i])
		l.ends[n.Index] = true
	}
	for _, s := range all {
		slices.SortFunc(s.units, func(a, b *unit) int { return cmp.Compare(a.header().Rank, b.header().Rank) })
		for i, u := range s.units {
			u.index = i
		}
	}
	for _, e := range g.Edges {
		l.addEdge(e)
	}
	for _, s := range all {
		for _, u := range s.units {
			s.incoming += u.incoming
		}
	}
	for _, n := range g.Start {
		u := l.nodes[n.Index]
		for ; u != nil; u = u.scope.unit {
			u.start = true
		}
	}
	return l
}

// addLoops makes a scope of each loop and gives them with their parent.
func (l *layout) addLoops(loops []*graph.Loop, parent *scope, scopes map[*graph.Loop]*scope) []*scope {
	all := []*scope{parent}
	for _, loop := range loops {
		s := &scope{loop: loop, parent: parent}
		s.unit = parent.add(&unit{inner: s})
		scopes[loop] = s
		all = append(all, l.addLoops(loop.Children, s, scopes)...)
	}
	return all
}

func (l *layout) addEdge(e *graph.Edge) {
	target := l.nodes[e.To.Index]
	home := l.nodes[e.From.Index].scope
	for !home.holds(target.scope) {
		home.exits = append(home.exits, e)
		home = home.parent
	}
	r := route{home: home, to: target}
	switch {
	case target.scope != home:
		// It enters a loop, by the header, which has no other loop around it
		// in here.
		r.to = target.scope.unit
		r.to.incoming++
	case home.loop != nil && home.loop.Header == e.To:
		r.to = nil
	default:
		target.incoming++
	}
	l.edges[e.Index] = r
	if r.to != nil && !e.Failure {
		l.ends[e.From.Index] = false
	}
}

func (s *scope) add(u *unit) *unit {
	u.scope = s
	s.units = append(s.units, u)
	return u
}

// holds reports whether other is s or inside it.
func (s *scope) holds(other *scope) bool {
	for ; other != nil; other = other.parent {
		if other == s {
			return true
		}
	}
	return false
}

// header is the node at whose place the unit stands.
func (u *unit) header() *graph.Node {
	if u.inner != nil {
		return u.inner.loop.Header
	}
	return u.node
}
