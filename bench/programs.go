// The programs under measurement, and how they are built.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/sdk/toolchain"
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
	{name: "csv", count: 120, few: 10},
	{name: "json", count: 12, few: 3},
	{name: "regexp", count: 12, few: 3},
	{name: "sha256", count: 80, few: 20},
	{name: "sort", count: 2, few: 1},
	{name: "template", count: 12, few: 3},
}

var rustPrograms = []program{
	{name: "fib", count: 31, few: 20},
	{name: "hashmap", count: 400_000, few: 10_000},
	{name: "json", count: 50, few: 5},
	{name: "mandelbrot", count: 180, few: 30},
	{name: "matmul", count: 6, few: 2},
	{name: "nbody", count: 60_000, few: 5000},
	{name: "search", count: 20, few: 1},
	{name: "sha256", count: 240, few: 30},
	{name: "sieve", count: 7, few: 1},
	{name: "sort", count: 18, few: 2},
}

var assemblyScriptPrograms = []program{
	{name: "fib", count: 31, few: 20},
	{name: "hashmap", count: 200_000, few: 20_000},
	{name: "json", count: 14, few: 2},
	{name: "mandelbrot", count: 180, few: 30},
	{name: "matmul", count: 2, few: 1},
	{name: "nbody", count: 50_000, few: 5000},
	{name: "search", count: 10, few: 2},
	{name: "sha256", count: 100, few: 20},
	{name: "sieve", count: 6, few: 1},
	{name: "sort", count: 18, few: 2},
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
	for _, build := range []func(ctx context.Context, out string) ([]program, string, error){buildC, buildGo, buildRust, buildAssemblyScript} {
		programs, lacks, err := build(ctx, out)
		if err != nil {
			return nil, nil, err
		}
		built = append(built, programs...)
		if lacks != "" {
			missing = append(missing, lacks)
		}
	}
	return built, missing, nil
}

// buildC makes a module of each program.
func buildC(ctx context.Context, out string) (built []program, missing string, err error) {
	if _, err := exec.LookPath("clang"); err != nil {
		return nil, "C programs: there is no clang; on Debian: apt-get install " + cPackages, nil //nolint:nilerr // which is said
	}
	for _, p := range cPrograms {
		p.language, p.entry = "C", "run"
		p.module = filepath.Join(out, "c-"+p.name+".wasm")
		err := command(ctx, nil, "clang", "--target=wasm32-wasi", "-O2", "-Wall", "-Wextra", "-mexec-model=reactor",
			"-Wl,--strip-all", "-o", p.module, filepath.Join(folder, "programs", "c", p.name+".c"))
		if err != nil {
			return built, fmt.Sprintf("C programs: clang cannot build for wasm32-wasi; on Debian: apt-get install %s (%v)", cPackages, err), nil
		}
		built = append(built, p)
	}
	return built, "", nil
}

func buildGo(ctx context.Context, out string) (built []program, missing string, err error) {
	module := filepath.Join(out, "go-programs.wasm")
	err = command(ctx, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w",
		"-o", module, "./"+filepath.ToSlash(filepath.Join(folder, "programs", "go")))
	return exports(goPrograms, "Go", module), "", err
}

// buildRust takes whichever compiler the SDK takes for nodes.
func buildRust(ctx context.Context, out string) (built []program, missing string, err error) {
	rust, err := toolchain.Find("rust")
	if err != nil {
		return nil, "", fmt.Errorf("looking for Rust: %w", err)
	}
	module := filepath.Join(out, "rust-programs.wasm")
	err = rust.Build(ctx, filepath.Join(folder, "programs", "rust"), module)
	if lacks := (*toolchain.MissingError)(nil); errors.As(err, &lacks) {
		return nil, "Rust programs: " + lacks.Error(), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("building the Rust programs: %w", err)
	}
	return exports(rustPrograms, "Rust", module), "", nil
}

// buildAssemblyScript uses the compiler that `make tools` installs for the SDK's
// tests.
func buildAssemblyScript(ctx context.Context, out string) (built []program, missing string, err error) {
	asc := filepath.Join(folder, "..", "sdk", "conformance", "nodes", "assemblyscript", "node_modules", "assemblyscript", "bin", "asc.js")
	_, noCompiler := os.Stat(asc)
	node, noNode := exec.LookPath("node")
	if noCompiler != nil || noNode != nil {
		return nil, "AssemblyScript programs: there is no asc; run `make tools`, with Node.js and npm installed", nil //nolint:nilerr // which is said
	}
	module := filepath.Join(out, "assemblyscript-programs.wasm")
	err = command(ctx, nil, node, asc, filepath.Join(folder, "programs", "assemblyscript", "index.ts"), "-O3", "--use", "abort=", "-o", module)
	return exports(assemblyScriptPrograms, "AssemblyScript", module), "", err
}

// exports are programs of one module, each under its own name.
func exports(programs []program, language, module string) []program {
	built := slices.Clone(programs)
	for i := range built {
		built[i].language, built[i].entry, built[i].module = language, built[i].name, module
	}
	return built
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
