// sdk/go: the six entries of every language.

package conformance

import "testing"

var _ = register("go", func(t *testing.T) []byte {
	t.Helper()
	return buildGo(t, asReactor...)
})
