// sdk/go: one source, built as a reactor and as a command.

package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
)

// buildGo builds the Go node for wasip1, once per set of arguments.
func buildGo(t *testing.T, args ...string) []byte {
	t.Helper()
	wasm, err := goBuilds(strings.Join(args, " "))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// readSources reads what a build will read, so that `go test` does not answer
// from its cache after a change there.
func readSources() error {
	for _, pattern := range []string{"nodes/go/*", "../go/go.mod", "../go/node/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				return err
			}
		}
	}
	return nil
}

var goBuilds = func() func(args string) ([]byte, error) {
	var mu sync.Mutex
	done := map[string][]byte{}
	return func(args string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if wasm, ok := done[args]; ok {
			return wasm, nil
		}
		if err := readSources(); err != nil {
			return nil, err
		}
		dir, err := os.MkdirTemp("", "chainrun-conformance")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "node.wasm")
		build := exec.Command("go", append(append([]string{"build"}, strings.Fields(args)...), "-ldflags=-s -w", "-o", file, ".")...)
		build.Dir = filepath.Join("nodes", "go")
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-buildvcs=false", "GOWORK=off")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
		wasm, err := os.ReadFile(file)
		done[args] = wasm
		return wasm, err
	}
}()

var (
	asReactor = []string{"-buildmode=c-shared"}
	asCommand = []string{"-tags=chainrun_command"}
)

var further = []string{
	"chainrun_run_v1:ask", "chainrun_run_v1:echo", "chainrun_run_v1:fail", "chainrun_run_v1:feedback", "chainrun_run_v1:log", "chainrun_run_v1:total",
}

// A module shows the ABI in its exports and imports.
func TestGoExportsAndImports(t *testing.T) {
	for _, c := range []struct {
		args             []string
		exports, imports []string
	}{
		{
			asReactor,
			append([]string{"_initialize", "chainrun_alloc", "chainrun_describe_v1", "chainrun_run_v1"}, append(further, "memory")...),
			[]string{"chainrun_v1", "wasi_snapshot_preview1"},
		},
		// The exports of further entries are the author's, and stay.
		{asCommand, append([]string{"_start"}, append(further, "memory")...), []string{"wasi_snapshot_preview1"}},
	} {
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
		defer r.Close(ctx)
		m, err := r.CompileModule(ctx, buildGo(t, c.args...))
		if err != nil {
			t.Fatal(err)
		}
		var exports, imports []string
		for name := range m.ExportedFunctions() {
			exports = append(exports, name)
		}
		for name := range m.ExportedMemories() {
			exports = append(exports, name)
		}
		for _, f := range m.ImportedFunctions() {
			module, _, _ := f.Import()
			imports = append(imports, module)
		}
		slices.Sort(exports)
		slices.Sort(imports)
		if !slices.Equal(exports, c.exports) {
			t.Errorf("%v exports %v, want %v", c.args, exports, c.exports)
		}
		if imports = slices.Compact(imports); !slices.Equal(imports, c.imports) {
			t.Errorf("%v imports %v, want %v", c.args, imports, c.imports)
		}
	}
}

