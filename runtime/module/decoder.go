package module

// A cursor over untrusted bytes.

import (
	"fmt"
	"unicode/utf8"
)

// A decoder reads from b and remembers the first thing that went wrong. After that every read gives zero and the
// position stays at the end, so that loops over a count end at their next look at err.
type decoder struct {
	b       []byte
	pos     int
	base    int // the file offset of b[0]
	section string
	err     *FormatError
}

func (d *decoder) fail(text, hint string) {
	d.failAt(d.pos, text, hint)
}

func (d *decoder) failf(format string, args ...any) {
	d.failAt(d.pos, fmt.Sprintf(format, args...), "")
}

func (d *decoder) failAt(pos int, text, hint string) {
	if d.err == nil {
		d.err = &FormatError{Offset: d.base + pos, Section: d.section, Text: text, Hint: hint}
	}
	d.pos = len(d.b)
}

func (d *decoder) rest() int { return len(d.b) - d.pos }

func (d *decoder) byte() byte {
	if d.pos >= len(d.b) {
		d.fail("unexpected end", "")
		return 0
	}
	c := d.b[d.pos]
	d.pos++
	return c
}

func (d *decoder) bytes(n uint32) []byte {
	if uint64(n) > uint64(d.rest()) {
		d.failf("%d bytes are announced, %d are left", n, d.rest())
		return nil
	}
	c := d.b[d.pos : d.pos+int(n) : d.pos+int(n)]
	d.pos += int(n)
	return c
}

// u32 reads an unsigned LEB128 of at most 32 bits.
func (d *decoder) u32() uint32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := d.byte()
		if d.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			d.failAt(d.pos-1, "integer is too large or its encoding too long", "")
			return 0
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	return 0
}

// skipSigned reads a signed LEB128 of at most the given number of bits and checks that it fits.
func (d *decoder) skipSigned(bits int) {
	n := (bits + 6) / 7
	for i := range n {
		c := d.byte()
		if d.err != nil {
			return
		}
		if i == n-1 {
			// The bits beyond the width must all equal the sign bit.
			used := bits - 7*(n-1)
			sign := int8(c<<1) >> used // arithmetic: keeps the sign bit and what lies above it
			if c >= 0x80 || sign != 0 && sign != -1 {
				d.failAt(d.pos-1, "integer is too large or its encoding too long", "")
			}
			return
		}
		if c < 0x80 {
			return
		}
	}
}

// count reads the length of a vector whose items take at least size bytes each. It refuses a count that the bytes left
// cannot hold, so that the caller may allocate for it.
func (d *decoder) count(what string, size int) int {
	at := d.pos
	n := d.u32()
	if d.err == nil && uint64(n)*uint64(size) > uint64(d.rest()) {
		d.failAt(at, fmt.Sprintf("%d %s are announced, %d bytes are left", n, what, d.rest()), "")
		return 0
	}
	return int(n)
}

func (d *decoder) name() string {
	at := d.pos
	b := d.bytes(d.u32())
	if d.err == nil && !utf8.Valid(b) {
		d.failAt(at, "name is not UTF-8", "")
		return ""
	}
	return string(b)
}
