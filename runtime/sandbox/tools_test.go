package sandbox

// How the tests come by modules: WAT, C and Go sources, built here.

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/runtime/module"
)

var builds struct {
	sync.Mutex
	dir  string
	done map[string][]byte
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sandbox-test-*")
	if err != nil {
		panic(err)
	}
	builds.dir, builds.done = dir, map[string][]byte{}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build runs a tool once for each key and gives the bytes of the file that it
// writes. A tool that is absent skips the test, but not in CI.
func build(tb testing.TB, key, tool string, command func(out string) *exec.Cmd) []byte {
	tb.Helper()
	builds.Lock()
	defer builds.Unlock()
	if b, found := builds.done[key]; found {
		return b
	}
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("%s is not installed, and this is CI", tool)
		}
		tb.Skipf("%s is not installed", tool)
	}
	out := filepath.Join(builds.dir, "out.wasm")
	if text, err := command(out).CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", key, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	builds.done[key] = b
	return b
}

// fromWAT assembles a module.
func fromWAT(tb testing.TB, source string) []byte {
	tb.Helper()
	return build(tb, source, "wat2wasm", func(out string) *exec.Cmd {
		c := exec.Command("wat2wasm", "--enable-tail-call", "--debug-names", "-o", out, "-")
		c.Stdin = bytes.NewReader([]byte(source))
		return c
	})
}

// fromC compiles testdata/NAME.c.
func fromC(tb testing.TB, name string, flags ...string) []byte {
	tb.Helper()
	return build(tb, name+".c", "clang", func(out string) *exec.Cmd {
		return exec.Command("clang", append([]string{"--target=wasm32-wasi", "-O2", "-o", out, filepath.Join("testdata", name+".c")}, flags...)...)
	})
}

// fromGo compiles the package testdata/NAME.
func fromGo(tb testing.TB, name string, flags ...string) []byte {
	tb.Helper()
	return build(tb, name, "go", func(out string) *exec.Cmd {
		args := append(append([]string{"build", "-ldflags=-s -w", "-o", out}, flags...), "./testdata/"+name)
		c := exec.Command("go", args...)
		c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
		return c
	})
}

func goCommand(tb testing.TB) []byte { tb.Helper(); return fromGo(tb, "gocommand") }

func goReactor(tb testing.TB) []byte {
	tb.Helper()
	return fromGo(tb, "goreactor", "-buildmode=c-shared")
}

// newEngine makes an engine that is closed with the test.
func newEngine(tb testing.TB, c Config) *Engine {
	tb.Helper()
	e, err := New(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(tb.Context()); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// read parses a module.
func read(tb testing.TB, wasm []byte) *module.Module {
	tb.Helper()
	m, err := module.Read(wasm)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// program compiles a module in an engine of its own. The tests share a cache
// on disk: a Go program takes seconds to compile.
func program(tb testing.TB, wasm []byte, c Config) *Program {
	tb.Helper()
	if c.CacheDir == "" {
		c.CacheDir = filepath.Join(builds.dir, "cache")
	}
	p, err := newEngine(tb, c).Compile(tb.Context(), read(tb, wasm))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// engines are the two ways to run a module, for tests of both.
var engines = []struct {
	name   string
	config Config
}{{"compiler", Config{}}, {"interpreter", Config{Interpreter: true}}}

func cReactor(tb testing.TB) []byte {
	tb.Helper()
	return fromC(tb, "creactor", "-mexec-model=reactor", "-Wl,--strip-all")
}

func cCommand(tb testing.TB) []byte { tb.Helper(); return fromC(tb, "ccommand") }

// require is what the helpers need of a test, and of a property.
type require interface {
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// requireRapid lets a property fail with the context of its test.
type requireRapid struct {
	*rapid.T
	test *testing.T
}

func (r requireRapid) Context() context.Context { return r.test.Context() }
