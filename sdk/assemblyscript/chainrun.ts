// chainrun nodes in AssemblyScript: documents, the host, and the ABI of
// docs/abi.md below them. transform.mjs, which asc runs, makes an entry of every
// function that index.ts exports and reads and writes the classes that are
// marked @document. See README.md.

// @ts-ignore: decorator
@external("chainrun_v1", "call")
declare function __call(
  capability: usize, capabilityLen: usize, method: usize, methodLen: usize,
  payload: usize, payloadLen: usize, answer: usize, answerCap: usize,
): u64;

// The answer to the last call. These stand before whatever has an initial value
// that is computed, since `aborted`, which that may call, uses them.
let answerAt: usize = 0;
let answerLen: usize = 0;
// Where answers arrive at first.
const ROOM: usize = 4096;
let room: usize = 0;

// ---------------------------------------------------------------- documents

export enum Kind { Missing, Null, Bool, Number, String, Array, Object }

/** Any JSON value. */
export class Json {
  kind: Kind = Kind.Null;
  private flag: bool = false;
  private text: string = "";
  private members: Json[] | null = null;
  private names: Json[] | null = null; // strings
  // A number, or a string without escapes, as it stands in the document that it
  // came from: those bytes stay where they are for the whole attempt.
  private at: usize = 0;
  private size: i32 = 0;

  static nothing(): Json { return new Json(); }
  static missing(): Json { return Json.of(Kind.Missing); }
  static bool(v: bool): Json { const j = Json.of(Kind.Bool); j.flag = v; return j; }
  static string(v: string): Json { const j = Json.of(Kind.String); j.text = v; return j; }
  static integer(v: i64): Json { const j = Json.of(Kind.Number); j.text = v.toString(); return j; }
  /** A number that is not finite becomes null: JSON has none. */
  static number(v: f64): Json {
    if (!isFinite(v)) return new Json();
    const j = Json.of(Kind.Number);
    j.text = v.toString();
    return j;
  }
  static array(): Json { const j = Json.of(Kind.Array); j.members = []; return j; }
  static object(): Json { const j = Json.of(Kind.Object); j.members = []; j.names = []; return j; }
  /** The document of a text; missing where it is no JSON. */
  static parse(text: string): Json {
    const bytes = String.UTF8.encode(text);
    __pin(changetype<usize>(bytes)); // the values point into it
    return new Parser(changetype<usize>(bytes), bytes.byteLength).document();
  }

  static of(kind: Kind): Json { const j = new Json(); j.kind = kind; return j; }
  static slice(kind: Kind, at: usize, size: i32): Json {
    const j = Json.of(kind);
    j.at = at;
    j.size = size;
    return j;
  }

  isMissing(): bool { return this.kind == Kind.Missing; }
  isNull(): bool { return this.kind == Kind.Null; }
  isBool(): bool { return this.kind == Kind.Bool; }
  isNumber(): bool { return this.kind == Kind.Number; }
  isString(): bool { return this.kind == Kind.String; }
  isArray(): bool { return this.kind == Kind.Array; }
  isObject(): bool { return this.kind == Kind.Object; }

  /** The elements of an array, the members of an object; of others 0. */
  get length(): i32 { const m = this.members; return m ? m.length : 0; }
  /** The names of an object's members, in their order. */
  keys(): string[] {
    const keys: string[] = [], n = this.names;
    if (n) for (let i = 0; i < n.length; i++) keys.push(n[i].asString());
    return keys;
  }
  /** An element, or a member in its order; missing where there is none. */
  item(index: i32): Json {
    const m = this.members;
    return m && index >= 0 && index < m.length ? m[index] : Json.missing();
  }
  /** A member of an object; missing where there is none. */
  get(name: string): Json {
    const i = this.find(name);
    return i < 0 ? Json.missing() : this.members![i];
  }
  has(name: string): bool { return !this.get(name).isMissing(); }
  // find gives the place of a member, or -1.
  private find(name: string): i32 {
    const n = this.names;
    if (n) {
      for (let i = n.length - 1; i >= 0; i--) if (n[i].is(name)) return i;
    }
    return -1;
  }
  // is says whether a string is that, without decoding what is plain ASCII.
  private is(name: string): bool {
    if (!this.at) return this.text == name;
    const size = this.size;
    if (size < name.length) return false; // each character has a byte or more
    for (let i = 0; i < size; i++) {
      const c = load<u8>(this.at + i);
      if (c >= 0x80) return this.asString() == name;
      if (i >= name.length || c != name.charCodeAt(i)) return false;
    }
    return true;
  }
  /** Adds to an array. */
  push(v: Json): Json { const m = this.members; if (m) m.push(v); return this; }
  /** Adds a member to an object that has none of that name. */
  add(name: string, v: Json): Json { return this.append(Json.string(name), v); }
  append(key: Json, v: Json): Json {
    const n = this.names, m = this.members;
    if (n && m) { n.push(key); m.push(v); }
    return this;
  }
  /** Sets a member of an object. */
  set(name: string, v: Json): Json {
    const i = this.find(name);
    if (i < 0) return this.add(name, v);
    this.members![i] = v;
    return this;
  }

