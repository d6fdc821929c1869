// Package intl_test runs the provider in JavaScript as chainrun does.
package intl_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/provider"
)

// install puts the provider and its packages into a folder of its own, as
// whoever ships one would.
func install(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	if os.Getenv("CHAINRUN_TEST_NPM") == "" {
		t.Skip("set CHAINRUN_TEST_NPM=1 to install the provider's npm packages and run it")
	}
	dir := t.TempDir()
	for _, name := range []string{"provider.js", "handshake.js", "package.json", "package-lock.json", "../../sdk/provider/protocol/provider.proto"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, out)
	}
	return filepath.Join(dir, "provider.js")
}

type secrets struct{}

func (secrets) Expand(s string) (string, error) { return s, nil }
func (secrets) Env(string) (string, bool)       { return "", false }

func TestIntl(t *testing.T) {
	path := install(t)
	p := provider.New(provider.Options{Allow: func(name string) (provider.Program, bool) {
		return provider.Program{Path: path}, name == "intl"
	}})
	defer p.Close()
	c, err := p.Configure("languages", document.MustParse(`{"provider": "intl", "config": {"locale": "sv"}}`))
	if err != nil {
		t.Fatal(err)
	}
	offer, err := capability.NewOffer("languages", c)
	if err != nil {
		t.Fatal(err)
	}
	partials := 0
	ask := func(ctx context.Context, method, request string) (document.Document, error) {
		a, err := offer.Call(ctx, capability.Call{
			Method: method, Request: document.MustParse(request), Secrets: secrets{},
			Partial: func(document.Document) { partials++ },
		})
		if err == nil {
			if found := offer.Method(method).ResponseSchema.Validate(a.Document); found != nil {
				t.Errorf("%s: %v breaks its schema: %v", method, a.Document, found)
			}
		}
		return a.Document, err
	}
	for _, test := range []struct{ method, request, want string }{
		{"sort", `{"items": ["zebra", "äpple", "öl", "ål"]}`, `{"items":["zebra","ål","äpple","öl"]}`}, // as in Swedish, the config
		{"sort", `{"items": ["zebra", "äpple", "öl", "ål"], "locale": "de"}`, `{"items":["ål","äpple","öl","zebra"]}`},
		{"segment", `{"text": "Sehr geehrter Herr Dr. Maier! Es geht um z.B. Tee.", "by": "word", "locale": "de"}`, ""},
		{"segment", `{"text": "一个人工智能", "by": "word", "locale": "zh"}`, ""},
		{"segment", `{"text": "e\u0301👩‍👧!", "by": "grapheme"}`, "{\"segments\":[\"e\u0301\",\"👩‍👧\",\"!\"]}"},
	} {
		got, err := ask(t.Context(), test.method, test.request)
		if err != nil || (test.want != "" && got.String() != test.want) {
			t.Errorf("%s %s: got %v, %v", test.method, test.request, got, err)
		}
	}
	if _, err := ask(t.Context(), "segment", `{"text": "`+strings.Repeat("word ", 5000)+`", "by": "word"}`); err != nil || partials != 5 {
		t.Errorf("a long text: %d partials, %v", partials, err)
	}
	_, err = ask(t.Context(), "sort", `{"items": [], "locale": "no such"}`)
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "unknown_locale" || e.Retryable {
		t.Errorf("an unknown locale: %v", err)
	}
	// What the schema would have stopped is the provider's bug, and no answer.
	if _, err = ask(t.Context(), "sort", `{"items": 5}`); err == nil || !strings.Contains(err.Error(), "items.sort is not a function") {
		t.Errorf("a bug: %v", err)
	}
}
