//go:build cgo && (linux || darwin) && (amd64 || arm64)

// The lane on Wasmtime, with and without its fuel.
package main

import (
	"context"
	"fmt"
	"math"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

// wasmtimeMissing says why there is no Wasmtime here; it is there.
const wasmtimeMissing = ""

type wasmtimeLane struct {
	engine *wasmtime.Engine
	fuel   bool
}

func newWasmtimeLane(fuel bool) lane {
	config := wasmtime.NewConfig()
	config.SetConsumeFuel(fuel)
	return &wasmtimeLane{engine: wasmtime.NewEngineWithConfig(config), fuel: fuel}
}

type wasmtimeInstance struct {
	store    *wasmtime.Store
	instance *wasmtime.Instance
	fuel     bool
}

func (l *wasmtimeLane) open(ctx context.Context, wasm []byte) (instance, error) {
	in := &wasmtimeInstance{store: wasmtime.NewStore(l.engine), fuel: l.fuel}
	if err := in.refill(); err != nil {
		return nil, err
	}
	module, err := wasmtime.NewModule(l.engine, wasm)
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	linker := wasmtime.NewLinker(l.engine)
	state := &wasi{}
	offered := map[string]bool{} // Go imports some functions twice
	for _, i := range module.Imports() {
		name := *i.Name()
		if offered[name] {
			continue
		}
		offered[name] = true
		results := len(i.Type().FuncType().Results())
		body := func(caller *wasmtime.Caller, args []wasmtime.Val) ([]wasmtime.Val, *wasmtime.Trap) {
			words := make([]uint64, len(args))
			for k, a := range args {
				switch a.Kind() {
				case wasmtime.KindI32:
					words[k] = uint64(uint32(a.I32()))
				default:
					words[k] = uint64(a.I64())
				}
			}
			errno, err := state.call(name, caller.GetExport("memory").Memory().UnsafeData(caller), words)
			if err != nil {
				return nil, wasmtime.NewTrap(err.Error())
			}
			if results == 0 {
				return nil, nil
			}
			return []wasmtime.Val{wasmtime.ValI32(int32(errno))}, nil
		}
		if err := linker.FuncNew(i.Module(), name, i.Type().FuncType(), body); err != nil {
			return nil, fmt.Errorf("offering %s: %w", name, err)
		}
	}
	if in.instance, err = linker.Instantiate(in.store, module); err != nil {
		return nil, fmt.Errorf("instantiating: %w", err)
	}
	if f := in.instance.GetFunc(in.store, "_initialize"); f != nil {
		if _, err := f.Call(in.store); err != nil {
			return nil, fmt.Errorf("initialising: %w", err)
		}
	}
	return in, nil
}

func (in *wasmtimeInstance) refill() error {
	if !in.fuel {
		return nil
	}
	if err := in.store.SetFuel(math.MaxInt64); err != nil {
		return fmt.Errorf("giving fuel: %w", err)
	}
	return nil
}

func (in *wasmtimeInstance) call(_ context.Context, entry string, n uint32) (uint32, uint64, error) {
	f := in.instance.GetFunc(in.store, entry)
	if f == nil {
		return 0, 0, fmt.Errorf("no export %q", entry)
	}
	if err := in.refill(); err != nil {
		return 0, 0, err
	}
	result, err := f.Call(in.store, int32(n))
	if err != nil {
		return 0, 0, fmt.Errorf("calling %s: %w", entry, err)
	}
	used := uint64(0)
	if in.fuel {
		left, err := in.store.GetFuel()
		if err != nil {
			return 0, 0, fmt.Errorf("reading fuel: %w", err)
		}
		used = math.MaxInt64 - left
	}
	return uint32(result.(int32)), used, nil
}

func (in *wasmtimeInstance) close(context.Context) error {
	in.store.Close()
	return nil
}

func (l *wasmtimeLane) close(context.Context) error {
	l.engine.Close()
	return nil
}
