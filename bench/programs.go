// The programs under measurement, and how they are built.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is one export of one module: (i32) -> i32, a count to a checksum.
type program struct {
	name, language string
	module         string // path of the .wasm file
	entry          string
	count          uint32 // such that a call takes some 5 ms: a short one is more often left in peace
	few            uint32 // a small count, for checks
}

const cPackages = "clang lld wasi-libc libclang-rt-14-dev-wasm32"

var cPrograms = []program{
	{name: "fib", count: 31, few: 20},
	{name: "hashmap", count: 300_000, few: 50000},
	{name: "json", count: 40, few: 5},
	{name: "mandelbrot", count: 180, few: 30},
	{name: "matmul", count: 20, few: 2},
	{name: "nbody", count: 60_000, few: 5000},
	{name: "search", count: 10, few: 2},
	{name: "sha256", count: 200, few: 30},
	{name: "sieve", count: 10, few: 1},
	{name: "sort", count: 5, few: 2},
}

var goPrograms = []program{
	{name: "json", count: 12, few: 3},
	{name: "regexp", count: 12, few: 3},
	{name: "sha256", count: 80, few: 20},
	{name: "sort", count: 2, few: 1},
}

// folder is where this module's sources are: the working directory of
// `go run .` and of its tests.
const folder = "."

// buildPrograms builds what the toolchains here can build; missing says in one
// line each what they cannot, and what to install.
func buildPrograms(ctx context.Context) (built []program, missing []string, err error) {
	out := filepath.Join(folder, "build")
	if err := os.MkdirAll(out, 0o750); err != nil {
		return nil, nil, fmt.Errorf("making the build folder: %w", err)
	}
	if _, err := exec.LookPath("clang"); err != nil {
		missing = append(missing, "C programs: there is no clang; on Debian: apt-get install "+cPackages)
	} else {
		for _, p := range cPrograms {
			p.language, p.entry = "C", "run"
			p.module = filepath.Join(out, "c-"+p.name+".wasm")
			err := command(ctx, nil, "clang", "--target=wasm32-wasi", "-O2", "-Wall", "-Wextra", "-mexec-model=reactor",
				"-Wl,--strip-all", "-o", p.module, filepath.Join(folder, "programs", "c", p.name+".c"))
			if err != nil {
				missing = append(missing, fmt.Sprintf("C programs: clang cannot build for wasm32-wasi; on Debian: apt-get install %s (%v)", cPackages, err))
				break
			}
			built = append(built, p)
		}
	}
	module := filepath.Join(out, "go-programs.wasm")
	err = command(ctx, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w",
		"-o", module, "./"+filepath.ToSlash(filepath.Join(folder, "programs", "go")))
	if err != nil {
		return nil, nil, err
	}
	for _, p := range goPrograms {
		p.language, p.entry, p.module = "Go", p.name, module
		built = append(built, p)
	}
	return built, missing, nil
}

func command(ctx context.Context, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // compilers, named above
	c.Env = append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		text := strings.TrimSpace(string(out))
		if text == "" {
			return fmt.Errorf("running %s: %w", name, err)
		}
		return fmt.Errorf("running %s: %w", name, errors.New(text))
	}
	return nil
}
