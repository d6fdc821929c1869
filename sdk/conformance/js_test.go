package conformance

import (
	"testing"

	"github.com/chainrun/chainrun/sdk/js/pack"
)

var _ = register("js", buildJS)

// buildJS needs nothing that chainrun does not carry.
func buildJS(t *testing.T) []byte {
	t.Helper()
	n, err := pack.Pack(t.Context(), pack.Options{Script: "nodes/js/main.js"})
	if err != nil {
		t.Fatal(err)
	}
	return n.Wasm
}
