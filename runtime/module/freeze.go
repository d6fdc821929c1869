package module

// Writing a module that begins where an instance of another one stands.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A State is what an instance has come to: its whole linear memory, in pages of 64 KiB, and the bits of each mutable
// global that the module defines, in order.
type State struct {
	Memory  []byte
	Globals []uint64
}

// A Binding is an export that calls another exported function with its first parameter, an i32, given.
type Binding struct {
	Export string // the new export's name
	To     string // the name of an exported function whose first parameter is an i32
	First  uint32
}

// The gap of zeros that ends a data segment, and how many segments there may be before longer gaps are wanted.
const (
	segmentGap  = 24
	segmentsMax = 10_000
)

// Freeze gives a module that starts in the state of an instance of m: its memory and its mutable globals begin with
// what the state holds. Of m's exports it keeps those that keep names and adds the bindings; a start function and
// custom sections other than "name" are left out. Tables begin as m declares them, so a state belongs to a module that
// does not change them. Equal arguments give equal bytes.
func Freeze(m *Module, s State, keep []string, bindings []Binding) ([]byte, error) {
	f := freezer{m: m, state: s, types: m.Types}
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := f.bind(keep, bindings); err != nil {
		return nil, err
	}
	segments, count := dataSegments(s.Memory)

	out := slices.Clone(m.Bytes[:8])
	section := func(id byte, content []byte) {
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(content)))
		out = append(out, content...)
	}
	for _, old := range m.Sections {
		switch old.ID {
		case SectionType:
			section(old.ID, f.typeSection(old.Data))
		case SectionFunction:
			section(old.ID, extended(old.Data, f.functionTypes, appendIndex))
		case SectionMemory:
			section(old.ID, f.memorySection())
		case SectionGlobal:
			section(old.ID, f.globalSection())
		case SectionExport:
			section(old.ID, extended([]byte{0}, f.exports, appendExport))
		case SectionCode:
			section(old.ID, extended(old.Data, f.bodies, appendBytes))
		case SectionDataCount:
			section(old.ID, binary.AppendUvarint(nil, uint64(count)))
		case SectionStart, SectionData, SectionCustom:
			// The data comes last, and whether m has any or not.
		default:
			section(old.ID, old.Data)
		}
	}
	section(SectionData, append(binary.AppendUvarint(nil, uint64(count)), segments...))
	for _, old := range m.Sections {
		if old.ID == SectionCustom && old.Name == "name" {
			section(SectionCustom, slices.Concat([]byte("\x04name"), old.Data))
		}
	}
	return out, nil
}

// A freezer is one call of Freeze.
type freezer struct {
	m     *Module
	state State
	types []FuncType // those of m and what bindings add

	exports       []Export
	functionTypes []uint32
	bodies        [][]byte
}

func (f *freezer) check() error {
	m := f.m
	if len(m.Memories) != 1 || len(m.Bytes) < 8 {
		return errors.New("freezing a module: it does not define one memory")
	}
	if n := len(f.state.Memory); n%(64<<10) != 0 || n>>16 > math.MaxUint16+1 {
		return fmt.Errorf("freezing a module: a memory of %d bytes is no number of pages", n)
	} else if most := m.Memories[0]; most.HasMax && n>>16 > int(most.Max) {
		return fmt.Errorf("freezing a module: its memory has at most %d pages, the state %d", most.Max, n>>16)
	}
	for _, i := range m.Imports {
		if i.Kind != KindFunction {
			return fmt.Errorf("freezing a module: it imports a %s", i.Kind)
		}
	}
	mutable := 0
	for _, g := range m.Globals {
		if !g.Mutable {
			continue
		}
		if mutable++; g.Type != I32 && g.Type != I64 && g.Type != F32 && g.Type != F64 {
			return fmt.Errorf("freezing a module: a mutable global of type %s", g.Type)
		}
	}
	if mutable != len(f.state.Globals) {
		return fmt.Errorf("freezing a module: it has %d mutable globals, the state %d", mutable, len(f.state.Globals))
	}
	for _, d := range m.Data {
		if d.Mode != Active {
			return errors.New("freezing a module: it has passive data segments")
		}
	}
	return nil
}

