package meter_test

// Building modules byte by byte, also such as no tool would write.

func leb(v uint32) []byte {
	var b []byte
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func sleb(v int64) []byte {
	var b []byte
	for v < -0x40 || v > 0x3f {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

func cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func section(id byte, items ...[]byte) []byte {
	content := cat(append([][]byte{leb(uint32(len(items)))}, items...)...)
	return cat([]byte{id}, leb(uint32(len(content))), content)
}

func sized(b ...byte) []byte { return cat(leb(uint32(len(b))), b) }

const magic = "\x00asm\x01\x00\x00\x00"

// wasmOf gives a module with one function type () -> (i32), functions of that type with these bodies (local declarations
// included), one mutable i64 global, one memory, one table holding function 0, and the export "f" of function 0.
func wasmOf(bodies ...[]byte) []byte {
	functions := make([][]byte, len(bodies))
	code := make([][]byte, len(bodies))
	for i, b := range bodies {
		functions[i] = []byte{0}
		code[i] = sized(b...)
	}
	return cat([]byte(magic),
		section(1, []byte{0x60, 0, 1, 0x7f}),
		section(3, functions...),
		section(4, []byte{0x70, 0, 1}),
		section(5, []byte{0, 1}),
		section(6, []byte{0x7e, 1, 0x42, 0, 0x0b}),
		section(7, cat(sized('f'), []byte{0, 0})),
		section(9, []byte{0, 0x41, 0, 0x0b, 1, 0}),
		section(10, code...),
	)
}
