package corpus

// Extism plug-ins that others have made, unchanged: those of Extism's own Go SDK,
// in Rust, TinyGo, Go, C and Haskell.

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// plugins are the digests of those that are run.
var plugins = map[string]string{
	"alloc":            "3561467ca9c05ecc1ec082294ad3228a54cee0a3e61276f47b1a961d05dd33a9",
	"config":           "1b9431006e9ce1032fcccf9ca56696c4fee38229439e9a15e540bd5eeddea8bb",
	"count_vowels":     "0c1779c48f56f94b3e3624d76f55e38215870c59ccb3d41f6ba8b2bc22f218f5",
	"count_vowels_std": "11a95d12352cce4d4b6d6f58459e4325f0768374a9ad8dbbb1ede61369cb8c4d",
	"exit":             "bd8b401fd42572fa2de8981e90b03d3e54113eec344b0d28b8216af76cc38cef",
	"fail":             "8e95c4762db18bc8d2c9b6c8e28586ee274e7253b5c5bc300b8a7cfc34de31e4",
	"fs":               "9e6c4c41046232a17a617047896bc3b51f57d75efef2bc643cecf03523f27a14",
	"hello":            "53b0927aaf1b2dd443c2ad080bebd4d2c7b2ccd700099060389ad415be861816",
	"hello_haskell":    "efea4be59668d8155a72631eba0b87931c5c62749afe3ad9af72950848d17ef9",
	"host":             "c1d8c83b78a96c80194c499f31ea0b5fe87083940a837422956ccbda064972b5",
	"host_memory":      "80c03d81d035b979bfaef5924da5c18db0dd3c6fa6300b8484af997f6a6ed37d",
	"host_multiple":    "760977cb54c27fb86f88270870ce724aac6e931e7c26099f334210e487c7950a",
	"input_offset":     "763a6a35833a7891b590f55e15ca411eaa007ad272fcd20237b949a81b44ede3",
	"log":              "4d40888428bcf5a77c7a96842ff61a24e299d192e7a7d4c7f76d84a96f93516a",
	"main":             "edbec9a2ede45521b1677ca4749cdaab4cf34964e573df06a61489849565ef26",
	"println":          "4cbf805d878699d08f6868a5f5238a11e75448ed3f5fc6af8fdf0ea625811ccd",
	"sleep":            "6987d819bfc83e5f32bbfaf6a7e37ec8ca0f799dd6929354ca921a4b551ff250",
	"std_command":      "094145d9d08de3455f2a6129e14a3965b468e081e805e808ac3d69f8c98e1d4b",
	"var":              "2fe4f4ee4f6594bc78f3112e23498505420c561838feacd69864bbdf88470af1",
}

func plugin(t *testing.T, name string) []byte {
	t.Helper()
	return file{extismData, "wasm/" + name + ".wasm", plugins[name]}.get(t)
}

// compile compiles a module in a sandbox of its own.
func compile(t *testing.T, wasm []byte) (*sandbox.Program, error) {
	t.Helper()
	e, err := sandbox.New(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	m, err := module.Read(wasm)
	if err != nil {
		t.Fatal(err)
	}
	return e.Compile(t.Context(), m) //nolint:wrapcheck // it is looked at
}

func program(t *testing.T, wasm []byte) *sandbox.Program {
	t.Helper()
	p, err := compile(t, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExtismPlugins(t *testing.T) {
	config := []byte(`{"thing":"gizmo","path":"/mnt/x","duration":3}`)
	long := strings.Repeat("aeiou xyz ", 100_000)
	for _, test := range []struct {
		plugin, entry, input string
		output               string
		log                  string
		stop                 *sandbox.Stop
	}{
		{plugin: "alloc", entry: "run_test"},
		{plugin: "config", entry: "run_test", output: `{"config": "gizmo"}`},
		{plugin: "count_vowels", entry: "count_vowels", input: "Hello, World", output: `{"count":3,"total":3,"vowels":"aeiouAEIOU"}`},
		{plugin: "count_vowels", entry: "count_vowels", input: long, output: `{"count":500000,"total":500000,"vowels":"aeiouAEIOU"}`},
		{plugin: "count_vowels", entry: "count_vowels", output: `{"count":0,"total":0,"vowels":"aeiouAEIOU"}`},
		{plugin: "count_vowels_std", entry: "_start", input: "Hello, World", output: `{"count": 3, "config": "gizmo", "a": "this is var a"}`},
		{plugin: "exit", entry: "_start", stop: &sandbox.Stop{Reason: sandbox.NodeError, Code: "exit_2", Message: "exit code 2"}},
		{plugin: "fail", entry: "run_test", stop: &sandbox.Stop{Reason: sandbox.NodeError, Code: "extism_error", Message: "Some error message"}},
		{plugin: "fs", entry: "run_test", log: "error open /mnt/test.txt: errno 76", stop: &sandbox.Stop{Reason: sandbox.NodeError, Code: "extism_error", Message: "run_test returned 1 and set no error"}},
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
			p := program(t, plugin(t, test.plugin))
			var fuel uint64
			for range 2 {
				var log []string
				r, err := p.Call(t.Context(), sandbox.Call{
					Entry: test.entry, Input: []byte(test.input), Config: config,
					Log: func(r sandbox.LogRecord) { log = append(log, r.Level+" "+r.Message) },
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
	for name, want := range map[string]string{
		"host":          "imports what nobody offers: extism:host/user.mult",
		"host_multiple": "imports what nobody offers: extism:host/user.hostGreenMessage, extism:host/user.hostPurpleMessage",
		"host_memory":   "imports what nobody offers: host.to_upper",
		"main":          "imports what nobody offers: lib.capitalize",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compile(t, plugin(t, name))
			if refused, ok := errors.AsType[*sandbox.RefusedError](err); !ok || refused.Text != want || !strings.Contains(refused.Hint, "the program for which the plug-in was written") {
				t.Errorf("%v", err)
			}
		})
	}
}
