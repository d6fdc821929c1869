/* Documents, the fast way: plain objects, arrays, texts and numbers are read and
 * written here; whatever is not plain (or not JSON) is left to the language's
 * own JSON, which decides and explains. Part of engine.c's translation unit. */

/* Deeper documents are the language's own affair. */
#define JSON_DEPTH 600

/* --- writing ------------------------------------------------------------------- */

typedef struct {
  char *text;
  size_t len, cap;
} json_out;

static bool json_room(json_out *o, size_t more) {
  if (o->cap - o->len >= more) return true;
  size_t cap = o->cap * 2 + more;
  char *text = cap > INT32_MAX ? NULL : realloc(o->text, cap);
  if (text == NULL) return false;
  o->text = text;
  o->cap = cap;
  return true;
}

static bool json_put(json_out *o, const char *s, size_t n) {
  if (!json_room(o, n)) return false;
  memcpy(o->text + o->len, s, n);
  o->len += n;
  return true;
}

/* What a character below 128 becomes: 0 itself, 'u' a \u00xx, else a backslash
 * and that letter. */
static const char json_escape[128] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\'};

static char *json_hex(char *at, uint32_t unit) {
  static const char digits[] = "0123456789abcdef";
  *at++ = '\\';
  *at++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) *at++ = digits[unit >> shift & 15];
  return at;
}

static bool json_write_string(json_out *o, JSString *s) {
  const uint8_t *narrow = s->is_wide_char ? NULL : str8(s);
  const uint16_t *wide = s->is_wide_char ? str16(s) : NULL;
  uint32_t n = s->len, i = 0;
  if (!json_put(o, "\"", 1)) return false;
  while (i < n) {
    uint32_t stop = n - i > 256 ? i + 256 : n;
    if (!json_room(o, 256 * 6 + 8)) return false;
    char *at = o->text + o->len;
    for (; i < stop; i++) {
      uint32_t c = narrow ? narrow[i] : wide[i];
      if (c < 128) {
        if (json_escape[c] == 0) {
          *at++ = (char)c;
        } else if (json_escape[c] == 'u') {
          at = json_hex(at, c);
        } else {
          *at++ = '\\';
          *at++ = json_escape[c];
        }
      } else if (c < 0x800) {
        *at++ = (char)(0xc0 | c >> 6);
        *at++ = (char)(0x80 | (c & 63));
      } else if (c < 0xd800 || c >= 0xe000) {
        *at++ = (char)(0xe0 | c >> 12);
        *at++ = (char)(0x80 | (c >> 6 & 63));
        *at++ = (char)(0x80 | (c & 63));
      } else if (c < 0xdc00 && i + 1 < n && wide[i + 1] >= 0xdc00 && wide[i + 1] < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (wide[++i] - 0xdc00u);
        *at++ = (char)(0xf0 | c >> 18);
        *at++ = (char)(0x80 | (c >> 12 & 63));
        *at++ = (char)(0x80 | (c >> 6 & 63));
        *at++ = (char)(0x80 | (c & 63));
      } else {
        at = json_hex(at, c); /* half a pair */
      }
    }
    o->len = (size_t)(at - o->text);
  }
  return json_put(o, "\"", 1);
}

static bool json_write_int(json_out *o, int32_t v) {
  char digits[11], *at = digits + sizeof digits;
  uint32_t u = v < 0 ? 0u - (uint32_t)v : (uint32_t)v;
  do *--at = (char)('0' + u % 10);
  while ((u /= 10) != 0);
  if (v < 0) *--at = '-';
  return json_put(o, at, (size_t)(digits + sizeof digits - at));
}

static bool json_write(json_out *o, JSValueConst v, int depth);

static bool json_write_array(json_out *o, JSObject *p, int depth) {
  uint32_t n = p->u.array.count;
  JSValue length = p->prop[0].u.value; /* an array's first property */
  if (!p->fast_array || p->shape->proto != JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_ARRAY]) || p->shape->prop_count != 1 ||
      JS_VALUE_GET_TAG(length) != JS_TAG_INT || (uint32_t)JS_VALUE_GET_INT(length) != n)
    return false;
  if (!json_put(o, "[", 1)) return false;
  for (uint32_t i = 0; i < n; i++) {
    if (i > 0 && !json_put(o, ",", 1)) return false;
    if (!json_write(o, p->u.array.u.values[i], depth + 1)) return false;
  }
  return json_put(o, "]", 1);
}

