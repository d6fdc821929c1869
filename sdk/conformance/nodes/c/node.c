/* The conformance node in C. */
#include "chainrun.h"

static void echo(const cr_value *in, cr_out *out) { cr_put_value(out, in); }
CHAINRUN_ENTRY("echo", echo)

static void total(const cr_value *in, cr_out *out) {
  const cr_value *config = cr_config();
  int64_t cents = 0, lines = 0, factor = cr_get(config, "factor") ? cr_need_int(config, "factor") : 1;
  cr_text customer = cr_need_text(in, "customer");
  char *upper = cr_new(customer.len);
  for (size_t i = 0; i < customer.len; i++) {
    char c = customer.at[i];
    upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
  }
  CR_EACH(line, cr_need_array(in, "lines")) {
    cr_need_text(line, "sku");
    int64_t quantity = cr_need_int(line, "quantity"), price;
    if (quantity < 0) cr_refuse(line, "quantity", cr_get(line, "quantity"), "at least 0");
    if (__builtin_mul_overflow(quantity, cr_need_int(line, "cents"), &price) ||
        __builtin_add_overflow(cents, price, &cents))
      cr_fail("bad_input", "the sum has more than 64 bits");
    lines++;
  }
  if (__builtin_mul_overflow(cents, factor, &cents)) cr_fail("bad_input", "the sum has more than 64 bits");
  cr_begin_object(out);
  cr_set_text(out, "customer", cr_text_of(upper, customer.len));
  cr_set_int(out, "cents", cents);
  cr_set_int(out, "lines", lines);
  cr_end_object(out);
}
CHAINRUN_ENTRY("total", total)

static void fail(const cr_value *in, cr_out *out) {
  (void)out;
  cr_text code = cr_need_text(in, "code"), message = cr_need_text(in, "message");
  cr_fail_text(code, message, cr_need_bool(in, "retryable"));
}
CHAINRUN_ENTRY("fail", fail)

static void feedback(const cr_value *in, cr_out *out) {
  const cr_value *violations = cr_feedback();
  (void)in;
  cr_begin_object(out);
  cr_set_int(out, "count", (int64_t)cr_count(violations));
  cr_key(out, "pointers");
  cr_begin_array(out);
  CR_EACH(v, violations) cr_put_value(out, cr_get(v, "pointer"));
  cr_end_array(out);
  cr_key(out, "keywords");
  cr_begin_array(out);
  CR_EACH(v, violations) cr_put_value(out, cr_get(v, "keyword"));
  cr_end_array(out);
  cr_end_object(out);
}
CHAINRUN_ENTRY("feedback", feedback)

static void ask(const cr_value *in, cr_out *out) {
  cr_text capability = cr_need_text(in, "capability"), method = cr_need_text(in, "method");
  const cr_value *payload = cr_need(in, "payload");
  if (cr_failed()) return;
  cr_answer answer = cr_call_text(capability, method, cr_raw(payload));
  if (!answer.ok) {
    cr_fail_as(&answer);
    return;
  }
  cr_begin_object(out);
  cr_set_value(out, "answer", answer.value);
  cr_end_object(out);
}
CHAINRUN_ENTRY("ask", ask)

static void log_lines(const cr_value *in, cr_out *out) {
  int64_t n = cr_need_int(in, "lines");
  for (int64_t i = 0; i < n; i++) {
    cr_out attrs = {0};
    cr_begin_object(&attrs);
    cr_set_int(&attrs, "i", i);
    cr_end_object(&attrs);
    cr_log_attrs("info", cr_say("line %l", i), &attrs);
  }
  cr_begin_object(out);
  cr_set_int(out, "lines", n);
  cr_end_object(out);
}
CHAINRUN_ENTRY("log", log_lines)

CHAINRUN_MANIFEST({
  "name": "conformance",
  "entries": {
    "total": {
      "input": {
        "type": "object",
        "properties": {
          "customer": {"type": "string"},
          "lines": {
            "type": "array",
            "items": {
              "type": "object",
              "properties": {
                "sku": {"type": "string"},
                "quantity": {"type": "integer", "minimum": 0},
                "cents": {"type": "integer"}
              },
              "required": ["sku", "quantity", "cents"]
            }
          }
        },
        "required": ["customer", "lines"]
      },
      "output": {
        "type": "object",
        "properties": {
          "customer": {"type": "string"},
          "cents": {"type": "integer"},
          "lines": {"type": "integer", "minimum": 0}
        },
        "required": ["customer", "cents", "lines"]
      },
      "config": {"type": "object", "properties": {"factor": {"type": "integer"}}}
    }
  }
})
