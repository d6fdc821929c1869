// docs/nodes-go.md is followed to the letter, up to the graph.

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/sdk/toolchain"
)

func TestTheFirstNodeInGo(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "nodes-go.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources := blocks(t, "nodes-go.md", "go")
	if len(sources) != 2 {
		t.Fatalf("docs/nodes-go.md has %d Go sources, want the node and its test", len(sources))
	}
	dir := followed(t, "nodes-go.md", "go", "main.go")
	if err := os.WriteFile(filepath.Join(dir, "main_test.go"), []byte(sources[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(env []string, stdin string, args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		cmd.Env = append(append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off"), env...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, out, &stderr)
		}
		return string(out)
	}
	const input, want = `{"customer": "Ada", "cents": 1000}`, `{"cents":900,"reason":"regular customer"}`
	if !strings.Contains(string(doc), want) {
		t.Errorf("docs/nodes-go.md does not show %s", want)
	}

	command(nil, "", "test", ".")
	if got := command([]string{`CHAINRUN_CONFIG={"percent": 10}`}, input, "run", "."); got != want {
		t.Errorf("go run: got %s, want %s", got, want)
	}
	command([]string{"GOOS=wasip1", "GOARCH=wasm"}, "", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", "node.wasm", ".")
	wasm, err := os.ReadFile(filepath.Join(dir, "node.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{config: `{"percent": 10}`}
	if got, failed := newReactor(t, wasm).run(t, w, input); failed || got != want {
		t.Errorf("the node: got %s, want %s", got, want)
	}
	if len(w.logs) != 1 || !strings.Contains(w.logs[0], `"attrs":{"customer":"Ada","percent":10}`) {
		t.Errorf("the node logged %q", w.logs)
	}
	discounts(t, "nodes-go.md", wasm)
	said := described(t, wasm).Config
	if !strings.Contains(string(said), `"percent":{"type":"integer","minimum":0,"maximum":100,"description":"What regular customers save"}`) {
		t.Errorf("the config's schema is %s", said)
	}
}

// described gives what a module says of itself.
func described(t *testing.T, wasm []byte) *module.Manifest {
	t.Helper()
	return manifest(t, load(t, wasm))
}

func TestFurtherEntriesInGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "text")
	if err := toolchain.New("go", dir, "text"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(blocks(t, "nodes-go.md", "go entries")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := toolchain.Find("go")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "text.wasm")
	if err := l.Build(t.Context(), dir, out); err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{load(t, wasm)}
	n.gives(t, ask("count", `{"text": "one two  three"}`), `{"n": 3}`)
	n.gives(t, ask("shout", `{"text": "quiet"}`), `{"text": "QUIET"}`)
	m := described(t, wasm)
	if m.Name != "text" || m.Entries["count"].Description != "Counts words." || !strings.Contains(string(m.Entries["count"].Output), `"minimum":0`) || m.Input != nil {
		t.Errorf("%+v", m)
	}
}
