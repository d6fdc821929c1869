// Lanes on wazero: as the module came, metered, and with wazero's own way to be
// interrupted.
package main

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

// lane is one way to run a module. A lane is used by one goroutine.
type lane interface {
	// open makes an instance, its initialisation done.
	open(ctx context.Context, wasm []byte) (instance, error)
	close(ctx context.Context) error
}

type instance interface {
	// call runs an export on numbers (their bits; no v128, no references); fuel
	// is 0 in a lane that does not count.
	call(ctx context.Context, entry string, args ...uint64) (results []uint64, fuel uint64, err error)
	close(ctx context.Context) error
}

// wazeroLane compiles a module once, however often it is opened.
type wazeroLane struct {
	config  wazero.RuntimeConfig
	rewrite func(wasm []byte) (*metered, error) // nil: as the module came
	cache   wazero.CompilationCache
	slice   int64 // the fuel between two visits to the host
}

func newWazeroLane(config wazero.RuntimeConfig, rewrite func(wasm []byte) (*metered, error)) wazeroLane {
	cache := wazero.NewCompilationCache()
	return wazeroLane{config: config.WithDebugInfoEnabled(false).WithCompilationCache(cache), rewrite: rewrite, cache: cache, slice: sandbox.DefaultSlice}
}

// metered is a rewritten module and the names that the host needs.
type metered struct {
	wasm                   []byte
	fuel, bulk, depth      string
	yieldModule, yieldName string
}

type wazeroInstance struct {
	runtime wazero.Runtime
	again   func(ctx context.Context) (*wazeroInstance, error) // another one of the same module
	slice   int64
	module  api.Module
	fuel    api.MutableGlobal
	bulk    api.Global
	granted int64
	entries map[string]api.Function
}

func (l wazeroLane) close(ctx context.Context) error { return l.cache.Close(ctx) }

func (l wazeroLane) open(ctx context.Context, wasm []byte) (_ instance, err error) {
	in := &wazeroInstance{slice: l.slice, runtime: wazero.NewRuntimeWithConfig(ctx, l.config), entries: map[string]api.Function{}}
	defer func() {
		if err != nil {
			_ = in.runtime.Close(ctx) // the first error is the one to tell
		}
	}()
	ready := &metered{wasm: wasm}
	if l.rewrite != nil {
		if ready, err = l.rewrite(wasm); err != nil {
			return nil, fmt.Errorf("metering: %w", err)
		}
	}
	compiled, err := in.runtime.CompileModule(ctx, ready.wasm)
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	if err := in.offer(ctx, compiled, ready); err != nil {
		return nil, err
	}
	in.again = func(ctx context.Context) (*wazeroInstance, error) {
		other := &wazeroInstance{slice: in.slice, runtime: in.runtime, entries: map[string]api.Function{}}
		return other, other.start(ctx, compiled, ready)
	}
	return in, in.start(ctx, compiled, ready)
}

func (in *wazeroInstance) start(ctx context.Context, compiled wazero.CompiledModule, ready *metered) (err error) {
	in.module, err = in.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return fmt.Errorf("instantiating: %w", err)
	}
	if in.fuel == nil && ready.fuel != "" {
		in.adopt(in.module, ready)
	}
	if ready.depth != "" {
		in.module.ExportedGlobal(ready.depth).(api.MutableGlobal).Set(1_000_000)
	}
	if f := in.module.ExportedFunction("_initialize"); f != nil {
		if _, err := f.Call(ctx); err != nil {
			return fmt.Errorf("initialising: %w", err)
		}
	}
	return nil
}

// offer makes host modules for all that the module imports.
func (in *wazeroInstance) offer(ctx context.Context, compiled wazero.CompiledModule, ready *metered) error {
	state := &wasi{}
	builders := map[string]wazero.HostModuleBuilder{}
	var order []string
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		if builders[module] == nil {
			builders[module] = in.runtime.NewHostModuleBuilder(module)
			order = append(order, module)
		}
		body := func(_ context.Context, m api.Module, stack []uint64) {
			memory, _ := m.Memory().Read(0, m.Memory().Size())
			errno, err := state.call(name, memory, stack)
			if err != nil {
				panic(err)
			}
			if len(stack) > 0 {
				stack[0] = uint64(errno)
			}
		}
		if module == ready.yieldModule && name == ready.yieldName {
			body = func(_ context.Context, m api.Module, _ []uint64) {
				if in.fuel == nil {
					in.adopt(m, ready) // still in its start function
				}
				if in.module != nil && m != in.module { // another one, which again has made
					m.ExportedGlobal(ready.fuel).(api.MutableGlobal).Set(uint64(in.slice))
					return
				}
				in.refill()
			}
		}
		builders[module].NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(body), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	for _, module := range order {
		if _, err := builders[module].Instantiate(ctx); err != nil {
			return fmt.Errorf("offering %s: %w", module, err)
		}
	}
	return nil
}

func (in *wazeroInstance) adopt(m api.Module, ready *metered) {
	in.fuel = m.ExportedGlobal(ready.fuel).(api.MutableGlobal)
	in.bulk = m.ExportedGlobal(ready.bulk)
}

// refill gives a slice, or as much as a debt takes.
func (in *wazeroInstance) refill() {
	left := int64(in.fuel.Get())
	grant := max(in.slice, -left)
	in.fuel.Set(uint64(left + grant))
	in.granted += grant
}

// used is without what bulk operations were charged for their length, which
// Wasmtime does not do.
func (in *wazeroInstance) used() uint64 {
	if in.fuel == nil {
		return 0
	}
	return uint64(in.granted-int64(in.fuel.Get())) - in.bulk.Get()
}

func (in *wazeroInstance) call(ctx context.Context, entry string, args ...uint64) ([]uint64, uint64, error) {
	f := in.entries[entry]
	if f == nil {
		if f = in.module.ExportedFunction(entry); f == nil {
			return nil, 0, fmt.Errorf("no export %q", entry)
		}
		in.entries[entry] = f
	}
	before := in.used()
	results, err := f.Call(ctx, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("calling %s: %w", entry, err)
	}
	return results, in.used() - before, nil
}

func (in *wazeroInstance) close(ctx context.Context) error { return in.runtime.Close(ctx) }
