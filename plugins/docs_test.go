package plugins_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/fetch"
	"github.com/chainrun/chainrun/host/capability/llm"
	"github.com/chainrun/chainrun/plugins"
)

// standard is one host with the standard nodes for all tests, so that they are compiled
// once; it ends with the process.
var standard = sync.OnceValues(func() (*host.Host, error) {
	if _, err := plugins.Open("jq"); err != nil {
		return nil, err
	}
	return host.New(
		host.WithModules("std", plugins.Names(), plugins.Open),
		host.WithCapability("llm", llm.New(llm.Options{})), host.WithCapability("fetch", fetch.New(fetch.Options{})),
	)
})

// standardHost gives the host; the test is skipped where the nodes are not built.
func standardHost(t *testing.T) *host.Host {
	t.Helper()
	h, err := standard()
	var unbuilt interface{ Hint() string }
	switch {
	case errors.As(err, &unbuilt) && os.Getenv("CI") == "":
		t.Skip(err, "("+unbuilt.Hint()+")")
	case err != nil:
		t.Fatal(err)
	}
	return h
}

// The graphs of docs/std.md do what is written below them.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/std.md")
	if err != nil {
		t.Fatal(err)
	}
	h := standardHost(t)
	examples := examplesIn(t, string(text))
	if len(examples) < len(plugins.Names()) {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) { e.run(t, h) })
	}
	for _, name := range plugins.Names() {
		if !strings.Contains(string(text), `module = "std:`+name+`"`) {
			t.Errorf("there is no example of std:%s", name)
		}
	}
}

// example is a graph, its input, what the world answers, and the output.
type example struct {
	name, graph, input, output string
	answers                    []string
}

func examplesIn(t *testing.T, text string) []example {
	t.Helper()
	var list []example
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+ ?\\w*)\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		if m[1] == "toml" {
			list = append(list, example{name: fmt.Sprintf("line %d", strings.Count(text[:strings.Index(text, m[2])], "\n")+1), graph: m[2]})
			continue
		}
		last := &list[len(list)-1]
		switch m[1] {
		case "json input":
			last.input = m[2]
		case "json output":
			last.output = m[2]
		case "json answer", "text answer":
			last.answers = append(last.answers, strings.TrimSpace(m[2]))
		default:
			t.Errorf("a block of %q", m[1])
		}
	}
	return list
}

func (e example) run(t *testing.T, h *host.Host) {
	t.Helper()
	var mu sync.Mutex
	answers := e.answers
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(answers) == 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer := answers[0]
		answers = answers[1:]
		if r.URL.Path != "/v1/chat/completions" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		words, _ := json.Marshal(answer)
		fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%s},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", words)
	}))
	defer server.Close()
	dir := t.TempDir()
	graph := strings.ReplaceAll(e.graph, "127.0.0.1:8080", strings.TrimPrefix(server.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "graph.toml"), []byte(graph), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := h.Load(filepath.Join(dir, "graph.toml"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(t.Context(), g, json.RawMessage(e.input))
	if err != nil {
		t.Fatal(err)
	}
	if r.Failure() != nil {
		t.Fatalf("%+v", r.Failure())
	}
	got, want := decoded(t, r.Output().Bytes()), decoded(t, []byte(e.output))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("gives %s\nwant %s", r.Output(), e.output)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(answers) > 0 {
		t.Errorf("nobody asked for %q", answers)
	}
}

func decoded(t *testing.T, doc []byte) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(errors.Join(errors.New(string(doc)), err))
	}
	return v
}
