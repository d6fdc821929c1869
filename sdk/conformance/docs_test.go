// docs/nodes-go.md is followed to the letter, up to the graph.

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheFirstNodeInGo(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "nodes-go.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, block := range strings.Split(string(doc), "\n```go\n")[1:] {
		source, _, _ := strings.Cut(block, "\n```\n")
		sources = append(sources, source+"\n")
	}
	if len(sources) != 2 {
		t.Fatalf("docs/nodes-go.md has %d Go sources, want the node and its test", len(sources))
	}
	sdk, err := filepath.Abs(filepath.Join("..", "go"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.go":      sources[0],
		"main_test.go": sources[1],
		"go.mod": "module example.com/discount\n\ngo 1.24\n\nrequire github.com/chainrun/chainrun/sdk/go v0.0.0\n\n" +
			"replace github.com/chainrun/chainrun/sdk/go => " + sdk + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
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
}
