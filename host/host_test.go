package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

func newHost(t *testing.T, options ...host.Option) *host.Host {
	t.Helper()
	h, err := host.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func load(t *testing.T, h *host.Host, text string) *host.Graph {
	t.Helper()
	g, err := h.LoadFS(files(text), "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const echo = `
version = 1
chain = ["a"]
[input.schema]
type = ["object", "array"]
[nodes.a]
module = "echo.wasm"
`

func TestInputs(t *testing.T) {
	h := newHost(t)
	g := load(t, h, echo)
	for _, c := range []struct {
		name  string
		input any
		want  string
	}{
		{"nothing", nil, `{}`},
		{"text", []byte(`{"b":1,"a":2}`), `{"b":1,"a":2}`}, // untouched, order and all
		{"raw", json.RawMessage(` [1.50] `), `[1.50]`},
		{"value", struct{ N int }{3}, `{"N":3}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := h.Run(t.Context(), g, c.input)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Output().Bytes()); got != c.want {
				t.Errorf("output %s, want %s", got, c.want)
			}
		})
	}
}

func TestRefusedInputs(t *testing.T) {
	h := newHost(t, host.WithLimits(host.Limits{DocumentBytes: 1000, DocumentDepth: 10}))
	g := load(t, h, echo)
	for name, c := range map[string]struct {
		input any
		want  string
	}{
		"no JSON":       {[]byte(`{"a":`), "no JSON"},
		"empty":         {[]byte{}, "no JSON"},
		"two":           {[]byte(`{} {}`), "no JSON"},
		"duplicate key": {[]byte(`{"a":1,"a":2}`), "no JSON"},
		"schema":        {7, "input schema"},
		"too large":     {strings.Repeat("x", 1001), "1000"},
		"too deep":      {[]byte(strings.Repeat("[", 11) + strings.Repeat("]", 11)), "10"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Run(t.Context(), g, c.input)
			var refused *host.InputError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want an InputError", err)
			}
			if refused.Failure.Code != failure.InvalidInput || !strings.Contains(refused.Error(), c.want) {
				t.Errorf("got %v, want something about %q", refused, c.want)
			}
			if len(refused.Failure.Violations) == 0 {
				t.Error("no violation says where")
			}
		})
	}
	if _, err := h.Run(t.Context(), g, func() {}); err == nil || errors.As(err, new(*host.InputError)) {
		t.Errorf("a value that is no JSON: got %v, want the embedder's error", err)
	}
}

// Equal runs have equal lineage digests; another seed, input or graph gives
// another one.
func TestDigest(t *testing.T) {
	h := newHost(t)
	g := load(t, h, echo)
	digest := func(g *host.Graph, input string, options ...host.RunOption) string {
		t.Helper()
		r, err := h.Run(t.Context(), g, []byte(input), options...)
		if err != nil {
			t.Fatal(err)
		}
		return r.View().Digest
	}
	want := digest(g, `{"n":1}`)
	if got := digest(load(t, h, "# moved\n\n"+echo+"# more"), `{"n":1}`, host.WithRunID("other")); got != want {
		t.Errorf("an equal run has digest %s, want %s", got, want)
	}
	different := map[string]string{
		"seed":  digest(g, `{"n":1}`, host.WithSeed(event.Seed{1})),
		"input": digest(g, `{"n":2}`),
		"graph": digest(load(t, h, echo+"fuel = 1_000_000"), `{"n":1}`),
	}
	for what, got := range different {
		if got == want {
			t.Errorf("another %s has the same digest", what)
		}
	}
}

func TestPlanDigestIsOverContents(t *testing.T) {
	h := newHost(t)
	fsys := files(echo)
	fsys["elsewhere/other-name.toml"] = &fstest.MapFile{Data: bytes.ReplaceAll(
		[]byte(echo), []byte("echo.wasm"), []byte("../echo.wasm"))}
	one, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.LoadFS(fsys, "elsewhere/other-name.toml")
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest() != two.Digest() {
		t.Errorf("paths are in the digest: %s, %s", one.Digest(), two.Digest())
	}
	fsys["echo.wasm"] = &fstest.MapFile{Data: moduletest.Say(`{}`)}
	three, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest() == three.Digest() {
		t.Error("another module gives the same digest")
	}
}