  /** The value as a T. Where it is none the attempt fails with code bad_input. */
  as<T>(): T { return read<T>(this); }
  asBool(): bool { return this.flag; }
  asString(): string { return this.at && this.isString() ? String.UTF8.decodeUnsafe(this.at, this.size) : this.text; }
  asNumber(): f64 { return this.isNumber() ? parseFloat(this.digits()) : NaN; }
  private digits(): string { return this.at ? String.UTF8.decodeUnsafe(this.at, this.size) : this.text; }

  /** Whether it is an integer that an i64 holds; `integer` is it then. */
  isInteger(): bool {
    if (!this.isNumber()) return false;
    const at = this.at, text = this.text, size = at ? this.size : text.length;
    let n: u64 = 0, negative = false;
    for (let i = 0; i < size; i++) {
      const c: u32 = at ? load<u8>(at + i) : text.charCodeAt(i);
      if (c - 0x30 >= 10) {
        if (i == 0 && c == 0x2d) { negative = true; continue; }
        const v = this.asNumber(); // 3.0 and 1e2 are integers, too
        if (v != Math.trunc(v) || Math.abs(v) >= 9.2e18) return false;
        integer = <i64>v;
        return true;
      }
      if (n > (<u64>i64.MAX_VALUE) / 10) return false;
      n = n * 10 + (c - 0x30);
    }
    if (n > <u64>i64.MAX_VALUE) return false;
    integer = negative ? -(<i64>n) : <i64>n;
    return true;
  }

  /** What it is, for messages. */
  found(): string {
    switch (this.kind) {
      case Kind.Missing: return "nothing";
      case Kind.Array: return "an array";
      case Kind.Object: return "an object";
    }
    const text = this.toString();
    return text.length <= 60 ? text : text.substring(0, 57) + "…";
  }
  toString(): string {
    const out = new Writer();
    this.__write(out);
    const text = out.toString();
    out.free();
    return text;
  }

  __read(from: Json): void {
    this.kind = from.kind;
    this.flag = from.flag;
    this.text = from.text;
    this.members = from.members;
    this.names = from.names;
    this.at = from.at;
    this.size = from.size;
  }
  __write(out: Writer): void {
    switch (this.kind) {
      case Kind.Bool: out.ascii(this.flag ? "true" : "false"); return;
      case Kind.Number:
        if (this.at) out.bytes(this.at, this.size);
        else out.ascii(this.text);
        return;
      case Kind.String:
        if (this.at) { out.byte(0x22); out.bytes(this.at, this.size); out.byte(0x22); }
        else out.string(this.text);
        return;
      case Kind.Array: case Kind.Object: {
        const object = this.isObject(), m = this.members!;
        out.byte(object ? 0x7b : 0x5b);
        for (let i = 0; i < m.length; i++) {
          if (i > 0) out.byte(0x2c);
          if (object) { this.names![i].__write(out); out.byte(0x3a); }
          m[i].__write(out);
        }
        out.byte(object ? 0x7d : 0x5d);
        return;
      }
      default: out.ascii("null");
    }
  }
  __schema(): Json { return Json.object(); }
}

let integer: i64 = 0;

const MAX_DEPTH = 1000; // the host lets 512 through

class Parser {
  private at: usize;
  private end: usize;
  constructor(at: usize, len: usize) { this.at = at; this.end = at + len; }

