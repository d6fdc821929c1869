package meter

// What one function does: its control flow, cut into slots that are charged at once, and the places to edit.

import "math"

// A slot is a place in the code together with all the instructions that run exactly as often as that place is passed,
// provided that no call or unreachable lies between them. So one charge, made at the place, pays for all of them, and
// fuel is still exact whenever control leaves the function: at a call, at an unreachable, at the end.
//
// Slots are found in one pass over the structured code. On entering a block the slot goes on. After a conditional branch
// it cannot: a new one begins. At the end of a construct that control cannot leave in another way than through that end,
// the slot from before the construct goes on, because whoever came in comes out.
const dead int32 = -1 // the slot of code that is never reached

// An edit is a place in a body where the rewriter does something other than copying.
type edit struct {
	kind  editKind
	flags editFlags
	depth int32  // how many labels there are in the rewritten code, the function's own included
	pos   int32  // where copying stops, relative to the body
	end   int32  // where copying goes on
	arg   uint32 // a function's index, or a label; of a slot, the scanner's looks where it begins
	cost  int64  // of a slot; of a loop, what it owes at its head
}

type editKind uint8

const (
	editSlot         editKind = iota // charge cost
	editCall                         // store fuel, call arg
	editIndirect                     // store fuel before a call_indirect
	editTail                         // store fuel, return_call arg
	editTailIndirect                 // store fuel before a return_call_indirect
	editReturn                       // branch to the flush
	editLabel                        // the label of a branch becomes arg
	editBranchIf                     // br_if to label arg, without values
	editLoop                         // a loop, which becomes two
	editLoopEnd                      // the end of such a loop
	editTrap                         // store fuel before unreachable
	editRefFunc                      // ref.func arg
	editCallDead                     // call arg, never reached
	editTailDead                     // return_call arg, never reached
	editBytes                        // a bulk operation over bytes, length on the stack
	editElements                     // a bulk operation over table elements, length on the stack
	editGrow                         // memory.grow, delta on the stack
	editTableGrow                    // table.grow, delta on the stack
)

type editFlags uint16

const (
	slotCheck  editFlags = 1 << iota // look whether the slice is used up
	slotReload                       // fuel is in the global, not in the local
	loopBare                         // the loop takes no parameters
	loopCalls                        // each turn of the loop calls function arg
	loopFree                         // the loop needs no check
	loopOnce                         // nothing goes back to the loop's head: it is a block
	loopSlow                         // there are calls in the loop that may come back
	callDeeper                       // the call counts against the depth
)

// A function is what the first pass learned of one body.
type function struct {
	edits     []edit
	locals    uint32 // parameters included
	groups    uint32 // local declarations as written
	groupsPos int32  // where the first of them lies
	codePos   int32  // where the instructions begin
	slots     int32
	loops     bool
	calls     bool
	wrapped   bool // something branches to the function's own label
	bulk      bool // needs the scratch locals
	deeper    bool // makes a call that counts against the depth
	early     bool // goes to a loop, which checks, before it makes a call
}

// A frame is an open block, loop, if, or the function itself.
type frame struct {
	op       byte  // opBlock, opLoop, opIf, opElse; 0 for the function
	loops    int32 // how many loops that become two there are up to and with this frame
	doubled  bool  // it is such a loop
	edit     int32 // of such a loop
	returns  int32 // of such a loop: what the scanner's returns were before it
	empty    bool  // of such a loop: it takes and gives no values
	before   int32 // of such a loop: the slot that leads to it
	back     int32 // of such a loop: the last of its backs; noBack: there is none yet
	fixed    bool  // of such a loop: what it owes at its head is nothing (see owe)
	bare     bool  // of such a loop, or of a block: a branch to it carries no values
	dead     bool  // it was entered in dead code
	branched bool  // a live branch aims at its end
	thenSlot int32
	entry    int32 // the slot before it
	escape   int32 // the lowest frame that control inside goes to, other than by reaching the end
}

