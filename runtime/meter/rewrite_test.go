package meter_test

// Fuel counted by hand, and what happens at the limits.

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

const plenty = math.MaxInt64

func TestFuel(t *testing.T) {
	tests := []struct {
		name   string
		wat    string
		args   []uint64
		want   []uint64
		fuel   int64
		bulk   int64
		traps  bool
		errors bool
	}{
		{name: "empty", wat: `(func (export "f"))`, fuel: 1},
		{name: "constant", wat: `(func (export "f") (result i32) i32.const 7)`, want: []uint64{7}, fuel: 2},
		{name: "nop and drop are free", wat: `(func (export "f") nop i32.const 1 drop nop)`, fuel: 2},
		{name: "block is free", wat: `(func (export "f") (block (block nop)))`, fuel: 1},
		{name: "return is free", wat: `(func (export "f") (result i32) i32.const 1 return i32.const 2)`, want: []uint64{1}, fuel: 2},
		{
			// entry 1; a turn: local.get, i32.const, i32.sub, local.tee, br_if
			name: "loop", wat: `(func (export "f") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`,
			args: []uint64{10}, fuel: 51,
		},
		{
			name: "loop with parameters", wat: `(func (export "f") (param i32) (result i32 i64) (i32.const 1) (i64.const 2)
				(loop (param i32 i64) (result i32 i64) (i64.add (i64.const 1)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`,
			args: []uint64{10}, want: []uint64{1, 12}, fuel: 1 + 2 + 10*7,
		},
		{
			name: "loops in a loop and branches over both", wat: `(func (export "f") (param i32) (result i32) (local i32)
				(block (loop (loop (local.set 1 (i32.add (local.get 1) (i32.const 1)))
					(br_if 1 (i32.lt_u (local.get 1) (i32.const 5)))
					(br_table 0 1 2 (i32.sub (local.get 1) (local.get 0)))))) (local.get 1))`,
			args: []uint64{5}, want: []uint64{7}, fuel: 1 + 4*8 + 3*12 + 1,
		},
		{
			name: "branches with values", wat: `(func (export "f") (param i32) (result i32)
				(block (result i32) (loop (result i32) (i32.const 7) (br_if 1 (local.get 0)) (br 0))))`,
			args: []uint64{1}, want: []uint64{7}, fuel: 1 + 3,
		},
		{
			name: "if taken", wat: `(func (export "f") (param i32) (result i32)
				(if (result i32) (local.get 0) (then (i32.add (i32.const 1) (i32.const 2))) (else (i32.const 9))))`,
			args: []uint64{1}, want: []uint64{3}, fuel: 6,
		},
		{
			name: "if not taken", wat: `(func (export "f") (param i32) (result i32)
				(if (result i32) (local.get 0) (then (i32.add (i32.const 1) (i32.const 2))) (else (i32.const 9))))`,
			args: []uint64{0}, want: []uint64{9}, fuel: 4,
		},
		{
			name: "call", wat: `(func $g (param i32) (result i32) local.get 0)
				(func (export "f") (result i32) (i32.add (call $g (i32.const 1)) (call $g (i32.const 2))))`,
			want: []uint64{3}, fuel: 1 + 5 + 2*2,
		},
		{
			name: "call_indirect", wat: `(table 1 funcref) (elem (i32.const 0) $g)
				(func $g (param i32) (result i32) local.get 0)
				(func (export "f") (result i32) (call_indirect (param i32) (result i32) (i32.const 5) (i32.const 0)))`,
			want: []uint64{5}, fuel: 1 + 3 + 2,
		},
		{
			name: "br_table", wat: `(func (export "f") (param i32) (result i32)
				(block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10))) (return (i32.const 20))) i32.const 30)`,
			args: []uint64{1}, want: []uint64{20}, fuel: 1 + 2 + 1,
		},
		{
			name: "branch to the function", wat: `(func (export "f") (param i32) (result i32)
				(br_if 0 (i32.const 4) (local.get 0)) drop i32.const 5)`,
			args: []uint64{1}, want: []uint64{4}, fuel: 4,
		},
		{
			name: "several results", wat: `(func (export "f") (param i32) (result i32 i64)
				(if (local.get 0) (then (return (i32.const 1) (i64.const 2)))) i32.const 3 i64.const 4)`,
			args: []uint64{1}, want: []uint64{1, 2}, fuel: 5,
		},
		{
			name: "several results and a call", wat: `(func $g (param i32) (result i32 i64)
				(if (local.get 0) (then (return (call $g (i32.const 0))))) i32.const 3 i64.const 4)
				(export "f" (func $g))`,
			args: []uint64{1}, want: []uint64{3, 4}, fuel: (1 + 2 + 2) + (1 + 2 + 2),
		},
		{
			name: "tail call", wat: `(func $g (param i32 i32) (result i32)
				(if (i32.eqz (local.get 0)) (then (return (local.get 1))))
				(return_call $g (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 2))))
				(export "f" (func $g))`,
			args: []uint64{100_000, 0}, want: []uint64{200_000}, fuel: 100_000*11 + 5,
		},
		{
			name: "short fill", wat: `(memory 1) (func (export "f") (memory.fill (i32.const 0) (i32.const 1) (i32.const 63)))`,
			fuel: 5,
		},
		{
			name: "fill", wat: `(memory 1) (func (export "f") (memory.fill (i32.const 0) (i32.const 1) (i32.const 640)))`,
			fuel: 15, bulk: 10,
		},
		{
			name: "copy of a length that is not constant",
			wat:  `(memory 1) (func (export "f") (param i32) (memory.copy (i32.const 0) (i32.const 64) (local.get 0)))`,
			args: []uint64{129}, fuel: 7, bulk: 2,
		},
		{
			name: "grow", wat: `(memory 1 4) (func (export "f") (result i32) (memory.grow (i32.const 2)))`,
			want: []uint64{1}, fuel: 3 + 2048, bulk: 2048,
		},
		{
			name: "grow that fails", wat: `(memory 1 4) (func (export "f") (result i32) (memory.grow (i32.const 20)))`,
			want: []uint64{math.MaxUint32}, fuel: 3,
		},
		{
			name: "table.grow", wat: `(table 1 100 funcref) (func (export "f") (result i32) (table.grow 0 (ref.null func) (i32.const 80)))`,
			want: []uint64{1}, fuel: 4 + 10, bulk: 10,
		},
		{
			name: "unreachable", wat: `(func (export "f") (local i32) (loop (local.set 0 (i32.const 1)) unreachable))`,
			fuel: 3, traps: true,
		},
		{
			name: "ref.func and the start function", wat: `(global (mut i32) (i32.const 0)) (global funcref (ref.func $h)) (table 3 funcref)
				(elem (table 0) (i32.const 1) funcref (ref.func $h) (ref.null func))
				(func $s (global.set 0 (i32.const 5)) (table.set 0 (i32.const 0) (ref.func $h))) (start $s)
				(func $h (result i32) global.get 0)
				(func (export "f") (result i32)
					(i32.add (call_indirect (result i32) (i32.const 0)) (call_indirect (result i32) (i32.const 1))))`,
			want: []uint64{10}, fuel: 1 + 5 + 2 + 2,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			metered := rewrite(t, wat(t, "(module "+test.wat+")"))
			onEngines(t, func(on engine) {
				t, c := on.t, on.c
				for _, slice := range []uint64{1, 100, 1 << 40} {
					g := instantiate(t, c, metered, plenty, slice)
					got, fuel, err := g.call("f", test.args...)
					if (err != nil) != test.traps {
						t.Fatalf("error %v", err)
					}
					if !slices.Equal(got, test.want) || fuel != test.fuel || g.bulk() != test.bulk {
						t.Errorf("slice %d: results %v, fuel %d, bulk %d; want %v, %d, %d",
							slice, got, fuel, g.bulk(), test.want, test.fuel, test.bulk)
					}
				}
			})
		})
	}
}

