package pack

// The engine reads and writes plain documents itself (engine/json.c); the
// language's own JSON says what must come of it.

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

const jsonScript = `
export const echo = (x) => x;
export const read = (x, node) => [JSON.stringify(x), JSON.stringify(JSON.parse(node.text))];

const list = [1, 2]; list.more = 1;
const holes = [1, , 3];
const symbol = { a: 1, [Symbol("s")]: 2 };
const hidden = Object.defineProperty({ a: 1 }, "b", { value: 2, enumerable: false });
const deleted = { a: 1, b: 2, c: 3 }; delete deleted.b;
class Point { constructor() { this.x = 1; } get y() { return 2; } }
class Shown { toJSON(key) { return "shown at " + key; } }
const long = "ab".repeat(5000);
const values = {
  numbers: [0, -0, 1, -1, 1.5, 1e21, 1e-7, 123456789012, 2147483647, -2147483648, 2147483648, NaN, Infinity, -Infinity, 5e-324, 0.1 + 0.2],
  texts: ["", "a\"\\\b\f\n\r\t\u0000\u001f\u007f", "é", "€", "😀", "\ud800", "\udc00a", "x\ud83d", "\ud83d\ud83d\ude00", "\u2028/", long, "é" + long, "😀".repeat(300), "x".repeat(255) + "😀"],
  ropes: [long + long + "x", "a".concat(long, "€")],
  slices: [long.slice(3, 4000), ("€" + long).slice(1, 4000), "xé😀".slice(1)],
  lists: [[], [[]], [1, [2, [3]]], list, holes, new Array(3), [undefined], [() => 1], [Symbol("x")], Array.from("abc")],
  objects: [{}, { a: {} }, { b: 1, a: 2 }, { 2: "b", 1: "a", x: 0 }, { "1e3": 1 }, { "01": 1 }, { "": 1 }, { "é\n": 1, "€": 2 }, { u: undefined, f() {}, s: Symbol("x"), n: null }],
  odd: [symbol, hidden, deleted, new Point(), new Shown(), { in: new Shown() }, [new Shown()], new Date(0), new Map([[1, 2]]), new Number(5), new String("s"), Object(true), /r/, new Error("e"), new Uint8Array(2)],
  frozen: Object.freeze({ a: Object.freeze([1]) }),
  bare: Object.assign(Object.create(null), { a: 1 }),
  heir: Object.assign(Object.create({ inherited: 1 }), { a: 1 }),
  getter: { get a() { return 1; } },
  proxy: new Proxy({ a: 1 }, {}), proxied: new Proxy([1, 2], {}),
  raw: JSON.rawJSON("1.0"),
  own: { toJSON: 5, a: 1 }, method: { toJSON() { return [1]; } },
  args: (function () { return arguments; })(1, 2),
  deep: (() => { let o = {}; for (let i = 0; i < 700; i++) o = i % 2 ? [o] : { o }; return o; })(),
};
export const names = () => Object.keys(values);
export const written = (name) => values[name];
export const wanted = (name) => JSON.stringify(values[name]);
export function all(name) { Object.prototype.toJSON = function () { return "everything"; }; return values[name]; }
export function every(name) { Array.prototype.toJSON = function () { return "every list"; }; return [values[name]]; }
export const asked = (x, node) => node.call("clerk", "ask", x);
`

