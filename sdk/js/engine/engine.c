/* The JavaScript engine as a chainrun reactor: QuickJS-NG and the glue between
 * it and the node ABI, as one translation unit.
 *
 * The module has two lives. Packing: chainrun_run_v1 takes a script (see
 * "pack" below for its form), evaluates it and answers which functions it
 * exports. `chainrun node pack` then writes memory and globals of that moment
 * into a new module, in which chainrun_run_v1 and chainrun_run_v1:NAME call
 * chainrun_js_run with the number of an exported function. Running: an attempt
 * begins in that memory; nothing is parsed or evaluated again.
 *
 * What an attempt changes is gone with it, so that nothing is freed for its
 * sake and statics begin every attempt as packing left them. */

/* QuickJS-NG has no limit for recursion where __wasi__ is defined. Here the
 * stack lies at the low end of memory and its pointer can be read, so the limit
 * works: the headers of the system are read first, then the name is taken away. */
#include <assert.h>
#include <errno.h>
#include <fenv.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "cutils.h"
#undef __wasi__
#define __STDC_NO_ATOMICS__ 1
#include "quickjs.c"

#define EXPORT(name) __attribute__((export_name(name), used))

__attribute__((import_module("chainrun_v1"), import_name("call")))
uint64_t chainrun_call(const char *cap, uint32_t cap_len,
                       const char *method, uint32_t method_len,
                       const char *payload, uint32_t payload_len,
                       char *answer, uint32_t answer_cap);

/* The linker is given a stack of 1 MiB; what is left is for functions of C that
 * do not look. */
#define STACK_BYTES (1u << 20)
#define STACK_LIMIT (STACK_BYTES - (64u << 10))

/* A collection of cycles is a matter of long attempts. */
#define GC_THRESHOLD (4u << 20)

static const char prelude[] =
#include "prelude.inc"
    ;

static JSRuntime *rt;
static JSContext *ctx;
static bool packing;

static JSValue *entries; /* the exported functions */
static uint32_t entry_count;
static JSValue node_object;   /* the second argument of every entry */
static JSValue explain;       /* (error) -> an error document's object */
static JSValue next_timer;    /* () -> whether a timer was there and has run */
static JSValue describe;      /* (namespace) -> what packing answers */
static JSValue set_source_map;

static char *input; /* the document, followed by a zero byte */
static uint32_t input_len;

#include "json.c"

static JSValue rejected; /* promises that were rejected and have no handler */

/* --- results ------------------------------------------------------------- */

static uint64_t result(const char *text, size_t len, bool failed) {
  return (uint64_t)(uintptr_t)text << 32 | (uint64_t)failed << 31 | (uint32_t)len;
}

#define FAILED(document) result(document, sizeof(document) - 1, true)

static uint64_t out_of_memory(void) {
  return FAILED("{\"code\":\"error\",\"message\":\"out of memory\",\"retryable\":false}");
}

/* Gives the text of a value as a result; the value is a string. */
static uint64_t text_result(JSValue text, bool failed) {
  size_t len;
  const char *s = JS_ToCStringLen(ctx, &len, text);
  if (s == NULL || len > INT32_MAX) return out_of_memory();
  return result(s, len, failed);
}

/* Makes an error document of a code and a message, without running scripts. */
static uint64_t fail(const char *code, JSValue message) {
  JSValue doc = JS_NewObjectProto(ctx, JS_NULL);
  if (JS_IsException(doc)) return out_of_memory();
  JS_DefinePropertyValueStr(ctx, doc, "code", JS_NewString(ctx, code), JS_PROP_C_W_E);
  JS_DefinePropertyValueStr(ctx, doc, "message", message, JS_PROP_C_W_E);
  JS_DefinePropertyValueStr(ctx, doc, "retryable", JS_FALSE, JS_PROP_C_W_E);
  JSValue text = JS_JSONStringify(ctx, doc, JS_UNDEFINED, JS_UNDEFINED);
  if (!JS_IsString(text)) return out_of_memory();
  return text_result(text, true);
}

/* Makes an error document of what was thrown. */
static uint64_t fail_with(JSValue thrown) {
  JSValue doc = JS_Call(ctx, explain, JS_UNDEFINED, 1, (JSValueConst *)&thrown);
  JSValue text = JS_IsException(doc) ? doc : JS_JSONStringify(ctx, doc, JS_UNDEFINED, JS_UNDEFINED);
  if (JS_IsString(text)) return text_result(text, true);
  /* The error itself cannot be looked at: a getter throws, memory is over. */
  JS_FreeValue(ctx, JS_GetException(ctx));
  return FAILED("{\"code\":\"error\",\"message\":\"an error was thrown that cannot be shown\",\"retryable\":false}");
}

