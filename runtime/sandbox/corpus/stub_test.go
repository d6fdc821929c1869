package corpus

// Hosts that modules want and that are not there: modules whose functions do
// nothing, written byte by byte.

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/runtime/module"
)

// stubs makes a module for each one that m imports from, WASI aside. Functions
// give zeros; memories, tables and globals are as m asks for them.
func stubs(m *module.Module) map[string][]byte {
	all := map[string]*stub{}
	for _, i := range m.Imports {
		if i.Module == module.WASIModule {
			continue
		}
		s := all[i.Module]
		if s == nil {
			s = &stub{seen: map[string]bool{}}
			all[i.Module] = s
		}
		if !s.seen[i.Name] {
			s.seen[i.Name] = true
			s.add(m, i)
		}
	}
	wasm := map[string][]byte{}
	for name, s := range all {
		wasm[name] = s.bytes()
	}
	return wasm
}

type stub struct {
	seen                                                        map[string]bool
	types, functions, tables, memories, globals, exports, codes [][]byte
}

func (s *stub) add(m *module.Module, i module.Import) {
	var index int
	switch i.Kind {
	case module.KindFunction:
		t := m.Types[i.Type]
		index = len(s.functions)
		s.functions = append(s.functions, number(len(s.types)))
		s.types = append(s.types, slices.Concat([]byte{0x60}, valueTypes(t.Params), valueTypes(t.Results)))
		body := []byte{0} // no locals
		for _, r := range t.Results {
			body = append(body, zero(r, 0)...)
		}
		body = append(body, 0x0b)
		s.codes = append(s.codes, slices.Concat(number(len(body)), body))
	case module.KindTable:
		index = len(s.tables)
		s.tables = append(s.tables, slices.Concat([]byte{byte(i.Table.Element)}, limits(i.Table.Min, i.Table.Max, i.Table.HasMax)))
	case module.KindMemory:
		index = len(s.memories)
		s.memories = append(s.memories, limits(i.Memory.Min, i.Memory.Max, i.Memory.HasMax))
	case module.KindGlobal:
		index = len(s.globals)
		value := int64(1024)
		switch { // what dynamic linking wants to know
		case strings.Contains(i.Name, "stack_pointer"):
			value = 64 << 10
		case strings.Contains(i.Name, "table_base"):
			value = 1
		}
		mutable := byte(0)
		if i.Global.Mutable {
			mutable = 1
		}
		s.globals = append(s.globals, slices.Concat([]byte{byte(i.Global.Type), mutable}, zero(i.Global.Type, value), []byte{0x0b}))
	}
	s.exports = append(s.exports, slices.Concat(number(len(i.Name)), []byte(i.Name), []byte{byte(i.Kind)}, number(index)))
}

func (s *stub) bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, section := range []struct {
		id    byte
		items [][]byte
	}{
		{module.SectionType, s.types},
		{module.SectionFunction, s.functions},
		{module.SectionTable, s.tables},
		{module.SectionMemory, s.memories},
		{module.SectionGlobal, s.globals},
		{module.SectionExport, s.exports},
		{module.SectionCode, s.codes},
	} {
		if len(section.items) > 0 {
			content := slices.Concat(number(len(section.items)), slices.Concat(section.items...))
			out = slices.Concat(out, []byte{section.id}, number(len(content)), content)
		}
	}
	return out
}

// zero is an instruction that gives nothing of a type, or a small number.
func zero(t module.ValueType, small int64) []byte {
	switch t {
	case module.I32:
		return append([]byte{0x41}, signed(small)...)
	case module.I64:
		return append([]byte{0x42}, signed(small)...)
	case module.F32:
		return make5(0x43)
	case module.F64:
		return append(make5(0x44), 0, 0, 0, 0)
	case module.V128:
		return append([]byte{0xfd, 12}, make([]byte, 16)...)
	case module.FuncRef, module.ExternRef:
		return []byte{0xd0, byte(t)}
	}
	return nil
}

func make5(op byte) []byte { return []byte{op, 0, 0, 0, 0} }

func valueTypes(types []module.ValueType) []byte {
	b := number(len(types))
	for _, t := range types {
		b = append(b, byte(t))
	}
	return b
}

func limits(least, most uint32, bounded bool) []byte {
	if bounded {
		return slices.Concat([]byte{1}, number(int(least)), number(int(most)))
	}
	return slices.Concat([]byte{0}, number(int(least)))
}

func number(v int) []byte { return binary.AppendUvarint(nil, uint64(v)) }

// signed is LEB128 of a number of at most 31 bits that is not negative.
func signed(v int64) []byte {
	var b []byte
	for {
		low := byte(v & 0x7f)
		if v >>= 7; v == 0 && low&0x40 == 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
