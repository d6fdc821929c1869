package drawing_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/graph/drawing"
	"github.com/chainrun/chainrun/host/graphfile"
)

var update = flag.Bool("update", false, "rewrite the expected drawings")

// TestDrawings draws graph.toml of every archive in each form that the archive
// has a file of.
func TestDrawings(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			g, found := graphfile.Load("graph.toml", archive.Files[0].Data, func(name string) ([]byte, error) {
				for _, f := range archive.Files {
					if f.Name == name {
						return f.Data, nil
					}
				}
				return nil, fs.ErrNotExist
			})
			if g == nil {
				t.Fatal(found)
			}
			for i, f := range archive.Files[1:] {
				var got string
				if strings.HasSuffix(f.Name, ".toml") {
					continue
				}
				switch f.Name {
				case "text":
					got = drawing.Text(g, drawing.TextOptions{})
				case "ascii":
					got = drawing.Text(g, drawing.TextOptions{ASCII: true})
				case "narrow":
					got = drawing.Text(g, drawing.TextOptions{Width: 24})
				case "mermaid":
					got = drawing.Mermaid(g)
				case "dot":
					got = drawing.DOT(g)
				case "svg":
					got = drawing.SVG(g)
				default:
					t.Fatal("what is", f.Name)
				}
				if *update {
					archive.Files[i+1].Data = []byte(got)
				} else if got != string(f.Data) {
					t.Errorf("%s:\n%s\nwant:\n%s", f.Name, got, f.Data)
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