/* Makes a failure of the exception that stands, with a code of our own. */
static uint64_t fail_as(const char *code, const char *doing) {
  JSValue thrown = JS_GetException(ctx), message = JS_UNDEFINED;
  if (JS_IsObject(thrown)) message = JS_GetPropertyStr(ctx, thrown, "message");
  if (!JS_IsString(message)) {
    JS_FreeValue(ctx, JS_GetException(ctx));
    message = JS_NewString(ctx, "an error was thrown that cannot be shown");
  }
  const char *s = JS_ToCString(ctx, message);
  char text[1024];
  snprintf(text, sizeof text, "%s: %s", doing, s ? s : "out of memory");
  return fail(code, JS_NewString(ctx, text));
}

/* --- what the prelude is given --------------------------------------------- */

/* call(capability, method, payload or undefined) -> the answer, null where it is
 * empty; a failure is thrown as its document's text. */
static JSValue host_call(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t cap_len, method_len, payload_len = 0;
  char *payload = NULL;
  if (packing) return JS_ThrowTypeError(c, "nothing can be asked while the node is packed: ask inside the exported function");
  if (!JS_IsUndefined(argv[2]) && (payload = json_stringify(argv[2], 256, &payload_len)) == NULL) {
    return JS_HasException(c) ? JS_EXCEPTION : JS_ThrowTypeError(c, "the payload is nothing that JSON has");
  }
  const char *cap = JS_ToCStringLen(c, &cap_len, argv[0]);
  const char *method = JS_ToCStringLen(c, &method_len, argv[1]);
  if (cap == NULL || method == NULL) return JS_EXCEPTION;

  char small[1024], *answer = small;
  uint64_t packed = chainrun_call(cap, cap_len, method, method_len, payload, payload_len, small, sizeof small - 1);
  uint32_t len = (uint32_t)packed;
  free(payload);
  JS_FreeCString(c, cap);
  JS_FreeCString(c, method);
  if (len > sizeof small - 1) {
    if ((answer = js_malloc(c, (size_t)len + 1)) == NULL) return JS_EXCEPTION;
    packed = chainrun_call("node", 4, "answer", 6, NULL, 0, answer, len);
  }
  answer[len] = 0;
  bool failed = packed >> 32 != 0;
  JSValue v = failed ? JS_NewStringLen(c, answer, len) : len == 0 ? JS_NULL : json_parse(answer, len, "answer");
  if (answer != small) js_free(c, answer);
  return failed && !JS_IsException(v) ? JS_Throw(c, v) : v;
}

/* log(record): also while packing. */
static JSValue host_log(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t len;
  char *record = json_stringify(argv[0], 256, &len), answer[1];
  if (record == NULL) return JS_HasException(c) ? JS_EXCEPTION : JS_UNDEFINED;
  chainrun_call("node", 4, "log", 3, record, len, answer, 0);
  free(record);
  return JS_UNDEFINED;
}

static JSValue host_packing(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) { return JS_NewBool(c, packing); }

static JSValue host_text(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  if (packing) return JS_UNDEFINED;
  return JS_NewStringLen(c, input, input_len);
}

/* sleep(milliseconds): the clock moves on; nobody waits. */
static JSValue host_sleep(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  double ms;
  if (JS_ToFloat64(c, &ms, argv[0])) return JS_EXCEPTION;
  if (ms > 0) {
    if (ms > 1e12) ms = 1e12;
    struct timespec t = {.tv_sec = (time_t)(ms / 1000)};
    t.tv_nsec = (long)((ms - (double)t.tv_sec * 1000) * 1e6);
    nanosleep(&t, NULL);
  }
  return JS_UNDEFINED;
}

/* now() -> milliseconds since the first reading in this attempt */
static JSValue host_now(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  static uint64_t origin;
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  uint64_t now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
  if (origin == 0 && !packing) origin = now;
  return JS_NewFloat64(c, packing ? 0 : (double)(now - origin) / 1e6);
}

/* Math.random: seeded by the attempt's own randomness when it is first used. */
static JSValue host_random(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  static bool seeded;
  if (!seeded) {
    if (getentropy(&c->random_state, sizeof c->random_state) != 0 || c->random_state == 0) c->random_state = 1;
    seeded = !packing; /* what packing draws is no attempt's */
  }
  return js_math_random(c, self, argc, argv);
}

