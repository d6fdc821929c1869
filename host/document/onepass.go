package document

// The canonical form of ordinary documents, in one pass: each object is written as it
// comes, and its members are put in order at its end.

import (
	"bytes"
	"slices"
)

// onePass is the state of the walk. It gives up where keys have escapes, and where so
// many objects lie in each other whose members are not in order that putting them so
// would take more than a few times the document's length: the other walk is linear.
type onePass struct {
	b       []byte
	members []placed // of the objects that are open, outermost first
	spare   []byte   // an object's members, while they are put in order
	moved   int      // bytes that were
}

// placed says where a member's key is in the text, and the member with the comma after
// it in what was written.
type placed struct{ key, keyEnd, from, to int }

// movesPerByte is how much is moved, at most, by the document's length.
const movesPerByte = 4

// canonicalInOnePass gives the canonical form of the checked value b, unless it gives up.
func canonicalInOnePass(b []byte) ([]byte, bool) {
	o := onePass{b: b, members: make([]placed, 0, 16)}
	dst, end := o.value(make([]byte, 0, len(b)+1), 0)
	return dst, end >= 0
}

// value writes the value at i to dst, and gives its end; negative: it has given up.
func (o *onePass) value(dst []byte, i int) ([]byte, int) {
	b := o.b
	if i >= len(b) {
		return dst, -1
	}
	switch b[i] {
	case '{':
		return o.object(dst, i)
	case '[':
		return o.array(dst, i)
	case '"':
		end, escaped := stringEnd(b, i)
		if escaped {
			return appendString(dst, content(b, i, end, true)), end
		}
		return append(dst, b[i:end]...), end
	case 't', 'f', 'n':
		end := scalarEnd(b, i)
		return append(dst, b[i:end]...), end
	}
	end := scalarEnd(b, i)
	if end == i {
		return dst, -1
	}
	return appendNumber(dst, b[i:end]), end
}

func (o *onePass) array(dst []byte, i int) ([]byte, int) {
	dst = append(dst, '[')
	start := len(dst)
	for i = skipSpace(o.b, i+1); i < len(o.b) && o.b[i] != ']'; i = skipPast(o.b, i, ',') {
		if dst, i = o.value(dst, i); i < 0 {
			return dst, i
		}
		dst = append(dst, ',')
	}
	return closed(dst, start, ']'), i + 1
}

func (o *onePass) object(dst []byte, i int) ([]byte, int) {
	dst = append(dst, '{')
	start, first, sorted := len(dst), len(o.members), true
	for i = skipSpace(o.b, i+1); i < len(o.b) && o.b[i] != '}'; i = skipPast(o.b, i, ',') {
		keyEnd, escaped := stringEnd(o.b, i)
		if escaped || o.b[i] != '"' {
			return dst, -1
		}
		m := placed{key: i, keyEnd: keyEnd, from: len(dst)}
		at := len(o.members)
		sorted = sorted && (at == first || o.compare(o.members[at-1], m) < 0)
		o.members = append(o.members, m)
		dst = append(append(dst, o.b[i:keyEnd]...), ':')
		if dst, i = o.value(dst, skipPast(o.b, keyEnd, ':')); i < 0 {
			return dst, i
		}
		dst = append(dst, ',')
		o.members[at].to = len(dst)
	}
	if !sorted && !o.sort(o.members[first:], dst[start:], start) {
		return dst, -1
	}
	o.members = o.members[:first]
	return closed(dst, start, '}'), i + 1
}

// closed ends a container whose content was written from start on, with a comma at its
// end if it has any.
func closed(dst []byte, start int, bracket byte) []byte {
	if len(dst) == start {
		return append(dst, bracket)
	}
	dst[len(dst)-1] = bracket
	return dst
}

// compare compares keys without their quotes: the shorter of two is less whatever
// stands after the other's beginning.
func (o *onePass) compare(x, y placed) int {
	return bytes.Compare(o.b[x.key+1:max(x.keyEnd-1, x.key+1)], o.b[y.key+1:max(y.keyEnd-1, y.key+1)])
}

// sort puts the members, which were written from start on, in the order of their keys.
func (o *onePass) sort(members []placed, written []byte, start int) bool {
	o.moved += len(written)
	if o.moved > movesPerByte*len(o.b) {
		return false
	}
	o.spare = append(o.spare[:0], written...)
	slices.SortFunc(members, o.compare)
	written = written[:0]
	for _, m := range members {
		written = append(written, o.spare[m.from-start:m.to-start]...)
	}
	return true
}
