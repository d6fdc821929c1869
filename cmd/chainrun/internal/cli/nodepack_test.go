package cli

// Packing, where the files that are named are in each other's way.

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/sdk/js/pack"
)

// A slip of the hand does not cost the author the script.
func TestPackKeepsItsSource(t *testing.T) {
	script := filepath.Join(t.TempDir(), "greet.js")
	const source = "export default () => 1;\n"
	if err := os.WriteFile(script, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{Streams: Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}}
	if err := a.packNode(t.Context(), pack.Options{Script: script}, "", script); err == nil {
		t.Error("a script was packed over itself")
	}
	if left, err := os.ReadFile(script); err != nil || string(left) != source {
		t.Errorf("the script is now %.20q, %v", left, err)
	}
}
