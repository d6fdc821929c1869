package inspect

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// names finds nodes by their names, in a graph and in those inside it.
type names map[*graph.Graph]map[string]*graph.Node

func (ns names) node(g *graph.Graph, name string) *graph.Node {
	list := ns[g]
	if list == nil {
		list = make(map[string]*graph.Node, len(g.Nodes))
		for _, n := range g.Nodes {
			list[n.Name] = n
		}
		ns[g] = list
	}
	return list[name]
}

// part is what a step's id says of one graph: "score[2.3]#17".
type part struct {
	name    string
	turns   []int
	element int // -1: none
}

func parsePart(text string) part {
	p := part{element: -1}
	text, element, found := strings.Cut(text, "#")
	if n, err := strconv.Atoi(element); found && err == nil {
		p.element = n
	}
	var suffix string
	p.name, suffix, _ = strings.Cut(text, "[")
	p.turns = turns(suffix)
	return p
}

// turns reads "2.3]".
func turns(suffix string) []int {
	suffix = strings.TrimSuffix(suffix, "]")
	if suffix == "" {
		return nil
	}
	var numbers []int
	for text := range strings.SplitSeq(suffix, ".") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return numbers
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// maxNested is deeper than graphs and their elements can be inside each other: an id
// that goes deeper is nobody's.
const maxNested = 64

func nested(step string) int { return strings.Count(step, "/") + strings.Count(step, "#") }

// nowhere is the place of what the graph does not have.
const nowhere = math.MaxInt

// locate gives the node of a step, and what canonical order compares the step
// by: for each graph around it, from the outermost in, the rank of the header
// and the turn of each loop around the node, the rank of the node, and the
// number of the element. A step that the graph does not have has no node and
// comes last.
func (ns names) locate(g *graph.Graph, step string) (*graph.Node, []int) {
	if nested(step) > maxNested {
		return nil, []int{nowhere}
	}
	var n *graph.Node
	var place []int
	for text := range strings.SplitSeq(step, "/") {
		p := parsePart(text)
		if n != nil {
			g = n.Sub
		}
		if g != nil {
			n = ns.node(g, p.name)
		}
		if g == nil || n == nil {
			return nil, append(place, nowhere)
		}
		var headers []int
		for l := n.Loop; l != nil; l = l.Parent {
			headers = append(headers, l.Header.Rank)
		}
		slices.Reverse(headers)
		for i, turn := range p.turns {
			if i < len(headers) {
				place = append(place, headers[i], turn)
			}
		}
		place = append(place, n.Rank)
		if p.element >= 0 {
			place = append(place, p.element)
		}
	}
	return n, place
}

// around gives the ids of the steps that a step is inside of, the innermost
// first: of "a/b#3/c", "a/b#3", "a/b" and "a".
func around(step string) []string {
	if nested(step) > maxNested {
		return nil
	}
	var ids []string
	for {
		i := strings.LastIndexAny(step, "/#")
		if i < 0 {
			return ids
		}
		step = step[:i]
		ids = append(ids, step)
	}
}

// nodeOf is the name of a step's node, as its id says it.
func nodeOf(step string) string {
	return parsePart(step[strings.LastIndexByte(step, '/')+1:]).name
}

// inOrder compares two steps in canonical order.
func inOrder(a, b *track) int {
	return cmp.Or(slices.Compare(a.place, b.place), cmp.Compare(a.Step.Step, b.Step.Step))
}

// inside reports whether a place is at or inside another one.
func inside(place, outer []int) bool {
	return len(place) >= len(outer) && slices.Equal(place[:len(outer)], outer)
}
