package module

// What a module is made of.

import (
	"slices"
	"strings"
)

// A ValueType is the type of a parameter, a result, a local or a global, in its binary encoding.
type ValueType byte

// The value types of WebAssembly 2.0.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

// String gives the type's name in the text format.
func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown"
}

// A Kind says what an import or an export is, in its binary encoding.
type Kind byte

// The kinds of imports and exports.
const (
	KindFunction Kind = 0
	KindTable    Kind = 1
	KindMemory   Kind = 2
	KindGlobal   Kind = 3
)

// String gives the kind's name in the text format.
func (k Kind) String() string {
	switch k {
	case KindFunction:
		return "function"
	case KindTable:
		return "table"
	case KindMemory:
		return "memory"
	case KindGlobal:
		return "global"
	}
	return "unknown"
}

// A Module is one core WebAssembly module, read but not run. It is read-only and safe for concurrent use.
//
// Index spaces are as in the specification: imports first, then definitions. Functions, Tables, Memories, Globals and
// Code hold definitions only.
type Module struct {
	Bytes  []byte // the file, not copied, never modified
	Digest string // "sha256:<hex>" of Bytes

	Sections  []Section // in file order
	Types     []FuncType
	Imports   []Import
	Functions []uint32 // the type index of each defined function
	Tables    []Table
	Memories  []Memory
	Globals   []Global
	Exports   []Export
	Start     *uint32 // a function index; nil when there is no start function
	Elements  []Element
	Data      []DataSegment
	DataCount *uint32 // nil when the section is absent
	Code      []Body  // the body of each defined function

	Names map[uint32]string // function names from the name section; best effort, may be nil

	counts   [4]uint32      // imports by kind
	imported []uint32       // the type index of each imported function
	exported map[string]int // where an export lies in Exports
}

// A Section is one section as it lies in the file.
type Section struct {
	ID     byte
	Name   string // custom sections only
	Offset int    // of Data, in the file
	Data   []byte // the content; of a custom section what follows its name
}

// A FuncType is a function's signature.
type FuncType struct {
	Params, Results []ValueType
}

// Equal reports whether two signatures are the same.
func (t FuncType) Equal(o FuncType) bool {
	return slices.Equal(t.Params, o.Params) && slices.Equal(t.Results, o.Results)
}

// String gives the signature as "(i32, i32) -> i64", or "()" for none of both.
func (t FuncType) String() string {
	var b strings.Builder
	list := func(types []ValueType) {
		b.WriteByte('(')
		for i, v := range types {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.String())
		}
		b.WriteByte(')')
	}
	list(t.Params)
	switch len(t.Results) {
	case 0:
	case 1:
		b.WriteString(" -> " + t.Results[0].String())
	default:
		b.WriteString(" -> ")
		list(t.Results)
	}
	return b.String()
}

// An Import is something that the module needs from its host. Which field holds its type depends on Kind.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         uint32 // KindFunction: an index into Types
	Table        Table
	Memory       Memory
	Global       GlobalType
}

// A Table is a table's type.
type Table struct {
	Element  ValueType
	Min, Max uint32 // in elements; Max counts only with HasMax
	HasMax   bool
}

// A Memory is a memory's type.
type Memory struct {
	Min, Max uint32 // in pages of 64 KiB; Max counts only with HasMax
	HasMax   bool
}

// A GlobalType is a global's type.
type GlobalType struct {
	Type    ValueType
	Mutable bool
}

// A Global is a defined global.
type Global struct {
	GlobalType
	Init Expr
}

// An Expr is a constant expression: its bytes, the final end (0x0b) included. [Read] has checked that it holds only
// constant instructions and indices that exist, not that its type is right.
type Expr []byte

// An Export is something that the module gives to its host.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32
}

// A SegmentMode says when a segment is used.
type SegmentMode byte

// The modes of segments. A data segment is never declarative.
const (
	Active SegmentMode = iota
	Passive
	Declarative
)

// An Element is an element segment. Its items are either function indices or constant expressions; the other is nil.
type Element struct {
	Mode      SegmentMode
	Table     uint32 // Active only
	Offset    Expr   // Active only
	Type      ValueType
	Functions []uint32
	Exprs     []Expr
}

// A DataSegment is a data segment.
type DataSegment struct {
	Mode   SegmentMode
	Memory uint32 // Active only
	Offset Expr   // Active only
	Init   []byte
}

// A Body is the body of a defined function: its local declarations and its instructions.
type Body struct {
	Offset int // of Data, in the file
	Data   []byte
}

// ImportCount gives the number of imports of one kind, which is the index of the first definition of that kind.
func (m *Module) ImportCount(k Kind) uint32 {
	if int(k) >= len(m.counts) {
		return 0
	}
	return m.counts[k]
}

// FunctionType gives the signature of a function by its index, imports included.
func (m *Module) FunctionType(index uint32) (FuncType, bool) {
	imported := m.counts[KindFunction]
	if index >= imported {
		if uint64(index-imported) >= uint64(len(m.Functions)) {
			return FuncType{}, false
		}
		return m.Types[m.Functions[index-imported]], true
	}
	return m.Types[m.imported[index]], true
}

// Export finds an export by its name.
func (m *Module) Export(name string) (Export, bool) {
	i, ok := m.exported[name]
	if !ok {
		return Export{}, false
	}
	return m.Exports[i], true
}
