package host_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// shelf gives one module for the names one and two, and another for echo.
func shelf() host.Option {
	files := map[string][]byte{"echo": moduletest.Echo()}
	files["one"] = moduletest.Entries("one", "two")
	files["two"] = slices.Clone(files["one"])
	return host.WithModules("std", []string{"echo", "one", "two", "absent", "gone", "large"}, func(name string) ([]byte, error) {
		switch name {
		case "absent":
			return nil, unbuilt{}
		case "gone":
			return nil, fs.ErrNotExist
		case "large":
			return make([]byte, plan.MaxModuleBytes+1), nil
		}
		return files[name], nil
	})
}

type unbuilt struct{}

func (unbuilt) Error() string { return "it was not built" }
func (unbuilt) Hint() string  { return "build it" }

const byName = `
version = 1
chain = ["a", "b", "c", "d"]
[nodes.a]
module = "std:one"
[nodes.b]
module = "std:two"
input_schema = { const = "one" }
[nodes.c]
module = "std:echo"
[nodes.d]
graph = "inner/g.toml"
`

func namedFiles() fstest.MapFS {
	return fstest.MapFS{
		"g.toml":       {Data: []byte(byName)},
		"inner/g.toml": {Data: []byte("version = 1\nchain = ['x', 'y']\n[nodes.x]\nmodule = 'std:echo'\n[nodes.y]\nmodule = 'std:one'\nentry = 'two'\n")},
	}
}

// Runs with modules by name, and what is made of them by a host that has none.
func TestModulesByName(t *testing.T) {
	j := memory.New()
	h := newHost(t, shelf(), host.WithJournal(j))
	g, err := h.LoadFS(namedFiles(), "g.toml")
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(t.Context(), g, nil, host.WithRunID("r"))
	if err != nil || r.Output().String() != `"two"` {
		t.Fatalf("%v, %v", r, err)
	}
	other := newHost(t, host.WithJournal(j))
	if got, err := other.Replay(t.Context(), "r"); err != nil || !got.Identical || got.Attempts != 5 {
		t.Errorf("replay: %+v, %v, %v", got, got.Divergence, err)
	}
	forked, err := other.Fork(t.Context(), "r", host.Fork{From: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if err := forked.Wait(); err != nil || forked.Output().String() != `"two"` {
		t.Errorf("fork: %s, %v", forked.Output(), err)
	}
	if _, err := other.LoadFS(namedFiles(), "g.toml"); err == nil || !strings.Contains(err.Error(), "not supported yet") {
		t.Errorf("a host without: %v", err)
	}
}

// A run that rests goes on in a process that has no such modules.
func TestModulesByNameAreKeptWithTheRun(t *testing.T) {
	j := memory.New()
	h := newHost(t, shelf(), host.WithJournal(j))
	files := fstest.MapFS{"g.toml": {Data: []byte("version = 1\nchain = ['a', 'ask', 'b']\n[nodes.a]\nmodule = 'std:one'\n[nodes.ask]\nwait = true\n[nodes.b]\nmodule = 'std:two'\n")}}
	g, err := h.LoadFS(files, "g.toml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := interruptible(t)
	r, err := h.Start(ctx, g, nil, host.WithRunID("r"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	<-r.Done()
	again, err := newHost(t, host.WithJournal(j)).Resume(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Signal(t.Context(), "ask", "yes"); err != nil {
		t.Fatal(err)
	}
	if err := again.Wait(); err != nil || again.Output().String() != `"two"` {
		t.Errorf("%s, %v", again.Output(), err)
	}
}

// The file itself, with the entry written out, is the same plan.
func TestModulesByNameHaveTheDigestOfTheirFile(t *testing.T) {
	h := newHost(t, shelf())
	files := fstest.MapFS{"m.wasm": {Data: moduletest.Entries("one", "two")}}
	digests := map[string]bool{}
	for _, text := range []string{"module = 'std:one'", "module = 'm.wasm'\nentry = 'one'", "module = 'std:two'\nentry = 'one'", "module = 'std:two'"} {
		files["g.toml"] = &fstest.MapFile{Data: []byte("version = 1\n[nodes.a]\n" + text + "\n")}
		g, err := h.LoadFS(files, "g.toml")
		if err != nil {
			t.Fatal(err)
		}
		digests[g.Digest()] = true
	}
	if len(digests) != 2 {
		t.Errorf("%v", slices.Collect(maps.Keys(digests)))
	}
}

func TestModulesByNameThatAreNotThere(t *testing.T) {
	h := newHost(t, shelf())
	for ref, want := range map[string]string{
		"std:on":     `"std:on": no such module (did you mean "std:one"? there are echo, one, two, absent, gone, large)`,
		"std:":       `"std:": no such module (there are echo,`,
		"std:absent": `"std:absent": it was not built (build it)`,
		"std:gone":   `"std:gone": file does not exist (`,
		"std:large":  `at most 268435456 are read`,
		"oci:x":      `references of the kind "oci:" are not supported yet (give the path of a .wasm file, relative to the graph's file, or one of the kind std:)`,
		"std:one@sha256:" + strings.Repeat("0", 64): "but the graph pins",
	} {
		files := fstest.MapFS{"g.toml": {Data: []byte("version = 1\n[nodes.a]\nmodule = '" + ref + "'\n")}}
		_, err := h.LoadFS(files, "g.toml")
		var found graph.Diagnostics
		if !errors.As(err, &found) || len(found) != 1 || !strings.Contains(found.Error(), want) || !strings.HasPrefix(found.Error(), "g.toml:3:10: ") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	files := fstest.MapFS{"g.toml": {Data: []byte("version = 1\n[nodes.a]\nmodule = 'std:one'\nentry = 'three'\n")}}
	if _, err := h.LoadFS(files, "g.toml"); err == nil || !strings.Contains(err.Error(), `it has one, two`) {
		t.Errorf("an entry that is not there: %v", err)
	}
}

func TestSchemesAreHeldToTheirForm(t *testing.T) {
	open := func(string) ([]byte, error) { return nil, nil }
	for _, options := range [][]host.Option{
		{host.WithModules("", nil, open)},
		{host.WithModules("a", nil, open)},
		{host.WithModules("Std", nil, open)},
		{host.WithModules("std:", nil, open)},
		{host.WithModules("std", nil, nil)},
		{host.WithModules("std", nil, open), host.WithModules("std", nil, open)},
	} {
		if h, err := host.New(options...); err == nil {
			_ = h.Close()
			t.Error("taken")
		}
	}
}
