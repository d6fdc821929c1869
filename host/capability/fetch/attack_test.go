package fetch_test

// What a hostile node, and hostile servers, may try.

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability/fetch"
)

// everywhere is the widest grant that there is without `private`.
const everywhere = `{"hosts": ["*:*"], "schemes": ["http", "https"], "methods": ["GET", "HEAD", "POST"]}`

// A node that may ask every host gets to none of the own network, whatever it
// writes.
func TestOwnNetworkIsRefused(t *testing.T) {
	w := newWorld(t)
	w.names["localhost"] = []string{"127.0.0.1 ::1"}
	w.names["inner.example.com"] = []string{"10.0.0.7"}
	w.names["mapped.example.com"] = []string{"::ffff:192.168.0.1"}
	w.names["both.example.com"] = []string{"127.0.0.1 10.0.0.1 fd00::1"}
	w.names["metadata.google.internal"] = []string{"169.254.169.254"}
	w.names["nat.example.com"] = []string{"64:ff9b::7f00:1"}
	w.names["zone.example.com"] = []string{"fe80::1%eth0"}
	w.names["nothing.example.com"] = []string{"0.0.0.0"}
	c := w.fetch()
	for _, test := range []struct{ url, want string }{
		// Addresses as they are.
		{"http://127.0.0.1/", "address_not_granted"},
		{"http://127.0.0.1./", "address_not_granted"},
		{"http://127.8.8.8:8080/", "address_not_granted"},
		{"http://10.0.0.1/", "address_not_granted"},
		{"http://172.31.255.255/", "address_not_granted"},
		{"http://192.168.1.1/", "address_not_granted"},
		{"http://100.64.0.1/", "address_not_granted"},
		{"http://169.254.169.254/latest/meta-data/", "address_not_granted"},
		{"http://168.63.129.16/", "address_not_granted"},
		{"http://0.0.0.0/", "address_not_granted"},
		{"http://0.1.2.3/", "address_not_granted"},
		{"http://224.0.0.1/", "address_not_granted"},
		{"http://255.255.255.255/", "address_not_granted"},
		{"http://198.18.0.1/", "address_not_granted"},
		{"http://203.0.113.9/", "address_not_granted"},
		{"http://240.0.0.1/", "address_not_granted"},
		{"http://[::]/", "address_not_granted"},
		{"http://[::1]/", "address_not_granted"},
		{"http://[0:0:0:0:0:0:0:1]:80/", "address_not_granted"},
		{"http://[fd00::1]/", "address_not_granted"},
		{"http://[fd00:ec2::254]/", "address_not_granted"},
		{"http://[fe80::1]/", "address_not_granted"},
		{"http://[ff02::1]/", "address_not_granted"},
		{"http://[2001:db8::1]/", "address_not_granted"},
		// IPv4 inside of IPv6.
		{"http://[::ffff:127.0.0.1]/", "address_not_granted"},
		{"http://[::ffff:7f00:1]/", "address_not_granted"},
		{"http://[::127.0.0.1]/", "address_not_granted"},
		{"http://[64:ff9b::127.0.0.1]/", "address_not_granted"},
		{"http://[64:ff9b::a9fe:a9fe]/", "address_not_granted"},
		{"http://[64:ff9b:1::7f00:1]/", "address_not_granted"},
		{"http://[2002:7f00:1::]/", "address_not_granted"},
		{"http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", "address_not_granted"},
		{"http://[2606:4700::5efe:10.0.0.1]/", "address_not_granted"},
		// Other spellings.
		{"http://2130706433/", "invalid_url"},
		{"http://0x7f000001/", "invalid_url"},
		{"http://0x7f.0.0.1/", "invalid_url"},
		{"http://0x7f.1/", "invalid_url"},
		{"http://0177.0.0.1/", "invalid_url"},
		{"http://127.000.000.001/", "invalid_url"},
		{"http://127.1/", "invalid_url"},
		{"http://127.0.1/", "invalid_url"},
		{"http://127.0.0.1.1/", "invalid_url"},
		{"http://127.0.0.256/", "invalid_url"},
		{"http://0/", "invalid_url"},
		{"http://１２７.０.０.１/", "address_not_granted"},
		{"http://127。0。0。1/", "address_not_granted"},
		{"http://①②⑦.0.0.1/", "address_not_granted"},
		{"http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "address_not_granted"},
		{"http://%31%32%37.0.0.1/", "invalid_url"},
		{"http://127.0.0.1%00.example.com/", "invalid_url"},
		{"http://[::1%25eth0]/", "invalid_url"},
		{"http://[fe80::1%25lo]/", "invalid_url"},
		{"http://[127.0.0.1]/", "invalid_url"},
		{"http://[::1/", "invalid_url"},
		{"http://[::1]x/", "invalid_url"},
		{"http://::1/", "invalid_url"},
		// Programs that disagree about where the host is.
		{"http://api.example.com@127.0.0.1/", "invalid_url"},
		{"http://127.0.0.1@api.example.com/", "invalid_url"},
		{"http://api.example.com:80@127.0.0.1:80/", "invalid_url"},
		{`http://127.0.0.1\\@api.example.com/`, "invalid_url"},
		{`http:\\\\127.0.0.1/`, "invalid_url"},
		{"http:/127.0.0.1/", "invalid_url"},
		{"http:127.0.0.1", "invalid_url"},
		{"http:///127.0.0.1/", "invalid_url"},
		{"//127.0.0.1/", "invalid_url"},
		{" http://127.0.0.1/", "invalid_url"},
		{`http://127.0.0.1\t/`, "invalid_url"},
		{`ht\ntp://127.0.0.1/`, "invalid_url"},
		{`http://127.0.0.1\u0000.example.com/`, "invalid_url"},
		{"http://api.example.com#@127.0.0.1/", "host_not_found"}, // the rest is a fragment
		{"http://api.example.com:/", "invalid_url"},
		{"http://api.example.com:0/", "invalid_url"},
		{"http://api.example.com:65536/", "invalid_url"},
		{"http://api.example.com:080/", "invalid_url"},
		{"http://api.example.com:+80/", "invalid_url"},
		{"http://api.example.com:80:80/", "invalid_url"},
		{"http://..example.com/", "invalid_url"},
		{"http://.../", "invalid_url"},
		{"http://-a.example.com/", "invalid_url"},
		{"http://xn--/", "invalid_url"},
		{"file:///etc/passwd", "invalid_url"},
		{"gopher://127.0.0.1:6379/_x", "invalid_url"},
		{"unix:///var/run/docker.sock", "invalid_url"},
		// Names of such addresses.
		{"http://localhost/", "address_not_granted"},
		{"http://LOCALHOST./", "address_not_granted"},
		{"http://inner.example.com/", "address_not_granted"},
		{"http://mapped.example.com/", "address_not_granted"},
		{"http://both.example.com/", "address_not_granted"},
		{"http://metadata.google.internal/", "address_not_granted"},
		{"http://nat.example.com/", "address_not_granted"},
		{"http://zone.example.com/", "address_not_granted"},
		{"http://nothing.example.com/", "address_not_granted"},
	} {
		t.Run(test.url, func(t *testing.T) {
			_, err := ask(t, c, everywhere, `{"url": "`+test.url+`"}`)
			e := reason(t, err)
			if e.Reason != test.want || e.Retryable || e.Denied != (test.want == "address_not_granted") {
				t.Errorf("the error is %+v, want %s", e, test.want)
			}
		})
	}
	if d := w.dials(); d != nil {
		t.Errorf("connections went to %v", d)
	}
}

// A name that is public when it is checked and private when it is dialed.
func TestRebinding(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
	}))
	inner := false
	w.names["turn.example.com"] = []string{"93.184.216.34", "127.0.0.1"}
	w.names["mixed.example.com"] = []string{"127.0.0.1 93.184.216.34 169.254.169.254"}
	w.names["dead.example.com"] = []string{"93.184.216.99 127.0.0.1"}
	w.wires["127.0.0.1:80"] = w.wires["93.184.216.34:80"]
	c := w.fetch()
	if _, err := ask(t, c, everywhere, `{"url": "http://turn.example.com/"}`); err != nil {
		t.Errorf("the first, public: %v", err)
	}
	if _, err := ask(t, c, everywhere, `{"url": "http://turn.example.com/"}`); reason(t, err).Reason != "address_not_granted" {
		t.Errorf("the second, private: %v", err)
	}
	if w.asked["turn.example.com"] != 2 {
		t.Errorf("the name was resolved %d times for two connections", w.asked["turn.example.com"])
	}
	// Of several addresses only those are dialed that are allowed, also when the
	// first does not answer.
	if _, err := ask(t, c, everywhere, `{"url": "http://mixed.example.com/"}`); err != nil {
		t.Errorf("mixed: %v", err)
	}
	if _, err := ask(t, c, everywhere, `{"url": "http://dead.example.com/"}`); reason(t, err).Reason != "connection_failed" {
		t.Errorf("dead: %v", err)
	}
	for _, d := range w.dials() {
		inner = inner || !strings.HasPrefix(d, "93.184.")
	}
	if inner {
		t.Errorf("connections went to %v", w.dials())
	}
}

