package drawing

import (
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// drawBoxes draws a graph in boxes; ok is false where it is too wide or too
// large, or its lines cannot be kept apart.
func drawBoxes(g *graph.Graph, s *signs, width int) (text string, ok bool) {
	rows, ok := layers(g, s)
	if !ok || len(rows) == 0 {
		return "", false
	}
	arrange(rows)
	columns := 0
	for _, row := range rows {
		for _, b := range row {
			columns = max(columns, b.x+b.width)
		}
	}
	if columns > width {
		return "", false
	}
	c := &canvas{columns: columns, signs: s}
	for i, row := range rows {
		c.boxes(row)
		if i+1 == len(rows) {
			break
		}
		tracks, ok := route(row)
		if !ok {
			return "", false
		}
		c.channel(row, tracks)
	}
	return c.String(), true
}

// ports gives n columns around the middle of a box.
func ports(b *box, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = b.center() + 2*i - (n - 1)
	}
	return list
}

// route gives the lines below a layer their columns and tracks: rows of the
// space between two layers. It gives the number of tracks.
func route(row []*box) (tracks int, ok bool) {
	var lines []*line
	var lowers []*box
	above := map[int]*line{} // by the column of the upper end
	for _, b := range row {
		slices.SortStableFunc(b.down, func(x, y *line) int { return x.lower.center() - y.lower.center() })
		columns := ports(b, len(b.down))
		if b.node == nil {
			columns[0] = b.up[0].to // a line goes straight through its point
		}
		for i, l := range b.down {
			l.from = columns[i]
			above[l.from] = l
			lines = append(lines, l)
			if !slices.Contains(lowers, l.lower) {
				lowers = append(lowers, l.lower)
			}
		}
	}
	for _, b := range lowers {
		slices.SortStableFunc(b.up, func(x, y *line) int { return x.from - y.from })
		land(b, above)
	}
	return assign(lines, above)
}

// land chooses the columns where lines end on a box: in the middle, moved aside
// where another line comes down in the same column.
func land(b *box, above map[int]*line) {
	columns := ports(b, len(b.up))
	left, right := b.x+1-columns[0], b.x+b.width-2-columns[len(columns)-1]
	if b.node == nil {
		left, right = b.x-columns[0], b.x+b.width-1-columns[0]
	}
	best, least := 0, -1
	for _, shift := range []int{0, 1, -1, 2, -2, 3, -3, 4, -4} {
		if shift < left || shift > right {
			continue
		}
		clashes := 0
		for i, l := range b.up {
			if other := above[columns[i]+shift]; other != nil && other != l {
				clashes++
			}
		}
		if least < 0 || clashes < least {
			best, least = shift, clashes
		}
	}
	for i, l := range b.up {
		l.to = columns[i] + best
	}
}

// assign finds tracks so that no two lines run along each other: horizontal
// parts in one track do not touch, and where one line ends in the column in
// which another one begins, the latter turns first.
func assign(lines []*line, above map[int]*line) (tracks int, ok bool) {
	after := map[*line]*line{} // the line that must turn above this one
	for _, l := range lines {
		l.track = -1
		if other := above[l.to]; other != nil && other != l {
			if other.from == other.to {
				return 0, false // it does not turn at all
			}
			after[l] = other
		}
	}
	// In this order lines that part, and lines that meet, do not cross.
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(x, y *line) int {
		if right := x.from < x.to; right != (y.from < y.to) {
			if right {
				return 1
			}
			return -1
		} else if right {
			return y.from - x.from
		}
		return x.from - y.from
	})
	var done []*line
	for left := lines; len(left) > 0; {
		var wait []*line
		for _, l := range left {
			before := after[l]
			if before != nil && !slices.Contains(done, before) {
				wait = append(wait, l)
				continue
			}
			done = append(done, l)
			if l.from == l.to {
				continue
			}
			l.track = 0
			if before != nil {
				l.track = before.track + 1
			}
			for slices.ContainsFunc(done, func(o *line) bool {
				return o != l && o.track == l.track && min(o.from, o.to) <= max(l.from, l.to) && min(l.from, l.to) <= max(o.from, o.to)
			}) {
				l.track++
			}
			tracks = max(tracks, l.track+1)
		}
		if len(wait) == len(left) {
			return 0, false // they wait for each other
		}
		left = wait
	}
	return tracks, true
}

