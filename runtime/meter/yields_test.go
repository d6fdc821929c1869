package meter_test

// Where a module looks at its fuel, and what it has used by then: both are seen by whoever reads the fuel of an attempt
// that trapped or ran out, so a better way to rewrite may not move them.

import (
	"context"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// jumps is a function as Go compiles them: every jump is a branch to the head of one loop around a jump table. The jumps
// cost the same but for one.
const jumps = `(module
	(func $leaf)
	(func (export "f") (param $n i32) (result i32)
		(local $pc i32) (local $sum i32)
		(block $out (loop $jump
			(block $b2
				(block $b1
					(block $b0
						(br_table $b0 $b1 $b2 (local.get $pc)))
					(if (i32.and (local.get $n) (i32.const 1))
						(then
							(local.set $pc (i32.const 2))
							(br $jump)))
					(local.set $pc (i32.const 1))
					(br $jump))
				(local.set $sum (i32.add (local.get $sum) (i32.const 5)))
				(local.set $pc (i32.const 2))
				(br $jump))
			(call $leaf)
			(local.set $n (i32.sub (local.get $n) (i32.const 1)))
			(local.set $pc (i32.const 0))
			(br_if $out (i32.eqz (local.get $n)))
			(br $jump)))
		(local.get $sum)))`

func TestYieldsStayWhereTheyAre(t *testing.T) {
	m, err := module.Read(wat(t, jumps))
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter.Rewrite(m, meter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(on engine) {
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, on.c)
		defer func() { _ = r.Close(ctx) }()
		var seen []int64 // the fuel at each look, of slices of 0
		yield := func(_ context.Context, mod api.Module, _ []uint64) {
			fuel, ok := mod.ExportedGlobal(metered.FuelExport).(api.MutableGlobal)
			if !ok {
				on.t.Error("the fuel is not exported")
				return
			}
			seen = append(seen, int64(fuel.Get()))
			fuel.Set(0)
		}
		if _, err := r.NewHostModuleBuilder(metered.YieldModule).NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(yield), nil, nil).Export(metered.YieldName).Instantiate(ctx); err != nil {
			on.t.Fatal(err)
		}
		mod, err := r.Instantiate(ctx, metered.Wasm)
		if err != nil {
			on.t.Fatal(err)
		}
		results, err := mod.ExportedFunction("f").Call(ctx, 6)
		if err != nil {
			on.t.Fatal(err)
		}
		if results[0] != 15 {
			on.t.Errorf("result %d, want 15", results[0])
		}
		want := []int64{-1, -9, -9, -14, -9, -14, -9, -9, -14, -9, -14, -9, -9, -14, -9}
		if !slices.Equal(seen, want) {
			on.t.Errorf("looked at the fuel at %v, want %v", seen, want)
		}
		if left := int64(mod.ExportedGlobal(metered.FuelExport).Get()); left != -14 {
			on.t.Errorf("%d is left at the end, want -14", left)
		}
	})
}