  document(): Json {
    const v = this.value(0);
    if (v.isMissing() || this.next() != -1) return Json.missing();
    return v;
  }
  private get bad(): Json { return Json.missing(); }

  // next is the next byte that is no space, or -1.
  private next(): i32 {
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return c;
      this.at++;
    }
    return -1;
  }
  private word(w: string, v: Json): Json {
    if (this.end - this.at < <usize>w.length) return this.bad;
    for (let i = 0; i < w.length; i++) if (load<u8>(this.at + i) != w.charCodeAt(i)) return this.bad;
    this.at += w.length;
    return v;
  }
  private value(depth: i32): Json {
    const c = this.next();
    switch (c) {
      case 0x22: return this.string();
      case 0x5b: case 0x7b: return depth < MAX_DEPTH ? this.list(c == 0x7b, depth + 1) : this.bad;
      case 0x74: return this.word("true", Json.bool(true));
      case 0x66: return this.word("false", Json.bool(false));
      case 0x6e: return this.word("null", new Json());
    }
    return this.number();
  }
  private list(object: bool, depth: i32): Json {
    const v = object ? Json.object() : Json.array();
    const close = object ? 0x7d : 0x5d;
    this.at++;
    if (this.next() == close) { this.at++; return v; }
    while (true) {
      let key: Json | null = null;
      if (object) {
        if (this.next() != 0x22) return this.bad;
        key = this.string();
        if (key.isMissing() || this.next() != 0x3a) return this.bad;
        this.at++;
      }
      const item = this.value(depth);
      if (item.isMissing()) return this.bad;
      if (key) v.append(key, item);
      else v.push(item);
      const c = this.next();
      this.at++;
      if (c == close) return v;
      if (c != 0x2c) return this.bad;
    }
  }
  private digits(): bool {
    const from = this.at;
    while (this.at < this.end && load<u8>(this.at) - 0x30 < 10) this.at++;
    return this.at > from;
  }
  private is(c: u8): bool {
    if (this.at >= this.end || load<u8>(this.at) != c) return false;
    this.at++;
    return true;
  }
  private number(): Json {
    const from = this.at;
    this.is(0x2d);
    if (!this.is(0x30) && !this.digits()) return this.bad;
    if (this.is(0x2e) && !this.digits()) return this.bad;
    if (this.is(0x65) || this.is(0x45)) {
      if (!this.is(0x2b)) this.is(0x2d);
      if (!this.digits()) return this.bad;
    }
    return Json.slice(Kind.Number, from, <i32>(this.at - from));
  }
  private string(): Json {
    const from = ++this.at;
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c == 0x22) return Json.slice(Kind.String, from, <i32>(this.at++ - from));
      if (c < 0x20) return this.bad;
      if (c == 0x5c) return this.escaped(from);
      this.at++;
    }
    return this.bad;
  }
  private escaped(from: usize): Json {
    const out = new Writer();
    out.bytes(from, <i32>(this.at - from));
    while (this.at < this.end) {
      const c = load<u8>(this.at++);
      if (c == 0x22) {
        const text = out.toString();
        out.free();
        return Json.string(text);
      }
      if (c < 0x20) return this.bad;
      if (c != 0x5c) { out.byte(c); continue; }
      if (this.at >= this.end) return this.bad;
      switch (load<u8>(this.at++)) {
        case 0x22: out.byte(0x22); break;
        case 0x5c: out.byte(0x5c); break;
        case 0x2f: out.byte(0x2f); break;
        case 0x62: out.byte(0x08); break;
        case 0x66: out.byte(0x0c); break;
        case 0x6e: out.byte(0x0a); break;
        case 0x72: out.byte(0x0d); break;
        case 0x74: out.byte(0x09); break;
        case 0x75: {
          let code = this.hex();
          if (code < 0) return this.bad;
          if (code >= 0xd800 && code < 0xdc00 && this.is(0x5c) && this.is(0x75)) {
            const low = this.hex();
            if (low < 0xdc00 || low > 0xdfff) return this.bad;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          }
          out.rune(code);
          break;
        }
        default: return this.bad;
      }
    }
    return this.bad;
  }
  private hex(): i32 {
    if (this.end - this.at < 4) return -1;
    let v = 0;
    for (let i = 0; i < 4; i++) {
      const c = load<u8>(this.at++);
      const digit = c - 0x30 < 10 ? c - 0x30 : (c | 0x20) - 0x61 < 6 ? (c | 0x20) - 0x61 + 10 : 16;
      if (digit > 15) return -1;
      v = (v << 4) | digit;
    }
    return v;
  }
}

