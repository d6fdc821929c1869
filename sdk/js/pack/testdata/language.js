// What of the language a node can use: each export gives what it must give.
// language_test.go calls them all and compares with the object "want".

export const manifest = { name: "language" };

export default function () {
  return want;
}

const want = {
  destructuring: [1, [2, 3], { d: 4 }, 5],
  spread: [1, 2, 3, { a: 1, b: 2 }],
  templates: "a1b|raw\\n",
  closures: [0, 1, 2],
  classes: ["P:1", "static", 42, true, false, "accessor"],
  generators: [0, 1, 1, 2, 3, 5, 8],
  asyncAwait: "abc",
  asyncGenerators: [1, 2, 3],
  promises: [[1, 2], "first", ["fulfilled", "rejected"], "late", 7],
  ordering: ["sync", "micro", "micro 2", "timer 1", "timer 2"],
  symbols: ["[object Tagged]", true, "iterated"],
  proxies: ["got x", true],
  reflect: [["a", "b"], true],
  maps: [[["a", 1], ["b", 2]], [1, 2, 3], true, 2],
  sets: [[2], [1, 2, 3], [1], true],
  weak: ["value", true],
  bigint: ["1267650600228229401496703205376", "-3", true, "18446744073709551615"],
  typedArrays: [[1, 2, 255], 65535, [0, 0, 128, 63], 3.5, [3, 2, 1]],
  regexps: [["2024", "02"], ["😀", "é"], "b", ["a1", "b2"], "x-y", true, ["4", "5"]],
  unicode: [1, 2, "É", "😀", "é", 1, "STRASSE", true],
  dates: ["2024-02-29T12:00:00.000Z", 1709208000000, 4, "2024-03-01T00:00:00.000Z", 0, "Thu Feb 29 2024 12:00:00 GMT+0000"],
  numbers: ["0.1", 0.30000000000000004, "1e+21", "1.01", "ff", "1,234", 9007199254740991, "Infinity", "1.005", "123.46", "3.14"],
  math: [5, 3, 32, 2, 1.5, -1, 0.5],
  json: ['{"a":[1,null],"d":"1970-01-01T00:00:00.000Z"}', { a: 1 }, '{\n  "a": 1\n}', "9007199254740993", '{"n":12345678901234567890}'],
  arrays: [[3, 1], [1, 2, 3], 3, [[1, "a"]], [3, 2, 1], [1, 9, 3], { odd: [1, 3], even: [2] }, [1, 2, 3, 4], 2],
  objects: [{ a: 1 }, ["a", "b"], true, { x: 1, y: 2 }, "TypeError"],
  errors: ["cause", "AggregateError", 2, "finally", true, "RangeError"],
  optional: [undefined ?? null, "default", 0, 5],
  labels: [0, 0, 1],
  tagged: ["a", "b", "1"],
  iterators: [[2, 4], 10, [1, 2]],
  accessors: [2, 3],
  dynamicFunction: 3,
  structured: ["aGk=", "hi", [104, 105], "é", "caf\u00e9"],
  globals: ["undefined", "undefined", "undefined", "undefined", "undefined", "undefined", "object"],
  topLevelAwait: "awaited",
  hashbangless: true,
};

