package secret

import (
	"bytes"
	"unicode/utf8"
)

// unit is a byte that was read, with the place in the original text that it was
// written at.
type unit struct {
	c          byte
	start, end int64
}

// decoder undoes one way of escaping, byte for byte. What is no escape passes as
// it is.
type decoder struct {
	mark byte     // begins an escape
	held [12]unit // the beginning of an escape
	n    int
}

// The ways of escaping that are undone, and how often in all.
var marks = [...]byte{'\\', '%'}

const maxLayers = 2

// push takes a unit and hands on what is certain.
func (d *decoder) push(u unit, emit func(unit)) {
	if d.n == 0 && u.c != d.mark {
		emit(u)
		return
	}
	d.held[d.n] = u
	d.n++
	d.drain(emit, false)
}

// drain hands on what is held as far as it is certain; at the end all of it is.
func (d *decoder) drain(emit func(unit), end bool) {
	var text [len(decoder{}.held)]byte
	for d.n > 0 {
		for i, u := range d.held[:d.n] {
			text[i] = u.c
		}
		out, n, used := out1(text[0]), 1, 1
		if text[0] == d.mark {
			if d.mark == '%' {
				out, n, used = readPercent(text[:d.n])
			} else {
				out, n, used = readBackslash(text[:d.n])
			}
		}
		if used == 0 { // not enough to tell
			if !end {
				return
			}
			out, n, used = out1(text[0]), 1, 1
		}
		start, past := d.held[0].start, d.held[used-1].end
		d.n = copy(d.held[:], d.held[used:d.n])
		for _, c := range out[:n] {
			emit(unit{c: c, start: start, end: past})
		}
	}
}

func out1(c byte) [utf8.UTFMax]byte { return [utf8.UTFMax]byte{c} }

// readPercent reads what begins with "%"; used 0: there must be more.
func readPercent(b []byte) (out [utf8.UTFMax]byte, n, used int) {
	v, digits := hex(b[1:], 2)
	switch {
	case digits == 2:
		return out1(byte(v)), 1, 3
	case digits == len(b)-1:
		return out, 0, 0
	default:
		return out1('%'), 1, 1
	}
}

// short are the escapes of one letter, of JSON and of Go.
var short = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', '\'': '\'',
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

// readBackslash reads what begins with a backslash; used 0: there must be more.
func readBackslash(b []byte) (out [utf8.UTFMax]byte, n, used int) {
	if len(b) == 1 {
		return out, 0, 0
	}
	var width int
	switch b[1] {
	case 'x':
		width = 2
	case 'u':
		width = 4
	case 'U':
		width = 8
	default:
		if c, ok := short[b[1]]; ok {
			return out1(c), 1, 2
		}
		return out1('\\'), 1, 1
	}
	v, digits := hex(b[2:], width)
	switch {
	case digits == width && width == 2:
		return out1(byte(v)), 1, 4
	case digits == width && v >= 0xD800 && v < 0xDC00 && width == 4:
		return readPair(b, v)
	case digits == width:
		n = utf8.EncodeRune(out[:], rune(min(v, utf8.MaxRune+1)))
		return out, n, 2 + width
	case digits == len(b)-2:
		return out, 0, 0
	default:
		return out1('\\'), 1, 1
	}
}

// readPair reads a surrogate pair, of which the first half is there.
func readPair(b []byte, high uint32) (out [utf8.UTFMax]byte, n, used int) {
	const single = 6
	more := b[single:]
	alone := len(more) > 0 && more[0] != '\\' || len(more) > 1 && more[1] != 'u'
	if !alone && len(more) > 2 {
		low, digits := hex(more[2:], 4)
		if digits == 4 && low >= 0xDC00 && low < 0xE000 {
			n = utf8.EncodeRune(out[:], rune((high-0xD800)<<10|(low-0xDC00))+0x10000)
			return out, n, 2 * single
		}
		alone = digits == 4 || digits < len(more)-2
	}
	if !alone {
		return out, 0, 0
	}
	n = utf8.EncodeRune(out[:], utf8.RuneError)
	return out, n, single
}

// unescape undoes the escapes of all strings in a document.
func unescape(b []byte) []byte {
	at := bytes.IndexByte(b, '\\')
	if at < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for ; at >= 0; at = bytes.IndexByte(b, '\\') {
		out = append(out, b[:at]...)
		b = b[at:]
		c, n, used := readBackslash(b[:min(len(b), len(decoder{}.held))])
		if used == 0 {
			c, n, used = out1(b[0]), 1, 1
		}
		out, b = append(out, c[:n]...), b[used:]
	}
	return append(out, b...)
}

func isHex(c byte) bool {
	_, digits := hex([]byte{c}, 1)
	return digits == 1
}

// hex reads up to width hexadecimal digits.
func hex(b []byte, width int) (v uint32, digits int) {
	for _, c := range b[:min(width, len(b))] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return v, digits
		}
		v, digits = v<<4|uint32(c), digits+1
	}
	return v, digits
}
