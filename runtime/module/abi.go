package module

// Which way into a node a module offers.

import (
	"fmt"
	"slices"
	"strings"
)

// An ABI is a way in which the host calls a node.
type ABI int

// The ABIs, version 1; docs/abi.md describes them.
const (
	// ABICommand is a WASI preview 1 program: document on stdin, document on stdout.
	ABICommand ABI = iota + 1
	// ABIReactor exports an allocator and a run function, which takes and gives pointer and length.
	ABIReactor
	// ABIExtism is an Extism plug-in: exported functions without parameters, which ask Extism's kernel for their input.
	ABIExtism
)

// String gives "command", "reactor" or "extism".
func (a ABI) String() string {
	switch a {
	case ABICommand:
		return "command"
	case ABIReactor:
		return "reactor"
	case ABIExtism:
		return "extism"
	}
	return "unknown"
}

// The names of the node ABI, version 1.
const (
	ExportMemory     = "memory"
	ExportStart      = "_start"               // command: () -> ()
	ExportInitialize = "_initialize"          // reactor, optional: () -> ()
	ExportAlloc      = "chainrun_alloc"       // reactor: (size i32) -> i32
	ExportRun        = "chainrun_run_v1"      // reactor: (ptr, len i32) -> i64; "chainrun_run_v1:NAME" for further entries
	ExportDescribe   = "chainrun_describe_v1" // reactor, optional: () -> i64, the manifest; for tools, never in a run
	HostModule       = "chainrun_v1"          // the import module of HostCall
	HostCall         = "call"                 // reactor: eight i32 -> i64
)

var (
	typeNothing  = FuncType{}
	typeAlloc    = FuncType{Params: []ValueType{I32}, Results: []ValueType{I32}}
	typeDescribe = FuncType{Results: []ValueType{I64}}
	typeRun      = FuncType{Params: []ValueType{I32, I32}, Results: []ValueType{I64}}
	typeCall     = FuncType{Params: []ValueType{I32, I32, I32, I32, I32, I32, I32, I32}, Results: []ValueType{I64}}
)

// Entries gives the entries that a graph may name. For a reactor that is "" for chainrun_run_v1 and NAME for each
// chainrun_run_v1:NAME, sorted; for a command "" alone; for an Extism plug-in its exported functions that can be called,
// sorted; for anything else nothing. It does not check that the module can be
// run; [Module.ABI] does.
func (m *Module) Entries() []string {
	var entries []string
	for _, e := range m.Exports {
		if name, ok := entryName(e.Name); ok && e.Kind == KindFunction {
			entries = append(entries, name)
		}
	}
	_, command := m.Export(ExportStart)
	_, alloc := m.Export(ExportAlloc)
	switch {
	case entries == nil && m.isExtism():
		entries = m.extismEntries()
	case command && (entries == nil || !alloc):
		return []string{""}
	}
	slices.Sort(entries)
	return entries
}

// entryName tells which entry an export stands for.
func entryName(export string) (string, bool) {
	rest, ok := strings.CutPrefix(export, ExportRun)
	if !ok || rest == "" {
		return "", ok
	}
	name, ok := strings.CutPrefix(rest, ":")
	return name, ok && name != ""
}

// ABI tells how the host calls this module. The error is an [*UnsupportedError] that lists everything in the way.
func (m *Module) ABI() (ABI, error) {
	_, command := m.Export(ExportStart)
	_, alloc := m.Export(ExportAlloc)
	reactor := false
	for _, e := range m.Exports {
		if _, ok := entryName(e.Name); ok {
			reactor = true
			break
		}
	}
	switch {
	case command && reactor && alloc: // without it nobody could call the entries: leftovers of a node built as a command
		return 0, &UnsupportedError{
			Found: "exports both _start and " + ExportRun + ", so it is ambiguous whether it is a command or a reactor",
			Hint:  "build it as a reactor (Go: -buildmode=c-shared, C: -mexec-model=reactor), as a command (sdk/go: -tags chainrun_command), or leave out the " + ExportRun + " exports",
		}
	case !reactor && m.isExtism():
		return ABIExtism, m.checkExtism()
	case command:
		return ABICommand, m.checkABI(ABICommand)
	case reactor:
		return ABIReactor, m.checkABI(ABIReactor)
	}
	return 0, m.unknownABI()
}

// checkABI gathers what is missing, has the wrong signature, or is asked for and offered by nobody.
func (m *Module) checkABI(abi ABI) error {
	var found findings
	var hints []string
	function := func(name string, want FuncType, required bool) {
		e, ok := m.Export(name)
		switch {
		case !ok:
			if required {
				found.add("does not export the function %s", name)
			}
		case e.Kind != KindFunction:
			found.add("exports %s as a %s, not as a function", name, e.Kind)
		default:
			if t, _ := m.FunctionType(e.Index); !t.Equal(want) {
				found.add("exports %s as %s, expected %s", name, t, want)
			}
		}
	}
	if e, ok := m.Export(ExportMemory); !ok {
		found.add("does not export its memory as \"memory\"")
	} else if e.Kind != KindMemory {
		found.add("exports \"memory\" as a %s", e.Kind)
	}
	if abi == ABICommand {
		function(ExportStart, typeNothing, true)
	} else {
		function(ExportAlloc, typeAlloc, true)
		function(ExportInitialize, typeNothing, false)
		function(ExportDescribe, typeDescribe, false)
		for _, e := range m.Exports {
			if _, ok := entryName(e.Name); ok {
				function(e.Name, typeRun, true)
			}
		}
	}
	imports, importHints := m.offendingImports(abi)
	if len(imports) > 0 {
		found.list = append(found.list, "imports what nobody offers: "+strings.Join(imports, ", "))
		hints = append(hints, importHints...)
		offer := "offered are the functions of " + WASIModule
		if abi == ABIReactor {
			offer += " and " + HostModule + "." + HostCall + " " + typeCall.String()
		}
		hints = append(hints, offer)
	}
	if found.list == nil {
		return nil
	}
	if len(hints) == 0 {
		hints = []string{"docs/abi.md describes what a " + abi.String() + " exports"}
	}
	return &UnsupportedError{Found: strings.Join(found.all(), "; "), Hint: strings.Join(hints, "; ")}
}

