// sdk/zig: one file.

package conformance

import "testing"

var _ = register("zig", func(t *testing.T) []byte {
	t.Helper()
	return buildProject(t, "zig", "nodes/zig/node.zig", "../zig/chainrun.zig")
})
