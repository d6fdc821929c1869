package fetch_test

// Servers that misbehave in every way.

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/capability/fetch"
)

// pack makes a body of n zero bytes as small as it can be.
func pack(t *testing.T, encoding string, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		f, err := flate.NewWriter(&b, 9)
		if err != nil {
			t.Fatal(err)
		}
		w = f
	}
	if _, err := io.CopyN(w, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestPackedBodies(t *testing.T) {
	w := newWorld(t)
	var encoding string
	var body []byte
	w.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding is %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", encoding)
		w.Header().Set("Content-Type", "text/plain")
		w.Write(body)
	}))
	c := w.fetch()
	small, big := []byte(strings.Repeat("0", 100)), int64(16<<20)
	gz := pack(t, "gzip", 100)
	twice := append(append([]byte(nil), gz...), gz...)
	empty := bytes.Repeat(pack(t, "gzip", 0), 1<<16)
	for _, test := range []struct {
		name, encoding string
		body           []byte
		want           string
	}{
		{"plain", "identity", small, ""},
		{"gzip", "gzip", gz, ""},
		{"gzip in capitals", "X-GZIP", gz, ""},
		{"zlib", "deflate", pack(t, "zlib", 100), ""},
		{"flate", "deflate", pack(t, "flate", 100), ""},
		{"gzip bomb", "gzip", pack(t, "gzip", big), "response_too_large"},
		{"zlib bomb", "deflate", pack(t, "zlib", big), "response_too_large"},
		{"flate bomb", "deflate", pack(t, "flate", big), "response_too_large"},
		{"much of nothing", "gzip", empty, "response_too_large"},
		{"two in one", "gzip", twice, "body of 200"},
		{"cut", "gzip", gz[:len(gz)-4], "connection_cut"},
		{"cut at once", "gzip", gz[:3], "connection_cut"},
		{"wrong sum", "gzip", append(append([]byte(nil), gz[:len(gz)-8]...), 1, 2, 3, 4, 5, 6, 7, 8), "invalid_encoding"},
		{"no gzip", "gzip", small, "invalid_encoding"},
		{"trash behind", "gzip", append(append([]byte(nil), gz...), "trash that is none"...), "invalid_encoding"},
		{"corrupt", "deflate", []byte("\x07\xff\xff\xff"), "invalid_encoding"},
		{"not asked for", "br", small, "invalid_encoding"},
		{"packed twice", "gzip, gzip", gz, "invalid_encoding"},
	} {
		t.Run(test.name, func(t *testing.T) {
			encoding, body = test.encoding, test.body
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a, err := ask(t, c, `{"hosts": ["api.example.com"], "max_response_bytes": "256KiB"}`, `{"url": "https://api.example.com/"}`)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d bytes were allocated for 256 KiB", grown)
			}
			if test.want == "" || strings.HasPrefix(test.want, "body of") {
				if err != nil {
					t.Fatal(err)
				}
				n := 100
				fmt.Sscanf(test.want, "body of %d", &n)
				if a["body"] != strings.Repeat("0", n) {
					t.Errorf("the body is %q", a["body"])
				}
				if a["headers"].(map[string]any)["content-encoding"] != nil && test.encoding != "identity" {
					t.Errorf("the headers are %v", a["headers"])
				}
				return
			}
			if e := reason(t, err); e.Reason != test.want {
				t.Errorf("the error is %+v, want %s", e, test.want)
			}
		})
	}
}

// piped is a world in which every connection is a pipe to serve; it needs no
// sockets, so that time can be a test's own.
func piped(t *testing.T, serve func(net.Conn)) *fetch.Capability {
	t.Helper()
	w := newWorld(t)
	w.names["raw.example.com"] = []string{"93.184.216.35"}
	c := fetch.New(fetch.Options{Resolver: w, DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			serve(theirs)
		}()
		return ours, nil
	}})
	t.Cleanup(func() { c.Close() })
	return c
}

