// sdk/assemblyscript: its six entries, its types, its page of docs/.

package conformance

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/sandbox"
	"github.com/chainrun/chainrun/sdk/toolchain"
)

var _ = register("assemblyscript", func(t *testing.T) []byte {
	t.Helper()
	return buildAssemblyScript(t, map[string]string{
		"index.ts": "nodes/assemblyscript/index.ts", "package.json": "nodes/assemblyscript/package.json",
		"asconfig.json": "nodes/assemblyscript/asconfig.json",
	})
})

// What asc cannot go on with ends the attempt by a trap, after its message went
// to the log.
func TestAssemblyScriptAbort(t *testing.T) {
	n := &node{load(t, built(t, "assemblyscript"))}
	var log []string
	c := ask("abort_", `{"a": 1}`)
	c.Log = func(r sandbox.LogRecord) { log = append(log, r.Level+" "+r.Message) }
	if got := n.call(t, c); got.Stop == nil || got.Stop.Reason != sandbox.Trap {
		t.Errorf("an assertion that fails: got %s, %+v", got.Output, got.Stop)
	}
	if len(log) != 1 || !strings.HasPrefix(log[0], `error ouch: {"a":1} at index.ts:`) {
		t.Errorf("an assertion that fails logged %q", log)
	}
	n.gives(t, ask("echo", `1`), `1`)
}

func TestAssemblyScriptTypes(t *testing.T) {
	n := &node{load(t, built(t, "assemblyscript"))}
	// least is a document with all that is required; more goes into it.
	least := func(more string) string {
		return `{"flag":true,"small":255,"signed":-32768,"exact":9007199254740993,"half":0.5,"real":-2.5e-3,"rest":[{"x":null}]` + more + `}`
	}
	full := func(more, note string) string {
		return `{"flag":true,"small":255,"signed":-32768,"exact":9007199254740993,"half":0.5,"real":-0.0025,` + more + `"note":"` + note + `","rest":[{"x":null}]`
	}
	end := `,"next":null}`
	n.gives(t, ask("wide", least("")), full(`"name":null,"rows":[],`, "none")+end)
	n.gives(t, ask("wide", least(`,"name":"é","note":"x","rows":[[1,2.5],[]],"later":1`)), full(`"name":"é","rows":[[1.0,2.5],[]],`, "x")+end)
	n.gives(t, ask("wide", least(`,"next":`+least(`,"name":null`))), full(`"name":null,"rows":[],`, "none")+`,"next":`+full(`"name":null,"rows":[],`, "none")+end+`}`)
	if got := n.call(t, ask("wide", least(""))); !strings.Contains(string(got.Output), `"exact":9007199254740993,`) {
		t.Errorf("an integer beyond 2^53: %s", got.Output)
	}
	for more, want := range map[string]string{
		`,"small":256`:             `the input at /small must be an integer of type u8, found 256`,
		`,"small":-1`:              `the input at /small must be an integer of type u8, found -1`,
		`,"signed":32768`:          `the input at /signed must be an integer of type i16, found 32768`,
		`,"exact":1e300`:           `the input at /exact must be an integer, found 1e300`,
		`,"flag":0`:                `the input at /flag must be true or false, found 0`,
		`,"real":"1"`:              `the input at /real must be a number, found "1"`,
		`,"name":5`:                `the input at /name must be a string, found 5`,
		`,"rows":[[1],[2,"3"]]`:    `the input at /rows/1/1 must be a number, found "3"`,
		`,"next":{"flag":true}`:    `the input at /next/small must be an integer, found nothing`,
		`,"next":[]`:               `the input at /next must be an object, found an array`,
		`,"next":` + least("")[1:]: ``, // no JSON
	} {
		if stop := n.fails(t, ask("wide", least(more))); stop.Code != "bad_input" || want != "" && stop.Message != want {
			t.Errorf("%s: got %+v, want %s", more, stop, want)
		}
	}
}

func TestAssemblyScriptBatch(t *testing.T) {
	n := &node{load(t, built(t, "assemblyscript"))}
	c := ask("both", `["a", "b\n", "c"]`)
	c.Host = func(_ context.Context, call sandbox.HostCall) (sandbox.HostAnswer, error) {
		const want = `[{"capability":"kv","method":"get","payload":"a"},{"capability":"kv","method":"get","payload":"b\n"},{"capability":"kv","method":"get","payload":"c"}]`
		if call.Capability != "node" || call.Method != "batch" || string(call.Payload) != want {
			t.Errorf("asked %s.%s %s", call.Capability, call.Method, call.Payload)
		}
		return sandbox.HostAnswer{Result: []byte(`[{"answer":{"key":"a"}},{"failure":{"code":"capability_error","reason":"gone","message":"no such key","retryable":false}},{"answer":null}]`)}, nil
	}
	n.gives(t, c, `[{"key": "a"}, "calling kv.get: no such key", null]`)
	n.gives(t, ask("both", `[]`), `[]`)
}

