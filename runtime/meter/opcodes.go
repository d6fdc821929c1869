package meter

// How instructions are encoded: which immediates follow each opcode.

// Opcodes that the meter treats specially.
const (
	opUnreachable        = 0x00
	opBlock              = 0x02
	opLoop               = 0x03
	opIf                 = 0x04
	opElse               = 0x05
	opEnd                = 0x0b
	opBr                 = 0x0c
	opBrIf               = 0x0d
	opBrTable            = 0x0e
	opReturn             = 0x0f
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12
	opReturnCallIndirect = 0x13
	opLocalGet           = 0x20
	opLocalSet           = 0x21
	opLocalTee           = 0x22
	opGlobalGet          = 0x23
	opGlobalSet          = 0x24
	opTableSet           = 0x26
	opMemoryGrow         = 0x40
	opI32Const           = 0x41
	opI64Const           = 0x42
	opF32Const           = 0x43
	opF64Const           = 0x44
	opI32Eqz             = 0x45
	opI32Eq              = 0x46
	opI32Ne              = 0x47
	opI32GeS             = 0x4e
	opI64LtS             = 0x53
	opI64GeS             = 0x59
	opF64Ge              = 0x66
	opI32Add             = 0x6a
	opI32Sub             = 0x6b
	opI32Or              = 0x72
	opI64Add             = 0x7c
	opI64Sub             = 0x7d
	opI64Mul             = 0x7e
	opI64ShrU            = 0x88
	opI64ExtendI32U      = 0xad
	opRefNull            = 0xd0
	opRefFunc            = 0xd2
	opMisc               = 0xfc
	opVector             = 0xfd
)

// Opcodes behind the prefix 0xfc.
const (
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

const (
	typeEmpty = 0x40
	typeI32   = 0x7f
	typeI64   = 0x7e
)

// A shape says what follows an opcode.
type shape uint8

const (
	shapeRefused shape = iota // not an instruction of WebAssembly 2.0
	shapePlain                // nothing follows, costs one
	shapeFree                 // nothing follows, costs nothing
	shapeControl              // handled one by one
	shapeLocal                // a local's index
	shapeGlobal               // a global's index
	shapeTable                // a table's index
	shapeMemArg               // alignment and offset
	shapeMemory               // a memory's index
	shapeI32                  // a constant
	shapeI64
	shapeF32
	shapeF64
	shapeSelect // a vector of types
	shapeRefType
)

var shapes = func() (t [256]shape) {
	fill := func(from, to int, s shape) {
		for i := from; i <= to; i++ {
			t[i] = s
		}
	}
	fill(0x45, 0xc4, shapePlain)   // comparison, arithmetic, conversion
	fill(0x28, 0x3e, shapeMemArg)  // load and store
	fill(0x20, 0x22, shapeLocal)   // local.get, set, tee
	fill(0x23, 0x24, shapeGlobal)  // global.get, set
	fill(0x25, 0x26, shapeTable)   // table.get, set
	fill(0x3f, 0x40, shapeMemory)  // memory.size, grow
	fill(0x00, 0x05, shapeControl) // unreachable, nop, block, loop, if, else
	fill(0x0b, 0x13, shapeControl) // end, br, br_if, br_table, return, calls
	t[0x01] = shapeFree            // nop
	t[0x1a] = shapeFree            // drop
	t[0x1b] = shapePlain           // select
	t[0x1c] = shapeSelect
	t[opI32Const] = shapeI32
	t[opI64Const] = shapeI64
	t[opF32Const] = shapeF32
	t[opF64Const] = shapeF64
	t[opRefNull] = shapeRefType
	t[0xd1] = shapePlain // ref.is_null
	t[opRefFunc] = shapeControl
	t[opMisc] = shapeControl
	t[opVector] = shapeControl
	return t
}()

// refusal explains an opcode that is not taken: the extension that it belongs to and what to do.
func refusal(op byte) (text, hint string) {
	switch op {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return "exception handling is not supported", "build without exceptions (C++: -fno-exceptions; Rust: panic=abort)"
	case 0x14, 0x15, 0xd3, 0xd4, 0xd5, 0xd6, 0xfb:
		return "typed references and garbage collection are not supported", "build for WebAssembly 2.0"
	case 0xfe:
		return "threads and atomic operations are not supported", "build without -pthread and -matomics"
	}
	return "unknown instruction", ""
}

// Vector instructions (behind 0xfd) by what follows them.
func vectorShape(sub uint32) (memArg bool, extra int, ok bool) {
	switch {
	case sub <= 11 || sub == 92 || sub == 93: // loads, stores
		return true, 0, true
	case sub == 12 || sub == 13: // const, shuffle
		return false, 16, true
	case sub >= 21 && sub <= 34: // extract_lane, replace_lane
		return false, 1, true
	case sub >= 84 && sub <= 91: // load_lane, store_lane
		return true, 1, true
	case sub <= 0xff:
		return false, 0, true
	}
	return false, 0, false
}