// swallow reads one request's head and a body of Content-Length: 2.
func swallow(c net.Conn) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return nil
	}
	return r
}

const rawGrant = `{"hosts": ["raw.example.com"], "schemes": ["http"], "timeout": "20s", "max_response_bytes": 1000}`

func TestMisbehaviour(t *testing.T) {
	write := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			swallow(c)
			io.WriteString(c, text)
		}
	}
	endless := func(head, piece string, pause time.Duration) func(net.Conn) {
		return func(c net.Conn) {
			swallow(c)
			io.WriteString(c, head)
			for {
				if _, err := io.WriteString(c, piece); err != nil {
					return
				}
				time.Sleep(pause)
			}
		}
	}
	for _, test := range []struct {
		name      string
		serve     func(net.Conn)
		want      string
		retryable bool
	}{
		{"says nothing", func(c net.Conn) { swallow(c); io.Copy(io.Discard, c) }, "timeout", true},
		{"reads nothing", func(c net.Conn) { time.Sleep(time.Hour) }, "timeout", true},
		{"hangs up", func(c net.Conn) { swallow(c) }, "connection_cut", true},
		{"hangs up at once", func(net.Conn) {}, "connection_cut", true},
		{"cut head", write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), "connection_cut", true},
		{"cut body", write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "connection_cut", true},
		{"cut chunk", write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"), "connection_cut", true},
		{"no last chunk", write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"), "connection_cut", true},
		{"wrong chunk", write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf"), "not_http", false},
		{"drips its head", endless("HTTP/1.1 200 OK\r\n", "x", time.Second), "timeout", true},
		{"drips its body", endless("HTTP/1.1 200 OK\r\n\r\n", "x", time.Second), "timeout", true},
		{"endless body", endless("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 4096), 0), "response_too_large", false},
		{"endless chunks", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 0), "response_too_large", false},
		{"endless head", endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("x", 1000)+"\r\n", 0), "not_http", false},
		{"endless header", endless("HTTP/1.1 200 OK\r\nX-A: ", strings.Repeat("x", 1000), 0), "not_http", false},
		{"endless 1xx", endless("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0), "not_http", false},
		{"announces much", write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), "response_too_large", false},
		{"announces more than there is", write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"), "not_http", false},
		{"two lengths", write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"), "not_http", false},
		{"no HTTP", write("SSH-2.0-OpenSSH_9.9\r\n"), "not_http", false},
		{"HTTP/2 unasked", write("\x00\x00\x12\x04\x00\x00\x00\x00\x00"), "not_http", false},
		{"status of letters", write("HTTP/1.1 abc OK\r\n\r\n"), "not_http", false},
		{"other protocol", write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), "not_http", false},
		{"header with a zero", write("HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n"), "not_http", false},
		{"redirect without end", endless("HTTP/1.1 302 Found\r\nLocation: http://evil.example.com/\r\n\r\n", "x", 0), "host_not_granted", false},
		{"error without end", endless("HTTP/1.1 503 No\r\n\r\n", strings.Repeat("x", 4096), 0), "http_503", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := piped(t, test.serve)
				begun := time.Now()
				_, err := ask(t, c, rawGrant, `{"url": "http://raw.example.com/x?token=hidden"}`)
				e := reason(t, err)
				if e.Reason != test.want || e.Retryable != test.retryable {
					t.Errorf("the error is %+v, want %s", e, test.want)
				}
				if !strings.Contains(e.Message, "GET http://") || strings.Contains(e.Message, "hidden") || len(e.Message) > 1000 {
					t.Errorf("the message is %q", e.Message)
				}
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("it took %v", took)
				}
				c.Close()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
			})
		})
	}
}

