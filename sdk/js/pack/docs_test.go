package pack

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

// The scripts of docs/nodes-js.md are packed and called, in their order.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/nodes-js.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := regexp.MustCompile("(?ms)^```(js|ts)\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	calls := []struct {
		call sandbox.Call
		want string
	}{
		{sandbox.Call{Input: []byte(`{"name":"Ada"}`), Config: []byte(`{"greeting":"Good morning"}`)}, `{"text":"Good morning, Ada!"}`},
		{sandbox.Call{Input: []byte(`{"customer":"Ada","lines":[{"sku":"a","quantity":2,"cents":3}]}`)}, `{"customer":"Ada","cents":6}`},
		{sandbox.Call{Input: []byte(`{"city":"Bad Ems"}`), Host: func(_ context.Context, c sandbox.HostCall) (sandbox.HostAnswer, error) {
			if want := `{"url":"https://example.com/weather","query":{"city":"Bad Ems"}}`; c.Capability+"."+c.Method != "fetch.request" || string(c.Payload) != want {
				t.Errorf("asked %s.%s %s", c.Capability, c.Method, c.Payload)
			}
			return sandbox.HostAnswer{Result: []byte(`{"status":200,"json":"rain"}`)}, nil
		}}, `{"city":"Bad Ems","weather":"rain"}`},
		{sandbox.Call{Input: []byte(`{"id":9007199254740993}`)}, `{"next":9007199254740994}`},
	}
	if len(scripts) != len(calls) {
		t.Fatalf("%d scripts, %d calls", len(scripts), len(calls))
	}
	for n, s := range scripts {
		p := interpret(t, packed(t, "orders."+s[1], s[2]))
		if got := gives(t, p, calls[n].call); string(got) != calls[n].want {
			t.Errorf("script %d: got %s, want %s", n+1, got, calls[n].want)
		}
	}
	// What the document shows of an error is what comes.
	message := regexp.MustCompile(`(?m)^    (TypeError: .*)$`).FindSubmatch(text)
	p := interpret(t, packed(t, "orders.ts", scripts[1][2]))
	if got := stops(t, p, sandbox.Call{Input: []byte(`{}`), Entry: "count"}); message == nil || got.Message != string(message[1]) {
		t.Errorf("got %s, the document says %q", got.Message, message)
	}
	// Every name that a script finds is declared for editors.
	types, err := os.ReadFile(filepath.Join("..", "chainrun.d.ts"))
	if err != nil {
		t.Fatal(err)
	}
	prelude, err := os.ReadFile(filepath.Join("..", "engine", "prelude.js"))
	if err != nil {
		t.Fatal(err)
	}
	globals := regexp.MustCompile(`(?s)const globals = \{\n(.*?)\n  \};`).FindSubmatch(prelude)
	names := regexp.MustCompile(`(?m)^    (\w+)[:,]`).FindAllStringSubmatch(string(globals[1]), -1)
	if len(names) < 10 {
		t.Fatalf("the prelude has %d globals", len(names))
	}
	for _, name := range names {
		if !strings.Contains(string(types), name[1]) {
			t.Errorf("%s is not declared", name[1])
		}
	}
}
