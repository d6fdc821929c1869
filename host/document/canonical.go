package document

// The canonical form, written from the bytes without decoding them.

import (
	"bytes"
	"slices"
)

// extent says where a container ends: the index after its last byte, and the
// number of the first container that begins after that. With it the walk jumps
// over a member's value in one step, so that sorting keys at each of many
// levels stays linear.
type extent struct{ end, next int }

// canonizer is the state of one walk.
type canonizer struct {
	b       []byte
	extents []extent // of all containers, in the order in which they begin
	members []member // of the objects that are open, outermost first
	dst     []byte
}

type member struct {
	key   []byte
	value int // where the value begins
	count int // how many containers begin before it
}

// appendCanonical writes the canonical form of the checked value b.
func appendCanonical(dst, b []byte) []byte {
	c := canonizer{b: b, extents: extents(b), dst: dst}
	c.value(0, 0)
	return c.dst
}

func extents(b []byte) []extent {
	all := make([]extent, 0, 16)
	open := make([]int, 0, 16)
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, _ := stringEnd(b, i)
			i = end - 1
		case '{', '[':
			open = append(open, len(all))
			all = append(all, extent{end: len(b)})
		case '}', ']':
			if n := len(open); n > 0 {
				all[open[n-1]] = extent{end: i + 1, next: len(all)}
				open = open[:n-1]
			}
		}
	}
	for _, k := range open { // only in text that was not checked
		all[k].next = len(all)
	}
	return all
}

// skip returns where the value at i ends and how many containers begin before
// that end; count is how many begin before i.
func (c *canonizer) skip(i, count int) (end, after int) {
	if i >= len(c.b) {
		return i, count
	}
	switch c.b[i] {
	case '{', '[':
		if count < len(c.extents) {
			return c.extents[count].end, c.extents[count].next
		}
		return len(c.b), count
	case '"':
		end, _ = stringEnd(c.b, i)
		return end, count
	}
	return max(scalarEnd(c.b, i), i+1), count
}

// value writes the value at i.
func (c *canonizer) value(i, count int) {
	if i >= len(c.b) {
		return
	}
	switch b := c.b; b[i] {
	case '{':
		c.object(i, count)
	case '[':
		c.array(i, count)
	case '"':
		c.str(i)
	case 't', 'f', 'n':
		c.dst = append(c.dst, b[i:scalarEnd(b, i)]...)
	default:
		c.dst = appendNumber(c.dst, b[i:scalarEnd(b, i)])
	}
}

func (c *canonizer) str(i int) {
	end, escaped := stringEnd(c.b, i)
	if !escaped {
		c.dst = append(c.dst, c.b[i:end]...)
		return
	}
	c.dst = appendString(c.dst, content(c.b, i, end, true))
}

func (c *canonizer) array(i, count int) {
	end, _ := c.skip(i, count)
	count++
	c.dst = append(c.dst, '[')
	first := true
	for i = skipSpace(c.b, i+1); i < end-1; {
		if !first {
			c.dst = append(c.dst, ',')
		}
		first = false
		c.value(i, count)
		i, count = c.skip(i, count)
		i = skipPast(c.b, i, ',')
	}
	c.dst = append(c.dst, ']')
}

func (c *canonizer) object(i, count int) {
	end, _ := c.skip(i, count)
	count++
	first := len(c.members)
	for i = skipSpace(c.b, i+1); i < end-1; {
		keyEnd, escaped := stringEnd(c.b, i)
		m := member{key: content(c.b, i, keyEnd, escaped), value: skipPast(c.b, keyEnd, ':'), count: count}
		c.members = append(c.members, m)
		i, count = c.skip(m.value, count)
		i = skipPast(c.b, i, ',')
	}
	last := len(c.members)
	byKey := func(x, y member) int { return bytes.Compare(x.key, y.key) }
	if own := c.members[first:last]; !slices.IsSortedFunc(own, byKey) {
		slices.SortFunc(own, byKey)
	}
	c.dst = append(c.dst, '{')
	for k := first; k < last; k++ {
		if k > first {
			c.dst = append(c.dst, ',')
		}
		m := c.members[k] // by index: the inner objects append to the slice
		c.dst = append(appendString(c.dst, m.key), ':')
		c.value(m.value, m.count)
	}
	c.dst = append(c.dst, '}')
	c.members = c.members[:first]
}

// skipPast skips space, one separator, if it is there, and space again.
func skipPast(b []byte, i int, separator byte) int {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == separator {
		i = skipSpace(b, i+1)
	}
	return i
}
