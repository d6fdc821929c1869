package llm_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/llm"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// The host offers the capability, the graph says which model and who may ask it.
func Example() {
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: "+`{"model":"small-1","choices":[{"index":0,"delta":{"content":"Hello, Ada!"},"finish_reason":"stop"}]}`+"\n\n"+
			"data: "+`{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":4}}`+"\n\ndata: [DONE]\n\n")
	}))
	defer model.Close()

	h, err := host.New(host.WithCapability("llm", llm.New(llm.Options{})))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	g, err := h.LoadFS(fstest.MapFS{
		"ask.wasm": {Data: moduletest.Ask("llm", "chat", 1)}, // it asks its input and returns the answer
		"graph.toml": {Data: fmt.Appendf(nil, `
			version = 1
			chain = ["greet"]

			[capabilities.llm]
			base_url = "%s/v1"
			model = "small"
			prices.small = { input = 0.10, output = 0.40 }

			[nodes.greet]
			module = "ask.wasm"
			input = { messages = "[{'role': 'user', 'content': 'Greet ' + input.name}]" }
			[nodes.greet.grants.llm]
			tokens = 1000
			cost = 0.01
		`, model.URL)},
	}, "graph.toml")
	if err != nil {
		log.Fatal(err)
	}
	run, err := h.Run(context.Background(), g, map[string]any{"name": "Ada"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status(), run.Output())
	// Output: done {"content":"Hello, Ada!","model":"small-1","endpoint":"default","finish_reason":"stop","usage":{"input_tokens":12,"output_tokens":4},"cost":0.0000028}
}

// TestDocumentation loads the graphs of docs/llm.md, with settings and grants.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/llm.md")
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.WithCapability("llm", llm.New(llm.Options{})), host.WithSecrets(secret.System()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	graphs := regexp.MustCompile("(?ms)^```toml\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	if len(graphs) < 3 {
		t.Fatalf("%d graphs", len(graphs))
	}
	for _, m := range graphs {
		if _, err := h.LoadFS(fstest.MapFS{
			"triage.wasm": {Data: moduletest.Ask("llm", "chat", 1)},
			"graph.toml":  {Data: []byte(m[1])},
		}, "graph.toml"); err != nil {
			t.Errorf("%v\n%s", err, m[1])
		}
	}
	// Every setting, key of grants and reason is there.
	d := llm.New(llm.Options{}).Describe()
	for _, schema := range []string{string(d.Config), string(d.Grant)} {
		for _, key := range regexp.MustCompile(`(?m)^    "([a-z_]+)": \{`).FindAllStringSubmatch(schema, -1) {
			if key[1] != "endpoints" && key[1] != "endpoint" && !strings.Contains(string(text), "| `"+key[1]+"` |") {
				t.Errorf("docs/llm.md has no row for %s", key[1])
			}
		}
	}
	for _, file := range []string{"call.go", "chat.go", "endpoint.go", "exchange.go", "failure.go", "lane.go", "request.go", "openai.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`[rR]eason: +"([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			if m[1] != "canceled" && !strings.Contains(string(text), "`"+m[1]+"`") {
				t.Errorf("docs/llm.md does not say what %s is", m[1])
			}
		}
	}
}
