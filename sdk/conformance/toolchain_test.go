// Modules built by sdk/toolchain, as `chainrun node build` builds them.

package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/sdk/toolchain"
)

// buildProject makes a folder with copies of the named files and builds it. It
// skips the test where the language's tools are not installed, and says what is.
func buildProject(t *testing.T, lang string, files ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return buildFolder(t, lang, dir)
}

// buildFolder is buildProject for a project that is there.
func buildFolder(t *testing.T, lang, dir string) []byte {
	t.Helper()
	l, err := toolchain.Find(lang)
	if err != nil {
		t.Fatal(err)
	}
	withLocalTools(t)
	out := filepath.Join(t.TempDir(), "node.wasm")
	err = l.Build(t.Context(), dir, out)
	if missing, ok := errors.AsType[*toolchain.MissingError](err); ok {
		t.Skip(missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// withLocalTools puts the tools that `make tools` installs below bin/ on the path,
// behind what is there.
func withLocalTools(t *testing.T) {
	t.Helper()
	zig, err := filepath.Abs(filepath.Join("..", "..", "bin", "python", "ziglang"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+zig)
}
