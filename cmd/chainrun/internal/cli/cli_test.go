package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts call the real main as `chainrun`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"chainrun": func() {
			os.Exit(Main(Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "v0.0.0-test", os.Args[1:]))
		},
	})
}

// TestScripts is the contract of the command line: each script is a story of
// what an operator types and sees.
func TestScripts(t *testing.T) {
	puppet := buildPuppet(t)
	cache := t.TempDir() // shared, so that the module is compiled once
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CHAINRUN_CACHE", cache)
			e.Setenv("NO_COLOR", "1")
			if err := os.Link(puppet, filepath.Join(e.WorkDir, "puppet.wasm")); err != nil {
				return fmt.Errorf("placing the node: %w", err)
			}
			return nil
		},
	})
}

// buildPuppet builds the node that the scripts' graphs use, with the Go
// toolchain that runs this test.
func buildPuppet(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "puppet.wasm")
	c := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", name, "./testdata/puppet")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building the node: %v\n%s", err, out)
	}
	return name
}
