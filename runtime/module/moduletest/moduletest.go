// Package moduletest makes small reactor modules for tests, byte by byte, so that
// a test needs neither a toolchain nor a committed binary.
package moduletest

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Where the modules keep things: a fixed reply, and the host's input after it.
const (
	replyAddress  = 1024
	bytesAddress  = 2048 // see spell
	textAddress   = 3072
	answerAddress = 1 << 16
	answerBytes   = 15 << 16
	inputAddress  = 1 << 20 // of a memory that is smaller, in its middle
	askPages      = 32      // room for a request of 1 MiB
	memoryPages   = 300     // room for the largest document there may be
	smallPages    = 2       // what a small node in C has
)

// Echo returns its input.
func Echo() []byte {
	return reactor("",
		0x20, 0, 0xad, 0x42, 32, 0x86, // (i64.extend_i32_u ptr) << 32
		0x20, 1, 0xad, 0x84, // | (i64.extend_i32_u len)
	)
}

// SmallEcho is Echo for inputs of at most 64 KiB.
func SmallEcho() []byte {
	return assemble(smallPages, "", false, []byte{
		0, // no locals
		0x20, 0, 0xad, 0x42, 32, 0x86,
		0x20, 1, 0xad, 0x84,
	})
}

// Say returns the same document for every input. The text may be no JSON.
func Say(text string) []byte { return reactor(text, constant(reply(text))...) }

// Fail returns an error document: {"code", "message", "retryable"}.
func Fail(document string) []byte {
	return reactor(document, constant(reply(document)|1<<31)...)
}

// Trap executes unreachable.
func Trap() []byte { return reactor("", 0x00) }

// Spin never returns.
func Spin() []byte { return reactor("", 0x03, 0x40, 0x0c, 0, 0x0b, 0x00) }

// Ask calls a capability's method with its input as the payload, as many times,
// and returns the last answer; a failure, which ends it, as its error document.
// Requests and answers have at most 900 KiB.
func Ask(capability, method string, times int) []byte {
	get := func(local byte) []byte { return []byte{0x20, local} }
	const turn, answer = 2, 3
	status := slices.Concat(get(answer), constant(32), []byte{0x88}) // answer >> 32
	code := slices.Concat(
		[]byte{2, 1, 0x7f, 1, 0x7e}, // locals: turn i32, answer i64
		[]byte{0x03, 0x40},          // loop
		i32(replyAddress), i32(len(capability)), i32(replyAddress+len(capability)), i32(len(method)),
		get(0), get(1), i32(answerAddress), i32(answerBytes), []byte{0x10, 0, 0x21, answer}, // answer = call(…)
		status, []byte{0x50}, // answered
		get(turn), i32(1), []byte{0x6a, 0x22, turn}, i32(times), []byte{0x49}, // turn+1 < times
		[]byte{0x71, 0x0d, 0, 0x0b}, // and: once more
		constant(answerAddress<<32), status, constant(31), []byte{0x86, 0x84},
		get(answer), constant(1<<31-1), []byte{0x83, 0x84},
	)
	return assemble(askPages, capability+method, true, code)
}

// Chance returns a text of what WASI's clock and randomness give: 8 bytes each.
func Chance() []byte {
	const randomGet, clockTimeGet = 0, 1
	return spell(16, true, slices.Concat(
		i32(bytesAddress), i32(8), []byte{0x10, randomGet, 0x1a}, // drop the errno
		i32(0), constant(1), i32(bytesAddress+8), []byte{0x10, clockTimeGet, 0x1a}))
}

// NaN returns a text of the bits of sums, differences, products and quotients of NaNs,
// which WebAssembly leaves to the engine.
func NaN() []byte {
	const loadF64, storeF64 = 0x2b, 0x39
	var code []byte
	for i, op := range []byte{0xa0, 0xa1, 0xa2, 0xa3} { // add, sub, mul, div
		code = slices.Concat(code,
			i32(bytesAddress+64), constant(0x7ff8_0000_0000_0001), []byte{0x37, 3, 0},
			i32(bytesAddress+72), constant(-0x0007_ffff_ffff_fffe), []byte{0x37, 3, 0}, // 0xfff8_0000_0000_0002
			i32(bytesAddress+8*i),
			i32(bytesAddress+64), []byte{loadF64, 3, 0}, i32(bytesAddress+72), []byte{loadF64, 3, 0},
			[]byte{op, storeF64, 3, 0})
	}
	return spell(32, false, code)
}

// spell returns as a text, two letters a byte, the count bytes that code leaves at
// bytesAddress. With wasi, functions 0 and 1 are WASI's random_get and clock_time_get.
func spell(count int, wasi bool, code []byte) []byte {
	get := []byte{0x20, 2} // which byte
	load := slices.Concat(get, []byte{0x2d, 0}, unsigned(bytesAddress))
	store := func(offset int) []byte { return slices.Concat([]byte{0x3a, 0}, unsigned(uint64(offset))) }
	at := slices.Concat(get, i32(1), []byte{0x74}) // two letters each
	return assembled(askPages, "", map[bool]byte{true: 2}[wasi], slices.Concat(
		[]byte{1, 1, 0x7f}, code,
		i32(textAddress), i32('"'), store(0),
		[]byte{0x03, 0x40},
		at, load, i32(15), []byte{0x71}, i32('a'), []byte{0x6a}, store(textAddress+1),
		at, load, i32(4), []byte{0x76}, i32('a'), []byte{0x6a}, store(textAddress+2),
		get, i32(1), []byte{0x6a, 0x22, 2}, i32(count), []byte{0x49, 0x0d, 0, 0x0b},
		i32(2*count), i32('"'), store(textAddress+1),
		constant(textAddress<<32|int64(2*count+2)),
	))
}

