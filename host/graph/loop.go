package graph

import (
	"fmt"
	"slices"
	"strings"
)

// maxLoopDepth bounds how deep loops may be nested.
const maxLoopDepth = 32

// findStart resolves `start`, or finds it: for each component without edges
// from outside, its first node in the file. parts are the outermost components.
func (b *builder) findStart(parts [][]*Node) {
	if len(b.src.Start) > 0 {
		seen := map[*Node]bool{}
		for _, w := range b.src.Start {
			n := b.graph.byName[w.Text]
			if n == nil {
				b.unknownNode(w, "start")
				b.broken = true
				continue
			}
			if seen[n] {
				b.complain(w.At, CodeDuplicate, fmt.Sprintf("start: node %q is named twice", n.Name), "remove one")
				continue
			}
			seen[n] = true
			b.graph.Start = append(b.graph.Start, n)
			b.startAt[n] = w.At
		}
		slices.SortFunc(b.graph.Start, byFile)
		return
	}
	for _, part := range parts {
		if b.entered(part) == nil {
			b.graph.Start = append(b.graph.Start, part[0])
		}
	}
}

// entered gives an edge that leads into a component from outside, or nil.
func (b *builder) entered(part []*Node) *Edge {
	b.mark++
	for _, n := range part {
		b.marks[n.Index] = b.mark
	}
	for _, n := range part {
		for _, e := range n.Incoming {
			if b.marks[e.From.Index] != b.mark {
				return e
			}
		}
	}
	return nil
}

// findLoops builds the loop forest: a component that is a loop is entered at
// its header; take its edges back away, and look again inside.
func (b *builder) findLoops(finder *components, parts [][]*Node) {
	type scope struct {
		parts  [][]*Node
		parent *Loop
	}
	starts := map[*Node]bool{}
	for _, n := range b.graph.Start {
		starts[n] = true
	}
	work := []scope{{parts: parts}}
	for len(work) > 0 {
		s := work[0]
		work = work[1:]
		for _, part := range s.parts {
			if !cyclic(part) {
				continue
			}
			header := b.header(part, starts)
			if header == nil {
				b.broken = true
				continue
			}
			l := &Loop{Header: header, Nodes: part, Parent: s.parent, Depth: 1}
			if s.parent != nil {
				l.Depth = s.parent.Depth + 1
				s.parent.Children = append(s.parent.Children, l)
			} else {
				b.graph.Loops = append(b.graph.Loops, l)
			}
			b.mark++
			for _, n := range part {
				n.Loop = l
				b.marks[n.Index] = b.mark
			}
			for _, e := range header.Incoming {
				if b.marks[e.From.Index] == b.mark {
					e.Back = l
					l.Back = append(l.Back, e)
				}
			}
			if l.Depth >= maxLoopDepth {
				b.complain(header.At, CodeTooLarge, fmt.Sprintf("loops are nested deeper than %d", maxLoopDepth), "")
				b.broken = true // what is inside has no order
				continue
			}
			work = append(work, scope{parts: finder.find(part), parent: l})
		}
	}
	for _, e := range b.graph.Edges {
		for l := e.From.Loop; l != nil && !l.contains(e.To); l = l.Parent {
			e.Leaves = append(e.Leaves, l)
			l.Exits = append(l.Exits, e)
		}
	}
}

// header gives the one node at which a loop is entered; it complains where
// there are two, and gives nil. A loop that nothing enters begins at its first
// node in the file; if it is not a start, then it is unreachable.
func (b *builder) header(part []*Node, starts map[*Node]bool) *Node {
	b.mark++
	for _, n := range part {
		b.marks[n.Index] = b.mark
	}
	var header *Node
	var by string
	for _, n := range part {
		how, at := "", n.At
		if starts[n] {
			how = "as the start"
			if p, ok := b.startAt[n]; ok {
				at = p
			}
		} else {
			for _, e := range n.Incoming {
				if b.marks[e.From.Index] != b.mark && e.Back == nil {
					how, at = fmt.Sprintf("from %q", e.From.Name), e.At
					break
				}
			}
		}
		if how == "" {
			continue
		}
		if header != nil {
			b.complain(at, CodeLoopEntries,
				fmt.Sprintf("the loop of %s can be entered at %q (%s) and at %q (%s)", nodeList(part), header.Name, by, n.Name, how),
				"let every edge from outside lead to the same node of the loop")
			return nil
		}
		header, by = n, how
	}
	if header == nil {
		header = part[0]
	}
	return header
}

// contains reports whether n is in the loop or in one inside it.
func (l *Loop) contains(n *Node) bool {
	in := n.Loop
	for in != nil && in.Depth > l.Depth {
		in = in.Parent
	}
	return in == l
}

// nodeList names some nodes, the first four of them.
func nodeList(nodes []*Node) string {
	const shown = 4
	names := make([]string, 0, shown)
	for _, n := range nodes[:min(len(nodes), shown)] {
		names = append(names, fmt.Sprintf("%q", n.Name))
	}
	if more := len(nodes) - shown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
