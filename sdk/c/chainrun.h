/* chainrun.h: a chainrun node in C.
 *
 *     #include "chainrun.h"
 *
 *     static void greet(const cr_value *in, cr_out *out) {
 *       cr_text name = cr_need_text(in, "name");
 *       cr_begin_object(out);
 *       cr_set_text(out, "text", cr_say("Hello, %t!", name));
 *       cr_end_object(out);
 *     }
 *     CHAINRUN_NODE(greet)
 *
 *     clang --target=wasm32-wasi -mexec-model=reactor -Oz -Wl,--strip-all -o greet.wasm greet.c
 *
 * It needs nothing: with --target=wasm32 -nostdlib -Wl,--no-entry it works
 * without a C library. It may be included in several files of one node.
 *
 * Memory comes from cr_new and is never freed: an attempt starts from a fresh
 * state and takes all of it along when it ends. Where there is no more the module
 * traps, which the host reports as memory_exceeded. malloc works beside it.
 *
 * Failing does not jump. cr_fail, and cr_need_* on a document that is not what is
 * needed, note the failure, and the functions go on with zeros and empty texts;
 * when the entry returns, the first failure noted is its result, and not what was
 * written. cr_failed asks before work that would be in vain.
 *
 * In this order: texts and memory; reading JSON; numbers; writing JSON; failing;
 * asking the host; entries and the manifest.
 */
#ifndef CHAINRUN_H
#define CHAINRUN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How deep documents that are read may be nested. */
#ifndef CR_MAX_DEPTH
#define CR_MAX_DEPTH 512
#endif

/* Memory that is there from the beginning, without asking for more. */
#ifndef CR_FIRST_BYTES
#define CR_FIRST_BYTES (32 * 1024)
#endif

/* -------------------------------------------------------- texts and memory */

/* Text is UTF-8, with a length and no zero at its end. */
typedef struct {
  const char *at;
  size_t len;
} cr_text;

static inline cr_text cr_text_of(const char *at, size_t len) {
  cr_text t;
  t.at = at;
  t.len = len;
  return t;
}

/* cr_str is the text of a C string, which ends with a zero. NULL is empty. */
static inline cr_text cr_str(const char *s) {
  size_t n = 0;
  while (s && s[n]) n++;
  return cr_text_of(s, n);
}

static inline bool cr_same(cr_text a, cr_text b) {
  if (a.len != b.len) return false;
  for (size_t i = 0; i < a.len; i++)
    if (a.at[i] != b.at[i]) return false;
  return true;
}

/* cr_is says whether a text is that C string. */
static inline bool cr_is(cr_text a, const char *s) { return cr_same(a, cr_str(s)); }

typedef struct cr_value cr_value;

/* What the files of a node share. Not for use outside of this header. */
struct cr_state_ {
  char *top, *end;                /* what cr_new has left */
  bool failed, retryable;         /* the first failure */
  cr_text code, message;
  const cr_value *input, *config; /* of this call */
  bool configured;
};
__attribute__((weak)) struct cr_state_ cr_state_;
__attribute__((weak)) _Alignas(16) char cr_first_[CR_FIRST_BYTES];

#if defined(__wasm__)
/* Fresh pages, whoever took those before: this goes together with malloc. */
static inline char *cr_grow_(size_t size, size_t *got) {
  size_t least = (size + 0xffff) >> 16, pages = __builtin_wasm_memory_size(0) / 2;
  if (pages < least) pages = least;
  size_t at = __builtin_wasm_memory_grow(0, pages);
  if (at == (size_t)-1 && pages > least) at = __builtin_wasm_memory_grow(0, pages = least);
  if (at == (size_t)-1) return NULL;
  *got = pages << 16;
  return (char *)(at << 16);
}
#else
#include <stdlib.h>
static inline char *cr_grow_(size_t size, size_t *got) { return (char *)malloc(*got = size + (1 << 16)); }
#endif

static inline void *cr_new_or_null_(size_t size) {
  struct cr_state_ *s = &cr_state_;
  if (size > 0x7fffffff) return NULL;
  size = (size + 15) & ~(size_t)15;
  if (!s->top) {
    s->top = cr_first_;
    s->end = cr_first_ + CR_FIRST_BYTES;
  }
  if (size > (size_t)(s->end - s->top)) {
    size_t got = 0;
    char *more = cr_grow_(size, &got);
    if (!more) return NULL;
    if (more != s->end) s->top = more; /* else it lengthens what is there */
    s->end = more + got;
  }
  char *at = s->top;
  s->top += size;
  return at;
}

/* cr_new gives size bytes, aligned for everything. They are not cleared. */
static inline void *cr_new(size_t size) {
  void *at = cr_new_or_null_(size);
  if (!at) __builtin_trap();
  return at;
}

/* ------------------------------------------------------------ reading JSON */

typedef enum { CR_NULL, CR_BOOL, CR_NUMBER, CR_STRING, CR_ARRAY, CR_OBJECT } cr_kind;

/* A value in a document that was read. NULL stands for a value that is not there,
 * and every function here takes it. Values live as long as their document's
 * text. */
struct cr_value {
  const char *at; /* its JSON; of a string what is between the quotes */
  uint32_t len;
  uint32_t span; /* how many values from this one to the one after it */
  uint8_t kind;
  uint8_t escaped; /* a string with backslashes */
};

/* Why a text is no JSON. */
typedef struct {
  const char *text; /* NULL: it is */
  size_t offset;
} cr_problem;

/* The length of the UTF-8 sequence at p, or 0 if it is none. */
static inline size_t cr_utf8_(const unsigned char *p, const unsigned char *end) {
  size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
  if (n == 0 || (size_t)(end - p) < n) return 0;
  for (size_t i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || /* overlong, surrogates */
      (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))   /* overlong, beyond U+10FFFF */
    return 0;
  return n;
}

