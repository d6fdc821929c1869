// sdk/assemblyscript: its six entries.

package conformance

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/sdk/toolchain"
)

var _ = register("assemblyscript", func(t *testing.T) []byte {
	t.Helper()
	return buildAssemblyScript(t, map[string]string{
		"index.ts": "nodes/assemblyscript/index.ts", "package.json": "nodes/assemblyscript/package.json",
		"asconfig.json": "nodes/assemblyscript/asconfig.json",
	})
})

// buildAssemblyScript makes a project of files, given by where they are to be, and
// builds it with the compiler of nodes/assemblyscript. Without that it skips.
func buildAssemblyScript(t *testing.T, files map[string]string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "chainrun"), 0o750); err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{
		"chainrun/chainrun.ts":   "../assemblyscript/chainrun.ts",
		"chainrun/transform.mjs": "../assemblyscript/transform.mjs",
	}
	for to, from := range files {
		copies[to] = from
	}
	for to, from := range copies {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packages, err := filepath.Abs(filepath.Join("nodes", "assemblyscript", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(packages); err != nil {
		t.Skip(&toolchain.MissingError{
			Language: "AssemblyScript", Tool: "its compiler, asc",
			Install: []string{"npm ci (in sdk/conformance/nodes/assemblyscript)"},
		})
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return buildFolder(t, "assemblyscript", dir)
}
