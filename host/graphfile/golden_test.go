package graphfile_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics")

// line is what a person reads, without the words of packages expr and schema:
// they have tests of their own.
func line(d graph.Diagnostic) string {
	if d.Code == graph.CodeBadExpression || d.Code == graph.CodeBadSchema {
		d.Hint = ""
		label := strings.SplitAfterN(d.Text, ": ", 3)
		if keep := strings.HasPrefix(d.Text, "node ") || strings.HasPrefix(d.Text, "edge "); !keep {
			label = label[:2]
		}
		d.Text = strings.Join(label[:len(label)-1], "") + "…"
	}
	return d.String()
}

// TestDiagnostics loads every NAME.toml of the archives and compares what is
// said of it with NAME.want: a line for each diagnostic, and its code. An empty
// NAME.want means that nothing is said. Other files are those that graphs name.
func TestDiagnostics(t *testing.T) {
	archives, err := filepath.Glob("testdata/diagnostics/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{}
		for _, f := range archive.Files {
			files[f.Name] = f.Data
		}
		load := func(ref string) ([]byte, error) {
			if b, ok := files[ref]; ok {
				return b, nil
			}
			return nil, &fs.PathError{Op: "open", Path: ref, Err: fs.ErrNotExist}
		}
		var written []txtar.File
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".want") {
				continue
			}
			written = append(written, f)
			base, ok := strings.CutSuffix(f.Name, ".toml")
			if !ok {
				continue
			}
			want, exists := files[base+".want"]
			got := ""
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+base, func(t *testing.T) {
				g, found := graphfile.Load(f.Name, f.Data, load)
				if (g == nil) != found.Failed() {
					t.Errorf("graph %v with %v", g, found)
				}
				for _, d := range found {
					got += line(d) + " [" + d.Code + "]\n"
				}
				if !*update && (!exists || got != string(want)) {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			})
			written = append(written, txtar.File{Name: base + ".want", Data: []byte(got)})
		}
		if *update {
			archive.Files = written
			if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
