package pack

// What an attempt of a packed node does: documents, failures, the world.

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

func TestFailures(t *testing.T) {
	p := compile(t, packed(t, "shop.ts", `
import { NodeError as E } from "chainrun";
import { deep } from "./lib/deep.js";
interface Order { sku: string }

export function own(): never { throw new NodeError("unknown_sku", "no such thing", { retryable: true }); }
export function imported(): never { throw new E("a", "b"); }
export function bare(): never { throw new NodeError("code_alone"); }
export function typo(order: Order) {
  const x: any = order;
  return x.lines.length;
}
export function below() { return deep(3); }
export async function later() { await null; throw new RangeError("too far"); }
export function text() { throw "just text"; }
export function nothing() {}
export function circular() { const o: any = {}; o.o = o; return o; }
export function big() { return { n: 1n }; }
export function never() { return new Promise(() => {}); }
export function forgotten() { Promise.reject(new Error("nobody looks")); return 1; }
export function handled() { const p = Promise.reject(new Error("x")); p.catch(() => {}); return 1; }
export function micro() { queueMicrotask(() => { throw new Error("in a microtask"); }); return 1; }
export async function endlessTimer() { await new Promise((_) => { setInterval(() => {}, 0); }); }
export function recursion(): any { return [recursion()]; }
export function caught() { try { recursion(); } catch (e) { return (e as Error).name; } }
export function weird() { throw { get message() { throw 1; }, toString() { throw 2; } }; }
export function getter() { const e = new Error("m"); Object.defineProperty(e, "stack", { get() { throw 1; } }); throw e; }
export function nulled() { const e = new Error("m"); Object.setPrototypeOf(e, null); throw e; }
`, "lib/deep.js", `// a comment
export function deep(n) {
  return n === 0 ? undefinedThing() : deep(n - 1);
}
`))
	for entry, want := range map[string]sandbox.Stop{
		"own":       {Code: "unknown_sku", Message: "no such thing", Retryable: true},
		"imported":  {Code: "a", Message: "b"},
		"bare":      {Code: "code_alone", Message: "code_alone"},
		"typo":      {Code: "error", Message: "TypeError: cannot read property 'length' of undefined (shop.ts:11:10)"},
		"below":     {Code: "error", Message: "ReferenceError: undefinedThing is not defined (lib/deep.js:3:20)"},
		"later":     {Code: "error", Message: "RangeError: too far (shop.ts:14:55)"},
		"text":      {Code: "error", Message: "thrown: just text"},
		"nothing":   {Code: "bad_output", Message: "the function returned nothing that JSON has: return a value, or null"},
		"circular":  {Code: "bad_output", Message: "writing the output as JSON: circular reference"},
		"big":       {Code: "bad_output", Message: "writing the output as JSON: BigInt are forbidden in JSON.stringify"},
		"never":     {Code: "error", Message: "TypeError: the function's promise never settles: it waits for something that nothing will ever do"},
		"forgotten": {Code: "error", Message: "Error: nobody looks (shop.ts:20:50)"},
		"micro":     {Code: "error", Message: "Error: in a microtask (shop.ts:22:60)"},
		"recursion": {Code: "error", Message: "RangeError: Maximum call stack size exceeded (shop.ts:24:44)"},
		"weird":     {Code: "error", Message: "an error was thrown that cannot be shown"},
		"getter":    {Code: "error", Message: "an error was thrown that cannot be shown"},
		"nulled":    {Code: "error", Message: "an error was thrown that cannot be shown"},
	} {
		want.Reason = sandbox.NodeError
		if got := stops(t, p, sandbox.Call{Entry: entry, Input: []byte(`{"sku":"x"}`)}); got != want {
			t.Errorf("%s: got %+v, want %+v", entry, got, want)
		}
	}
	for entry, want := range map[string]string{"handled": `1`, "caught": `"RangeError"`} {
		if got := gives(t, p, sandbox.Call{Entry: entry}); string(got) != want {
			t.Errorf("%s: got %s", entry, got)
		}
	}
	if got := stops(t, p, sandbox.Call{Entry: "endlessTimer", Limits: sandbox.Limits{Fuel: 50_000_000, Timeout: time.Hour}}); got.Reason != sandbox.FuelExhausted {
		t.Errorf("a timer without an end: %+v", got)
	}
	for _, input := range []string{``, `{`, `{"a":1,}`, `[1,2`, `nul`, `"`, "\"\x01\"", `{"a":1} x`, `01`, `NaN`, "\xff"} {
		if got := stops(t, p, sandbox.Call{Entry: "typo", Input: []byte(input)}); got.Code != "bad_input" || !strings.HasPrefix(got.Message, "reading the input: ") {
			t.Errorf("%q: %+v", input, got)
		}
	}
}

// The stack of an error goes to the log, with the places of the sources.
func TestStack(t *testing.T) {
	p := interpret(t, packed(t, "main.ts", `
type Many = number;
const inner = (n: Many) => { throw new Error("n is " + n); };
export default function outer() {
  inner(1);
}`))
	var log []sandbox.LogRecord
	stops(t, p, sandbox.Call{Log: func(r sandbox.LogRecord) { log = append(log, r) }})
	want := `{"stack":"    at inner (main.ts:3:56)\n    at outer (main.ts:5:3)"}`
	if len(log) != 1 || log[0].Level != "error" || string(log[0].Attrs) != want {
		t.Errorf("got %+v %s", log, log[0].Attrs)
	}
}

