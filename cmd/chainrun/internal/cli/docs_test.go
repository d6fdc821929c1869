package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/plugins"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// docs/errors.md lists every code that there is, in the order of the code, and
// no other.
func TestErrorsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	var want []string
	for _, c := range failure.Codes() {
		want = append(want, string(c))
	}
	want = append(want, graph.DiagnosticCodes()...)
	want = append(want, plan.DiagnosticCodes()...)
	want = append(want, codeGraphUnreadable)
	if !slices.Equal(listed, want) {
		t.Errorf("docs/errors.md lists\n%q\nthe code has\n%q", listed, want)
	}
}

// The console blocks of the documentation do what they show: each `$ bin/chainrun`
// line is run from the repository's root, and what is written below it is what
// it prints.
func TestConsoleBlocks(t *testing.T) {
	t.Chdir("../../../..")
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	t.Setenv("CHAINRUN_STORE", filepath.Join(t.TempDir(), "store.sqlite"))
	ran := 0
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks(string(text), "console") {
			for _, c := range consoleCommands(block) {
				ran++
				t.Run(name+": "+c.line, func(t *testing.T) { c.check(t) })
			}
		}
	}
	if ran == 0 {
		t.Error("no command was run")
	}
}

// Graphs in the documentation are checked and linked, grants and all, to modules
// that do nothing; only providers are not there.
func TestGraphBlocks(t *testing.T) {
	t.Chdir("../../../..")
	var world worldFlags
	options, err := world.options(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	// What the configs of the standard nodes may be, plugins/docs_test.go sees to.
	std := host.WithModules("std", plugins.Names(), func(string) ([]byte, error) { return moduletest.Echo(), nil })
	h, err := host.New(append(append(options, std), recordIn(inMemory{memory.New()})...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	found := 0
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks(string(text), "toml") {
			if !strings.HasPrefix(block, "version = 1") {
				continue
			}
			found++
			_, err := h.LoadFS(drawn(block), "graph.toml")
			if ds, ok := errors.AsType[graph.Diagnostics](err); ok {
				ds = slices.DeleteFunc(ds, func(d graph.Diagnostic) bool {
					return d.Severity != graph.Error || strings.Contains(d.Text+d.Hint, "--provider")
				})
				if len(ds) == 0 {
					continue
				}
				err = ds
			}
			if err != nil {
				t.Errorf("a graph in %s: %v", name, err)
			}
		}
	}
	if found == 0 {
		t.Error("no graph was found")
	}
}

// drawn is the files of a graph that has only been drawn.
type drawn string

// Open implements fs.FS.
func (d drawn) Open(name string) (fs.File, error) {
	text := []byte("{}")
	switch {
	case name == "graph.toml":
		text = []byte(d)
	case strings.HasSuffix(name, ".toml"):
		text = []byte("version = 1\n[nodes.x]\nmodule = 'x.wasm'\n")
	case strings.HasSuffix(name, ".wasm"):
		text = moduletest.Echo()
	}
	return fstest.MapFS{name: {Data: text}}.Open(name)
}

func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"README.md"}, docs...)
}

// blocks gives the fenced blocks of one language.
func blocks(text, language string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

type consoleCommand struct{ line, want string }

func consoleCommands(block string) []consoleCommand {
	var found []consoleCommand
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			found = append(found, consoleCommand{line: strings.TrimSpace(command)})
		} else if len(found) > 0 {
			found[len(found)-1].want += line
		}
	}
	return found
}

// check runs the command in this process, as main would.
func (c consoleCommand) check(t *testing.T) {
	t.Helper()
	words, err := shellWords(c.line)
	if err != nil || words[0] != "bin/chainrun" {
		t.Fatalf("%q: only bin/chainrun can be run here (%v)", c.line, err)
	}
	var out, errs bytes.Buffer
	Main(Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "", words[1:])
	if strings.Contains(errs.String(), "module_not_found") || strings.Contains(errs.String(), ".wasm\": no such file") {
		if os.Getenv("CI") != "" {
			t.Fatalf("the nodes are not built: %s", errs.String())
		}
		t.Skip("the nodes are not built: make nodes")
	}
	if out.String() != c.want {
		t.Errorf("prints\n%s\nthe documentation says\n%s\nstderr: %s", out.String(), c.want, errs.String())
	}
}

// shellWords splits a line as a shell does, as far as the documentation needs:
// spaces and single quotes.
func shellWords(line string) ([]string, error) {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	if strings.Count(line, "'")%2 == 1 || len(words) == 0 {
		return nil, errors.New("cannot be split")
	}
	return words, nil
}
