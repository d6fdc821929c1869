// Our fuel against Wasmtime's, program by program, to the last instruction.
package main

import (
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
)

// TestFuelIsWasmtimes runs every program once, for less than the benchmark does,
// under both of wazero's engines, with a visit to the host at every check, and
// under Wasmtime.
func TestFuelIsWasmtimes(t *testing.T) {
	if wasmtimeMissing != "" {
		t.Skip(wasmtimeMissing)
	}
	programs, missing, err := buildPrograms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing {
		t.Run("missing", func(t *testing.T) { t.Skip(m) })
	}
	wasmtime := newWasmtimeLane(true)
	defer func() { _ = wasmtime.close(t.Context()) }()
	engines := map[string]lane{
		"compiler":    newWazeroLane(wazero.NewRuntimeConfigCompiler(), throughMeter),
		"interpreter": newWazeroLane(wazero.NewRuntimeConfigInterpreter(), throughMeter),
		"depth":       newWazeroLane(wazero.NewRuntimeConfigCompiler(), withDepth),
	}
	yielding := newWazeroLane(wazero.NewRuntimeConfigCompiler(), withDepth)
	yielding.slice = 1 // every check goes to the host
	engines["yielding"] = yielding
	defer func() {
		for _, l := range engines {
			_ = l.close(t.Context())
		}
	}()
	for _, p := range programs {
		t.Run(p.language+"/"+p.name, func(t *testing.T) {
			wasm, err := os.ReadFile(p.module)
			if err != nil {
				t.Fatal(err)
			}
			result, want := callOnce(t, wasmtime, wasm, p.entry, p.few)
			if want == 0 {
				t.Fatal("Wasmtime counted nothing")
			}
			for name, lane := range engines {
				sum, fuel := callOnce(t, lane, wasm, p.entry, p.few)
				if sum != result {
					t.Errorf("%s: result %d, under Wasmtime %d", name, sum, result)
				}
				if fuel != want {
					t.Errorf("%s: fuel %d, under Wasmtime %d (%+d)", name, fuel, want, int64(fuel-want))
				}
			}
		})
	}
}

func callOnce(t *testing.T, l lane, wasm []byte, entry string, count uint32) (result uint32, fuel uint64) {
	t.Helper()
	in, err := l.open(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.close(t.Context()) }()
	results, fuel, err := in.call(t.Context(), entry, uint64(count))
	if err != nil {
		t.Fatal(err)
	}
	return uint32(results[0]), fuel
}
