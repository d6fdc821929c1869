package module_test

// Reading files, good and bad.

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

func uleb(v int) []byte {
	var b []byte
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func str(s string) []byte { return cat(uleb(len(s)), []byte(s)) }

func section(id byte, content ...byte) []byte { return cat([]byte{id}, uleb(len(content)), content) }

func vector(id byte, items ...[]byte) []byte {
	return section(id, cat(uleb(len(items)), cat(items...))...)
}

func custom(name string, data ...byte) []byte { return section(0, cat(str(name), data)...) }

var header = []byte("\x00asm\x01\x00\x00\x00")

// Types of the modules below, by index.
var types = vector(1,
	[]byte{0x60, 0, 0},                                                   // 0: () -> ()
	[]byte{0x60, 1, 0x7f, 1, 0x7f},                                       // 1: (i32) -> i32
	[]byte{0x60, 2, 0x7f, 0x7f, 1, 0x7e},                                 // 2: (i32, i32) -> i64
	[]byte{0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f},                     // 3: fd_write
	cat([]byte{0x60, 8}, bytes.Repeat([]byte{0x7f}, 8), []byte{1, 0x7e}), // 4: call
)

func function(module, name string, typ byte) []byte {
	return cat(str(module), str(name), []byte{0, typ})
}

func export(name string, kind, index byte) []byte { return cat(str(name), []byte{kind, index}) }

var unreachable = []byte{3, 0, 0x00, 0x0b} // size, no locals, unreachable, end

// command is a program that imports fd_write; reactor a node with two entries.
func command(more ...[]byte) []byte {
	return cat(header, types, vector(2, function(module.WASIModule, "fd_write", 3)), vector(3, []byte{0}),
		vector(5, []byte{0, 1}), vector(7, export("memory", 2, 0), export("_start", 0, 1)), vector(10, unreachable), cat(more...))
}

func reactor() []byte {
	return cat(header, types, vector(2, function(module.HostModule, "call", 4), function(module.WASIModule, "fd_write", 3)),
		vector(3, []byte{1}, []byte{2}, []byte{0}), vector(5, []byte{0, 1}),
		vector(7, export("memory", 2, 0), export("chainrun_alloc", 0, 2), export("chainrun_run_v1:zeta", 0, 3),
			export("chainrun_run_v1", 0, 3), export("chainrun_run_v1:alpha", 0, 3), export("_initialize", 0, 4)),
		vector(10, unreachable, unreachable, unreachable))
}

func mustRead(tb testing.TB, wasm []byte) *module.Module {
	tb.Helper()
	m, err := module.Read(wasm)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestRead(t *testing.T) {
	wasm := cat(header,
		types,
		vector(2, function("a", "f", 1), cat(str("a"), str("t"), []byte{1, 0x70, 1, 1, 9}),
			cat(str("a"), str("m"), []byte{2, 0, 1}), cat(str("a"), str("g"), []byte{3, 0x7e, 1})),
		vector(3, []byte{0}, []byte{2}),
		vector(4, []byte{0x6f, 0, 3}),
		vector(6, []byte{0x7f, 0, 0x41, 0x7f, 0x0b}, []byte{0x70, 1, 0xd2, 2, 0x0b}, []byte{0x7e, 0, 0x23, 0, 0x42, 1, 0x7c, 0x0b}),
		vector(7, export("e", 0, 2)),
		section(8, 1),
		vector(9, []byte{0, 0x41, 0, 0x0b, 2, 0, 2}, []byte{1, 0, 1, 1}, []byte{3, 0, 1, 0},
			[]byte{6, 1, 0x41, 0, 0x0b, 0x6f, 1, 0xd0, 0x6f, 0x0b}, []byte{5, 0x70, 1, 0xd2, 1, 0x0b}),
		section(12, 2),
		vector(10, unreachable, unreachable),
		vector(11, cat([]byte{0, 0x41, 4, 0x0b}, str("abc")), cat([]byte{1}, str("d"))),
		custom("name", cat([]byte{1}, uleb(10), []byte{2, 0}, str("in"), []byte{2}, str("run"))...),
		custom("other", 1, 2, 3),
	)
	m := mustRead(t, wasm)
	if len(m.Types) != 5 || m.Types[4].String() != "(i32, i32, i32, i32, i32, i32, i32, i32) -> i64" {
		t.Errorf("types %v", m.Types)
	}
	if got := m.Imports[1]; got.Kind != module.KindTable || got.Table != (module.Table{Element: module.FuncRef, Min: 1, Max: 9, HasMax: true}) {
		t.Errorf("imported table %+v", got)
	}
	if got := m.Imports[3]; got.Module != "a" || got.Name != "g" || got.Global != (module.GlobalType{Type: module.I64, Mutable: true}) {
		t.Errorf("imported global %+v", got)
	}
	if m.ImportCount(module.KindFunction) != 1 || m.ImportCount(module.KindGlobal) != 1 || m.ImportCount(9) != 0 {
		t.Error("import counts")
	}
	if !slices.Equal(m.Functions, []uint32{0, 2}) || len(m.Code) != 2 || *m.Start != 1 || *m.DataCount != 2 {
		t.Errorf("functions %v, start %d", m.Functions, *m.Start)
	}
	if typ, ok := m.FunctionType(2); !ok || typ.String() != "(i32, i32) -> i64" {
		t.Errorf("function type %v", typ)
	}
	if typ, ok := m.FunctionType(0); !ok || typ.String() != "(i32) -> i32" {
		t.Errorf("function type %v", typ)
	}
	if _, ok := m.FunctionType(3); ok {
		t.Error("a function that does not exist has a type")
	}
	if string(m.Globals[2].Init) != "\x23\x00\x42\x01\x7c\x0b" || !m.Globals[1].Mutable {
		t.Errorf("globals %+v", m.Globals)
	}
	e := m.Elements
	if len(e) != 5 || e[0].Mode != module.Active || !slices.Equal(e[0].Functions, []uint32{0, 2}) || e[1].Mode != module.Passive ||
		e[2].Mode != module.Declarative || e[3].Table != 1 || e[3].Type != module.ExternRef || len(e[3].Exprs) != 1 || len(e[4].Exprs) != 1 {
		t.Errorf("elements %+v", e)
	}
	if len(m.Data) != 2 || string(m.Data[0].Init) != "abc" || m.Data[1].Mode != module.Passive {
		t.Errorf("data %+v", m.Data)
	}
	if m.Names[0] != "in" || m.Names[2] != "run" {
		t.Errorf("names %v", m.Names)
	}
	last := m.Sections[len(m.Sections)-1]
	if last.Name != "other" || !bytes.Equal(last.Data, []byte{1, 2, 3}) || !bytes.Equal(wasm[last.Offset:], last.Data) {
		t.Errorf("last section %+v", last)
	}
	for i, c := range m.Code {
		if !bytes.Equal(wasm[c.Offset:c.Offset+len(c.Data)], []byte{0, 0x00, 0x0b}) {
			t.Errorf("body %d at %d: %x", i, c.Offset, c.Data)
		}
	}
	if m.Digest != "sha256:"+strings.ToLower(m.Digest[7:]) || len(m.Digest) != 7+64 {
		t.Errorf("digest %q", m.Digest)
	}
}

func TestDigest(t *testing.T) {
	const want = "sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476" // sha256sum of the header alone
	if got := mustRead(t, header).Digest; got != want {
		t.Errorf("digest %s", got)
	}
}

func TestReadRefuses(t *testing.T) {
	many := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	tests := []struct {
		name string
		wasm []byte
		text string
		hint string
	}{
		{"empty", nil, "empty", ""},
		{"text", []byte("(module)"), "no WebAssembly", "wat2wasm"},
		{"native program", []byte("\x7fELF\x02\x01"), "no WebAssembly", "native program"},
		{"gzip", []byte("\x1f\x8b\x08"), "no WebAssembly", "gzip"},
		{"LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\n"), "no WebAssembly", "git lfs pull"},
		{"short header", header[:6], "within its header", ""},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "component", "wasm32-wasip1"},
		{"later version", []byte("\x00asm\x02\x00\x00\x00"), "unknown version", ""},
		{"cut section", cat(header, []byte{1, 9, 0}), "9 bytes are announced", ""},
		{"no size", cat(header, []byte{1}), "unexpected end", ""},
		{"unknown section", cat(header, []byte{99, 0}), "unknown section", ""},
		{"section twice", cat(header, types, types), "out of order or there twice", ""},
		{"out of order", cat(header, vector(3), types), "out of order", ""},
		{"data count after code", cat(header, vector(10), section(12, 0)), "out of order", ""},
		{"left over", cat(header, section(1, 0, 0)), "left over", ""},
		{"count without bytes", cat(header, section(1, many...)), "4294967295 types are announced", ""},
		{"imports without bytes", cat(header, section(2, many...)), "imports are announced", ""},
		{"functions without bytes", cat(header, section(3, many...)), "functions are announced", ""},
		{"elements without bytes", cat(header, vector(4, []byte{0x70, 0, 1}), section(9, cat([]byte{1, 0, 0x41, 0, 0x0b}, many)...)), "elements are announced", ""},
		{"data without bytes", cat(header, vector(5, []byte{0, 1}), section(11, cat([]byte{1, 0, 0x41, 0, 0x0b}, many)...)), "bytes are announced", ""},
		{"long integer", cat(header, section(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0)), "too long", ""},
		{"large integer", cat(header, section(1, 0xff, 0xff, 0xff, 0xff, 0x1f)), "too large", ""},
		{"long constant", cat(header, vector(6, []byte{0x7f, 0, 0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x0b})), "too long", ""},
		{"large constant", cat(header, vector(6, []byte{0x7f, 0, 0x41, 0xff, 0xff, 0xff, 0xff, 0x4f, 0x0b})), "too large", ""},
		{"value type", cat(header, vector(1, []byte{0x60, 1, 0x12, 0})), "unknown value type", ""},
		{"typed reference", cat(header, vector(1, []byte{0x60, 1, 0x64, 0, 0})), "unknown value type", "typed-reference"},
		{"struct", cat(header, vector(1, []byte{0x5f, 0, 0})), "garbage-collected", "garbage-collection"},
		{"tag section", cat(header, section(13, 0)), "exception handling", "-fno-exceptions"},
		{"shared memory", cat(header, vector(5, []byte{3, 1, 2})), "shared memory", "threads"},
		{"memory64", cat(header, vector(5, []byte{4, 1})), "64-bit", "wasm32"},
		{"too large memory", cat(header, vector(5, []byte{0, 0x81, 0x80, 0x04})), "larger than 4 GiB", ""},
		{"limits", cat(header, vector(4, []byte{0x70, 1, 2, 1})), "minimum 2 is larger", ""},
		{"mutability", cat(header, vector(6, []byte{0x7f, 2, 0x41, 0, 0x0b})), "mutability", ""},
		{"not constant", cat(header, vector(6, []byte{0x7f, 0, 0x20, 0, 0x0b})), "not constant", ""},
		{"vector that is not constant", cat(header, vector(6, []byte{0x7b, 0, 0xfd, 13, 0x0b})), "not constant", ""},
		{"expression without end", cat(header, vector(6, []byte{0x7f, 0, 0x41, 0})), "unexpected end", ""},
		{"name is not UTF-8", cat(header, vector(2, []byte{1, 0xff, 0, 0, 0})), "UTF-8", ""},
		{"function without body", cat(header, types, vector(3, []byte{0})), "1 functions are declared, 0 have a body", ""},
		{"body without function", cat(header, types, vector(10, unreachable)), "0 functions are declared, 1 have a body", ""},
		{"data count", cat(header, section(12, 3)), "3 segments are announced", ""},
		{"element kind", cat(header, vector(9, []byte{1, 1, 0})), "kind of element", ""},
		{"element form", cat(header, vector(9, []byte{8, 0, 0})), "form of element", ""},
		{"data form", cat(header, vector(11, []byte{3, 0})), "form of data", ""},
		{"data without memory", cat(header, vector(11, []byte{0, 0x41, 0, 0x0b, 0})), "memory index 0 does not exist", ""},
		{"elements without table", cat(header, vector(9, []byte{0, 0x41, 0, 0x0b, 0})), "table index 0 does not exist", ""},
		{"import kind", cat(header, vector(2, cat(str("a"), str("b"), []byte{7, 0}))), "kind of import", ""},
		{"imported tag", cat(header, vector(2, cat(str("a"), str("b"), []byte{4, 0, 0}))), "exception handling", ""},
		{"export kind", cat(header, vector(7, export("x", 9, 0))), "kind of export", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := module.Read(test.wasm)
			var bad *module.FormatError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(bad.Error(), test.text) || !strings.Contains(bad.Hint, test.hint) {
				t.Errorf("error %q, hint %q; expected %q, %q", bad, bad.Hint, test.text, test.hint)
			}
			if errors.Is(err, module.ErrComponent) != (test.name == "component") {
				t.Errorf("errors.Is ErrComponent")
			}
		})
	}
}