static bool json_write_object(json_out *o, JSObject *p, int depth) {
  JSShape *shape = p->shape;
  JSShapeProperty *s = get_shape_prop(shape);
  bool first = true;
  if (p->is_exotic || shape->proto != JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT])) return false;
  if (!json_put(o, "{", 1)) return false;
  for (int i = 0; i < shape->prop_count; i++, s++) {
    if (s->atom == JS_ATOM_NULL) continue; /* deleted */
    if (s->atom == JS_ATOM_toJSON || __JS_AtomIsTaggedInt(s->atom) || (s->flags & JS_PROP_TMASK) != JS_PROP_NORMAL) return false;
    JSString *key = rt->atom_array[s->atom];
    if (key->atom_type != JS_ATOM_TYPE_STRING) return false; /* a symbol */
    uint32_t unit = key->len == 0 ? 0 : key->is_wide_char ? str16(key)[0] : str8(key)[0];
    if (unit >= '0' && unit <= '9') return false; /* perhaps an index, which has another place */
    if (!(s->flags & JS_PROP_ENUMERABLE)) continue;
    JSValue v = p->prop[i].u.value;
    if (JS_IsUndefined(v)) continue;
    if (!first && !json_put(o, ",", 1)) return false;
    first = false;
    if (!json_write_string(o, key) || !json_put(o, ":", 1) || !json_write(o, v, depth + 1)) return false;
  }
  return json_put(o, "}", 1);
}

/* Writes a value. False: it is not plain, or there is no memory. */
static bool json_write(json_out *o, JSValueConst v, int depth) {
  switch (JS_VALUE_GET_NORM_TAG(v)) {
    case JS_TAG_INT:
      return json_write_int(o, JS_VALUE_GET_INT(v));
    case JS_TAG_BOOL:
      return JS_VALUE_GET_BOOL(v) ? json_put(o, "true", 4) : json_put(o, "false", 5);
    case JS_TAG_NULL:
      return json_put(o, "null", 4);
    case JS_TAG_FLOAT64: {
      double d = JS_VALUE_GET_FLOAT64(v);
      JSDTOATempMem memory;
      if (!isfinite(d)) return json_put(o, "null", 4);
      if (double_is_int32(d)) return json_write_int(o, (int32_t)d);
      if (!json_room(o, 128)) return false;
      o->len += (size_t)js_dtoa(o->text + o->len, d, 10, 0, 0, &memory);
      return true;
    }
    case JS_TAG_STRING:
      return json_write_string(o, JS_VALUE_GET_STRING(v));
    case JS_TAG_OBJECT: {
      JSObject *p = JS_VALUE_GET_OBJ(v);
      if (depth >= JSON_DEPTH) return false; /* a circle, perhaps */
      if (p->class_id == JS_CLASS_OBJECT) return json_write_object(o, p, depth);
      return p->class_id == JS_CLASS_ARRAY && json_write_array(o, p, depth);
    }
    default: /* undefined in an array, functions, symbols, BigInt, long texts in pieces */
      return false;
  }
}

/* Whether nobody has given all objects a toJSON. */
static bool json_usual(void) {
  JSObject *object = JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT]), *array = JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_ARRAY]);
  return array->shape->proto == object && object->shape->proto == NULL && find_own_property1(object, JS_ATOM_toJSON) == NULL &&
         find_own_property1(array, JS_ATOM_toJSON) == NULL;
}

/* Gives a value as JSON, to be freed. NULL: an exception stands, or the value is
 * nothing that JSON has. */
static char *json_stringify(JSValueConst v, size_t expected, size_t *len) {
  json_out o = {.cap = expected};
  if (json_usual() && (o.text = malloc(o.cap)) != NULL) {
    if (json_write(&o, v, 0)) {
      *len = o.len;
      return o.text;
    }
    free(o.text);
  }
  JSValue text = JS_JSONStringify(ctx, v, JS_UNDEFINED, JS_UNDEFINED);
  if (!JS_IsString(text)) return NULL;
  const char *s = JS_ToCStringLen(ctx, len, text);
  JS_FreeValue(ctx, text);
  if (s == NULL) return NULL;
  char *copy = malloc(*len + 1);
  if (copy != NULL) memcpy(copy, s, *len);
  else JS_ThrowOutOfMemory(ctx);
  JS_FreeCString(ctx, s);
  return copy;
}

/* --- reading ------------------------------------------------------------------- */

typedef struct {
  const char *at; /* the text ends with a zero byte, which no token has */
} json_in;

