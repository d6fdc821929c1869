// JavaScript and TypeScript, by what the binary carries itself.

package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var javascript = &Language{
	Name:  "js",
	Title: "JavaScript",
	detect: func(_ string, files []string) bool {
		return len(withEnding(files, ".js")) > 0 || len(withEnding(files, ".mjs")) > 0
	},
	sources: []source{{"js/chainrun.d.ts", "chainrun.d.ts"}},
	build:   func(ctx context.Context, p *project) error { return p.packScript(ctx, ".js", ".mjs") },
}

var typescript = &Language{
	Name:  "ts",
	Title: "TypeScript",
	detect: func(_ string, files []string) bool {
		return len(scripts(files, ".ts")) > 0
	},
	sources: []source{{"js/chainrun.d.ts", "chainrun.d.ts"}},
	build:   func(ctx context.Context, p *project) error { return p.packScript(ctx, ".ts", ".mts") },
}

// scripts gives the files with the ending that are no declarations and no tests.
func scripts(files []string, ending string) []string {
	return slices.DeleteFunc(withEnding(files, ending), func(f string) bool {
		stem := strings.TrimSuffix(f, ending)
		return strings.HasSuffix(stem, ".d") || strings.HasSuffix(stem, ".test") || strings.HasSuffix(stem, ".config")
	})
}

// packScript packs the project's script: main, else index, else the only one.
func (p *project) packScript(ctx context.Context, endings ...string) error {
	if p.pack == nil {
		return errors.New("this program was built without what packs scripts")
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	var found []string
	for _, ending := range endings {
		found = append(found, scripts(names, ending)...)
	}
	for _, stem := range []string{"main", "index"} {
		for _, ending := range endings {
			if slices.Contains(found, stem+ending) {
				found = []string{stem + ending}
			}
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("which script is the node? expected main%[1]s, index%[1]s or one %[1]s file alone, found %[2]d", endings[0], len(found))
	}
	wasm, err := p.pack(ctx, filepath.Join(p.dir, found[0]))
	if err != nil {
		return err
	}
	return os.WriteFile(p.out, wasm, 0o600)
}
