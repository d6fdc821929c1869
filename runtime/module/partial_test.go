package module_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

func TestPartial(t *testing.T) {
	whole := reactor()
	if m, err := module.Partial(whole); err != nil || m.Digest != mustRead(t, whole).Digest || len(m.Exports) != len(mustRead(t, whole).Exports) {
		t.Errorf("of a whole file: %v", err)
	}
	// A shared memory is refused, and what stands before it is known.
	wasm := cat(header, types, vector(2, function("env", "f", 0)), vector(5, []byte{3, 1, 1}), vector(7, export("memory", 2, 0)))
	m, err := module.Partial(wasm)
	var bad *module.FormatError
	if !errors.As(err, &bad) || bad.Section != "memory" || len(m.Imports) != 1 || m.Imports[0].Name != "f" || len(m.Exports) > 0 {
		t.Errorf("%v, %+v", err, m)
	}
	if _, err := m.ABI(); err == nil {
		t.Error("what was read in part has an ABI")
	}
	for n := range whole {
		if m, err := module.Partial(whole[:n]); m == nil || err == nil && n < 8 {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestComponent(t *testing.T) {
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	section := func(id byte, content ...[]byte) []byte {
		body := cat(content...)
		return append([]byte{id, byte(len(body))}, body...)
	}
	wasm := cat(
		[]byte("\x00asm\x0d\x00\x01\x00"),
		section(1, header), section(7, []byte{0}), section(4, header),
		section(10, []byte{4},
			[]byte{0}, text("wasi:cli/stdout@0.2.0"), []byte{5, 0},
			[]byte{1}, text("value"), []byte{2, 1, 0x7f},
			[]byte{0}, text("type"), []byte{3, 1},
			[]byte{2}, text("module"), text("1.0"), []byte{0, 0x11, 0}),
		section(11, []byte{2}, []byte{0}, text("wasi:cli/run@0.2.0"), []byte{5, 3, 0}, []byte{0}, text("f"), []byte{1, 0, 1, 1, 0}),
	)
	got := module.ReadComponent(wasm)
	if got == nil || got.CoreModules != 1 || got.Components != 1 ||
		!slices.Equal(got.Imports, []string{"wasi:cli/stdout@0.2.0", "value", "type", "module"}) ||
		!slices.Equal(got.Exports, []string{"wasi:cli/run@0.2.0", "f"}) {
		t.Errorf("%+v", got)
	}
	for n := range wasm { // cut anywhere: what was read so far
		if c := module.ReadComponent(wasm[:n]); n >= 8 && c == nil {
			t.Errorf("%d bytes: no component", n)
		}
	}
	if c := module.ReadComponent(header); c != nil {
		t.Errorf("a core module: %+v", c)
	}
}

func FuzzComponent(f *testing.F) {
	f.Add([]byte("\x00asm\x0d\x00\x01\x00\x0a\x06\x01\x00\x01a\x05\x00"))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if c := module.ReadComponent(wasm); c != nil && len(c.Imports)+len(c.Exports) > len(wasm) {
			t.Fatalf("%d names in %d bytes", len(c.Imports)+len(c.Exports), len(wasm))
		}
		m, err := module.Partial(wasm)
		if whole, problem := module.Read(wasm); (err == nil) != (problem == nil) || problem == nil && whole.Digest != m.Digest {
			t.Fatalf("in part: %v, whole: %v", err, problem)
		}
	})
}

// A file whose every import and export is wrong is refused in time that grows with
// its size, and in a message that can be read.
func TestManyFaults(t *testing.T) {
	const n = 50_000
	u32 := func(v int) []byte { return []byte{byte(v) | 0x80, byte(v>>7) | 0x80, byte(v >> 14 & 127)} }
	section := func(id byte, content []byte) []byte { return cat([]byte{id}, u32(len(content)), content) }
	var imports, exports []byte
	for i := range n {
		name := fmt.Sprintf("%06d", i)
		imports = append(imports, cat(str("wasi:"+name), str("f"), []byte{0, 0})...)
		exports = append(exports, cat(str("chainrun_run_v1:"+name), []byte{0}, u32(i))...)
	}
	m := mustRead(t, cat(header, types, section(2, cat(u32(n), imports)), section(7, cat(u32(n), exports))))
	_, err := m.ABI()
	var bad *module.UnsupportedError
	if !errors.As(err, &bad) || !strings.Contains(bad.Found, "and 49982 more") || !strings.Contains(bad.Found, "and 49980 more") || len(bad.Error()) > 10_000 {
		t.Errorf("%d bytes: %.3000s", len(fmt.Sprint(err)), err)
	}
}
