package meter_test

// Bodies made to be expensive: rewriting stays linear in time and memory.

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

func TestHostileBodies(t *testing.T) {
	const n = 200_000
	repeat := func(b ...byte) []byte { return bytes.Repeat(b, n) }
	tests := map[string][]byte{
		"nested loops":        cat([]byte{0}, repeat(0x03, 0x40), repeat(0x0b), []byte{0x41, 0, 0x0b}),
		"nested blocks":       cat([]byte{0}, repeat(0x02, 0x40), repeat(0x0b), []byte{0x41, 0, 0x0b}),
		"branches outwards":   cat([]byte{0}, repeat(0x03, 0x40), repeat(0x41, 0, 0x0d, 0x80, 0x80, 0x04), repeat(0x0b), []byte{0x41, 0, 0x0b}),
		"a large table":       cat([]byte{0}, bytes.Repeat([]byte{0x03, 0x40}, 100), []byte{0x41, 0, 0x0e}, leb(n), repeat(50), []byte{99}, bytes.Repeat([]byte{0x0b}, 100), []byte{0x41, 0, 0x0b}),
		"recursive calls":     cat([]byte{0}, repeat(0x10, 0, 0x1a), []byte{0x41, 0, 0x0b}),
		"ifs":                 cat([]byte{0}, repeat(0x41, 0, 0x04, 0x40, 0x05, 0x0b), []byte{0x41, 0, 0x0b}),
		"groups of no locals": cat(leb(n), repeat(0, 0x7f), []byte{0x41, 0, 0x0b}),
		"indirect calls":      cat([]byte{0}, repeat(0x41, 0, 0x11, 0, 0, 0x1a), []byte{0x41, 0, 0x0b}),
		"growth":              cat([]byte{0}, repeat(0x41, 0, 0x40, 0, 0x1a), []byte{0x41, 0, 0x0b}),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := module.Read(wasmOf(b))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
			if err != nil {
				if _, ok := errors.AsType[*meter.InvalidError](err); !ok {
					t.Fatal(err)
				}
				return
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %v for %d bytes", took, len(b))
			}
			if len(metered.Wasm) > 64*len(b) {
				t.Errorf("%d bytes became %d", len(b), len(metered.Wasm))
			}
			t.Logf("%d bytes, %d after, %v", len(b), len(metered.Wasm), time.Since(begin).Round(time.Millisecond))
		})
	}
}

// A chain of calls as long as the program: the walk over the call graph does not recurse.
func TestLongCallChain(t *testing.T) {
	const n = 100_000
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = cat([]byte{0, 0x10}, leb(uint32((i+1)%n)), []byte{0x0b})
	}
	m, err := module.Read(wasmOf(bodies...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = meter.Rewrite(m, meter.Config{CallDepth: true}); err != nil {
		t.Fatal(err)
	}
}