/** JSON as it is written, in UTF-8. */
export class Writer {
  at: usize = heap.alloc(256);
  len: i32 = 0;
  private cap: i32 = 256;

  private room(n: i32): void {
    if (this.len + n <= this.cap) return;
    this.cap = max(this.cap * 2, this.len + n);
    this.at = heap.realloc(this.at, this.cap);
  }
  byte(c: u32): void { this.room(1); store<u8>(this.at + this.len++, <u8>c); }
  bytes(from: usize, n: i32): void {
    this.room(n);
    memory.copy(this.at + this.len, from, n);
    this.len += n;
  }
  ascii(s: string): void {
    this.room(s.length);
    for (let i = 0; i < s.length; i++) store<u8>(this.at + this.len + i, <u8>s.charCodeAt(i));
    this.len += s.length;
  }
  rune(c: i32): void {
    if (c >= 0xd800 && c < 0xe000) c = 0xfffd; // half of a pair is no character
    if (c < 0x80) { this.byte(c); return; }
    if (c < 0x800) this.byte(0xc0 | (c >> 6));
    else {
      if (c < 0x10000) this.byte(0xe0 | (c >> 12));
      else { this.byte(0xf0 | (c >> 18)); this.byte(0x80 | ((c >> 12) & 0x3f)); }
      this.byte(0x80 | ((c >> 6) & 0x3f));
    }
    this.byte(0x80 | (c & 0x3f));
  }
  string(s: string): void {
    this.byte(0x22);
    for (let i = 0; i < s.length; i++) {
      const c = s.charCodeAt(i);
      if (c == 0x22 || c == 0x5c) { this.byte(0x5c); this.byte(c); }
      else if (c >= 0x20 && c < 0x80) this.byte(c);
      else if (c == 0x0a) this.ascii("\\n");
      else if (c < 0x20) {
        this.ascii("\\u00");
        this.byte(0x30 + (c >> 4));
        this.byte((c & 15) < 10 ? 0x30 + (c & 15) : 0x57 + (c & 15));
      } else {
        const rune = s.codePointAt(i);
        if (rune > 0xffff) i++;
        this.rune(rune);
      }
    }
    this.byte(0x22);
  }
  /** Begins a member: its comma, name and colon. */
  member(name: string): void {
    if (load<u8>(this.at + this.len - 1) != 0x7b) this.byte(0x2c);
    this.string(name);
    this.byte(0x3a);
  }
  toString(): string { return String.UTF8.decodeUnsafe(this.at, this.len); }
  /** Gives the memory back, where the runtime takes it. */
  free(): void { heap.free(this.at); }
}

// ------------------------------------------------------- types and documents

// Where in the document a value is being read: names of members, and, where
// there is none, places in lists. No document is deeper than MAX_DEPTH.
const pathNames = new StaticArray<string>(MAX_DEPTH + 1);
const pathPlaces = new StaticArray<i32>(MAX_DEPTH + 1);
let pathLength = 0;

function enter(name: string, place: i32): void {
  pathNames[pathLength] = name;
  pathPlaces[pathLength] = place;
  pathLength++;
}

// What reading it wrongly is called.
let wrongCode = "bad_input";
let wrongWhat = "the input";

function mismatch(wanted: string, j: Json): void {
  let pointer = "";
  for (let i = 0; i < pathLength; i++) {
    const place = pathPlaces[i];
    pointer += "/" + (place < 0 ? pathNames[i].replaceAll("~", "~0").replaceAll("/", "~1") : place.toString());
  }
  refuse(new Failure(wrongCode, wrongWhat + (pointer == "" ? "" : " at " + pointer) + " must be " + wanted + ", found " + j.found(), false));
}

