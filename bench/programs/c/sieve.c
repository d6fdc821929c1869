// Sieve of Eratosthenes: the tightest loops there are.
#define N 200000
static unsigned char composite[N];

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  unsigned count = 0;
  for (unsigned r = 0; r < n; r++) {
    for (unsigned i = 0; i < N; i++) composite[i] = 0;
    for (unsigned i = 2; i * i < N; i++)
      if (!composite[i])
        for (unsigned j = i * i; j < N; j += i) composite[j] = 1;
    for (unsigned i = 2; i < N; i++) count += !composite[i];
  }
  return count;
}
