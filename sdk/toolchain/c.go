// C, by clang with a C library for WASI: Debian's, wasi-sdk, or what Zig brings.

package toolchain

import (
	"context"
	"os"
	"path/filepath"
)

var clang = &Language{
	Name:  "c",
	Title: "C",
	detect: func(_ string, files []string) bool {
		return len(withEnding(files, ".c")) > 0
	},
	sources: []source{{"c/chainrun.h", "chainrun.h"}},
	build: func(ctx context.Context, p *project) error {
		entries, err := filepath.Glob(filepath.Join(p.dir, "*.c"))
		if err != nil {
			return err
		}
		compiler, ok := cCompiler(ctx)
		if !ok {
			return &MissingError{
				Language: "C", Tool: "clang with lld and a C library for wasm32-wasi",
				Install: []string{
					"apt-get install clang lld wasi-libc libclang-rt-dev-wasm32",
					"https://github.com/WebAssembly/wasi-sdk/releases (into /opt/wasi-sdk, or name it in WASI_SDK_PATH)",
					"pip install ziglang",
				},
			}
		}
		args := append(compiler[1:], "-mexec-model=reactor", "-std=c11", "-Oz", "-Wall", "-Wextra", "-I.", "-o", p.out, "-Wl,--strip-all")
		for _, file := range entries {
			args = append(args, "./"+filepath.Base(file)) // which no name makes a flag
		}
		return p.run(ctx, nil, compiler[0], args...)
	},
}

// cCompiler gives the command that compiles C for wasm32-wasi, up to the target.
func cCompiler(ctx context.Context) (command []string, ok bool) {
	for _, sdk := range []string{os.Getenv("WASI_SDK_PATH"), "/opt/wasi-sdk"} {
		if clang := filepath.Join(sdk, "bin", "clang"); sdk != "" && isFile(clang) {
			return []string{clang, "--target=wasm32-wasi"}, true
		}
	}
	clang, haveClang := find("clang")
	_, haveLinker := find("wasm-ld")
	if haveClang && haveLinker {
		for _, prefix := range []string{"/usr", "/opt/homebrew/opt/wasi-libc/share/wasi-sysroot", "/usr/share/wasi-sysroot"} {
			if !isFile(filepath.Join(prefix, "lib", "wasm32-wasi", "libc.a")) {
				continue
			}
			if prefix == "/usr" { // where clang looks by itself, beside the machine's own
				return []string{clang, "--target=wasm32-wasi"}, true
			}
			return []string{clang, "--target=wasm32-wasi", "--sysroot=" + prefix}, true
		}
	}
	if zig, ok := zigCommand(ctx); ok {
		return append(zig, "cc", "-target", "wasm32-wasi"), true
	}
	return nil, false
}
