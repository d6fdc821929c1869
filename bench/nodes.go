// The nodes under measurement, and how they are built.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// smallNode is the node of programs/cnode for where there is no clang.
//
//go:embed programs/smallnode/node.wasm
var smallNode []byte

// nodes are modules that give back their input, by language. Their entry ask asks
// a capability first; that of C and its stand-in have an entry count too, which
// adds one to an order's number.
type nodes struct {
	c, goes []byte
	small   []byte // that of C, else its stand-in
	missing string // why there is no C one, where there is none
}

func buildNodes(ctx context.Context) (n nodes, err error) {
	out := filepath.Join(folder, "build")
	if err := os.MkdirAll(out, 0o750); err != nil {
		return n, fmt.Errorf("making the build folder: %w", err)
	}
	path := filepath.Join(out, "gonode.wasm")
	if err := command(ctx, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildmode=c-shared",
		"-ldflags=-s -w", "-o", path, "./"+filepath.ToSlash(filepath.Join(folder, "programs", "gonode"))); err != nil {
		return n, err
	}
	if n.goes, err = os.ReadFile(path); err != nil {
		return n, fmt.Errorf("reading the node: %w", err)
	}
	n.small = smallNode
	const install = "on Debian: apt-get install " + cPackages
	if _, err := exec.LookPath("clang"); err != nil {
		n.missing = "C reactor: there is no clang; " + install
		return n, nil //nolint:nilerr // which is said
	}
	path = filepath.Join(out, "cnode.wasm")
	if err := command(ctx, nil, "clang", "--target=wasm32-wasi", "-O2", "-mexec-model=reactor", "-Wl,--strip-all",
		"-o", path, filepath.Join(folder, "programs", "cnode", "node.c")); err != nil {
		n.missing = fmt.Sprintf("C reactor: clang cannot build for wasm32-wasi; %s (%v)", install, err)
		return n, nil
	}
	if n.c, err = os.ReadFile(path); err != nil {
		return n, fmt.Errorf("reading the node: %w", err)
	}
	n.small = n.c
	return n, nil
}

// smallName says what the small node is.
func (n nodes) smallName() string {
	if n.c != nil {
		return "C reactor"
	}
	return "small hand-made reactor"
}

// skipped says what is missing, if anything.
func (n nodes) skipped(p *page) {
	if n.missing != "" {
		p.printf("SKIPPED: %s\n", n.missing)
	}
}

// goNode is the module of graphs/hello, of Go, with 3.5 MB of memory.
func goNode() ([]byte, error) {
	path := filepath.Join(folder, "..", "graphs", "hello", "say.wasm")
	module, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: there is no %s; run `make` first", errSkipped, path)
	}
	return module, nil
}
