// Substring search by Horspool's rule, and by a naive loop beside it.
#define LENGTH 100000
static unsigned char text[LENGTH];

static unsigned horspool(const unsigned char *needle, unsigned m) {
  unsigned skip[256], found = 0;
  for (int i = 0; i < 256; i++) skip[i] = m;
  for (unsigned i = 0; i + 1 < m; i++) skip[needle[i]] = m - 1 - i;
  for (unsigned i = 0; i + m <= LENGTH; i += skip[text[i + m - 1]]) {
    unsigned k = m;
    while (k && text[i + k - 1] == needle[k - 1]) k--;
    found += !k;
  }
  return found;
}
static unsigned naive(const unsigned char *needle, unsigned m) {
  unsigned found = 0;
  for (unsigned i = 0; i + m <= LENGTH; i++) {
    unsigned k = 0;
    while (k < m && text[i + k] == needle[k]) k++;
    found += k == m;
  }
  return found;
}

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  unsigned seed = 3, found = 0;
  for (int i = 0; i < LENGTH; i++) {
    seed = seed * 1664525 + 1013904223;
    text[i] = (unsigned char)("etaoin shr"[(seed >> 16) % 10]);
  }
  for (unsigned r = 0; r < n; r++) {
    const unsigned char *needle = text + r * 977 % (LENGTH - 100);
    found += horspool(needle, 6) + naive(needle, 6);
  }
  return found;
}
