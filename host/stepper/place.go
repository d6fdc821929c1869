package stepper

import (
	"slices"

	"github.com/chainrun/chainrun/host/graph"
)

// place is where a step stands in canonical order: topological without edges
// back, ties by the order of the file, a loop at its header's place, turns one
// after another. It is the ranks and turns on the way in: for each loop the rank
// of its header and the number of the turn, then the node's own rank. Read-only.
type place []int

// before reports whether p comes earlier in canonical order than q.
func (p place) before(q place) bool { return slices.Compare(p, q) < 0 }

// inside gives the place of something with this number below p.
func (p place) inside(numbers ...int) place {
	return append(slices.Clip(p), numbers...)
}

// mark is what remains of a step when it is through: enough to name it.
type mark struct {
	id    string
	node  *graph.Node
	place place
}
