package host_test

// Extism plug-ins as nodes, the graphs of docs/extism.md among them. The plug-ins
// come as data of the Go module of Extism's SDK.

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/fetch"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// extismGraph takes a graph out of docs/extism.md.
func extismGraph(t *testing.T, name string) (graph, doc string) {
	t.Helper()
	text, err := os.ReadFile("../docs/extism.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```toml "+name+"\n")
	graph, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatalf("docs/extism.md has no graph %q", name)
	}
	return graph, string(text)
}

// extismPlugin reads a plug-in of the SDK's.
func extismPlugin(t *testing.T, file string) []byte {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a network that hangs makes the test skip
	defer cancel()
	c := exec.CommandContext(ctx, "go", "mod", "download", "-json", "github.com/extism/go-sdk@v1.7.1")
	c.Dir, c.Stdout, c.WaitDelay = t.TempDir(), &out, time.Second // no go.mod there
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var info struct{ Dir, Error string }
	if err := c.Run(); err != nil || json.Unmarshal(out.Bytes(), &info) != nil || info.Dir == "" {
		t.Skipf("the plug-ins of github.com/extism/go-sdk are not to be had: %v %s", err, out.String())
	}
	b, err := os.ReadFile(filepath.Join(info.Dir, "wasm", file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// extismHost is a host with the capability fetch.
func extismHost(t *testing.T) *host.Host {
	t.Helper()
	h, err := host.New(host.WithCapability("fetch", fetch.New(fetch.Options{})), host.WithJournal(memory.New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// runOf runs a graph and gives its output, or none and a run that says why.
func runOf(t *testing.T, h *host.Host, graph string, modules map[string][]byte, input any) (output string, run *host.Run) {
	t.Helper()
	files := fstest.MapFS{"graph.toml": {Data: []byte(graph)}}
	for name, wasm := range modules {
		files[name] = &fstest.MapFile{Data: wasm}
	}
	g, err := h.LoadFS(files, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	if run, err = h.Run(t.Context(), g, input); err != nil {
		t.Fatal(err)
	}
	if f := run.Failure(); f != nil {
		return "", run
	}
	return string(run.Output().Bytes()), run
}

func TestExtismDocument(t *testing.T) {
	h := extismHost(t)
	graph, doc := extismGraph(t, "vowels")
	modules := map[string][]byte{"count_vowels.wasm": extismPlugin(t, "count_vowels.wasm")}
	out, _ := runOf(t, h, graph, modules, map[string]any{"text": "Hällo, World!"})
	const command = `--input '{"text": "Hällo, World!"}'` + "\n    "
	if !strings.Contains(doc, command+out+"\n") {
		t.Errorf("the output is %s, and docs/extism.md shows another one", out)
	}

	graph, _ = extismGraph(t, "json")
	out, _ = runOf(t, h, graph, modules, map[string]any{"text": "Hello"})
	if out != `{"count":0,"total":0,"vowels":"aeiouAEIOU"}` {
		t.Errorf("output %s", out)
	}
}

func TestExtismHTTPDocument(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Said", "hello")
		w.WriteHeader(http.StatusServiceUnavailable) // an answer as any other
	}))
	t.Cleanup(server.Close)
	h, address := extismHost(t), strings.TrimPrefix(server.URL, "http://")
	graph, _ := extismGraph(t, "http")
	modules := map[string][]byte{"http_headers.wasm": extismPlugin(t, "http_headers.wasm")}

	out, run := runOf(t, h, strings.Replace(graph, "localhost:8080", address, 1), modules, map[string]any{"url": server.URL})
	var headers map[string]string
	if err := json.Unmarshal([]byte(out), &headers); err != nil || headers["x-said"] != "hello" {
		t.Errorf("output %s, %v", out, run.Failure())
	}
	server.Close()
	if again, err := h.Replay(t.Context(), run.ID()); err != nil || !again.Identical || again.Attempts != 1 {
		t.Errorf("replayed: %+v %v", again, err)
	}
	_, run = runOf(t, h, graph, modules, map[string]any{"url": server.URL})
	if f := run.Failure(); f == nil || f.Code != "capability_denied" || f.Reason != "host_not_granted" {
		t.Errorf("another host: %v", f)
	}
	_, run = runOf(t, h, graph[:strings.Index(graph, "[nodes.ask.grants")], modules, map[string]any{"url": server.URL})
	if f := run.Failure(); f == nil || f.Code != "capability_denied" || f.Reason != "not_granted" || !strings.Contains(f.Message, "[nodes.ask.grants.fetch]") {
		t.Errorf("no grant: %v", f)
	}
}

// What a small plug-in asks for and is answered, without any download.
func TestExtismFetch(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write([]byte(r.Method + " " + r.Header.Get("X-A") + " \xff"))
	}))
	t.Cleanup(server.Close)
	graph := `
version = 1
chain = ["ask"]
[nodes.ask]
module = "ask.wasm"
encoding = "text"
input = "'{\"url\":\"' + input + '\",\"method\":\"post\",\"headers\":{\"X-A\":\"b\"}}'"
[nodes.ask.grants.fetch]
hosts = ["` + strings.TrimPrefix(server.URL, "http://") + `"]
methods = ["POST"]
schemes = ["http"]
private = true
`
	modules := map[string][]byte{"ask.wasm": moduletest.Extism("ask")}
	_, run := runOf(t, extismHost(t), graph, modules, server.URL)
	if f := run.Failure(); f == nil || f.Code != "invalid_output" || !strings.Contains(f.Message, "no UTF-8 from byte 7 on") || len(f.Violations) != 1 {
		t.Errorf("bytes as text: %v", f)
	}
}
