package module

// Extism plug-ins: how one is told from other modules, and what it may import.

import (
	"fmt"
	"slices"
	"strings"
)

// The names of Extism's plug-in interface.
const (
	ExtismModule       = "extism:host/env"   // the import module of ExtismFunctions
	ExtismUserModule   = "extism:host/user"  // functions of the program that embeds Extism; nobody offers them here
	ExportConstructors = "__wasm_call_ctors" // start-up: () -> ()
	ExportHaskell      = "hs_init"           // start-up of Haskell: (argc, argv i32) -> ()
)

// The import module of ExtismFunctions before Extism 1.0, and what their names begin with there.
const (
	extismOldModule = "env"
	extismOldPrefix = "extism_"
)

// ExtismFunctions are the functions that a plug-in may import from [ExtismModule], each with its signature. The sandbox
// offers all of them. Offsets and lengths are i64. Not to be modified.
var ExtismFunctions = func() map[string]FuncType {
	// The parameters, and the result behind ">": i is i32, I is i64.
	signatures := map[string]string{
		"input_length": ">I", "input_offset": ">I", "input_load_u8": "I>i", "input_load_u64": "I>I",
		"alloc": "I>I", "free": "I", "length": "I>I", "length_unsafe": "I>I",
		"load_u8": "I>i", "load_u64": "I>I", "store_u8": "Ii", "store_u64": "II",
		"output_set": "II", "error_set": "I", "error_get": ">I",
		"config_get": "I>I", "var_get": "I>I", "var_set": "II",
		"http_request": "II>I", "http_status_code": ">i", "http_headers": ">I",
		"log_trace": "I", "log_debug": "I", "log_info": "I", "log_warn": "I", "log_error": "I", "get_log_level": ">i",
		"input_set": "II", "output_offset": ">I", "output_length": ">I", "reset": "", "memory_bytes": ">I",
	}
	types := func(letters string) []ValueType {
		var list []ValueType
		for _, c := range letters {
			if c == 'I' {
				list = append(list, I64)
			} else {
				list = append(list, I32)
			}
		}
		return list
	}
	functions := make(map[string]FuncType, len(signatures))
	for name, s := range signatures {
		params, results, _ := strings.Cut(s, ">")
		functions[name] = FuncType{Params: types(params), Results: types(results)}
	}
	return functions
}()

// ExtismFunction gives the name in [ExtismFunctions] of the function that an import asks for: "alloc" for
// extism:host/env.alloc as for the older env.extism_alloc.
func ExtismFunction(i Import) (name string, ok bool) {
	if i.Kind != KindFunction {
		return "", false
	}
	name = i.Name
	switch i.Module {
	case ExtismModule:
	case extismOldModule:
		if name, ok = strings.CutPrefix(name, extismOldPrefix); !ok {
			return "", false
		}
	default:
		return "", false
	}
	_, ok = ExtismFunctions[name]
	return name, ok
}

// isExtism tells whether a module without chainrun's own entries is an Extism plug-in: it asks for Extism's functions,
// or else needs nothing but WASI, has something to start and functions () -> i32, and is no program by itself.
func (m *Module) isExtism() bool {
	asks := slices.ContainsFunc(m.Imports, func(i Import) bool {
		return strings.HasPrefix(i.Module, "extism:") || i.Module == extismOldModule && strings.HasPrefix(i.Name, extismOldPrefix)
	})
	if asks {
		return true
	}
	_, program := m.Export(ExportStart)
	other := slices.ContainsFunc(m.Imports, func(i Import) bool { return i.Module != WASIModule })
	return !program && !other && m.hasStartUp() && slices.ContainsFunc(m.extismEntries(), func(name string) bool {
		e, _ := m.Export(name)
		t, _ := m.FunctionType(e.Index)
		return t.Equal(typeEntry)
	})
}

// typeEntry is the type of an entry; one without a result always succeeds.
var typeEntry = FuncType{Results: []ValueType{I32}}

