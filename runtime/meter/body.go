package meter

// A cursor over one function body.

import "fmt"

// A body reads the instructions of one function. After the first fault every read gives zero and err stays.
type body struct {
	b      []byte
	pos    int
	err    *InvalidError
	base   int // the file offset of b[0]
	number uint32
}

func (b *body) fail(pos int, text, hint string) {
	if b.err == nil {
		b.err = &InvalidError{Function: b.number, Offset: b.base + pos, Text: text, Hint: hint}
	}
	b.pos = len(b.b)
}

func (b *body) byte() byte {
	if b.pos >= len(b.b) {
		b.fail(b.pos, "the body ends in the middle of an instruction", "")
		return 0
	}
	c := b.b[b.pos]
	b.pos++
	return c
}

func (b *body) skip(n int) {
	if n > len(b.b)-b.pos {
		b.fail(b.pos, "the body ends in the middle of an instruction", "")
		return
	}
	b.pos += n
}

// u32 reads an unsigned LEB128.
func (b *body) u32() uint32 {
	if b.pos < len(b.b) {
		if c := b.b[b.pos]; c < 0x80 {
			b.pos++
			return uint32(c)
		}
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := b.byte()
		if shift == 28 && c > 0x0f {
			b.fail(b.pos-1, "integer is too large or its encoding too long", "")
			return 0
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	return 0
}

// i32 reads a signed LEB128 of at most 32 bits; the engine checks that it fits.
func (b *body) i32() int32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := b.byte()
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			if c&0x40 != 0 && shift < 28 {
				v |= ^uint32(0) << (shift + 7)
			}
			return int32(v)
		}
	}
	b.fail(b.pos-1, "the encoding of an integer is too long", "")
	return 0
}

// skipLEB passes over a LEB128 of at most n bytes. The engine checks that its value fits.
func (b *body) skipLEB(n int) {
	for range n {
		if b.byte() < 0x80 {
			return
		}
	}
	b.fail(b.pos-1, "the encoding of an integer is too long", "")
}

// index reads an index and refuses one that does not exist: the rewriter appends to index spaces, and must not give a
// meaning to what had none.
func (b *body) index(what string, size uint32) uint32 {
	at := b.pos
	i := b.u32()
	if i >= size {
		b.fail(at, fmt.Sprintf("%s index %d does not exist, there are %d", what, i, size), "")
		return 0
	}
	return i
}

func (b *body) memArg(memories uint32) {
	at := b.pos
	if align := b.u32(); align >= 0x40 {
		b.fail(at, "more than one memory is not supported", "build with one memory")
	} else if memories == 0 {
		b.fail(at, "there is no memory", "")
	}
	b.u32()
}

func (b *body) memory(memories uint32) {
	at := b.pos
	if b.byte() != 0 {
		b.fail(at, "more than one memory is not supported", "build with one memory")
	} else if memories == 0 {
		b.fail(at, "there is no memory", "")
	}
}

// blockType checks the type of a block, a loop or an if. A bare one certainly takes no parameters.
func (b *body) blockType(types uint32) (bare bool) {
	at := b.pos
	c := b.byte()
	switch c {
	case typeEmpty, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f:
		return true
	}
	// A type index is a signed LEB128 of 33 bits. What is left with bit 6 set in its last byte is negative.
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c&0x40 != 0 || v >= uint64(types) {
				b.fail(at, fmt.Sprintf("the type of a block does not exist, there are %d", types), "")
			}
			return false
		}
		c = b.byte()
	}
	b.fail(at, "the encoding of an integer is too long", "")
	return false
}

func (b *body) valueType() {
	at := b.pos
	switch c := b.byte(); c {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f:
	default:
		b.fail(at, fmt.Sprintf("unknown value type %#x", c), "")
	}
}