func TestGoReactor(t *testing.T) {
	// All calls go to one instance: a failure or a panic must not spoil the next.
	n := newReactor(t, buildGo(t, asReactor...))

	output := func(t *testing.T, w *world, input, want string) {
		t.Helper()
		if got, failed := n.run(t, w, input); failed || got != want {
			t.Errorf("%.80s: got %.200s (failed %v), want %.200s", input, got, failed, want)
		}
	}
	fails := func(t *testing.T, w *world, input string, want failure) {
		t.Helper()
		doc, failed := n.run(t, w, input)
		if !failed {
			t.Fatalf("%s: did not fail: %s", input, doc)
		}
		if got := parseFailure(t, doc); got != want {
			t.Errorf("%s: got %+v, want %+v", input, got, want)
		}
	}

	t.Run("raw bytes pass untouched", func(t *testing.T) {
		doc := " {\"do\" :\"echo\",\n\"data\": 1.0e2 } "
		output(t, &world{}, doc, doc)
	})
	t.Run("a megabyte, while the collector runs", func(t *testing.T) {
		doc := `{"do":"echo under garbage collection","text":"` + strings.Repeat("é", 1<<19) + `"}`
		output(t, &world{}, doc, doc)
	})
	t.Run("transform", func(t *testing.T) {
		output(t, &world{}, `{"do":"transform","text":"grün"}`, `{"text":"GRÜN"}`)
	})
	t.Run("big output", func(t *testing.T) {
		output(t, &world{}, `{"do":"big","size":3000000}`, `"`+strings.Repeat("x", 3_000_000)+`"`)
	})
	t.Run("failures", func(t *testing.T) {
		fails(t, &world{}, `{"do":"fail","text":"no"}`, failure{"error", "no", false})
		fails(t, &world{}, `{"do":"fail with code","text":"no"}`, failure{"my_code", "wrapped: no", false})
		fails(t, &world{}, `{"do":"fail retryable","text":"later"}`, failure{"busy", "later", true})
		fails(t, &world{}, `[`, failure{"bad_input", "decoding: unexpected end of JSON input", false})
		fails(t, &world{}, ``, failure{"bad_input", "decoding: unexpected end of JSON input", false})
	})
	t.Run("panic", func(t *testing.T) {
		w := &world{}
		fails(t, w, `{"do":"panic","text":"ouch"}`, failure{"panic", "the node panicked: ouch", false})
		if len(w.logs) != 1 || !strings.Contains(w.logs[0], `"level":"error"`) || !strings.Contains(w.logs[0], "main.probe") {
			t.Errorf("the stack was not logged: %q", w.logs)
		}
		output(t, &world{}, `{"do":"transform","text":"alive"}`, `{"text":"ALIVE"}`)
	})
	t.Run("config", func(t *testing.T) {
		output(t, &world{config: `{"limit": 5}`}, `{"do":"config"}`, `{"limit":5}`)
		output(t, &world{}, `{"do":"config"}`, `{"limit":0}`)
		long := `{"limit": 6, "rest": "` + strings.Repeat("y", 100_000) + `"}`
		output(t, &world{config: long}, `{"do":"config"}`, `{"limit":6}`)
	})
	t.Run("feedback", func(t *testing.T) {
		doc := `[{"pointer":"/a","keyword":"type","message":"want string","found":3}]`
		output(t, &world{feedback: doc}, `{"do":"feedback"}`, doc)
		output(t, &world{}, `{"do":"feedback"}`, `null`)
	})
	t.Run("log", func(t *testing.T) {
		w := &world{}
		output(t, w, `{"do":"log"}`, `null`)
		want := []string{
			`{"level":"debug","message":"one"}`, `{"level":"info","message":"two","attrs":{"n":2}}`,
			`{"level":"warn","message":"three"}`, `{"level":"error","message":"four","attrs":{"err":"boom"}}`,
		}
		for i := range w.logs {
			w.logs[i] = strings.TrimSpace(w.logs[i])
		}
		if !slices.Equal(w.logs, want) {
			t.Errorf("logged %q", w.logs)
		}
	})
	t.Run("call", func(t *testing.T) {
		for _, size := range []int{10, 100_000, 1_000_000} {
			w := &world{clerk: func(string, string) (string, bool) {
				return `{"text":"` + strings.Repeat("z", size) + `"}`, false
			}}
			doc, failed := n.run(t, w, `{"do":"call","data":{"q":1}}`)
			if failed || !strings.Contains(doc, `"size":`) {
				t.Errorf("size %d: %s", size, doc)
			}
			if len(w.calls) != 1 || w.calls[0] != `clerk.ask {"q":1}` {
				t.Errorf("size %d: the call was made as %q", size, w.calls)
			}
		}
	})
	t.Run("call that fails", func(t *testing.T) {
		fails(t, &world{}, `{"do":"call"}`, failure{"capability_denied", `calling clerk.ask: no grant for "clerk"`, false})
		busy := func(string, string) (string, bool) {
			return `{"code":"capability_error","reason":"http_429","message":"slow down","retryable":true}`, true
		}
		fails(t, &world{clerk: busy}, `{"do":"call"}`, failure{"http_429", "calling clerk.ask: slow down", true})
	})
}

// An answer larger than the buffer is fetched again, not asked for again.
func TestGoReactorFetchesALargeAnswer(t *testing.T) {
	n := newReactor(t, buildGo(t, asReactor...))
	w := &world{clerk: func(string, string) (string, bool) { return `{"text":"` + strings.Repeat("z", 50_000) + `"}`, false }}
	doc, failed := n.run(t, w, `{"do":"call"}`)
	if want := `{"size":50000}`; failed || doc != want {
		t.Errorf("got %s, want %s", doc, want)
	}
	if len(w.calls) != 1 || w.answers != 1 {
		t.Errorf("%d calls and %d fetches, want 1 and 1", len(w.calls), w.answers)
	}
}

func TestGoCommand(t *testing.T) {
	wasm := buildGo(t, asCommand...)
	env := map[string]string{
		"CHAINRUN_CONFIG":   `{"limit": 5}`,
		"CHAINRUN_FEEDBACK": `[{"pointer":"/a","keyword":"type","message":"want string"}]`,
	}
	for _, c := range []struct {
		input, stdout, stderr string
		code                  uint32
	}{
		{`{"do":"echo"} `, `{"do":"echo"} `, ``, 0},
		{`{"do":"config"}`, `{"limit":5}`, ``, 0},
		{`{"do":"feedback"}`, `[{"pointer":"/a","keyword":"type","message":"want string"}]`, ``, 0},
		{`{"do":"log"}`, `null`, "DEBUG one\nINFO two {\"n\":2}\nWARN three\nERROR four {\"err\":\"boom\"}\n", 0},
		{`{"do":"fail with code","text":"no"}`, ``, "my_code: wrapped: no\n", 1},
		{`{"do":"call"}`, ``, "capability_denied: calling clerk.ask: a command cannot ask for capabilities: build the node as a reactor (-buildmode=c-shared)\n", 1},
	} {
		stdout, stderr, code := command(t, wasm, env, c.input)
		if stdout != c.stdout || stderr != c.stderr || code != c.code {
			t.Errorf("%s: got %q, %q, exit %d", c.input, stdout, stderr, code)
		}
	}
}
