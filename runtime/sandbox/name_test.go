package sandbox

import (
	"regexp"
	"runtime"
	"testing"
)

func TestName(t *testing.T) {
	names := map[bool]string{}
	for _, interpreter := range []bool{false, true} {
		e, err := New(t.Context(), Config{Interpreter: interpreter})
		if err != nil {
			t.Fatal(err)
		}
		names[interpreter] = e.Name()
		if !regexp.MustCompile(`^wazero (unknown|v\d+\.\d+\.\d+\S*) (compiler|interpreter) ` + runtime.GOARCH + `$`).MatchString(e.Name()) {
			t.Errorf("name %q", e.Name())
		}
	}
	if compiles() == (names[false] == names[true]) {
		t.Errorf("there is a compiler: %t; the names are %q and %q", compiles(), names[false], names[true])
	}
}
