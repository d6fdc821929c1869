package toolchain

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// write makes a folder with files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"go.mod", "main.go"}, "go"},
		{[]string{"Cargo.toml", "x.c"}, "rust"},
		{[]string{"asconfig.json", "index.ts", "package.json"}, "assemblyscript"},
		{[]string{"node.zig", "chainrun.zig"}, "zig"},
		{[]string{"a.zig", "b.c"}, "zig"},
		{[]string{"node.c"}, "c"},
		{[]string{"main.js"}, "js"},
		{[]string{"main.ts", "tool.js"}, "ts"},
		{[]string{"main.mjs", "chainrun.d.ts"}, "js"},
		{[]string{"README.md"}, ""},
		{nil, ""},
	} {
		files := map[string]string{}
		for _, name := range c.files {
			files[name] = ""
		}
		l, err := Detect(write(t, files))
		if c.want == "" {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("%v: %v, %v", c.files, l, err)
			}
		} else if err != nil || l.Name != c.want {
			t.Errorf("%v: %v, %v, want %s", c.files, l, err, c.want)
		}
	}
	if _, err := Detect(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent folder: %v", err)
	}
}

// fakeTool puts a tool of that name, and nothing else but the shell's own, on the
// path.
func fakeTool(t *testing.T, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the tool of the test is a shell script")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("WASI_SDK_PATH", "")
}

// outputFlag finds the file after -o in a shell script.
const outputFlag = `while [ "$1" != -o ]; do shift; done; out=$2` + "\n"

func TestBuild(t *testing.T) {
	dir := write(t, map[string]string{"go.mod": "module x\n"})
	out := filepath.Join(t.TempDir(), "node.wasm")
	var log bytes.Buffer

	fakeTool(t, "go", outputFlag+`echo "building in $PWD for $GOOS" >&2; printf made >"$out"`)
	if err := golang.Build(t.Context(), dir, out, WithLog(&log)); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != "made" {
		t.Errorf("made %q, %v", got, err)
	}
	if dir, _ := filepath.EvalSymlinks(dir); log.String() != "building in "+dir+" for wasip1\n" {
		t.Errorf("logged %q", &log)
	}

	t.Run("a tool that fails", func(t *testing.T) {
		fakeTool(t, "go", outputFlag+`printf half >"$out"; echo "main.go:7: no" >&2; exit 3`)
		err := golang.Build(t.Context(), dir, out)
		var tool *ToolError
		if !errors.As(err, &tool) || tool.Output != "main.go:7: no" || !strings.HasPrefix(tool.Command, "go build -buildmode=c-shared") ||
			!strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a tool that makes nothing", func(t *testing.T) {
		fakeTool(t, "go", "exit 0")
		if err := golang.Build(t.Context(), dir, out); err == nil || !strings.Contains(err.Error(), "no module") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a tool that talks without end", func(t *testing.T) {
		fakeTool(t, "go", `i=0; while [ $i -lt 3000 ]; do echo "line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; i=$((i+1)); done; exit 1`)
		err := golang.Build(t.Context(), dir, out)
		var tool *ToolError
		if !errors.As(err, &tool) || len(tool.Output) > maxSaidBytes+len("…") || !strings.HasSuffix(tool.Output, "line 2999 "+strings.Repeat("x", 40)) {
			t.Errorf("kept %d bytes", len(err.Error()))
		}
	})
	t.Run("no tool", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		t.Setenv("WASI_SDK_PATH", "")
		for _, l := range []*Language{golang, tinygo, clang, zig} {
			if l == clang && isFile("/opt/wasi-sdk/bin/clang") {
				continue
			}
			err := l.Build(t.Context(), write(t, map[string]string{"node." + l.Name: ""}), out)
			var missing *MissingError
			if !errors.As(err, &missing) || len(missing.Install) == 0 || !strings.Contains(err.Error(), missing.Install[0]) {
				t.Errorf("%s: %v", l.Name, err)
			}
		}
	})
	t.Run("canceled", func(t *testing.T) {
		fakeTool(t, "go", "exec sleep 1000")
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		cancel(enough)
		if err := golang.Build(ctx, dir, out); !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
	})

	// What failed left the module that was there, and nothing beside it.
	if got, err := os.ReadFile(out); err != nil || string(got) != "made" {
		t.Errorf("afterwards it is %q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestZigRoot(t *testing.T) {
	for want, files := range map[string][]string{
		"node.zig": {"node.zig", "main.zig", "chainrun.zig"},
		"main.zig": {"a.zig", "main.zig"},
		"a.zig":    {"a.zig", "chainrun.zig", "build.zig"},
		"":         {"a.zig", "b.zig"},
	} {
		made := map[string]string{}
		for _, name := range files {
			made[name] = ""
		}
		if got, err := zigRoot(write(t, made)); got != want || (err != nil) != (want == "") {
			t.Errorf("%v: %q, %v", files, got, err)
		}
	}
}

func TestPackScript(t *testing.T) {
	out := filepath.Join(t.TempDir(), "node.wasm")
	var packed string
	pack := WithPack(func(_ context.Context, script string) ([]byte, error) {
		packed = filepath.Base(script)
		return []byte("made"), nil
	})
	for want, files := range map[string][]string{
		"main.js":  {"index.js", "main.js"},
		"index.js": {"index.js", "other.js"},
		"one.js":   {"one.js", "one.test.js", "vite.config.js"},
		"":         {"a.js", "b.js"},
	} {
		made := map[string]string{}
		for _, name := range files {
			made[name] = ""
		}
		packed = ""
		if err := javascript.Build(t.Context(), write(t, made), out, pack); packed != want || (err != nil) != (want == "") {
			t.Errorf("%v: packed %q, %v", files, packed, err)
		}
	}
	if err := typescript.Build(t.Context(), write(t, map[string]string{"main.ts": "", "chainrun.d.ts": ""}), out, pack); err != nil || packed != "main.ts" {
		t.Errorf("packed %q, %v", packed, err)
	}
	if err := javascript.Build(t.Context(), write(t, map[string]string{"main.js": ""}), out); err == nil {
		t.Error("packed by nobody")
	}
}

func TestTail(t *testing.T) {
	for _, c := range []struct {
		said []string
		want string
	}{
		{nil, ""},
		{[]string{"a", "b"}, "ab"},
		{[]string{strings.Repeat("a", maxSaidBytes)}, strings.Repeat("a", maxSaidBytes)},
		{[]string{strings.Repeat("a", maxSaidBytes), "b"}, "…" + strings.Repeat("a", maxSaidBytes-1) + "b"},
		{[]string{"x", strings.Repeat("a", maxSaidBytes+5) + "b"}, "…" + strings.Repeat("a", maxSaidBytes-1) + "b"},
		{[]string{strings.Repeat("é", maxSaidBytes/2), "b"}, "…" + strings.Repeat("é", maxSaidBytes/2-1) + "b"},
	} {
		tail := &tail{}
		for _, s := range c.said {
			if n, err := tail.Write([]byte(s)); n != len(s) || err != nil {
				t.Errorf("wrote %d of %d, %v", n, len(s), err)
			}
		}
		if got := tail.String(); got != c.want {
			t.Errorf("got %.20q… of %d bytes, want %.20q… of %d", got, len(got), c.want, len(c.want))
		}
	}
}
