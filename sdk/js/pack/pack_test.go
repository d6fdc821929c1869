package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// cacheDir is shared by the tests of this package, and gone with them.
var cacheDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "chainrun-pack-*")
	if err != nil {
		panic(err)
	}
	cacheDir = filepath.Join(dir, "cache")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// pack packs a script whose sources are given as name, text, name, text; the
// first is the script.
func pack(tb testing.TB, o Options, sources ...string) (*Node, error) {
	tb.Helper()
	dir := tb.TempDir()
	for n := 0; n < len(sources); n += 2 {
		file := filepath.Join(dir, filepath.FromSlash(sources[n]))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(sources[n+1]), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	o.Script, o.CacheDir = filepath.Join(dir, sources[0]), cacheDir
	return Pack(tb.Context(), o)
}

// packed packs a script that is right.
func packed(tb testing.TB, sources ...string) *Node {
	tb.Helper()
	n, err := pack(tb, Options{}, sources...)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// compile makes a packed node ready to be called.
func compile(tb testing.TB, n *Node) *sandbox.Program {
	tb.Helper()
	return program(tb, n, sandbox.Config{CacheDir: cacheDir})
}

// interpret does so too, for a call or two: it takes less time to prepare.
func interpret(tb testing.TB, n *Node) *sandbox.Program {
	tb.Helper()
	return program(tb, n, sandbox.Config{Interpreter: true})
}

func program(tb testing.TB, n *Node, c sandbox.Config) *sandbox.Program {
	tb.Helper()
	m, err := module.Read(n.Wasm)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := sandbox.New(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(tb.Context()); err != nil {
			tb.Error(err)
		}
	})
	p, err := e.Compile(tb.Context(), m)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestSources(t *testing.T) {
	n := packed(t, "src/main.ts",
		`import { twice, Color } from "./lib/math";
import table from "./table.json";
import words from "../words.txt";
import * as chainrun from "chainrun";
import type { Order } from "./types";
export const manifest = { name: "sources", version: "1.0.0" } as const;
@sealed class Box<T> { constructor(readonly value: T) {} }
function sealed(c: unknown) { void c; }
abstract class Unused {}
export default function (order: Order, node: unknown): object {
  using _ = { [Symbol.dispose]() {} };
  return { n: twice(order.n), table, words, color: Color[Color.Red], box: new Box(1).value satisfies number, same: chainrun.node === node };
}
export { twice as "and twice" };
export class Helper {}
export const constant = 5;`,
		"src/lib/math.ts", `export const twice = (n: number): number => n * 2; export enum Color { Red, Green }`,
		"src/types.ts", `export interface Order { n: number }`,
		"src/table.json", `{"a": 1}`,
		"words.txt", "one\ntwo\n",
		"package.json", `{}`,
	)
	if want := []string{"", "and twice"}; !slices.Equal(n.Entries, want) {
		t.Errorf("entries %q, want %q", n.Entries, want)
	}
	if want := `{"name":"sources","version":"1.0.0"}`; string(n.Manifest) != want {
		t.Errorf("manifest %s", n.Manifest)
	}
	p := interpret(t, n)
	m := p.Module()
	if abi, err := m.ABI(); err != nil || abi != module.ABIReactor {
		t.Errorf("%v, %v", abi, err)
	}
	if manifest, err := m.Manifest(); err != nil || manifest.Name != "sources" {
		t.Errorf("%+v, %v", manifest, err)
	}
	var exports []string
	for _, e := range m.Exports {
		exports = append(exports, e.Name)
	}
	slices.Sort(exports)
	if want := []string{"chainrun_alloc", "chainrun_run_v1", "chainrun_run_v1:and twice", "memory"}; !slices.Equal(exports, want) {
		t.Errorf("exports %q", exports)
	}
	want := `{"n":4,"table":{"a":1},"words":"one\ntwo\n","color":"Red","box":1,"same":true}`
	if got := gives(t, p, sandbox.Call{Input: []byte(`{"n":2}`)}); string(got) != want {
		t.Errorf("got %s", got)
	}
}

// Scripts come in several forms.
func TestForms(t *testing.T) {
	for name, script := range map[string]string{
		"common.js":  "module.exports = (x) => [x];",
		"common.cjs": "const one = (x) => [x]; module.exports = one; module.exports.other = one;",
		"shebang.js": "#!/usr/bin/env node\nexport default (x) => [x];",
		"bom.js":     "\ufeffexport default (x) => [x];",
		"lines.mjs":  "// a\r\nexport default (x) =>\r\n  [x];\r\n",
		"named.mts":  "const f = async (x: number): Promise<number[]> => [x]; export { f as default };",
		"class.js":   "class A { static f(x) { return [x]; } } export default A.f; export { A };",
		"arrow.cts":  "export = (x: unknown) => [x];",
		"late.js":    "await null; let f; await new Promise((r) => setTimeout(() => { f = (x) => [x]; r(); }, 1e9)); export { f as default };",
	} {
		n, err := pack(t, Options{}, name, script)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := gives(t, interpret(t, n), sandbox.Call{Input: []byte("5")}); string(got) != "[5]" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestPackages(t *testing.T) {
	sources := []string{
		"main.mjs", `import { left } from "pad"; export default (n) => left(n, 5);`,
		"package.json", `{"dependencies": {"pad": "1"}}`,
		"node_modules/pad/package.json", `{"name": "pad", "main": "index.js"}`,
		"node_modules/pad/index.js", `const zero = require("zero"); exports.left = (n, w) => String(n).padStart(w, zero);`,
		"node_modules/zero/package.json", `{"name": "zero", "exports": {"chainrun": "./node.js", "default": "./other.js"}}`,
		"node_modules/zero/node.js", `module.exports = "0";`,
		"node_modules/zero/other.js", `module.exports = "?";`,
	}
	_, err := pack(t, Options{}, sources...)
	demand(t, err, 1, 22, `"pad" is a package of somebody else; install it with npm, and pack with --bundle to take packages into the node`)
	n, err := pack(t, Options{Packages: true}, sources...)
	if err != nil {
		t.Fatal(err)
	}
	if got := gives(t, interpret(t, n), sandbox.Call{Input: []byte("7")}); string(got) != `"00007"` {
		t.Errorf("got %s", got)
	}

	// Modules of Node.js that a package imports are an error for whoever uses them.
	n, err = pack(t, Options{Packages: true},
		"main.js", `import { hash, plain } from "tool"; export const used = () => hash("x"); export const unused = () => plain;`,
		"node_modules/tool/package.json", `{"name": "tool", "module": "index.mjs"}`,
		"node_modules/tool/index.mjs", `import fs from "node:fs"; import { createHash } from "crypto"; import where from "./other.mjs"; const path = require("path");
export const hash = (s) => createHash("md5").update(s); export const plain = [typeof fs, typeof path, where];`,
		"node_modules/tool/other.mjs", `export default "node";`,
	)
	if err != nil {
		t.Fatal(err)
	}
	p := interpret(t, n)
	if got := gives(t, p, sandbox.Call{Entry: "unused"}); string(got) != `["function","function","node"]` {
		t.Errorf("got %s", got)
	}
	if got := stops(t, p, sandbox.Call{Entry: "used"}); !strings.HasPrefix(got.Message, "Error: crypto belongs to Node.js, which is not there") {
		t.Errorf("got %+v", got)
	}
}

// What packing needed for a while is not in the file.
func TestNothingLeftBehind(t *testing.T) {
	n := packed(t, "main.js", `
const garbage = []; for (let i = 0; i < 1000; i++) garbage.push("garbage" + "!".repeat(1000 + i)); garbage.length = 0;
const hidden = (x) => [hidden.toString().includes("x =>"), hidden.name, x + 12345678];
export default function () { return hidden(1); }
const other = () => 5; export const atPacking = other.toString().includes("5"); export const f = () => atPacking;`)
	for _, left := range []string{"garbage!!!!!!!!", "hidden.toString()"} {
		if bytes.Contains(n.Wasm, []byte(left)) {
			t.Errorf("%q is in the file", left)
		}
	}
	if len(n.Wasm) > len(Engine())+300_000 {
		t.Errorf("%d bytes, the engine has %d", len(n.Wasm), len(Engine()))
	}
	p := interpret(t, n)
	if got := gives(t, p, sandbox.Call{}); string(got) != `[false,"hidden",12345679]` {
		t.Errorf("got %s", got)
	}
	if got := gives(t, p, sandbox.Call{Entry: "f"}); string(got) != `true` {
		t.Errorf("got %s", got)
	}
}

// demand expects a complaint with a place, 0 for the file as a whole.
func demand(t *testing.T, err error, line, column int, text string) {
	t.Helper()
	var wrong *ScriptError
	if !errors.As(err, &wrong) {
		t.Fatalf("error %v", err)
	}
	d := wrong.Diagnostics[0]
	got := d.Text
	if d.Hint != "" {
		got += "; " + d.Hint
	}
	if d.Line != line || d.Column != column || !strings.HasPrefix(filepath.Base(d.File), "main") || !strings.Contains(got, text) {
		t.Errorf("got %s:%d:%d: %s, want %d:%d: %s", filepath.Base(d.File), d.Line, d.Column, got, line, column, text)
	}
}

func TestComplaints(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(outside, []byte(`"secret"`), 0o600); err != nil {
		t.Fatal(err)
	}
	many := "const f = () => 1;\n"
	for n := range 1001 {
		many += fmt.Sprintf("export { f as f%d };\n", n)
	}
	for _, c := range []struct {
		name, script string
		line, column int
		want         string
	}{
		{"syntax", "export default () => {\n  let x = ;\n}", 2, 11, "Unexpected \";\""},
		{"missing", `import "./nothing.js";`, 1, 8, `Could not resolve "./nothing.js"`},
		{"name", `import { nothing } from "./main.js"; export default () => nothing;`, 1, 10, `No matching export`},
		{"node", `import fs from "node:fs";`, 1, 16, `"node:fs" belongs to Node.js`},
		{"builtin", `import fs from "fs/promises";`, 1, 16, `"fs/promises" belongs to Node.js`},
		{"address", `import x from "https://example.com/x.js";`, 1, 15, `nothing is fetched when a node is packed`},
		{"outside", `import x from ` + quote(outside) + `; export default () => x;`, 1, 15, "lies outside of the project"},
		{"loader", `import x from "./main.png";`, 1, 15, "Could not resolve"},
		{"nothing", `const f = () => 1;`, 0, 0, "the script exports no function; a node is `export default function"},
		{"no function", `export default 5; export class A {}`, 0, 0, "the script exports no function (A, default is none)"},
		{"throws", "const a = 1;\nnull.x;\nexport default () => 1;", 0, 0, "while the script is evaluated: TypeError: cannot read property 'x' of null (main.js:2:1)"},
		{"rejects", `await Promise.reject(new Error("no")); export default () => 1;`, 0, 0, "Error: no (main.js:1:"},
		{"unhandled", `Promise.reject(new Error("no")); export default () => 1;`, 0, 0, "Error: no (main.js:1:"},
		{"waits", `await new Promise(() => {}); export default () => 1;`, 0, 0, "the script's top-level await never settles"},
		{"calls", `node.call("a", "b"); import { node } from "chainrun"; export default () => 1;`, 0, 0, "nothing can be asked while the node is packed: ask inside the exported function (main.js:1:6)"},
		{"config", `import { node } from "chainrun"; const { a } = node.config; export default () => a;`, 0, 0, "nothing can be asked while the node is packed"},
		{"endless", `for (;;); export default () => 1;`, 0, 0, "what stands outside of functions runs when the node is packed; is there a loop without an end?"},
		{"regexp", `/(a*)*b/.test("a".repeat(100)); export default () => 1;`, 0, 0, "used up"},
		{"memory", `const a = []; for (;;) a.push(new Uint8Array(1 << 20)); export default () => 1;`, 0, 0, "a growth beyond the cap of 67108864 bytes was refused"},
		{"recursion", `(function f() { f(); })(); export default () => 1;`, 0, 0, "RangeError: Maximum call stack size exceeded"},
		{"nested", "export default () =>\n" + strings.Repeat("[", 1_000_000), 2, 1, "the source is nested more than 20000 levels deep"},
		{"nested functions", strings.Repeat("a=>", 300_000), 1, 1, "nested more than"},
		{"nested calls", strings.Repeat("f(/*)*/\")\",`)`,", 100_000), 1, 1, "nested more than"},
		{"nested templates", strings.Repeat("`${", 300_000), 1, 1, "nested more than"},
		{"nested operators", "x = 1" + strings.Repeat(" - - ", 300_000), 1, 1, "as many operators in a row"},
		{"almost too deep", "export default () => " + strings.Repeat("[", 19_000) + strings.Repeat("]", 19_000), 0, 0, "call depth 10000 exceeded"},
		{"many exports", many, 0, 0, "the script exports 1001 functions, a node has at most 1000 entries"},
		{"long name", "const f = () => 1; export { f as " + strings.Repeat("f", 300) + " };", 0, 0, "… has 300 bytes"},
		{"manifest", `export const manifest = [1]; export default () => 1;`, 0, 0, "the manifest is no JSON object"},
		{"manifest's type", `export const manifest = { name: 5 }; export default () => 1;`, 0, 0, "name"},
		{"manifest's entry", `export const manifest = { entries: { other: {} } }; export default () => 1;`, 0, 0, `the manifest describes an entry "other", and no function of this name is exported`},
		{"manifest's loop", `const m = {}; m.m = m; export const manifest = m; export default () => 1;`, 0, 0, "circular reference"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := sandbox.Limits{Fuel: 300_000_000, MemoryBytes: 64 << 20, Timeout: time.Hour}
			_, err := pack(t, Options{Limits: limits}, "main.js", c.script, ".git/HEAD", "")
			demand(t, err, c.line, c.column, c.want)
		})
	}
	for _, name := range []string{"main.txt", "main"} {
		if _, err := pack(t, Options{}, name, "x"); err == nil || !strings.Contains(err.Error(), "neither JavaScript nor TypeScript") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Pack(t.Context(), Options{Script: filepath.Join(t.TempDir(), "none.js")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := Pack(ctx, Options{Script: "testdata/language.js"}); err == nil || err.Error() != "enough" {
		t.Errorf("canceled: %v", err)
	}
}

func quote(s string) string { return strconv.Quote(filepath.ToSlash(s)) }

// Equal sources give equal bytes, wherever they lie; what packing drew by chance
// and what time it was does not matter, there is neither.
func TestDeterministic(t *testing.T) {
	script := `
const table = new Map();
for (let i = 0; i < 1000; i++) table.set("key " + i, { i, chance: Math.random(), now: Date.now() });
const s = Symbol("x"), w = new WeakMap([[table, s]]);
export const manifest = { description: "<b>", name: "x" };
export default (k) => [table.get(k), w.get(table) === s, crypto.randomUUID().length];`
	one, two := packed(t, "a.js", script), packed(t, "a.js", script)
	if !bytes.Equal(one.Wasm, two.Wasm) {
		t.Error("two packings differ")
	}
	if string(one.Manifest) != `{"description":"<b>","name":"x"}` {
		t.Errorf("manifest %s", one.Manifest)
	}
	if n := packed(t, "a.js", `export default () => 1;`); n.Manifest != nil {
		t.Errorf("a manifest from nowhere: %s", n.Manifest)
	}
	if bytes.Contains(one.Wasm, []byte(t.TempDir()[:8])) {
		t.Error("a folder's name is in the file")
	}
}

// What a script logs while it is packed reaches its author.
func TestPackingLog(t *testing.T) {
	var log []string
	_, err := pack(t, Options{Log: func(r sandbox.LogRecord) { log = append(log, r.Level+" "+r.Message) }}, "a.js",
		`console.log("packing", Date.now() < 1000); export default () => 1;`)
	if want := []string{"info packing true"}; err != nil || !slices.Equal(log, want) {
		t.Errorf("%v %q", err, log)
	}
}
