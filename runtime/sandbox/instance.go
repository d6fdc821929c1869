package sandbox

// One instance of a module and how it is entered.

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/chainrun/chainrun/runtime/module"
)

// functionCalls is after how many entries the functions are looked up anew:
// wazero keeps a native stack for each, which stays as large as the deepest
// recursion made it.
const functionCalls = 256

// An instance is used by one attempt at a time.
type instance struct {
	program *Program
	mod     api.Module
	memory  *memory
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	refused api.MutableGlobal   // growths that gave -1, see Metered.RefusedExport
	globals []api.MutableGlobal // all that a guest can change, in the order of Metered.Globals
	lived   uint64              // what the monotonic clock showed after the start
	started uint64              // the fuel of the start

	functions map[string]api.Function
	calls     int

	// Of the attempt that uses the instance; here, so that an attempt need not
	// allocate them.
	attempt attempt
	guest   guestContext
	stack   [2]uint64

	extism  *extism // an Extism plug-in's state besides its memory; nil for others
	waiting bool    // the attempt has to start it

	image *image // where it is set back to; nil: nowhere
	spent bool   // cannot be used again
}

// instantiate makes an instance; nothing of the guest runs here.
func (p *Program) instantiate(ctx context.Context, a *attempt) (*instance, *Stop, error) {
	a.memory = newMemory(a.limits.MemoryBytes)
	guest := &guestContext{Context: ctx, attempt: a}
	mod, err := p.runtime.InstantiateModule(experimental.WithMemoryAllocator(guest, a.memory), p.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		a.memory.Free() // wazero does not when it fails half-way
		stop, err := p.explain(a, err)
		return nil, stop, err
	}
	i := &instance{program: p, mod: mod, memory: a.memory, functions: map[string]api.Function{}}
	global := func(name string) api.MutableGlobal {
		g, ok := mod.ExportedGlobal(name).(api.MutableGlobal)
		if !ok && err == nil {
			err = fmt.Errorf("the rewritten module does not export the global %s", name)
		}
		return g
	}
	if p.extism {
		i.extism = newExtism(i.memory)
		a.extism = i.extism
	}
	i.fuel, i.depth = global(p.code.FuelExport), global(p.code.DepthExport)
	if p.code.RefusedExport != "" {
		i.refused = global(p.code.RefusedExport)
	}
	for _, name := range p.code.Globals {
		i.globals = append(i.globals, global(name))
	}
	if err != nil {
		i.close()
		return nil, nil, err
	}
	return i, nil, nil
}

// start brings a new instance to the state from which attempts begin.
func (i *instance) start(ctx context.Context, a *attempt) (*Stop, error) {
	if stop := i.fill(); stop != nil {
		return stop, nil
	}
	var functions []string
	if start := i.program.code.StartExport; start != "" {
		functions = append(functions, start)
	}
	switch {
	case i.program.command: // there it would be an ordinary function
	case i.program.extism:
		functions = append(functions, extismStartUp(i.program.module)...)
	case i.function(module.ExportInitialize) != nil:
		functions = append(functions, module.ExportInitialize)
	}
	for _, name := range functions {
		_, stop, err := i.enter(ctx, a, name, 0, 0) // hs_init takes arguments, of which there are none
		if stop, err = reactorExit(a, stop, err); stop != nil || err != nil {
			return stop, err
		}
	}
	if a.used(i.fuel) > a.limits.Fuel {
		return a.outOfFuel(), nil
	}
	i.lived = a.clock.elapsed
	return nil, nil
}

// function looks up an exported function, nil when there is none.
func (i *instance) function(name string) api.Function {
	f, found := i.functions[name]
	if !found {
		if f = i.mod.ExportedFunction(name); f != nil {
			i.functions[name] = f
		}
	}
	return f
}

// enter calls an exported function that takes args and gives one value or
// none. It comes back with a stop when the guest did not return by itself;
// then a.exit tells whether it was by proc_exit.
func (i *instance) enter(ctx context.Context, a *attempt, name string, args ...uint64) (uint64, *Stop, error) {
	f := i.function(name)
	if f == nil {
		return 0, nil, fmt.Errorf("calling %s: not exported", name) // ABI has looked
	}
	if i.calls++; i.calls >= functionCalls {
		i.calls = 0
		clear(i.functions)
	}
	// The guest's counter may hold what an earlier entry of this attempt left,
	// or anything at all.
	if a.granted == 0 {
		first := min(a.slice, a.limits.Fuel)
		a.granted = int64(first)
		i.fuel.Set(first)
	}
	i.depth.Set(uint64(a.limits.CallDepth))
	i.stack = [2]uint64{}
	copy(i.stack[:], args)
	i.guest = guestContext{Context: ctx, attempt: a}
	if err := f.CallWithStack(&i.guest, i.stack[:]); err != nil {
		stop, failed := i.program.explain(a, err)
		if stop != nil && stop.Reason == Trap && a.stop == nil && int32(i.depth.Get()) < 0 {
			stop = i.program.tooDeep(a.limits, err)
		}
		return 0, stop, failed
	}
	return i.stack[0], nil, nil
}

func (i *instance) close() {
	_ = i.mod.Close(context.Background()) // frees the memory; there is nothing else that could fail
}