func TestWorld(t *testing.T) {
	p := compile(t, packed(t, "main.js", `
const atPacking = { random: Math.random(), now: Date.now() };
export function chance() { return [Math.random(), Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(4))]]; }
export function clock() { return [new Date().toISOString(), performance.now() < 1000, atPacking.now < 1e6, new Date(2024, 0, 1).getTime()]; }
export async function sleep() { const a = Date.now(); await new Promise((r) => setTimeout(r, 90_000)); return Math.round((Date.now() - a) / 1000); }
export function config(_, node) { return { config: node.config, again: node.config === node.config, feedback: node.feedback, text: node.text }; }
export function log(_, node) {
  node.log.debug("d"); node.log.info("i", { a: 1 }); node.log.warn("w", 5); node.log.error("e", new TypeError("x"));
  node.log.info({ a: [1, "b", null, undefined, 2n] }, { n: 1n });
  console.log("plain", 1, { a: { b: { c: { d: { e: 1 } } } } }, [1, "x"], new Map([["k", new Set([1])]]), null, undefined, Symbol("s"), () => {});
  console.error(new Date(0), /r/g); console.assert(1 === 2, "math"); console.debug("%s", "no formats");
  return null;
}
export function call(input, node) {
  try { return { answer: node.call("clerk", "ask", input) }; }
  catch (e) { return { name: e.name, code: e.code, reason: e.reason, message: e.message, retryable: e.retryable, is: e instanceof CallError, capability: e.capability, method: e.method }; }
}
export function batch(_, node) {
  return node.batch([{ capability: "a", method: "b", payload: { n: 1 } }, { capability: "c", method: "d" }]).map((r) => r.error ? r.error.message : r.answer);
}
let count = 0;
const list = [];
export function fresh() { list.push(count++); globalThis.kept = (globalThis.kept ?? 0) + 1; return [count, list, kept]; }
`))
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	seeded := func(entry string, seed byte) []byte {
		return gives(t, p, sandbox.Call{Entry: entry, Seed: [32]byte{seed}, Time: now})
	}
	if a, b, c := seeded("chance", 1), seeded("chance", 1), seeded("chance", 2); string(a) != string(b) || string(a) == string(c) {
		t.Errorf("randomness: %s, %s, %s", a, b, c)
	}
	if got := seeded("clock", 1); string(got) != `["2024-02-29T12:00:00.000Z",true,true,1704067200000]` {
		t.Errorf("clock %s", got)
	}
	if got := seeded("sleep", 1); string(got) != `90` {
		t.Errorf("sleep %s", got)
	}
	for range 3 {
		if got := seeded("fresh", 1); string(got) != `[1,[0],1]` {
			t.Errorf("fresh %s", got)
		}
	}
	for _, c := range []struct{ config, feedback, want string }{
		{``, ``, `{"config":null,"again":true,"feedback":[],"text":" [1]"}`},
		{`{"a":1}`, `[{"pointer":"/a"}]`, `{"config":{"a":1},"again":true,"feedback":[{"pointer":"/a"}],"text":" [1]"}`},
	} {
		if got := gives(t, p, sandbox.Call{Entry: "config", Input: []byte(" [1]"), Config: []byte(c.config), Feedback: []byte(c.feedback)}); string(got) != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}

	var log []string
	gives(t, p, sandbox.Call{Entry: "log", Log: func(r sandbox.LogRecord) {
		log = append(log, fmt.Sprintf("%s %s %s", r.Level, r.Message, r.Attrs))
	}})
	want := []string{
		`debug d `, `info i {"a":1}`, `warn w {"value":5}`, `error e {"error":"TypeError: x","stack":"    at log (main.js:8:101)"}`,
		`info {a: [1, "b", null, undefined, 2n]} {"unwritable":"TypeError: BigInt are forbidden in JSON.stringify"}`,
		`info plain 1 {a: {b: {c: {d: {…}}}}} [1, "x"] Map {"k" => Set {1}} null undefined Symbol(s) [function ] `,
		`error 1970-01-01T00:00:00.000Z /r/g `, `error assertion failed: math `, `debug %s no formats `,
	}
	if !reflect.DeepEqual(log, want) {
		t.Errorf("got %s\nwant %s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}

	asked := ""
	answer := func(a sandbox.HostAnswer) func(context.Context, sandbox.HostCall) (sandbox.HostAnswer, error) {
		return func(_ context.Context, c sandbox.HostCall) (sandbox.HostAnswer, error) {
			asked = c.Capability + "." + c.Method + string(c.Payload)
			return a, nil
		}
	}
	long := `"` + strings.Repeat("é", 50_000) + `"`
	for _, c := range []struct {
		entry  string
		answer sandbox.HostAnswer
		want   string
	}{
		{"call", sandbox.HostAnswer{Result: []byte(`{"b":2}`)}, `{"answer":{"b":2}}`},
		{"call", sandbox.HostAnswer{Result: []byte(long)}, `{"answer":` + long + `}`},
		{"call", sandbox.HostAnswer{}, `{"answer":null}`},
		{
			"call",
			sandbox.HostAnswer{Failure: &sandbox.HostFailure{Code: "capability_error", Reason: "http_429", Message: "slow down", Retryable: true}},
			`{"name":"CallError","code":"capability_error","reason":"http_429","message":"calling clerk.ask: slow down","retryable":true,"is":true,"capability":"clerk","method":"ask"}`,
		},
		{"batch", sandbox.HostAnswer{Result: []byte(`[{"answer":5},{"failure":{"code":"capability_denied","reason":"","message":"no"}}]`)}, `[5,"calling c.d: no"]`},
	} {
		if got := gives(t, p, sandbox.Call{Entry: c.entry, Input: []byte(`{"q":1}`), Host: answer(c.answer)}); string(got) != c.want {
			t.Errorf("%s: got %.200s, want %.200s", c.entry, got, c.want)
		}
		if want := `clerk.ask{"q":1}`; c.entry == "call" && asked != want {
			t.Errorf("asked %s, want %s", asked, want)
		}
	}
	if want := `node.batch[{"capability":"a","method":"b","payload":{"n":1}},{"capability":"c","method":"d"}]`; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
}

// A script that spoils the language's own objects spoils its own output at most.
func TestSpoiled(t *testing.T) {
	for name, script := range map[string]string{
		"JSON":       `JSON.parse = JSON.stringify = () => { throw new Error("spoiled"); }; export default (x) => x;`,
		"prototypes": `Array.prototype.push = Array.prototype.map = String.prototype.split = () => { throw 1; }; export default (x) => x;`,
		"globals":    `for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[k]; } catch {} } export default (x) => x;`,
		"freeze":     `for (const k of Object.getOwnPropertyNames(globalThis)) Object.freeze(globalThis[k]); export default (x) => x;`,
		"then":       `Object.prototype.then = (r) => r(5); Promise.prototype.then = () => {}; export default (x) => x;`,
		"setters":    `for (const k of ["code", "message", "retryable", "entries", "functions", "document", "0"]) Object.defineProperty(Object.prototype, k, { set() { throw 1; }, get() { return "bad"; }, configurable: true }); export default (x) => x;`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := gives(t, interpret(t, packed(t, "main.js", script)), sandbox.Call{Input: []byte(`{"a":[1]}`)}); string(got) != `{"a":[1]}` {
				t.Errorf("got %s", got)
			}
		})
	}
	// The node object cannot be changed.
	p := compile(t, packed(t, "main.js", `export default (x, node) => { "use strict"; try { node.call = 1; } catch (e) { return e.name; } }`))
	if got := gives(t, p, sandbox.Call{}); string(got) != `"TypeError"` {
		t.Errorf("got %s", got)
	}
}

