package sandbox

// From a module to a program: check, rewrite, compile.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// features is what modules may use: WebAssembly 2.0 with SIMD, tail calls and
// extended constants. Threads and relaxed SIMD are not deterministic; exception
// handling is miscompiled by wazero v1.12.0.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst

func (e *Engine) compile(ctx context.Context, m *module.Module, tableElements uint32) (*Program, error) {
	abi, err := m.ABI()
	if err != nil {
		if unsupported, ok := errors.AsType[*module.UnsupportedError](err); ok {
			return nil, &RefusedError{Text: unsupported.Found, Hint: unsupported.Hint}
		}
		return nil, &RefusedError{Text: err.Error()}
	}
	path := e.cache.path(m.Digest, tableElements, e.config.Interpreter)
	if p, err := e.load(ctx, m, abi, path, tableElements); p != nil || err != nil {
		return p, err
	}
	rewritten, err := rewrite(m, tableElements)
	if err != nil {
		if invalid, ok := errors.AsType[*meter.InvalidError](err); ok {
			return nil, notValid(invalid.Error(), invalid.Hint)
		}
		return nil, fmt.Errorf("rewriting the module to count fuel: %w", err)
	}
	var recorder nativeRecorder
	var native wazero.CompilationCache // nil where nothing is kept
	if path != "" && !e.config.Interpreter {
		native = newNativeCache(&recorder)
	}
	p, err := e.link(ctx, m, abi, rewritten, native, tableElements)
	if err != nil {
		return nil, err
	}
	if path != "" {
		e.writeEntry(ctx, path, rewritten, recorder.made)
	}
	p.code.Wasm = nil // compiled; what is left is small
	p.kept = path
	return p, nil
}

// load makes a program of what the cache has; nothing at all where that is not
// there or does not fit. The error is the end of the context alone.
func (e *Engine) load(ctx context.Context, m *module.Module, abi module.ABI, path string, tableElements uint32) (*Program, error) {
	for _, mapped := range []bool{true, false} { // a system may refuse to execute what is mapped
		entry := readEntry(path, mapped)
		if entry == nil {
			return nil, nil
		}
		p, err := e.loadEntry(ctx, m, abi, entry, tableElements)
		entry.close()
		if err == nil {
			p.kept = path
			return p, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if errors.Is(err, errStale) {
			return nil, nil
		}
	}
	return nil, nil
}

func (e *Engine) loadEntry(ctx context.Context, m *module.Module, abi module.ABI, entry *cacheEntry, tableElements uint32) (*Program, error) {
	var native wazero.CompilationCache
	if entry.native != nil {
		if native = newNativeCache(entry.native); native == nil {
			return nil, errStale
		}
	}
	p, err := e.link(ctx, m, abi, entry.code, native, tableElements)
	if err != nil {
		return nil, err
	}
	if entry.native != nil && !entry.native.served {
		_ = p.close(context.WithoutCancel(ctx))
		return nil, errStale // whatever it was made of, it was not this
	}
	p.code.Wasm = nil
	return p, nil
}

// try loads native code for a hollow module, to see that it can be done.
func (e *Engine) try(ctx context.Context, c *code, native *nativeSource) error {
	cache := newNativeCache(native)
	if cache == nil {
		return errStale
	}
	r := wazero.NewRuntimeWithConfig(context.Background(), e.runtimeConfig().WithCompilationCache(cache))
	_, err := r.CompileModule(e.sealed(ctx), c.Wasm)
	if err == nil && !native.served {
		err = errStale
	}
	return errors.Join(err, r.Close(context.Background()), cache.Close(context.Background()))
}

// link makes a program in a runtime of its own.
func (e *Engine) link(ctx context.Context, m *module.Module, abi module.ABI, rewritten *code, native wazero.CompilationCache, tableElements uint32) (*Program, error) {
	config := e.runtimeConfig()
	if native != nil {
		config = config.WithCompilationCache(native)
	}
	p := &Program{
		engine:   e,
		module:   m,
		code:     rewritten,
		tables:   tableElements,
		exports:  exports(m, abi),
		command:  abi == module.ABICommand,
		extism:   abi == module.ABIExtism,
		native:   native,
		images:   map[imageKey]*image{},
		runtime:  wazero.NewRuntimeWithConfig(context.Background(), config),
		poolable: len(rewritten.Irreversible) == 0,
	}
	if err := p.build(ctx); err != nil {
		_ = p.close(context.WithoutCancel(ctx))
		return nil, err
	}
	return p, nil
}

func (e *Engine) runtimeConfig() wazero.RuntimeConfig {
	config := wazero.NewRuntimeConfigInterpreter()
	if !e.config.Interpreter {
		config = wazero.NewRuntimeConfig() // the compiler where there is one
	}
	return config.WithCoreFeatures(features).WithDebugInfoEnabled(false)
}

// sealed is the context of a compilation: the caller's may carry wazero's own
// switches.
func (*Engine) sealed(ctx context.Context) context.Context {
	return experimental.WithCompilationWorkers(&guestContext{Context: ctx}, runtime.GOMAXPROCS(0))
}

// exports gives what is called for each entry.
func exports(m *module.Module, abi module.ABI) map[string]string {
	all := map[string]string{}
	for _, entry := range m.Entries() {
		switch {
		case abi == module.ABIExtism:
			all[entry] = entry
		case entry == "":
			all[entry] = module.ExportRun
		default:
			all[entry] = module.ExportRun + ":" + entry
		}
	}
	return all
}

// meterConfig is how modules are rewritten; part of the cache's key.
var meterConfig = meter.Config{CallDepth: true}

// build compiles the rewritten module and the host's functions that it names.
func (p *Program) build(ctx context.Context) error {
	sealed := p.engine.sealed(ctx)
	var err error
	if p.compiled, err = p.runtime.CompileModule(sealed, p.code.Wasm); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return notValid(firstLine(err.Error()), "")
	}
	return p.buildHost(sealed)
}

