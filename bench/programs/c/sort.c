// Sort with a comparison by function pointer: indirect calls.
typedef unsigned int u32;
typedef int (*compare)(const void *, const void *);
void qsort(void *, __SIZE_TYPE__, __SIZE_TYPE__, compare);

static int up(const void *a, const void *b) {
  u32 x = *(const u32 *)a, y = *(const u32 *)b;
  return (x > y) - (x < y);
}
static int down(const void *a, const void *b) { return up(b, a); }

static u32 v[4096];

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  u32 seed = 1, sum = 0;
  for (unsigned r = 0; r < n; r++) {
    for (int i = 0; i < 4096; i++) v[i] = seed = seed * 1664525 + 1013904223;
    qsort(v, 4096, sizeof v[0], r & 1 ? down : up);
    sum += v[r % 4096];
  }
  return sum;
}