// The node's own time counts, and whoever cancels is believed at once.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(t, func(c net.Conn) { io.Copy(io.Discard, c) })
		begun := time.Now()
		_, err := ask(t, c, rawGrant, `{"url": "http://raw.example.com/", "timeout_ms": 1500}`)
		if e := reason(t, err); e.Reason != "timeout" || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("timeout_ms: %+v after %v", e, time.Since(begun))
		}
		begun = time.Now()
		_, err = ask(t, c, rawGrant, `{"url": "http://raw.example.com/", "timeout_ms": 3600000}`)
		if e := reason(t, err); e.Reason != "timeout" || time.Since(begun) != 20*time.Second {
			t.Errorf("timeout_ms beyond the grant's: %+v after %v", e, time.Since(begun))
		}
		over := errors.New("the attempt is over")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(over) })
		begun = time.Now()
		_, err = askContext(ctx, t, c, rawGrant, `{"url": "http://raw.example.com/"}`)
		if !errors.Is(err, over) || time.Since(begun) != time.Second {
			t.Errorf("canceled: %v after %v", err, time.Since(begun))
		}
	})
}

func TestPassingStatuses(t *testing.T) {
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		status int
		after  func() string
		want   time.Duration
	}{
		{429, func() string { return "7" }, 7 * time.Second},
		{503, func() string { return " 120 " }, 2 * time.Minute},
		{429, func() string { return date(90 * time.Second) }, 90 * time.Second},
		{429, func() string { return date(-time.Hour) }, 0},
		{429, func() string { return date(48 * time.Hour) }, time.Hour},
		{503, func() string { return "99999999999999999999" }, time.Hour},
		{503, func() string { return "-5" }, 0},
		{503, func() string { return "soon" }, 0},
		{503, func() string { return "1.5" }, 0},
		{503, func() string { return "" }, 0},
		{408, func() string { return "" }, 0},
		{425, func() string { return "1" }, time.Second},
		{500, func() string { return "" }, 0},
		{502, func() string { return "" }, 0},
		{504, func() string { return "" }, 0},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.after()), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				after := test.after()
				c := piped(t, func(c net.Conn) {
					for swallow(c) != nil {
						fmt.Fprintf(c, "HTTP/1.1 %d x\r\nRetry-After: %s\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\ncome\r\n back\x1b[31m ok", test.status, after)
					}
				})
				_, err := ask(t, c, rawGrant, `{"url": "http://raw.example.com/"}`)
				e := reason(t, err)
				if e.Reason != fmt.Sprintf("http_%d", test.status) || !e.Retryable || e.Denied || e.RetryAfter != test.want {
					t.Errorf("the error is %+v, want RetryAfter %v", e, test.want)
				}
				if !strings.HasSuffix(e.Message, ": come back [31m ok") {
					t.Errorf("the message is %q", e.Message)
				}
				a, err := ask(t, c, rawGrant, `{"url": "http://raw.example.com/", "any_status": true}`)
				if err != nil || fmt.Sprint(a["status"]) != fmt.Sprint(test.status) {
					t.Errorf("any_status: %v, %v", a, err)
				}
				c.Close()
			})
		})
	}
}

// A server that gives back the secret that it was sent: the host takes it out
// where it is whole, so that it must never be half.
func TestSecretInErrorText(t *testing.T) {
	const secret = "s3cret-0123456789-abcdefghij"
	w := newWorld(t)
	var text string
	w.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, strings.ReplaceAll(text, "KEY", r.Header.Get("Authorization")))
	}))
	c := w.fetch()
	for pad := 0; pad < 340; pad += 3 {
		text = strings.Repeat("x", pad%17) + strings.Repeat(" y", pad/2) + ` {"auth":"KEY"} and KEY`
		_, err := ask(t, c, `{"hosts": ["api.example.com"], "headers": {"Authorization": "Bearer ${secret:K}"}}`,
			`{"url": "https://api.example.com/"}`, secrets{"K": secret})
		if e := reason(t, err); strings.Contains(e.Message, secret[:8]) || e.Reason != "http_503" {
			t.Fatalf("%d: %+v", pad, e)
		}
	}
}

