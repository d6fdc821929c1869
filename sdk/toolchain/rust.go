// Rust, by cargo: with rustup's target, or with Debian's compiler and the sources
// of the standard library.

package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

var rust = &Language{
	Name:  "rust",
	Title: "Rust",
	detect: func(_ string, files []string) bool {
		return slices.Contains(files, "Cargo.toml")
	},
	sources: []source{{"rust/Cargo.toml", "chainrun/Cargo.toml"}, {"rust/src", "chainrun/src"}},
	build: func(ctx context.Context, p *project) error {
		tool, ok := findCargo(ctx, p.dir)
		if !ok {
			return &MissingError{
				Language: "Rust", Tool: "cargo with the standard library for WebAssembly",
				Install: []string{
					"rustup target add wasm32-wasip1 (https://rustup.rs)",
					"apt-get install cargo-web rustc-web rust-web-src lld-22",
				},
			}
		}
		library, err := tool.library(ctx, p.dir)
		if err != nil {
			return err
		}
		args := append([]string{"build", "--release", "--lib", "--target", tool.target}, tool.flags...)
		if err := p.run(ctx, tool.env, tool.cargo, args...); err != nil {
			return err
		}
		return copyFile(p.out, library)
	},
}

// cargoTool is a cargo and what it needs to build for WebAssembly.
type cargoTool struct {
	cargo  string
	env    []string
	target string
	flags  []string
}

// findCargo looks for a cargo whose compiler has a standard library for
// WebAssembly: that on the path, or Debian's, which comes without but can build
// one of its sources. What asks for WASI finds it; the other target is smaller.
func findCargo(ctx context.Context, dir string) (*cargoTool, bool) {
	var cargos []string
	if cargo, ok := find("cargo"); ok {
		cargos = append(cargos, cargo)
	}
	if debian := "/usr/bin/cargo"; isFile(debian) && !slices.Contains(cargos, debian) {
		cargos = append(cargos, debian)
	}
	for _, cargo := range cargos {
		rustc := filepath.Join(filepath.Dir(cargo), "rustc")
		tool := cargoTool{cargo: cargo, env: []string{"RUSTC=" + rustc}}
		for _, target := range []string{"wasm32-wasip1", "wasm32-unknown-unknown"} {
			libraries, ok := say(ctx, dir, rustc, "--print", "target-libdir", "--target", target)
			if found, _ := filepath.Glob(filepath.Join(libraries, "libstd-*.rlib")); ok && len(found) > 0 {
				tool.target = target
				return &tool, true
			}
		}
		sysroot, ok := say(ctx, dir, rustc, "--print", "sysroot")
		linker, haveLinker := find("wasm-ld-22", "rust-lld", "wasm-ld")
		if ok && haveLinker && isFile(filepath.Join(sysroot, "lib", "rustlib", "src", "rust", "library", "Cargo.lock")) {
			tool.target = "wasm32-unknown-unknown"
			// The first is the switch for what is not stable yet: building the
			// standard library.
			tool.env = append(tool.env, "RUSTC_BOOTSTRAP=1", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="+linker)
			tool.flags = []string{"-Zbuild-std=std,panic_abort"}
			return &tool, true
		}
	}
	return nil, false
}

// library gives the path that the module will be built to.
func (c *cargoTool) library(ctx context.Context, dir string) (string, error) {
	//nolint:gosec // G204: running the author's own tools is what a build is
	cmd := exec.CommandContext(ctx, c.cargo, "metadata", "--no-deps", "--format-version", "1")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), c.env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", &ToolError{Command: "cargo metadata --no-deps", Output: strings.TrimSpace(said.String()), Err: err}
	}
	var metadata struct {
		TargetDirectory string `json:"target_directory"`
		Packages        []struct {
			ManifestPath string `json:"manifest_path"`
			Targets      []struct {
				Name       string   `json:"name"`
				CrateTypes []string `json:"crate_types"`
			} `json:"targets"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(out, &metadata); err != nil {
		return "", fmt.Errorf("reading what cargo metadata says: %w", err)
	}
	for _, p := range metadata.Packages {
		if !sameFile(p.ManifestPath, filepath.Join(dir, "Cargo.toml")) {
			continue
		}
		for _, t := range p.Targets {
			if slices.Contains(t.CrateTypes, "cdylib") {
				name := strings.ReplaceAll(t.Name, "-", "_") + ".wasm"
				return filepath.Join(metadata.TargetDirectory, c.target, "release", name), nil
			}
		}
	}
	return "", errors.New(`no [lib] with crate-type = ["cdylib"], which makes a module, is in Cargo.toml`)
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// say gives what a command prints, without the space around it.
func say(ctx context.Context, dir, tool string, args ...string) (string, bool) {
	//nolint:gosec // G204: the names of the tools are in this package
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err == nil
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
