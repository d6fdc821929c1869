package toolchain

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the copy of sdk/go anew")

// The binary carries sdk/go as it is in the repository: `make generate`.
func TestTheCopyOfTheGoSDK(t *testing.T) {
	archive := &txtar.Archive{Comment: []byte("Copied from sdk/go by `make generate`. DO NOT EDIT.\n")}
	root := filepath.Join("..", "go")
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(file, "_test.go") ||
			!strings.HasSuffix(file, ".go") && e.Name() != "go.mod" {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		archive.Files = append(archive.Files, txtar.File{Name: filepath.ToSlash(name), Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := txtar.Format(archive)
	if *update {
		if err := os.WriteFile("go.txtar", want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(goSDK, want) {
		t.Error("go.txtar is not what is in sdk/go: `make generate` copies it")
	}
}
