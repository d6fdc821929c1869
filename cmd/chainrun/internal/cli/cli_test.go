package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/archive"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
	"github.com/chainrun/chainrun/sdk/provider"
)

// TestMain lets the scripts call the real main as `chainrun`. No test's runs are
// kept in the user's state folder.
func TestMain(m *testing.M) {
	if os.Getenv("CHAINRUN_IN_SCRIPT") == "" { // which has a state folder of its own
		_ = os.Setenv("CHAINRUN_STORE", memoryStore)
	}
	testscript.Main(m, map[string]func(){
		"chainrun": func() {
			os.Exit(Main(Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "v0.0.0-test", os.Args[1:]))
		},
		"database": serveDatabase,
		"forge":    forge,
	})
}

// forge changes what was recorded in an exported run, as somebody would who knows the
// format: forge FILE TO OLD NEW.
func forge() {
	from, err := os.Open(os.Args[1])
	check(err)
	r, err := archive.Read(from)
	check(err)
	for i, e := range r.Events {
		b, err := event.Encode(e)
		check(err)
		r.Events[i], err = event.Decode(bytes.ReplaceAll(b, []byte(os.Args[3]), []byte(os.Args[4])))
		check(err)
	}
	to, err := os.Create(os.Args[2])
	check(err)
	check(errors.Join(archive.Write(to, r), to.Close()))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveDatabase is a provider of the scripts: a database with one row.
func serveDatabase() {
	type query struct {
		SQL string `json:"sql"`
	}
	provider.Serve(capability.New("a database", capability.Handle("query", "asks",
		func(_ context.Context, q query) (map[string]string, error) {
			if q.SQL == "crash" {
				os.Exit(3)
			}
			return map[string]string{"asked": q.SQL}, nil
		})))
}

// TestScripts is the contract of the command line: each script is a story of
// what an operator types and sees.
func TestScripts(t *testing.T) {
	puppet := buildPuppet(t)
	cache := t.TempDir() // shared, so that the module is compiled once
	server := newWorld(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CHAINRUN_CACHE", cache)
			e.Setenv("NO_COLOR", "1")
			if err := os.Link(puppet, filepath.Join(e.WorkDir, "puppet.wasm")); err != nil {
				return fmt.Errorf("placing the node: %w", err)
			}
			e.Setenv("SERVER", server)
			e.Setenv("CHAINRUN_IN_SCRIPT", "1")
			e.Setenv("CHAINRUN_STORE", "")
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			for name, wasm := range asking {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name+".wasm"), wasm, 0o600); err != nil {
					return fmt.Errorf("placing the node: %w", err)
				}
			}
			return nil
		},
	})
}

// asking are the nodes of the scripts that ask a capability for their input, and
// return its answer.
var asking = map[string][]byte{
	"fetch":  moduletest.Ask("fetch", "request", 1),
	"chat":   moduletest.Ask("llm", "chat", 1),
	"kv-add": moduletest.Ask("kv", "add", 1),
	"kv-get": moduletest.Ask("kv", "get", 1),
	"query":  moduletest.Ask("db", "query", 1),
	"chance": moduletest.Chance(), // this one asks WASI
}

// newWorld starts a server that the scripts' nodes may ask, and gives its URL.
func newWorld(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { // sends back what it should not
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"you_are": r.Header.Get("Authorization"), "query": r.URL.RawQuery})
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { // never answers before there is this file
		if _, err := os.Stat(r.URL.Query().Get("file")); err != nil {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"late":true}`)
	})
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	mux.HandleFunc("/v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Stream bool }
		_ = json.NewDecoder(r.Body).Decode(&asked)
		const usage = `"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}`
		if !asked.Stream {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"id":"1","object":"chat.completion","model":"tiny","choices":[{"index":0,"message":{"role":"assistant","content":"forty-two"},"finish_reason":"stop"}],`+usage+`}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, word := range []string{"forty", "-two"} {
			fmt.Fprintf(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"tiny\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", word)
		}
		fmt.Fprint(w, `data: {"id":"1","object":"chat.completion.chunk","model":"tiny","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],`+usage+"}\n\ndata: [DONE]\n\n")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// buildPuppet builds the node that the scripts' graphs use, with the Go
// toolchain that runs this test.
func buildPuppet(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "puppet.wasm")
	c := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", name, "./testdata/puppet")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building the node: %v\n%s", err, out)
	}
	return name
}
