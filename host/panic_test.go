package host

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

func TestPanicIsAnError(t *testing.T) {
	fault := func() (err error) {
		defer guard(&err)
		return fmt.Errorf("node %d", []int{}[len(t.Name())])
	}
	err := fault()
	p, ok := errors.AsType[*PanicError](err)
	if !ok || !strings.Contains(err.Error(), "out of range") || !strings.Contains(string(p.Stack), "panic_test.go") {
		t.Errorf("got %v", err)
	}
}

// Whatever is wrong inside, the process goes on.
func TestRunSurvivesAPanic(t *testing.T) {
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte("chain = ['a']\n[nodes.a]\nmodule = 'a.wasm'")},
		"a.wasm":     {Data: moduletest.Echo()},
	}, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	h.driver = nil
	_, err = h.Run(t.Context(), g, nil)
	if _, ok := errors.AsType[*PanicError](err); !ok {
		t.Errorf("got %v", err)
	}
}
