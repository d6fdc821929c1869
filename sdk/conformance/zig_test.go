// sdk/zig: one file.

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var _ = register("zig", func(t *testing.T) []byte {
	t.Helper()
	return buildProject(t, "zig", "nodes/zig/node.zig", "../zig/chainrun.zig")
})

// The SDK's own tests, on this machine.
func TestZigSDK(t *testing.T) {
	withLocalTools(t)
	zig, err := exec.LookPath("zig")
	if err != nil {
		t.Skip("zig is not here; install it by: pip install ziglang==0.17.1")
	}
	dir := t.TempDir()
	for _, name := range []string{"chainrun.zig", "chainrun_test.zig"} {
		text, err := os.ReadFile(filepath.Join("..", "zig", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(zig, "test", "chainrun_test.zig")
	c.Dir = dir
	if said, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
