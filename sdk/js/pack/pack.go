package pack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Options say what to pack. Only Script is needed.
type Options struct {
	// Script is the file: .js, .mjs, .ts, .mts. Files of its project (the
	// nearest folder above it with a .git, or a package.json, or its own) may
	// be imported.
	Script string
	// Packages also takes in packages from node_modules that it imports.
	Packages bool
	// Limits bound the script's evaluation; the zero value means the defaults
	// of an attempt.
	Limits sandbox.Limits
	// CacheDir keeps the compiled engine, as in [sandbox.Config]. "": packing
	// takes seconds.
	CacheDir string
	// Log receives what the script logs while it is evaluated. nil: dropped.
	Log func(sandbox.LogRecord)
}

// A Node is a packed script.
type Node struct {
	Wasm     []byte
	Entries  []string // sorted; "" is the main one
	Manifest []byte   // what the script exports as `manifest`, as it lies in Wasm; nil: nothing
	Warnings []Diagnostic
}

// The most entries of a node, and the longest name of one.
const (
	entriesMax = 1000
	entryBytes = 256
)

// Pack makes a node of a script. A script that cannot become one is a
// [*ScriptError]; other errors mean that a file could not be read, that
// chainrun could not do its work, or that ctx ended.
func Pack(ctx context.Context, o Options) (*Node, error) {
	b, err := makeBundle(o)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m, state, e, err := evaluate(ctx, o, b)
	if err != nil {
		return nil, err
	}
	wrong := func(text, hint string) error {
		return &ScriptError{Diagnostics: []Diagnostic{{File: o.Script, Text: text, Hint: hint}}}
	}
	if len(e.Entries) == 0 {
		text := "the script exports no function"
		if others := e.Others[:min(len(e.Others), 5)]; len(others) > 0 {
			text += fmt.Sprintf(" (%.200s is none)", strings.Join(others, ", "))
		}
		return nil, wrong(text, "a node is `export default function (input, node) { … }`")
	}
	n := &Node{Entries: e.Entries, Warnings: b.warnings}
	var bindings []module.Binding
	if len(e.Entries) > entriesMax {
		return nil, wrong(fmt.Sprintf("the script exports %d functions, a node has at most %d entries", len(e.Entries), entriesMax), "")
	}
	for number, entry := range e.Entries {
		if len(entry) > entryBytes {
			return nil, wrong(fmt.Sprintf("the name of the exported function %.40s… has %d bytes, at most %d are an entry's", entry, len(entry), entryBytes), "")
		}
		export := module.ExportRun
		if entry != "" {
			export += ":" + entry
		}
		bindings = append(bindings, module.Binding{Export: export, To: exportEntry, First: uint32(number)})
	}
	if n.Wasm, err = module.Freeze(m, *state, []string{module.ExportMemory, module.ExportAlloc}, bindings); err != nil {
		return nil, fmt.Errorf("packing %s: %w", o.Script, err)
	}
	if len(e.Manifest) > 0 {
		n.Manifest = e.Manifest
		manifest, err := module.ParseManifest(n.Manifest)
		if err != nil {
			return nil, wrong(err.Error(), "")
		}
		for _, name := range slices.Sorted(maps.Keys(manifest.Entries)) {
			if !slices.Contains(n.Entries, name) {
				return nil, wrong(fmt.Sprintf("the manifest describes an entry %q, and no function of this name is exported", name), "")
			}
		}
		if n.Wasm, err = module.WithManifest(n.Wasm, n.Manifest); err != nil {
			return nil, fmt.Errorf("packing %s: %w", o.Script, err)
		}
	}
	slices.Sort(n.Entries)
	return n, nil
}