/** A value of type T: string, bool, a number, Json, an array, a @document class. */
export function read<T>(j: Json): T {
  if (isNullable<T>()) {
    if (j.isNull() || j.isMissing()) return changetype<T>(0);
  }
  if (isString<T>()) {
    if (!j.isString()) mismatch("a string", j);
    return changetype<T>(j.asString());
  } else if (isBoolean<T>()) {
    if (!j.isBool()) mismatch("true or false", j);
    return <T>j.asBool();
  } else if (isInteger<T>()) {
    if (!j.isInteger()) { mismatch("an integer", j); return <T>0; }
    const v = <T>integer;
    if (<i64>v != integer || (!isSigned<T>() && integer < 0)) mismatch("an integer of type " + nameof<T>(), j);
    return v;
  } else if (isFloat<T>()) {
    if (!j.isNumber()) mismatch("a number", j);
    return <T>j.asNumber();
  } else if (isArray<T>()) {
    const list = instantiate<NonNullable<T>>();
    if (!j.isArray()) { mismatch("an array", j); return list; }
    for (let i = 0; i < j.length && failure === null; i++) {
      enter("", i);
      list.push(read<valueof<NonNullable<T>>>(j.item(i)));
      pathLength--;
    }
    return list;
  } else {
    const v = instantiate<NonNullable<T>>();
    if (isDefined(v.__read)) v.__read(j);
    else ERROR("chainrun reads no such type: mark its class @document, or take chainrun.Json");
    return v;
  }
}

/** A member that must be there, unless T may be null. */
export function field<T>(j: Json, name: string): T {
  enter(name, -1);
  const v = read<T>(j.get(name));
  pathLength--;
  return v;
}

/** A member that may be missing. */
export function optional<T>(j: Json, name: string, otherwise: T): T {
  return j.has(name) ? field<T>(j, name) : otherwise;
}

/** Says that a value is to be an object. */
export function object(j: Json): bool {
  if (!j.isObject()) mismatch("an object", j);
  return j.isObject();
}

/** Writes a value of type T. */
export function write<T>(v: T, out: Writer): void {
  if (isNullable<T>()) {
    if (changetype<usize>(v) == 0) { out.ascii("null"); return; }
  }
  if (isString<T>()) out.string(changetype<string>(v));
  else if (isBoolean<T>()) out.ascii(v ? "true" : "false");
  else if (isInteger<T>()) out.ascii(v.toString());
  else if (isFloat<T>()) out.ascii(isFinite(v) ? v.toString() : "null");
  else if (isArray<T>()) {
    const list = changetype<NonNullable<T>>(v);
    out.byte(0x5b);
    for (let i = 0; i < list.length; i++) {
      if (i > 0) out.byte(0x2c);
      write<valueof<NonNullable<T>>>(list[i], out);
    }
    out.byte(0x5d);
  } else {
    const o = changetype<NonNullable<T>>(v);
    if (isDefined(o.__write)) o.__write(out);
    else ERROR("chainrun writes no such type: mark its class @document, or take chainrun.Json");
  }
}

let schemaDepth = 0;

/** The JSON Schema of T. */
export function schema<T>(): Json {
  const s = Json.object();
  if (schemaDepth > 16) return s; // a type that contains itself
  if (isString<T>()) s.set("type", Json.string("string"));
  else if (isBoolean<T>()) s.set("type", Json.string("boolean"));
  else if (isInteger<T>()) {
    s.set("type", Json.string("integer"));
    if (!isSigned<T>()) s.set("minimum", Json.integer(0));
  } else if (isFloat<T>()) s.set("type", Json.string("number"));
  else if (isArray<T>()) {
    s.set("type", Json.string("array"));
    schemaDepth++;
    s.set("items", schema<valueof<NonNullable<T>>>());
    schemaDepth--;
  } else {
    schemaDepth++;
    const o = instantiate<NonNullable<T>>();
    const inner = isDefined(o.__schema) ? o.__schema() : Json.object();
    schemaDepth--;
    return isNullable<T>() ? orNull(inner) : inner;
  }
  return isNullable<T>() ? orNull(s) : s;
}

function orNull(s: Json): Json {
  return Json.object().set("anyOf", Json.array().push(s).push(Json.object().set("type", Json.string("null"))));
}