// canvas is the text of a drawing, row by row.
type canvas struct {
	columns int
	signs   *signs
	rows    [][]string
}

func (c *canvas) row() []string {
	r := make([]string, c.columns)
	for i := range r {
		r[i] = " "
	}
	c.rows = append(c.rows, r)
	return r
}

// String gives the rows without blanks at their ends.
func (c *canvas) String() string {
	var b strings.Builder
	for _, r := range c.rows {
		b.WriteString(strings.TrimRight(strings.Join(r, ""), " ") + "\n")
	}
	return b.String()
}

// boxes draws a layer: three rows.
func (c *canvas) boxes(row []*box) {
	top, middle, bottom := c.row(), c.row(), c.row()
	for _, b := range row {
		if b.node == nil {
			l := b.up[0]
			for _, r := range [][]string{top, middle, bottom} {
				r[l.to] = c.look(l)[north|south]
			}
			continue
		}
		last := b.x + b.width - 1
		for x := b.x + 1; x < last; x++ {
			top[x], bottom[x] = c.signs.boxes[east|west], c.signs.boxes[east|west]
		}
		top[b.x], top[last] = c.signs.boxes[south|east], c.signs.boxes[south|west]
		bottom[b.x], bottom[last] = c.signs.boxes[north|east], c.signs.boxes[north|west]
		middle[b.x], middle[last] = c.signs.boxes[north|south], c.signs.boxes[north|south]
		title := b.title(c.signs)
		x := b.x + (b.width-cells(title))/2
		for _, r := range title {
			n := runeCells(r)
			if n == 0 {
				middle[x-1] += string(r)
				continue
			}
			middle[x] = string(r)
			if n == 2 {
				middle[x+1] = ""
			}
			x += n
		}
		for _, l := range b.up {
			top[l.to] = c.signs.into
			if l.edge.Back != nil {
				top[l.to] = c.signs.boxes[north|east|west]
			}
		}
	}
}

// channel draws the lines below a layer, and their ends on its boxes.
func (c *canvas) channel(row []*box, tracks int) {
	bottom := c.rows[len(c.rows)-1]
	rows := make([][]string, max(1, tracks))
	sides := make([][]int, len(rows))
	for i := range rows {
		rows[i] = c.row()
		sides[i] = make([]int, c.columns)
	}
	put := func(y, x, side int, l *line) {
		if sides[y][x] != 0 {
			side |= sides[y][x]
			rows[y][x] = c.signs.lines[side]
		} else {
			rows[y][x] = c.look(l)[side]
		}
		sides[y][x] = side
	}
	for _, b := range row {
		for _, l := range b.down {
			if b.node != nil {
				bottom[l.from] = c.signs.boxes[south|east|west]
				if l.edge.Back != nil {
					bottom[l.from] = c.signs.back
				}
			}
			for y := range rows {
				switch {
				case l.track < 0 || y < l.track:
					put(y, l.from, north|south, l)
				case y > l.track:
					put(y, l.to, north|south, l)
				case l.from < l.to:
					put(y, l.from, north|east, l)
					for x := l.from + 1; x < l.to; x++ {
						put(y, x, east|west, l)
					}
					put(y, l.to, south|west, l)
				default:
					put(y, l.from, north|west, l)
					for x := l.to + 1; x < l.from; x++ {
						put(y, x, east|west, l)
					}
					put(y, l.to, south|east, l)
				}
			}
		}
	}
}

// look gives the signs of a line.
func (c *canvas) look(l *line) *[16]string {
	if l.edge.Failure {
		return &c.signs.dotted
	}
	return &c.signs.lines
}
