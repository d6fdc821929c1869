// sdk/go under TinyGo, where that is installed: the source is that of Go.

package conformance

import (
	"path/filepath"
	"testing"
)

var _ = register("tinygo", func(t *testing.T) []byte {
	t.Helper()
	return buildFolder(t, "tinygo", filepath.Join("nodes", "go"))
})
