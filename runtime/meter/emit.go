package meter

// Writing one function body with its edits.

// How many units of fuel moving things costs: one for each full 64 bytes, whatever they are.
const (
	shiftBytes    = 6    // 64 bytes
	shiftElements = 3    // 8 table elements of 8 bytes
	unitsPerPage  = 1024 // 64 KiB
)

// Bits of the global that tells which growths were refused.
const (
	refusedMemory = 1
	refusedTable  = 2
)

// An emitter writes bodies into out. The indices are those of the rewritten module.
type emitter struct {
	out      []byte
	imported uint32 // imported functions of the original module: the indices from here on move up by one
	fuel     uint32 // the global with the fuel left
	bulk     uint32 // the global that sums what bulk operations cost
	depth    uint32 // the global with the call depth left
	refused  uint32 // the global with the growths that were refused
	refuel   uint32 // the function that calls the host
	results  resultType

	// of the current function
	f      *function
	local  uint32 // fuel; the scratch locals follow
	direct bool   // no local: fuel stays in the global
}

// A resultType is how a block with a function's results is written.
type resultType struct {
	index bool
	value uint32 // a type index, or the byte of a value type or of the empty type
}

// Scratch locals behind the fuel's own.
const (
	scratchUnits = 1 + iota // i64
	scratchLen              // i32
	scratchOld              // i32
)

func (e *emitter) u32(v uint32) {
	for ; v >= 0x80; v >>= 7 {
		e.out = append(e.out, byte(v)|0x80)
	}
	e.out = append(e.out, byte(v))
}

func (e *emitter) s64(v int64) {
	for v < -0x40 || v > 0x3f {
		e.out = append(e.out, byte(v)|0x80)
		v >>= 7
	}
	e.out = append(e.out, byte(v)&0x7f)
}

func (e *emitter) op(op ...byte) { e.out = append(e.out, op...) }

func (e *emitter) with(op byte, v uint32) {
	e.out = append(e.out, op)
	e.u32(v)
}

// store puts the local into the global.
func (e *emitter) store() {
	if !e.direct {
		e.with(opLocalGet, e.local)
		e.with(opGlobalSet, e.fuel)
	}
}

func (e *emitter) function(index uint32) uint32 {
	if index >= e.imported {
		return index + 1
	}
	return index
}

// body writes the body of f, whose bytes are code.
func (e *emitter) body(f *function, code []byte, results resultType) {
	e.f, e.local, e.results = f, f.locals, results
	// A leaf without loops is too short to be worth a local, and a check: its callers check.
	e.direct = !f.loops && !f.calls && !f.bulk && f.slots <= 3
	wrapped := !e.direct && f.wrapped
	e.declareLocals(code)
	if wrapped {
		e.op(opBlock)
		if results.index {
			e.s64(int64(results.value))
		} else {
			e.op(byte(results.value))
		}
	}
	if f.checksOnEntry() {
		f.edits[0].flags |= slotCheck
	}
	from := f.codePos
	for i := range f.edits {
		d := &f.edits[i]
		e.op(code[from:d.pos]...)
		e.edit(d, code)
		from = d.end
	}
	last := int32(len(code) - 1) // the function's end
	e.op(code[from:last]...)
	if wrapped {
		e.op(opEnd)
	}
	e.store()
	e.op(opEnd)
}

// declareLocals copies the declarations and adds ours at the end, so that no index moves.
func (e *emitter) declareLocals(code []byte) {
	groups := e.f.groups
	switch {
	case e.direct:
		e.u32(groups)
		e.op(code[e.f.groupsPos:e.f.codePos]...)
	case e.f.bulk:
		e.u32(groups + 2)
		e.op(code[e.f.groupsPos:e.f.codePos]...)
		e.op(2, typeI64, 2, typeI32)
	case e.f.deeper:
		e.u32(groups + 2)
		e.op(code[e.f.groupsPos:e.f.codePos]...)
		e.op(1, typeI64, 1, typeI32)
	default:
		e.u32(groups + 1)
		e.op(code[e.f.groupsPos:e.f.codePos]...)
		e.op(1, typeI64)
	}
}