/* random(uint8 array): fills it. */
static JSValue host_fill(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t len;
  uint8_t *b = JS_GetUint8Array(c, &len, argv[0]);
  if (b == NULL) return JS_EXCEPTION;
  for (size_t n; len > 0; b += n, len -= n) {
    n = len < 256 ? len : 256;
    if (getentropy(b, n) != 0) return JS_ThrowInternalError(c, "no randomness");
  }
  return JS_UNDEFINED;
}

static JSValue host_encode(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t len;
  const char *s = JS_ToCStringLen(c, &len, argv[0]);
  if (s == NULL) return JS_EXCEPTION;
  JSValue bytes = JS_NewUint8ArrayCopy(c, (const uint8_t *)s, len);
  JS_FreeCString(c, s);
  return bytes;
}

/* decode(uint8 array, fatal) -> the text, without a byte order mark */
static JSValue host_decode(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t len;
  const uint8_t *b = JS_GetUint8Array(c, &len, argv[0]);
  if (b == NULL) return JS_EXCEPTION;
  if (len >= 3 && memcmp(b, "\xef\xbb\xbf", 3) == 0) b += 3, len -= 3;
  if (JS_ToBool(c, argv[1])) {
    const uint8_t *p = b, *end = b + len, *next;
    for (; p < end; p = next) {
      uint32_t rune = utf8_decode_len(p, (size_t)(end - p), &next);
      if (rune == 0xfffd && (next - p != 3 || *p != 0xef)) return JS_ThrowTypeError(c, "the bytes are no UTF-8");
    }
  }
  return JS_NewStringLen(c, (const char *)b, len);
}

static const JSCFunctionListEntry host_functions[] = {
    JS_CFUNC_DEF("call", 3, host_call),     JS_CFUNC_DEF("log", 1, host_log),
    JS_CFUNC_DEF("packing", 0, host_packing), JS_CFUNC_DEF("text", 0, host_text),
    JS_CFUNC_DEF("sleep", 1, host_sleep),   JS_CFUNC_DEF("now", 0, host_now),
    JS_CFUNC_DEF("random", 0, host_random), JS_CFUNC_DEF("fill", 1, host_fill),
    JS_CFUNC_DEF("encode", 1, host_encode), JS_CFUNC_DEF("decode", 2, host_decode),
};

/* --- jobs -------------------------------------------------------------------- */

static void on_rejection(JSContext *c, JSValueConst promise, JSValueConst reason, bool handled, void *opaque) {
  int64_t n = 0;
  JS_GetLength(c, rejected, &n);
  if (!handled) {
    JSValue pair = JS_NewArray(c);
    JS_SetPropertyUint32(c, pair, 0, JS_DupValue(c, promise));
    JS_SetPropertyUint32(c, pair, 1, JS_DupValue(c, reason));
    JS_SetPropertyUint32(c, rejected, (uint32_t)n, pair);
    return;
  }
  for (int64_t i = 0; i < n; i++) { /* it has got one after all */
    JSValue pair = JS_GetPropertyUint32(c, rejected, (uint32_t)i);
    if (!JS_IsObject(pair)) continue;
    JSValue p = JS_GetPropertyUint32(c, pair, 0);
    bool same = JS_IsStrictEqual(c, p, promise);
    JS_FreeValue(c, p);
    JS_FreeValue(c, pair);
    if (same) JS_SetPropertyUint32(c, rejected, (uint32_t)i, JS_NULL);
  }
}

/* Runs all jobs. An exception that comes out of one stands, and is -1. */
static int drain(void) {
  for (;;) {
    JSContext *c;
    int more = JS_ExecutePendingJob(rt, &c);
    if (more <= 0) return more;
  }
}

/* Runs jobs and timers until the value, which may be a promise, is settled.
 * Gives what it is settled with; JS_EXCEPTION where something was thrown. */
static JSValue settle(JSValue value, const char *never) {
  if (JS_IsException(value)) return value;
  for (;;) {
    if (drain() < 0) return JS_EXCEPTION;
    if (!JS_IsPromise(value)) return value;
    switch (JS_PromiseState(ctx, value)) {
      case JS_PROMISE_FULFILLED: {
        JSValue v = JS_PromiseResult(ctx, value);
        JS_FreeValue(ctx, value);
        return v;
      }
      case JS_PROMISE_REJECTED:
        on_rejection(ctx, value, JS_UNDEFINED, true, NULL);
        return JS_Throw(ctx, JS_PromiseResult(ctx, value));
      default:
        break;
    }
    JSValue ran = JS_Call(ctx, next_timer, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(ran)) return ran;
    if (!JS_ToBool(ctx, ran)) return JS_ThrowTypeError(ctx, "%s", never);
  }
}