// buildAssemblyScript makes a project of files, given by where they are to be, and
// builds it.
func buildAssemblyScript(t *testing.T, files map[string]string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "chainrun"), 0o750); err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{
		"chainrun/chainrun.ts":   "../assemblyscript/chainrun.ts",
		"chainrun/transform.mjs": "../assemblyscript/transform.mjs",
	}
	maps.Copy(copies, files)
	for to, from := range copies {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	withCompiler(t, dir)
	return buildFolder(t, "assemblyscript", dir)
}

// withCompiler gives the project in dir the compiler of nodes/assemblyscript, and
// skips the test where it is not installed.
func withCompiler(t *testing.T, dir string) {
	t.Helper()
	packages, err := filepath.Abs(filepath.Join("nodes", "assemblyscript", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(packages); err != nil {
		t.Skip(&toolchain.MissingError{
			Language: "AssemblyScript", Tool: "its compiler, asc",
			Install: []string{"npm ci (in sdk/conformance/nodes/assemblyscript)"},
		})
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstNodeInAssemblyScript(t *testing.T) {
	const page = "nodes-assemblyscript.md"
	if commands := blocks(t, page, "sh"); !strings.Contains(commands[0], "chainrun node new --lang assemblyscript discount\n") {
		t.Errorf("docs/%s begins by %q", page, commands[0])
	}
	dir := filepath.Join(t.TempDir(), "discount")
	if err := toolchain.New("assemblyscript", dir, "discount"); err != nil {
		t.Fatal(err)
	}
	withCompiler(t, dir)
	n := &node{load(t, buildFolder(t, "assemblyscript", dir))} // the template
	n.gives(t, ask("", `{"name": "Ada"}`), `{"text": "Hello, Ada!"}`)

	if err := os.WriteFile(filepath.Join(dir, "index.ts"), []byte(blocks(t, page, "ts")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	discounts(t, page, buildFolder(t, "assemblyscript", dir))
	for _, command := range blocks(t, page, "sh") {
		if strings.HasPrefix(command, "npx asc ") {
			shell(t, dir, strings.Replace(command, "npx asc", filepath.Join("node_modules", "assemblyscript", "bin", "asc.js"), 1))
			wasm, err := os.ReadFile(filepath.Join(dir, "discount.wasm"))
			if err != nil {
				t.Fatal(err)
			}
			discounts(t, page, wasm)
			return
		}
	}
	t.Error("the page has no command for the build by hand")
}

// What cannot be an entry or a document is refused with its place, or how to
// write it.
func TestAssemblyScriptRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	if err := toolchain.New("assemblyscript", dir, "node"); err != nil {
		t.Fatal(err)
	}
	withCompiler(t, dir)
	lang, err := toolchain.Find("assemblyscript")
	if err != nil {
		t.Fatal(err)
	}
	const head = "import * as chainrun from \"./chainrun/chainrun\";\n"
	for source, want := range map[string]string{
		head + `export function two(a: chainrun.Json, b: chainrun.Json): chainrun.Json { return a; }`: "index.ts:2: two is exported, so it is an entry",
		head + "class Base {}\n@document class Sub extends Base { n: i32 = 0; }":                      "Sub: a document cannot extend another class",
		head + "@document class Odd { n = 5; }":                                                       "Type expected",
		head + "class Plain {}\nexport function odd(a: Plain): i32 { return 1; }":                     "mark its class @document",
		head + "function hidden(a: i32): i32 { return a; }":                                           "index.ts exports no function",
		"export function main(a: i32): i32 { return a; }":                                             "it needs import * as chainrun",
	} {
		if err := os.WriteFile(filepath.Join(dir, "index.ts"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		err := lang.Build(t.Context(), dir, filepath.Join(t.TempDir(), "node.wasm"))
		if missing, ok := errors.AsType[*toolchain.MissingError](err); ok {
			t.Skip(missing)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot %v, want %q", source, err, want)
		}
	}
}
