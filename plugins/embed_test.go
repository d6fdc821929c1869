package plugins_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/chainrun/chainrun/plugins"
)

func TestOpen(t *testing.T) {
	if _, err := plugins.Open("nothing"); err == nil {
		t.Error("a name that there is not")
	}
	if !slices.IsSorted(plugins.Names()) {
		t.Errorf("%v", plugins.Names())
	}
	var first []byte
	for _, name := range plugins.Names() {
		wasm, err := plugins.Open(name)
		if err != nil {
			var hinted interface{ Hint() string }
			if hinted, _ = err.(interface{ Hint() string }); hinted == nil || hinted.Hint() == "" {
				t.Fatal(err)
			}
			t.Skip(err, hinted.Hint())
		}
		if first == nil {
			first = wasm
		}
		if !bytes.HasPrefix(wasm, []byte("\x00asm")) || &wasm[0] != &first[0] {
			t.Errorf("%s: %d bytes", name, len(wasm))
		}
	}
}