/* Tells of the first rejection that nobody handles; JS_UNDEFINED: none. */
static JSValue unhandled(void) {
  int64_t n = 0;
  JS_GetLength(ctx, rejected, &n);
  for (int64_t i = 0; i < n; i++) {
    JSValue pair = JS_GetPropertyUint32(ctx, rejected, (uint32_t)i);
    if (!JS_IsObject(pair)) continue;
    return JS_GetPropertyUint32(ctx, pair, 1);
  }
  return JS_UNINITIALIZED;
}

/* --- an attempt -------------------------------------------------------------- */

EXPORT("chainrun_alloc") void *chainrun_alloc(uint32_t size) {
  if (size == UINT32_MAX) return NULL;
  return malloc(size + 1); /* and a zero byte for the parser */
}

EXPORT("chainrun_js_run") uint64_t chainrun_js_run(uint32_t entry, char *text, uint32_t len) {
  JSValue arguments[2];
  input = text;
  input_len = len;
  text[len] = 0;
  if (entry >= entry_count) return FAILED("{\"code\":\"error\",\"message\":\"no such entry\",\"retryable\":false}");
  arguments[0] = json_parse(text, len, "input");
  if (JS_IsException(arguments[0])) return fail_as("bad_input", "reading the input");
  arguments[1] = node_object;

  JSValue value = JS_Call(ctx, entries[entry], JS_UNDEFINED, 2, (JSValueConst *)arguments);
  value = settle(value, "the function's promise never settles: it waits for something that nothing will ever do");
  if (JS_IsException(value)) return fail_with(JS_GetException(ctx));
  JSValue reason = unhandled();
  if (!JS_IsUninitialized(reason)) return fail_with(reason);

  size_t size;
  char *output = json_stringify(value, len + 256, &size);
  if (output != NULL && size <= INT32_MAX) return result(output, size, false);
  if (JS_HasException(ctx)) return fail_as("bad_output", "writing the output as JSON");
  return fail("bad_output", JS_NewString(ctx, "the function returned nothing that JSON has: return a value, or null"));
}

/* --- memory -----------------------------------------------------------------------

   What packing frees is cleared, for it would be written into the node: parsed
   sources are many times larger than what comes of them. */

static void *memory_calloc(void *opaque, size_t count, size_t size) { return calloc(count, size); }

static void *memory_malloc(void *opaque, size_t size) { return malloc(size); }

/* Compilers leave out a memset before a free, unless they cannot see through it. */
static void clear(void *p, size_t n) {
  memset(p, 0, n);
  __asm__ volatile("" : : "r"(p) : "memory");
}

static void memory_free(void *opaque, void *p) {
  if (packing && p != NULL) clear(p, malloc_usable_size(p));
  free(p);
}

static void *memory_realloc(void *opaque, void *p, size_t size) {
  if (!packing || p == NULL) return realloc(p, size);
  size_t old = malloc_usable_size(p);
  if (size <= old && size >= old / 2) return p;
  void *q = malloc(size);
  if (q == NULL) return NULL;
  memcpy(q, p, old < size ? old : size);
  memory_free(opaque, p);
  return q;
}

static const JSMallocFunctions memory = {memory_calloc, memory_malloc, memory_free, memory_realloc, js__malloc_usable_size};

/* --- packing ----------------------------------------------------------------- */

static int start(void) {
  rt = JS_NewRuntime2(&memory, NULL);
  if (rt == NULL) return -1;
  JS_SetMaxStackSize(rt, STACK_LIMIT);
  JS_SetGCThreshold(rt, (size_t)-1);
  ctx = JS_NewContext(rt);
  if (ctx == NULL) return -1;
  rejected = JS_NewArray(ctx);
  JS_SetHostPromiseRejectionTracker(rt, on_rejection, NULL);

  JSValue host = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, host, host_functions, countof(host_functions));
  JSValue make = JS_Eval(ctx, prelude, sizeof prelude - 1, "chainrun", JS_EVAL_TYPE_GLOBAL);
  if (JS_IsException(make)) return -1;
  JSValue made = JS_Call(ctx, make, JS_UNDEFINED, 1, (JSValueConst *)&host);
  if (JS_IsException(made)) return -1;
  node_object = JS_GetPropertyStr(ctx, made, "node");
  explain = JS_GetPropertyStr(ctx, made, "explain");
  next_timer = JS_GetPropertyStr(ctx, made, "nextTimer");
  describe = JS_GetPropertyStr(ctx, made, "describe");
  set_source_map = JS_GetPropertyStr(ctx, made, "setSourceMap");
  JS_FreeValue(ctx, made);
  JS_FreeValue(ctx, make);
  JS_FreeValue(ctx, host);
  return 0;
}