// buildHost makes the host modules: only what is imported, which is little,
// where WASI has 45 functions.
func (p *Program) buildHost(ctx context.Context) error {
	builders := map[string]wazero.HostModuleBuilder{}
	defined := map[[2]string]bool{} // a module may import a function twice
	define := func(mod, name string, f api.GoModuleFunction, t module.FuncType) {
		if defined[[2]string{mod, name}] {
			return
		}
		defined[[2]string{mod, name}] = true
		if builders[mod] == nil {
			builders[mod] = p.runtime.NewHostModuleBuilder(mod)
		}
		builders[mod].NewFunctionBuilder().WithGoModuleFunction(f, valueTypes(t.Params), valueTypes(t.Results)).Export(name)
	}
	for _, i := range p.module.Imports {
		t := p.module.Types[i.Type]
		switch {
		case i.Module == module.WASIModule:
			f := wasiFunction(i.Name)
			if f == nil {
				return fmt.Errorf("linking %s.%s: not offered", i.Module, i.Name)
			}
			define(i.Module, i.Name, f, t)
		case i.Module == module.HostModule && i.Name == module.HostCall:
			define(i.Module, i.Name, api.GoModuleFunc(hostCall), t)
		case p.extism && extismFunction(i) != nil:
			define(i.Module, i.Name, extismFunction(i), t)
		default: // ABI has let it through
			return fmt.Errorf("linking %s.%s: not offered", i.Module, i.Name)
		}
	}
	define(p.code.YieldModule, p.code.YieldName, api.GoModuleFunc(p.yield), module.FuncType{})
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("making the host module %s: %w", name, err)
		}
	}
	return nil
}

func notValid(text, hint string) *RefusedError {
	if hint == "" {
		hint = "build it for WebAssembly 2.0 without threads, exceptions and relaxed SIMD"
	}
	return &RefusedError{Text: "the module is not valid: " + text, Hint: hint}
}

func valueTypes(types []module.ValueType) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range types {
		out[i] = api.ValueType(t) // both are the binary encoding
	}
	return out
}

// yield is what the rewritten module calls when a slice is used up.
func (p *Program) yield(ctx context.Context, mod api.Module, _ []uint64) {
	a, caller := attemptOf(ctx)
	counter, found := mod.ExportedGlobal(p.code.FuelExport).(api.MutableGlobal)
	if !found {
		a.fail(errors.New("the rewritten module does not export its fuel"))
	}
	a.yield(caller, counter, mod.ExportedGlobal(p.code.DepthExport))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
