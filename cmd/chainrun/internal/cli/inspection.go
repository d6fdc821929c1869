package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const maxModuleBytes = plan.MaxModuleBytes

// inspection is what `node inspect --json` prints.
type inspection struct {
	Kind      string       `json:"kind"` // module, component, text, or other
	SizeBytes int          `json:"size_bytes"`
	Digest    string       `json:"digest"`
	ABI       string       `json:"abi,omitempty"`
	Entries   []entryFacts `json:"entries,omitempty"`
	Functions int          `json:"functions"`
	Memories  []string     `json:"memories,omitempty"`
	// Needs is what it cannot start or work without.
	Needs          needs            `json:"needs"`
	Imports        []string         `json:"imports,omitempty"`
	Exports        []string         `json:"exports,omitempty"`
	CustomSections []string         `json:"custom_sections,omitempty"`
	CoreModules    int              `json:"core_modules,omitempty"` // of a component
	Manifest       *module.Manifest `json:"manifest,omitempty"`
	Describes      bool             `json:"describes_itself"` // it can say a manifest
	Runs           bool             `json:"runs"`
	Problem        string           `json:"problem,omitempty"` // why it will not run
	Hint           string           `json:"hint,omitempty"`
}

// entryFacts are those of one entry, with what the manifest says of it.
type entryFacts struct {
	Name string `json:"name"` // "" is the default entry
	module.ManifestEntry
}

type needs struct {
	MemoryBytes  uint64   `json:"memory_bytes"` // to start
	Capabilities []string `json:"capabilities"` // as the manifest says
	Modules      []string `json:"import_modules"`
}

// inspectModule says all that can be said of a file, also of one that will not
// run: it stops at the first reason, and keeps what was found before.
func inspectModule(wasm []byte) *inspection {
	i, m := readFacts(wasm)
	if m == nil {
		return i
	}
	ctx := context.Background()
	engine, err := sandbox.New(ctx, sandbox.Config{CacheDir: cacheDir()})
	if err != nil {
		return i.problem(err)
	}
	defer func() { _ = engine.Close(ctx) }()
	if _, err := engine.Compile(ctx, m); err != nil {
		return i.problem(err)
	}
	i.Runs = true
	return i
}

// readFacts is inspectModule as far as it goes without compiling anything. The
// module is nil where there is a problem.
func readFacts(wasm []byte) (*inspection, *module.Module) {
	m, err := module.Partial(wasm)
	i := &inspection{Kind: kindOf(wasm), SizeBytes: len(wasm), Digest: m.Digest, Needs: needs{Capabilities: []string{}, Modules: []string{}}}
	i.describe(m)
	if c := module.ReadComponent(wasm); c != nil {
		i.CoreModules = c.CoreModules
		for _, name := range c.Imports {
			i.Imports = listed(i.Imports, name)
			i.Needs.Modules = listed(i.Needs.Modules, name)
		}
		for _, name := range c.Exports {
			i.Exports = listed(i.Exports, name)
		}
	}
	if err != nil {
		return i.problem(err), nil
	}
	i.Manifest, err = m.Manifest()
	if i.Manifest != nil {
		i.Needs.Capabilities = append(i.Needs.Capabilities, i.Manifest.Capabilities...)
	}
	abi, refused := m.ABI()
	if abi != 0 {
		i.ABI = abi.String()
	}
	for _, name := range m.Entries() {
		if len(i.Entries) < maxListed {
			i.Entries = append(i.Entries, entryFacts{name, i.Manifest.Entry(name)})
		}
	}
	if refused != nil {
		return i.problem(refused), nil
	}
	if err != nil {
		return i.problem(err), nil
	}
	return i, m
}

// kindOf tells what a file is, by its beginning.
func kindOf(b []byte) string {
	switch {
	case module.ReadComponent(b) != nil:
		return "component"
	case bytes.HasPrefix(b, []byte("\x00asm")):
		return "module"
	case bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("(")), bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte(";;")):
		return "text"
	}
	return "other"
}

func (i *inspection) problem(err error) *inspection {
	i.Problem = err.Error()
	var format *module.FormatError
	var unsupported *module.UnsupportedError
	var refused *sandbox.RefusedError
	switch {
	case errors.As(err, &format):
		i.Hint = format.Hint
	case errors.As(err, &unsupported):
		i.Problem, i.Hint = unsupported.Found, unsupported.Hint
	case errors.As(err, &refused):
		i.Problem, i.Hint = refused.Text, refused.Hint
	}
	return i
}

// maxListed bounds the lists of a hostile file.
const maxListed = 1000

func (i *inspection) describe(m *module.Module) {
	i.Functions, i.Needs.MemoryBytes = len(m.Functions), leastMemory(m)
	_, i.Describes = m.Export(module.ExportDescribe)
	seen := map[string]bool{}
	for _, memory := range m.Memories {
		i.Memories = listed(i.Memories, describeLimits(memory))
	}
	for _, x := range m.Imports {
		i.Imports = listed(i.Imports, x.Module+"."+x.Name)
		if !seen[x.Module] {
			seen[x.Module] = true
			i.Needs.Modules = listed(i.Needs.Modules, x.Module)
		}
		if x.Kind == module.KindMemory {
			i.Memories = listed(i.Memories, describeLimits(x.Memory)+", imported")
		}
	}
	for _, x := range m.Exports {
		i.Exports = listed(i.Exports, x.Name)
	}
	for _, s := range m.Sections {
		if s.Name != "" {
			i.CustomSections = listed(i.CustomSections, fmt.Sprintf("%s (%d bytes)", s.Name, len(s.Data)))
		}
	}
}

func listed(list []string, item string) []string {
	if len(list) >= maxListed {
		return list
	}
	return append(list, item)
}

func describeLimits(m module.Memory) string {
	text := fmt.Sprintf("%d KiB", uint64(m.Min)*64)
	if m.HasMax {
		return text + fmt.Sprintf(", at most %d KiB", uint64(m.Max)*64)
	}
	return text
}
