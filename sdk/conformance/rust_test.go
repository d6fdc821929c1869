// sdk/rust: its six entries.

package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var _ = register("rust", func(t *testing.T) []byte {
	t.Helper()
	dir := filepath.Join("nodes", "rust")
	readAll(t, "nodes/rust/Cargo.*", "nodes/rust/src/*", "../rust/Cargo.toml", "../rust/src/*")
	fetchCrates(t, dir)
	return buildFolder(t, "rust", dir)
})

// fetchCrates skips a test where the crates that a lock file names cannot be had.
func fetchCrates(t *testing.T, dir string) {
	t.Helper()
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return // buildFolder names what is missing
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
