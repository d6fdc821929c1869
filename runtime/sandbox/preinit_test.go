package sandbox

import (
	"errors"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

// A reactor that counts its calls in memory and in a global, and says so: what
// it returns is the bytes of the memory's counter.
const countingWAT = `(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $count (mut i64) (i64.const 0))
  (func (export "_initialize") (i32.store8 (i32.const 8) (i32.const 0x30)))
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $bump (export "bump") (param $by i32) (param i32 i32) (result i64)
    (drop (call $random (i32.const 64) (i32.const 8)))
    (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (local.get $by)))
    (global.set $count (i64.add (global.get $count) (i64.extend_i32_u (local.get $by))))
    (i32.store8 (i32.const 9) (i32.add (i32.const 0x30) (i32.wrap_i64 (global.get $count))))
    (if (i32.gt_u (memory.size) (i32.const 1)) (then (i32.store8 (i32.const 10) (i32.load8_u (i32.const 70000)))))
    (i64.const 0x0000000800000003))
  (func (export "chainrun_run_v1") (param i32 i32) (result i64)
    (drop (memory.grow (i32.const 2)))
    (i32.store8 (i32.const 70000) (i32.const 0x58))
    (call $bump (i32.const 1) (local.get 0) (local.get 1)))
  (func (export "chainrun_run_v1:fail") (param i32 i32) (result i64) unreachable)
)`

// A module that begins where an attempt of another one ended does.
func TestSnapshot(t *testing.T) {
	p := program(t, fromWAT(t, countingWAT), Config{})
	r, state, err := p.Snapshot(t.Context(), Call{Input: []byte("x")})
	if err != nil || r.Stop != nil || string(r.Output) != "11X" {
		t.Fatalf("%v %+v %q", err, r.Stop, r.Output)
	}
	if len(state.Memory) != 3<<16 || len(state.Globals) != 1 || state.Globals[0] != 1 {
		t.Fatalf("%d bytes, globals %v", len(state.Memory), state.Globals)
	}
	if plain, err := p.Call(t.Context(), Call{}); err != nil || string(plain.Output) != "11X" {
		t.Errorf("the program itself began elsewhere: %v, %q", err, plain.Output)
	}
	frozen, err := module.Freeze(p.Module(), *state, []string{"memory", "chainrun_alloc"}, []module.Binding{
		{Export: "chainrun_run_v1", To: "bump", First: 2}, {Export: "chainrun_run_v1:four", To: "bump", First: 4},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines {
		q := program(t, frozen, e.config)
		for entry, want := range map[string]string{"": "33X", "four": "55X"} {
			for range 2 { // each attempt from the same state
				r, err := q.Call(t.Context(), Call{Entry: entry})
				if err != nil || r.Stop != nil || string(r.Output) != want {
					t.Errorf("%s, entry %q: %v %+v %q, want %q", e.name, entry, err, r.Stop, r.Output, want)
				}
			}
		}
	}
}

func TestSnapshotRefuses(t *testing.T) {
	p := program(t, fromWAT(t, countingWAT), Config{})
	if _, _, err := p.Snapshot(t.Context(), Call{Entry: "none"}); !errors.Is(err, ErrNoEntry) {
		t.Errorf("an entry that is not there: %v", err)
	}
	r, state, err := p.Snapshot(t.Context(), Call{Entry: "fail"})
	if err != nil || state != nil || r.Stop == nil || r.Stop.Reason != Trap {
		t.Errorf("a trap: %v %v %+v", err, state, r.Stop)
	}
	r, state, err = p.Snapshot(t.Context(), Call{Limits: Limits{Fuel: 5}})
	if err != nil || state != nil || r.Stop == nil || r.Stop.Reason != FuelExhausted {
		t.Errorf("no fuel: %v %v %+v", err, state, r.Stop)
	}
	q := program(t, fromWAT(t, `(module
  (memory (export "memory") 1) (table $t 1 funcref)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
  (func (export "chainrun_run_v1") (param i32 i32) (result i64)
    (table.set $t (i32.const 0) (ref.null func)) (i64.const 0)))`), Config{})
	if _, _, err := q.Snapshot(t.Context(), Call{}); !errors.Is(err, ErrMoreState) {
		t.Errorf("a module that changes its table: %v", err)
	}
}
