// Command pack writes the manifest of the standard nodes into the module that was
// built of them:
//
//	go run ./pack std.wasm
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/chainrun/chainrun/plugins/std/nodes"
	"github.com/chainrun/chainrun/sdk/go/node"
)

func main() {
	if err := pack(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected one file, got %d", len(args))
	}
	wasm, err := os.ReadFile(args[0]) //nolint:gosec // the file that it is asked to pack
	if err != nil {
		return err
	}
	nodes.Register()
	derived, err := node.Manifest()
	if err != nil {
		return fmt.Errorf("making the manifest: %w", err)
	}
	manifest, err := strict(derived)
	if err != nil {
		return fmt.Errorf("making the manifest: %w", err)
	}
	return os.WriteFile(args[0], slices.Concat(wasm, section("chainrun:manifest", manifest)), 0o644) //nolint:gosec // a file of the build, for everybody to read
}

// strict has the configs take no key that they do not know: a graph is told of a
// misspelt one before it runs.
func strict(manifest []byte) ([]byte, error) {
	var m map[string]any
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	entries, _ := m["entries"].(map[string]any)
	for name, e := range entries {
		entry, _ := e.(map[string]any)
		config, ok := entry["config"].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the entry %q has no config", name)
		}
		config["additionalProperties"] = false
	}
	return json.Marshal(m)
}

// section is a custom section of WebAssembly.
func section(name string, content []byte) []byte {
	content = slices.Concat(binary.AppendUvarint(nil, uint64(len(name))), []byte(name), content)
	return slices.Concat([]byte{0}, binary.AppendUvarint(nil, uint64(len(content))), content)
}
