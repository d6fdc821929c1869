package meter

// One instruction after the other: what it costs, what it refers to, where it goes.

// instruction reads the next instruction, counts it, and notes what the rewriter has to do.
func (s *scanner) instruction() {
	at := s.pos
	op := s.byte()
	switch shapes[op] {
	case shapePlain:
		s.cost++
		if op >= opI32Eqz && op <= opF64Ge {
			s.comparedEnd = s.pos
		}
	case shapeFree:
	case shapeLocal:
		s.cost++
		s.index("local", s.fn.locals)
	case shapeMemArg:
		s.cost++
		s.memArg(s.memories)
	case shapeI32:
		s.cost++
		s.constant = uint32(s.i32())
		s.constantEnd = s.pos
	case shapeI64:
		s.cost++
		s.skipLEB(10)
	case shapeF32:
		s.cost++
		s.skip(4)
	case shapeF64:
		s.cost++
		s.skip(8)
	case shapeGlobal:
		s.cost++
		s.index("global", s.globals)
	case shapeTable:
		s.cost++
		s.index("table", s.tables)
		if op == opTableSet {
			s.irreversible.note("table.set", s.number)
		}
	case shapeMemory:
		s.cost++
		s.memory(s.memories)
		if op == opMemoryGrow {
			s.bulk(editGrow, at)
		}
	case shapeSelect:
		s.cost++
		for n := s.u32(); n > 0 && s.err == nil; n-- {
			s.valueType()
		}
	case shapeRefType:
		s.cost++
		s.valueType()
	case shapeControl:
		s.control(op, at)
	case shapeRefused:
		text, hint := refusal(op)
		s.fail(at, text, hint)
	}
}

func (s *scanner) control(op byte, at int) {
	live := s.slot != dead
	switch op {
	case opBlock:
		empty := s.pos < len(s.b) && s.b[s.pos] == typeEmpty
		s.blockType(s.types)
		s.open(op)
		s.frames[len(s.frames)-1].bare = empty
	case opLoop:
		empty := s.pos < len(s.b) && s.b[s.pos] == typeEmpty
		bare := s.blockType(s.types)
		s.open(op)
		if live {
			s.fn.loops = true
			s.fn.early = s.fn.early || s.slot == s.entry && !s.fn.calls
			s.note(editLoop, at, 0)
			if bare {
				s.edits[len(s.edits)-1].flags = loopBare
			}
			top := &s.frames[len(s.frames)-1]
			top.loops++
			top.doubled, top.bare, top.empty = true, bare, empty
			top.edit, top.returns = int32(len(s.edits)-1), s.returns
			top.before, top.back, top.fixed = s.slot, noBack, !s.fresh()
			s.looks++
			s.turn(s.place(slotCheck))
		}
	case opIf:
		s.cost++
		s.blockType(s.types)
		s.open(op)
		if live {
			s.turn(s.place(0))
		}
	case opElse:
		s.atElse(at)
	case opEnd:
		s.atEnd()
	case opBr:
		s.cost++
		s.label(true)
		s.turn(dead)
	case opBrIf:
		s.cost++
		operand, loops := s.pos, s.frames[len(s.frames)-1].loops
		switch label, more, frame := s.aim(false); {
		case live && frame.bare && (frame.doubled || loops == 0 && s.comparedEnd == at):
			s.note(editBranchIf, at, label+more)
		case more > 0:
			s.note(editLabel, operand, label+more)
		}
		if live {
			s.turn(s.place(0))
		}
	case opBrTable:
		s.cost++
		n := s.u32()
		for i := uint64(0); i <= uint64(n) && s.err == nil; i++ { // n labels and the default
			s.label(false)
		}
		s.turn(dead)
	case opReturn:
		if live {
			s.note(editReturn, at, 0)
			s.fn.wrapped = true
			s.leave(0)
			s.turn(dead)
		}
	case opUnreachable:
		if live {
			s.trap(at)
		}
	case opCall, opReturnCall, opCallIndirect, opReturnCallIndirect:
		s.call(op, at)
	case opRefFunc:
		s.cost++
		f := s.index("function", s.functions)
		s.note(editRefFunc, at, f)
	case opMisc:
		s.misc(at)
	case opVector:
		s.vector(at)
	}
}

