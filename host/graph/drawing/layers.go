package drawing

import (
	"cmp"
	"slices"

	"github.com/chainrun/chainrun/host/graph"
)

// A drawing in boxes is made of layers. Every edge that is not to a node itself
// becomes a line from an item in a layer down to one in the next, through
// points where it goes past layers; an edge back is a line like any other, with
// its arrow at the upper end.

// box is an item of a layer: a node, or a point where a line goes past.
type box struct {
	node  *graph.Node // nil: a point
	layer int
	width int
	x     int
	up    []*line // to the layer above, in the order of their ends
	down  []*line
}

// line leads from a box to one in the next layer.
type line struct {
	edge         *graph.Edge
	upper, lower *box
	from, to     int // columns of its ends
	track        int // the row of its horizontal part; -1: none
}

const (
	boxGap     = 3
	pointWidth = 3 // its line may be at any of three columns
	maxNodes   = 300
	maxPoints  = 3000
	sweeps     = 6
)

func (b *box) center() int { return b.x + b.width/2 }

// layers puts nodes and points into layers; ok is false where there would be
// too many.
func layers(g *graph.Graph, s *signs) (rows [][]*box, ok bool) {
	if len(g.Nodes) > maxNodes {
		return nil, false
	}
	boxes := make([]*box, len(g.Nodes))
	for _, n := range g.Order {
		b := &box{node: n}
		for _, e := range n.Incoming {
			if e.Back == nil {
				b.layer = max(b.layer, boxes[e.From.Index].layer+1)
			}
		}
		boxes[n.Index] = b
		for len(rows) <= b.layer {
			rows = append(rows, nil)
		}
		rows[b.layer] = append(rows[b.layer], b)
	}
	points := 0
	for _, e := range g.Edges {
		if e.From == e.To {
			continue
		}
		upper, lower := boxes[e.From.Index], boxes[e.To.Index]
		if e.Back != nil {
			upper, lower = lower, upper
		}
		for upper.layer+1 < lower.layer {
			if points++; points > maxPoints {
				return nil, false
			}
			p := &box{layer: upper.layer + 1, width: pointWidth}
			rows[p.layer] = append(rows[p.layer], p)
			connect(e, upper, p)
			upper = p
		}
		connect(e, upper, lower)
	}
	for _, b := range boxes {
		b.width = max(cells(b.title(s))+4, 2*max(len(b.up), len(b.down))+3) | 1
	}
	return rows, true
}

func connect(e *graph.Edge, upper, lower *box) {
	l := &line{edge: e, upper: upper, lower: lower}
	upper.down = append(upper.down, l)
	lower.up = append(lower.up, l)
}

// title is what stands in a box: the node's name, and a sign where an edge
// leads from the node to itself.
func (b *box) title(s *signs) string {
	for _, e := range b.node.Outgoing {
		if e.To == b.node {
			return title(b.node) + " " + s.repeat
		}
	}
	return title(b.node)
}

// arrange orders the boxes of each layer so that few lines cross, and places
// them near what they are connected to.
func arrange(rows [][]*box) {
	for range sweeps {
		for i := 1; i < len(rows); i++ {
			sortBy(rows[i], rows[i-1], func(b *box) []*line { return b.up }, func(l *line) *box { return l.upper })
		}
		for i := len(rows) - 2; i >= 0; i-- {
			sortBy(rows[i], rows[i+1], func(b *box) []*line { return b.down }, func(l *line) *box { return l.lower })
		}
	}
	for _, row := range rows {
		x := 0
		for _, b := range row {
			b.x = x
			x += b.width + boxGap
		}
	}
	for range sweeps {
		for i := len(rows) - 2; i >= 0; i-- {
			place(rows[i], func(b *box) []*line { return b.down }, func(l *line) *box { return l.lower })
		}
		for i := 1; i < len(rows); i++ {
			place(rows[i], func(b *box) []*line { return b.up }, func(l *line) *box { return l.upper })
		}
	}
	least := 0
	for _, row := range rows {
		for _, b := range row {
			least = min(least, b.x)
		}
	}
	shift := -least
	if least == 0 {
		shift = -leftmost(rows)
	}
	for _, row := range rows {
		for _, b := range row {
			b.x += shift
		}
	}
}

func leftmost(rows [][]*box) int {
	least := rows[0][0].x
	for _, row := range rows {
		for _, b := range row {
			least = min(least, b.x)
		}
	}
	return least
}

// sortBy orders a layer by the mean place of what its boxes are connected to in
// the fixed one.
func sortBy(row, fixed []*box, lines func(*box) []*line, end func(*line) *box) {
	at := make(map[*box]int, len(fixed))
	for i, b := range fixed {
		at[b] = i
	}
	mean := make(map[*box]float64, len(row))
	for i, b := range row {
		mean[b] = float64(i)
		if ls := lines(b); len(ls) > 0 {
			sum := 0
			for _, l := range ls {
				sum += at[end(l)]
			}
			mean[b] = float64(sum) / float64(len(ls))
		}
	}
	slices.SortStableFunc(row, func(a, b *box) int { return cmp.Compare(mean[a], mean[b]) })
}

// place moves the boxes of a layer to the middle of what they are connected to,
// as near as their order and width allow: the least squares, found by pooling
// neighbours that want to pass each other.
func place(row []*box, lines func(*box) []*line, end func(*line) *box) {
	type pool struct{ sum, count, first int }
	var pools []pool
	offset := 0
	offsets := make([]int, len(row))
	for i, b := range row {
		offsets[i] = offset
		want := b.x
		if ls := lines(b); len(ls) > 0 {
			sum := 0
			for _, l := range ls {
				sum += end(l).center()
			}
			want = floorDiv(sum, len(ls)) - b.width/2
		}
		pools = append(pools, pool{want - offset, 1, i})
		for n := len(pools); n > 1 && floorDiv(pools[n-2].sum, pools[n-2].count) > floorDiv(pools[n-1].sum, pools[n-1].count); n-- {
			pools[n-2].sum += pools[n-1].sum
			pools[n-2].count += pools[n-1].count
			pools = pools[:n-1]
		}
		offset += b.width + boxGap
	}
	for i, p := range pools {
		until := len(row)
		if i+1 < len(pools) {
			until = pools[i+1].first
		}
		for j := p.first; j < until; j++ {
			row[j].x = floorDiv(p.sum, p.count) + offsets[j]
		}
	}
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
