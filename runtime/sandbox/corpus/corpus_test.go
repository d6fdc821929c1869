package corpus

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

const (
	callsMax    = 120       // of exported functions of one module
	restartsMax = 12        // of a module whose calls do not come to an end
	callFuel    = 2_000_000 // of one
)

// arguments are what every exported function is called with, cut to its
// parameters: nothing, something small, addresses in the first page.
var arguments = [][]uint64{{0, 0, 0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6, 7, 8}, {1024, 16, 2048, 16, 4096, 1, 1, 1}}

// TestCorpus reads, meters and compiles each module, calls what it exports, and
// gives some of them work: the metered module gives the same results, traps in the
// same way and leaves the same memory.
func TestCorpus(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		f := modules[name]
		t.Run(name, func(t *testing.T) {
			wasm := f.get(t)
			m, err := module.Read(wasm)
			if err == nil {
				_, err = meter.Rewrite(m, meter.Config{CallDepth: true})
			}
			if f.refused != "" {
				if err == nil || !strings.Contains(err.Error(), f.refused) {
					t.Errorf("%v, expected something about %q", err, f.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if name == "esbuild" {
				return // compiled and run by TestEsbuild; that takes long enough
			}
			twins := newTwins(t, wasm)
			callAll(t, twins, m)
			if do := work[name]; do != nil {
				b := both{t: t}
				b.plain, b.metered = twins.start(t, nil)
				do(b)
			}
		})
	}
}

// callAll calls the exported functions in the order of the file.
func callAll(t *testing.T, w twins, m *module.Module) {
	t.Helper()
	plain, metered := w.start(t, nil)
	calls, restarts := 0, 0
	for _, e := range m.Exports {
		if plain == nil {
			return
		}
		f, _ := m.FunctionType(e.Index)
		reference := func(v module.ValueType) bool {
			return v != module.I32 && v != module.I64 && v != module.F32 && v != module.F64
		}
		if e.Kind != module.KindFunction || len(f.Params) > len(arguments[0]) || slices.ContainsFunc(slices.Concat(f.Params, f.Results), reference) {
			continue
		}
		for _, args := range arguments[:min(len(arguments), 1+2*len(f.Params))] {
			if calls++; calls > callsMax || restarts > restartsMax {
				return
			}
			if _, ok := same(t, plain, metered, callFuel, e.Name, args[:len(f.Params)]...); !ok {
				if t.Failed() {
					return
				}
				restarts++
				plain, metered = w.start(t, nil)
			}
		}
	}
	t.Logf("%d calls, %d times started anew", calls, restarts)
}
