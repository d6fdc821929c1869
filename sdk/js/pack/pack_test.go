package pack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// cacheDir is shared by the tests of this package, and gone with them.
var cacheDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "chainrun-pack-*")
	if err != nil {
		panic(err)
	}
	cacheDir = filepath.Join(dir, "cache")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// pack packs a script whose sources are given as name, text, name, text; the
// first is the script.
func pack(tb testing.TB, o Options, sources ...string) (*Node, error) {
	tb.Helper()
	dir := tb.TempDir()
	for n := 0; n < len(sources); n += 2 {
		file := filepath.Join(dir, filepath.FromSlash(sources[n]))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(sources[n+1]), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	o.Script, o.CacheDir = filepath.Join(dir, sources[0]), cacheDir
	return Pack(tb.Context(), o)
}

// packed packs a script that is right.
func packed(tb testing.TB, sources ...string) *Node {
	tb.Helper()
	n, err := pack(tb, Options{}, sources...)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// compile makes a packed node ready to be called.
func compile(tb testing.TB, n *Node) *sandbox.Program {
	tb.Helper()
	return program(tb, n, sandbox.Config{CacheDir: cacheDir})
}

// interpret does so too, for a call or two: it takes less time to prepare.
func interpret(tb testing.TB, n *Node) *sandbox.Program {
	tb.Helper()
	return program(tb, n, sandbox.Config{Interpreter: true})
}

func program(tb testing.TB, n *Node, c sandbox.Config) *sandbox.Program {
	tb.Helper()
	m, err := module.Read(n.Wasm)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := sandbox.New(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(tb.Context()); err != nil {
			tb.Error(err)
		}
	})
	p, err := e.Compile(tb.Context(), m)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
