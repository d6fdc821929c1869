package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
)

// String gives what a diagnostic calls an edge.
func (e *Edge) String() string {
	kind := "edge"
	if e.Failure {
		kind = "failure edge"
	}
	return fmt.Sprintf("the %s from %q to %q", kind, e.From.Name, e.To.Name)
}

// Covers reports whether a failure edge names the code.
func (e *Edge) Covers(c failure.Code) bool {
	if !e.Failure || !e.From.routes(c) {
		return false
	}
	return len(e.On) == 0 || slices.Contains(e.On, c)
}

// routes reports whether an edge of the node can name the code. The limits of a
// subgraph are the run's business as little as any other failure of a step.
func (n *Node) routes(c failure.Code) bool {
	return c.Routable() || n != nil && n.Kind == KindGraph && (c == failure.MaxSteps || c == failure.Deadline)
}

// readEdges resolves [[edges]] and then chain.
func (b *builder) readEdges() {
	for i := range b.src.Edges {
		s := &b.src.Edges[i]
		from, to := b.end(s, s.From, "from"), b.end(s, s.To, "to")
		e := &Edge{
			From: from, To: to, At: s.At, Failure: s.AnyError || len(s.On) > 0,
			When: b.expression(s.When, inWhen, b.edgeLabel(s)+": when"), WhenSource: s.When,
			On: b.routable(s),
		}
		if has(s.Keys, "on") && !e.Failure {
			b.complain(s.Keys["on"], CodeBadValue, b.edgeLabel(s)+": on: the list is empty", `write on = "error" for every failure, or leave it out for an edge on success`)
		}
		if from == nil || to == nil {
			b.broken = true
			continue
		}
		b.addEdge(e)
	}
	if len(b.src.Chain) == 1 {
		b.chainNode(b.src.Chain[0])
	}
	for i := 1; i < len(b.src.Chain); i++ {
		w := b.src.Chain[i]
		var from *Node
		if i == 1 {
			from = b.chainNode(b.src.Chain[0])
		} else {
			from = b.graph.byName[b.src.Chain[i-1].Text]
		}
		to := b.chainNode(w)
		if from == nil || to == nil {
			b.broken = true
			continue
		}
		b.addEdge(&Edge{From: from, To: to, At: w.At})
	}
	for _, n := range b.graph.Nodes {
		b.duplicateEdges(n)
		b.deadEdges(n)
	}
}

func (b *builder) addEdge(e *Edge) {
	e.Index = len(b.graph.Edges)
	b.graph.Edges = append(b.graph.Edges, e)
	e.From.Outgoing = append(e.From.Outgoing, e)
	e.To.Incoming = append(e.To.Incoming, e)
}

func (b *builder) edgeLabel(s *EdgeSource) string {
	return fmt.Sprintf("edge from %q to %q", s.From.Text, s.To.Text)
}

func (b *builder) end(s *EdgeSource, w Word, key string) *Node {
	if w.Text == "" {
		if has(s.Keys, key) {
			return nil // whoever read the file has said why
		}
		b.complain(s.At, CodeMissingKey, fmt.Sprintf("edges: an edge needs %q", key), fmt.Sprintf(`write %s = "NODE"`, key))
		return nil
	}
	n := b.graph.byName[w.Text]
	if n == nil {
		b.unknownNode(w, "edges: "+key)
	}
	return n
}

func (b *builder) chainNode(w Word) *Node {
	n := b.graph.byName[w.Text]
	if n == nil {
		b.unknownNode(w, "chain")
	}
	return n
}

func (b *builder) unknownNode(w Word, where string) {
	hint := ""
	if near := b.nearest(w.Text, b.nodeNames); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if w.Text != "" && nameFault(w.Text) == "" {
		hint = fmt.Sprintf("declare it: [nodes.%s]", w.Text)
	}
	b.complain(w.At, CodeUnknownNode, fmt.Sprintf("%s: %q: no such node", where, w.Text), hint)
}

// routable reads the codes of a failure edge.
func (b *builder) routable(s *EdgeSource) []failure.Code {
	if s.AnyError {
		return nil
	}
	return b.codes(s.On, b.edgeLabel(s)+": on", func(c failure.Code) string {
		if !b.graph.byName[s.From.Text].routes(c) {
			return "stops the run whatever edges there are, so no edge can name it"
		}
		return ""
	})
}