// A connection that one grant's `private` opened is not used for a grant without.
func TestConnectionsOfAnAllowance(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.names["inner.example.com"] = []string{"10.0.0.7"}
	w.wires["10.0.0.7:80"] = w.wires["93.184.216.34:80"]
	c := w.fetch()
	configured, err := c.Configure("intranet", mustParse(`{"user_agent": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	private := strings.Replace(everywhere, "{", `{"private": ["10.0.0.0/8"], `, 1)
	for range 3 {
		if _, err := ask(t, c, private, `{"url": "http://inner.example.com/"}`); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(t, configured, private, `{"url": "http://inner.example.com/"}`); err != nil {
			t.Fatal(err)
		}
		_, err := ask(t, c, everywhere, `{"url": "http://inner.example.com/"}`)
		if e := reason(t, err); e.Reason != "address_not_granted" || !strings.Contains(e.Message, `private = true, or private = ["10.0.0.7"] into [nodes.n.grants.fetch]`) {
			t.Errorf("without private: %+v", e)
		}
	}
	if d := w.dials(); len(d) != 1 {
		t.Errorf("the connection is used again: %v", d)
	}
}

// What the embedder never wants is not to be granted.
func TestNever(t *testing.T) {
	w := newWorld(t)
	c := fetch.New(fetch.Options{Resolver: w, DialContext: w.dial, Never: prefixes("10.0.0.0/8", "8.8.8.8/32")})
	private := strings.Replace(everywhere, "{", `{"private": ["10.0.0.0/8", "127.0.0.1"], `, 1)
	for _, url := range []string{"http://10.1.2.3/", "http://[::ffff:10.1.2.3]/", "http://[64:ff9b::8.8.8.8]/", "http://8.8.8.8"} {
		_, err := ask(t, c, private, `{"url": "`+url+`"}`)
		if e := reason(t, err); e.Reason != "address_not_granted" || !strings.Contains(e.Message, "no grant allows that") {
			t.Errorf("%s: %+v", url, e)
		}
	}
	if _, err := ask(t, c, private, `{"url": "http://127.0.0.1/"}`); reason(t, err).Reason != "connection_failed" {
		t.Errorf("127.0.0.1: %v", err)
	}
}

func TestRedirectsAreCheckedAnew(t *testing.T) {
	w := newWorld(t)
	var seen []string
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body := make([]byte, 10)
		n, _ := r.Body.Read(body)
		seen = append(seen, fmt.Sprintf("%s %s%s auth=%s own=%s kind=%s body=%s", r.Method, r.Host, r.URL,
			r.Header.Get("Authorization"), r.Header.Get("X-Own"), r.Header.Get("Content-Type"), body[:n]))
		if to := r.URL.Query().Get("to"); to != "" {
			status := 302
			fmt.Sscan(r.URL.Query().Get("status"), &status)
			rw.Header()["Location"] = []string{to}
			rw.WriteHeader(status)
		}
	}))
	w.names["other.example.com"] = []string{"93.184.216.34"}
	w.names["inner.example.com"] = []string{"127.0.0.1"}
	c := w.fetch()
	const grant = `{"hosts": ["api.example.com", "plain.example.com", "other.example.com", "inner.example.com", "127.0.0.2"], "private": ["127.0.0.2"],
		"schemes": ["https", "http"], "methods": ["GET", "POST"], "headers": {"Authorization": "Bearer ${secret:KEY}"}}`
	for _, test := range []struct{ name, request, want, seen string }{
		{"same host", `{"url": "https://api.example.com/a/b?to=../c%3Fd"}`, "", "GET api.example.com/c?d auth=Bearer s3cret-value own= kind= body="},
		{"see other", `{"method": "POST", "headers": {"x-own": "1"}, "body": "hi", "url": "https://api.example.com/a?status=303&to=/c"}`, "", "GET api.example.com/c auth=Bearer s3cret-value own=1 kind= body="},
		{"found", `{"method": "POST", "body": "hi", "url": "https://api.example.com/a?to=/c"}`, "", "GET api.example.com/c auth=Bearer s3cret-value own= kind= body="},
		{"temporary", `{"method": "POST", "body": "hi", "url": "https://api.example.com/a?status=307&to=/c"}`, "", "POST api.example.com/c auth=Bearer s3cret-value own= kind=text/plain; charset=utf-8 body=hi"},
		{"other scheme", `{"headers": {"x-own": "1"}, "url": "https://api.example.com/a?to=http://plain.example.com/c"}`, "", "GET plain.example.com/c auth= own=1 kind= body="},
		{"there and back", `{"url": "https://api.example.com/a?to=http%3A%2F%2Fplain.example.com%2Fb%3Fto%3Dhttps%3A%2F%2Fapi.example.com%2Fc"}`, "", "GET api.example.com/c auth= own= kind= body="},
		{"without scheme", `{"url": "http://plain.example.com/a?to=//plain.example.com/c"}`, "", "GET plain.example.com/c auth=Bearer s3cret-value own= kind= body="},
		{"not followed", `{"follow": false, "url": "https://api.example.com/a?to=http://127.0.0.1/"}`, "", "GET api.example.com/a?to=http://127.0.0.1/ auth=Bearer s3cret-value own= kind= body="},
		{"no redirect", `{"url": "https://api.example.com/a?status=201&to=http://127.0.0.1/"}`, "", ""},
		{"host", `{"url": "https://api.example.com/a?to=https://evil.example.com/"}`, "host_not_granted", ""},
		{"loopback by name", `{"url": "https://api.example.com/a?to=http://inner.example.com/"}`, "address_not_granted", ""},
		{"another port", `{"url": "https://api.example.com/a?to=https://api.example.com:444/"}`, "host_not_granted", ""},
		{"user", `{"url": "https://api.example.com/a?to=https://api.example.com@127.0.0.1/"}`, "invalid_redirect", ""},
		{"backslash", `{"url": "https://api.example.com/a?to=/%5Cevil.example.com"}`, "invalid_redirect", ""},
		{"spelling", `{"url": "https://api.example.com/a?to=http://0x7f.1/"}`, "invalid_redirect", ""},
		{"file", `{"url": "https://api.example.com/a?to=file:///etc/passwd"}`, "invalid_redirect", ""},
		{"script", `{"url": "https://api.example.com/a?to=javascript:x"}`, "invalid_redirect", ""},
		{"climbing", `{"url": "https://api.example.com/a?to=/%252e%252e/x"}`, "invalid_redirect", ""},
		{"endless", `{"url": "https://api.example.com/a?to=%3Fto%3D%253Fto%253D%25253Fto%25253D%2525253Fto%2525253D%252525253Fto%252525253D%25252525253Fx"}`, "too_many_redirects", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen = nil
			a, err := ask(t, c, grant, test.request, secrets{"KEY": "s3cret-value"})
			if test.want != "" {
				if e := reason(t, err); e.Reason != test.want || strings.Contains(e.Message, "s3cret") {
					t.Errorf("the error is %+v, want %s", e, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if last := seen[len(seen)-1]; test.seen != "" && last != test.seen {
				t.Errorf("the server saw\n%s, want\n%s", last, test.seen)
			}
			if a["redirected"] != (len(seen) > 1) {
				t.Errorf("redirected is %v after %d requests", a["redirected"], len(seen))
			}
		})
	}
	if d := w.dials(); slices.ContainsFunc(d, func(a string) bool { return strings.HasPrefix(a, "127.") }) {
		t.Errorf("connections went to %v", d)
	}
	// What the node says of itself is not told to another host.
	for to, want := range map[string]string{"/c": "auth=mine", "https://other.example.com/c": "auth= "} {
		_, err := ask(t, c, `{"hosts": ["api.example.com", "other.example.com"], "allow_headers": ["Authorization"]}`,
			`{"headers": {"authorization": "mine"}, "url": "https://api.example.com/a?to=`+to+`"}`)
		if last := seen[len(seen)-1]; err != nil || !strings.Contains(last, want) {
			t.Errorf("redirected to %s: the server saw %s: %v", to, last, err)
		}
	}
	if _, err := ask(t, c, `{"hosts": ["api.example.com"], "methods": ["POST"]}`,
		`{"method": "POST", "url": "https://api.example.com/?to=/c"}`); reason(t, err).Reason != "method_not_granted" {
		t.Errorf("a POST that becomes a GET that is not granted: %v", err)
	}
	a, err := ask(t, c, `{"hosts": ["api.example.com"], "redirects": 0}`, `{"url": "https://api.example.com/?to=/c"}`)
	if err != nil || fmt.Sprint(a["status"]) != "302" {
		t.Errorf("without redirects: %v, %v", a, err)
	}
}

func TestHeaderInjection(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(echo))
	c := w.fetch()
	const grant = `{"hosts": ["api.example.com"], "methods": ["GET", "POST"], "headers": {"X-Key": "${secret:KEY}"},
		"deny_headers": ["x-no-*"], "allow_headers": ["X-Forwarded-For", "x-no-but"]}`
	for _, test := range []struct{ name, value, want string }{
		{"X-A", `"a\r\nX-Evil: 1"`, "invalid_header"},
		{"X-A", `"a\nb"`, "invalid_header"},
		{"X-A", `"a\rb"`, "invalid_header"},
		{"X-A", `"a\u0000b"`, "invalid_header"},
		{"X-A", `["fine", "a\u000bb"]`, "invalid_header"},
		{"X-A", `"\u010d\u010a"`, "invalid_header"}, // č and Ċ: CR and LF where only the low byte is kept
		{"X-A", `" a"`, "invalid_header"},
		{`X-A\r\nX-Evil`, `"1"`, "invalid_header"},
		{`X-A: 1\r\nX-Evil`, `"1"`, "invalid_header"},
		{`X-A:`, `"1"`, "invalid_header"},
		{`X A`, `"1"`, "invalid_header"},
		{`X-A\u0000`, `"1"`, "invalid_header"},
		{``, `"1"`, "invalid_header"},
		{`Content-Length `, `"1"`, "invalid_header"},
		{`Ⅹ-A`, `"1"`, "invalid_header"},
		// Framing.
		{"Content-Length", `"5"`, "invalid_header"},
		{"content-length", `["5", "6"]`, "invalid_header"},
		{"Transfer-Encoding", `"chunked"`, "invalid_header"},
		{"transfer-encoding", `"identity"`, "invalid_header"},
		{"Host", `"127.0.0.1"`, "invalid_header"},
		{"Connection", `"X-Key"`, "invalid_header"},
		{"Upgrade", `"websocket"`, "invalid_header"},
		{"TE", `"trailers"`, "invalid_header"},
		{"Trailer", `"X-Key"`, "invalid_header"},
		{"Expect", `"100-continue"`, "invalid_header"},
		{"Proxy-Authorization", `"x"`, "invalid_header"},
		// Who it is from, and what it really is.
		{"Authorization", `"Bearer x"`, "header_not_granted"},
		{"Cookie", `"a=b"`, "header_not_granted"},
		{"X-Forwarded-Host", `"a"`, "header_not_granted"},
		{"Metadata-Flavor", `"Google"`, "header_not_granted"},
		{"X-aws-ec2-metadata-token-ttl-seconds", `"1"`, "header_not_granted"},
		{"X-HTTP-Method-Override", `"DELETE"`, "header_not_granted"},
		{"X-Original-URL", `"/admin"`, "header_not_granted"},
		// The grant's own.
		{"x-key", `"mine"`, "header_not_granted"},
		{"X-No-A", `"1"`, "header_not_granted"},
		{"X-No-But", `"1"`, ""},
		{"X-Forwarded-For", `"1"`, ""},
		{"X-A", `"tab\tand ~ all"`, ""},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			a, err := ask(t, c, grant, `{"url": "https://api.example.com/", "headers": {"`+test.name+`": `+test.value+`}}`, secrets{"KEY": "s3cret-value"})
			if test.want != "" {
				if e := reason(t, err); e.Reason != test.want || e.Retryable || strings.Contains(e.Message, "s3cret") {
					t.Errorf("the error is %+v, want %s", e, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			said := a["json"].(map[string]any)["headers"].(map[string]any)
			if said[http.CanonicalHeaderKey(test.name)] == nil || said["X-Evil"] != nil || fmt.Sprint(said["X-Key"]) != "[s3cret-value]" {
				t.Errorf("the server saw %v", said)
			}
		})
	}
	for name, request := range map[string]string{
		"method":       `{"method": "CONNECT", "url": "https://api.example.com/"}`,
		"trace":        `{"method": "trace", "url": "https://api.example.com/"}`,
		"twice":        `{"url": "https://api.example.com/", "headers": {"x-a": "1", "X-A": "2"}}`,
		"bodies":       `{"method": "POST", "url": "https://api.example.com/", "json": 1, "body": "x"}`,
		"base64":       `{"method": "POST", "url": "https://api.example.com/", "body_base64": "a b"}`,
		"head":         `{"method": "HEAD", "url": "https://api.example.com/", "body": "x"}`,
		"path":         `{"url": "https://api.example.com/%0d%0aX-Evil:1"}`,
		"query":        `{"url": "https://api.example.com/?a\r\nX-Evil: 1"}`,
		"query (bad)":  `{"url": "https://api.example.com/?a=%zz"}`,
		"many headers": `{"url": "https://api.example.com/", "headers": {"x-a": ["` + strings.Repeat(strings.Repeat("x", 1000)+`","`, 40) + `"]}}`,
	} {
		if _, err := ask(t, c, grant, request, secrets{"KEY": "v"}); reason(t, err).Retryable {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A value of `query` is escaped, never taken as it is.
	a, err := ask(t, c, grant, `{"url": "https://api.example.com/", "query": {"a\r\nb": "c d\r\nX-Evil: 1&e#f"}}`, secrets{"KEY": "v"})
	if err != nil || a["json"].(map[string]any)["uri"] != "/?a%0D%0Ab=c+d%0D%0AX-Evil%3A+1%26e%23f" {
		t.Errorf("query: %v, %v", a, err)
	}
	// A secret that would break the header.
	_, err = ask(t, c, grant, `{"url": "https://api.example.com/"}`, secrets{"KEY": "two\nlines-of-it"})
	if e := reason(t, err); e.Reason != "invalid_header" || strings.Contains(e.Message, "lines-of-it") {
		t.Errorf("a secret with a line break: %+v", e)
	}
	if _, err = ask(t, c, grant, `{"url": "https://api.example.com/"}`, secrets{}); reason(t, err).Reason != "secret_missing" {
		t.Errorf("a secret that is not there: %v", err)
	}
}
