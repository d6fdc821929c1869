// Package moduletest makes small reactor modules for tests, byte by byte, so that
// a test needs neither a toolchain nor a committed binary.
package moduletest

import (
	"encoding/binary"
	"slices"
)

// Where the modules keep things: a fixed reply, and the host's input after it.
const (
	replyAddress = 1024
	inputAddress = 1 << 20
	memoryPages  = 300 // room for the largest document there may be
)

// Echo returns its input.
func Echo() []byte {
	return reactor("",
		0x20, 0, 0xad, 0x42, 32, 0x86, // (i64.extend_i32_u ptr) << 32
		0x20, 1, 0xad, 0x84, // | (i64.extend_i32_u len)
	)
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

// reply is where a fixed text lies, as a run function returns it.
func reply(text string) int64 { return replyAddress<<32 | int64(len(text)) }

func constant(v int64) []byte { return append([]byte{0x42}, signed(v)...) }

// reactor assembles a module whose run function has the given body.
func reactor(data string, run ...byte) []byte {
	const i32, i64, function = 0x7f, 0x7e, 0x60
	alloc := append([]byte{0x41}, signed(inputAddress)...)
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = append(m, section(1, vector(
		[]byte{function, 1, i32, 1, i32},
		[]byte{function, 2, i32, i32, 1, i64}))...)
	m = append(m, section(3, vector([]byte{0}, []byte{1}))...)
	m = append(m, section(5, vector(append([]byte{0}, unsigned(memoryPages)...)))...)
	m = append(m, section(7, vector(
		export("memory", 2, 0), export("chainrun_alloc", 0, 0), export("chainrun_run_v1", 0, 1)))...)
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

func export(name string, kind, index byte) []byte {
	return slices.Concat([]byte{byte(len(name))}, []byte(name), []byte{kind, index})
}

// body is a function's code: no locals, the instructions, end.
func body(code []byte) []byte {
	code = slices.Concat([]byte{0}, code, []byte{0x0b})
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