// bind makes the list of exports, and a function for each binding.
func (f *freezer) bind(keep []string, bindings []Binding) error {
	for _, name := range keep {
		e, found := f.m.Export(name)
		if !found {
			return fmt.Errorf("freezing a module: it does not export %q", name)
		}
		f.exports = append(f.exports, e)
	}
	if len(bindings) > 0 && len(f.m.Functions) == 0 {
		return errors.New("freezing a module: it has no functions of its own to bind")
	}
	for _, b := range bindings {
		if slices.ContainsFunc(f.exports, func(e Export) bool { return e.Name == b.Export }) {
			return fmt.Errorf("freezing a module: %q is exported twice", b.Export)
		}
		to, found := f.m.Export(b.To)
		if !found || to.Kind != KindFunction {
			return fmt.Errorf("freezing a module: it does not export the function %q", b.To)
		}
		t, _ := f.m.FunctionType(to.Index)
		if len(t.Params) == 0 || t.Params[0] != I32 {
			return fmt.Errorf("freezing a module: %q has type %s, without an i32 first", b.To, t)
		}
		bound := FuncType{Params: t.Params[1:], Results: t.Results}
		at := slices.IndexFunc(f.types, bound.Equal)
		if at < 0 {
			at = len(f.types)
			f.types = append(slices.Clip(f.types), bound)
		}
		f.exports = append(f.exports, Export{Name: b.Export, Kind: KindFunction, Index: uint32(f.m.functionCount() + len(f.bodies))})
		f.functionTypes = append(f.functionTypes, uint32(at))

		body := appendSigned([]byte{0, 0x41}, int64(int32(b.First))) // no locals; i32.const
		for n := range bound.Params {
			body = binary.AppendUvarint(append(body, 0x20), uint64(n)) // local.get
		}
		body = binary.AppendUvarint(append(body, 0x10), uint64(to.Index)) // call
		body = append(body, 0x0b)                                         // end
		f.bodies = append(f.bodies, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	}
	return nil
}

func (f *freezer) typeSection(old []byte) []byte {
	return extended(old, f.types[len(f.m.Types):], func(b []byte, t FuncType) []byte {
		b = append(b, 0x60)
		for _, list := range [][]ValueType{t.Params, t.Results} {
			b = binary.AppendUvarint(b, uint64(len(list)))
			for _, v := range list {
				b = append(b, byte(v))
			}
		}
		return b
	})
}

func (f *freezer) memorySection() []byte {
	m := f.m.Memories[0]
	pages := uint64(len(f.state.Memory) >> 16)
	if !m.HasMax {
		return binary.AppendUvarint([]byte{1, 0}, pages)
	}
	return binary.AppendUvarint(binary.AppendUvarint([]byte{1, 1}, pages), uint64(m.Max))
}

func (f *freezer) globalSection() []byte {
	b := binary.AppendUvarint(nil, uint64(len(f.m.Globals)))
	next := 0
	for _, g := range f.m.Globals {
		if !g.Mutable {
			b = append(append(b, byte(g.Type), 0), g.Init...)
			continue
		}
		bits := f.state.Globals[next]
		next++
		b = append(b, byte(g.Type), 1)
		switch g.Type {
		case I64:
			b = appendSigned(append(b, 0x42), int64(bits))
		case F32:
			b = binary.LittleEndian.AppendUint32(append(b, 0x43), uint32(bits))
		case F64:
			b = binary.LittleEndian.AppendUint64(append(b, 0x44), bits)
		default: // check has let nothing else through than i32
			b = appendSigned(append(b, 0x41), int64(int32(uint32(bits))))
		}
		b = append(b, 0x0b)
	}
	return b
}

// dataSegments writes what is not zero in memory as active data segments, and counts them.
func dataSegments(memory []byte) (segments []byte, count int) {
	for gap := segmentGap; ; gap *= 2 {
		segments, count = segmentsApart(memory, gap)
		if count <= segmentsMax {
			return segments, count
		}
	}
}

// segmentsApart begins a new segment wherever at least gap zeros follow each other.
func segmentsApart(memory []byte, gap int) (segments []byte, count int) {
	zeros := make([]byte, gap)
	for at := 0; ; count++ {
		for at < len(memory) && memory[at] == 0 {
			at++
		}
		if at == len(memory) {
			return segments, count
		}
		end := len(memory)
		if n := bytes.Index(memory[at:], zeros); n >= 0 {
			end = at + n
		}
		segments = appendSigned(append(segments, 0, 0x41), int64(int32(uint32(at)))) // active; i32.const
		segments = binary.AppendUvarint(append(segments, 0x0b), uint64(end-at))
		segments = append(segments, memory[at:end]...)
		at = end
	}
}

// extended gives a vector with items more at its end.
func extended[T any](vector []byte, items []T, appendItem func([]byte, T) []byte) []byte {
	count, n := binary.Uvarint(vector)
	out := append(binary.AppendUvarint(nil, count+uint64(len(items))), vector[n:]...)
	for _, item := range items {
		out = appendItem(out, item)
	}
	return out
}

func appendIndex(b []byte, index uint32) []byte { return binary.AppendUvarint(b, uint64(index)) }

func appendBytes(b, more []byte) []byte { return append(b, more...) }

func appendExport(b []byte, e Export) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(e.Name))), e.Name...)
	return binary.AppendUvarint(append(b, byte(e.Kind)), uint64(e.Index))
}

// appendSigned appends a signed LEB128.
func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
