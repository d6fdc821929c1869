// Zig, from its own distribution, PyPI or npm.

package toolchain

import (
	"os/exec"
)

// zigCommand gives the command that runs Zig.
func zigCommand() (command []string, ok bool) {
	if zig, ok := find("zig"); ok {
		return []string{zig}, true
	}
	for _, name := range []string{"python3", "python"} {
		//nolint:gosec,noctx // G204: the names are those above; asking whether a package is there takes no time
		if python, ok := find(name); ok && exec.Command(python, "-c", "import ziglang").Run() == nil {
			return []string{python, "-m", "ziglang"}, true
		}
	}
	return nil, false
}
