package graphfile_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

// reference reads docs/graph-file.md, two folders above this package.
func reference(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "graph-file.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReferenceExamples loads every example of the reference. One that does not
// begin with version is a part of a graph, and is only read.
func TestReferenceExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(reference(t), -1)
	if len(blocks) < 6 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, m := range blocks {
		text := m[1]
		var found graph.Diagnostics
		if strings.HasPrefix(text, "version") {
			_, found = graphfile.Load("example.toml", []byte(text), func(name string) ([]byte, error) {
				if filepath.Ext(name) == ".toml" {
					return []byte("[nodes.x]\nmodule = \"x.wasm\"\n"), nil
				}
				return []byte("{}"), nil
			})
		} else {
			_, found = graphfile.Parse("example.toml", []byte(text))
		}
		if len(found) > 0 {
			t.Errorf("%v in:\n%s", found, text)
		}
	}
}

// everyKey has every key of the language once.
const everyKey = `
version = 1
name = "x"
description = "x"
start = "a"
chain = ["a"]
deadline = "1s"
max_steps = 1
[input]
schema = {}
[output]
schema = {}
value = "output"
[state.k]
initial = 1
schema = {}
reduce = "replace"
[defaults]
fuel = 1
[capabilities.c]
kind = "c"
[secrets.s]
env = "S"
file = "s"
[budget]
calls = 1
tokens = 1
cost = 1
[nodes.a]
module = "m.wasm"
graph = "g.toml"
wait = true
entry = "e"
encoding = "json"
input = "input"
config = 1
write = { k = "1" }
input_schema = {}
output_schema = {}
fuel = 1
memory = "1MiB"
timeout = "1s"
deadline = "1s"
max_visits = 1
route = "first"
foreach = "input"
concurrency = 1
on_error = "fail"
cache = true
[nodes.a.grants.c]
calls = 1
bytes = 1
tokens = 1
cost = 1
methods = ["m"]
[[nodes.a.retry]]
on = "timeout"
max_attempts = 1
initial_interval = "1s"
max_interval = "1s"
multiplier = 1
jitter = 0
max_elapsed = "1s"
[[edges]]
from = "a"
to = "a"
when = "true"
on = "error"
`

// TestEveryKey: every key is read, and the reference tells of it.
func TestEveryKey(t *testing.T) {
	if _, found := graphfile.Parse("g.toml", []byte(everyKey)); len(found) > 0 {
		t.Error(found)
	}
	text := reference(t)
	for _, m := range regexp.MustCompile(`(?m)^(\w+) =`).FindAllStringSubmatch(everyKey, -1) {
		if key := m[1]; !strings.Contains(text, "`"+key+"`") {
			t.Errorf("the reference does not tell of %s", key)
		}
	}
	for _, table := range []string{"[input]", "[output]", "[state.KEY]", "[defaults]", "[capabilities.NAME]", "[secrets.NAME]", "[budget]", "[nodes.NAME]", "[nodes.NAME.grants.CAPABILITY]", "[[nodes.NAME.retry]]", "[[edges]]"} {
		if !strings.Contains(text, table) {
			t.Errorf("the reference does not tell of %s", table)
		}
	}
}
