// One build: finding tools, running them, putting the module in its place.

package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// An Option changes how [Language.Build] builds.
type Option func(*project)

// WithLog gives what the tools print, as it comes, to w. By default it is kept
// only for the error.
func WithLog(w io.Writer) Option { return func(p *project) { p.log = w } }

// WithPack gives what makes a module of a JavaScript or TypeScript file. Without
// it these two languages cannot be built.
func WithPack(pack func(ctx context.Context, script string) (module []byte, err error)) Option {
	return func(p *project) { p.pack = pack }
}

// project is one build of one project.
type project struct {
	dir  string // absolute
	out  string // absolute; a temporary file, which becomes the module
	log  io.Writer
	pack func(ctx context.Context, script string) ([]byte, error)
}

// MissingError says that a tool is not installed.
type MissingError struct {
	Language string   // its title
	Tool     string   // what was looked for
	Install  []string // commands, any of which installs it
}

func (e *MissingError) Error() string {
	text := fmt.Sprintf("%s nodes need %s, which is not here", e.Language, e.Tool)
	if len(e.Install) > 0 {
		text += "; install it by: " + strings.Join(e.Install, ", or: ")
	}
	return text
}

// ToolError says that a tool ran and did not succeed.
type ToolError struct {
	Command string // as it was run
	Output  string // the end of what it printed, at most 64 KiB
	Err     error  // how it ended
}

func (e *ToolError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %v\n%s", e.Command, e.Err, e.Output)
}

// Unwrap returns how the tool ended.
func (e *ToolError) Unwrap() error { return e.Err }

// Build makes the module out of the project in dir, without a manifest of its own
// beyond what the language's linker writes. An earlier file out is replaced when
// the build succeeds, and stays as it is when it does not. It stops its tools when
// ctx ends. The error is a [*MissingError] or a [*ToolError] where a tool is to
// blame.
func (l *Language) Build(ctx context.Context, dir, out string, options ...Option) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	// Beside out, so that it can be renamed; a folder, since tools write more than
	// what they are asked for.
	room, err := os.MkdirTemp(filepath.Dir(out), ".chainrun-build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(room) }()

	p := &project{dir: dir, out: filepath.Join(room, "node.wasm"), log: io.Discard}
	for _, o := range options {
		o(p)
	}
	if err := l.build(ctx, p); err != nil {
		return fmt.Errorf("building the %s node: %w", l.Title, err)
	}
	if err := os.Rename(p.out, out); err != nil {
		return fmt.Errorf("building the %s node: the tools made no module: %w", l.Title, err)
	}
	return nil
}

// run runs a tool in the project's folder. env are further variables, each
// NAME=value.
func (p *project) run(ctx context.Context, env []string, tool string, args ...string) error {
	said := &tail{}
	//nolint:gosec // G204: running the author's own tools is what a build is
	c := exec.CommandContext(ctx, tool, args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), env...)
	c.Stdout = io.MultiWriter(said, p.log)
	c.Stderr = c.Stdout
	c.WaitDelay = 5 * time.Second // a tool's own children may hold its output open
	if err := c.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &ToolError{Command: commandLine(tool, args), Output: strings.TrimSpace(said.String()), Err: err}
	}
	return nil
}

// find looks for the first of tools that is on the path.
func find(tools ...string) (string, bool) {
	for _, tool := range tools {
		if path, err := exec.LookPath(tool); err == nil || errors.Is(err, exec.ErrDot) {
			if abs, err := filepath.Abs(path); err == nil {
				return abs, true
			}
		}
	}
	return "", false
}

func isFile(path string) bool {
	info, err := os.Stat(path) //nolint:gosec // G703: where tools are is for the author to say
	return err == nil && info.Mode().IsRegular()
}

// readHead reads the first megabyte of a file.
func readHead(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(head), err
}

// commandLine shows a command as a shell would take it.
func commandLine(tool string, args []string) string {
	words := []string{filepath.Base(tool)}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\"'$\\*") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
