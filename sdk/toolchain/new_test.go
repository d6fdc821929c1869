package toolchain

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every language has a project that is complete, that nothing is left open in, and
// that is known again.
func TestNew(t *testing.T) {
	for _, l := range Languages() {
		t.Run(l.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "below", "my-node")
			if err := New(l.Name, dir, "my-node"); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"README.md", "cases.toml", ".gitignore"} {
				if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) == 0 {
					t.Errorf("%s: %d bytes, %v", name, len(text), err)
				}
			}
			err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				if strings.HasSuffix(path, ".tmpl") || strings.Contains(string(text), "{{.") {
					t.Errorf("%s is not filled in", path)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"chainrun node build", "chainrun node run my-node.wasm", "chainrun node test"} {
				if !strings.Contains(string(readme), command) {
					t.Errorf("README.md does not say %q", command)
				}
			}
			if found, err := Detect(dir); err != nil || found != l {
				t.Errorf("detected as %v, %v", found, err)
			}
			left, err := os.ReadDir(filepath.Dir(dir))
			if err != nil || len(left) != 1 {
				t.Errorf("beside the project: %v, %v", left, err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := New("go", dir, "x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := New("go", file, "x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if err := New("cobol", filepath.Join(dir, "x"), "x"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "go") {
		t.Errorf("an unknown language: %v", err)
	}
	if err := New("go", filepath.Join(file, "x"), "x"); err == nil {
		t.Error("a project inside of a file")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "mine" {
		t.Errorf("the file is %q, %v", got, err)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "hello", "html2text", "my-node", "my_node-2", strings.Repeat("x", 64)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "A", "2go", "-a", "a-", "a--b", "a_", "a b", "a/b", "..", "a.b", "é", "a\n", "{{.Name}}", "con\x00", strings.Repeat("x", 65),
	} {
		if err := CheckName(name); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}