// codes reads a list of failure codes; refuse says why one cannot stand here.
func (b *builder) codes(words []Word, label string, refuse func(failure.Code) string) []failure.Code {
	var list []failure.Code
	for _, w := range words {
		c := failure.Code(w.Text)
		switch {
		case w.Text == "error":
			b.complain(w.At, CodeUnknownCode, fmt.Sprintf("%s: %q is no code: it stands for all of them", label, w.Text), `write on = "error" without a list, or name codes`)
		case !c.Known():
			hint := "the codes are " + codeNames
			if near := b.nearest(w.Text, failureNames); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			b.complain(w.At, CodeUnknownCode, fmt.Sprintf("%s: %q: no such code", label, w.Text),
				hint+`; a node's own code is error.reason: select it with when = "error.reason == …"`)
		default:
			if why := refuse(c); why != "" {
				b.complain(w.At, CodeUnknownCode, fmt.Sprintf("%s: %q %s", label, w.Text, why), "remove it")
			} else if slices.Contains(list, c) {
				b.complain(w.At, CodeDuplicate, fmt.Sprintf("%s: %q is listed twice", label, w.Text), "remove one")
			} else {
				list = append(list, c)
			}
		}
	}
	return list
}

var failureNames = func() []string {
	var names []string
	for _, c := range failure.Codes() {
		names = append(names, string(c))
	}
	return names
}()

var codeNames = strings.Join(failureNames, ", ")

// duplicateEdges complains about edges of one node that say the same.
func (b *builder) duplicateEdges(n *Node) {
	if len(n.Outgoing) < 2 {
		return
	}
	type sameness struct {
		to       *Node
		failure  bool
		when, on string
	}
	seen := map[sameness]*Edge{}
	for _, e := range n.Outgoing {
		s := sameness{to: e.To, failure: e.Failure}
		if e.When != nil {
			s.when = e.When.Normal()
		}
		codes := slices.Clone(e.On)
		slices.Sort(codes)
		s.on = fmt.Sprint(codes)
		first, twice := seen[s]
		if !twice {
			seen[s] = e
			if e.Failure || e.When == nil || n.Route == RouteFirst {
				continue
			}
			// A condition beside an edge without one to the same node.
			s.when = ""
			if first, twice = seen[s]; !twice {
				continue
			}
		}
		b.twice[e] = true
		b.complain(e.At, CodeDuplicate, fmt.Sprintf("%s is declared twice, first at %s", e, first.At), "remove one")
	}
}

// maxHeld bounds the conditions of a node that are compared with every other.
const maxHeld = 100

// deadEdges complains about edges that can never be taken, because an edge
// before them always is.
func (b *builder) deadEdges(n *Node) {
	var always *Edge           // a success edge after which route = "first" never looks further
	seen := map[string]*Edge{} // conditions of success edges
	var held []*Edge           // two conditions of which one always holds
	var covered []failure.Code // codes that an earlier failure edge always takes
	var cover, all *Edge       // the last of those edges; one that takes every code
	dead := func(e, by *Edge) {
		b.complain(e.At, CodeUnreachableEdge, fmt.Sprintf("%s can never be taken: %s at %s is always taken before it", e, by, by.At),
			"put it before that edge, give that one a condition, or remove it")
	}
	for _, e := range n.Outgoing {
		if b.twice[e] {
			continue
		}
		if e.Failure {
			on := e.On
			if len(on) == 0 {
				on = slices.DeleteFunc(failure.Codes(), func(c failure.Code) bool { return !n.routes(c) })
			}
			left := slices.ContainsFunc(on, func(c failure.Code) bool { return !slices.Contains(covered, c) })
			if !left {
				by := cover
				if all != nil {
					by = all
				}
				dead(e, by)
				continue
			}
			if e.When == nil {
				cover = e
				if len(e.On) == 0 {
					all = e
				}
				covered = append(covered, on...)
			}
			continue
		}
		if n.Route != RouteFirst {
			continue
		}
		if always != nil {
			dead(e, always)
			continue
		}
		if e.When == nil {
			always = e
			continue
		}
		if by := seen[e.When.Normal()]; by != nil {
			dead(e, by)
			continue
		}
		seen[e.When.Normal()] = e
		if slices.ContainsFunc(held, func(f *Edge) bool { return expr.Opposite(e.When, f.When) }) {
			always = e // X and !(X): one of them holds
		}
		if len(held) < maxHeld {
			held = append(held, e)
		}
	}
}
