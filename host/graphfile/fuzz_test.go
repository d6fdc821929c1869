package graphfile_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/graphfile"
)

// FuzzLoad: whatever the file says, it is refused or makes a graph, and every
// complaint has a place in it.
func FuzzLoad(f *testing.F) {
	archives, _ := filepath.Glob("testdata/diagnostics/*.txtar")
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".toml") {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 10_000 {
			return
		}
		g, found := graphfile.Load("g.toml", text, func(string) ([]byte, error) { return nil, errors.New("no files") })
		if (g == nil) != found.Failed() {
			t.Fatalf("graph %v with %v", g, found)
		}
		lines := strings.Count(string(text), "\n") + 1
		for _, d := range found {
			if d.Line < 1 || d.Column < 1 || d.Line > lines || d.Code == "" || d.Text == "" {
				t.Fatalf("%+v", d)
			}
		}
		if g != nil && len(g.Order) != len(g.Nodes) {
			t.Fatalf("%d of %d nodes in order", len(g.Order), len(g.Nodes))
		}
	})
}
