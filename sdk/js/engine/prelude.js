// What a script finds beside the language itself: the node object, NodeError,
// CallError, console, timers, and a few globals of the web that need little.
//
// The engine evaluates this before any script, so the functions of the language
// are taken here as they came: what a script does to JSON or Array.prototype
// later is its own affair. It is one expression, a function of what engine.c
// offers, and gives what engine.c calls.
(function (host) {
  "use strict";
  const { parse, stringify } = JSON;
  const { defineProperty, freeze, keys } = Object;
  const toText = String;
  const isArray = Array.isArray;
  const isError = Error.isError;
  const bare = (method) => Function.prototype.call.bind(method);
  const push = bare(Array.prototype.push);
  const sourceOf = bare(Function.prototype.toString);
  const startsWith = bare(String.prototype.startsWith);

  // --- errors -----------------------------------------------------------------

  let isNodeError;

  // NodeError makes the attempt fail with a code of the node's own.
  class NodeError extends Error {
    #own = true;
    static #has = (error) => #own in error;
    static {
      isNodeError = NodeError.#has;
    }
    constructor(code, message, options) {
      super(message === undefined ? code : message, options);
      this.code = toText(code);
      this.retryable = !!(options && options.retryable);
    }
  }
  defineProperty(NodeError.prototype, "name", { value: "NodeError", writable: true, configurable: true });

  // CallError says why a capability did not answer.
  class CallError extends Error {
    constructor(capability, method, failure) {
      super("calling " + capability + "." + method + ": " + failure.message);
      this.code = failure.code;
      this.reason = failure.reason;
      this.retryable = failure.retryable === true;
      this.capability = capability;
      this.method = method;
    }
  }
  defineProperty(CallError.prototype, "name", { value: "CallError", writable: true, configurable: true });

  // --- stacks -------------------------------------------------------------------

  let sourceMap; // { sources, mappings } as bundlers write it; mappings is decoded when an error is shown

  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  // original gives "file:line:column" for a place in the bundle, both from 1.
  function original(line, column) {
    const text = sourceMap.mappings;
    let at = 1, source = 0, sourceLine = 0, sourceColumn = 0, found;
    for (let i = 0; i < text.length && at <= line; at++) {
      let generated = 0;
      for (; i < text.length && text[i] !== ";"; i++) {
        if (text[i] === ",") continue;
        const fields = [];
        for (let value = 0, shift = 0; i < text.length && text[i] !== "," && text[i] !== ";"; i++) {
          const digit = digits.indexOf(text[i]);
          value += (digit & 31) << shift;
          if (digit & 32) {
            shift += 5;
          } else {
            fields.push(value & 1 ? -(value >> 1) : value >> 1);
            value = shift = 0;
          }
        }
        i--;
        generated += fields[0];
        if (fields.length > 1) {
          source += fields[1];
          sourceLine += fields[2];
          sourceColumn += fields[3];
        }
        if (at === line && fields.length > 1 && (found === undefined || generated < column)) {
          found = sourceMap.sources[source] + ":" + (sourceLine + 1) + ":" + (sourceColumn + 1);
        }
      }
      i++;
    }
    return found;
  }

  // readable gives a stack with the places of the sources, without the engine's own.
  function readable(stack) {
    const lines = [];
    for (const line of stack.split("\n")) {
      const place = /\((.*):(\d+):(\d+)\)$/.exec(line) || /at (.*):(\d+):(\d+)$/.exec(line);
      if (place === null) {
        if (line !== "" && !line.endsWith("(native)")) lines.push(line);
        continue;
      }
      if (place[1] === "chainrun") continue;
      const found = sourceMap && place[1] === sourceMap.file ? original(+place[2], +place[3]) : undefined;
      lines.push(found ? line.replace(place[1] + ":" + place[2] + ":" + place[3], found) : line);
    }
    return lines.join("\n");
  }

  const stackOf = (error) => (typeof error.stack === "string" ? readable(error.stack) : "");

  function placeIn(stack) {
    const first = /\(?([^\s(]+:\d+:\d+)\)?/.exec(stack);
    return first === null ? "" : first[1];
  }

  // explain makes an error document of what was thrown; the stack goes to the log.
  function explain(thrown) {
    if (!isError(thrown)) {
      return { code: "error", message: "thrown: " + show(thrown, 0), retryable: false };
    }
    if (isNodeError(thrown)) {
      return { code: toText(thrown.code), message: toText(thrown.message), retryable: thrown.retryable === true };
    }
    if (thrown instanceof CallError) {
      return { code: thrown.reason || thrown.code, message: toText(thrown.message), retryable: thrown.retryable };
    }
    const stack = stackOf(thrown);
    let message = toText(thrown);
    const place = placeIn(stack);
    if (place !== "") message += " (" + place + ")";
    if (stack !== "") log("error", message, { stack });
    return { code: "error", message, retryable: false };
  }

  // --- the log --------------------------------------------------------------------

  function log(level, message, attrs) {
    message = typeof message === "string" ? message : show(message, 0);
    try {
      if (attrs !== undefined && (attrs === null || typeof attrs !== "object" || isArray(attrs))) attrs = { value: attrs };
      else if (isError(attrs)) attrs = { error: toText(attrs), stack: stackOf(attrs) };
      host.log({ level, message, attrs });
    } catch (e) {
      host.log({ level, message, attrs: { unwritable: toText(e) } });
    }
  }

  // show writes a value as console does, roughly: for people, bounded.
  function show(value, depth) {
    switch (typeof value) {
      case "string": return depth === 0 ? value : stringify(value);
      case "bigint": return value + "n";
      case "function": return "[function " + (value.name || "") + "]";
      case "object": break;
      default: return toText(value); // symbols, too
    }
    if (value === null) return "null";
    if (isError(value)) {
      const stack = stackOf(value);
      return toText(value) + (stack === "" ? "" : "\n" + stack);
    }
    if (depth > 3) return isArray(value) ? "[…]" : "{…}";
    const parts = [];
    const add = (part) => parts.push(part) <= 100;
    if (isArray(value) || ArrayBuffer.isView(value)) {
      for (let i = 0; i < value.length; i++) if (!add(i === 100 ? "…" : show(value[i], depth + 1))) break;
      return "[" + parts.join(", ") + "]";
    }
    if (value instanceof Date) return toText(value.getTime() === value.getTime() ? value.toISOString() : value);
    if (value instanceof RegExp) return toText(value);
    if (value instanceof Map) {
      for (const [k, v] of value) if (!add(show(k, depth + 1) + " => " + show(v, depth + 1))) break;
      return "Map {" + parts.join(", ") + "}";
    }
    if (value instanceof Set) {
      for (const v of value) if (!add(show(v, depth + 1))) break;
      return "Set {" + parts.join(", ") + "}";
    }
    for (const k of keys(value)) if (!add(k + ": " + show(value[k], depth + 1))) break;
    return "{" + parts.join(", ") + "}";
  }

  const line = (values) => values.map((v) => show(v, 0)).join(" ");

  // --- the node -------------------------------------------------------------------

  function call(capability, method, payload) {
    try {
      return host.call(toText(capability), toText(method), payload);
    } catch (failure) {
      if (typeof failure === "string") throw new CallError(toText(capability), toText(method), parse(failure));
      throw failure;
    }
  }

  let config, feedback; // undefined until they are asked for

  const node = {
    get config() {
      if (config === undefined) config = call("node", "config");
      return config;
    },
    get feedback() {
      if (feedback === undefined) feedback = call("node", "feedback") ?? [];
      return feedback;
    },
    get text() {
      return host.text();
    },
    call,
    batch(calls) {
      const list = [];
      for (const { capability, method, payload } of calls) list.push({ capability, method, payload });
      if (list.length === 0) return [];
      return call("node", "batch", list).map((a, i) =>
        a.failure ? { error: new CallError(list[i].capability, list[i].method, a.failure) } : { answer: a.answer });
    },
    log: freeze({
      debug: (message, attrs) => log("debug", message, attrs),
      info: (message, attrs) => log("info", message, attrs),
      warn: (message, attrs) => log("warn", message, attrs),
      error: (message, attrs) => log("error", message, attrs),
    }),
  };
  for (const [name, p] of Object.entries(Object.getOwnPropertyDescriptors(node))) if (p.get === undefined) freeze(p.value);
  freeze(node);

  // --- timers ---------------------------------------------------------------------

  let timers = [], timerCount = 0;

  function addTimer(f, delay, every, args) {
    if (typeof f !== "function") throw new TypeError("a timer needs a function");
    delay = +delay > 0 ? +delay : 0;
    timers.push({ id: ++timerCount, at: host.now() + delay, every: every ? (delay < 1 ? 1 : delay) : 0, f, args });
    return timerCount;
  }
  const dropTimer = (id) => { timers = timers.filter((t) => t.id !== id); };

  // nextTimer runs the timer that is due first, having moved the clock there.
  function nextTimer() {
    if (timers.length === 0) return false;
    let t = timers[0];
    for (const other of timers) if (other.at < t.at) t = other;
    host.sleep(t.at - host.now());
    if (t.every > 0) t.at += t.every;
    else dropTimer(t.id);
    t.f(...t.args);
    return true;
  }

  // --- globals --------------------------------------------------------------------

  const globals = {
    NodeError,
    CallError,
    console: {
      debug: (...values) => log("debug", line(values)),
      log: (...values) => log("info", line(values)),
      info: (...values) => log("info", line(values)),
      warn: (...values) => log("warn", line(values)),
      error: (...values) => log("error", line(values)),
      trace: (...values) => log("debug", line(values)),
      assert: (ok, ...values) => { if (!ok) log("error", line(["assertion failed:", ...values])); },
    },
    setTimeout: (f, delay, ...args) => addTimer(f, delay, false, args),
    setInterval: (f, delay, ...args) => addTimer(f, delay, true, args),
    clearTimeout: dropTimer,
    clearInterval: dropTimer,
    performance: { now: host.now },
    crypto: {
      getRandomValues(array) {
        host.fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
        return array;
      },
      randomUUID() {
        const b = new Uint8Array(16);
        host.fill(b);
        b[6] = (b[6] & 15) | 64;
        b[8] = (b[8] & 63) | 128;
        const hex = b.toHex();
        return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
      },
    },
    TextEncoder: class TextEncoder {
      get encoding() { return "utf-8"; }
      encode(text) { return host.encode(text === undefined ? "" : toText(text).toWellFormed()); }
    },
    TextDecoder: class TextDecoder {
      #fatal;
      constructor(encoding = "utf-8", options) {
        if (!/^utf-?8$/i.test(encoding)) throw new RangeError("only UTF-8 can be decoded, not " + encoding);
        this.#fatal = !!(options && options.fatal);
      }
      get encoding() { return "utf-8"; }
      decode(bytes) {
        if (bytes === undefined) return "";
        const b = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        return host.decode(b, this.#fatal);
      }
    },
  };
  for (const name of keys(globals)) {
    defineProperty(globalThis, name, { value: globals[name], writable: true, configurable: true });
  }
  defineProperty(Math, "random", { value: host.random, writable: true, configurable: true });
  defineProperty(globalThis, Symbol.for("chainrun.node"), { value: node }); // for `import { node } from "chainrun"`

  return {
    node,
    explain,
    nextTimer,
    setSourceMap(text) {
      if (text !== "") sourceMap = parse(text);
    },
    // describe says what a script's exports are: the functions in the order of
    // their names, and a document for the packer.
    describe(exports) {
      const names = [], functions = [], others = [];
      for (const name of keys(exports)) {
        const value = exports[name];
        if (name === "manifest") continue;
        if (typeof value !== "function" || startsWith(sourceOf(value), "class")) {
          push(others, name);
          continue;
        }
        push(names, name === "default" ? "" : name);
        push(functions, value);
      }
      return { functions, document: stringify({ entries: names, others, manifest: exports.manifest }) };
    },
  };
})
