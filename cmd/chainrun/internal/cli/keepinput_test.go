package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/attemptfile"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// typed is what a command line came to.
type typed struct {
	code      int
	out, errs string
}

// typing runs a command line in this process.
func typing(t *testing.T, args ...string) typed {
	t.Helper()
	var out, errs bytes.Buffer
	code := Main(Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "v0.0.0-test", args)
	return typed{code, out.String(), errs.String()}
}

// laid writes files into a folder of their own, which becomes the current one.
func laid(t *testing.T, files map[string][]byte) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever an attempt failed of, it fails of that again, for the same fuel, and without
// the graph and the world: but for one whose node does not ask what it asked.
func TestKeptAttempts(t *testing.T) {
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	t.Setenv("TOKEN", "s3cret-t0ken")
	world := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{ \"you are\" :\t%q }", r.Header.Get("Authorization"))
	}))
	puppet, err := os.ReadFile(buildPuppet(t))
	if err != nil {
		t.Fatal(err)
	}
	const grant = `
[secrets.token]
env = "TOKEN"
[nodes.a.grants.fetch]
hosts = ["127.0.0.1:*"]
schemes = ["http"]
private = true
headers = { Authorization = "Bearer ${secret:token}" }
[[nodes.a.retry]]
initial_interval = "0s"
`
	const schema = `output_schema = "schemas/strict.json"
`
	for name, c := range map[string]struct {
		node  string // of the node a, and what comes after it
		input string
		files []string // that are kept
		says  string   // in the failure
	}{
		"trap":         {`module = "trap.wasm"`, `{"a": 1.50}`, []string{"a.1"}, "trap: unreachable"},
		"node error":   {`module = "fail.wasm"`, `{}`, []string{"a.1"}, "node_error (no_luck): none"},
		"exit code":    {`module = "puppet.wasm"` + "\nconfig = {do = 'exit', code = 7, text = 'gone'}", `{}`, []string{"a.1"}, "node_error (exit_7): gone"},
		"out of fuel":  {`module = "puppet.wasm"` + "\nfuel = 50_000_000\nconfig = {do = 'spin'}", `{}`, []string{"a.1"}, "fuel_exhausted"},
		"no memory":    {`module = "puppet.wasm"` + "\nmemory = '16MiB'\nconfig = {do = 'allocate'}", `{}`, []string{"a.1"}, "memory_exceeded"},
		"bad input":    {`module = "trap.wasm"` + "\ninput_schema = {type = 'string'}", `{"a":1}`, []string{"a.1"}, "invalid_input"},
		"text":         {`module = "puppet.wasm"` + "\nencoding = 'text'\noutput_schema = {maxLength = 2}", `"long"`, []string{"a.1"}, "invalid_output"},
		"not granted":  {`module = "fetch.wasm"`, `{"url":"http://127.0.0.1/"}`, []string{"a.1"}, "capability_denied (not_granted)"},
		"world failed": {`module = "fetch.wasm"` + grant, `{"url":"` + world.URL + `/busy"}`, []string{"a.1", "a.2", "a.3"}, "capability_error (http_429)"},
		"feedback": {
			`module = "puppet.wasm"` + "\nconfig = {do = 'correct'}\n" + schema + "[[nodes.a.retry]]\non = ['invalid_output']\nmax_attempts = 2\ninitial_interval = '0s'",
			`{}`,
			[]string{"a.1", "a.2"},
			"invalid_output",
		},
		"answers": {
			`module = "fetch.wasm"` + "\n" + schema + grant, `{"url":"` + world.URL + `/echo?s3cret-t0ken"}`,
			[]string{"a.1", "a.2", "a.3"},
			"invalid_output",
		},
		"elements": {`module = "trap.wasm"` + "\nforeach = 'run.input.list'\non_error = 'collect'", `{"list":[1,2]}`, []string{"a=0.1", "a=1.1"}, "trap: unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			laid(t, map[string][]byte{
				"graph.toml":  []byte("version = 1\n[nodes.a]\n" + c.node + "\n"),
				"puppet.wasm": puppet, "trap.wasm": moduletest.Trap(),
				"fail.wasm":  moduletest.Fail(`{"code":"no_luck","message":"none","retryable":false}`),
				"fetch.wasm": moduletest.Ask("fetch", "request", 1),
			})
			if err := os.Mkdir("schemas", 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"strict.json": `{"$ref":"more.json"}`, "more.json": `{"properties":{"answer":{"const":"nothing"},"status":false}}`} {
				if err := os.WriteFile(filepath.Join("schemas", name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ran := typing(t, "graph.toml", "--input", c.input, "--id", "r1", "--keep-input", "kept", "--quiet")
			for _, file := range c.files {
				kept := filepath.Join("kept", "r1."+file+".json")
				text, err := os.ReadFile(kept)
				if err != nil {
					t.Fatalf("%v; the run said\n%s", err, ran.errs)
				}
				if strings.Contains(string(text), "s3cret") {
					t.Errorf("the secret is in %s: %s", kept, text)
				}
				f, err := attemptfile.Read(kept)
				if err != nil {
					t.Fatal(err)
				}
				line := "chainrun node run " + f.Module + " --attempt " + kept
				if !strings.Contains(ran.errs, line+"\n") {
					t.Errorf("the run does not say %q:\n%s", line, ran.errs)
				}
				again := typing(t, "node", "run", f.Module, "--attempt", kept, "--json")
				var v tried
				if err := json.Unmarshal([]byte(again.out), &v); err != nil {
					t.Fatalf("%v: %s %s", err, again.out, again.errs)
				}
				if again.code != exitFailed || v.Reproduced == nil || !*v.Reproduced || v.Fuel != f.FuelUsed || v.Failure == nil || !strings.Contains(again.errs, c.says) {
					t.Errorf("%s: exit %d\n%s\n%s\nkept: %s", file, again.code, again.out, again.errs, text)
				}
			}
			if left, _ := os.ReadDir("kept"); len(left) != len(c.files) {
				t.Errorf("kept %v, want %v", left, c.files)
			}
		})
	}
}

// A run keeps some of its attempts, not all: the others are counted.
func TestKeptAttemptsAreBounded(t *testing.T) {
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	laid(t, map[string][]byte{
		"trap.wasm": moduletest.Trap(),
		"graph.toml": []byte(`version = 1
[nodes.a]
module = "trap.wasm"
foreach = "run.input"
on_error = "collect"
`),
	})
	input := "[" + strings.TrimSuffix(strings.Repeat("1,", keptAttempts+7), ",") + "]"
	ran := typing(t, "graph.toml", "--input", input, "--keep-input", "kept", "--quiet")
	files, err := os.ReadDir("kept")
	if err != nil || ran.code != exitDone || len(files) != keptAttempts {
		t.Fatalf("exit %d, %d files, %v\n%s", ran.code, len(files), err, ran.errs)
	}
	for _, want := range []string{
		fmt.Sprintf("  and %d more in kept\n", keptAttempts-keptShown),
		fmt.Sprintf("--keep-input: 7 more attempts failed and were not kept: a run keeps %d of them", keptAttempts),
	} {
		if !strings.Contains(ran.errs, want) {
			t.Errorf("it does not say %q:\n%s", want, ran.errs)
		}
	}
}
