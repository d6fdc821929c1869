package secret

import "math"

// A scan reads a text once, as it is and with its escapes undone, and notes where
// secrets are.
//
// The ways to undo escapes are a tree of layers: a layer reads what the one above
// it has made. A layer is only there while it sees something else than the one
// above it, so that a text with few escapes costs little more than one without.
type scan struct {
	root  layer
	found []region
	spare []*layer
}

// region is a place in the text where a secret was found.
type region struct {
	start, end int64
	secret     int32
	longest    int64 // of what was merged into it, the size of the secret's own; 0: nothing was
}

// size is how much of the text the region's secret takes.
func (r region) size() int64 {
	if r.longest > 0 {
		return r.longest
	}
	return r.end - r.start
}

type layer struct {
	decoder     decoder // of what the layer above hands on
	plain, code tracker
	below       [len(marks)]*layer
	above       int // layers
}

func newScan(r *Redactor) *scan {
	s := &scan{}
	s.root.plain = tracker{forms: r.plains, automaton: r.plain}
	s.root.code = tracker{forms: r.codes, automaton: r.code}
	return s
}

// write reads a text that begins at a place of the whole.
func (s *scan) write(text []byte, at int64) {
	for i, c := range text {
		s.take(&s.root, unit{c: c, start: at + int64(i), end: at + int64(i) + 1})
	}
}

// take gives a layer one more unit of what it reads.
func (s *scan) take(l *layer, u unit) {
	if l.above < maxLayers {
		for i, mark := range marks {
			if u.c == mark && l.below[i] == nil {
				below := s.copy(l, l.above+1)
				below.decoder = decoder{mark: mark}
				l.below[i] = below // not before: it is no part of its copy
			}
		}
	}
	for _, below := range l.below {
		if below != nil {
			below.decoder.push(u, func(u unit) { s.take(below, u) })
		}
	}
	l.plain.take(s, u)
	l.code.take(s, u)
	if l.below != [len(marks)]*layer{} {
		s.prune(l)
	}
}

// copy makes a layer that has seen the same as l so far, with all below it.
func (s *scan) copy(l *layer, above int) *layer {
	made := &layer{}
	if n := len(s.spare); n > 0 {
		made, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	made.decoder, made.above = l.decoder, above
	made.plain.copy(&l.plain)
	made.code.copy(&l.code)
	for i, below := range l.below {
		made.below[i] = nil
		if below != nil && above < maxLayers {
			made.below[i] = s.copy(below, above+1)
		}
	}
	return made
}

// prune drops the layers below l if they see the same as l from here on.
func (s *scan) prune(l *layer) {
	if !l.idle() {
		return
	}
	for _, below := range l.below {
		if below != nil && (!below.idle() || below.decoder.n > 0 || below.below != [len(marks)]*layer{}) {
			return
		}
	}
	for i, below := range l.below {
		if below != nil {
			s.spare, l.below[i] = append(s.spare, below), nil
		}
	}
}

func (l *layer) idle() bool { return l.plain.idle() && l.code.idle() }

// flush says that the text ends.
func (s *scan) flush() { s.end(&s.root) }

func (s *scan) end(l *layer) {
	for _, below := range l.below {
		if below != nil {
			below.decoder.drain(func(u unit) { s.take(below, u) }, true)
			s.end(below)
		}
	}
}

// settled is the place before which nothing more can be found.
func (s *scan) settled(at int64) int64 { return min(at, s.root.settled()) }

func (l *layer) settled() int64 {
	at := min(l.plain.settled(), l.code.settled())
	for _, below := range l.below {
		if below != nil {
			at = min(at, below.settled())
			if below.decoder.n > 0 {
				at = min(at, below.decoder.held[0].start)
			}
		}
	}
	return at
}

// tracker follows an automaton through what a layer reads.
type tracker struct {
	forms     []needle
	automaton *automaton
	state     int32
	starts    []int64 // of the last units; at least as many as the state is deep
	last      region  // what was found last
	more      int     // units after it that may belong to it
	padding   int     // and "=" after those
	cut       region  // a needle's beginning, while "…" is read behind it
	dots      int     // bytes of "…" that were read; 0: none
}

const ellipsis = "…"

func (t *tracker) take(s *scan, u unit) {
	folded := t.automaton.fold[u.c]
	if folded == skipped {
		return
	}
	if t.more > 0 || t.padding > 0 {
		t.extend(s, u, folded)
	}
	if t.dots > 0 || u.c == ellipsis[0] {
		t.ellipsis(s, u)
	}
	if folded == breaking {
		t.state, t.starts = 0, t.starts[:0]
		return
	}
	t.state = t.automaton.step(t.state, byte(folded))
	if t.state == 0 && !t.automaton.head {
		t.starts = t.starts[:0]
		return
	}
	t.starts = append(t.starts, u.start)
	n := &t.automaton.nodes[t.state]
	if n.found >= 0 {
		needle := t.forms[n.found]
		t.last = region{start: t.start(int(needle.size), needle.head), end: u.end, secret: needle.secret}
		s.found = append(s.found, t.last)
		t.more, t.padding = 0, 0
		if n.tail {
			t.more, t.padding = 1, 2
		}
	}
	if keep := int(n.depth) + 1; len(t.starts) > 4*keep+256 {
		t.starts = t.starts[:copy(t.starts, t.starts[len(t.starts)-keep:])]
	}
}

// start is where the last units began, so many and perhaps one before.
func (t *tracker) start(units int, head bool) int64 {
	i := len(t.starts) - units
	if head && i > 0 {
		i--
	}
	return t.starts[i]
}

// extend adds what follows a match and belongs to it.
func (t *tracker) extend(s *scan, u unit, folded int16) {
	switch {
	case folded != breaking && t.more > 0:
		t.more--
	case u.c == '=' && t.padding > 0:
		t.more = 0
		t.padding--
	default:
		t.more, t.padding = 0, 0
		return
	}
	t.last.end = u.end
	s.found = append(s.found, t.last)
}

// ellipsis notes a needle's beginning that somebody cut off.
func (t *tracker) ellipsis(s *scan, u unit) {
	switch {
	case u.c == ellipsis[0]:
		t.dots = 0
		if n := &t.automaton.nodes[t.state]; n.depth >= t.automaton.cut {
			t.cut = region{start: t.start(int(n.depth), t.automaton.head), end: u.start, secret: t.forms[n.needle].secret}
			t.dots = 1
		}
	case u.c != ellipsis[t.dots]:
		t.dots = 0
	case t.dots == len(ellipsis)-1:
		t.dots = 0
		s.found = append(s.found, t.cut)
	default:
		t.dots++
	}
}

func (t *tracker) idle() bool {
	return t.state == 0 && t.more == 0 && t.padding == 0 && t.dots == 0
}

// settled is the place before which nothing more can be found.
func (t *tracker) settled() int64 {
	at := int64(math.MaxInt64)
	if depth := int(t.automaton.nodes[t.state].depth); len(t.starts) > 0 && (depth > 0 || t.automaton.head) {
		at = t.start(depth, t.automaton.head)
		if depth == 0 {
			at = t.starts[len(t.starts)-1]
		}
	}
	if t.more > 0 || t.padding > 0 {
		at = min(at, t.last.start)
	}
	if t.dots > 0 {
		at = min(at, t.cut.start)
	}
	return at
}

// copy makes t what from is.
func (t *tracker) copy(from *tracker) {
	starts := append(t.starts[:0], from.starts...)
	*t = *from
	t.starts = starts
}
