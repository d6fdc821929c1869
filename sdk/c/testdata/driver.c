/* What the tests of chainrun.h run on this machine. It reads jobs from standard
 * input, each a letter, a length of four bytes and that many bytes, and writes an
 * answer for each, a length and its bytes:
 *
 *   r  a document: as it was read, written anew; or "! OFFSET WHY"
 *   i  a number: as an integer, or "none"
 *   d  a number: its double's bits and that double written, or "none"
 *   e  an entry's input: what the entry total below gives, or its error document
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chainrun.h"

uint64_t chainrun_v1_call(const char *capability, uint32_t capability_len, const char *method, uint32_t method_len,
                          const char *payload, uint32_t payload_len, char *answer, uint32_t answer_room) {
  static char big[100001];
  static const char denied[] = "{\"code\":\"capability_denied\",\"message\":\"no grant\"}";
  const char *doc = "";
  uint64_t status = 0;
  (void)payload, (void)payload_len, (void)capability, (void)capability_len;
  if (method_len == 6 && memcmp(method, "config", 6) == 0) doc = "{\"factor\":2}";
  else if (method_len == 6 && memcmp(method, "answer", 6) == 0) doc = big;
  else if (method_len == 3 && memcmp(method, "big", 3) == 0) {
    memset(big, 'x', 100000);
    big[0] = big[99999] = '"';
    doc = big;
  } else status = 1, doc = denied;
  size_t n = strlen(doc);
  memcpy(answer, doc, n < answer_room ? n : answer_room);
  return status << 32 | n;
}

static void again(const cr_value *v, cr_out *out) {
  switch ((cr_kind)v->kind) {
    case CR_NULL: cr_put_null(out); break;
    case CR_BOOL: cr_put_bool(out, cr_bool(v)); break;
    case CR_NUMBER: cr_put_json(out, cr_raw(v)); break;
    case CR_STRING: cr_put_text(out, cr_string(v)); break;
    case CR_ARRAY:
      cr_begin_array(out);
      CR_EACH(item, v) again(item, out);
      cr_end_array(out);
      break;
    case CR_OBJECT:
      cr_begin_object(out);
      CR_EACH(item, v) {
        cr_key_text(out, cr_key_of(item));
        again(item, out);
      }
      cr_end_object(out);
      break;
  }
}

static void total(const cr_value *in, cr_out *out) {
  int64_t sum = 0;
  CR_EACH(line, cr_need_array(in, "lines")) sum += cr_need_int(line, "n");
  cr_text name = cr_need_text(in, "name");
  if (cr_is(name, "big")) {
    cr_answer a = cr_call("clerk", "big", cr_str("{}"));
    cr_begin_object(out);
    cr_set_int(out, "bytes", (int64_t)cr_string(a.value).len);
    cr_end_object(out);
    return;
  }
  if (cr_is(name, "denied")) {
    cr_answer a = cr_call("clerk", "no", cr_str(""));
    if (!a.ok) cr_fail_as(&a);
    return;
  }
  if (cr_is(name, "fail")) {
    cr_fail("first", "%s %t %d %l 100%%", "a", cr_str("b"), -3, (int64_t)1 << 40);
    cr_fail("second", "too late");
  }
  cr_begin_object(out);
  cr_set_text(out, "name", name);
  cr_set_int(out, "sum", sum * cr_need_int(cr_config(), "factor"));
  cr_set_double(out, "half", (double)sum / 2);
  cr_set_bool(out, "flag", cr_get(in, "flag") ? cr_need_bool(in, "flag") : false);
  cr_set_value(out, "second", cr_at(cr_get(in, "lines"), 1));
  cr_end_object(out);
}

static cr_text answer(char job, cr_text text) {
  cr_out out = {0};
  cr_problem why;
  if (job == 'e') { /* as cr_run_ does; its result has no room for an address of 64 bits */
    cr_state_.failed = cr_state_.configured = false;
    cr_state_.input = cr_read(text, &why);
    if (!cr_state_.input) return cr_say("! %l %s", (int64_t)why.offset, why.text);
    total(cr_state_.input, &out);
    if (cr_failed()) return cr_say("%t: %t", cr_state_.code, cr_state_.message);
    return cr_written(&out);
  }
  const cr_value *v = cr_read(text, &why);
  if (!v) return cr_say("! %l %s", (int64_t)why.offset, why.text);
  if (job == 'r') {
    again(v, &out);
    return cr_written(&out);
  }
  if (job == 'i') {
    int64_t n;
    return cr_integer(v, &n) ? cr_say("%l", n) : cr_str("none");
  }
  double d;
  if (!cr_double(v, &d)) return cr_str("none");
  uint64_t bits;
  memcpy(&bits, &d, 8);
  cr_put_double(&out, d);
  return cr_say("%l %t", (int64_t)bits, cr_written(&out));
}

int main(void) {
  char job;
  uint32_t len;
  while (fread(&job, 1, 1, stdin) == 1 && fread(&len, 4, 1, stdin) == 1) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (len + page - 1) / page * page;
    char *room = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + size, page, PROT_NONE) != 0) return 2;
    char *text = room + size - len; /* its end is where reading ends */
    if (fread(text, 1, len, stdin) != len) return 1;
    cr_state_.top = NULL;
    cr_text got = answer(job, cr_text_of(text, len));
    uint32_t n = (uint32_t)got.len;
    fwrite(&n, 4, 1, stdout);
    fwrite(got.at, 1, n, stdout);
    munmap(room, size + page);
  }
  return 0;
}
