package sandbox

// Every attempt starts from the same state, whatever the others did.

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// scribbled is what testdata/hostile/scribble.wat answers from a fresh state:
// one call counted in memory and global, one page, zeros at its end.
func scribbled(t require, p *Program, pages uint32, seed byte) {
	input := binary.LittleEndian.AppendUint32(nil, pages)
	r, err := p.Call(t.Context(), Call{Input: input, Seed: [32]byte{seed}})
	if err != nil || r.Stop != nil {
		t.Fatalf("%v %+v", err, r.Stop)
	}
	var got [4]uint32
	for i := range got {
		got[i] = binary.LittleEndian.Uint32(r.Output[4*i:])
	}
	if want := [4]uint32{1, 1, 1, 0}; got != want {
		t.Errorf("memory count, global count, pages, last word: %v, want %v", got, want)
	}
	if want := uint64(pageBytes * (1 + pages)); pages < 64 && r.PeakMemoryBytes != want {
		t.Errorf("peak %d, want %d", r.PeakMemoryBytes, want)
	}
}

func TestFreshState(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			p := program(t, hostile(t, "scribble"), engine.config)
			rapid.Check(t, func(r *rapid.T) {
				// 63 pages reach the declared maximum, from which a memory
				// cannot be shrunk; 64 are refused.
				for _, pages := range rapid.SliceOfN(rapid.Uint32Range(0, 64), 1, 4).Draw(r, "pages") {
					scribbled(requireRapid{r, t}, p, pages, 0)
				}
			})
			if n := len(p.images); n != 1 {
				t.Errorf("%d images", n)
			}
		})
	}
}

// Instances are shared by callers at the same time, never by two at once.
func TestFreshStateConcurrently(t *testing.T) {
	p := program(t, hostile(t, "scribble"), Config{})
	var group sync.WaitGroup
	for k := range 8 {
		group.Go(func() {
			for n := range 50 {
				scribbled(t, p, uint32((k+n)%5), byte(n))
			}
		})
	}
	group.Wait()
	for _, img := range p.images {
		if n := len(img.idle); n == 0 || n > idleMax() {
			t.Errorf("%d idle instances, at most %d", n, idleMax())
		}
	}
}

// An attempt that ended badly leaves nothing for the next.
func TestFreshStateAfterStops(t *testing.T) {
	p := program(t, goReactor(t), Config{})
	c := Call{Input: []byte(`{}`), Time: time.Unix(1_700_000_000, 0), Seed: [32]byte{7}}
	want, first := call(t, p, c)
	for name, bad := range map[string]Call{
		"panic":   {Input: []byte(`{"do":"panic"}`)},
		"fuel":    {Input: []byte(`{"do":"grow"}`), Limits: Limits{Fuel: 100_000}},
		"memory":  {Input: []byte(`{"do":"grow"}`), Limits: Limits{MemoryBytes: 16 << 20}},
		"timeout": {Input: []byte(`{"do":"grow"}`), Limits: Limits{Timeout: time.Nanosecond}},
		"error":   {Input: []byte(`{"do":"fail"}`)},
		"grown":   {Input: []byte(`{"do":"grow"}`)},
	} {
		if _, err := p.Call(t.Context(), bad); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, r := call(t, p, c)
		if !reflect.DeepEqual(got, want) || r.Fuel != first.Fuel || r.PeakMemoryBytes != first.PeakMemoryBytes {
			t.Errorf("after %s: %v %+v, want %v %+v", name, got, r, want, first)
		}
	}
}

// A module that changes its table cannot be set back and gets a new instance.
func TestIrreversible(t *testing.T) {
	p := program(t, fromWAT(t, `(module (memory (export "memory") 1)
		(table 2 2 funcref) (elem declare func $a)
		(func $a)
		(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
		(func (export "chainrun_run_v1") (param i32 i32) (result i64)
			(if (i32.eqz (ref.is_null (table.get 0 (i32.const 1)))) (then unreachable))
			(table.set 0 (i32.const 1) (ref.func $a))
			(i64.const 0)))`), Config{})
	for range 3 {
		if r, err := p.Call(t.Context(), Call{}); err != nil || r.Stop != nil {
			t.Fatalf("%v %+v", err, r.Stop)
		}
	}
	if len(p.images) != 0 {
		t.Error("it has an image")
	}
}

// The state of a start is under the limits, so limits have images of their
// own, not endlessly many.
func TestImagesAreBounded(t *testing.T) {
	p := program(t, hostile(t, "echo"), Config{})
	for n := range 3 * imagesMax {
		r, err := p.Call(t.Context(), Call{Input: []byte("1"), Limits: Limits{Fuel: uint64(1000 + n)}})
		if err != nil || r.Stop != nil || string(r.Output) != "1" {
			t.Fatal(err, r.Stop)
		}
	}
	if n := len(p.images); n != imagesMax {
		t.Errorf("%d images", n)
	}
}

// Compiler and interpreter are two ways to the same numbers.
func TestEnginesAgree(t *testing.T) {
	compiler, interpreter := program(t, goReactor(t), Config{}), program(t, goReactor(t), Config{Interpreter: true})
	for _, input := range []string{`{}`, `{"do":"ask"}`, `{"do":"grow"}`, `no`, `[` + string(make([]byte, 1000)) + `]`} {
		c := Call{Input: []byte(input), Time: time.Unix(1, 0), Seed: [32]byte{1}}
		a, err := compiler.Call(t.Context(), c)
		b, err2 := interpreter.Call(t.Context(), c)
		if err != nil || err2 != nil || fmt.Sprintf("%s %+v", a.Output, a.Stop) != fmt.Sprintf("%s %+v", b.Output, b.Stop) ||
			a.Fuel != b.Fuel || a.PeakMemoryBytes != b.PeakMemoryBytes {
			t.Errorf("%.10s: %v %s %+v, %v %s %+v", input, err, a.Output, a, err2, b.Output, b)
		}
	}
}

// The slice is a matter of the clock alone.
func TestSliceDoesNotMatter(t *testing.T) {
	var fuel []uint64
	for _, slice := range []uint64{1, 1000, 0} {
		_, r := call(t, program(t, goReactor(t), Config{Slice: slice}), Call{Input: []byte(`{}`)})
		fuel = append(fuel, r.Fuel)
	}
	if fuel[0] != fuel[1] || fuel[1] != fuel[2] {
		t.Errorf("fuel %v", fuel)
	}
}

// What was reported as used is enough, one less is not.
func TestFuelIsExact(t *testing.T) {
	p := program(t, goReactor(t), Config{})
	start := Limits{} // the start-up needs more than the attempt
	_, r := call(t, p, Call{Input: []byte(`{}`), Limits: start})
	q := program(t, cReactor(t), Config{})
	_, s := call(t, q, Call{Input: []byte(`{"a":1}`)})
	if r.Fuel == 0 || s.Fuel == 0 {
		t.Fatal(r.Fuel, s.Fuel)
	}
	for _, tc := range []struct {
		fuel uint64
		stop bool
	}{{s.Fuel, false}, {s.Fuel - 1, true}} {
		got, err := q.Call(t.Context(), Call{Input: []byte(`{"a":1}`), Limits: Limits{Fuel: tc.fuel}})
		if err != nil || (got.Stop != nil) != tc.stop || tc.stop && got.Stop.Reason != FuelExhausted {
			t.Errorf("fuel %d: %v %+v", tc.fuel, err, got.Stop)
		}
	}
}