/* Takes away the source text that each function keeps, once for itself and once
 * in every function around it, for toString: of a large bundle that is most of
 * what there is. */
static void forget_sources(void) {
  struct list_head *el;
  list_for_each(el, &rt->gc_obj_list) {
    JSGCObjectHeader *header = list_entry(el, JSGCObjectHeader, link);
    if (JS_GC_TYPE(header) != JS_GC_OBJ_TYPE_FUNCTION_BYTECODE) continue;
    JSFunctionBytecode *b = (JSFunctionBytecode *)header;
    if (b->source != NULL) clear(b->source, (size_t)b->source_len);
    js_free_rt(rt, b->source);
    b->source = NULL;
    b->source_len = 0;
  }
}

static uint32_t read_u32(const char *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}

/* Evaluates a script, once. The input is three texts, each with its length as
 * four bytes, little-endian, before it: the name of the script, its source map
 * (JSON, or empty) and its source, a module without imports. The answer is what
 * "describe" of the prelude makes of its exports. */
EXPORT("chainrun_run_v1") uint64_t chainrun_pack(char *text, uint32_t len) {
  char *part[3];
  uint32_t size[3], at = 0;
  if (rt != NULL) return FAILED("{\"code\":\"error\",\"message\":\"an engine packs once\"}");
  for (int i = 0; i < 3; i++) {
    if (len - at < 4 || len - at - 4 < (size[i] = read_u32(text + at))) return FAILED("{\"code\":\"error\",\"message\":\"the script is cut short\"}");
    part[i] = text + at + 4;
    at += 4 + size[i];
  }
  packing = true;
  if (start() != 0) return FAILED("{\"code\":\"error\",\"message\":\"the engine does not start\"}");
  JSValue map = JS_NewStringLen(ctx, part[1], size[1]);
  JS_FreeValue(ctx, JS_Call(ctx, set_source_map, JS_UNDEFINED, 1, (JSValueConst *)&map));
  JS_FreeValue(ctx, map);

  char name[256];
  snprintf(name, sizeof name, "%.*s", (int)size[0], part[0]);
  text[len] = 0; /* behind the last part */
  JSValue module = JS_Eval(ctx, part[2], size[2], name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(module)) return fail_with(JS_GetException(ctx));
  JSModuleDef *def = JS_VALUE_GET_PTR(module);
  JSValue done = settle(JS_EvalFunction(ctx, module), "the script's top-level await never settles");
  if (JS_IsException(done)) return fail_with(JS_GetException(ctx));
  JS_FreeValue(ctx, done);
  JSValue reason = unhandled();
  if (!JS_IsUninitialized(reason)) return fail_with(reason);

  JSValue namespace = JS_GetModuleNamespace(ctx, def);
  JSValue what = JS_Call(ctx, describe, JS_UNDEFINED, 1, (JSValueConst *)&namespace);
  JS_FreeValue(ctx, namespace);
  if (JS_IsException(what)) return fail_with(JS_GetException(ctx));
  JSValue functions = JS_GetPropertyStr(ctx, what, "functions");
  int64_t n = 0;
  JS_GetLength(ctx, functions, &n);
  entries = calloc((size_t)n + 1, sizeof *entries);
  if (entries == NULL) return out_of_memory();
  for (entry_count = 0; entry_count < n; entry_count++) entries[entry_count] = JS_GetPropertyUint32(ctx, functions, entry_count);
  JS_FreeValue(ctx, functions);

  /* The document goes out of memory that stays; all else of packing goes. */
  static char *document;
  JSValue answer = JS_GetPropertyStr(ctx, what, "document");
  JS_FreeValue(ctx, what);
  size_t size_of;
  const char *s = JS_ToCStringLen(ctx, &size_of, answer);
  if (s == NULL || (document = malloc(size_of + 1)) == NULL) return out_of_memory();
  memcpy(document, s, size_of);
  JS_FreeCString(ctx, s);
  JS_FreeValue(ctx, answer);
  clear(text, len);
  free(text);
  JS_RunGC(rt);
  forget_sources();
  JS_SetGCThreshold(rt, rt->malloc_state.malloc_size + GC_THRESHOLD);
  packing = false;
  /* The stack begins at the low end of memory; what lies below this call is over. */
  clear((void *)16, (uintptr_t)__builtin_frame_address(0) - 4096);
  return result(document, size_of, false);
}
