package graphfile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/graphfile"
)

// largeFile is a graph of n nodes as an author might write it.
func largeFile(n int) []byte {
	var b strings.Builder
	b.WriteString("version = 1\n[defaults]\ntimeout = \"2s\"\n")
	for i := range n {
		fmt.Fprintf(&b, "[nodes.n%d]\nmodule = \"m.wasm\"\nfuel = 1_000_000\n", i)
	}
	for i := range n - 1 {
		fmt.Fprintf(&b, "[[edges]]\nfrom = \"n%d\"\nto = \"n%d\"\n", i, i+1)
	}
	return []byte(b.String())
}

// TestLargeFile: 10,000 nodes load in well under a second. The bound is far above
// that: it tells near linear from quadratic, not a fast machine from a busy one.
// How fast it is, BenchmarkLoad10000 says.
func TestLargeFile(t *testing.T) {
	text := largeFile(10_000)
	begin := time.Now()
	g, found := graphfile.Load("g.toml", text, nil)
	took := time.Since(begin)
	if g == nil || len(g.Nodes) != 10_000 {
		t.Fatal(found)
	}
	t.Logf("%d bytes in %v", len(text), took)
	if took > 40*time.Second {
		t.Errorf("took %v", took)
	}
}

func BenchmarkLoad10000(b *testing.B) {
	text := largeFile(10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if g, found := graphfile.Load("g.toml", text, nil); g == nil {
			b.Fatal(found)
		}
	}
}

// TestHostileFiles: what is written to be slow is read, or refused, in bounded time.
func TestHostileFiles(t *testing.T) {
	repeat := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
		}
		return b.String()
	}
	const n = 50_000
	for name, text := range map[string]string{
		"unknown keys":        repeat("key%d = 1\n", n),
		"empty arrays":        "a = [" + strings.Repeat("[],", 20*n) + "]",
		"codes":               "[nodes.a]\nmodule = \"m\"\nretry = [{ on = [" + strings.Repeat(`"timeout",`, 4*n) + "] }]",
		"rules":               "[nodes.a]\nmodule = \"m\"\n" + strings.Repeat("[[nodes.a.retry]]\n", n),
		"misspelt":            "version = 1\n" + repeat("[[edges]]\nfrom = \"nope%d\"\nto = \"nopf%d\"\n", n) + repeat("[nodes.node%d]\nmodule = \"m\"\n", n/2),
		"a long name":         "[nodes." + strings.Repeat("a", 20*n) + "]\nmodule = \"m\"",
		"a long string":       "name = \"" + strings.Repeat(`\u00e9`, 10*n) + "\"",
		"a long condition":    "[nodes.a]\nmodule = \"m\"\ninput = \"1" + strings.Repeat("+1", n) + "\"",
		"deep expression":     "[nodes.a]\nmodule = \"m\"\ninput = \"" + strings.Repeat("(", 30_000) + "\"",
		"quotes":              "a = \"\"\"" + strings.Repeat(`""a`, 10*n) + "\"\"\"",
		"parallel edges":      "[nodes]\na.module = \"m\"\nb.module = \"m\"\n" + repeat("[[edges]]\nfrom = \"a\"\nto = \"b\"\nwhen = \"output == %d\"\n", n/2),
		"dotted":              repeat("a.k%d.b = 1\n", n),
		"a name above many":   "[nodes." + strings.Repeat("a", 20*n) + "]\n" + repeat("key%d = 1\n", 4*n),
		"a key above many":    "[capabilities.c]\n" + strings.Repeat("a", 20*n) + " = [" + strings.Repeat("1,", 6*n) + "]\n",
		"a config above many": "[nodes.a]\nmodule = \"m\"\nconfig." + strings.Repeat("a", 20*n) + " = { " + repeat("k%d = 1, ", 4*n) + "x = 1 }\n",
		"many grants":         "[nodes.a]\nmodule = \"m\"\n" + repeat("grants.c%d = {}\n", n),
		"a name above some":   "[nodes." + strings.Repeat("a", 600) + "]\nmodule = \"m\"\n" + repeat("key%d = 1\n", n),
	} {
		begin := time.Now()
		_, found := graphfile.Load("g.toml", []byte(text), nil)
		took := time.Since(begin)
		if !found.Failed() && name != "a long string" && name != "parallel edges" {
			t.Errorf("%s: accepted", name)
		}
		if took > 60*time.Second {
			t.Errorf("%s: %d bytes took %v", name, len(text), took)
		}
		t.Logf("%s: %d bytes, %d diagnostics, %v", name, len(text), len(found), took)
	}
}