// maxLocals bounds the locals of a function, as engines on the web do.
const maxLocals = 50000

// A scanner reads bodies. It keeps its buffers from one body to the next.
type scanner struct {
	body
	spaces
	frames []frame
	edits  []edit
	slot   int32
	cost   int64
	fn     function
	entry  int32 // the function's first slot

	returns int32  // how many calls of the function so far may come back
	looks   uint32 // how many places so far look at the fuel inside of a slot
	backs   []back

	constant    uint32 // what the last i32.const pushed
	constantEnd int    // where it ended
	comparedEnd int    // where the last comparison ended

	irreversible irreversible
	grows        bool // some body grows its memory or a table
}

// spaces are the sizes of the module's index spaces, as they were.
type spaces struct {
	types, functions, globals, tables, memories uint32
}

// scan reads one body. The edits of the result are appended to s.edits and share its memory.
func (s *scanner) scan(code []byte, base int, number, params uint32) (function, *InvalidError) {
	s.body = body{b: code, base: base, number: number}
	if len(code) > math.MaxInt32/2 {
		s.fail(0, "the body is too large", "")
		return function{}, s.err
	}
	s.fn, s.constantEnd, s.comparedEnd, s.returns, s.backs = function{}, -1, -1, 0, s.backs[:0]
	s.readLocals(params)
	first := len(s.edits)
	s.frames = append(s.frames[:0], frame{entry: dead})
	s.cost = 1 // Wasmtime charges one for entering a function
	s.entry = s.place(slotReload)
	s.slot = s.entry
	for len(s.frames) > 0 && s.err == nil {
		s.instruction()
	}
	if s.err == nil && s.pos != len(code) {
		s.fail(s.pos, "there are instructions behind the function's end", "")
	}
	s.fn.edits = s.edits[first:len(s.edits):len(s.edits)]
	return s.fn, s.err
}

func (s *scanner) readLocals(params uint32) {
	total := uint64(params)
	s.fn.groups = s.u32()
	s.fn.groupsPos = int32(s.pos)
	for i := uint32(0); i < s.fn.groups && s.err == nil; i++ {
		at := s.pos
		total += uint64(s.u32())
		s.valueType()
		if total > maxLocals {
			s.fail(at, "the function has more than 50000 locals", "")
		}
	}
	s.fn.locals = uint32(total)
	s.fn.codePos = int32(s.pos)
}

// place puts a new slot here.
func (s *scanner) place(flags editFlags) int32 {
	s.edits = append(s.edits, edit{kind: editSlot, flags: flags, pos: int32(s.pos), end: int32(s.pos), arg: s.looks})
	s.fn.slots++
	return int32(len(s.edits) - 1)
}

// turn ends the current slot and goes on with another.
func (s *scanner) turn(slot int32) {
	if s.slot != dead {
		s.edits[s.slot].cost += s.cost
	}
	s.cost = 0
	s.slot = slot
}

// leave notes that control may leave the innermost frame towards another, -1 meaning the function's caller or nowhere.
func (s *scanner) leave(to int32) {
	top := &s.frames[len(s.frames)-1]
	top.escape = min(top.escape, to)
}

// aim reads a label and notes the branch to it. It gives the label, by how much it grows in the rewritten code, and the
// frame that it is of. A plain branch is always taken and has one label.
func (s *scanner) aim(plain bool) (label, more uint32, frame *frame) {
	at := s.pos
	label = s.u32()
	if uint64(label) >= uint64(len(s.frames)) {
		// The rewriter adds labels outside of the function's own. A branch to one of them must not become valid.
		s.fail(at, "a branch aims outside of the function", "")
		return 0, 0, &s.frames[0]
	}
	top := len(s.frames) - 1
	to := top - int(label)
	more, frame = uint32(s.frames[top].loops-s.frames[to].loops), &s.frames[to]
	if s.slot == dead {
		return label, more, frame
	}
	frame.branched = true
	if !plain || !s.fresh() {
		frame.fixed = true
	} else if frame.doubled && !frame.fixed {
		s.backs = append(s.backs, back{s.slot, frame.back})
		frame.back = int32(len(s.backs) - 1)
	}
	s.fn.wrapped = s.fn.wrapped || to == 0
	s.leave(int32(to))
	return label, more, frame
}