/** The schema of a class, field by field. */
export class ObjectSchema {
  json: Json = Json.object().set("type", Json.string("object")).set("properties", Json.object()).set("required", Json.array());
  field<T>(name: string, mayMiss: bool): void {
    this.json.get("properties").set(name, schema<T>());
    if (!mayMiss && !isNullable<T>()) this.json.get("required").push(Json.string(name));
  }
}

// ------------------------------------------------------------------ failures

/** Why an attempt, or a call of a capability, did not succeed. */
export class Failure {
  /** A call's: capability_denied, capability_error, bad_answer. */
  kind: string = "";
  constructor(
    /** Short and stable; on it the edges of a graph can select. */
    public code: string,
    /** For people. */
    public message: string,
    /** Whether the same call may succeed later. */
    public retryable: bool,
  ) {}
}

let failure: Failure | null = null;

function refuse(f: Failure): void { if (failure === null) failure = f; }

/** Makes the attempt fail: `return fail<Total>("unknown_sku", "no price for " + sku)`. */
export function fail<T>(code: string, message: string, retryable: bool = false): T {
  return failWith<T>(new Failure(code, message, retryable));
}

/** Makes the attempt fail as a call did. */
export function failWith<T>(f: Failure): T {
  refuse(f);
  if (isReference<T>()) return changetype<T>(<usize>0);
  return <T>0;
}

/** What asc calls where a program cannot go on: the message is logged, the attempt ends by a trap. */
export function aborted(message: string | null, file: string | null, line: u32, column: u32): void {
  error((message ? message : "aborted") + " at " + (file ? file : "?") + ":" + line.toString() + ":" + column.toString());
  unreachable();
}

// ------------------------------------------------------------------ the host

// ask makes a call; the answer is at answerAt, which values may point into from
// then on. It tells whether it is a failure.
function ask(capability: string, method: string, payload: usize, size: i32): bool {
  if (room == 0) room = heap.alloc(ROOM);
  let status = knock(capability, method, payload, size, room, ROOM);
  answerLen = <usize>(status & 0xffffffff);
  if (answerLen > 0) {
    answerAt = heap.alloc(answerLen);
    if (answerLen <= ROOM) memory.copy(answerAt, room, answerLen);
    else status = knock("node", "answer", 0, 0, answerAt, answerLen);
  }
  return status >> 32 != 0;
}

function knock(capability: string, method: string, payload: usize, size: i32, answer: usize, cap: usize): u64 {
  const c = String.UTF8.encode(capability), m = String.UTF8.encode(method);
  return __call(changetype<usize>(c), c.byteLength, changetype<usize>(m), m.byteLength, payload, size, answer, cap);
}

function answered(): Json { return answerLen == 0 ? Json.missing() : new Parser(answerAt, answerLen).document(); }

// from reads a T from a document that is not the input.
function from<T>(j: Json, code: string, what: string): T {
  const code0 = wrongCode, what0 = wrongWhat;
  wrongCode = code;
  wrongWhat = what;
  const v = read<T>(j);
  wrongCode = code0;
  wrongWhat = what0;
  return v;
}

/** The node's config; a T with its own initial values where the graph gives none. */
export function config<T>(): T {
  ask("node", "config", 0, 0);
  if (answerLen == 0) return instantiate<T>();
  return from<T>(answered(), "bad_config", "the config");
}

/** One complaint of the host about what the attempt before this one returned. */
export class Violation {
  /** A JSON Pointer into the refused output. */
  pointer: string = "";
  /** The rule of the schema, such as type or maximum. */
  keyword: string = "";
  /** For people. */
  message: string = "";
  /** What was there; missing where it was nothing. */
  found: Json = Json.missing();
}

/** Why the host refused the output of the attempt before this one; empty in a first. */
export function feedback(): Violation[] {
  const list: Violation[] = [];
  ask("node", "feedback", 0, 0);
  const all = answered();
  for (let i = 0; i < all.length; i++) {
    const v = new Violation(), j = all.item(i);
    v.pointer = j.get("pointer").asString();
    v.keyword = j.get("keyword").asString();
    v.message = j.get("message").asString();
    v.found = j.get("found");
    list.push(v);
  }
  return list;
}

/** What a capability answered: a value, or a failure. */
export class Answer<T> {
  constructor(public value: T, public failure: Failure | null) {}
  get failed(): bool { return this.failure !== null; }
}

