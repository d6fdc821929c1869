package meter_test

// Running rewritten modules on wazero.

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// wat translates the text format. Without wat2wasm (Debian: wabt) the test is skipped, but fails in CI.
func wat(tb testing.TB, source string) []byte {
	tb.Helper()
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatal("wat2wasm is not installed (Debian package wabt)")
		}
		tb.Skip("wat2wasm is not installed (Debian package wabt)")
	}
	dir := tb.TempDir()
	in, out := filepath.Join(dir, "m.wat"), filepath.Join(dir, "m.wasm")
	if err := os.WriteFile(in, []byte(source), 0o600); err != nil {
		tb.Fatal(err)
	}
	if text, err := exec.Command(tool, "--enable-tail-call", "--enable-extended-const", in, "-o", out).CombinedOutput(); err != nil {
		tb.Fatalf("wat2wasm: %v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func rewrite(tb testing.TB, wasm []byte) *meter.Metered {
	tb.Helper()
	m, err := module.Read(wasm)
	if err != nil {
		tb.Fatal(err)
	}
	metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
	if err != nil {
		tb.Fatal(err)
	}
	return metered
}

// features are what the sandbox switches on.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst

var engines = map[string]func() wazero.RuntimeConfig{
	"compiler":    wazero.NewRuntimeConfigCompiler,
	"interpreter": wazero.NewRuntimeConfigInterpreter,
}

// An engine is one of wazero's, for one test.
type engine struct {
	t *testing.T
	c wazero.RuntimeConfig
}

// onEngines runs a test under each engine.
func onEngines(t *testing.T, f func(on engine)) {
	t.Helper()
	for _, name := range []string{"compiler", "interpreter"} {
		t.Run(name, func(t *testing.T) {
			f(engine{t: t, c: engines[name]().WithCoreFeatures(features).WithDebugInfoEnabled(false)})
		})
	}
}

var errOutOfFuel = errors.New("out of fuel")

// A guest is an instance of a rewritten module with a host that grants slices up to a limit.
type guest struct {
	t       testing.TB
	metered *meter.Metered
	mod     api.Module
	granted uint64
	limit   uint64
	slice   uint64
	lowest  int64 // the least fuel seen in a yield
}

func instantiate(tb testing.TB, c wazero.RuntimeConfig, metered *meter.Metered, limit, slice uint64) *guest {
	tb.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, c)
	tb.Cleanup(func() { _ = r.Close(ctx) })
	g := &guest{t: tb, metered: metered, limit: limit, slice: slice}
	yield := func(_ context.Context, mod api.Module, _ []uint64) { g.yield(mod) }
	_, err := r.NewHostModuleBuilder(metered.YieldModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(yield), nil, nil).Export(metered.YieldName).Instantiate(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	g.mod, err = r.InstantiateWithConfig(ctx, metered.Wasm, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		tb.Fatalf("instantiating: %v", err)
	}
	return g
}

func (g *guest) global(m api.Module, name string) api.MutableGlobal {
	v, ok := m.ExportedGlobal(name).(api.MutableGlobal)
	if !ok {
		g.t.Fatalf("global %s is not exported or not mutable", name)
	}
	return v
}

func (g *guest) yield(m api.Module) {
	fuel := g.global(m, g.metered.FuelExport)
	g.lowest = min(g.lowest, int64(fuel.Get()))
	if int64(fuel.Get()) >= 0 {
		g.t.Error("yield was called with fuel left")
	}
	// What is left is below zero: at least as much has to be granted.
	need := max(uint64(-int64(fuel.Get())), g.slice)
	if g.granted+need > g.limit {
		need = g.limit - g.granted
	}
	g.granted += need
	fuel.Set(fuel.Get() + need)
	if int64(fuel.Get()) < 0 {
		panic(errOutOfFuel)
	}
}

// call gives the results and the fuel used.
func (g *guest) call(name string, args ...uint64) ([]uint64, int64, error) {
	g.t.Helper()
	before := int64(g.granted) - int64(g.global(g.mod, g.metered.FuelExport).Get())
	f := g.mod.ExportedFunction(name)
	if f == nil {
		g.t.Fatalf("no function %q", name)
	}
	results, err := f.Call(context.Background(), args...)
	left := int64(g.global(g.mod, g.metered.FuelExport).Get())
	if err == nil && left < 0 && g.granted == g.limit {
		err = errOutOfFuel
	}
	return results, int64(g.granted) - left - before, err
}

// bulk gives what bulk operations cost so far.
func (g *guest) bulk() int64 { return int64(g.global(g.mod, g.metered.BulkExport).Get()) }
