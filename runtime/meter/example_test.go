package meter_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// A host grants slices of 1,000 until 10,000 are used, and then ends the call.
func ExampleRewrite() {
	ctx := context.Background()
	endless := wasmOf([]byte{0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 7, 0x0b}) // (loop (br 0)) i32.const 7

	m, err := module.Read(endless)
	if err != nil {
		panic(err)
	}
	metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
	if err != nil {
		panic(err)
	}

	r := wazero.NewRuntime(ctx)
	defer func() { _ = r.Close(ctx) }()
	outOfFuel := errors.New("out of fuel")
	granted := 0
	yield := func(_ context.Context, guest api.Module, _ []uint64) {
		if granted == 10_000 {
			panic(outOfFuel)
		}
		granted += 1_000
		fuel := guest.ExportedGlobal(metered.FuelExport).(api.MutableGlobal)
		fuel.Set(fuel.Get() + 1_000)
	}
	_, err = r.NewHostModuleBuilder(metered.YieldModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(yield), nil, nil).Export(metered.YieldName).Instantiate(ctx)
	if err != nil {
		panic(err)
	}
	guest, err := r.Instantiate(ctx, metered.Wasm)
	if err != nil {
		panic(err)
	}
	_, err = guest.ExportedFunction("f").Call(ctx)
	fmt.Println(errors.Is(err, outOfFuel), granted)
	// Output: true 10000
}
