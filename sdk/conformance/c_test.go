// sdk/c: one header.

package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

var _ = register("c", func(t *testing.T) []byte {
	t.Helper()
	return buildProject(t, "c", "nodes/c/node.c", "../c/chainrun.h")
})

// buildC builds a node of several files.
func buildC(t *testing.T, files map[string]string) *node {
	t.Helper()
	dir := t.TempDir()
	header, err := os.ReadFile("../c/chainrun.h")
	if err != nil {
		t.Fatal(err)
	}
	files["chainrun.h"] = string(header)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &node{load(t, buildFolder(t, "c", dir))}
}

// The header is in both files, the state and the allocator once in the module.
func TestCInSeveralFiles(t *testing.T) {
	n := buildC(t, map[string]string{
		"main.c": `#include "chainrun.h"
void check(const cr_value *in);
static void sum(const cr_value *in, cr_out *out) {
  check(in);
  cr_put_int(out, cr_need_int(in, "a"));
}
CHAINRUN_NODE(sum)`,
		"check.c": `#include "chainrun.h"
void check(const cr_value *in) {
  if (cr_need_int(in, "a") < 0) cr_fail("negative", "a is %l", cr_need_int(in, "a"));
}
static void other(const cr_value *in, cr_out *out) { cr_put_value(out, cr_get(in, "a")); }
CHAINRUN_ENTRY("other", other)`,
	})
	n.gives(t, ask("", `{"a": 3}`), `3`)
	n.gives(t, ask("other", `{"a": "x"}`), `"x"`)
	if stop := n.fails(t, ask("", `{"a": -3}`)); stop.Code != "negative" || stop.Message != "a is -3" {
		t.Errorf("%+v", stop)
	}
	if stop := n.fails(t, ask("", `{"a": 1`)); stop.Code != "bad_input" || stop.Message != "byte 7 of the input: the document ends too early" {
		t.Errorf("%+v", stop)
	}
}

// cr_new and malloc take memory in turns, and neither gives out the other's.
func TestCMemory(t *testing.T) {
	n := buildC(t, map[string]string{"main.c": `#include <stdlib.h>
#include <string.h>
#include "chainrun.h"
static void take(const cr_value *in, cr_out *out) {
  int64_t rounds = cr_need_int(in, "rounds"), bad = 0;
  size_t size = (size_t)cr_need_int(in, "size");
  char **all = malloc((size_t)rounds * 2 * sizeof *all);
  for (int64_t i = 0; i < rounds; i++) {
    all[2 * i] = malloc(size + (size_t)i * 7);
    all[2 * i + 1] = cr_new(size + (size_t)i * 13);
    memset(all[2 * i], (int)(2 * i), size + (size_t)i * 7);
    memset(all[2 * i + 1], (int)(2 * i + 1), size + (size_t)i * 13);
  }
  for (int64_t i = 0; i < rounds; i++) {
    for (size_t k = 0; k < size + (size_t)i * 7; k++) bad += all[2 * i][k] != (char)(2 * i);
    for (size_t k = 0; k < size + (size_t)i * 13; k++) bad += all[2 * i + 1][k] != (char)(2 * i + 1);
    free(all[2 * i]);
  }
  cr_put_int(out, bad);
}
CHAINRUN_NODE(take)`})
	for _, input := range []string{`{"rounds": 100, "size": 10}`, `{"rounds": 60, "size": 9000}`, `{"rounds": 5, "size": 700000}`} {
		n.gives(t, ask("", input), `0`)
	}
	c := ask("", `{"rounds": 100, "size": 1000000}`)
	c.Limits.MemoryBytes = 8 << 20
	if got := n.call(t, c); got.Stop == nil || got.Stop.Reason != sandbox.MemoryExceeded {
		t.Errorf("beyond the cap: %+v", got.Stop)
	}
	if stop := n.fails(t, ask("", `{"rounds": 1, "size": "`+strings.Repeat("9", 200)+`"}`)); !strings.HasSuffix(stop.Message, "999…") {
		t.Errorf("%+v", stop)
	}
}