func (e *emitter) edit(d *edit, code []byte) {
	switch d.kind {
	case editSlot:
		e.slot(d)
	case editCall, editIndirect:
		e.call(d, code)
	case editTail:
		e.store()
		e.with(opReturnCall, e.function(d.arg))
	case editTailIndirect, editTrap:
		e.store()
	case editReturn:
		if e.direct {
			e.op(opReturn)
		} else {
			e.with(opBr, uint32(d.depth-1))
		}
	case editLabel:
		e.u32(d.arg)
	case editBranchIf:
		e.op(opIf, typeEmpty)
		e.with(opBr, d.arg+1) // the if is a label too
		e.op(opEnd)
	case editLoop:
		e.loop(d, code)
	case editLoopEnd:
		e.op(opEnd)
	case editRefFunc:
		e.with(opRefFunc, e.function(d.arg))
	case editCallDead:
		e.with(opCall, e.function(d.arg))
	case editTailDead:
		e.with(opReturnCall, e.function(d.arg))
	case editBytes:
		e.length(shiftBytes)
	case editElements:
		e.length(shiftElements)
	case editGrow:
		e.grow(code[d.pos:d.end], unitsPerPage, 0, refusedMemory)
	case editTableGrow:
		e.grow(code[d.pos:d.end], 1, shiftElements, refusedTable)
	}
}

// loop opens two loops. The outer one sees to it that there is fuel; the inner one leaves to it when there is none. Where
// that gains nothing, or no check is needed, the outer one is a block: labels have been counted for two.
func (e *emitter) loop(d *edit, code []byte) {
	loop, typ := code[d.pos:d.end], code[d.pos+1:d.end]
	switch {
	case d.flags&loopOnce != 0:
		e.head(d)
		e.op(opBlock)
		e.op(typ...)
		e.op(opBlock)
		e.op(typ...)
	case d.flags&(loopSlow|loopFree) != 0:
		e.op(opBlock)
		e.op(typ...)
		e.op(loop...)
		e.head(d)
	default:
		e.op(loop...)
		e.head(d)
		e.op(loop...)
		e.with(opLocalGet, e.local)
		if d.flags&loopBare != 0 {
			e.constant(d.cost)
			e.op(opI64GeS, opIf, typeEmpty, opElse, opBr, 2, opEnd)
		} else {
			e.constant(d.cost)
			e.op(opI64LtS, opBrIf, 1) // takes the parameters along, which an if could not reach
		}
	}
}

// head looks whether there is fuel at the head of a loop, less what the loop owes there.
func (e *emitter) head(d *edit) {
	if d.flags&loopFree == 0 {
		e.with(opLocalGet, e.local)
		e.check(d.cost)
	}
}

func (e *emitter) constant(v int64) {
	e.op(opI64Const)
	e.s64(v)
}

// slot charges what the slot costs, and looks whether the slice is used up where it has to.
func (e *emitter) slot(d *edit) {
	check := d.flags&slotCheck != 0 && d.cost > 0 && !e.direct && d.flags&slotReload != 0
	from, to := opcodeIndex{opLocalGet, e.local}, opcodeIndex{opLocalSet, e.local}
	switch {
	case e.direct:
		from, to = opcodeIndex{opGlobalGet, e.fuel}, opcodeIndex{opGlobalSet, e.fuel}
	case d.flags&slotReload != 0:
		from = opcodeIndex{opGlobalGet, e.fuel}
	}
	switch {
	case d.cost != 0:
		e.with(from.op, from.index)
		e.op(opI64Const)
		e.s64(d.cost)
		e.op(opI64Sub)
	case d.flags&slotReload != 0 && !e.direct:
		e.with(from.op, from.index)
	default:
		return
	}
	if check {
		to.op = opLocalTee
	}
	e.with(to.op, to.index)
	if check {
		e.check(0)
	}
}