/* Four hexadecimal digits, or -1. */
static inline int32_t cr_hex_(const char *p, const char *end) {
  int32_t v = 0;
  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    int c = p[i] | 0x20, d = p[i] >= '0' && p[i] <= '9' ? p[i] - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (d < 0) return -1;
    v = v << 4 | d;
  }
  return v;
}

/* The code point of the \u escape whose digits begin at *p, which moves behind it;
 * -1 for a surrogate without its other half. */
static inline int32_t cr_unescape_(const char **p, const char *end) {
  int32_t c = cr_hex_(*p, end);
  if (c < 0 || (c >= 0xdc00 && c <= 0xdfff)) return -1;
  *p += 4;
  if (c < 0xd800 || c > 0xdbff) return c;
  if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
  int32_t low = cr_hex_(*p + 2, end);
  if (low < 0xdc00 || low > 0xdfff) return -1;
  *p += 6;
  return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* Reads the string whose quote is at p; gives what is behind it, or NULL. */
static inline const char *cr_scan_string_(const char *p, const char *end, cr_value *v, cr_problem *why) {
  const char *from = ++p;
  v->kind = CR_STRING;
  v->escaped = 0;
  for (;;) {
    unsigned char c = p < end ? (unsigned char)*p : 0;
    why->offset = 0;
    if (p >= end) why->text = "a string does not end";
    else if (c == '"') {
      v->at = from;
      v->len = (uint32_t)(p - from);
      return p + 1;
    } else if (c < 0x20) why->text = "a control character in a string";
    else if (c == '\\') {
      v->escaped = 1;
      char e = p + 1 < end ? p[1] : 0;
      if (e == 'u') {
        const char *q = p + 2;
        if (cr_unescape_(&q, end) < 0) why->text = "no Unicode escape";
        p = why->text ? p : q;
      } else if (e == '"' || e == '\\' || e == '/' || e == 'b' || e == 'f' || e == 'n' || e == 'r' || e == 't') p += 2;
      else why->text = "no such escape";
    } else if (c < 0x80) p++;
    else {
      size_t n = cr_utf8_((const unsigned char *)p, (const unsigned char *)end);
      if (n == 0) why->text = "no UTF-8";
      p += n;
    }
    if (why->text) {
      v->at = p;
      return NULL;
    }
  }
}

static inline bool cr_digit_(const char *p, const char *end) { return p < end && *p >= '0' && *p <= '9'; }

/* Reads the number at p; gives what is behind it, or NULL. */
static inline const char *cr_scan_number_(const char *p, const char *end) {
  if (p < end && *p == '-') p++;
  if (!cr_digit_(p, end)) return NULL;
  if (*p == '0') p++;
  else
    while (cr_digit_(p, end)) p++;
  if (p < end && *p == '.') {
    if (!cr_digit_(++p, end)) return NULL;
    while (cr_digit_(p, end)) p++;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    if (!cr_digit_(p, end)) return NULL;
    while (cr_digit_(p, end)) p++;
  }
  return p;
}

static inline bool cr_word_(const char *p, const char *end, const char *word) {
  for (; *word; word++, p++)
    if (p >= end || *p != *word) return false;
  return true;
}

static inline const char *cr_space_(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

/* cr_read reads a document: one JSON value in UTF-8, at most CR_MAX_DEPTH deep. It
 * gives NULL for anything else; why, if not NULL, says what is wrong. Keys that
 * come twice are not looked for: the host lets none through. */
static inline const cr_value *cr_read(cr_text doc, cr_problem *why) {
  cr_problem unused;
  const char *p = doc.at, *end = p + doc.len;
  if (!why) why = &unused;
  why->text = NULL;
  why->offset = 0;

  size_t most = 1; /* values: there are no more than what stands before one */
  for (const char *q = p; q < end; q++) most += *q == ',' || *q == ':' || *q == '[' || *q == '{';
  if (doc.len > 0x7fffffff || most > 0x7fffffff / sizeof(cr_value)) {
    why->text = "the document is too large";
    return NULL;
  }
  cr_value *tape = (cr_value *)cr_new(most * sizeof(cr_value));
  uint32_t n = 0, inside = 0, depth = 0; /* inside: 1 + the index of the open list or object */
  bool key = false;

  for (;;) {
    p = cr_space_(p, end);
    char c = p < end ? *p : 0;
    if (p >= end) {
      why->text = n == 0 ? "there is nothing" : "the document ends too early";
      break;
    }
    if (n >= most) { /* as in "1 2", which is refused below */
      why->text = "something behind the value";
      break;
    }
    cr_value *v = &tape[n++];
    v->at = p;
    v->span = 1;
    v->escaped = 0;
    if (c == '"') {
      const char *next = cr_scan_string_(p, end, v, why);
      p = next ? next : v->at;
      if (!next) break;
      if (key) {
        p = cr_space_(p, end);
        if (p >= end || *p != ':') {
          why->text = "expected a colon";
          break;
        }
        p++;
        key = false;
        continue;
      }
    } else if (key) {
      why->text = "expected a key";
      break;
    } else if (c == '{' || c == '[') {
      if (++depth > CR_MAX_DEPTH) {
        why->text = "the document is too deep";
        break;
      }
      v->kind = c == '{' ? CR_OBJECT : CR_ARRAY;
      v->span = inside; /* until it closes */
      inside = n;
      p = cr_space_(p + 1, end);
      if (!(p < end && *p == (c == '{' ? '}' : ']'))) {
        key = c == '{';
        continue;
      }
    } else {
      const char *next = NULL;
      if (c == 't' || c == 'f' || c == 'n') {
        v->kind = c == 'n' ? CR_NULL : CR_BOOL;
        if (cr_word_(p, end, c == 't' ? "true" : c == 'f' ? "false" : "null")) next = p + (c == 'f' ? 5 : 4);
      } else {
        v->kind = CR_NUMBER;
        next = cr_scan_number_(p, end);
      }
      if (!next) {
        why->text = "expected a value";
        break;
      }
      v->len = (uint32_t)(next - p);
      p = next;
    }

    for (;;) { /* behind a value: close what ends here */
      p = cr_space_(p, end);
      if (inside == 0) {
        if (p < end) break;
        return tape;
      }
      cr_value *open = &tape[inside - 1];
      if (p >= end || *p != (open->kind == CR_OBJECT ? '}' : ']')) break;
      p++;
      uint32_t above = open->span;
      open->len = (uint32_t)(p - open->at);
      open->span = n - (inside - 1);
      inside = above;
      depth--;
    }
    if (inside == 0) {
      why->text = "something behind the value";
      break;
    }
    if (p >= end || *p != ',') {
      why->text = p >= end ? "the document ends too early" : "expected a comma or an end";
      break;
    }
    p++;
    key = tape[inside - 1].kind == CR_OBJECT;
  }
  why->offset = (size_t)(p - doc.at);
  return NULL;
}

static inline bool cr_has_kind(const cr_value *v, cr_kind kind) { return v && v->kind == kind; }

/* cr_raw is the value's JSON, as it stands in the document. */
static inline cr_text cr_raw(const cr_value *v) {
  if (!v) return cr_text_of("null", 4);
  return v->kind == CR_STRING ? cr_text_of(v->at - 1, v->len + 2) : cr_text_of(v->at, v->len);
}

/* cr_first and cr_next walk the elements of a list and the values of an object;
 * NULL is the end. cr_key_of gives the key of such a value of an object. */
static inline const cr_value *cr_first(const cr_value *in) {
  if (!in || in->kind < CR_ARRAY || in->span == 1) return NULL;
  return in + (in->kind == CR_OBJECT ? 2 : 1);
}
static inline const cr_value *cr_next(const cr_value *in, const cr_value *v) {
  const cr_value *next = v + v->span;
  if (next >= in + in->span) return NULL;
  return next + (in->kind == CR_OBJECT ? 1 : 0);
}
#define CR_EACH(v, in) for (const cr_value *v = cr_first(in); v; v = cr_next(in, v))

/* cr_count is the number of elements or of keys. */
static inline size_t cr_count(const cr_value *in) {
  size_t n = 0;
  CR_EACH(v, in) n++;
  return n;
}

static inline char *cr_put_utf8_(char *to, int32_t c) {
  if (c < 0x80) {
    *to++ = (char)c;
  } else if (c < 0x800) {
    *to++ = (char)(0xc0 | c >> 6);
    *to++ = (char)(0x80 | (c & 0x3f));
  } else {
    if (c < 0x10000) {
      *to++ = (char)(0xe0 | c >> 12);
    } else {
      *to++ = (char)(0xf0 | c >> 18);
      *to++ = (char)(0x80 | (c >> 12 & 0x3f));
    }
    *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    *to++ = (char)(0x80 | (c & 0x3f));
  }
  return to;
}

/* cr_string is the text of a string, and empty for any other value. It may hold
 * zeros. */
static inline cr_text cr_string(const cr_value *v) {
  if (!cr_has_kind(v, CR_STRING)) return cr_text_of("", 0);
  if (!v->escaped) return cr_text_of(v->at, v->len);
  char *text = (char *)cr_new(v->len), *to = text;
  for (const char *p = v->at, *end = p + v->len; p < end;) {
    if (*p != '\\') {
      *to++ = *p++;
      continue;
    }
    char e = p[1];
    p += 2;
    if (e == 'u') to = cr_put_utf8_(to, cr_unescape_(&p, end));
    else *to++ = e == 'b' ? '\b' : e == 'f' ? '\f' : e == 'n' ? '\n' : e == 'r' ? '\r' : e == 't' ? '\t' : e;
  }
  return cr_text_of(text, (size_t)(to - text));
}

static inline cr_text cr_key_of(const cr_value *v) { return cr_string(v - 1); }

/* cr_get is the value of a key, NULL where in is no object or has no such key. */
static inline const cr_value *cr_get(const cr_value *in, const char *key) {
  if (!cr_has_kind(in, CR_OBJECT)) return NULL;
  cr_text want = cr_str(key);
  CR_EACH(v, in) if (cr_same(cr_key_of(v), want)) return v;
  return NULL;
}

/* cr_at is the element of that index, from 0; NULL where there is none. */
static inline const cr_value *cr_at(const cr_value *in, size_t index) {
  if (!cr_has_kind(in, CR_ARRAY)) return NULL;
  CR_EACH(v, in) if (index-- == 0) return v;
  return NULL;
}

static inline bool cr_bool(const cr_value *v) { return cr_has_kind(v, CR_BOOL) && v->at[0] == 't'; }

/* ----------------------------------------------------------------- numbers */

/* A number's exact value is sign × digits × 10^exponent. Digits are counted
 * without zeros at either end; they stand in the text from first on, with perhaps
 * a point among them. */
typedef struct {
  const char *first;
  size_t digits;
  int64_t exponent;
  bool negative;
} cr_decimal_;

static inline cr_decimal_ cr_decimal_of_(const cr_value *v) {
  cr_decimal_ d = {NULL, 0, 0, false};
  const char *p = v->at, *end = p + v->len;
  size_t zeros = 0; /* behind the last digit that is none */
  bool point = false;
  if (*p == '-') d.negative = true, p++;
  for (; p < end && *p != 'e' && *p != 'E'; p++) {
    if (*p == '.') {
      point = true;
      continue;
    }
    if (point) d.exponent--;
    if (*p == '0') {
      zeros += d.digits > 0;
      continue;
    }
    if (!d.digits) d.first = p;
    d.digits += zeros + 1;
    zeros = 0;
  }
  d.exponent += (int64_t)zeros;
  if (!d.digits) d.exponent = 0;
  if (p < end && d.digits) {
    bool minus = *++p == '-';
    int64_t e = 0;
    if (*p == '-' || *p == '+') p++;
    for (; p < end; p++)
      if (e < 1000000000000) e = e * 10 + (*p - '0');
    d.exponent += minus ? -e : e;
  }
  return d;
}

/* cr_integer stores an exact integer and says whether the value is one that fits:
 * 3, 3.0 and 3e2 are integers, 3.5 and 1e19 are not. */
static inline bool cr_integer(const cr_value *v, int64_t *to) {
  if (!cr_has_kind(v, CR_NUMBER)) return false;
  cr_decimal_ d = cr_decimal_of_(v);
  if (d.digits > 19 || d.exponent < 0 || d.exponent > 19) return false;
  uint64_t n = 0, most = d.negative ? (uint64_t)1 << 63 : INT64_MAX;
  const char *p = d.first;
  for (int64_t left = (int64_t)d.digits + d.exponent; left > 0; left--) {
    int digit = 0;
    if (left > d.exponent) {
      if (*p == '.') p++;
      digit = *p++ - '0';
    }
    if (n > most / 10 || n * 10 > most - (uint64_t)digit) return false;
    n = n * 10 + (uint64_t)digit;
  }
  *to = d.negative ? (int64_t)(0 - n) : (int64_t)n;
  return true;
}

/* Whole numbers of any size, for the conversion of doubles. */
#define CR_LIMBS_ 128
typedef struct {
  uint32_t n, limb[CR_LIMBS_]; /* the lowest first */
} cr_big_;

static inline void cr_big_set_(cr_big_ *b, uint64_t v) {
  for (b->n = 0; v; v >>= 32) b->limb[b->n++] = (uint32_t)v;
}
static inline void cr_big_mul_(cr_big_ *b, uint32_t by, uint32_t add) {
  uint64_t carry = add;
  for (uint32_t i = 0; i < b->n; i++) {
    carry += (uint64_t)b->limb[i] * by;
    b->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry && b->n == CR_LIMBS_) __builtin_trap();
  if (carry) b->limb[b->n++] = (uint32_t)carry;
}
static inline void cr_big_pow10_(cr_big_ *b, int power) {
  for (; power >= 9; power -= 9) cr_big_mul_(b, 1000000000, 0);
  for (; power > 0; power--) cr_big_mul_(b, 10, 0);
}
static inline void cr_big_shift_(cr_big_ *b, int bits) {
  for (; bits >= 31; bits -= 31) cr_big_mul_(b, 1u << 31, 0);
  cr_big_mul_(b, 1u << bits, 0);
}
static inline int cr_big_compare_(const cr_big_ *a, const cr_big_ *b) {
  if (a->n != b->n) return a->n < b->n ? -1 : 1;
  for (uint32_t i = a->n; i-- > 0;)
    if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
  return 0;
}
/* a += b, or a -= b where a is not the smaller one. */
static inline void cr_big_add_(cr_big_ *a, const cr_big_ *b, bool minus) {
  int64_t carry = 0;
  for (uint32_t i = 0; i < b->n || carry; i++) {
    if (i == CR_LIMBS_) __builtin_trap();
    if (i == a->n) a->limb[a->n++] = 0;
    int64_t other = i < b->n ? (int64_t)b->limb[i] : 0;
    carry += (int64_t)a->limb[i] + (minus ? -other : other);
    a->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
  while (a->n && !a->limb[a->n - 1]) a->n--;
}

static inline double cr_from_bits_(uint64_t bits) {
  union { uint64_t bits; double d; } u;
  u.bits = bits;
  return u.d;
}
static inline uint64_t cr_to_bits_(double d) {
  union { uint64_t bits; double d; } u;
  u.d = d;
  return u.bits;
}

/* A positive double as mantissa × 2^exponent. */
static inline uint64_t cr_mantissa_(uint64_t bits, int *exponent) {
  int e = (int)(bits >> 52);
  *exponent = (e ? e : 1) - 1075;
  return (bits & (((uint64_t)1 << 52) - 1)) | (e ? (uint64_t)1 << 52 : 0);
}

/* Compares a decimal number with what lies half-way between two neighbours, bits
 * and bits + 1. */
static inline int cr_compare_half_(const cr_decimal_ *d, size_t digits, uint64_t bits) {
  cr_big_ a, b;
  int e, power = (int)(d->exponent + (int64_t)(d->digits - digits));
  uint64_t m = cr_mantissa_(bits, &e);
  const char *p = d->first;
  cr_big_set_(&a, 0);
  for (size_t i = 0; i < digits; i++, p++) {
    if (*p == '.') p++;
    uint32_t digit = (uint32_t)(*p - '0');
    if (a.n) cr_big_mul_(&a, 10, digit);
    else cr_big_set_(&a, digit);
  }
  cr_big_set_(&b, 2 * m + 1);
  e--;
  cr_big_pow10_(power > 0 ? &a : &b, power > 0 ? power : -power);
  cr_big_shift_(e > 0 ? &b : &a, e > 0 ? e : -e);
  int c = cr_big_compare_(&a, &b);
  return c == 0 && digits < d->digits ? 1 : c; /* what was left off is more than nothing */
}

/* cr_double stores the double that is nearest to a number, as strtod would, and
 * says whether the value is a number that is finite as a double. */
static inline bool cr_double(const cr_value *v, double *to) {
  if (!cr_has_kind(v, CR_NUMBER)) return false;
  cr_decimal_ d = cr_decimal_of_(v);
  uint64_t m = 0, sign = d.negative ? (uint64_t)1 << 63 : 0;
  int64_t size = d.exponent + (int64_t)d.digits; /* the number is below 10^size */
  if (!d.digits || size < -330) {
    *to = cr_from_bits_(sign);
    return true;
  }
  if (size > 310) return false;
  const char *p = d.first;
  size_t taken = d.digits < 19 ? d.digits : 19;
  for (size_t i = 0; i < taken; i++, p++) {
    if (*p == '.') p++;
    m = m * 10 + (uint64_t)(*p - '0');
  }
  /* Near the number; exact where no operation rounds. */
  double near = (double)m, ten = 10;
  int power = (int)(d.exponent + (int64_t)(d.digits - taken));
  int left = power < 0 ? -power : power;
  bool exact = taken == d.digits && m <= (uint64_t)1 << 53 && left <= 22;
  double scale = 1;
  for (; left > 22; left -= 22) near = power < 0 ? near / 1e22 : near * 1e22;
  for (; left > 0; left >>= 1, ten *= ten)
    if (left & 1) scale *= ten;
  near = power < 0 ? near / scale : near * scale;
  uint64_t bits = cr_to_bits_(near);
  const uint64_t infinite = (uint64_t)0x7ff << 52;
  if (!exact) {
    size_t digits = d.digits < 770 ? d.digits : 770; /* more never decide but by being there */
    if (bits >= infinite) bits = infinite - 1;
    for (;;) {
      int c = cr_compare_half_(&d, digits, bits);
      if (c > 0 || (c == 0 && bits & 1)) {
        if (++bits >= infinite) return false;
        continue;
      }
      if (bits == 0) break;
      c = cr_compare_half_(&d, digits, bits - 1);
      if (c > 0 || (c == 0 && !(bits & 1))) break;
      bits--;
    }
  }
  if (bits >= infinite) return false;
  *to = cr_from_bits_(sign | bits);
  return true;
}

/* The shortest digits that read back as the positive double of bits, which is
 * 0.DIGITS × 10^*point. Steele and White's algorithm. */
static inline int cr_shortest_(uint64_t bits, char digits[18], int *point) {
  cr_big_ r, s, up, down, sum;
  int e, n = 0, k = 0;
  uint64_t m = cr_mantissa_(bits, &e);
  bool even = !(m & 1), edge = m == (uint64_t)1 << 52 && e > -1074;
  cr_big_set_(&r, m << (edge ? 2 : 1));
  cr_big_set_(&s, edge ? 4 : 2);
  cr_big_set_(&up, edge ? 2 : 1);
  cr_big_set_(&down, 1);
  if (e > 0) cr_big_shift_(&r, e), cr_big_shift_(&up, e), cr_big_shift_(&down, e);
  else cr_big_shift_(&s, -e);
  for (double x = cr_from_bits_(bits); x >= 1; x /= 10) k++; /* within one of the right one */
  for (double x = cr_from_bits_(bits); x < 0.1; x *= 10) k--;
  if (k > 0) cr_big_pow10_(&s, k);
  else cr_big_pow10_(&r, -k), cr_big_pow10_(&up, -k), cr_big_pow10_(&down, -k);
  for (;;) { /* r + up must be below s, and ten times it not */
    sum = r;
    cr_big_add_(&sum, &up, false);
    int c = cr_big_compare_(&sum, &s);
    if (c > 0 || (c == 0 && even)) {
      cr_big_mul_(&s, 10, 0);
      k++;
      continue;
    }
    cr_big_mul_(&sum, 10, 0);
    c = cr_big_compare_(&sum, &s);
    if (c > 0 || (c == 0 && even)) break;
    cr_big_mul_(&r, 10, 0), cr_big_mul_(&up, 10, 0), cr_big_mul_(&down, 10, 0);
    k--;
  }
  for (bool last = false; !last;) {
    char digit = '0';
    cr_big_mul_(&r, 10, 0), cr_big_mul_(&up, 10, 0), cr_big_mul_(&down, 10, 0);
    for (; cr_big_compare_(&r, &s) >= 0; digit++) cr_big_add_(&r, &s, true);
    sum = r;
    cr_big_add_(&sum, &up, false);
    int low = cr_big_compare_(&r, &down), high = cr_big_compare_(&sum, &s);
    bool below = low < 0 || (low == 0 && even), above = high > 0 || (high == 0 && even);
    if (below && above) {
      cr_big_mul_(&r, 2, 0);
      int c = cr_big_compare_(&r, &s);
      above = c > 0 || (c == 0 && digit % 2 == 1);
    }
    last = below || above;
    digits[n++] = (char)(digit + (above ? 1 : 0));
  }
  *point = k;
  return n;
}

/* ------------------------------------------------------------ writing JSON */

/* A document that is being written, {0} in the beginning. Commas come by
 * themselves. The host checks what comes of it. */
typedef struct {
  char *at;
  size_t len, room;
} cr_out;

/* cr_add adds text as it is. */
static inline void cr_add(cr_out *out, cr_text text) {
  if (text.len > out->room - out->len) {
    size_t room = (out->len + text.len) * 2 + 256;
    if (text.len > 0x7fffffff || room > 0x7fffffff) __builtin_trap();
    char *at = (char *)cr_new(room);
    for (size_t i = 0; i < out->len; i++) at[i] = out->at[i];
    out->at = at;
    out->room = room;
  }
  for (size_t i = 0; i < text.len; i++) out->at[out->len + i] = text.at[i];
  out->len += text.len;
}

/* A value begins: with a comma, unless it is the first or has a key. */
static inline void cr_comma_(cr_out *out) {
  char last = out->len ? out->at[out->len - 1] : '[';
  if (last != '[' && last != '{' && last != ':') cr_add(out, cr_text_of(",", 1));
}

/* cr_put_json adds a value that is JSON already. */
static inline void cr_put_json(cr_out *out, cr_text json) {
  cr_comma_(out);
  cr_add(out, json);
}

static inline void cr_put_text(cr_out *out, cr_text text) {
  static const char hex[] = "0123456789abcdef";
  size_t from = 0;
  cr_put_json(out, cr_text_of("\"", 1));
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    cr_add(out, cr_text_of(text.at + from, i - from));
    from = i + 1;
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    char brief = c == '"' || c == '\\' ? (char)c : c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : 0;
    if (brief) escape[1] = brief;
    cr_add(out, cr_text_of(escape, brief ? 2 : 6));
  }
  cr_add(out, cr_text_of(text.at + from, text.len - from));
  cr_add(out, cr_text_of("\"", 1));
}

static inline cr_text cr_integer_text_(int64_t n, char room[20]) {
  char *at = room + 20;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  do *--at = (char)('0' + u % 10);
  while (u /= 10);
  if (n < 0) *--at = '-';
  return cr_text_of(at, (size_t)(room + 20 - at));
}

static inline void cr_put_int(cr_out *out, int64_t n) {
  char room[20];
  cr_put_json(out, cr_integer_text_(n, room));
}

/* cr_put_double writes the shortest text that reads back as d; what is not finite,
 * for which JSON has no word, as null. */
static inline void cr_put_double(cr_out *out, double d) {
  uint64_t bits = cr_to_bits_(d) & ~((uint64_t)1 << 63);
  if (bits >= (uint64_t)0x7ff << 52) {
    cr_put_json(out, cr_str("null"));
    return;
  }
  if (bits == 0) {
    cr_put_json(out, cr_str(d == 0 && cr_to_bits_(d) ? "-0" : "0"));
    return;
  }
  char digits[18], room[20];
  int point, n = cr_shortest_(bits, digits, &point);
  cr_put_json(out, cr_str(d < 0 ? "-" : ""));
  if (point > -6 && point <= 0) {
    cr_add(out, cr_str("0."));
    for (; point < 0; point++) cr_add(out, cr_str("0"));
    cr_add(out, cr_text_of(digits, (size_t)n));
  } else if (point > 0 && point <= 21) {
    for (int i = 0; i < n || i < point; i++) {
      if (i == point) cr_add(out, cr_str("."));
      cr_add(out, cr_text_of(i < n ? digits + i : "0", 1));
    }
  } else {
    cr_add(out, cr_text_of(digits, 1));
    if (n > 1) cr_add(out, cr_str(".")), cr_add(out, cr_text_of(digits + 1, (size_t)n - 1));
    cr_add(out, cr_str("e"));
    cr_add(out, cr_integer_text_(point - 1, room));
  }
}

static inline void cr_put_bool(cr_out *out, bool b) { cr_put_json(out, cr_str(b ? "true" : "false")); }
static inline void cr_put_null(cr_out *out) { cr_put_json(out, cr_str("null")); }

/* cr_put_value copies a value as it stands in its document; NULL as null. */
static inline void cr_put_value(cr_out *out, const cr_value *v) { cr_put_json(out, cr_raw(v)); }

static inline void cr_begin_object(cr_out *out) { cr_put_json(out, cr_text_of("{", 1)); }
static inline void cr_end_object(cr_out *out) { cr_add(out, cr_text_of("}", 1)); }
static inline void cr_begin_array(cr_out *out) { cr_put_json(out, cr_text_of("[", 1)); }
static inline void cr_end_array(cr_out *out) { cr_add(out, cr_text_of("]", 1)); }

/* cr_key begins a key's value. */
static inline void cr_key_text(cr_out *out, cr_text key) {
  cr_put_text(out, key);
  cr_add(out, cr_text_of(":", 1));
}
static inline void cr_key(cr_out *out, const char *key) { cr_key_text(out, cr_str(key)); }

/* A key with its value. */
static inline void cr_set_text(cr_out *out, const char *key, cr_text v) { cr_key(out, key), cr_put_text(out, v); }
static inline void cr_set_int(cr_out *out, const char *key, int64_t v) { cr_key(out, key), cr_put_int(out, v); }
static inline void cr_set_double(cr_out *out, const char *key, double v) { cr_key(out, key), cr_put_double(out, v); }
static inline void cr_set_bool(cr_out *out, const char *key, bool v) { cr_key(out, key), cr_put_bool(out, v); }
static inline void cr_set_value(cr_out *out, const char *key, const cr_value *v) { cr_key(out, key), cr_put_value(out, v); }

/* cr_written is what was written so far. */
static inline cr_text cr_written(const cr_out *out) { return cr_text_of(out->at, out->len); }

/* cr_say makes a text: %s is a C string, %t a cr_text, %d an int, %l an int64_t, %%
 * a percent sign. */
static inline cr_text cr_say_(const char *format, va_list args) {
  cr_out out = {NULL, 0, 0};
  char room[20];
  for (const char *p = format; *p;) {
    size_t n = 0;
    while (p[n] && p[n] != '%') n++;
    cr_add(&out, cr_text_of(p, n));
    p += n;
    if (!*p) break;
    char what = *++p;
    if (what == 's') cr_add(&out, cr_str(va_arg(args, const char *)));
    else if (what == 't') cr_add(&out, va_arg(args, cr_text));
    else if (what == 'd') cr_add(&out, cr_integer_text_(va_arg(args, int), room));
    else if (what == 'l') cr_add(&out, cr_integer_text_(va_arg(args, int64_t), room));
    else cr_add(&out, cr_text_of("%", 1));
    if (what) p++;
  }
  return cr_written(&out);
}
static inline cr_text cr_say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  cr_text text = cr_say_(format, args);
  va_end(args);
  return text;
}

/* ----------------------------------------------------------------- failing */

/* cr_failed says whether a failure was noted. */
static inline bool cr_failed(void) { return cr_state_.failed; }

/* cr_fail_text makes the attempt fail, unless it does already: the code is short and
 * stable, on it a graph can select; the message is for people; retryable says
 * whether the same call may succeed later. */
static inline void cr_fail_text(cr_text code, cr_text message, bool retryable) {
  struct cr_state_ *s = &cr_state_;
  if (s->failed) return;
  s->failed = true;
  s->code = code;
  s->message = message;
  s->retryable = retryable;
}

/* cr_fail is cr_fail_text for a failure that is not worth trying again, its message
 * as of cr_say. */
static inline void cr_fail(const char *code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  cr_fail_text(cr_str(code), cr_say_(format, args), false);
  va_end(args);
}

/* The JSON Pointer of v in root; empty where it is not in there. */
static inline cr_text cr_pointer_(const cr_value *root, const cr_value *v) {
  cr_out out = {NULL, 0, 0};
  if (!root || v < root || v >= root + root->span) return cr_text_of("", 0);
  while (root != v) {
    size_t index = 0;
    const cr_value *from = root;
    CR_EACH(child, root) {
      if (v >= child && v < child + child->span) {
        char room[20];
        cr_add(&out, cr_text_of("/", 1));
        if (root->kind == CR_ARRAY) {
          cr_add(&out, cr_integer_text_((int64_t)index, room));
        } else {
          cr_text key = cr_key_of(child);
          for (size_t i = 0; i < key.len; i++)
            cr_add(&out, key.at[i] == '~' ? cr_str("~0") : key.at[i] == '/' ? cr_str("~1") : cr_text_of(key.at + i, 1));
        }
        root = child;
        break;
      }
      index++;
    }
    if (root == from) break; /* v is a key */
  }
  return cr_written(&out);
}

/* cr_refuse fails with code bad_input: v is not what it must be. Where v is NULL it
 * is the value of key in in that is missing. */
static inline void cr_refuse(const cr_value *in, const char *key, const cr_value *v, const char *must) {
  if (cr_failed()) return;
  cr_text found = v ? cr_raw(v) : cr_str("nothing");
  if (found.len > 100) {
    found.len = 100;
    while (found.len > 0 && ((unsigned char)found.at[found.len] & 0xc0) == 0x80) found.len--;
    found = cr_say("%t…", found);
  }
  if (v) cr_fail("bad_input", "\"%t\" must be %s, found %t", cr_pointer_(cr_state_.input, v), must, found);
  else cr_fail("bad_input", "\"%t/%s\" must be %s, found %t", cr_pointer_(cr_state_.input, in), key, must, found);
}

/* cr_need gives the value of a key; cr_need_text, … one of that type. Where in is
 * no such object the attempt fails with code bad_input, which names the place. */
static inline const cr_value *cr_need_kind_(const cr_value *in, const char *key, cr_kind kind, const char *must) {
  const cr_value *v = cr_get(in, key);
  if (cr_has_kind(v, kind)) return v;
  if (!v && in && in->kind != CR_OBJECT) cr_refuse(NULL, key, in, "an object");
  else cr_refuse(in, key, v, must);
  return NULL;
}
static inline const cr_value *cr_need(const cr_value *in, const char *key) {
  const cr_value *v = cr_get(in, key);
  return v ? v : cr_need_kind_(in, key, CR_NULL, "a value");
}
static inline cr_text cr_need_text(const cr_value *in, const char *key) {
  return cr_string(cr_need_kind_(in, key, CR_STRING, "a string"));
}
static inline bool cr_need_bool(const cr_value *in, const char *key) {
  return cr_bool(cr_need_kind_(in, key, CR_BOOL, "true or false"));
}
static inline const cr_value *cr_need_array(const cr_value *in, const char *key) {
  return cr_need_kind_(in, key, CR_ARRAY, "a list");
}
static inline const cr_value *cr_need_object(const cr_value *in, const char *key) {
  return cr_need_kind_(in, key, CR_OBJECT, "an object");
}
static inline int64_t cr_need_int(const cr_value *in, const char *key) {
  int64_t n = 0;
  const cr_value *v = cr_need_kind_(in, key, CR_NUMBER, "an integer");
  if (v && !cr_integer(v, &n)) cr_refuse(in, key, v, "an integer of 64 bits");
  return n;
}
static inline double cr_need_double(const cr_value *in, const char *key) {
  double d = 0;
  const cr_value *v = cr_need_kind_(in, key, CR_NUMBER, "a number");
  if (v && !cr_double(v, &d)) cr_refuse(in, key, v, "a number that fits a double");
  return d;
}

/* --------------------------------------------------------- asking the host */

#if defined(__wasm__)
__attribute__((import_module("chainrun_v1"), import_name("call")))
#endif
uint64_t chainrun_v1_call(const char *capability, uint32_t capability_len, const char *method, uint32_t method_len,
                          const char *payload, uint32_t payload_len, char *answer, uint32_t answer_room);

/* What a capability answered. */
typedef struct {
  bool ok;
  cr_text json;          /* the document, or the failure's; may be empty */
  const cr_value *value; /* json as it was read; NULL where it is empty */
  cr_text code, reason, message; /* of a failure */
  bool retryable;
} cr_answer;

/* cr_ask_json asks and does not read the answer. */
static inline cr_answer cr_ask_json(cr_text capability, cr_text method, cr_text payload) {
  enum { room = 2048 };
  cr_answer a = {false, {NULL, 0}, NULL, {NULL, 0}, {NULL, 0}, {NULL, 0}, false};
  char *at = (char *)cr_new(room);
  uint64_t r = chainrun_v1_call(capability.at, (uint32_t)capability.len, method.at, (uint32_t)method.len, payload.at,
                                (uint32_t)payload.len, at, room);
  uint32_t len = (uint32_t)r;
  if (len > room) { /* it is kept for us; nobody is asked again */
    at = (char *)cr_new(len);
    r = chainrun_v1_call("node", 4, "answer", 6, NULL, 0, at, len);
    if ((uint32_t)r > len) __builtin_trap();
  }
  a.ok = r >> 32 == 0;
  a.json = cr_text_of(at, (uint32_t)r);
  return a;
}

/* cr_call asks a capability that the graph grants to this node. The payload is
 * JSON, or empty. */
static inline cr_answer cr_call_text(cr_text capability, cr_text method, cr_text payload) {
  cr_answer a = cr_ask_json(capability, method, payload);
  if (a.json.len) a.value = cr_read(a.json, NULL);
  if (!a.ok) {
    a.code = cr_string(cr_get(a.value, "code"));
    a.reason = cr_string(cr_get(a.value, "reason"));
    a.message = cr_string(cr_get(a.value, "message"));
    a.retryable = cr_bool(cr_get(a.value, "retryable"));
  }
  return a;
}
static inline cr_answer cr_call(const char *capability, const char *method, cr_text payload) {
  return cr_call_text(cr_str(capability), cr_str(method), payload);
}

/* cr_fail_as makes the attempt fail as the call did. */
static inline void cr_fail_as(const cr_answer *a) {
  cr_fail_text(a->reason.len ? a->reason : a->code, a->message, a->retryable);
}

/* cr_config is the node's config, NULL where the graph gives none. */
static inline const cr_value *cr_config(void) {
  struct cr_state_ *s = &cr_state_;
  if (!s->configured) {
    s->configured = true;
    s->config = cr_call_text(cr_text_of("node", 4), cr_text_of("config", 6), cr_text_of("", 0)).value;
  }
  return s->config;
}

/* cr_feedback is the list of complaints about the output of the attempt before
 * this one, each with pointer, keyword, message and perhaps found; NULL in a first
 * attempt. */
static inline const cr_value *cr_feedback(void) {
  return cr_call_text(cr_text_of("node", 4), cr_text_of("feedback", 8), cr_text_of("", 0)).value;
}

/* cr_log_attrs logs a record; level is "debug", "info", "warn" or "error", attrs an
 * object, or NULL. Logging needs no grant. */
static inline void cr_log_attrs(const char *level, cr_text message, const cr_out *attrs) {
  cr_out record = {NULL, 0, 0};
  cr_begin_object(&record);
  cr_set_text(&record, "level", cr_str(level));
  cr_set_text(&record, "message", message);
  if (attrs) cr_key(&record, "attrs"), cr_put_json(&record, cr_written(attrs));
  cr_end_object(&record);
  chainrun_v1_call("node", 4, "log", 3, record.at, (uint32_t)record.len, NULL, 0);
}

/* cr_log logs a message as of cr_say. */
static inline void cr_log(const char *level, const char *format, ...) {
  va_list args;
  va_start(args, format);
  cr_log_attrs(level, cr_say_(format, args), NULL);
  va_end(args);
}

/* -------------------------------------------------- entries, the manifest */

/* An entry reads its input and writes its output; nothing written is null. */
typedef void cr_entry(const cr_value *in, cr_out *out);

static inline uint64_t cr_result_(cr_text doc, bool failed) {
  if (doc.len > 0x7fffffff) __builtin_trap();
  return (uint64_t)(uintptr_t)doc.at << 32 | (uint64_t)failed << 31 | (uint32_t)doc.len;
}

static inline uint64_t cr_run_(cr_entry *entry, const char *input, uint32_t len) {
  struct cr_state_ *s = &cr_state_;
  cr_out out = {NULL, 0, 0};
  cr_problem why;
  s->failed = s->configured = false;
  s->input = cr_read(cr_text_of(input, len), &why);
  if (s->input) entry(s->input, &out);
  else cr_fail("bad_input", "byte %l of the input: %s", (int64_t)why.offset, why.text);
  if (!s->failed) return cr_result_(out.len ? cr_written(&out) : cr_text_of("null", 4), false);
  cr_out error = {NULL, 0, 0};
  cr_begin_object(&error);
  cr_set_text(&error, "code", s->code);
  cr_set_text(&error, "message", s->message);
  cr_set_bool(&error, "retryable", s->retryable);
  cr_end_object(&error);
  return cr_result_(cr_written(&error), true);
}

#if defined(__wasm__)
#define CR_EXPORT_(name) __attribute__((export_name(name)))
#else
#define CR_EXPORT_(name)
#endif
#define CR_JOIN2_(a, b) a##b
#define CR_JOIN_(a, b) CR_JOIN2_(a, b)

/* CHAINRUN_NODE(fn) makes fn the node. CHAINRUN_ENTRY("name", fn) makes it a
 * further entry, which a graph names with entry = "name". */
#define CHAINRUN_NODE(fn) CR_ENTRY_("chainrun_run_v1", fn)
#define CHAINRUN_ENTRY(name, fn) CR_ENTRY_("chainrun_run_v1:" name, fn)
#define CR_ENTRY_(export, fn)                                                              \
  CR_EXPORT_(export) uint64_t CR_JOIN_(cr_entry_of_, fn)(const char *input, uint32_t len); \
  uint64_t CR_JOIN_(cr_entry_of_, fn)(const char *input, uint32_t len) { return cr_run_(fn, input, len); }

/* CHAINRUN_MANIFEST({"name": "greet", …}) is what the module says of itself, as JSON
 * without quotes around it; `chainrun node build` puts it into the file. */
#define CHAINRUN_MANIFEST(...)                                                          \
  CR_EXPORT_("chainrun_describe_v1") uint64_t chainrun_describe_v1(void);               \
  uint64_t chainrun_describe_v1(void) { return cr_result_(cr_str(#__VA_ARGS__), false); }

#if defined(__wasm__)
CR_EXPORT_("chainrun_alloc") __attribute__((weak)) void *chainrun_alloc(uint32_t size) { return cr_new_or_null_(size); }

#if !defined(__wasi__)
/* What the compiler calls by itself, where there is no C library. */
__attribute__((weak, no_builtin)) void *memcpy(void *to, const void *from, size_t n) {
  for (size_t i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}
__attribute__((weak, no_builtin)) void *memset(void *to, int c, size_t n) {
  for (size_t i = 0; i < n; i++) ((char *)to)[i] = (char)c;
  return to;
}
__attribute__((weak, no_builtin)) void *memmove(void *to, const void *from, size_t n) {
  if ((uintptr_t)to - (uintptr_t)from >= n) return memcpy(to, from, n);
  while (n-- > 0) ((char *)to)[n] = ((const char *)from)[n];
  return to;
}
__attribute__((weak, no_builtin)) int memcmp(const void *a, const void *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (((const unsigned char *)a)[i] != ((const unsigned char *)b)[i])
      return ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
  return 0;
}
#endif
#endif

#endif
