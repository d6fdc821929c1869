// A language: what is known about it, and which there are.

package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Language is a language that nodes are written in, with one way of building
// them. The values of [Languages] are all there are; they may be used at the same
// time.
type Language struct {
	Name  string // as the command line has it, such as "c"
	Title string // for people, such as "C"
	Setup string // what is to be run in a new project once, before it is built; mostly ""

	// detect says whether the project in dir is in the language. dir's files are
	// those at its top.
	detect func(dir string, files []string) bool
	// sources are files and folders of sdk.Sources, with where they go in a new
	// project.
	sources []source
	// build makes the module p.out of the project in p.dir.
	build func(ctx context.Context, p *project) error
}

// source is a file or folder of sdk.Sources and its place in a new project.
type source struct{ from, to string }

// ErrUnknown says that no language fits: [Detect] found no file that it knows, or
// [Find] was asked for a name that is not in [Languages].
var ErrUnknown = errors.New("unknown language")

// Languages returns all languages, in the order in which [Detect] asks them.
func Languages() []*Language { return append([]*Language(nil), languages...) }

// The order is that of detection: what is surest by its files comes first.
var languages = []*Language{tinygo, golang, rust, assemblyscript, zig, clang, typescript, javascript}

// Names returns the names of all languages, in the order of [Languages].
func Names() []string {
	names := make([]string, len(languages))
	for i, l := range languages {
		names[i] = l.Name
	}
	return names
}

// Find returns the language of that name. The error is [ErrUnknown].
func Find(name string) (*Language, error) {
	for _, l := range languages {
		if l.Name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w %q: there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Detect returns the language of the project in dir, by the files at its top. The
// error is [ErrUnknown] when none is known.
func Detect(dir string) (*Language, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() {
			files = append(files, e.Name())
		}
	}
	for _, l := range languages {
		if l.detect(dir, files) {
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w: nothing at the top of %s says in which language the node is; "+
		"expected go.mod, Cargo.toml, package.json, or files that end in .c, .zig, .js or .ts", ErrUnknown, dir)
}

// withEnding returns those of files that end so.
func withEnding(files []string, ending string) []string {
	var found []string
	for _, f := range files {
		if strings.HasSuffix(f, ending) {
			found = append(found, f)
		}
	}
	return found
}

// mentions says whether the file of that name is in dir and has text in its first
// megabyte.
func mentions(dir, name, text string) bool {
	head, err := readHead(filepath.Join(dir, name))
	return err == nil && strings.Contains(head, text)
}