func (m *Module) offendingImports(abi ABI) (all, hints []string) {
	var found findings
	for _, i := range m.Imports {
		name := i.Module + "." + i.Name
		if i.Kind != KindFunction {
			found.add("%s %s", i.Kind, name)
		} else {
			want, offered := WASIFunctions[i.Name]
			offered = offered && i.Module == WASIModule
			if abi == ABIReactor && i.Module == HostModule && i.Name == HostCall {
				want, offered = typeCall, true
			}
			if name, ok := ExtismFunction(i); abi == ABIExtism && ok {
				want, offered = ExtismFunctions[name], true
			}
			switch t := m.Types[i.Type]; {
			case !offered:
				found.add("%s", name)
			case !t.Equal(want):
				found.add("%s as %s (it is %s)", name, t, want)
				continue
			default:
				continue
			}
		}
		if h := hintImport(abi, i); h != "" && len(hints) < maxFindings && !slices.Contains(hints, h) {
			hints = append(hints, h)
		}
	}
	return found.all(), hints
}

// findings are complaints, of which a hostile file can give cause for millions: the first ones, and how many more.
type findings struct {
	list []string
	more int
}

const maxFindings = 20

func (f *findings) add(format string, args ...any) {
	if len(f.list) == maxFindings {
		f.more++
		return
	}
	f.list = append(f.list, shortened(fmt.Sprintf(format, args...)))
}

func (f *findings) all() []string {
	if f.more == 0 {
		return f.list
	}
	return append(slices.Clone(f.list), fmt.Sprintf("and %d more", f.more))
}

// shortened bounds what a name of a stranger's adds to a message.
func shortened(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// hintImport knows the import modules of common toolchains whose output is no node.
func hintImport(abi ABI, i Import) string {
	switch {
	case abi == ABIExtism && (i.Module != WASIModule || i.Kind != KindFunction):
		return hintExtism(i)
	case abi == ABICommand && i.Module == HostModule:
		return "a command reads CHAINRUN_CONFIG and stdin and has no host calls: build it as a reactor for them"
	case i.Module == "wasi_unstable":
		return "wasi_unstable is an old form of WASI: build with a toolchain of 2020 or later"
	case strings.HasPrefix(i.Module, "wasi:"):
		return i.Module + " belongs to WASI preview 2: build for wasm32-wasip1"
	case i.Module == "gojs" || i.Module == "go":
		return "this Go program was built for JavaScript: build it with GOOS=wasip1"
	case strings.HasPrefix(i.Module, "__wbindgen") || i.Module == "wbg":
		return "wasm-bindgen needs JavaScript: build for wasm32-wasip1 without it"
	case i.Module == "env" && strings.HasPrefix(i.Name, "invoke_"), i.Module == "env" && strings.HasPrefix(i.Name, "emscripten"):
		return "this was built by Emscripten for JavaScript: build with wasi-sdk, or with -sSTANDALONE_WASM"
	case i.Module == "env" && i.Name == "abort":
		return "AssemblyScript's abort: build with --use abort= or with a handler of your own"
	case strings.HasPrefix(i.Module, "extism:"):
		return "functions of Extism are for plug-ins, whose entries are exported functions () -> i32; a node of chainrun's own ABI asks " + HostModule + "." + HostCall
	case i.Module == "env":
		return "imports from env are symbols that the linker did not find, or functions of another host"
	}
	return ""
}

func (m *Module) unknownABI() error {
	exports := make([]string, 0, len(m.Exports))
	for _, e := range m.Exports {
		if len(exports) == 12 {
			exports = append(exports, fmt.Sprintf("and %d more", len(m.Exports)-12))
			break
		}
		exports = append(exports, shortened(fmt.Sprintf("%q", e.Name)))
	}
	found := "exports neither _start (a command) nor " + ExportRun + " (a reactor); it exports "
	if len(exports) == 0 {
		found += "nothing"
	} else {
		found += strings.Join(exports, ", ")
	}
	hint := "docs/abi.md describes both ways, docs/extism.md those of Extism; the shortest is a program built for WASI preview 1 (Go: GOOS=wasip1 GOARCH=wasm)"
	for _, i := range m.Imports {
		if h := hintImport(ABIReactor, i); h != "" {
			hint = h + "; " + hint
			break
		}
	}
	return &UnsupportedError{Found: found, Hint: hint}
}