func TestMemory(t *testing.T) {
	p := compile(t, packed(t, "main.js", `
export function buffer() { return new ArrayBuffer(1 << 30).byteLength; }
export function text() { return "x".repeat(2 ** 28).length; }
export function list() { const a = []; for (;;) a.push({ a }); }
export function caught() { try { new Uint8Array(1 << 29); } catch (e) { return e.name; } }
`))
	limits := sandbox.Limits{MemoryBytes: 32 << 20, Timeout: time.Hour}
	for _, entry := range []string{"buffer", "text", "list"} {
		if got := stops(t, p, sandbox.Call{Entry: entry, Limits: limits}); got.Reason != sandbox.MemoryExceeded {
			t.Errorf("%s: %+v", entry, got)
		}
	}
	if got := gives(t, p, sandbox.Call{Entry: "caught", Limits: limits}); string(got) != `"InternalError"` {
		t.Errorf("caught: %s", got)
	}
}

// Garbage does not pile up.
func TestGarbage(t *testing.T) {
	p := compile(t, packed(t, "main.js", `
export default (n) => { for (let i = 0; i < n; i++) { const a = { list: new Array(100).fill(i) }; a.a = a; } return n; }`))
	r, err := p.Call(t.Context(), sandbox.Call{Input: []byte("100000"), Limits: sandbox.Limits{Timeout: time.Hour}})
	if err != nil || r.Stop != nil || r.PeakMemoryBytes > 64<<20 {
		t.Errorf("%v %+v, %d bytes", err, r.Stop, r.PeakMemoryBytes)
	}
}

func TestRepeatable(t *testing.T) {
	p := interpret(t, packed(t, "total.js", totalScript))
	var first sandbox.Result
	for n := range 5 {
		r, err := p.Call(t.Context(), sandbox.Call{Input: order()})
		if err != nil || r.Stop != nil {
			t.Fatal(err, r.Stop)
		}
		if n == 0 {
			first = r
		}
		if r.Fuel != first.Fuel || string(r.Output) != string(first.Output) || !json.Valid(r.Output) {
			t.Fatalf("fuel %d, then %d", first.Fuel, r.Fuel)
		}
	}
}
