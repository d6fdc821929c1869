// A new project, from a template and the SDK's sources.

package toolchain

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/sdk"
)

//go:embed all:templates
var templates embed.FS

// goSDK is a copy of sdk/go, which is a Go module and so cannot be embedded.
//
//go:generate go test -count=1 -run ^TestTheCopyOfTheGoSDK$ . -update
//go:embed go.txtar
var goSDK []byte

// goodName is what every toolchain takes as the name of a project.
var goodName = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

// CheckName says whether a project may have that name: 1 to 64 lower-case letters,
// digits, and single hyphens or underscores between them, a letter first.
func CheckName(name string) error {
	if len(name) > 64 || !goodName.MatchString(name) {
		return fmt.Errorf("%q is no good name for a node: use lower-case letters and digits, a letter first, "+
			"with single hyphens or underscores between them, at most 64 in all", name)
	}
	return nil
}

// New writes a project for a node called name (see [CheckName]) to the folder dir,
// which must not be there yet: the node, its test cases, a README and the SDK's
// sources. Either all of it is written or nothing. An existing dir is an error that
// is [fs.ErrExist], an unknown language one that is [ErrUnknown].
func New(lang, dir, name string) error {
	l, err := Find(lang)
	if err != nil {
		return err
	}
	if err := CheckName(name); err != nil {
		return err
	}
	files, err := l.files(name)
	if err != nil {
		return fmt.Errorf("making a %s project: %w", l.Title, err)
	}
	if _, err := os.Lstat(dir); err == nil {
		return &fs.PathError{Op: "making the project", Path: dir, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return err
	}
	room, err := os.MkdirTemp(parent, ".chainrun-new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(room) }()
	for _, f := range files {
		to := filepath.Join(room, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return err
		}
		//nolint:gosec // G306: a project's sources are as readable as its author's umask has it
		if err := os.WriteFile(to, f.Data, 0o666); err != nil {
			return err
		}
	}
	//nolint:gosec // G302: so is its folder, which the temporary one was not
	if err := os.Chmod(room, 0o755); err != nil {
		return err
	}
	return os.Rename(room, dir)
}

// files gives the files of a new project.
func (l *Language) files(name string) ([]txtar.File, error) {
	var files []txtar.File
	add := func(from fs.FS, root, to string, render bool) error {
		return fs.WalkDir(from, root, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := fs.ReadFile(from, file)
			if err != nil {
				return err
			}
			target := path.Join(to, strings.TrimPrefix(strings.TrimPrefix(file, root), "/"))
			if plain, ok := strings.CutSuffix(target, ".tmpl"); ok && render {
				if data, err = l.rendered(file, data, name); err != nil {
					return err
				}
				target = plain
			}
			files = append(files, txtar.File{Name: target, Data: data})
			return nil
		})
	}
	template := l.Name
	if l == tinygo {
		template = golang.Name // the same project, for another compiler
	}
	if err := add(templates, "templates/"+template, "", true); err != nil {
		return nil, err
	}
	for _, s := range l.sources {
		if err := add(sdk.Sources, s.from, s.to, false); err != nil {
			return nil, err
		}
	}
	if l == golang || l == tinygo {
		for _, f := range txtar.Parse(goSDK).Files {
			files = append(files, txtar.File{Name: path.Join("chainrun", f.Name), Data: f.Data})
		}
	}
	return files, nil
}

func (l *Language) rendered(file string, text []byte, name string) ([]byte, error) {
	t, err := template.New(file).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, struct{ Name, Identifier, Language string }{name, strings.ReplaceAll(name, "-", "_"), l.Name}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
