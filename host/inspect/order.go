package inspect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// names finds nodes by their names.
type names map[string]*graph.Node

func namesOf(g *graph.Graph) names {
	list := make(names, len(g.Nodes))
	for _, n := range g.Nodes {
		list[n.Name] = n
	}
	return list
}

// placeOf gives what canonical order compares a step by: for each loop around
// its node the rank of the header and the turn, which its id names, then the
// rank of the node. A step that the graph does not have comes last.
func placeOf(nodes names, step, node string) []int {
	n := nodes[node]
	if n == nil {
		return []int{len(nodes)}
	}
	var headers []int
	for l := n.Loop; l != nil; l = l.Parent {
		headers = append(headers, l.Header.Rank)
	}
	slices.Reverse(headers)
	var place []int
	for i, turn := range turns(strings.TrimPrefix(step, node)) {
		if i < len(headers) {
			place = append(place, headers[i], turn)
		}
	}
	return append(place, n.Rank)
}

// turns reads "[2.3]".
func turns(suffix string) []int {
	suffix = strings.TrimSuffix(strings.TrimPrefix(suffix, "["), "]")
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

// inOrder compares two steps in canonical order.
func inOrder(a, b *track) int {
	return cmp.Or(slices.Compare(a.place, b.place), cmp.Compare(a.Step.Step, b.Step.Step))
}
