// The meter as the lanes use it.
package main

import (
	"fmt"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// throughMeter counts fuel alone, withDepth bounds the call depth too, as the
// sandbox does.
func throughMeter(wasm []byte) (*metered, error) { return rewrite(wasm, meter.Config{}) }

func withDepth(wasm []byte) (*metered, error) { return rewrite(wasm, meter.Config{CallDepth: true}) }

func rewrite(wasm []byte, c meter.Config) (*metered, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	ready, err := meter.Rewrite(m, c)
	if err != nil {
		return nil, fmt.Errorf("rewriting: %w", err)
	}
	return &metered{
		wasm: ready.Wasm, fuel: ready.FuelExport, bulk: ready.BulkExport, depth: ready.DepthExport,
		yieldModule: ready.YieldModule, yieldName: ready.YieldName,
	}, nil
}
