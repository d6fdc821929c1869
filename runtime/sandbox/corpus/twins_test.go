package corpus

// Twins: a module as it is, and metered, that are asked the same.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// features are what the sandbox switches on.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst

// slice is small, so that many are granted.
const slice = 50_000

var errOutOfFuel = errors.New("out of fuel")

// An engine is a runtime with a module in it that is compiled once.
type engine struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	metered  *meter.Metered // nil: as it is

	left int64 // fuel, to be granted
}

// An instance is one of an engine's.
type instance struct {
	*engine
	mod api.Module
	out bytes.Buffer
}

// newEngine compiles a module; metered or as it is.
func newEngine(t *testing.T, m *module.Module, metered *meter.Metered) *engine {
	t.Helper()
	ctx := context.Background()
	e := &engine{metered: metered}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features).WithDebugInfoEnabled(false))
	t.Cleanup(func() { _ = e.runtime.Close(ctx) })
	wasm := m.Bytes
	if metered != nil {
		wasm = metered.Wasm
		_, err := e.runtime.NewHostModuleBuilder(metered.YieldModule).NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(e.yield), nil, nil).Export(metered.YieldName).Instantiate(ctx)
		if err != nil {
			t.Fatal(err)
		}
	}
	wasi_snapshot_preview1.MustInstantiate(ctx, e.runtime)
	for name, wasm := range stubs(m) {
		if _, err := e.runtime.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(name)); err != nil {
			t.Fatalf("making a host %q: %v", name, err)
		}
	}
	var err error
	if e.compiled, err = e.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, 2), wasm); err != nil {
		t.Fatalf("compiling, metered %t: %v", metered != nil, err)
	}
	return e
}

// yield grants the next slice.
func (e *engine) yield(_ context.Context, mod api.Module, _ []uint64) {
	fuel, ok := mod.ExportedGlobal(e.metered.FuelExport).(api.MutableGlobal)
	if !ok {
		panic("no fuel is exported")
	}
	if e.left -= slice; e.left < 0 {
		panic(errOutOfFuel)
	}
	fuel.Set(uint64(int64(fuel.Get()) + slice))
}

// start makes an instance.
func (e *engine) start(stdin []byte) (*instance, error) {
	i := &instance{engine: e}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().WithArgs("node").
		WithStdin(bytes.NewReader(stdin)).WithStdout(&i.out)
	e.left = 1 << 30
	var err error
	i.mod, err = e.runtime.InstantiateModule(context.Background(), e.compiled, config)
	return i, err //nolint:wrapcheck // it is compared
}

// call calls an exported function and says in words what came of it.
func (i *instance) call(fuel int64, name string, args ...uint64) (results []uint64, end string) {
	if i.metered != nil {
		i.left = fuel
		i.global(i.metered.FuelExport).Set(slice)
		i.global(i.metered.DepthExport).Set(meter.DefaultCallDepth)
	}
	f := i.mod.ExportedFunction(name)
	results, err := f.Call(context.Background(), args...)
	var exit *sys.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		end = fmt.Sprintf("exit %d", exit.ExitCode())
	case errors.Is(err, errOutOfFuel):
		end = outOfFuel
	case i.metered != nil && int32(i.global(i.metered.DepthExport).Get()) < 0:
		end = tooDeep
	default:
		end, _, _ = strings.Cut(err.Error(), "\n")
	}
	for k, t := range f.Definition().ResultTypes() {
		if k < len(results) {
			results[k] = canonical(t, results[k])
		}
	}
	return results, end
}

// What the metered one alone can end with.
const (
	outOfFuel = "out of fuel"
	tooDeep   = "too deep"
)

func (i *instance) global(name string) api.MutableGlobal {
	g, ok := i.mod.ExportedGlobal(name).(api.MutableGlobal)
	if !ok {
		panic("not exported: " + name)
	}
	return g
}

// canonical makes all NaNs one: their bits are the engine's own business.
func canonical(t api.ValueType, v uint64) uint64 {
	switch {
	case t == api.ValueTypeF32 && api.DecodeF32(v) != api.DecodeF32(v):
		return api.EncodeF32(float32(math.NaN()))
	case t == api.ValueTypeF64 && api.DecodeF64(v) != api.DecodeF64(v):
		return api.EncodeF64(math.NaN())
	}
	return v
}

func (i *instance) memory() []byte {
	if i.mod.Memory() == nil || len(i.mod.ExportedMemoryDefinitions()) == 0 {
		return nil
	}
	b, _ := i.mod.Memory().Read(0, i.mod.Memory().Size())
	return b
}

// twins are the two of one module.
type twins struct {
	plain, metered *engine
}

func newTwins(t *testing.T, wasm []byte) twins {
	t.Helper()
	m, err := module.Read(wasm)
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
	if err != nil {
		t.Fatal(err)
	}
	return twins{newEngine(t, m, nil), newEngine(t, m, metered)}
}

// start makes an instance of each; nil where the module does not even start.
func (w twins) start(t *testing.T, stdin []byte) (plain, metered *instance) {
	t.Helper()
	plain, err := w.plain.start(stdin)
	metered, err2 := w.metered.start(stdin)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("starting: %v, metered %v", err, err2)
	}
	if err != nil {
		t.Logf("it does not start: %v", err)
		return nil, nil
	}
	return plain, metered
}

// same calls both and compares all that can be seen. It reports whether both can
// go on.
func same(t *testing.T, plain, metered *instance, fuel int64, name string, args ...uint64) (got []uint64, ok bool) {
	t.Helper()
	got, end := metered.call(fuel, name, args...)
	if end == outOfFuel || end == tooDeep {
		return nil, false // the other one would run for ever, or until its stack is full
	}
	want, wantEnd := plain.call(0, name, args...)
	if end != wantEnd || !slices.Equal(got, want) {
		t.Errorf("%s%v gives %v %s, metered %v %s", name, args, want, wantEnd, got, end)
	}
	if !bytes.Equal(plain.memory(), metered.memory()) {
		t.Errorf("%s%v leaves another memory when it is metered", name, args)
		return nil, false
	}
	if plain.out.String() != metered.out.String() {
		t.Errorf("%s%v writes %q, metered %q", name, args, plain.out.String(), metered.out.String())
	}
	return got, !t.Failed() && !strings.HasPrefix(end, "exit")
}
