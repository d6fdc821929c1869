//go:build cgo && (linux || darwin) && (amd64 || arm64)

// The lane on Wasmtime, with and without its fuel.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

// wasmtimeMissing says why there is no Wasmtime here; it is there.
const wasmtimeMissing = ""

type wasmtimeLane struct {
	engine *wasmtime.Engine
	fuel   bool
	module map[[sha256.Size]byte]*wasmtime.Module // compiled once
}

func newWasmtimeLane(fuel bool) lane {
	config := wasmtime.NewConfig()
	config.SetConsumeFuel(fuel)
	return &wasmtimeLane{engine: wasmtime.NewEngineWithConfig(config), fuel: fuel, module: map[[sha256.Size]byte]*wasmtime.Module{}}
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
	digest := sha256.Sum256(wasm)
	module := l.module[digest]
	if module == nil {
		var err error
		if module, err = wasmtime.NewModule(l.engine, wasm); err != nil {
			return nil, fmt.Errorf("compiling: %w", err)
		}
		l.module[digest] = module
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
		if i.Module() != wasiModule || i.Type().FuncType() == nil {
			return nil, fmt.Errorf("import %s.%s is not offered here", i.Module(), name)
		}
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
	var err error
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

func (in *wasmtimeInstance) call(_ context.Context, entry string, args ...uint64) ([]uint64, uint64, error) {
	f := in.instance.GetFunc(in.store, entry)
	if f == nil {
		return nil, 0, fmt.Errorf("no export %q", entry)
	}
	kinds := f.Type(in.store).Params()
	if len(kinds) != len(args) {
		return nil, 0, fmt.Errorf("%s takes %d arguments, not %d", entry, len(kinds), len(args))
	}
	values := make([]any, len(args))
	for i, bits := range args {
		switch kinds[i].Kind() {
		case wasmtime.KindI32:
			values[i] = int32(bits)
		case wasmtime.KindI64:
			values[i] = int64(bits)
		case wasmtime.KindF32:
			values[i] = math.Float32frombits(uint32(bits))
		case wasmtime.KindF64:
			values[i] = math.Float64frombits(bits)
		default:
			return nil, 0, fmt.Errorf("%s has a parameter that is no number", entry)
		}
	}
	if err := in.refill(); err != nil {
		return nil, 0, err
	}
	result, err := f.Call(in.store, values...)
	if err != nil {
		return nil, 0, fmt.Errorf("calling %s: %w", entry, err)
	}
	used := uint64(0)
	if in.fuel {
		left, err := in.store.GetFuel()
		if err != nil {
			return nil, 0, fmt.Errorf("reading fuel: %w", err)
		}
		used = math.MaxInt64 - left
	}
	return bitsOf(result), used, nil
}

// bitsOf turns what Wasmtime's Go package returns into words.
func bitsOf(result any) []uint64 {
	switch v := result.(type) {
	case int32:
		return []uint64{uint64(uint32(v))}
	case int64:
		return []uint64{uint64(v)}
	case float32:
		return []uint64{uint64(math.Float32bits(v))}
	case float64:
		return []uint64{math.Float64bits(v)}
	case []wasmtime.Val:
		var words []uint64
		for _, x := range v {
			words = append(words, bitsOf(x.Get())...)
		}
		return words
	}
	return nil
}

func (in *wasmtimeInstance) close(context.Context) error {
	in.store.Close()
	return nil
}

func (l *wasmtimeLane) close(context.Context) error {
	l.engine.Close()
	return nil
}
