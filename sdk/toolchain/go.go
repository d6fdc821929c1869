// Go and TinyGo: one SDK, two compilers.

package toolchain

import (
	"context"
	"slices"
)

var golang = &Language{
	Name:  "go",
	Title: "Go",
	detect: func(_ string, files []string) bool {
		return slices.Contains(files, "go.mod")
	},
	build: func(ctx context.Context, p *project) error {
		tool, ok := find("go")
		if !ok {
			return &MissingError{Language: "Go", Tool: "the Go toolchain, 1.24 or later", Install: []string{"https://go.dev/dl/", "apt-get install golang-go"}}
		}
		return p.run(ctx, []string{"GOOS=wasip1", "GOARCH=wasm"}, tool,
			"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", p.out, ".")
	},
}

// A TinyGo project says so in its go.mod, which is Go's otherwise.
var tinygo = &Language{
	Name:  "tinygo",
	Title: "TinyGo",
	detect: func(dir string, files []string) bool {
		return slices.Contains(files, "go.mod") && mentions(dir, "go.mod", "chainrun:tinygo")
	},
	build: func(ctx context.Context, p *project) error {
		tool, ok := find("tinygo")
		if !ok {
			return &MissingError{Language: "TinyGo", Tool: "tinygo (tried with 0.41)", Install: []string{"https://tinygo.org/getting-started/install/"}}
		}
		// Without a scheduler there are no goroutines. With one a module is twice as
		// large, and a call takes two hundred times as long.
		return p.run(ctx, nil, tool,
			"build", "-target=wasip1", "-scheduler=none", "-buildmode=c-shared", "-no-debug", "-opt=z", "-o", p.out, ".")
	},
}
