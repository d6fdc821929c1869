package toolchain

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeCargo puts a cargo and its compiler on the path. The compiler answers
// --print by the folders libdir and sysroot; cargo says what it was asked, and
// writes the module of a crate called a-node where cargo would.
func fakeCargo(t *testing.T, dir, libdir, sysroot string) {
	t.Helper()
	fakeTool(t, "cargo", `
case "$1" in
metadata) echo '{"target_directory":"`+dir+`/target","packages":[{"manifest_path":"`+dir+`/Cargo.toml","targets":[{"name":"a-node","crate_types":["cdylib","rlib"]}]}]}';;
build)
	echo "$@" >>`+dir+`/said
	echo "${RUSTC_BOOTSTRAP-none} ${CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER-none}" >>`+dir+`/said
	echo wasm >`+dir+`/target/$5/release/a_node.wasm;;
esac
`)
	bin := os.Getenv("PATH")
	for name, script := range map[string]string{
		"rustc":      "case \"$2\" in target-libdir) echo " + libdir + "/$4/lib;; sysroot) echo " + sysroot + ";; esac\n",
		"wasm-ld-22": "exit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRustTargets(t *testing.T) {
	const libwasi, libunknown, src = "wasm32-wasip1/lib/libstd-1.rlib", "wasm32-unknown-unknown/lib/libstd-1.rlib", "lib/rustlib/src/rust/library/Cargo.lock"
	for _, c := range []struct {
		files []string // of the standard library
		want  string   // what cargo is asked
	}{
		{[]string{libwasi, libunknown}, "build --release --lib --target wasm32-wasip1\nnone none\n"},
		{[]string{libunknown, src}, "build --release --lib --target wasm32-unknown-unknown\nnone none\n"},
		{[]string{src}, "build --release --lib --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort\n1 LINKER\n"},
	} {
		dir, root := t.TempDir(), t.TempDir()
		for _, name := range c.files {
			file := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, target := range []string{"wasm32-wasip1", "wasm32-unknown-unknown"} {
			if err := os.MkdirAll(filepath.Join(dir, "target", target, "release"), 0o750); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "Cargo.toml"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		fakeCargo(t, dir, root, root)
		want := strings.ReplaceAll(c.want, "LINKER", filepath.Join(os.Getenv("PATH"), "wasm-ld-22"))
		out := filepath.Join(t.TempDir(), "node.wasm")
		if err := rust.Build(context.Background(), dir, out); err != nil {
			t.Errorf("%v: %v", c.files, err)
			continue
		}
		if wasm, err := os.ReadFile(out); err != nil || string(wasm) != "wasm\n" {
			t.Errorf("%v: the module is %q, %v", c.files, wasm, err)
		}
		if said, err := os.ReadFile(filepath.Join(dir, "said")); err != nil || string(said) != want {
			t.Errorf("%v: cargo was asked %q, %v, want %q", c.files, said, err, want)
		}
	}
}

// A crate that makes no module is told so, before cargo builds it.
func TestRustWithoutLibrary(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	lib := filepath.Join(root, "wasm32-wasip1", "lib")
	if err := os.MkdirAll(lib, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{filepath.Join(lib, "libstd-1.rlib"), filepath.Join(dir, "Cargo.toml")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fakeCargo(t, t.TempDir(), root, root) // its metadata are of another crate
	err := rust.Build(context.Background(), dir, filepath.Join(t.TempDir(), "node.wasm"))
	if err == nil || !strings.Contains(err.Error(), `crate-type = ["cdylib"]`) {
		t.Errorf("got %v", err)
	}
}
