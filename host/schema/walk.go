package schema

// The fast way: a walk over a document's bytes that says that it is surely
// valid, or that it does not know. Nothing is decoded. The authority is asked
// only in the second case, and is the only one that says what is wrong.
//
// Inside the walk there is a third answer, surely invalid, so that `not`,
// `oneOf` and `if` can be decided, too. Both sure answers have to be the
// authority's; tests hold them against it.

import "slices"

// finding is what the walk knows of one value and one part of a schema.
type finding uint8

const (
	unknown finding = iota
	invalid
	valid
)

// The bounds of a walk, beyond which it does not know.
const (
	walkDepth   = 4000    // of parts of the schema and of the document inside each other
	walkVisits  = 4       // values looked at for each byte: alternatives look again
	walkLeast   = 10_000  // and of any document
	walkPattern = 1 << 24 // steps of patterns, see maxPatternSteps: a walk is not interrupted
)

// walker is one walk. Its zero value but for b is ready.
type walker struct {
	b      []byte
	depth  int
	visits int // left
	steps  int // of patterns, left
	text   []byte
}

// surely reports whether b, the bytes of a document, are valid for certain.
func (n *node) surely(b []byte) bool {
	if n == nil {
		return false
	}
	w := walker{b: b, visits: min(walkVisits*len(b)+walkLeast, MaxValues), steps: walkPattern}
	end, v := w.value(n, 0)
	return v == valid && end == len(b)
}

// value looks at the value at i. Where it is valid, end is behind it.
func (w *walker) value(n *node, i int) (end int, v finding) {
	if n == nil {
		return w.skip(i)
	}
	if n.closed {
		return i, invalid
	}
	if n.beyond || w.depth >= walkDepth {
		return i, unknown
	}
	w.depth++
	end, v = w.own(n, i)
	if v == valid && n.branches != nil {
		end, v = w.inPlace(n.branches, i, end)
	}
	w.depth--
	return end, v
}

// own is what the part of the schema says by itself.
func (w *walker) own(n *node, i int) (end int, v finding) {
	if n.forwards {
		return i, valid
	}
	if w.visits--; w.visits < 0 || i >= len(w.b) {
		return i, unknown
	}
	switch c := w.b[i]; c {
	case '{':
		if n.kinds&isObject == 0 {
			return i, invalid
		}
		end, v = w.object(n, i)
	case '[':
		if n.kinds&isArray == 0 {
			return i, invalid
		}
		end, v = w.array(n, i)
	case '"':
		if n.kinds&isString == 0 {
			return i, invalid
		}
		return w.string(n, i)
	case 't':
		return w.word(n, i, "true", isBool)
	case 'f':
		return w.word(n, i, "false", isBool)
	case 'n':
		return w.word(n, i, "null", isNull)
	default:
		return w.number(n, i)
	}
	if v == valid && n.constants != nil {
		if slices.ContainsFunc(n.constants, func(c *constants) bool { return !c.composite }) {
			return end, invalid
		}
		return end, unknown
	}
	return end, v
}

func (w *walker) word(n *node, i int, word string, kind kinds) (end int, v finding) {
	end = i + len(word)
	if end > len(w.b) || string(w.b[i:end]) != word {
		return i, unknown // no document
	}
	if n.kinds&kind == 0 {
		return i, invalid
	}
	for _, c := range n.constants {
		if _, ok := c.words[word]; !ok {
			return i, invalid
		}
	}
	return end, valid
}

// inPlace is what other parts say of the same value.
func (w *walker) inPlace(b *branches, i, end int) (int, finding) {
	for _, n := range b.all {
		e, v := w.value(n, i)
		if v != valid {
			return i, v
		}
		end = e
	}
	if b.any != nil {
		e, v := w.anyOf(b.any, i)
		if v != valid {
			return i, v
		}
		end = e
	}
	if b.one != nil {
		e, v := w.oneOf(b.one, i)
		if v != valid {
			return i, v
		}
		end = e
	}
	if b.not != nil {
		switch _, v := w.value(b.not, i); v {
		case valid:
			return i, invalid
		case unknown:
			return i, unknown
		case invalid:
		}
	}
	if b.condition != nil {
		_, v := w.value(b.condition, i)
		if v == unknown {
			return i, unknown
		}
		n := b.otherwise
		if v == valid {
			n = b.then
		}
		if n != nil {
			if _, v := w.value(n, i); v != valid {
				return i, v
			}
		}
	}
	return end, valid
}

func (w *walker) anyOf(list []*node, i int) (int, finding) {
	all := invalid
	for _, n := range list {
		end, v := w.value(n, i)
		if v == valid {
			return end, valid
		}
		if v == unknown {
			all = unknown
		}
	}
	return i, all
}

func (w *walker) oneOf(list []*node, i int) (int, finding) {
	end, found, open := i, 0, false
	for _, n := range list {
		switch e, v := w.value(n, i); v {
		case valid:
			end = e
			found++
		case unknown:
			open = true
		case invalid:
		}
	}
	switch {
	case found > 1:
		return i, invalid
	case open:
		return i, unknown
	case found == 0:
		return i, invalid
	}
	return end, valid
}

// skip passes over a value of which nothing is asked but that it is inside the
// bounds of all documents.
func (w *walker) skip(i int) (int, finding) { return w.value(anything, i) }

func (w *walker) space(i int) int {
	for i < len(w.b) && (w.b[i] == ' ' || w.b[i] == '\n' || w.b[i] == '\r' || w.b[i] == '\t') {
		i++
	}
	return i
}
