package schema

// The walk over strings.

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// token finds the end of the string at i, and whether there are escapes in it.
func (w *walker) token(i int) (end int, escaped, ok bool) {
	for at := i + 1; ; at += 2 { // over what is escaped
		if at = special(w.b, at); at >= len(w.b) {
			return i, false, false // no document
		}
		if w.b[at] == '"' {
			return at + 1, escaped, true
		}
		escaped = true
	}
}

// special gives where the next quote or backslash is. Eight bytes at a time: most
// strings are short.
func special(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quote, slash := word^(ones*'"'), word^(ones*'\\')
		// The top bit of a byte is set where it is one of the two. A borrow can set
		// those above it as well, and the lowest is what counts.
		if mask := ((quote-ones)&^quote | (slash-ones)&^slash) & tops; mask != 0 {
			return i + bits.TrailingZeros64(mask)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

func (w *walker) string(n *node, i int) (int, finding) {
	end, escaped, ok := w.token(i)
	if !ok {
		return i, unknown
	}
	if n.constants == nil && n.strings == nil {
		return end, valid
	}
	content := w.b[i+1 : end-1]
	if escaped {
		if content, ok = w.unescape(content); !ok {
			return i, unknown
		}
	}
	for _, c := range n.constants {
		if _, ok := c.strings[string(content)]; !ok {
			return i, invalid
		}
	}
	if n.strings == nil {
		return end, valid
	}
	return end, w.checkString(n.strings, content)
}

func (w *walker) checkString(s *stringRules, content []byte) finding {
	// A character has one to four bytes, so most strings need not be counted.
	if len(content) < s.from || s.to >= 0 && len(content) > s.to || len(content) < 4*s.from {
		if n := utf8.RuneCount(content); n < s.from || s.to >= 0 && n > s.to {
			return invalid
		}
	}
	if s.pattern != nil {
		if w.steps -= len(content) * s.pattern.size; w.steps < 0 {
			return unknown
		}
		if !s.pattern.match(content) {
			return invalid
		}
	}
	if s.format != nil && !s.format(string(content)) {
		return unknown // whether it is asserted is the authority's business
	}
	return valid
}

// unescape gives the content of a string with escapes, until the next one.
func (w *walker) unescape(b []byte) ([]byte, bool) {
	out := w.text[:0]
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			n := bytes.IndexByte(b[i:], '\\')
			if n < 0 {
				n = len(b) - i
			}
			out = append(out, b[i:i+n]...)
			i += n
			continue
		}
		if i+1 >= len(b) {
			return nil, false
		}
		switch c := b[i+1]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, n := hexRune(b[i:])
			if n == 0 {
				return nil, false
			}
			out = utf8.AppendRune(out, r)
			i += n
			continue
		default:
			return nil, false
		}
		i += 2
	}
	w.text = out
	return out, true
}

// hexRune reads \uXXXX, or two of them that are a surrogate pair, and how many
// bytes that takes; 0 where there is no character.
func hexRune(b []byte) (r rune, size int) {
	unit := func(at int) (uint64, bool) {
		if len(b) < at+6 || b[at] != '\\' || b[at+1] != 'u' {
			return 0, false
		}
		v, err := strconv.ParseUint(string(b[at+2:at+6]), 16, 16)
		return v, err == nil
	}
	high, ok := unit(0)
	switch {
	case !ok:
		return 0, 0
	case high < 0xD800 || high > 0xDFFF:
		return rune(high), 6
	}
	low, ok := unit(6)
	if !ok || high > 0xDBFF || low < 0xDC00 || low > 0xDFFF {
		return 0, 0
	}
	return rune(0x10000 + (high-0xD800)<<10 + (low - 0xDC00)), 12
}
