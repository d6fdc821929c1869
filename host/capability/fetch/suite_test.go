package fetch_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
	"github.com/chainrun/chainrun/host/capability/fetch"
)

func TestSuite(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/busy":
			rw.Header().Set("Retry-After", "1")
			rw.WriteHeader(http.StatusTooManyRequests)
		default:
			rw.Header()["Date"] = nil
			rw.Header().Set("Content-Type", "application/json")
			rw.Write([]byte(`{"agent": "` + r.UserAgent() + `", "key": "` + r.Header.Get("X-Key") + `"}`))
		}
	}))
	const grant = `{"hosts": ["api.example.com"], "headers": {"X-Key": "${secret:KEY}"}}`
	call := func(path string) capabilitytest.Case {
		return capabilitytest.Case{Method: "request", Grant: grant, Request: `{"url": "https://api.example.com` + path + `"}`}
	}
	answered, busy, elsewhere, wrong, slow := call("/"), call("/busy"), call(".evil.example.com/"), call(":0/"), call("/slow")
	answered.Answer = `{"status": 200, "url": "https://api.example.com/", "redirected": false,
		"headers": {"content-length": ["41"], "content-type": ["application/json"]}, "json": {"agent": "suite", "key": "s3cret-value"}}`
	busy.Reason, busy.Retryable = "http_429", true
	elsewhere.Reason, elsewhere.Denied = "host_not_granted", true
	wrong.Reason = "invalid_url"
	capabilitytest.Run(t, capabilitytest.Suite{
		New: func(*testing.T) capability.Capability {
			return fetch.New(fetch.Options{Resolver: w, DialContext: w.dial, RootCAs: w.roots})
		},
		Name: "api", Settings: `{"user_agent": "suite"}`, Secrets: map[string]string{"KEY": "s3cret-value"},
		Cases: []capabilitytest.Case{answered, busy, elsewhere, wrong},
		Slow:  &slow,
	})
}

// The real dialer has a lock of its own, at the door: whatever was resolved, an
// address that is not allowed is not connected to.
func TestRealDialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(echo)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	c := fetch.New(fetch.Options{})
	t.Cleanup(func() { c.Close() })
	request := `{"url": "http://` + l.Addr().String() + `/"}`
	if _, err := ask(t, c, everywhere, request); reason(t, err).Reason != "address_not_granted" {
		t.Errorf("without private: %v", err)
	}
	a, err := ask(t, c, `{"hosts": ["127.0.0.1:*"], "schemes": ["http"], "private": ["127.0.0.1"]}`, request)
	if err != nil || a["json"].(map[string]any)["host"] != l.Addr().String() {
		t.Errorf("with private: %v, %v", a, err)
	}
}
