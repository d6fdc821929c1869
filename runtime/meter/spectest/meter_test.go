// The meter as the runner sees it.
package spectest

import (
	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// sameNaNs says that the meter makes NaNs the same under every engine.
const sameNaNs = false

func throughMeter(wasm []byte) (*rewritten, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, err
	}
	ready, err := meter.Rewrite(m, meter.Config{CallDepth: true})
	if err != nil {
		return nil, err
	}
	return &rewritten{
		wasm: ready.Wasm, fuel: ready.FuelExport, depth: ready.DepthExport,
		yieldModule: ready.YieldModule, yieldName: ready.YieldName,
	}, nil
}
