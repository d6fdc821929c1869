/* A node in C: gives its input back; its entry ask asks a capability first. */
#include <stdint.h>
#include <stdlib.h>

__attribute__((import_module("chainrun_v1"), import_name("call")))
uint64_t chainrun_call(const char *, uint32_t, const char *, uint32_t, const char *, uint32_t, char *, uint32_t);

__attribute__((export_name("chainrun_alloc"))) void *chainrun_alloc(uint32_t size) { return malloc(size); }

__attribute__((export_name("chainrun_run_v1"))) uint64_t run(const char *input, uint32_t len) {
  return (uint64_t)(uintptr_t)input << 32 | len;
}

__attribute__((export_name("chainrun_run_v1:ask"))) uint64_t ask(const char *input, uint32_t len) {
  char *answer = malloc(64 << 10);
  uint64_t r = chainrun_call("echo", 4, "echo", 4, input, len, answer, 64 << 10);
  return (uint64_t)(uintptr_t)answer << 32 | (uint32_t)r;
}
