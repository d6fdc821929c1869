// sdk/rust: its six entries, its own tests, its page of docs/.

package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

var _ = register("rust", func(t *testing.T) []byte {
	t.Helper()
	dir := filepath.Join("nodes", "rust")
	readAll(t, "nodes/rust/Cargo.*", "nodes/rust/src/*", "../rust/Cargo.*", "../rust/src/*")
	withCrates(t, dir)
	return buildFolder(t, "rust", dir)
})

// withCrates has cargo build below sdk/rust/target, once for all tests, and skips
// the test where the crates that dir's lock file names cannot be had.
func withCrates(t *testing.T, dir string) {
	t.Helper()
	target, err := filepath.Abs(filepath.Join("..", "rust", "target"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARGO_TARGET_DIR", target)
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return // whoever needs it says what is missing
	}
	fetch := exec.CommandContext(context.Background(), cargo, "fetch", "--locked")
	fetch.Dir = dir
	if out, err := fetch.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "--locked") {
			t.Fatalf("%s/Cargo.lock is not up to date:\n%s", dir, out)
		}
		t.Skipf("the crates of %s/Cargo.lock cannot be had from crates.io: %.500s", dir, out)
	}
}

// A panic ends the attempt by a trap, after its message went to the log; the next
// attempt finds nothing of it.
func TestRustPanic(t *testing.T) {
	n := &node{load(t, built(t, "rust"))}
	var log []string
	c := ask("panic", `{"a": 1}`)
	c.Log = func(r sandbox.LogRecord) { log = append(log, r.Level+" "+r.Message) }
	if got := n.call(t, c); got.Stop == nil || got.Stop.Reason != sandbox.Trap {
		t.Errorf("a panic: got %s, %+v", got.Output, got.Stop)
	}
	if len(log) != 1 || !strings.HasPrefix(log[0], "error ") || !strings.Contains(log[0], "src/lib.rs") || !strings.Contains(log[0], `ouch: {"a": 1}`) {
		t.Errorf("a panic logged %q", log)
	}
	n.gives(t, ask("echo", `1`), `1`)
}

// What init prepares is there in every attempt; what a node prints is in the log,
// where the target has a standard output.
func TestRustInit(t *testing.T) {
	n := &node{load(t, built(t, "rust"))}
	for range 2 {
		var log []string
		c := ask("prepared", `30`)
		c.Log = func(r sandbox.LogRecord) { log = append(log, r.Level+" "+r.Message) }
		if got := n.gives(t, c, `900`); got.Fuel > 100_000 {
			t.Errorf("a look-up took %d fuel", got.Fuel)
		}
		wasi := slices.ContainsFunc(n.program.Module().Imports, func(i module.Import) bool { return i.Name == "fd_write" })
		if want := "info looking up 30"; wasi && (len(log) != 1 || log[0] != want) {
			t.Errorf("logged %q, want %q", log, want)
		}
	}
	n.gives(t, ask("prepared", `1000`), `null`)
	if m := manifest(t, n.program); !slices.Equal(m.Capabilities, []string{"clerk"}) || m.Version != "0.1.0" {
		t.Errorf("the manifest is %+v", m)
	}
}

// The SDK's own tests, on this machine.
func TestRustSDK(t *testing.T) {
	readAll(t, "../rust/Cargo.*", "../rust/src/*")
	dir := filepath.Join("..", "rust")
	withCrates(t, dir)
	cargoTest(t, dir)
}

// cargoTest runs the tests of the crate in dir.
func cargoTest(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("cargo is not here; install it by: https://rustup.rs, or: apt-get install cargo-web")
	}
	c := exec.CommandContext(context.Background(), "cargo", "test", "--quiet")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "test result: ok.") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheFirstNodeInRust(t *testing.T) {
	const page = "nodes-rust.md"
	readAll(t, "../rust/Cargo.*", "../rust/src/*")
	dir := followed(t, page, "rust", filepath.Join("src", "lib.rs"))
	lock, err := os.ReadFile(filepath.Join("nodes", "rust", "Cargo.lock"))
	if err != nil {
		t.Fatal(err)
	}
	withCrates(t, filepath.Join("nodes", "rust"))
	// The versions that are here; cargo puts the name right.
	if err := os.WriteFile(filepath.Join(dir, "Cargo.lock"), lock, 0o600); err != nil {
		t.Fatal(err)
	}
	discounts(t, page, buildFolder(t, "rust", dir))
	cargoTest(t, dir)
}

// readAll reads what a build will read, so that `go test` does not answer from
// its cache after a change there.
func readAll(t *testing.T, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}
