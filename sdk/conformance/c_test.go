// sdk/c: one header.

package conformance

import "testing"

var _ = register("c", func(t *testing.T) []byte {
	t.Helper()
	return buildProject(t, "c", "nodes/c/node.c", "../c/chainrun.h")
})
