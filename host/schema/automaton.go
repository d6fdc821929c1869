package schema

// Small patterns as tables: what regexp finds, for texts of ASCII characters, in a step
// a character. Almost every pattern of a schema is small, and almost every text that is
// held against one is short: regexp then takes as long to begin as to match.

import (
	"encoding/binary"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
)

// The bounds of what is made a table of: it is made once a pattern, and a schema may
// have thousands.
const (
	maxInstructions = 64
	maxStates       = 48
	maxClasses      = 32
)

// pattern is a regular expression that texts are held against. Safe for concurrent use.
type pattern struct {
	regexp *regexp.Regexp
	size   int // see patternSize

	once  sync.Once
	table *automaton // nil: there is none
}

func newPattern(re *regexp.Regexp) *pattern {
	return &pattern{regexp: re, size: patternSize(re.String())}
}

// match reports whether there is a match somewhere in the text.
func (p *pattern) match(text []byte) bool {
	p.once.Do(func() { p.table = newAutomaton(p.regexp.String()) })
	if p.table != nil {
		if matched, known := p.table.match(text); known {
			return matched
		}
	}
	return p.regexp.Match(text)
}

// automaton goes from state to state with each character.
type automaton struct {
	class   [128]uint8 // of characters that all instructions treat alike
	classes int
	next    []uint8 // by state and class
	ends    []bool  // by state: a text that ends here matches
}

// The first states.
const (
	hopeless   = iota // there is no match, whatever comes
	matched           // there is one
	firstState        // before the first character
)

// match is not known of a text with other characters than ASCII's, where it depends on
// them.
func (a *automaton) match(text []byte) (yes, known bool) {
	state := uint8(firstState)
	for _, c := range text {
		if c >= 128 {
			return false, false
		}
		state = a.next[int(state)*a.classes+int(a.class[c])]
		if state <= matched {
			return state == matched, true
		}
	}
	return a.ends[state], true
}

// newAutomaton makes the automaton of a pattern that regexp can compile; nil where that
// would be too large, or looks at the characters around a place (\b, and lines).
func newAutomaton(source string) *automaton {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || len(prog.Inst) > maxInstructions {
		return nil
	}
	for _, i := range prog.Inst {
		if op := syntax.EmptyOp(i.Arg); i.Op == syntax.InstEmptyWidth && op != syntax.EmptyBeginText && op != syntax.EmptyEndText {
			return nil
		}
	}
	b := automatonBuilder{prog: prog, known: map[string]uint8{}}
	if !b.classify() {
		return nil
	}
	b.states = make([][]uint32, firstState, maxStates)
	first := b.closure(nil, uint32(prog.Start), true, false)
	b.add(first)
	again := b.closure(nil, uint32(prog.Start), false, false) // a match may begin later
	for state := firstState; state < len(b.states); state++ {
		for class := range b.classes {
			to, ok := b.follow(b.states[state], b.sample[class], again)
			if !ok {
				return nil
			}
			if state == firstState && slices.ContainsFunc(first, b.isMatch) {
				to = matched
			}
			b.next = append(b.next, to)
		}
	}
	b.ends = make([]bool, len(b.states))
	for state := firstState; state < len(b.states); state++ {
		for _, at := range b.states[state] {
			b.ends[state] = b.ends[state] || slices.ContainsFunc(b.closure(nil, at, state == firstState, true), b.isMatch)
		}
	}
	return &b.automaton
}

// automatonBuilder makes one: each state is the set of the instructions at which regexp
// could be, sorted.
type automatonBuilder struct {
	automaton
	prog   *syntax.Prog
	sample []byte // of each class
	states [][]uint32
	known  map[string]uint8
}

// classify sorts the characters by which instructions take them.
func (b *automatonBuilder) classify() bool {
	classes := map[[maxInstructions]bool]uint8{}
	for c := range len(b.class) {
		var takes [maxInstructions]bool
		for at := range b.prog.Inst {
			takes[at] = b.takes(uint32(at), byte(c))
		}
		class, ok := classes[takes]
		if !ok {
			if class = uint8(len(classes)); len(classes) == maxClasses {
				return false
			}
			classes[takes] = class
			b.sample = append(b.sample, byte(c))
		}
		b.class[c] = class
	}
	b.classes = len(classes)
	b.next = make([]uint8, firstState*b.classes, maxStates*b.classes)
	return true
}

func (b *automatonBuilder) takes(at uint32, c byte) bool {
	switch i := &b.prog.Inst[at]; i.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return i.MatchRune(rune(c))
	default:
		return false
	}
}

func (b *automatonBuilder) isMatch(at uint32) bool { return b.prog.Inst[at].Op == syntax.InstMatch }

// closure adds to a set where regexp gets from an instruction without a character, at
// the beginning of the text and at its end or not.
func (b *automatonBuilder) closure(set []uint32, at uint32, atBegin, atEnd bool) []uint32 {
	place, found := slices.BinarySearch(set, at)
	if found {
		return set
	}
	set = slices.Insert(set, place, at)
	switch i := &b.prog.Inst[at]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return b.closure(b.closure(set, i.Out, atBegin, atEnd), i.Arg, atBegin, atEnd)
	case syntax.InstCapture, syntax.InstNop:
		return b.closure(set, i.Out, atBegin, atEnd)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(i.Arg) == syntax.EmptyBeginText && atBegin || syntax.EmptyOp(i.Arg) == syntax.EmptyEndText && atEnd {
			return b.closure(set, i.Out, atBegin, atEnd)
		}
	default:
	}
	return set
}

// follow gives the state after a character; false: there are too many.
func (b *automatonBuilder) follow(from []uint32, c byte, again []uint32) (uint8, bool) {
	var set []uint32
	for _, at := range from {
		if b.takes(at, c) {
			set = b.closure(set, b.prog.Inst[at].Out, false, false)
		}
	}
	for _, at := range again {
		set = b.closure(set, at, false, false)
	}
	switch {
	case slices.ContainsFunc(set, b.isMatch):
		return matched, true
	case !slices.ContainsFunc(set, b.mayGoOn):
		return hopeless, true
	}
	return b.add(set)
}

// mayGoOn reports whether something may follow from an instruction after the beginning
// of the text.
func (b *automatonBuilder) mayGoOn(at uint32) bool {
	switch i := &b.prog.Inst[at]; i.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(i.Arg) == syntax.EmptyEndText
	default:
		return false
	}
}

// add gives the number of a state. The one at the beginning is none of the others.
func (b *automatonBuilder) add(set []uint32) (uint8, bool) {
	key := make([]byte, 0, 4*len(set))
	for _, at := range set {
		key = binary.LittleEndian.AppendUint32(key, at)
	}
	if state, ok := b.known[string(key)]; ok {
		return state, true
	}
	if len(b.states) == maxStates {
		return 0, false
	}
	state := uint8(len(b.states))
	if state != firstState {
		b.known[string(key)] = state
	}
	b.states = append(b.states, set)
	return state, true
}
