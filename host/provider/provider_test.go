package provider

import (
	"os"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// programs gives the test binary as a provider of each kind.
func programs(t *testing.T) func(string) (Program, bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(kind string) (Program, bool) { return Program{Path: self, Args: []string{"serve", kind}}, kind != "unknown" }
}

func TestCall(t *testing.T) {
	p := New(Options{Allow: programs(t)})
	defer p.Close()
	c, err := p.Configure("db", document.MustParse(`{"provider":"good","config":{"url":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Call(t.Context(), capability.Call{Method: "echo", Request: document.MustParse(`{"text":"hi"}`), Secrets: nil, Partial: func(document.Document) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(a.Document)
}
