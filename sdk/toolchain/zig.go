// Zig, from its own distribution, PyPI or npm.

package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

var zig = &Language{
	Name:  "zig",
	Title: "Zig",
	detect: func(_ string, files []string) bool {
		return len(withEnding(files, ".zig")) > 0
	},
	sources: []source{{"zig/chainrun.zig", "chainrun.zig"}},
	build: func(ctx context.Context, p *project) error {
		command, ok := zigCommand(ctx)
		if !ok {
			return &MissingError{
				Language: "Zig", Tool: "zig 0.17",
				Install: []string{"pip install ziglang==0.17.1", "https://ziglang.org/download/"},
			}
		}
		root, err := zigRoot(p.dir)
		if err != nil {
			return err
		}
		args := append(command[1:], "build-exe", root, "-target", "wasm32-freestanding", "-fno-entry", "-rdynamic",
			"-O", "ReleaseSmall", "-fstrip", "-femit-bin="+p.out)
		return p.run(ctx, nil, command[0], args...)
	},
}

// zigRoot is the project's root: node.zig or main.zig, else the only file.
func zigRoot(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.zig"))
	if err != nil {
		return "", err
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	for _, name := range []string{"node.zig", "main.zig"} {
		if slices.Contains(files, name) {
			return name, nil
		}
	}
	files = slices.DeleteFunc(files, func(f string) bool { return f == "chainrun.zig" || f == "build.zig" })
	if len(files) != 1 {
		return "", fmt.Errorf("which file is the node? expected node.zig, main.zig or one file beside chainrun.zig, found %d", len(files))
	}
	return files[0], nil
}

// zigCommand gives the command that runs Zig.
func zigCommand(ctx context.Context) (command []string, ok bool) {
	if zig, ok := find("zig"); ok {
		return []string{zig}, true
	}
	for _, name := range []string{"python3", "python"} {
		python, ok := find(name)
		if !ok {
			continue
		}
		//nolint:gosec // G204: the names are those above
		asked := exec.CommandContext(ctx, python, "-c", "import ziglang")
		asked.Dir = os.TempDir() // not where a file could be called so
		if asked.Run() == nil {
			return []string{python, "-m", "ziglang"}, true
		}
	}
	return nil, false
}