func TestCancel(t *testing.T) {
	h := newHost(t)
	g := load(t, h, `
version = 1
chain = ["a"]
[nodes.a]
module = "spin.wasm"
fuel = 1_000_000_000_000
`)
	for _, c := range []struct {
		name  string
		cause error
	}{{"by the embedder", nil}, {"interrupted", host.ErrInterrupted}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			r, err := h.Start(ctx, g, nil)
			if err != nil {
				t.Fatal(err)
			}
			for e := range r.Events() {
				if e.Body.Type() == event.TypeAttemptStarted {
					cancel(c.cause)
				}
			}
			err = r.Wait()
			if c.cause != nil {
				if !errors.Is(err, c.cause) {
					t.Errorf("error %v, want %v", err, c.cause)
				}
				if v := r.View(); v.Status != "running" {
					t.Errorf("status %q: the run has not ended", v.Status)
				}
				return
			}
			if err != nil || r.Status() != event.Canceled || r.Failure().Code != failure.Canceled {
				t.Errorf("status %q, failure %v, error %v", r.Status(), r.Failure(), err)
			}
		})
	}
}

func TestManyRunsAtOnce(t *testing.T) {
	h := newHost(t, host.WithParallel(2))
	g := load(t, h, echo)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			r, err := h.Run(t.Context(), g, map[string]int{"n": i})
			if err != nil {
				t.Error(err)
				return
			}
			if got, want := string(r.Output().Bytes()), fmt.Sprintf(`{"n":%d}`, i); got != want {
				t.Errorf("output %s, want %s", got, want)
			}
		})
	}
	wg.Wait()
}

func TestObserver(t *testing.T) {
	h := newHost(t)
	var seen []event.Type
	_, err := h.Run(t.Context(), load(t, h, echo), nil, host.WithObserver(func(e event.Event) {
		seen = append(seen, e.Body.Type())
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Type{event.TypeRunStarted, event.TypeAttemptStarted, event.TypeAttemptSucceeded, event.TypeRunFinished}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", seen, want)
	}
}

// What a graph names may be hostile: a folder, a pipe, a way out.
func TestLoadFromDisk(t *testing.T) {
	h := newHost(t)
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.json", []byte(`{"type":"object"}`))
	write("g/echo.wasm", moduletest.Echo())
	write("g/folder/x", nil)
	write("echo.wasm", moduletest.Echo())
	if err := os.Symlink("../secret.json", filepath.Join(dir, "g", "link.json")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	for name, c := range map[string]struct{ graph, want string }{
		"module beside":  {"module = 'echo.wasm'", ""},
		"module above":   {"module = '../echo.wasm'", ""},
		"module pinned":  {"module = 'echo.wasm@sha256:" + strings.Repeat("0", 64) + "'", "pins"},
		"bad pin":        {"module = 'echo.wasm@sha256:12'", "digest"},
		"folder":         {"module = 'folder'", "it is no regular file"},
		"missing":        {"module = 'x.wasm'", "no such file"},
		"std":            {"module = 'std:template'", "not supported yet"},
		"url":            {"module = 'https://example.com/x.wasm'", "not supported yet"},
		"unknown entry":  {"module = 'echo.wasm'\nentry = 'x'", "no entry"},
		"schema above":   {"module = 'echo.wasm'\ninput_schema = '../secret.json'", "graph.toml:5:"},
		"schema by link": {"module = 'echo.wasm'\ninput_schema = 'link.json'", "graph.toml:5:"},
	} {
		t.Run(name, func(t *testing.T) {
			write("g/graph.toml", []byte("version = 1\nchain = ['a']\n[nodes.a]\n"+c.graph+"\n"))
			_, err := h.Load(filepath.Join(dir, "g", "graph.toml"))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var found graph.Diagnostics
			if !errors.As(err, &found) || len(found) != 1 || !strings.Contains(found.Error(), c.want) {
				t.Errorf("got %v, want one complaint about %q", err, c.want)
			}
		})
	}
	if _, err := h.Load(filepath.Join(dir, "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing graph: %v", err)
	}
	if _, err := h.Load(dir); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
}

func TestRunIDsUnderWayAreTaken(t *testing.T) {
	h := newHost(t)
	g := load(t, h, echo)
	began, release := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(began); <-release })
	first, err := h.Start(t.Context(), g, nil, host.WithRunID("r"), host.WithObserver(func(event.Event) { hold() }))
	if err != nil {
		t.Fatal(err)
	}
	<-began
	if _, err := h.Run(t.Context(), g, nil, host.WithRunID("r")); !errors.Is(err, host.ErrRunning) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := first.Wait(); err != nil {
		t.Errorf("the first run was disturbed: %v", err)
	}
	if _, err := h.Run(t.Context(), g, nil, host.WithRunID("r")); err != nil {
		t.Errorf("the id is not free again: %v", err)
	}
}
