package sandbox

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

func TestPlainOffset(t *testing.T) {
	for _, n := range []int32{0, 1, 63, 64, 127, 128, -1, -64, -65, 1 << 20, math.MaxInt32, math.MinInt32} {
		e := module.Expr{0x41}
		for v := int64(n); ; v >>= 7 {
			b := byte(v & 0x7f)
			if v>>6 == 0 || v>>6 == -1 {
				e = append(e, b)
				break
			}
			e = append(e, b|0x80)
		}
		if got, plain := plainOffset(append(e, 0x0b)); !plain || got != uint32(n) {
			t.Errorf("%d: %d %t", n, got, plain)
		}
	}
	for _, e := range []module.Expr{nil, {0x41}, {0x41, 0x0b}, {0x23, 0, 0x0b}, {0x41, 1, 0x41, 1, 0x6a, 0x0b}, {0x41, 0x80, 0x0b}} {
		if _, plain := plainOffset(e); plain {
			t.Errorf("% x is plain", []byte(e))
		}
	}
}

// manySegments is a module whose segments overlap; it answers 4 bytes from the address
// that its input begins with. The last segment lies at an address of its own.
func manySegments(t *testing.T, last string) []byte {
	t.Helper()
	var b strings.Builder
	b.WriteString(`(module (memory (export "memory") 1)
		(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 60000))
		(func (export "chainrun_run_v1") (param i32 i32) (result i64)
			(i64.or (i64.shl (i64.extend_i32_u (i32.load (local.get 0))) (i64.const 32)) (i64.const 4)))`)
	for n := range 2 * segmentsMin {
		fmt.Fprintf(&b, "(data (i32.const %d) \"%04d\")\n", 2*n, n)
	}
	fmt.Fprintf(&b, "(data (i32.const %s) \"last\"))", last)
	return fromWAT(t, b.String())
}

func TestSegmentsApart(t *testing.T) {
	wasm := manySegments(t, "65532")
	for name, p := range strategies(t, wasm) {
		if !p.code.SegmentsApart {
			t.Fatal("the segments are in the module")
		}
		for range 3 {
			for at, want := range map[uint32]string{0: "0000", 4: "0000", 254: "0127", 65532: "last", 256: "27\x00\x00"} {
				r, err := p.Call(t.Context(), Call{Input: binary.LittleEndian.AppendUint32(nil, at)})
				if err != nil || r.Stop != nil || string(r.Output) != want {
					t.Errorf("%s, at %d: %v %q %+v, want %q", name, at, err, r.Output, r.Stop, want)
				}
			}
		}
	}
	for _, last := range []string{"65533", "-1"} {
		for _, engine := range engines {
			r, err := program(t, manySegments(t, last), engine.config).Call(t.Context(), Call{})
			want := fmt.Sprintf("while the module starts: data[%d]: out of bounds memory access", 2*segmentsMin)
			if err != nil || r.Stop == nil || r.Stop.Reason != Trap || r.Stop.Message != want {
				t.Errorf("%s, the last at %s: %v %+v", engine.name, last, err, r.Stop)
			}
		}
	}
}