type opcodeIndex struct {
	op    byte
	index uint32
}

// check asks the host for another slice when the fuel on the stack, which is the local's, is below zero, apart from what is
// owed.
func (e *emitter) check(owed int64) {
	e.constant(owed)
	e.op(opI64GeS, opIf, typeEmpty, opElse)
	e.with(opLocalGet, e.local)
	if owed != 0 {
		e.constant(owed)
		e.op(opI64Sub)
	}
	e.with(opCall, e.refuel)
	if owed != 0 {
		e.constant(owed)
		e.op(opI64Add)
	}
	e.with(opLocalSet, e.local)
	e.op(opEnd)
}

// scratchDepth is a local of type i32, free at calls.
func (e *emitter) scratchDepth() uint32 {
	if e.f.bulk {
		return e.local + scratchLen
	}
	return e.local + 1
}

func (e *emitter) call(d *edit, code []byte) {
	e.store()
	deeper := d.flags&callDeeper != 0
	if deeper {
		e.with(opGlobalGet, e.depth)
		e.op(opI32Const, 1, opI32Sub)
		e.with(opLocalTee, e.scratchDepth())
		e.with(opGlobalSet, e.depth)
		e.with(opLocalGet, e.scratchDepth())
		e.op(opI32Const, 0, opI32GeS, opIf, typeEmpty, opElse, opUnreachable, opEnd)
	}
	if d.kind == editCall {
		e.with(opCall, e.function(d.arg))
	} else {
		e.op(code[d.pos:d.end]...)
	}
	if deeper {
		e.with(opGlobalGet, e.depth)
		e.op(opI32Const, 1, opI32Add)
		e.with(opGlobalSet, e.depth)
	}
}

// length charges for a bulk operation; its length is on the stack and stays there.
func (e *emitter) length(shift byte) {
	e.with(opLocalTee, e.local+scratchLen)
	e.with(opLocalGet, e.local+scratchLen)
	e.op(opI64ExtendI32U, opI64Const, shift, opI64ShrU)
	e.charge()
}

// grow runs an instruction that gives -1 when it fails. It charges for what was added, or notes the failure.
func (e *emitter) grow(instruction []byte, units int64, shift, refused byte) {
	e.with(opLocalTee, e.local+scratchLen)
	e.op(instruction...)
	e.with(opLocalTee, e.local+scratchOld)
	e.with(opLocalGet, e.local+scratchOld)
	e.op(opI32Const, 0x7f, opI32Ne, opI64ExtendI32U) // -1
	e.with(opLocalGet, e.local+scratchLen)
	e.op(opI64ExtendI32U, opI64Mul, opI64Const)
	e.s64(units)
	e.op(opI64Mul, opI64Const, shift, opI64ShrU)
	e.charge()
	e.with(opLocalGet, e.local+scratchOld)
	e.op(opI32Const, 0x7f, opI32Eq, opIf, typeEmpty)
	e.with(opGlobalGet, e.refused)
	e.op(opI32Const, refused, opI32Or)
	e.with(opGlobalSet, e.refused)
	e.op(opEnd)
}

// charge takes the number of units on the stack from the fuel, adds them to the sum, and checks.
func (e *emitter) charge() {
	e.with(opLocalSet, e.local+scratchUnits)
	e.with(opGlobalGet, e.bulk)
	e.with(opLocalGet, e.local+scratchUnits)
	e.op(opI64Add)
	e.with(opGlobalSet, e.bulk)
	e.with(opLocalGet, e.local)
	e.with(opLocalGet, e.local+scratchUnits)
	e.op(opI64Sub)
	e.with(opLocalTee, e.local)
	e.check(0)
}