func (m *Module) hasStartUp() bool {
	return slices.ContainsFunc(m.Exports, func(e Export) bool {
		return e.Kind == KindFunction && (e.Name == ExportInitialize || e.Name == ExportConstructors || e.Name == ExportHaskell)
	})
}

// extismEntries gives the exported functions that can be called as entries, in the order of the file. _start is one
// where the module is a program and has no start-up besides.
func (m *Module) extismEntries() []string {
	var entries []string
	for _, e := range m.Exports {
		if e.Kind != KindFunction || strings.HasPrefix(e.Name, "asyncify_") || e.Name == ExportStart && m.hasStartUp() {
			continue
		}
		switch e.Name {
		case ExportInitialize, ExportConstructors, "hs_exit", "__wasm_call_dtors", "__main_void", "wizer.initialize":
			continue
		}
		if t, _ := m.FunctionType(e.Index); t.Equal(typeEntry) || t.Equal(typeNothing) {
			entries = append(entries, e.Name)
		}
	}
	return entries
}

// checkExtism gathers what keeps a plug-in from being run.
func (m *Module) checkExtism() error {
	var found, hints []string
	if len(m.extismEntries()) == 0 {
		text := "exports no function that can be an entry, () -> i32"
		if near := m.nearEntries(); near != "" {
			text += ", but " + near
		}
		found = append(found, text)
		hints = append(hints, "an entry takes nothing: it reads its input by the functions of Extism's plug-in development kits")
	}
	for _, s := range []struct {
		name string
		want FuncType
	}{{ExportInitialize, typeNothing}, {ExportConstructors, typeNothing}, {ExportHaskell, FuncType{Params: []ValueType{I32, I32}}}} {
		e, ok := m.Export(s.name)
		if !ok {
			continue
		}
		if e.Kind != KindFunction {
			found = append(found, fmt.Sprintf("exports %s as a %s, not as a function", s.name, e.Kind))
		} else if t, _ := m.FunctionType(e.Index); !slices.Equal(t.Params, s.want.Params) || len(t.Results) > 1 {
			found = append(found, fmt.Sprintf("exports %s as %s, expected %s", s.name, t, s.want))
		}
	}
	imports, importHints := m.offendingImports(ABIExtism)
	if len(imports) > 0 {
		found = append(found, "imports what nobody offers: "+strings.Join(imports, ", "))
		hints = append(hints, importHints...)
		hints = append(hints, "offered are the functions of "+WASIModule+" and those of Extism's kernel in "+ExtismModule)
	}
	wasi := func(i Import) bool { return i.Module == WASIModule }
	if len(m.Memories) == 0 && slices.ContainsFunc(m.Imports, wasi) {
		found = append(found, "imports functions of "+WASIModule+" but has no memory")
	}
	if found == nil {
		return nil
	}
	if len(hints) == 0 {
		hints = []string{"docs/extism.md describes how Extism plug-ins are run"}
	}
	return &UnsupportedError{Found: strings.Join(found, "; "), Hint: strings.Join(hints, "; ")}
}

// nearEntries names exports that take parameters or give something else.
func (m *Module) nearEntries() string {
	var near []string
	for _, e := range m.Exports {
		if t, _ := m.FunctionType(e.Index); e.Kind == KindFunction && len(near) < 4 {
			near = append(near, shortened(fmt.Sprintf("%q as %s", e.Name, t)))
		}
	}
	return strings.Join(near, ", ")
}

// hintExtism says why a plug-in's import is not offered.
func hintExtism(i Import) string {
	switch {
	case i.Module == ExtismModule, i.Module == extismOldModule && strings.HasPrefix(i.Name, extismOldPrefix):
		return "what is not offered of Extism's own functions this version does not know"
	case i.Module == ExtismUserModule:
		return "the functions of " + i.Module + " are those of the program for which the plug-in was written (host functions); only that program has them"
	}
	return "what comes from " + shortened(i.Module) + " is in another module, or in the program for which the plug-in was written; a node is one module"
}
