// The examples of docs/abi.md are built as they stand there and run.

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// example takes the block that opens with ```info from docs/abi.md into a file.
func example(t *testing.T, info, file string) (dir string) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "abi.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "\n```"+info+"\n")
	if !ok {
		t.Fatalf("docs/abi.md has no block %q", info)
	}
	source, _, _ := strings.Cut(rest, "\n```\n")
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(source+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// build runs a compiler in dir, which writes node.wasm. It skips the test where
// the compiler is not installed.
func build(t *testing.T, dir string, compiler string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("%s is not installed", compiler)
	}
	cmd := exec.Command(compiler, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-buildvcs=false", "GOWORK=off", "GO111MODULE=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "wasm-ld") && strings.Contains(string(out), "o such file") {
			t.Skip("clang's linker for WebAssembly (lld) is not installed")
		}
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	wasm, err := os.ReadFile(filepath.Join(dir, "node.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func TestABIExampleInWAT(t *testing.T) {
	dir := example(t, "wat", "echo.wat")
	n := newReactor(t, build(t, dir, "wat2wasm", "echo.wat", "-o", "node.wasm"))
	for _, size := range []int{0, 10, 64511, 64512, 64513, 300_000} {
		input := strings.Repeat("7", size)
		if got, failed := n.run(t, &world{}, input); failed || got != input {
			t.Errorf("%d bytes: got %d bytes, failed %v", size, len(got), failed)
		}
	}
}

func TestABIExampleInC(t *testing.T) {
	dir := example(t, "c", "size.c")
	wasm := build(t, dir, "clang", "--target=wasm32", "-O2", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-Wl,--no-entry", "-o", "node.wasm", "size.c")
	sizeNode(t, newReactor(t, wasm))
}

func TestABIExampleInGo(t *testing.T) {
	dir := example(t, "go reactor", "main.go")
	sizeNode(t, newReactor(t, build(t, dir, "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", "node.wasm", "main.go")))
}

// sizeNode checks what the examples in C and in Go promise.
func sizeNode(t *testing.T, n *reactor) {
	t.Helper()
	for input, want := range map[string]string{
		`{}`: `{"bytes":2}`,
		`{"a":"` + strings.Repeat("x", 1_000_000) + `"}`: `{"bytes":1000008}`,
		`{ }`: `{"bytes":3}`,
	} {
		w := &world{}
		if got, failed := n.run(t, w, input); failed || got != want {
			t.Errorf("%.20s: got %s, failed %v, want %s", input, got, failed, want)
		}
		if len(w.logs) != 1 || w.logs[0] != `{"level":"info","message":"measuring"}` {
			t.Errorf("%.20s: logged %q", input, w.logs)
		}
	}
	for _, input := range []string{``, `[1]`} {
		doc, failed := n.run(t, &world{}, input)
		if !failed {
			t.Errorf("%q: did not fail: %s", input, doc)
		} else if got, want := parseFailure(t, doc), (failure{"no_object", "the input is no object", false}); got != want {
			t.Errorf("%q: got %+v", input, got)
		}
	}
}

func TestABIExampleCommand(t *testing.T) {
	dir := example(t, "go command", "main.go")
	wasm := build(t, dir, "go", "build", "-ldflags=-s -w", "-o", "node.wasm", "main.go")
	stdout, stderr, code := command(t, wasm, nil, ` {"a": 1.0} `)
	if stdout != ` {"a": 1.0} ` || stderr != "" || code != 0 {
		t.Errorf("got %q, %q, exit %d", stdout, stderr, code)
	}
}
