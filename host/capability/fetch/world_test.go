package fetch_test

// The world of the tests: names that resolve to public addresses, and public
// addresses behind which servers of this process stand. Nothing leaves it.

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/fetch"
	"github.com/chainrun/chainrun/host/document"
)

// world is a resolver and the wires behind the addresses.
type world struct {
	t  *testing.T
	mu sync.Mutex
	// names have a list of addresses for each time that they are asked for; the
	// last one stands.
	names  map[string][]string
	asked  map[string]int
	wires  map[string]string // "ip:port" → the address of a listener
	dialed []string
	roots  *x509.CertPool
	pem    string // the certificate of serve
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, names: map[string][]string{}, asked: map[string]int{}, wires: map[string]string{}, roots: x509.NewCertPool()}
}

// LookupNetIP implements [fetch.Resolver].
func (w *world) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answers := w.names[host]
	if answers == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	n := min(w.asked[host], len(answers)-1)
	w.asked[host]++
	if answers[n] == "broken" {
		return nil, errors.New("the name server says nothing")
	}
	var addrs []netip.Addr
	for a := range strings.FieldsSeq(answers[n]) {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs, nil
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	to := w.wires[address]
	w.mu.Unlock()
	if to == "" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: connection refused", address)}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

func (w *world) dials() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.dialed...)
}

// serve puts a server with TLS at https://api.example.com, and the same handler
// without TLS at http://plain.example.com; both names are of 93.184.216.34.
func (w *world) serve(h http.Handler) {
	secure := httptest.NewUnstartedServer(h)
	secure.EnableHTTP2 = true
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are meant to
	secure.StartTLS()
	plain := httptest.NewServer(h)
	w.t.Cleanup(func() {
		secure.CloseClientConnections()
		secure.Close()
		plain.CloseClientConnections()
		plain.Close()
	})
	w.roots.AddCert(secure.Certificate())
	w.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	w.names["api.example.com"] = []string{"93.184.216.34"}
	w.names["plain.example.com"] = []string{"93.184.216.34"}
	w.wires["93.184.216.34:443"] = secure.Listener.Addr().String()
	w.wires["93.184.216.34:80"] = plain.Listener.Addr().String()
}

func (w *world) fetch() *fetch.Capability {
	c := fetch.New(fetch.Options{Resolver: w, DialContext: w.dial, RootCAs: w.roots})
	w.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return c
}

// secrets are the secrets of a test, by name.
type secrets map[string]string

// Expand implements [capability.Secrets].
func (s secrets) Expand(text string) (string, error) {
	for name, value := range s {
		text = strings.ReplaceAll(text, "${secret:"+name+"}", value)
	}
	if strings.Contains(text, "${secret:") {
		return "", errors.New("no such secret")
	}
	return text, nil
}

// Env implements [capability.Secrets].
func (secrets) Env(string) (string, bool) { return "", false }

// ask holds the grant and the request against their schemas, as the host does,
// and makes the call.
func ask(t *testing.T, c capability.Capability, grant, request string, s ...secrets) (map[string]any, error) {
	t.Helper()
	return askContext(t.Context(), t, c, grant, request, s...)
}

func askContext(ctx context.Context, t *testing.T, c capability.Capability, grant, request string, s ...secrets) (map[string]any, error) {
	t.Helper()
	offer, err := capability.NewOffer("fetch", c)
	if err != nil {
		t.Fatal(err)
	}
	terms, asked := document.MustParse(grant), document.MustParse(request)
	if found := offer.Grant.Validate(terms); found != nil {
		t.Fatalf("the grant %s: %v", grant, found)
	}
	if p := c.(capability.GrantChecker).CheckGrant(terms); p != nil {
		t.Fatalf("the grant %s: %v", grant, p)
	}
	method := offer.Method("request")
	if found := method.RequestSchema.Validate(asked); found != nil {
		t.Fatalf("the request %s: %v", request, found)
	}
	call := capability.Call{
		Method: "request", Request: asked, Grant: terms, Key: strings.Repeat("ab", 32),
		Caller:  capability.Caller{Run: "r", Graph: "g", Step: "n", Node: "n", Attempt: 1, Ordinal: 1},
		Secrets: secrets{}, Partial: func(document.Document) {},
		Left: capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited},
	}
	if len(s) > 0 {
		call.Secrets = s[0]
	}
	a, err := c.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	if found := method.ResponseSchema.Validate(a.Document); found != nil {
		t.Fatalf("the answer %s: %v", a.Document, found)
	}
	v, err := a.Document.Value()
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any), nil
}

// reason is the reason of an error of the capability.
func reason(t *testing.T, err error) *capability.Error {
	t.Helper()
	e, ok := errors.AsType[*capability.Error](err)
	if !ok {
		t.Fatalf("want a *capability.Error, have %v", err)
	}
	return e
}

func mustParse(s string) document.Document { return document.MustParse(s) }

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func fetchOf(w *world) *fetch.Capability {
	return fetch.New(fetch.Options{Resolver: w, DialContext: w.dial, RootCAs: w.roots})
}
