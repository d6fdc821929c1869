package sandbox

// Plug-ins that others have made, unchanged: those of Extism's own Go SDK, in
// Rust, TinyGo, Go, C, Zig and Haskell. They come as data of its Go module.

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// extismSDK is the folder of Extism's Go SDK, BSD 3-clause.
var extismSDK = sync.OnceValues(func() (string, string) {
	return goModule("github.com/extism/go-sdk@v1.7.1")
})

// goModule downloads a Go module as data and gives its folder, or why there is none.
func goModule(name string) (dir, problem string) {
	var out, complaint bytes.Buffer
	c := exec.Command("go", "mod", "download", "-json", name)
	c.Dir, c.Stdout, c.Stderr = os.TempDir(), &out, &complaint // no go.mod there: nothing of ours is asked or changed
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	err := c.Run()
	var info struct{ Dir, Error string }
	if json.Unmarshal(out.Bytes(), &info) != nil || info.Dir == "" {
		problem = "go mod download " + name + ": " + info.Error + strings.TrimSpace(complaint.String())
		if err != nil {
			problem += ": " + err.Error()
		}
		return "", problem
	}
	return info.Dir, ""
}

// plugin compiles a plug-in of the SDK's.
func plugin(tb testing.TB, name string) *Program {
	tb.Helper()
	return program(tb, pluginFile(tb, name), Config{})
}

func pluginFile(tb testing.TB, name string) []byte {
	tb.Helper()
	dir, problem := extismSDK()
	if problem != "" {
		tb.Skip(problem)
	}
	b, err := os.ReadFile(filepath.Join(dir, "wasm", name+".wasm"))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestExtismPlugins(t *testing.T) {
	config := []byte(`{"thing":"gizmo","path":"/mnt/x","duration":3}`)
	long := strings.Repeat("aeiou xyz ", 100_000)
	for _, test := range []struct {
		plugin, entry, input string
		output               string
		log                  string
		stop                 *Stop
	}{
		{plugin: "alloc", entry: "run_test"},
		{plugin: "config", entry: "run_test", output: `{"config": "gizmo"}`},
		{plugin: "count_vowels", entry: "count_vowels", input: "Hello, World", output: `{"count":3,"total":3,"vowels":"aeiouAEIOU"}`},
		{plugin: "count_vowels", entry: "count_vowels", input: long, output: `{"count":500000,"total":500000,"vowels":"aeiouAEIOU"}`},
		{plugin: "count_vowels", entry: "count_vowels", output: `{"count":0,"total":0,"vowels":"aeiouAEIOU"}`},
		{plugin: "count_vowels_std", entry: "_start", input: "Hello, World", output: `{"count": 3, "config": "gizmo", "a": "this is var a"}`},
		{plugin: "exit", entry: "_start", stop: &Stop{Reason: NodeError, Code: "exit_2", Message: "exit code 2"}},
		{plugin: "fail", entry: "run_test", stop: &Stop{Reason: NodeError, Code: "extism_error", Message: "Some error message"}},
		{plugin: "fs", entry: "run_test", log: "error open /mnt/test.txt: errno 76", stop: &Stop{Reason: NodeError, Code: "extism_error", Message: "run_test returned 1 and set no error"}},
		{plugin: "hello", entry: "run_test", output: "Hello, world!"},
		{plugin: "hello_haskell", entry: "testing", input: "World", output: "Hello, World"},
		{plugin: "input_offset", entry: "input_offset_length", input: "hello", output: "\x05\x00\x00\x00\x00\x00\x00\x00"},
		{plugin: "log", entry: "run_test", log: "debug this is a trace log|debug this is a debug log|info this is an info log|warn this is a warning log|error this is an error log"},
		{plugin: "println", entry: "run_test", input: "x", log: "info this was printed from the plugin x"},
		{plugin: "sleep", entry: "run_test", output: "slept for 3 seconds"}, // of the guest's own time, which passes at once
		{plugin: "std_command", entry: "_start", input: "there", output: "hello there"},
		{plugin: "var", entry: "run_test", output: "a: 0"}, // for ever: variables last one attempt
	} {
		t.Run(test.plugin, func(t *testing.T) {
			p := plugin(t, test.plugin)
			var fuel uint64
			for range 2 {
				var log []string
				r, err := p.Call(t.Context(), Call{
					Entry: test.entry, Input: []byte(test.input), Config: config,
					Log: func(r LogRecord) { log = append(log, r.Level+" "+r.Message) },
				})
				if err != nil {
					t.Fatal(err)
				}
				if string(r.Output) != test.output || !reflect.DeepEqual(r.Stop, test.stop) {
					t.Errorf("output %q, stop %+v; expected %q, %+v", r.Output, r.Stop, test.output, test.stop)
				}
				if got := strings.Join(log, "|"); got != test.log {
					t.Errorf("log %q", got)
				}
				if fuel != 0 && r.Fuel != fuel {
					t.Errorf("fuel %d, then %d", fuel, r.Fuel)
				}
				fuel = r.Fuel
			}
		})
	}
}

// TestExtismPluginsRefused has those that need more than one module, or the
// functions of a program of their own.
func TestExtismPluginsRefused(t *testing.T) {
	for plugin, want := range map[string]string{
		"host":          "imports what nobody offers: extism:host/user.mult",
		"host_multiple": "imports what nobody offers: extism:host/user.hostGreenMessage, extism:host/user.hostPurpleMessage",
		"host_memory":   "imports what nobody offers: host.to_upper",
		"main":          "imports what nobody offers: lib.capitalize",
	} {
		t.Run(plugin, func(t *testing.T) {
			_, err := newEngine(t, Config{}).Compile(t.Context(), read(t, pluginFile(t, plugin)))
			if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Text != want || !strings.Contains(refused.Hint, "the program for which the plug-in was written") {
				t.Errorf("%v", err)
			}
		})
	}
}