// label is aim for branches that stay as they are but for the label.
func (s *scanner) label(plain bool) {
	at := s.pos
	if label, more, _ := s.aim(plain); more > 0 {
		s.note(editLabel, at, label+more)
	}
}

// note records an edit that replaces what lies between start and the current position.
func (s *scanner) note(kind editKind, start int, arg uint32) {
	s.edits = append(s.edits, edit{
		kind: kind, depth: int32(len(s.frames)) + s.frames[len(s.frames)-1].loops, pos: int32(start), end: int32(s.pos), arg: arg,
	})
}

// open enters a block, a loop or an if.
func (s *scanner) open(op byte) {
	n := int32(len(s.frames))
	s.frames = append(s.frames, frame{
		op: op, dead: s.slot == dead, entry: s.slot, escape: n, loops: s.frames[n-1].loops,
	})
}

func (s *scanner) atElse(at int) {
	f := &s.frames[len(s.frames)-1]
	if f.op != opIf {
		s.fail(at, "else without if", "")
		return
	}
	f.op, f.thenSlot = opElse, s.slot
	if f.dead {
		return
	}
	s.turn(s.place(0))
}

func (s *scanner) atEnd() {
	n := int32(len(s.frames) - 1)
	f := s.frames[n]
	if f.doubled {
		s.note(editLoopEnd, s.pos, 0)
		loop := &s.edits[f.edit]
		if f.empty && !f.branched {
			loop.flags |= loopOnce
		}
		if f.returns < s.returns {
			loop.flags |= loopSlow
		}
		s.owe(&f)
	}
	s.frames = s.frames[:n]
	if n == 0 {
		s.turn(dead)
		return
	}
	if f.dead {
		return
	}
	s.leave(f.escape)
	escapes := f.escape < n
	branched := f.branched && f.op != opLoop
	switch live := s.slot != dead; {
	case f.op == opIf: // without else: whoever skips it comes out here too
		if escapes {
			s.turn(s.place(0))
		} else {
			s.turn(f.entry)
		}
	case !live && !branched && (f.op != opElse || f.thenSlot == dead):
		// Nobody comes out. The slot is dead already.
	case !escapes:
		s.turn(f.entry)
	case branched || f.op == opElse && live && f.thenSlot != dead:
		s.turn(s.place(0))
	case f.op == opElse && !live:
		s.turn(f.thenSlot)
	}
}

// fresh reports whether nothing has looked at the fuel since the current slot began.
func (s *scanner) fresh() bool { return s.edits[s.slot].arg == s.looks }

// A back is a slot that ends in a branch to the head of a loop.
type back struct {
	slot int32
	next int32 // another one of the same loop, or noBack
}

const noBack int32 = -1

// owe lets a loop charge at its head what the slots that lead there cost, if they cost the same, so that they need not
// charge. Go jumps through the heads of loops, in slots that cost 3. Until the charge, which comes after the look at the
// head, the local has so much too much; nothing else looks at it on the way.
func (s *scanner) owe(f *frame) {
	if f.fixed || f.back == noBack {
		return
	}
	// The cost of more than half of them, if there is such a one.
	cost, votes := int64(0), 0
	for i := f.back; i != noBack; i = s.backs[i].next {
		switch c := s.edits[s.backs[i].slot].cost; {
		case votes == 0:
			cost, votes = c, 1
		case c == cost:
			votes++
		default:
			votes--
		}
	}
	for i := f.back; i != noBack; i = s.backs[i].next {
		s.edits[s.backs[i].slot].cost -= cost
	}
	s.edits[f.before].cost -= cost
	s.edits[f.edit].cost = cost
	s.edits[f.edit+1].cost += cost // the slot at the head
}
