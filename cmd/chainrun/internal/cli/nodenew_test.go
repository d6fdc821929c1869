package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The projects of `node new` do what they say: they are built, and pass their own
// cases. The scripts have one in JavaScript; Rust and AssemblyScript, which fetch
// packages, are tried by sdk/conformance.
func TestNewNodes(t *testing.T) {
	zig, err := filepath.Abs("../../../../bin/python/ziglang") // where `make tools` puts it
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+zig)
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	t.Setenv("GOWORK", "off")
	for _, lang := range []string{"go", "tinygo", "c", "zig"} {
		t.Run(lang, func(t *testing.T) {
			t.Chdir(t.TempDir())
			run := func(want int, args ...string) string {
				t.Helper()
				var out, log bytes.Buffer
				code := Main(Streams{In: strings.NewReader(""), Out: &out, Err: &log}, "v0.0.0-test", args)
				if strings.Contains(log.String(), "which is not here") {
					t.Skip(log.String())
				}
				if code != want {
					t.Fatalf("chainrun %s: exit code %d\n%s%s", strings.Join(args, " "), code, &out, &log)
				}
				return out.String()
			}
			run(0, "node", "new", "--lang", lang, "greeter")
			run(0, "node", "build", "greeter")
			if got, want := run(0, "node", "run", "greeter/greeter.wasm", "--input", `{"name": "Ada"}`), `{"text":"Hello, Ada!"}`; strings.TrimSpace(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got := run(0, "node", "test", "greeter"); !strings.Contains(got, "3 passed, 0 failed") {
				t.Errorf("its own cases: %s", got)
			}
			if got := run(0, "node", "inspect", "greeter/greeter.wasm"); !strings.Contains(got, `"greeting"`) {
				t.Errorf("without its manifest: %s", got)
			}

			// The same sources give the same bytes.
			first, err := os.ReadFile("greeter/greeter.wasm")
			if err != nil {
				t.Fatal(err)
			}
			run(0, "node", "build", "greeter", "-o", "again.wasm")
			if again, err := os.ReadFile("again.wasm"); err != nil || !bytes.Equal(again, first) {
				t.Errorf("built again it is another module (%v)", err)
			}
		})
	}
}