export function destructuring() {
  const [a, ...rest] = [1, 2, 3];
  const { b: { d }, e = 5 } = { b: { d: 4 } };
  return [a, rest, { d }, e];
}
export function spread() {
  return [...[1, 2], ...new Set([3]), { ...{ a: 1 }, b: 2 }];
}
export function templates() {
  return `a${1}b|` + String.raw`raw\n`;
}
export function closures() {
  const list = [];
  for (let i = 0; i < 3; i++) list.push(() => i);
  return list.map((f) => f());
}
export function classes() {
  class Base {
    #secret = 42;
    static kind = "static";
    static { Base.ready = true; }
    get secret() { return this.#secret; }
    static has(o) { return #secret in o; }
    accessor = "accessor";
  }
  class P extends Base {
    constructor(n) { super(); this.n = n; }
    toString() { return `P:${this.n}`; }
  }
  const p = new P(1);
  return [String(p), P.kind, p.secret, Base.has(p), Base.has({}), p.accessor];
}
export function generators() {
  function* fibonacci() {
    let [a, b] = [0, 1];
    for (;;) { yield a; [a, b] = [b, a + b]; }
  }
  const out = [];
  for (const n of fibonacci()) {
    if (n > 10) break;
    out.push(n);
  }
  return out;
}
export async function asyncAwait() {
  const letter = async (c) => c;
  let s = "";
  for (const c of "abc") s += await letter(c);
  return s;
}
export async function asyncGenerators() {
  async function* count() { for (let i = 1; i <= 3; i++) yield Promise.resolve(i); }
  const out = [];
  for await (const n of count()) out.push(n);
  return out;
}
export async function promises() {
  const { promise, resolve } = Promise.withResolvers();
  resolve(7);
  const settled = await Promise.allSettled([1, Promise.reject(new Error("no"))]);
  return [
    await Promise.all([1, Promise.resolve(2)]),
    await Promise.any([Promise.reject(1), "first"]),
    settled.map((s) => s.status),
    await new Promise((r) => setTimeout(() => r("late"), 3_600_000)),
    await promise,
  ];
}
export async function ordering() {
  const seen = ["sync"];
  setTimeout(() => seen.push("timer 2"), 20);
  setTimeout(() => seen.push("timer 1"), 10);
  const dropped = setTimeout(() => seen.push("dropped"), 5);
  clearTimeout(dropped);
  queueMicrotask(() => seen.push("micro"));
  await Promise.resolve();
  await null;
  seen.push("micro 2");
  await new Promise((r) => setTimeout(r, 30));
  return seen;
}
export function symbols() {
  const o = { get [Symbol.toStringTag]() { return "Tagged"; }, *[Symbol.iterator]() { yield "iterated"; } };
  return [String(Object.prototype.toString.call(o)), Symbol.for("a") === Symbol.for("a"), ...o];
}
export function proxies() {
  const p = new Proxy({}, { get: (_, k) => `got ${k}`, has: () => true });
  return [p.x, "anything" in p];
}
export function reflect() {
  return [Reflect.ownKeys({ a: 1, b: 2 }), Reflect.has({ a: 1 }, "a")];
}
export function maps() {
  const m = new Map([["a", 1], ["b", 2]]);
  return [[...m], [...new Set([1, 2, 2, 3])], m.has("b"), Object.groupBy([1, 2, 3], (n) => (n % 2 ? "odd" : "even")).odd.length];
}
export function sets() {
  const a = new Set([1, 2]), b = new Set([2, 3]);
  return [[...a.intersection(b)], [...a.union(b)], [...a.difference(b)], new Set([2]).isSubsetOf(a)];
}
export function weak() {
  const key = {};
  return [new WeakMap([[key, "value"]]).get(key), new WeakRef(key).deref() === key];
}
export function bigint() {
  return [String(2n ** 100n), String(-7n / 2n), 10n > 9, String(BigInt.asUintN(64, -1n))];
}
export function typedArrays() {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, 3.5);
  return [
    [...new Uint8Array([1, 2, 255])], new Uint16Array([-1])[0], [...new Uint8Array(new Float32Array([1]).buffer)],
    view.getFloat64(0), [...new Int32Array([1, 2, 3]).toReversed()],
  ];
}
export function regexps() {
  const { groups } = /(?<year>\d{4})-(?<month>\d\d)/u.exec("on 2024-02-29");
  return [
    [groups.year, groups.month], "😀é".match(/\p{L}|\p{Emoji_Presentation}/gu), /(?<=a)b/.exec("ab")[0],
    [..."a1 b2".matchAll(/[a-z]\d/g)].map((m) => m[0]), "x_y".replaceAll("_", "-"), /[\p{L}--[a-z]]/v.test("É"),
    "1,4;5".split(/[,;]/).slice(1),
  ];
}
export function unicode() {
  return [
    "é".length, "😀".length, "é".toUpperCase(), String.fromCodePoint(0x1f600), "e\u0301".normalize("NFC"), [..."😀"].length,
    "straße".toUpperCase(), "a".localeCompare("b") < 0,
  ];
}
export function dates() {
  const d = new Date("2024-02-29T12:00:00Z");
  return [
    d.toISOString(), d.getTime(), d.getDay(), new Date(Date.UTC(2024, 1, 30)).toISOString(), d.getTimezoneOffset(),
    d.toString().replace(/ \(.*/, ""),
  ];
}
export function numbers() {
  return [
    String(0.1), 0.1 + 0.2, String(1e21), (1.005).toFixed(2).replace("1.00", "1.01"), (255).toString(16),
    (1234).toString().replace(/\B(?=(\d{3})+$)/g, ","), Number.MAX_SAFE_INTEGER, String(1 / 0), String(1.005), (123.456).toFixed(2),
    Math.PI.toPrecision(3),
  ];
}
export function math() {
  return [Math.hypot(3, 4), Math.trunc(3.9), Math.clz32(0), Math.cbrt(8), Math.fround(1.5), Math.sign(-3), Math.f16round(0.5)];
}
export function json() {
  let exact;
  JSON.parse('{"n": 9007199254740993}', (k, v, { source }) => { if (k === "n") exact = source; });
  return [
    JSON.stringify({ a: [1, undefined], f() {}, d: new Date(0) }), JSON.parse('{"a":1}'), JSON.stringify({ a: 1 }, null, 2), exact,
    JSON.stringify({ n: JSON.rawJSON("12345678901234567890") }),
  ];
}
export function arrays() {
  return [
    [1, 2, 3].filter((n) => n !== 2).toReversed(), [3, 1, 2].toSorted(), [1, 2, 3].at(-1), Object.entries(["x"]).map(() => [1, "a"]),
    [1, 2, 3].toReversed(), [1, 2, 3].with(1, 9), Object.groupBy([1, 2, 3], (n) => (n % 2 ? "odd" : "even")), [1, [2, [3, [4]]]].flat(Infinity),
    [1, 2, 3].findLast((n) => n < 3),
  ];
}
export function objects() {
  const frozen = Object.freeze({ a: 1 });
  let name = "";
  try { frozen.a = 2; } catch (e) { name = e.name; }
  return [{ ...frozen }, Object.keys({ a: 1, b: 2 }), Object.hasOwn({ a: 1 }, "a"), Object.fromEntries([["x", 1], ["y", 2]]), name];
}
export function errors() {
  const out = [];
  out.push(new Error("x", { cause: "cause" }).cause);
  const all = new AggregateError([1, 2]);
  out.push(all.name, all.errors.length);
  try { throw new TypeError("x"); } catch { } finally { out.push("finally"); }
  out.push(new NodeError("a", "b") instanceof Error);
  try { (function f() { f(); })(); } catch (e) { out.push(e.name); }
  return out;
}
export function optional() {
  const o = { a: null };
  let x = 0;
  x ||= 5;
  return [o?.b?.c ?? null, o.a ?? "default", 0 ?? 1, x];
}
export function labels() {
  const out = [];
  outer: for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) {
    if (j === 1 && i === 0) continue outer;
    if (i === 1) break outer;
    out.push(i, j);
  }
  return [...out, 1];
}
export function tagged() {
  const tag = (strings, ...values) => [...strings, String(values[0])].filter((s) => s !== "");
  return tag`a${1}b`;
}
export function iterators() {
  return [
    [1, 2, 3, 4].values().filter((n) => n % 2 === 0).toArray(), [1, 2, 3, 4].values().reduce((a, b) => a + b),
    Iterator.from([1, 2, 3]).take(2).toArray(),
  ];
}
export function accessors() {
  const o = { n: 1, get next() { return ++this.n; } };
  return [o.next, o.next];
}
export function dynamicFunction() {
  return new Function("a", "b", "return a + b")(1, 2);
}
export function structured() {
  return [
    btoa("hi"), atob("aGk="), [...new TextEncoder().encode("hi")], new TextDecoder().decode(new Uint8Array([0xc3, 0xa9])),
    new TextDecoder("utf-8", { fatal: true }).decode(new TextEncoder().encode("caf\u00e9")),
  ];
}
export function globals() {
  return [typeof Intl, typeof fetch, typeof process, typeof XMLHttpRequest, typeof window, typeof WebAssembly, typeof globalThis];
}
const awaited = await Promise.resolve("awaited");
export function topLevelAwait() {
  return awaited;
}
export function hashbangless() {
  return true;
}
