package stepper

import (
	"slices"
	"strconv"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// turn is the token of one activation of a scope.
type turn struct {
	frame  *frame
	scope  *scope
	parent *turn // in which the loop is a unit; nil: the graph's own turn
	number int   // from 1; 0 for the graph's own
	suffix string
	place  place // what is inside stands below it
	entry  *entry

	seats []seat // by unit.index
	live  int    // units that are not through
	state *state // what the turn started from, with every step of it so far
	held  []arrival
	ends  []ending
	last  mark // the last step, in canonical order, that ran in it
}

// entry is what the turns of one stay in a loop have in common.
type entry struct {
	visits map[*graph.Node]int
}

// seat is what is known of a unit before it starts.
type seat struct {
	pending  int       // edges that are not decided
	arrivals []arrival // edges that were taken
	state    *state    // of all its sources
}

// arrival is an edge that has been decided.
type arrival struct {
	edge   *graph.Edge
	from   string // the step that it leads from
	taken  bool
	output document.Document // what it carries, where it was taken
	state  *state            // of its source
}

// ending is the output of a node without success edges out.
type ending struct {
	node   *graph.Node
	output document.Document
}

// due is what the machine will record next at a place: a node whose edges are
// all decided begins a step, or is skipped; a turn has come to a conflict.
type due struct {
	mark     mark
	turn     *turn
	unit     *unit
	group    group
	seat     seat
	skip     bool
	conflict bool
	step     *step // that exists: it wants its next attempt; an element also to be begun, or to go on
}

// group says which edges a step was reached by.
type group uint8

const (
	byStart group = iota // it is a start
	byEntry              // from outside its loop, or it is in none
	byBack               // edges back: it is a header in a turn after the first
)

// newTurn begins a turn of a scope. Its units wait for their edges.
func newTurn(f *frame, s *scope, parent *turn, number int, from *state, stay *entry) *turn {
	t := &turn{frame: f, scope: s, place: f.place, parent: parent, number: number, state: from, entry: stay, live: len(s.units)}
	t.seats = make([]seat, len(s.units))
	room := make([]arrival, s.incoming)
	for i, u := range s.units {
		t.seats[i].pending = u.incoming
		t.seats[i].arrivals, room = room[:0:u.incoming], room[u.incoming:]
	}
	if parent != nil {
		t.suffix = "[" + strconv.Itoa(number) + "]"
		if outer := parent.suffix; outer != "" {
			t.suffix = outer[:len(outer)-1] + "." + strconv.Itoa(number) + "]"
		}
		t.place = parent.place.inside(s.loop.Header.Rank, number)
	}
	return t
}

// mark names the step of a node in this turn.
func (t *turn) mark(n *graph.Node) mark {
	return mark{id: t.frame.prefix + n.Name + t.suffix, node: n, place: t.place.inside(n.Rank)}
}

// ran notes a step that ran in the turn.
func (t *turn) ran(s mark) {
	if t.last.node == nil || t.last.place.before(s.place) {
		t.last = s
	}
}

// settle decides an edge in a turn.
func (m *Machine) settle(t *turn, a arrival) {
	t.state = merge(t.state, a.state)
	r := t.frame.layout.edges[a.edge.Index]
	if r.home != t.scope || r.to == nil {
		t.held = append(t.held, a)
		return
	}
	s := &t.seats[r.to.index]
	s.state = merge(s.state, a.state)
	if a.taken {
		s.arrivals = append(s.arrivals, a)
	}
	if s.pending--; s.pending == 0 {
		m.ready(t, r.to)
	}
}

// ready takes a unit whose edges are all decided to the node that is next: the
// unit itself, or the header of the loop that it is, in a first turn.
func (m *Machine) ready(t *turn, u *unit) {
	s := t.seats[u.index]
	d := due{group: byEntry, seat: s, skip: len(s.arrivals) == 0}
	if u.start {
		d.group, d.skip = byStart, false
	}
	for u.inner != nil {
		t = newTurn(t.frame, u.inner, t, 1, s.state, &entry{visits: map[*graph.Node]int{}})
		u = t.frame.layout.nodes[u.inner.loop.Header.Index]
	}
	m.await(t, u, d)
}

// await puts a node among what is due.
func (m *Machine) await(t *turn, u *unit, d due) {
	d.turn, d.unit, d.mark = t, u, t.mark(u.node)
	m.enqueue(d)
}

// enqueue makes something due.
func (m *Machine) enqueue(d due) {
	m.keepDue(d)
	if d.step == nil {
		d.turn.frame.open++ // until it is left
	}
}

// keepDue keeps what is due in canonical order.
func (m *Machine) keepDue(d due) {
	i, _ := slices.BinarySearchFunc(m.due, d.mark.place, func(d due, p place) int {
		return slices.Compare(d.mark.place, p)
	})
	m.due = slices.Insert(m.due, i, d)
	if cap(m.due) > cap(m.dueRoom) {
		m.dueRoom = m.due
	}
}

// nextDue takes what is due first.
func (m *Machine) nextDue() due {
	d := m.due[0]
	m.due[0] = due{}
	if m.due = m.due[1:]; len(m.due) == 0 {
		m.due = m.dueRoom[:0]
	}
	return d
}

// leave decides all edges of a node that is through, and closes it.
func (m *Machine) leave(t *turn, u *unit, decide func(i int, e *graph.Edge) arrival) {
	for i, e := range u.node.Outgoing {
		a := decide(i, e)
		a.edge = e
		m.settle(t, a)
	}
	m.close(t)
}

// close takes a unit out of its turn.
func (m *Machine) close(t *turn) {
	if t.live--; t.live > 0 {
		return
	}
	if t.parent == nil {
		t.frame.atRest = true
		return
	}
	m.rest(t)
}

// rest ends a turn of a loop: another follows, or the loop is closed.
func (m *Machine) rest(t *turn) {
	var back []arrival
	ended, conditional := false, false
	for _, a := range t.held {
		switch {
		case !a.taken:
		case m.isBack(t, a.edge):
			back = append(back, a)
		case a.edge.Failure:
			ended = true
		case a.edge.When != nil:
			conditional = true
		}
	}
	// A failure edge out that is taken ends the loop.
	if ended {
		back = nil
	}
	switch {
	case len(back) > 0 && conditional:
		m.enqueue(due{mark: t.last, turn: t, conflict: true})
	case len(back) > 0:
		m.nextTurn(t, back)
	default:
		m.closeLoop(t)
	}
}

// isBack reports whether an edge that the turn holds leads to its next turn.
func (m *Machine) isBack(t *turn, e *graph.Edge) bool {
	r := t.frame.layout.edges[e.Index]
	return r.home == t.scope && r.to == nil
}

// nextTurn begins a turn after the first: the header starts from the edges back
// that were taken, and from the state with every step of the turn before.
func (m *Machine) nextTurn(t *turn, back []arrival) {
	next := newTurn(t.frame, t.scope, t.parent, t.number+1, t.state, t.entry)
	header := t.frame.layout.nodes[t.scope.loop.Header.Index]
	slices.SortStableFunc(back, func(a, b arrival) int { return a.edge.Index - b.edge.Index })
	m.await(next, header, due{group: byBack, seat: seat{arrivals: back, state: t.state}})
}

// closeLoop ends a loop with its last turn: the edges out are decided in the
// turn around it. They carry the documents of this turn and the state of all of
// it. One without condition means "when the loop is done", which it is.
func (m *Machine) closeLoop(t *turn) {
	held := make(map[*graph.Edge]arrival, len(t.held))
	for _, a := range t.held {
		held[a.edge] = a
	}
	for _, e := range t.scope.exits {
		a := held[e]
		a.edge, a.state = e, t.state
		m.settle(t.parent, a)
	}
	t.parent.ends = append(t.parent.ends, t.ends...)
	if t.last.node != nil {
		t.parent.ran(t.last)
	}
	// Also where no edge leads out.
	t.parent.state = merge(t.parent.state, t.state)
	m.close(t.parent)
}
