package fork

// Which steps come after others: what a fork may not take over.

import (
	"slices"

	"github.com/chainrun/chainrun/host/graph"
)

// trail is a set of steps, and answers whether a step is one of them or downstream of
// one: whether what they gave could have reached it, as a document, as state, or by
// deciding that it runs at all.
//
// Downstream is a property of the graph and of two ids, never of the order in which
// steps happened to finish. The ids are compared from the outermost graph on. Where
// they part, in one graph, Y is downstream of X if its turn in the loops that both
// nodes are in is a later one; or if it is the same turn and an edge path leads from
// X's node to Y's without the edges back of these loops. A step inside a subgraph or a
// foreach stands for that as a whole towards all outside; elements of one foreach are
// not downstream of each other. Of a subgraph or foreach that fails, what is later in
// canonical order than its failure stands for nothing: that it was begun at all
// depends on time, and nobody sees what it gave.
//
// A run adds the steps that it executes while it asks about others. Whoever is asked
// about is about to start, and the set is complete for it, whatever the order of
// completion: a node starts when all its incoming edges are decided, an edge is
// decided when its source is through or was skipped, a turn begins when the one before
// is at rest, and what a subgraph or a foreach leads to begins when all inside is
// through and that is recorded. So each step that this one is downstream of, and that
// is executed in this run, has ended, and was added before it began. Steps that are
// under way at the same time are never downstream of each other: adding them early or
// late changes no answer.
type trail struct {
	graph *graph.Graph
	paths paths
	// inside has those of the set that are directly in the run's graph (""), in a
	// subgraph ("sub", "sub#17"), in a foreach ("score[2]").
	inside map[string]*level
}

// level is what is in the set of one graph that runs, or of one foreach.
type level struct {
	graph *graph.Graph    // nil: of a foreach
	whole map[string]bool // steps, or elements, by id
	least []int           // the place of the earliest of them, see placeOf
	// first has, for each node, the earliest turn of one of the steps. Later ones add
	// nothing: what is downstream of them, beside what is in them, is downstream of it.
	first map[string][]int
}

func newTrail(g *graph.Graph) *trail {
	return &trail{graph: g, paths: paths{}, inside: map[string]*level{}}
}

// add puts a step into the set: with all that is inside, where it is one with others
// inside. A step that the graph cannot have is nobody's.
func (t *trail) add(id string) {
	at := around(id)
	l := t.inside[at]
	if l == nil {
		g, ok := t.graphIn(at)
		if !ok {
			return
		}
		l = &level{graph: g, whole: map[string]bool{}, first: map[string][]int{}}
	}
	f := lastFrame(id)
	place, ok := l.placeOf(f)
	if !ok {
		return
	}
	if len(l.whole) == 0 || slices.Compare(place, l.least) < 0 {
		l.least = place
	}
	l.whole[id] = true
	if was, ok := l.first[f.node]; !ok || slices.Compare(f.turns, was) < 0 {
		l.first[f.node] = f.turns
	}
	t.inside[at] = l
}

// ended puts a subgraph or a foreach into the set that has come to its end, if
// something inside is in it. failed is the step inside that it failed with; "": it has
// not, or with none of them.
func (t *trail) ended(id, failed string) {
	l := t.inside[id]
	if l == nil {
		return
	}
	delete(t.inside, id)
	for at := failed; at != ""; at = around(at) {
		if around(at) != id {
			continue
		}
		if place, ok := l.placeOf(lastFrame(at)); ok && slices.Compare(l.least, place) > 0 {
			return
		}
	}
	t.add(id)
}

// reaches reports whether a step is in the set, inside one that is, or downstream of
// one.
func (t *trail) reaches(id string) bool {
	for at := id; at != ""; at = around(at) {
		l := t.inside[around(at)]
		if l == nil {
			continue
		}
		if l.whole[at] {
			return true
		}
		if l.graph == nil {
			continue
		}
		f := lastFrame(at)
		n := l.graph.Node(f.node)
		if n == nil {
			continue
		}
		for name, turns := range l.first {
			if (name != f.node || !slices.Equal(turns, f.turns)) && t.follows(l.graph.Node(name), turns, n, f.turns) {
				return true
			}
		}
	}
	return false
}

// graphIn gives the graph that a step runs; nil for a foreach, which has elements.
func (t *trail) graphIn(id string) (g *graph.Graph, ok bool) {
	g = t.graph
	if id == "" {
		return g, true
	}
	frames := framesOf(id)
	for i, f := range frames {
		n := g.Node(f.node)
		if n == nil {
			return nil, false
		}
		if i == len(frames)-1 && n.Foreach != nil && f.element < 0 {
			return nil, true
		}
		if g = n.Sub; g == nil {
			return nil, false
		}
	}
	return g, true
}

// placeOf says where a step stands in canonical order among those directly around it:
// for each loop around it the rank of the header and the turn, then its own rank; of
// an element its number.
func (l *level) placeOf(f frame) (place []int, ok bool) {
	if l.graph == nil {
		return []int{f.element}, true
	}
	n := l.graph.Node(f.node)
	if n == nil {
		return nil, false
	}
	for loop := n.Loop; loop != nil; loop = loop.Parent {
		turn := 0
		if loop.Depth <= len(f.turns) {
			turn = f.turns[loop.Depth-1]
		}
		place = append([]int{loop.Header.Rank, turn}, place...)
	}
	return append(place, n.Rank), true
}

// follows reports whether a step of y in these turns is downstream of another one, of
// x in its turns, in the same graph.
func (t *trail) follows(x *graph.Node, xTurns []int, y *graph.Node, yTurns []int) bool {
	common := commonLoop(x, y)
	depth := 0
	if common != nil {
		depth = common.Depth
	}
	switch slices.Compare(xTurns[:min(depth, len(xTurns))], yTurns[:min(depth, len(yTurns))]) {
	case -1:
		return true
	case 1:
		return false
	}
	return t.paths.lead(x, y, common)
}

// commonLoop gives the innermost loop that both nodes are in; nil: there is none.
func commonLoop(x, y *graph.Node) *graph.Loop {
	a, b := x.Loop, y.Loop
	for a != b {
		switch {
		case a == nil || b == nil:
			return nil
		case a.Depth > b.Depth:
			a = a.Parent
		case b.Depth > a.Depth:
			b = b.Parent
		default:
			a, b = a.Parent, b.Parent
		}
	}
	return a
}

// paths remembers which nodes can be reached from a node without the edges back of a
// loop and of those around it.
type paths map[origin][]bool

type origin struct {
	node *graph.Node
	loop *graph.Loop
}

func (p paths) lead(x, y *graph.Node, loop *graph.Loop) bool {
	from := origin{x, loop}
	if p[from] == nil {
		p[from] = reachable(x, loop)
	}
	i := y.Index
	return i < len(p[from]) && p[from][i]
}

func reachable(x *graph.Node, loop *graph.Loop) []bool {
	closed := map[*graph.Loop]bool{}
	for l := loop; l != nil; l = l.Parent {
		closed[l] = true
	}
	seen := make([]bool, x.Index+1)
	for work := []*graph.Node{x}; len(work) > 0; {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		for _, e := range n.Outgoing {
			if e.Back != nil && closed[e.Back] {
				continue
			}
			if more := e.To.Index + 1 - len(seen); more > 0 {
				seen = append(seen, make([]bool, more)...)
			}
			if !seen[e.To.Index] {
				seen[e.To.Index] = true
				work = append(work, e.To)
			}
		}
	}
	return seen
}