static void json_space(json_in *in) {
  while (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r') in->at++;
}

static JSValue json_read(json_in *in, int depth);

/* A text without escapes, as it stands between its quotes. */
static bool json_plain(json_in *in, const char **text, size_t *len, bool *ascii) {
  const char *p = in->at + 1;
  uint8_t all = 0;
  while ((uint8_t)*p >= ' ' && *p != '"' && *p != '\\') all |= (uint8_t)*p++;
  if (*p != '"') return false;
  *text = in->at + 1;
  *len = (size_t)(p - *text);
  *ascii = all < 128;
  in->at = p + 1;
  return true;
}

/* A text of UTF-8. JS_UNINITIALIZED: something is wrong with it. */
static JSValue json_text(const char *text, size_t len) {
  size_t units;
  if (utf8_scan(text, len, &units) & UTF8_HAS_ERRORS) return JS_UNINITIALIZED;
  return JS_NewStringLen(ctx, text, len);
}

/* A text with escapes, but no half of a surrogate pair. */
static JSValue json_escaped(json_in *in) {
  const char *p = in->at + 1, *end = p;
  for (; *end != '"'; end++) {
    if ((uint8_t)*end < ' ') return JS_UNINITIALIZED;
    if (*end == '\\' && *++end == 0) return JS_UNINITIALIZED;
  }
  char *text = malloc((size_t)(end - p) + 1), *to = text;
  if (text == NULL) return JS_UNINITIALIZED;
  while (p < end) {
    if (*p != '\\') {
      *to++ = *p++;
      continue;
    }
    uint32_t c = 0;
    switch (p[1]) {
      case '"': case '\\': case '/': c = (uint8_t)p[1]; break;
      case 'b': c = '\b'; break;
      case 'f': c = '\f'; break;
      case 'n': c = '\n'; break;
      case 'r': c = '\r'; break;
      case 't': c = '\t'; break;
      case 'u':
        for (int i = 2; i < 6; i++) {
          int digit = from_hex(p[i]);
          if (digit < 0) goto wrong;
          c = c << 4 | (uint32_t)digit;
        }
        p += 4;
        if (c >= 0xd800 && c < 0xe000) {
          uint32_t low = 0;
          if (c >= 0xdc00 || p[2] != '\\' || p[3] != 'u') goto wrong;
          for (int i = 4; i < 8; i++) {
            int digit = from_hex(p[i]);
            if (digit < 0) goto wrong;
            low = low << 4 | (uint32_t)digit;
          }
          if (low < 0xdc00 || low >= 0xe000) goto wrong;
          c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
          p += 6;
        }
        break;
      default:
        goto wrong;
    }
    p += 2;
    to += utf8_encode((uint8_t *)to, c);
  }
  in->at = end + 1;
  JSValue v = json_text(text, (size_t)(to - text));
  free(text);
  return v;
wrong:
  free(text);
  return JS_UNINITIALIZED;
}

static JSValue json_read_string(json_in *in) {
  const char *text;
  size_t len;
  bool ascii;
  if (!json_plain(in, &text, &len, &ascii)) return json_escaped(in);
  return ascii ? js_new_string8_len(ctx, text, (int)len) : json_text(text, len);
}

static JSValue json_read_number(json_in *in) {
  const char *start = in->at, *p = start;
  if (*p == '-') p++;
  if (!is_digit(*p) || (*p == '0' && is_digit(p[1]))) return JS_UNINITIALIZED;
  uint32_t whole = 0;
  while (is_digit(*p)) whole = whole * 10 + (uint32_t)(*p++ - '0');
  if (*p != '.' && *p != 'e' && *p != 'E' && p - start <= 9 && !(*start == '-' && whole == 0)) { /* below 2^31; -0 is none */
    in->at = p;
    return JS_NewInt32(ctx, *start == '-' ? -(int32_t)whole : (int32_t)whole);
  }
  if (*p == '.') {
    if (!is_digit(*++p)) return JS_UNINITIALIZED;
    while (is_digit(*p)) p++;
  }
  if (*p == 'e' || *p == 'E') {
    if (*++p == '+' || *p == '-') p++;
    if (!is_digit(*p)) return JS_UNINITIALIZED;
    while (is_digit(*p)) p++;
  }
  in->at = p;
  return js_number(strtod(start, NULL)); /* as the language's own reader */
}

static JSValue json_read_array(json_in *in, int depth) {
  JSValue array = JS_NewArray(ctx);
  if (JS_IsException(array)) return array;
  JSObject *p = JS_VALUE_GET_OBJ(array);
  uint32_t n = 0;
  in->at++;
  json_space(in);
  if (*in->at == ']') {
    in->at++;
    return array;
  }
  for (;;) {
    JSValue v = json_read(in, depth + 1);
    if (JS_IsUninitialized(v) || JS_IsException(v)) {
      JS_FreeValue(ctx, array);
      return v;
    }
    if (n == p->u.array.u1.size && expand_fast_array(ctx, p, n + 1) < 0) {
      JS_FreeValue(ctx, v);
      JS_FreeValue(ctx, array);
      return JS_EXCEPTION;
    }
    p->u.array.u.values[n++] = v;
    p->u.array.count = n;
    p->prop[0].u.value = JS_MKVAL(JS_TAG_INT, (int32_t)n);
    json_space(in);
    if (*in->at == ']') break;
    if (*in->at != ',') {
      JS_FreeValue(ctx, array);
      return JS_UNINITIALIZED;
    }
    in->at++;
  }
  in->at++;
  return array;
}

/* The name of a member. JS_ATOM_NULL: none, or no memory. */
static JSAtom json_read_name(json_in *in) {
  const char *text;
  size_t len;
  bool ascii;
  json_in before = *in;
  if (*in->at != '"') return JS_ATOM_NULL;
  if (json_plain(in, &text, &len, &ascii) && ascii) return JS_NewAtomLen(ctx, text, len);
  *in = before;
  JSValue v = json_read_string(in);
  if (!JS_IsString(v)) return JS_ATOM_NULL;
  return JS_NewAtomStr(ctx, JS_VALUE_GET_STRING(v));
}

static JSValue json_read_object(json_in *in, int depth) {
  JSValue object = JS_NewObject(ctx);
  if (JS_IsException(object)) return object;
  JSObject *p = JS_VALUE_GET_OBJ(object);
  in->at++;
  json_space(in);
  if (*in->at == '}') {
    in->at++;
    return object;
  }
  for (;;) {
    JSAtom name = json_read_name(in);
    if (name == JS_ATOM_NULL) break;
    json_space(in);
    JSValue v = JS_UNINITIALIZED;
    if (*in->at == ':') {
      in->at++;
      v = json_read(in, depth + 1);
    }
    if (JS_IsUninitialized(v) || JS_IsException(v)) {
      JS_FreeAtom(ctx, name);
      break;
    }
    JSProperty *property;
    bool ok;
    if (find_own_property(&property, p, name) == NULL) {
      property = add_property(ctx, p, name, JS_PROP_C_W_E);
      if ((ok = property != NULL)) property->u.value = v;
      else JS_FreeValue(ctx, v);
    } else { /* the later of two */
      set_value(ctx, &property->u.value, v);
      ok = true;
    }
    JS_FreeAtom(ctx, name);
    if (!ok) break;
    json_space(in);
    if (*in->at == '}') {
      in->at++;
      return object;
    }
    if (*in->at != ',') break;
    in->at++;
    json_space(in);
  }
  JS_FreeValue(ctx, object);
  return JS_UNINITIALIZED;
}

/* Reads a value, with the space before it. JS_UNINITIALIZED: ask the language. */
static JSValue json_read(json_in *in, int depth) {
  json_space(in);
  switch (*in->at) {
    case '{':
      return depth < JSON_DEPTH ? json_read_object(in, depth) : JS_UNINITIALIZED;
    case '[':
      return depth < JSON_DEPTH ? json_read_array(in, depth) : JS_UNINITIALIZED;
    case '"':
      return json_read_string(in);
    case 't':
      if (memcmp(in->at, "true", 4) != 0) return JS_UNINITIALIZED;
      in->at += 4;
      return JS_TRUE;
    case 'f':
      if (memcmp(in->at, "false", 5) != 0) return JS_UNINITIALIZED;
      in->at += 5;
      return JS_FALSE;
    case 'n':
      if (memcmp(in->at, "null", 4) != 0) return JS_UNINITIALIZED;
      in->at += 4;
      return JS_NULL;
    default:
      return json_read_number(in);
  }
}

/* Reads a document of len bytes, with a zero byte behind them. */
static JSValue json_parse(const char *text, size_t len, const char *name) {
  json_in in = {text};
  JSValue v = json_read(&in, 0);
  if (!JS_IsUninitialized(v) && !JS_IsException(v)) {
    json_space(&in);
    if (in.at == text + len) return v;
    JS_FreeValue(ctx, v);
  }
  JS_FreeValue(ctx, JS_GetException(ctx));
  return JS_ParseJSON(ctx, text, len, name); /* decides, and says what is wrong */
}