/** Asks a capability that the graph granted to this node. */
export function call<Q, A>(capability: string, method: string, request: Q): Answer<A> {
  const payload = new Writer();
  write<Q>(request, payload);
  const failed = ask(capability, method, payload.at, payload.len);
  payload.free();
  const j = answered();
  if (failed) return new Answer<A>(nothing<A>(), failureOf(j, capability, method));
  return take<A>(answerLen == 0 ? new Json() : j, capability, method);
}

function take<A>(j: Json, capability: string, method: string): Answer<A> {
  const before = failure;
  failure = null;
  const value = from<A>(j, "bad_answer", "the answer of " + capability + "." + method);
  const wrong = failure;
  failure = before;
  return new Answer<A>(value, wrong);
}

function nothing<T>(): T {
  if (isReference<T>()) return changetype<T>(<usize>0);
  return <T>0;
}

function failureOf(j: Json, capability: string, method: string): Failure {
  const reason = j.get("reason").asString(), code = j.get("code").asString();
  const f = new Failure(reason == "" ? code : reason, "calling " + capability + "." + method + ": " + j.get("message").asString(), j.get("retryable").asBool());
  f.kind = code;
  return f;
}

/** Calls that are under way at once: at most 64. */
export class Batch {
  private asks: Json = Json.array();
  /** Adds a question. */
  add<Q>(capability: string, method: string, request: Q): Batch {
    const payload = new Writer();
    write<Q>(request, payload);
    this.asks.push(Json.object().set("capability", Json.string(capability)).set("method", Json.string(method))
      .set("payload", new Parser(payload.at, payload.len).document()));
    return this;
  }
  /** The answers, in the order of the questions. */
  send(): Answer<Json>[] {
    const answers: Answer<Json>[] = [];
    if (this.asks.length == 0) return answers;
    const all = call<Json, Json>("node", "batch", this.asks);
    for (let i = 0; i < this.asks.length; i++) {
      const a = all.failed ? Json.missing() : all.value.item(i), q = this.asks.item(i), failed = a.get("failure");
      if (all.failed) answers.push(all);
      else if (failed.isMissing()) answers.push(new Answer<Json>(a.get("answer"), null));
      else answers.push(new Answer<Json>(new Json(), failureOf(failed, q.get("capability").asString(), q.get("method").asString())));
    }
    return answers;
  }
}

/** Logs a record. It needs no grant. attrs is an object, or null. */
export function record(level: string, message: string, attrs: Json | null): void {
  const out = new Writer();
  out.byte(0x7b);
  out.member("level");
  out.string(level);
  out.member("message");
  out.string(message);
  if (attrs) { out.member("attrs"); attrs.__write(out); }
  out.byte(0x7d);
  ask("node", "log", out.at, out.len);
  out.free();
}
export function debug(message: string, attrs: Json | null = null): void { record("debug", message, attrs); }
export function info(message: string, attrs: Json | null = null): void { record("info", message, attrs); }
export function warn(message: string, attrs: Json | null = null): void { record("warn", message, attrs); }
export function error(message: string, attrs: Json | null = null): void { record("error", message, attrs); }

// ------------------------------------------- the ABI, for the transform alone

export function __alloc(size: u32): usize { return heap.alloc(size); }

export function __run<I, O>(input: usize, len: u32, node: (input: I) => O): u64 {
  const j = new Parser(input, len).document();
  if (j.isMissing()) refuse(new Failure("bad_input", "the input is no JSON", false));
  else {
    const document = read<I>(j);
    if (failure === null) {
      const output = node(document);
      if (failure === null) {
        const out = new Writer();
        write<O>(output, out);
        return give(out, 0);
      }
    }
  }
  const f = failure!, out = new Writer();
  out.byte(0x7b);
  out.member("code");
  out.string(f.code);
  out.member("message");
  out.string(f.message);
  out.member("retryable");
  out.ascii(f.retryable ? "true" : "false");
  out.byte(0x7d);
  failure = null;
  pathLength = 0;
  return give(out, 1);
}

export function __give(manifest: Json): u64 {
  const out = new Writer();
  manifest.__write(out);
  return give(out, 0);
}

function give(out: Writer, failed: u64): u64 { return (<u64>out.at << 32) | (failed << 31) | <u64>out.len; }
