// Open addressing: data-dependent short loops and calls to small functions.
typedef unsigned int u32;
#define SLOTS 65536
static u32 keys[SLOTS], values[SLOTS];

__attribute__((noinline)) static u32 hash(u32 k) {
  k ^= k >> 16, k *= 0x7feb352d, k ^= k >> 15, k *= 0x846ca68b;
  return k ^ k >> 16;
}
__attribute__((noinline)) static u32 *find(u32 k) {
  u32 i = hash(k) % SLOTS;
  while (keys[i] && keys[i] != k) i = (i + 1) % SLOTS;
  keys[i] = k;
  return &values[i];
}

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  u32 seed = 7, sum = 0;
  for (int i = 0; i < SLOTS; i++) keys[i] = values[i] = 0;
  for (unsigned r = 0; r < n; r++) {
    seed = seed * 1664525 + 1013904223;
    sum += ++*find(seed % 40000 + 1);
  }
  return sum;
}