// A host with an address that swallows everything is reached by its other one.
func TestHeadStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.names["two.example.com"] = []string{"2606:4700::1 93.184.216.35"}
		c := fetch.New(fetch.Options{Resolver: w, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if netip.MustParseAddrPort(address).Addr().Is6() {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			ours, theirs := net.Pipe()
			go func() {
				swallow(theirs)
				io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			}()
			return ours, nil
		}})
		begun := time.Now()
		a, err := ask(t, c, `{"hosts": ["two.example.com"], "schemes": ["http"]}`, `{"url": "http://two.example.com/"}`)
		if err != nil || a["body"] != "hi" || time.Since(begun) != 300*time.Millisecond {
			t.Errorf("%v, %v after %v", a, err, time.Since(begun))
		}
		c.Close()
	})
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	w.names["broken.example.com"] = []string{"broken"}
	w.names["empty.example.com"] = []string{""}
	w.names["deaf.example.com"] = []string{"93.184.216.99"}
	c := w.fetch()
	for _, test := range []struct {
		host, want string
		retryable  bool
	}{
		{"none.example.com", "host_not_found", false},
		{"empty.example.com", "host_not_found", false},
		{"broken.example.com", "host_not_resolved", true},
		{"deaf.example.com", "connection_failed", true},
	} {
		_, err := ask(t, c, everywhere, `{"url": "https://`+test.host+`/"}`)
		if e := reason(t, err); e.Reason != test.want || e.Retryable != test.retryable {
			t.Errorf("%s: %+v", test.host, e)
		}
	}
}

// Certificates are verified; the setting ca adds some.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hi") }))
	w.names["wrong.example.org"] = w.names["api.example.com"]
	grant := `{"hosts": ["*"]}`
	if _, err := ask(t, w.fetch(), grant, `{"url": "https://wrong.example.org/"}`); reason(t, err).Reason != "tls_failed" {
		t.Errorf("another host's certificate: %v", err)
	}
	stranger := fetch.New(fetch.Options{Resolver: w, DialContext: w.dial})
	if _, err := ask(t, stranger, grant, `{"url": "https://api.example.com/"}`); reason(t, err).Reason != "tls_failed" || reason(t, err).Retryable {
		t.Errorf("an unknown authority: %v", err)
	}
	configured, err := stranger.Configure("inner", mustParse(`{"ca": "${secret:CA}"}`))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ask(t, configured, grant, `{"url": "https://api.example.com/"}`, secrets{"CA": w.pem})
	if err != nil || a["body"] != "hi" {
		t.Errorf("with ca: %v, %v", a, err)
	}
	if _, err := ask(t, configured, grant, `{"url": "https://api.example.com/"}`, secrets{"CA": "nonsense"}); reason(t, err).Reason != "invalid_ca" {
		t.Errorf("with a ca that is none: %v", err)
	}
	if _, err := ask(t, stranger, grant, `{"url": "https://api.example.com/"}`); err == nil {
		t.Error("the ca of one graph is trusted by another")
	}
	if _, err := stranger.Configure("inner", mustParse(`{"ca": "nonsense"}`)); err == nil {
		t.Error("a ca that is none is taken")
	}
	if err := stranger.Close(); err != nil {
		t.Error(err)
	}
}

// What is asked, and what is left, is bounded.
func TestSizes(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, strings.Repeat("x", int(n)))
	}))
	c := w.fetch()
	const grant = `{"hosts": ["api.example.com"], "methods": ["POST"], "max_request_bytes": 1000, "max_response_bytes": 900}`
	for n, want := range map[int]string{0: "", 900: "", 901: "response_too_large", 1000: "response_too_large", 1001: "request_too_large"} {
		_, err := ask(t, c, grant, fmt.Sprintf(`{"method": "POST", "url": "https://api.example.com/", "body": %q}`, strings.Repeat("x", n)))
		if want == "" && err != nil || want != "" && reason(t, err).Reason != want {
			t.Errorf("%d bytes: %v, want %q", n, err, want)
		}
	}
}
