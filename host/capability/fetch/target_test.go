package fetch

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestTarget(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"https://example.com", "https://example.com/"},
		{"HTTPS://Example.COM:443/A?B#c", "https://example.com/A?B"},
		{"http://example.com:443", "http://example.com:443/"},
		{"http://a_b.example.com./", "http://a_b.example.com/"},
		{"https://bücher.example/", "https://xn--bcher-kva.example/"},
		{"https://BÜCHER。example/", "https://xn--bcher-kva.example/"},
		{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"https://[2606:4700:0:0::1]:8443/", "https://[2606:4700::1]:8443/"},
		{"https://[::FFFF:8.8.8.8]/", "https://8.8.8.8/"},
		{"https://1.example.com/", "https://1.example.com/"},
		{"https://example.com/a%20b/%E4?x=%E4", "https://example.com/a%20b/%E4?x=%E4"},
		{"https://example.com?x=[1]|{2}", "https://example.com/?x=[1]%7C%7B2%7D"},
		{"https://example.com/a/...", "https://example.com/a/..."},
		{"https://example.com/.well-known/x", "https://example.com/.well-known/x"},
		{"https://example.com/..a/b..;c", "https://example.com/..a/b..;c"},
		{"https://example.com/100%25", "https://example.com/100%25"},
		{"https://example.com/?a=../..", "https://example.com/?a=../.."},
		{"https://example.com//evil.example.com", "https://example.com//evil.example.com"},
	} {
		have, err := parseTarget(test.text)
		if err != nil || have.String() != test.want {
			t.Errorf("%s: %s, %v, want %s", test.text, have, err, test.want)
		}
	}
	for _, path := range []string{
		"/..", "/../x", "/a/../b", "/a/.", "/./a", "/%2e%2e/x", "/%2E./x", "/.%2e", "/%252e%252e/x", "/a%2f..%2fb",
		"/a%5c..%5cb", "/..%2f", "/%2e", "/..;/admin", "/..;x=1/admin", "/%2e%2e%3b/x", "/a%2f%2e%2e%2fb", "/%25%32%65%zz",
		"/%25252525252e", "/%00", "/a%0d%0ab", "/%250a", "/%7f", "/%", "/%2", "/%g0", "/%252e%252e%3b%25zz/x",
		"/" + strings.Repeat("é", 4000), "/?" + strings.Repeat("ü", 2731), // longer when encoded
	} {
		if have, err := parseTarget("https://example.com" + path); err == nil {
			t.Errorf("%s is taken as %s", path, have)
		}
	}
	here, err := parseTarget("https://example.com/a")
	if err != nil {
		t.Fatal(err)
	}
	if have, err := here.resolve("?" + strings.Repeat("é", 4000)); err == nil {
		t.Errorf("sent on to %d bytes", len(have.String()))
	}
}

func TestPathPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern    string
		match, not []string
	}{
		{"/", []string{"/"}, []string{"/a", "//"}},
		{"/v1/items", []string{"/v1/items", "/v1/%69tems"}, []string{"/v1/items/", "/v1//items", "/V1/items", "/v1%2fitems", "/v1/items;x"}},
		{"/v1/*/items", []string{"/v1/a/items", "/v1/a%20b/items"}, []string{"/v1//items", "/v1/a/b/items", "/v1/a%2fb/items", "/v1/a%5Cb/items", "/v1/%ff/items"}},
		{"/v1/**", []string{"/v1/", "/v1/a", "/v1/a/b", "/v1//a", "/v1/a%2Fb"}, []string{"/v1", "/v2/a", "//v1/a", "/v1%2fa", "/v1/%c0%ae%c0%ae/x"}},
		{"/**", []string{"/", "/a/b"}, nil},
		{"/a*z/*.json", []string{"/az/a.json", "/abz/.json"}, []string{"/ab/a.json", "/az/json"}},
		{"/projects/a%2Fb", []string{"/projects/a%2Fb", "/projects/a%2fb"}, []string{"/projects/a/b"}},
	} {
		p, problem, _ := parsePathPattern(test.pattern)
		if problem != "" {
			t.Errorf("%s: %s", test.pattern, problem)
		}
		for _, path := range test.match {
			if !p.match(path) {
				t.Errorf("%s does not match %s", test.pattern, path)
			}
		}
		for _, path := range test.not {
			if p.match(path) {
				t.Errorf("%s matches %s", test.pattern, path)
			}
		}
	}
	if wildcard(strings.Repeat("a*", 1000)+"b", strings.Repeat("a", 16<<10)) { // in time, too
		t.Error("matches what it does not")
	}
}

func TestHostPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern    string
		match, not []string
	}{
		{"Example.com.", []string{"https://example.com", "http://example.com"}, []string{"https://example.com:8443", "https://a.example.com", "https://example.com.evil.com", "http://example.com:443"}},
		{"*.example.com", []string{"https://a.example.com", "https://a.b.example.com"}, []string{"https://example.com", "https://badexample.com", "https://a.example.com:81"}},
		{"example.com:8443", []string{"https://example.com:8443"}, []string{"https://example.com"}},
		{"example.com:*", []string{"https://example.com:8443", "http://example.com"}, nil},
		{"127.0.0.1:*", []string{"http://127.0.0.1:99", "http://[::ffff:127.0.0.1]:99"}, []string{"http://127.0.0.2:99"}},
		{"[::1]:8080", []string{"http://[0::1]:8080"}, []string{"http://[::1]", "http://[::2]:8080"}},
		{"[::1]", []string{"http://[::1]"}, []string{"http://[::1]:8080"}},
		{"*", []string{"https://example.com", "https://8.8.8.8"}, []string{"https://example.com:8443"}},
		{"*:*", []string{"https://example.com:1", "https://8.8.8.8"}, nil},
		{"bücher.example", []string{"https://xn--bcher-kva.example", "https://BÜCHER.example"}, nil},
	} {
		p, problem, _ := parseHostPattern(test.pattern)
		if problem != "" {
			t.Errorf("%s: %s", test.pattern, problem)
		}
		match := func(text string) bool {
			at, err := parseTarget(text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			return p.match(at)
		}
		for _, text := range test.match {
			if !match(text) {
				t.Errorf("%s does not match %s", test.pattern, text)
			}
		}
		for _, text := range test.not {
			if match(text) {
				t.Errorf("%s matches %s", test.pattern, text)
			}
		}
		if again, problem, _ := parseHostPattern(p.key()); problem != "" || again.key() != p.key() {
			t.Errorf("%s is written as %s: %s", test.pattern, p.key(), problem)
		}
	}
}

// What passes the check and what Go's client dials and writes are the same.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/a?b#c", "http://127.1/", "http://[::ffff:127.0.0.1%25lo]:80/", "http://a@b:1@c/", "https://ＥＸ。com./%2e%2e/",
		"http://0x7f.1:080", `http://a\b/`, "http:////a", "https://xn--bcher-kva.example:65535//%2F;?%00", "http://example.com:@127.0.0.1?/",
	} {
		f.Add(seed, "../x?y")
	}
	f.Fuzz(func(t *testing.T, text, location string) {
		at, err := parseTarget(text)
		if err != nil {
			return
		}
		for range 2 {
			checkTarget(t, at)
			if at, err = at.resolve(location); err != nil {
				return
			}
		}
	})
}

func checkTarget(t *testing.T, at target) {
	t.Helper()
	again, err := parseTarget(at.String())
	if err != nil || again != at {
		t.Fatalf("%q is read as %q: %v", at, again, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		t.Fatalf("net/http does not take %q: %v", at, err)
	}
	for _, u := range []*url.URL{r.URL, at.url()} {
		port := u.Port()
		if port == "" {
			port = strconv.Itoa(int(defaultPort(u.Scheme)))
		}
		want := at.path
		if at.query != "" {
			want += "?" + at.query
		}
		if u.Scheme != at.scheme || u.Hostname() != at.host || port != strconv.Itoa(int(at.port)) || u.RequestURI() != want || u.User != nil || u.Host != at.authority() {
			t.Fatalf("%q is sent to %q as %q", at, u.Host, u.RequestURI())
		}
	}
	// An address for net is an address for the check, and the same one.
	addr, err := netip.ParseAddr(at.host)
	if isAddr := err == nil; isAddr != at.addr.IsValid() || isAddr && addr != at.addr || (net.ParseIP(at.host) != nil) != isAddr {
		t.Fatalf("the host of %q is an address: %v, %v", at, addr, at.addr)
	}
	if strings.ContainsAny(at.String(), " \r\n\t\\@\x00") && !strings.Contains(at.path+at.query, "@") {
		t.Fatalf("%q", at)
	}
	if path := decode(at.path); strings.Contains(path+"/", "/../") || strings.Contains(decode(path), "/../") {
		t.Fatalf("%q climbs", at)
	}
}
