package fetch_test

// The attacks again, through the whole stack: a node of WebAssembly, its grant in
// a graph, the host.

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// resolved are secrets by the variable's name.
type resolved map[string]string

// Resolve implements [secret.Resolver].
func (r resolved) Resolve(_ context.Context, ref secret.Reference) (string, error) {
	if v, ok := r[ref.Env]; ok {
		return v, nil
	}
	return "", secret.ErrAbsent
}

const stackSecret = "s3cr3t/value+of the=key"

func TestAttacksThroughTheStack(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int64
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		auth := r.Header.Get("X-Key")
		if a := r.Header.Get("X-A"); a != "" && a != "${secret:key}" {
			t.Errorf("a reference that a node wrote was filled in: %q", a)
		}
		switch r.URL.Path {
		case "/big":
			io.Copy(rw, io.LimitReader(zeros{}, 32<<20))
		case "/away":
			http.Redirect(rw, r, r.URL.Query().Get("to"), http.StatusFound)
		case "/error":
			rw.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(rw, "no %s and %s", auth, base64.StdEncoding.EncodeToString([]byte("user:"+auth)))
		case "/busy":
			rw.Header().Set("Retry-After", "0")
			rw.WriteHeader(http.StatusTooManyRequests)
		case "/late":
			<-r.Context().Done()
		default:
			rw.Header().Set("X-Echo", auth)
			fmt.Fprintf(rw, "you sent %s", auth)
		}
	}))
	w.names["inner.example.com"] = []string{"169.254.169.254"}
	h, err := host.New(
		host.WithCapability("fetch", fetchOf(w)),
		host.WithSecrets(resolved{"KEY": stackSecret}),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, test := range []struct {
		name, module, grant, input string
		every                      bool         // host is granted
		code                       failure.Code // "": done
		reason                     string
		most                       int64 // requests that the server may see
	}{
		{name: "fine", input: `{"url": "https://api.example.com/"}`, most: 1},
		{name: "decimal", input: `{"url": "http://2130706433/"}`, code: failure.CapabilityError, reason: "invalid_url"},
		{name: "octal", input: `{"url": "http://0177.0.0.1/"}`, code: failure.CapabilityError, reason: "invalid_url"},
		{name: "user", input: `{"url": "https://api.example.com@127.0.0.1/"}`, code: failure.CapabilityError, reason: "invalid_url"},
		{name: "loopback", every: true, input: `{"url": "http://127.0.0.1/"}`, code: failure.CapabilityDenied, reason: "address_not_granted"},
		{name: "full width", every: true, input: `{"url": "http://１２７.０.０.１/"}`, code: failure.CapabilityDenied, reason: "address_not_granted"},
		{name: "mapped", every: true, input: `{"url": "http://[::ffff:7f00:1]/"}`, code: failure.CapabilityDenied, reason: "address_not_granted"},
		{name: "metadata by name", input: `{"url": "http://inner.example.com/"}`, code: failure.CapabilityDenied, reason: "address_not_granted"},
		{name: "metadata by redirect", input: `{"url": "https://api.example.com/away?to=http://inner.example.com/"}`, code: failure.CapabilityDenied, reason: "address_not_granted", most: 1},
		{name: "method", input: `{"method": "DELETE", "url": "https://api.example.com/"}`, code: failure.CapabilityDenied, reason: "method_not_granted"},
		{name: "header", input: `{"url": "https://api.example.com/", "headers": {"X-A": "a\r\nX-B: b"}}`, code: failure.CapabilityError, reason: "invalid_header"},
		{name: "the grant's header", input: `{"url": "https://api.example.com/", "headers": {"X-Key": "mine"}}`, code: failure.CapabilityDenied, reason: "header_not_granted"},
		{name: "a reference to a secret", input: `{"url": "https://api.example.com/", "headers": {"X-A": "${secret:key}"}}`, most: 1},
		{name: "secret in error text", input: `{"url": "https://api.example.com/error"}`, code: failure.CapabilityError, reason: "http_502", most: 1},
		{name: "large answer", input: `{"url": "https://api.example.com/big"}`, code: failure.CapabilityError, reason: "response_too_large", most: 1},
		{name: "large request", grant: "max_request_bytes = 100\nmethods = ['POST']", input: `{"method": "POST", "url": "https://api.example.com/", "body": "` + strings.Repeat("x", 101) + `"}`, code: failure.CapabilityDenied, reason: "request_too_large"},
		{name: "unknown member", input: `{"url": "https://api.example.com/", "proxy": "http://127.0.0.1"}`, code: failure.CapabilityError, reason: "invalid_request"},
		{name: "a million calls", module: "million.wasm", input: `{"url": "https://api.example.com/"}`, code: failure.Trap, most: 10_000},
		{name: "a million calls, limited", module: "million.wasm", grant: "calls = 3", input: `{"url": "https://api.example.com/"}`, code: failure.CapabilityDenied, reason: "limit_used_up", most: 3},
		{name: "a million bytes", module: "million.wasm", grant: "bytes = 3000", input: `{"url": "https://api.example.com/"}`, code: failure.CapabilityDenied, most: 10},
		{name: "late", grant: "timeout = '50ms'", input: `{"url": "https://api.example.com/late"}`, code: failure.CapabilityError, reason: "timeout", most: 1},
		{name: "busy", input: `{"url": "https://api.example.com/busy"}`, code: failure.CapabilityError, reason: "http_429", most: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.module == "million.wasm" && test.code == failure.Trap && testing.Short() {
				t.Skip("ten thousand requests")
			}
			asked.Store(0)
			module := test.module
			if module == "" {
				module = "once.wasm"
			}
			// Where every host is granted, the grant has no headers; see CheckGrant.
			terms := "hosts = ['*.example.com']\nheaders = {X-Key = '${secret:key}'}\n"
			if test.every {
				terms = "hosts = ['*']\n"
			}
			text := "version = 1\nchain = ['a']\n[secrets.key]\nenv = 'KEY'\n[nodes.a]\nmodule = '" + module + "'\n[[nodes.a.retry]]\nmax_attempts = 1\n" +
				"[nodes.a.grants.fetch]\nschemes = ['http', 'https']\n" + terms + test.grant + "\n"
			g, err := h.LoadFS(fstest.MapFS{
				"graph.toml":   {Data: []byte(text)},
				"once.wasm":    {Data: moduletest.Ask("fetch", "request", 1)},
				"million.wasm": {Data: moduletest.Ask("fetch", "request", 1_000_000)},
			}, "graph.toml")
			if err != nil {
				t.Fatal(err)
			}
			var seen strings.Builder
			r, err := h.Run(t.Context(), g, mustParse(test.input), host.WithObserver(func(e event.Event) {
				line, err := event.Line(e)
				if err != nil {
					t.Error(err)
				}
				seen.Write(line)
			}))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&seen, r.Output(), r.Failure())
			for _, form := range []string{stackSecret, "s3cr3t%2F", base64.StdEncoding.EncodeToString([]byte("user:" + stackSecret))[8:24]} {
				if strings.Contains(seen.String(), form) {
					t.Errorf("%q leaked: %s", form, shown(seen.String()))
				}
			}
			f := r.Failure()
			switch {
			case test.code == "" && f != nil:
				t.Errorf("the failure is %+v", f)
			case test.code != "" && (f == nil || f.Code != test.code || test.reason != "" && f.Reason != test.reason):
				t.Errorf("the failure is %+v, want %s %s", f, test.code, test.reason)
			}
			if n := asked.Load(); n > test.most {
				t.Errorf("the server was asked %d times, at most %d were allowed", n, test.most)
			}
			if test.name == "fine" && !strings.Contains(seen.String(), "you sent [secret:key]") {
				t.Errorf("the secret was not sent, or not taken out: %s", shown(seen.String()))
			}
			if test.name == "secret in error text" && !strings.Contains(seen.String(), "no [") {
				t.Errorf("the error has no text: %s", shown(seen.String()))
			}
		})
	}
}

func shown(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}

// The graphs of the documentation can be loaded, with their grants.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/fetch.md")
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.WithCapability("fetch", fetchOf(newWorld(t))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	blocks := strings.Split(string(text), "```toml\n")[1:]
	if len(blocks) < 3 {
		t.Errorf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if _, err := h.LoadFS(fstest.MapFS{
			"graph.toml": {Data: []byte(block)},
			"ask.wasm":   {Data: moduletest.Ask("fetch", "request", 1)},
		}, "graph.toml"); err != nil {
			t.Errorf("%s\n%v", block, err)
		}
	}
}