func (s *scanner) call(op byte, at int) {
	live := s.slot != dead
	s.cost++
	var kind editKind
	var target uint32
	switch op {
	case opCall, opReturnCall:
		target = s.index("function", s.functions)
		switch {
		case op == opCall && live:
			kind = editCall
			s.callAtHead(target)
		case op == opCall:
			kind = editCallDead
		case live:
			kind = editTail
		default:
			kind = editTailDead
		}
		s.note(kind, at, target)
	default:
		s.index("type", s.types)
		s.index("table", s.tables)
		switch {
		case live && op == opCallIndirect:
			s.note(editIndirect, at, 0)
		case live:
			s.before(editTailIndirect, at)
		}
	}
	if !live {
		return
	}
	s.fn.calls = true
	s.leave(-1) // a call may not come back
	if op == opReturnCall || op == opReturnCallIndirect {
		s.turn(dead)
		return
	}
	s.returns++
	s.turn(s.place(slotReload))
}

// callAtHead notes the first call that each turn of a loop makes, if that is what this call is.
func (s *scanner) callAtHead(target uint32) {
	if s.edits[s.slot].flags&slotCheck == 0 {
		return
	}
	if loop := &s.edits[s.slot-1]; loop.flags&loopCalls == 0 {
		loop.flags |= loopCalls
		loop.arg = target
	}
}

// bulk notes an operation whose work depends on a number on the stack.
func (s *scanner) bulk(kind editKind, at int) {
	if s.slot == dead {
		return
	}
	if kind == editBytes && s.constantEnd == at && s.constant>>shiftBytes == 0 {
		return // what compilers make of a small memcpy: too short to cost anything
	}
	s.fn.bulk = true
	s.looks++
	if kind == editBytes || kind == editElements {
		s.before(kind, at)
		return
	}
	s.grows = true
	s.note(kind, at, 0)
}

// before records an edit that puts something in front of the instruction at start, which is copied.
func (s *scanner) before(kind editKind, start int) {
	s.note(kind, start, 0)
	s.edits[len(s.edits)-1].end = int32(start)
}

func (s *scanner) misc(at int) {
	s.cost++
	switch sub := s.u32(); sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating conversions
	case miscMemoryInit:
		s.u32() // the engine checks data indices: the rewriter adds no segments
		s.memory(s.memories)
		s.bulk(editBytes, at)
	case miscDataDrop:
		s.u32()
		s.irreversible.note("data.drop", s.number)
	case miscMemoryCopy:
		s.memory(s.memories)
		s.memory(s.memories)
		s.bulk(editBytes, at)
	case miscMemoryFill:
		s.memory(s.memories)
		s.bulk(editBytes, at)
	case miscTableInit:
		s.u32()
		s.index("table", s.tables)
		s.irreversible.note("table.init", s.number)
		s.bulk(editElements, at)
	case miscElemDrop:
		s.u32()
		s.irreversible.note("elem.drop", s.number)
	case miscTableCopy:
		s.index("table", s.tables)
		s.index("table", s.tables)
		s.irreversible.note("table.copy", s.number)
		s.bulk(editElements, at)
	case miscTableGrow:
		s.index("table", s.tables)
		s.irreversible.note("table.grow", s.number)
		s.bulk(editTableGrow, at)
	case miscTableSize:
		s.index("table", s.tables)
	case miscTableFill:
		s.index("table", s.tables)
		s.irreversible.note("table.fill", s.number)
		s.bulk(editElements, at)
	default:
		s.fail(at, "unknown instruction", "")
	}
}

func (s *scanner) vector(at int) {
	s.cost++
	sub := s.u32()
	memArg, extra, ok := vectorShape(sub)
	if !ok {
		s.fail(at, "relaxed SIMD is not supported: its results differ between machines", "build without -mrelaxed-simd")
		return
	}
	if memArg {
		s.memArg(s.memories)
	}
	s.skip(extra)
}

// trap is an unreachable in live code.
func (s *scanner) trap(at int) {
	s.leave(-1)
	if s.edits[s.slot].flags&slotReload != 0 && s.slot != s.entry {
		s.returns-- // the call before does not come back
		if int(s.slot) == len(s.edits)-1 && s.cost == 0 {
			s.edits = s.edits[:s.slot] // and has left the fuel as it is to be
			s.fn.slots--
			s.slot = dead
			return
		}
	}
	s.before(editTrap, at)
	s.turn(dead)
}
