package meter_test

// Call depth, and what cannot be set back.

import (
	"errors"
	"slices"
	"testing"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

func TestCallDepth(t *testing.T) {
	// Each takes the depth to go to and gives it back.
	tests := map[string]string{
		"direct": `(func $f (export "f") (param i32) (result i32)
			(if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))`,
		"indirect": `(table 1 funcref) (elem (i32.const 0) $f)
			(func $f (export "f") (param i32) (result i32)
			(if (result i32) (local.get 0) (then (i32.add (i32.const 1)
				(call_indirect (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))) (else (i32.const 0))))`,
		"mutual": `(func $g (param i32) (result i32) (call $f (local.get 0)))
			(func $f (export "f") (param i32) (result i32)
			(if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $g (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			metered := rewrite(t, wat(t, "(module "+source+")"))
			onEngines(t, func(on engine) {
				t, c := on.t, on.c
				g := instantiate(t, c, metered, plenty, 1<<40)
				depth := g.global(g.mod, metered.DepthExport)
				if depth.Get() != meter.DefaultCallDepth {
					t.Errorf("the depth begins with %d", depth.Get())
				}
				for range 2 {
					depth.Set(100)
					if got, _, err := g.call("f", 100); err != nil || got[0] != 100 || depth.Get() != 100 {
						t.Fatalf("at the limit: %v, %v, depth left %d", got, err, int32(depth.Get()))
					}
					if _, _, err := g.call("f", 101); err == nil || int32(depth.Get()) >= 0 {
						t.Fatalf("beyond the limit: %v, depth left %d", err, int32(depth.Get()))
					}
				}
			})
		})
	}
}

// A call tree without cycles costs nothing and is not limited.
func TestCallDepthCountsCyclesOnly(t *testing.T) {
	metered := rewrite(t, wat(t, "(module "+exponential+")"))
	onEngines(t, func(on engine) {
		t, c := on.t, on.c
		g := instantiate(t, c, metered, plenty, 1<<40)
		g.global(g.mod, metered.DepthExport).Set(0)
		if _, _, err := g.call("f"); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutCallDepth(t *testing.T) {
	m, err := module.Read(wat(t, `(module (func $f (export "f") (param i32)
		(if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))))`))
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter.Rewrite(m, meter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if metered.DepthExport != "" {
		t.Errorf("depth export %q", metered.DepthExport)
	}
	onEngines(t, func(on engine) {
		t, c := on.t, on.c
		g := instantiate(t, c, metered, plenty, 1000)
		if _, fuel, err := g.call("f", 50); err != nil || fuel != 50*7+3 {
			t.Errorf("fuel %d, %v", fuel, err)
		}
	})
}

// The host ends the call in a yield and the instance stays good.
func TestHostEndsTheCall(t *testing.T) {
	metered := rewrite(t, wat(t, `(module (func (export "f") (loop (br 0))) (func (export "g") (result i32) (i32.const 3)))`))
	onEngines(t, func(on engine) {
		t, c := on.t, on.c
		g := instantiate(t, c, metered, 1000, 10)
		if _, _, err := g.call("f"); !errors.Is(err, errOutOfFuel) {
			t.Fatal(err)
		}
		g.limit = plenty
		if got, _, err := g.call("g"); err != nil || got[0] != 3 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestReset(t *testing.T) {
	m, err := module.Read(wat(t, resetModule))
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter.Rewrite(m, meter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"chainrun_meter:global:3", "chainrun_meter:global:4"}; !slices.Equal(metered.Globals, want) {
		t.Errorf("globals %q", metered.Globals)
	}
	want := []string{
		"table.set in function 1", "elem.drop in function 1", "data.drop in function 2", "table.init in function 3",
		"table.fill in function 4", "table.grow in function 4", "table.copy in function 5",
		"imported memory e.m", "imported mutable global e.g", "mutable v128 global 5", "mutable funcref global 6",
	}
	if !slices.Equal(metered.Irreversible, want) {
		t.Errorf("irreversible %q", metered.Irreversible)
	}
}

const resetModule = `(module
	(import "e" "m" (memory 1)) (import "e" "g" (global (mut i32))) (import "e" "c" (global i32))
	(table 2 funcref) (elem $e func $f) (data $d "abc")
	(global i32 (i32.const 1)) (global (mut i32) (i32.const 1)) (global (mut f64) (f64.const 1))
	(global (mut v128) (v128.const i32x4 0 0 0 0)) (global (mut funcref) (ref.null func)) (global funcref (ref.null func))
	(func $f) (func (table.set 0 (i32.const 0) (ref.func $f)) (table.set 0 (i32.const 0) (ref.func $f)) elem.drop $e)
	(func data.drop $d) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)))
	(func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1)) (drop (table.grow 0 (ref.null func) (i32.const 1))))
	(func (table.copy (i32.const 0) (i32.const 0) (i32.const 1)))
	(func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))))`

// A module whose state is memory and numbers alone can be set back.
func TestResetIsPossible(t *testing.T) {
	metered := rewrite(t, wat(t, `(module (memory 1) (global (mut i32) (i32.const 0)) (table 1 funcref) (elem (i32.const 0) $f)
		(data $d "abc")
		(func $f (export "f") (result i32) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
			(global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0)))`))
	if len(metered.Irreversible) != 0 {
		t.Errorf("irreversible %q", metered.Irreversible)
	}
	onEngines(t, func(on engine) {
		t, c := on.t, on.c
		g := instantiate(t, c, metered, plenty, 100)
		v := g.global(g.mod, metered.Globals[0])
		saved := v.Get()
		for range 2 {
			if got, _, err := g.call("f"); err != nil || got[0] != 1 {
				t.Errorf("%v, %v", got, err)
			}
			v.Set(saved)
		}
	})
}

// A growth that is refused is told, by kind, whatever the module does about it.
func TestRefusedGrowth(t *testing.T) {
	metered := rewrite(t, wat(t, `(module (memory 1 3) (table 1 3 funcref)
		(func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
		(func (export "table") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0))))`))
	onEngines(t, func(on engine) {
		t, c := on.t, on.c
		g := instantiate(t, c, metered, plenty, 1000)
		refused := g.global(g.mod, metered.RefusedExport)
		for _, step := range []struct {
			name string
			by   uint64
			want uint64
			told uint64
		}{
			{"memory", 1, 1, 0},
			{"table", 1, 1, 0},
			{"memory", 2, 1<<32 - 1, 1},
			{"memory", 1, 2, 1},
			{"table", 9, 1<<32 - 1, 3},
			{"memory", 1<<32 - 1, 1<<32 - 1, 3},
		} {
			got, _, err := g.call(step.name, step.by)
			if err != nil || got[0] != step.want || refused.Get() != step.told {
				t.Errorf("%s by %d: %v, %v, told %d", step.name, step.by, got, err, refused.Get())
			}
		}
		refused.Set(0)
		if _, _, err := g.call("table", 9); err != nil || refused.Get() != 2 {
			t.Errorf("told %d, %v", refused.Get(), err)
		}
	})
	if m := rewrite(t, wat(t, `(module (memory 1))`)); m.RefusedExport != "" {
		t.Errorf("export %q without anything that grows", m.RefusedExport)
	}
}