// Entries has no default entry but these, each of which returns its name.
func Entries(names ...string) []byte {
	alloc := slices.Concat([]byte{0, 0x41}, signed(inputAddress))
	exports := [][]byte{export("memory", 2, 0), export("chainrun_alloc", 0, 0)}
	types, bodies := [][]byte{{0}}, [][]byte{body(alloc)}
	var text string
	for i, n := range names {
		document := fmt.Sprintf("%q", n)
		at := reply(document) + int64(len(text))<<32
		exports = append(exports, export("chainrun_run_v1:"+n, 0, byte(i+1)))
		types, bodies = append(types, []byte{1}), append(bodies, body(append([]byte{0}, constant(at)...)))
		text += document
	}
	const i32, i64, function = 0x7f, 0x7e, 0x60
	offset := append(append([]byte{0, 0x41}, signed(replyAddress)...), 0x0b)
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, vector([]byte{function, 1, i32, 1, i32}, []byte{function, 2, i32, i32, 1, i64})),
		section(3, vector(types...)),
		section(5, vector(append([]byte{0}, unsigned(memoryPages)...))),
		section(7, vector(exports...)),
		section(10, vector(bodies...)),
		section(11, vector(slices.Concat(offset, unsigned(uint64(len(text))), []byte(text)))))
}

func i32(v int) []byte { return append([]byte{0x41}, signed(int64(v))...) }

// reply is where a fixed text lies, as a run function returns it.
func reply(text string) int64 { return replyAddress<<32 | int64(len(text)) }

func constant(v int64) []byte { return append([]byte{0x42}, signed(v)...) }

// reactor assembles a module whose run function has the given body, without
// locals.
func reactor(data string, run ...byte) []byte {
	return assemble(memoryPages, data, false, append([]byte{0}, run...))
}

// assemble makes a module of its run function's locals and body. With asks it
// imports chainrun_v1.call as its function 0.
func assemble(pages uint64, data string, asks bool, run []byte) []byte {
	return assembled(pages, data, map[bool]byte{true: 1}[asks], run)
}

// assembled is assemble with this many imports: chainrun_v1.call, or the two of WASI.
func assembled(pages uint64, data string, imports byte, run []byte) []byte {
	const i32, i64, function = 0x7f, 0x7e, 0x60
	const wasi = "wasi_snapshot_preview1"
	alloc := slices.Concat([]byte{0, 0x41}, signed(min(inputAddress, int64(pages)<<15)))
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = append(m, section(1, vector(
		[]byte{function, 1, i32, 1, i32},
		[]byte{function, 2, i32, i32, 1, i64},
		[]byte{function, 8, i32, i32, i32, i32, i32, i32, i32, i32, 1, i64},
		[]byte{function, 2, i32, i32, 1, i32},
		[]byte{function, 3, i32, i64, i32, 1, i32}))...)
	first := imports
	switch imports {
	case 1:
		m = append(m, section(2, vector(slices.Concat(name("chainrun_v1"), name("call"), []byte{0, 2})))...)
	case 2:
		m = append(m, section(2, vector(
			slices.Concat(name(wasi), name("random_get"), []byte{0, 3}),
			slices.Concat(name(wasi), name("clock_time_get"), []byte{0, 4})))...)
	}
	m = append(m, section(3, vector([]byte{0}, []byte{1}))...)
	m = append(m, section(5, vector(append([]byte{0}, unsigned(pages)...)))...)
	m = append(m, section(7, vector(
		export("memory", 2, 0), export("chainrun_alloc", 0, first), export("chainrun_run_v1", 0, first+1)))...)
	m = append(m, section(10, vector(body(alloc), body(run)))...)
	if data != "" {
		offset := append(append([]byte{0, 0x41}, signed(replyAddress)...), 0x0b)
		m = append(m, section(11, vector(slices.Concat(offset, unsigned(uint64(len(data))), []byte(data))))...)
	}
	return m
}

func section(id byte, content []byte) []byte {
	return slices.Concat([]byte{id}, unsigned(uint64(len(content))), content)
}

func vector(items ...[]byte) []byte {
	return append(unsigned(uint64(len(items))), slices.Concat(items...)...)
}

func name(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func export(of string, kind, index byte) []byte {
	return slices.Concat(name(of), []byte{kind, index})
}

// body is a function's code: its locals and instructions, end.
func body(code []byte) []byte {
	code = slices.Concat(code, []byte{0x0b})
	return append(unsigned(uint64(len(code))), code...)
}

func unsigned(v uint64) []byte { return binary.AppendUvarint(nil, v) }

// signed is LEB128 of a signed number, as constants are written.
func signed(v int64) []byte {
	var b []byte
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && low&0x40 == 0) || (v == -1 && low&0x40 != 0) {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