func TestJSON(t *testing.T) {
	p := compile(t, packed(t, "json.js", jsonScript))
	text := func(s string) []byte { return []byte(strconv.Quote(s)) }
	var names []string
	if err := json.Unmarshal(gives(t, p, sandbox.Call{Entry: "names"}), &names); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		got := string(gives(t, p, sandbox.Call{Entry: "written", Input: text(name)}))
		var want string
		if err := json.Unmarshal(gives(t, p, sandbox.Call{Entry: "wanted", Input: text(name)}), &want); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %.300s\nwant %.300s", name, got, want)
		}
	}
	for entry, want := range map[string]string{"all": `"everything"`, "every": `"every list"`} {
		if got := gives(t, p, sandbox.Call{Entry: entry, Input: text("objects")}); string(got) != want {
			t.Errorf("%s: %s", entry, got)
		}
	}

	check := func(fail func(string, ...any), doc string) {
		r, err := p.Call(t.Context(), sandbox.Call{Entry: "read", Input: []byte(doc)})
		var both []string
		if err != nil || r.Stop != nil || json.Unmarshal(r.Output, &both) != nil || both[0] != both[1] {
			fail("reading %.200q: %v %+v %.500s", doc, err, r.Stop, r.Output)
			return
		}
		e, err := p.Call(t.Context(), sandbox.Call{Entry: "echo", Input: []byte(doc)})
		if err != nil || string(e.Output) != both[1] {
			fail("writing %.200q: %v %.300s, want %.300s", doc, err, e.Output, both[1])
		}
	}
	for _, doc := range []string{
		`0`, `-0`, `-1`, `12345678`, `123456789`, `1234567890`, `2147483648`, `-2147483648`, `1.0`, `1e3`, `1E+3`, `-1.5e-3`, `9007199254740993`, `1e400`, `0.1`,
		` [ 1 , "a" , { "b" : [ ] , "c" : { } } , true , false , null ] `, "\t\r\n{}\n", `{"a":1,"b":2,"c":{"a":1,"b":2}}`, `[{"x":1},{"x":2,"y":3},{"y":4}]`,
		`{"1":1,"0":0,"a":2,"-1":3,"4294967295":4,"01":5}`, `{"__proto__":{"x":1},"constructor":1,"toJSON":2,"length":3}`, `{"":0}`,
		`"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\u0000"`, `"é€😀"`, `{"é":1,"\u00e9x":2,"€":3,"😀":4}`, `"` + strings.Repeat(`\u00e9`, 1000) + `"`,
		strings.Repeat("[", 512) + strings.Repeat("]", 512), strings.Repeat(`{"a":`, 599) + `1` + strings.Repeat(`}`, 599),
		`[` + strings.Repeat(`1,`, 5000) + `2]`,
	} {
		check(t.Errorf, doc)
	}
	rapid.Check(t, func(r *rapid.T) { check(r.Fatalf, anyJSON(r, 4)) })

	for _, doc := range []string{
		``, ` `, `{`, `}`, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{1:1}`, `"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12`,
		"\"\n\"", "\"\x00\"", "\"a\\\n\"", `tru`, `truee`, `nul`, `nan`, `+1`, `-`, `01`, `-01`, `1.`, `1.e3`, `.5`, `1e`, `1e+`, `0x10`, `1 2`, `{} []`, "\ufeff1", "\"\xff\"", "\"\xc3\"", "{\"\xff\":1}", "1\x00",
	} {
		if got := stops(t, p, sandbox.Call{Entry: "echo", Input: []byte(doc)}); got.Code != "bad_input" {
			t.Errorf("%q: %+v", doc, got)
		}
	}
}

// anyJSON draws a document as text, without two keys of one name.
func anyJSON(r *rapid.T, depth int) string {
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(r, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(r, "word")
	case 1:
		return strconv.Itoa(rapid.Int().Draw(r, "int"))
	case 2:
		return strconv.FormatFloat(rapid.Float64Range(-1e30, 1e30).Draw(r, "float"), 'g', -1, 64)
	case 3, 4:
		return jsonText(r)
	case 5:
		var items []string
		for range rapid.IntRange(0, 5).Draw(r, "items") {
			items = append(items, anyJSON(r, depth-1))
		}
		return "[" + strings.Join(items, " ,") + "]"
	default:
		var members []string
		seen := map[string]bool{}
		for range rapid.IntRange(0, 5).Draw(r, "members") {
			key := jsonText(r)
			var name string
			if err := json.Unmarshal([]byte(key), &name); err != nil || seen[name] {
				continue
			}
			seen[name] = true
			members = append(members, key+": "+anyJSON(r, depth-1))
		}
		return "{" + strings.Join(members, ",\n") + "}"
	}
}

func jsonText(r *rapid.T) string {
	s := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a", "b", "0", "17", "é", "name", "\u20ac\U0001F600"})).Draw(r, "text")
	b, err := json.Marshal(s)
	if err != nil {
		r.Fatal(err)
	}
	return string(b)
}
