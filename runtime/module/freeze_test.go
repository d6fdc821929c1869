package module

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// counter is a module with a memory of one page, two mutable globals, data, a
// start function and three exported functions, written by hand.
func counter() []byte {
	section := func(id byte, content ...byte) []byte { return append([]byte{id, byte(len(content))}, content...) }
	return slices.Concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(SectionCustom, []byte("\x05other")...),
		section(SectionType, 3, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7e),
		section(SectionFunction, 3, 0, 1, 2),
		section(SectionMemory, 1, 1, 1, 9),
		section(SectionGlobal, 3, 0x7f, 1, 0x41, 7, 0x0b, 0x7f, 0, 0x41, 5, 0x0b, 0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b),
		section(SectionExport, slices.Concat([]byte{4}, []byte("\x06memory\x02\x00"), []byte("\x05alloc\x00\x01"), []byte("\x03run\x00\x02"), []byte("\x05start\x00\x00"))...),
		section(SectionStart, 0),
		section(SectionCode, 3, 2, 0, 0x0b, 4, 0, 0x20, 0, 0x0b, 4, 0, 0x42, 0, 0x0b),
		section(SectionData, slices.Concat([]byte{1, 0, 0x41, 16, 0x0b, 3}, []byte("old"))...),
	)
}

func readFrozen(t *testing.T, wasm []byte) *Module {
	t.Helper()
	m, err := Read(wasm)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFreeze(t *testing.T) {
	m := readFrozen(t, counter())
	memory := make([]byte, 2<<16)
	copy(memory[100:], "hello")
	copy(memory[100+5+segmentGap-1:], "near")
	memory[1<<16-1], memory[1<<16] = 1, 2
	memory[len(memory)-1] = 3
	s := State{Memory: memory, Globals: []uint64{0xffffffff, 0x400c000000000000}}
	wasm, err := Freeze(m, s, []string{"memory", "alloc"}, []Binding{{Export: "run:a", To: "run", First: 0}, {Export: "run:b", To: "run", First: 1 << 31}})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Freeze(m, s, []string{"memory", "alloc"}, []Binding{{Export: "run:a", To: "run", First: 0}, {Export: "run:b", To: "run", First: 1 << 31}}); err != nil || !bytes.Equal(wasm, again) {
		t.Errorf("equal arguments, other bytes; %v", err)
	}
	f := readFrozen(t, wasm)
	if f.Start != nil || len(f.Functions) != 5 || len(f.Types) != 4 {
		t.Errorf("start %v, %d functions, %d types", f.Start, len(f.Functions), len(f.Types))
	}
	if want := (FuncType{Params: []ValueType{I32, I32}, Results: []ValueType{I64}}); !f.Types[3].Equal(want) {
		t.Errorf("type %v", f.Types[3])
	}
	if want := []Export{{"memory", KindMemory, 0}, {"alloc", KindFunction, 1}, {"run:a", KindFunction, 3}, {"run:b", KindFunction, 4}}; !slices.Equal(f.Exports, want) {
		t.Errorf("exports %v", f.Exports)
	}
	if want := []byte{0, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x20, 0, 0x20, 1, 0x10, 2, 0x0b}; !bytes.Equal(f.Code[4].Data, want) {
		t.Errorf("body % x", f.Code[4].Data)
	}
	if m := f.Memories[0]; m != (Memory{Min: 2, Max: 9, HasMax: true}) {
		t.Errorf("memory %+v", m)
	}
	for n, want := range []Expr{{0x41, 0x7f, 0x0b}, {0x41, 5, 0x0b}, {0x44, 0, 0, 0, 0, 0, 0, 0x0c, 0x40, 0x0b}} {
		if got := f.Globals[n].Init; !bytes.Equal(got, want) {
			t.Errorf("global %d: % x", n, got)
		}
	}
	if got := fill(t, f, len(memory)); !bytes.Equal(got, memory) {
		t.Error("the data are not the memory")
	}
	if len(f.Data) != 3 {
		t.Errorf("%d segments", len(f.Data))
	}
	if _, err := f.Manifest(); err != nil || strings.Contains(string(wasm), "other") {
		t.Errorf("custom sections: %v", err)
	}
}

// fill lays a module's data segments over zeros.
func fill(t *testing.T, m *Module, size int) []byte {
	t.Helper()
	memory := make([]byte, size)
	for _, s := range m.Data {
		if s.Mode != Active || s.Offset[0] != 0x41 {
			t.Fatalf("segment %+v", s)
		}
		at, shift := int64(0), 0
		for n := 1; ; n++ {
			c := s.Offset[n]
			at |= int64(c&0x7f) << shift
			if shift += 7; c < 0x80 {
				if c&0x40 != 0 {
					at |= -1 << shift
				}
				break
			}
		}
		copy(memory[uint32(at):], s.Init)
	}
	return memory
}

// Whatever memory holds, the segments hold it too.
func TestFreezeMemory(t *testing.T) {
	m := readFrozen(t, counter())
	rapid.Check(t, func(r *rapid.T) {
		memory := make([]byte, 1<<16)
		for range rapid.IntRange(0, 20).Draw(r, "runs") {
			at := rapid.IntRange(0, len(memory)-1).Draw(r, "at")
			copy(memory[at:], rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(r, "bytes"))
		}
		wasm, err := Freeze(m, State{Memory: memory, Globals: []uint64{0, 0}}, nil, nil)
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(fill(t, readFrozen(t, wasm), len(memory)), memory) {
			r.Error("the data are not the memory")
		}
	})
}

// A memory like a comb does not become a hundred thousand segments.
func TestFreezeComb(t *testing.T) {
	memory := make([]byte, 8<<16)
	for at := 0; at < len(memory); at += segmentGap + 1 {
		memory[at] = 1
	}
	f, err := Freeze(readFrozen(t, counter()), State{Memory: memory, Globals: []uint64{0, 0}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := readFrozen(t, f)
	if len(m.Data) > segmentsMax || !bytes.Equal(fill(t, m, len(memory)), memory) {
		t.Errorf("%d segments", len(m.Data))
	}
}

func TestFreezeRefuses(t *testing.T) {
	good := State{Memory: make([]byte, 1<<16), Globals: []uint64{1, 2}}
	m := readFrozen(t, counter())
	for want, freeze := range map[string]func() ([]byte, error){
		"no number of pages": func() ([]byte, error) {
			return Freeze(m, State{Memory: make([]byte, 5), Globals: good.Globals}, nil, nil)
		},
		"at most 9": func() ([]byte, error) {
			return Freeze(m, State{Memory: make([]byte, 10<<16), Globals: good.Globals}, nil, nil)
		},
		"2 mutable globals":     func() ([]byte, error) { return Freeze(m, State{Memory: good.Memory}, nil, nil) },
		"does not export \"x\"": func() ([]byte, error) { return Freeze(m, good, []string{"x"}, nil) },
		"function \"memory\"":   func() ([]byte, error) { return Freeze(m, good, nil, []Binding{{"a", "memory", 0}}) },
		"without an i32 first":  func() ([]byte, error) { return Freeze(m, good, nil, []Binding{{"a", "start", 0}}) },
		"twice":                 func() ([]byte, error) { return Freeze(m, good, []string{"run"}, []Binding{{"run", "run", 0}}) },
		"not define one memory": func() ([]byte, error) {
			return Freeze(readFrozen(t, []byte("\x00asm\x01\x00\x00\x00")), good, nil, nil)
		},
		"imports a global": func() ([]byte, error) { return freezeWith(t, SectionImport, "\x01\x01a\x01b\x03\x7f\x00") },
		"passive data":     func() ([]byte, error) { return freezeWith(t, SectionData, "\x01\x01\x01x") },
		"global of type v128": func() ([]byte, error) {
			return freezeWith(t, SectionGlobal, "\x01\x7b\x01\xfd\x0c"+strings.Repeat("\x00", 16)+"\x0b")
		},
	} {
		if _, err := freeze(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// freezeWith freezes a module of a memory and one section more.
func freezeWith(t *testing.T, id byte, content string) ([]byte, error) {
	t.Helper()
	head, memory := []byte("\x00asm\x01\x00\x00\x00"), []byte{SectionMemory, 3, 1, 0, 1}
	section := append([]byte{id, byte(len(content))}, content...)
	wasm := slices.Concat(head, memory, section)
	if id < SectionMemory {
		wasm = slices.Concat(head, section, memory)
	}
	return Freeze(readFrozen(t, wasm), State{Memory: make([]byte, 1<<16)}, nil, nil)
}
