package meter_test

// Where charges are made: how many there are decides how long the engine takes to compile a module.

import "testing"

func TestWhatGoesOnPaysForWhatComesBehindCalls(t *testing.T) {
	metered := rewrite(t, wat(t, `(module
		(func $leaf (result i32) (i32.const 0))
		(func (export "f") (local $x i32)
			(block $out
				(br_if $out (call $leaf))
				(local.set $x (i32.const 5))
				(br_if $out (call $leaf))
				(local.set $x (i32.const 6))
				(br_if $out (call $leaf)))
			(local.set $x (i32.const 7))))`))
	charges := 0
	for i := range len(metered.Wasm) - 2 {
		if b := metered.Wasm[i:]; b[0] == 0x42 && b[1] < 0x40 && b[2] == 0x7d { // i64.const, i64.sub
			charges++
		}
	}
	// The leaf, the entrance of f, what lies between two calls, and what lies behind the block: none behind the calls.
	if charges != 5 {
		t.Errorf("%d charges, want 5", charges)
	}
}
