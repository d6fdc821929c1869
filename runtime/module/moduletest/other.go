package moduletest

// Modules of the other ABIs: programs and Extism plug-ins.

import "slices"

const (
	i32Type, i64Type, funcType = 0x7f, 0x7e, 0x60

	load, store = 0x28, 0x36
)

// Command is a program that writes what it reads, up to 60,000 bytes.
func Command() []byte {
	const wasi, page = "wasi_snapshot_preview1", 1
	four := []byte{funcType, 4, i32Type, i32Type, i32Type, i32Type, 1, i32Type}
	piece := func(descriptor int, function byte) []byte { // of the one buffer, which lies at 0
		return slices.Concat(i32(descriptor), i32(0), i32(1), i32(8), []byte{0x10, function, 0x1a})
	}
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, vector(four, []byte{funcType, 0, 0})),
		section(2, vector(
			slices.Concat(name(wasi), name("fd_read"), []byte{0, 0}),
			slices.Concat(name(wasi), name("fd_write"), []byte{0, 0}))),
		section(3, vector([]byte{1})),
		section(5, vector([]byte{0, page})),
		section(7, vector(export("memory", 2, 0), export("_start", 0, 2))),
		section(10, vector(body(slices.Concat([]byte{0},
			i32(0), i32(1024), []byte{store, 2, 0}, i32(4), i32(60_000), []byte{store, 2, 0},
			piece(0, 0),
			i32(4), i32(8), []byte{load, 2, 0, store, 2, 0}, // what was read is what is written
			piece(1, 1))))),
	)
}

// Extism is an Extism plug-in. Each of its entries returns its input, those that
// begin with "ask" instead what an HTTP request answers, for which their input is
// the request.
func Extism(entries ...string) []byte {
	const env = "extism:host/env"
	imports := [][]byte{
		slices.Concat(name(env), name("input_offset"), []byte{0, 0}),
		slices.Concat(name(env), name("input_length"), []byte{0, 0}),
		slices.Concat(name(env), name("output_set"), []byte{0, 1}),
		slices.Concat(name(env), name("length"), []byte{0, 2}),
	}
	asks := func(entry string) bool { return len(entry) > 2 && entry[:3] == "ask" }
	if slices.ContainsFunc(entries, asks) {
		imports = append(imports, slices.Concat(name(env), name("http_request"), []byte{0, 3}))
	}
	var types, exports, bodies [][]byte
	for i, entry := range entries {
		code := []byte{0, 0x10, 0, 0x10, 1, 0x10, 2}
		if asks(entry) {
			const answer = 0
			code = slices.Concat([]byte{1, 1, i64Type, 0x10, 0}, constant(0), []byte{0x10, 4, 0x22, answer, 0x20, answer, 0x10, 3, 0x10, 2})
		}
		types, bodies = append(types, []byte{4}), append(bodies, body(slices.Concat(code, i32(0))))
		exports = append(exports, export(entry, 0, byte(len(imports)+i)))
	}
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, vector(
			[]byte{funcType, 0, 1, i64Type}, []byte{funcType, 2, i64Type, i64Type, 0},
			[]byte{funcType, 1, i64Type, 1, i64Type}, []byte{funcType, 2, i64Type, i64Type, 1, i64Type},
			[]byte{funcType, 0, 1, i32Type})),
		section(2, vector(imports...)),
		section(3, vector(types...)),
		section(7, vector(exports...)),
		section(10, vector(bodies...)))
}