// A file that was cut anywhere is refused or, between two sections, read.
func TestReadTruncated(t *testing.T) {
	for _, wasm := range [][]byte{command(), reactor()} {
		for n := range wasm {
			if m, err := module.Read(wasm[:n]); err == nil && len(m.Code) > 0 {
				t.Errorf("%d of %d bytes were read as %d functions", n, len(wasm), len(m.Code))
			}
		}
	}
}

// A name section that is broken does not matter.
func TestBrokenNames(t *testing.T) {
	for _, data := range []string{"01", "01ff", "0105020001", "0106ffffffff0f00", "ffffffffffff", "010402000161ff"} {
		b, _ := hex.DecodeString(data)
		mustRead(t, cat(header, custom("name", b...)))
	}
}

func FuzzRead(f *testing.F) {
	f.Add(command())
	f.Add(reactor())
	f.Add(plugin([][]byte{function("extism:host/env", "alloc", alloc)}, "run", number, "hs_init", haskell))
	f.Add(cat(header, custom("name", 1, 4, 1, 0, 1, 'a')))
	if files, err := filepath.Glob("testdata/*.wasm"); err == nil {
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		before := bytes.Clone(wasm)
		m, err := module.Read(wasm)
		if !bytes.Equal(before, wasm) {
			t.Fatal("the file was modified")
		}
		if err != nil {
			var bad *module.FormatError
			if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(wasm) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		_ = m.Entries()
		if abi, err := m.ABI(); abi != module.ABICommand && abi != module.ABIReactor && abi != module.ABIExtism && err == nil {
			t.Fatalf("ABI %v without error", abi)
		}
		if _, err = m.Manifest(); err == nil {
			with, err := module.WithManifest(wasm, []byte(`{"name":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := mustRead(t, with).Manifest()
			if err != nil || manifest.Name != "x" {
				t.Fatalf("manifest %v, %v", manifest, err)
			}
		}
	})
}
