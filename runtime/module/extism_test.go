package module_test

// Extism plug-ins: recognised, with their entries, or refused.

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// Types of the modules here, by index.
const (
	nothing    = iota // () -> ()
	number            // () -> i32
	long              // () -> i64
	haskell           // (i32, i32) -> ()
	alloc             // (i64) -> i64
	wrongAlloc        // (i32) -> i32
)

// plugin has functions of these types, exported under these names, in pairs.
func plugin(imports [][]byte, functions ...any) []byte {
	var kinds, exports, bodies [][]byte
	for i := 0; i < len(functions); i += 2 {
		index := len(imports) + i/2
		kinds = append(kinds, []byte{byte(functions[i+1].(int))}) //nolint:forcetypeassert // written below
		exports = append(exports, export(functions[i].(string), 0, byte(index)))
		bodies = append(bodies, unreachable)
	}
	var from []byte
	if imports != nil {
		from = vector(2, imports...)
	}
	return cat(header,
		vector(1, []byte{0x60, 0, 0}, []byte{0x60, 0, 1, 0x7f}, []byte{0x60, 0, 1, 0x7e}, []byte{0x60, 2, 0x7f, 0x7f, 0},
			[]byte{0x60, 1, 0x7e, 1, 0x7e}, []byte{0x60, 1, 0x7f, 1, 0x7f}),
		from, vector(3, kinds...), vector(5, []byte{0, 1}), vector(7, append(exports, export("memory", 2, 0))...), vector(10, bodies...))
}

func TestExtism(t *testing.T) {
	kernel := [][]byte{function("extism:host/env", "alloc", alloc)}
	old := [][]byte{function("env", "extism_alloc", alloc)}
	wasi := [][]byte{function("wasi_snapshot_preview1", "sched_yield", number)}
	for name, test := range map[string]struct {
		wasm    []byte
		abi     module.ABI
		entries []string
	}{
		"one entry":         {plugin(kernel, "run", number), module.ABIExtism, []string{"run"}},
		"old names":         {plugin(old, "run", number), module.ABIExtism, []string{"run"}},
		"sorted":            {plugin(kernel, "z", number, "a", nothing), module.ABIExtism, []string{"a", "z"}},
		"others are none":   {plugin(kernel, "run", number, "long", long, "malloc", wrongAlloc), module.ABIExtism, []string{"run"}},
		"start-up is none":  {plugin(kernel, "_initialize", nothing, "__wasm_call_ctors", nothing, "hs_init", haskell, "hs_exit", nothing, "asyncify_get_state", number, "run", number), module.ABIExtism, []string{"run"}},
		"a program":         {plugin(kernel, "_start", nothing), module.ABIExtism, []string{"_start"}},
		"both":              {plugin(kernel, "_start", nothing, "run", number), module.ABIExtism, []string{"_start", "run"}},
		"start-up, so no":   {plugin(kernel, "_start", nothing, "_initialize", nothing, "run", number), module.ABIExtism, []string{"run"}},
		"no imports":        {plugin(nil, "_initialize", nothing, "run", number), module.ABIExtism, []string{"run"}},
		"WASI alone":        {plugin(wasi, "__wasm_call_ctors", nothing, "run", number), module.ABIExtism, []string{"run"}},
		"a command":         {plugin(wasi, "_start", nothing, "run", number), module.ABICommand, []string{""}},
		"of the test's own": {moduletest.Extism("b", "ask"), module.ABIExtism, []string{"ask", "b"}},
		"the test's other":  {moduletest.Command(), module.ABICommand, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			m := mustRead(t, test.wasm)
			if abi, err := m.ABI(); abi != test.abi || err != nil {
				t.Errorf("%v, %v", abi, err)
			}
			if got := m.Entries(); !slices.Equal(got, test.entries) {
				t.Errorf("entries %q, expected %q", got, test.entries)
			}
		})
	}
}

func TestExtismRefuses(t *testing.T) {
	with := func(imports ...[]byte) []byte {
		return plugin(append([][]byte{function("extism:host/env", "alloc", alloc)}, imports...), "run", number)
	}
	for name, test := range map[string]struct {
		wasm []byte
		want []string // in the text or the hint
	}{
		"no entry":             {plugin([][]byte{function("extism:host/env", "alloc", alloc)}, "run", wrongAlloc), []string{`exports no function that can be an entry, () -> i32, but "run" as (i32) -> i32`, "an entry takes nothing"}},
		"host functions":       {with(function("extism:host/user", "mult", alloc)), []string{"imports what nobody offers: extism:host/user.mult", "functions of extism:host/user are those of the program"}},
		"another module":       {with(function("lib", "capitalize", alloc)), []string{"lib.capitalize", "what comes from lib is in another module"}},
		"no kernel function":   {with(function("extism:host/env", "fork", alloc)), []string{"extism:host/env.fork", "does not know"}},
		"no old one":           {with(function("env", "extism_fork", alloc)), []string{"env.extism_fork", "does not know"}},
		"not of the kernel":    {with(function("env", "alloc", alloc)), []string{"env.alloc", "what comes from env"}},
		"another type":         {with(function("extism:host/env", "free", alloc)), []string{"extism:host/env.free as (i64) -> i64 (it is (i64))"}},
		"another start-up":     {plugin(nil, "_initialize", nothing, "hs_init", nothing, "run", number), []string{"exports hs_init as (), expected (i32, i32)"}},
		"chainrun's own entry": {plugin([][]byte{function("extism:host/env", "alloc", alloc)}, "chainrun_run_v1", number), []string{"extism:host/env.alloc", "functions of Extism are for plug-ins"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mustRead(t, test.wasm).ABI()
			unsupported, ok := errors.AsType[*module.UnsupportedError](err)
			if !ok {
				t.Fatalf("%v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(unsupported.Error(), want) {
					t.Errorf("%v\nlacks %q", unsupported, want)
				}
			}
		})
	}
}