func TestFuelRunsOut(t *testing.T) {
	tests := map[string]string{
		"endless loop":        `(func (export "f") (loop (br 0)))`,
		"endless recursion":   `(func $f (export "f") (call $f) (call $f))`,
		"endless tail call":   `(func $f (export "f") (return_call $f))`,
		"exponential calls":   exponential,
		"endless fill":        `(memory 1) (func (export "f") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0)))`,
		"loop in a loop":      `(func (export "f") (loop (loop (br 1))))`,
		"loop through a call": `(func $g) (func (export "f") (loop (call $g) (br 0)))`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			metered := rewrite(t, wat(t, "(module "+source+")"))
			onEngines(t, func(on engine) {
				t, c := on.t, on.c
				g := instantiate(t, c, metered, 1_000, 100)
				_, _, err := g.call("f")
				if !errors.Is(err, errOutOfFuel) {
					t.Fatalf("error %v", err)
				}
				// The instance is good for another call.
				g.limit = 2_000
				if _, _, err = g.call("f"); !errors.Is(err, errOutOfFuel) {
					t.Fatalf("second call: error %v", err)
				}
			})
		})
	}
}

const exponential = `(func $a) (func $b (call $a) (call $a)) (func $c (call $b) (call $b)) (func $d (call $c) (call $c))
	(func $e (call $d) (call $d)) (func $f (call $e) (call $e)) (func $g (call $f) (call $f)) (func $h (call $g) (call $g))
	(func $i (call $h) (call $h)) (func $j (call $i) (call $i)) (func $k (call $j) (call $j)) (func $l (call $k) (call $k))
	(func $m (call $l) (call $l)) (func (export "f") (call $m) (call $m))`

// Function names move with their functions; everything else that tools left in custom sections is dropped.
func TestNames(t *testing.T) {
	custom := func(name string, data ...byte) []byte {
		return cat([]byte{0}, sized(cat(sized([]byte(name)...), data)...))
	}
	wasm := cat(wasmOf([]byte{0, 0x10, 1, 0x0b}, []byte{0, 0x41, 0, 0x0b}), custom(".debug_info", 1, 2, 3),
		custom("name", cat([]byte{1}, sized(cat([]byte{2, 0}, sized('r', 'u', 'n'), []byte{1}, sized('g'))...))...))
	names := func(wasm []byte) map[uint32]string {
		m, err := module.Read(wasm)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range m.Sections {
			if s.Name == ".debug_info" && m.ImportCount(module.KindFunction) > 0 {
				t.Error("DWARF was kept")
			}
		}
		return m.Names
	}
	if got := names(wasm); got[0] != "run" || got[1] != "g" {
		t.Fatalf("names before %v", got)
	}
	if got := names(rewrite(t, wasm).Wasm); len(got) != 2 || got[1] != "run" || got[2] != "g" {
		t.Errorf("names after %v", got)
	}
}
