// A JSON text is made once, then scanned by recursive descent: branches on bytes.
static char text[1 << 16];
static unsigned length;

static void put(const char *s) {
  while (*s) text[length++] = *s++;
}
static void number(unsigned n) {
  char digits[12];
  int i = 0;
  do digits[i++] = (char)('0' + n % 10);
  while (n /= 10);
  while (i) text[length++] = digits[--i];
}

struct scan { const char *p, *end; unsigned numbers, strings, depth, hash; };

static void space(struct scan *s) {
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t')) s->p++;
}
static void string(struct scan *s) {
  s->p++;
  while (s->p < s->end && *s->p != '"') {
    if (*s->p == '\\') s->p++;
    s->hash = s->hash * 31 + (unsigned char)*s->p++;
  }
  s->p++, s->strings++;
}
static int value(struct scan *s) {
  if (++s->depth > 100) return 0;
  space(s);
  if (s->p >= s->end) return 0;
  switch (*s->p) {
  case '{':
    for (s->p++, space(s); *s->p != '}';) {
      string(s), space(s);
      if (*s->p++ != ':' || !value(s)) return 0;
      space(s);
      if (*s->p == ',') s->p++, space(s);
    }
    s->p++;
    break;
  case '[':
    for (s->p++, space(s); *s->p != ']';) {
      if (!value(s)) return 0;
      space(s);
      if (*s->p == ',') s->p++;
    }
    s->p++;
    break;
  case '"':
    string(s);
    break;
  case 't': case 'n':
    s->p += 4;
    break;
  case 'f':
    s->p += 5;
    break;
  default: {
    unsigned n = 0;
    const char *from = s->p;
    while (s->p < s->end && ((*s->p >= '0' && *s->p <= '9') || *s->p == '.' || *s->p == '-')) n = n * 10 + (unsigned)(*s->p++ - '0');
    if (from == s->p) return 0;
    s->numbers++, s->hash ^= n;
  }
  }
  s->depth--;
  return 1;
}

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  length = 0;
  put("[");
  for (unsigned i = 0; length < sizeof text - 200; i++) {
    if (i) put(",\n ");
    put("{\"id\": "), number(i), put(", \"name\": \"item \\\""), number(i * 7919), put("\\\"\", \"tags\": [\"red\", \"green\", null, true, false], \"price\": "), number(i * 31 % 997), put("."), number(i % 100), put("}");
  }
  put("]");
  unsigned sum = 0;
  for (unsigned r = 0; r < n; r++) {
    struct scan s = {text, text + length, 0, 0, 0, r};
    if (!value(&s)) return 0;
    sum += s.hash + s.numbers + s.strings;
  }
  return sum;
}
