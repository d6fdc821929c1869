// A reactor for the sandbox's tests and benchmarks: it sums the numbers of its
// input and answers {"sum":N,"calls":N}; every attempt has to see calls = 1.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calls;
static char answer[128];

__attribute__((export_name("chainrun_alloc"))) void *chainrun_alloc(uint32_t size) {
  return malloc(size);
}

__attribute__((export_name("chainrun_run_v1"))) uint64_t run(const char *in, uint32_t len) {
  long long sum = 0, n = 0;
  int digits = 0;
  for (uint32_t i = 0; i < len; i++) {
    if (in[i] >= '0' && in[i] <= '9') {
      n = n * 10 + (in[i] - '0');
      digits = 1;
    } else if (digits) {
      sum += n;
      n = digits = 0;
    }
  }
  calls++;
  int size = snprintf(answer, sizeof answer, "{\"sum\":%lld,\"calls\":%d}", sum, calls);
  return (uint64_t)(uintptr_t)answer << 32 | (uint32_t)size;
}
