package main

import (
	"os"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/provider"
)

// TestMain makes the test binary the provider as well.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
	}
	os.Exit(m.Run())
}

func TestCalendar(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := provider.New(provider.Options{Allow: func(string) (provider.Program, bool) {
		return provider.Program{Path: path, Args: []string{"serve"}}, true
	}})
	defer p.Close()
	c, err := p.Configure("calendar", document.MustParse(`{"provider": "calendar"}`))
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		`{"from": "2026-02-27", "to": "2026-03-04"}`: `{"days":5,"weekdays":3}`,
		`{"from": "2026-02-27", "to": "2026-02-27"}`: `{"days":0,"weekdays":0}`,
		`{"from": "2026-02-27", "to": "2026-02-26"}`: "",
		`{"from": "yesterday", "to": "2026-02-26"}`:  "",
		`{"from": "0001-01-01", "to": "2026-02-26"}`: "",
	} {
		a, err := c.Call(t.Context(), capability.Call{Method: "days", Request: document.MustParse(request), Partial: func(document.Document) {}})
		if (err == nil) != (want != "") || a.Document.String() != want {
			t.Errorf("%s: got %v, %v", request, a.Document, err)
		}
	}
}
