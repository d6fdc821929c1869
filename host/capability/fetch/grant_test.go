package fetch

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

func TestGrantProblems(t *testing.T) {
	for _, test := range []struct{ grant, want string }{
		{`{"hosts": ["example.com", "EXAMPLE.com."]}`, `/hosts/1: the list has this already`},
		{`{"hosts": ["https://example.com/v1"]}`, `/hosts/0: a host has no scheme`},
		{`{"hosts": ["example.com/v1"]}`, `/hosts/0: a host has no path`},
		{`{"hosts": ["10.0.0.0/8"]}`, `/hosts/0: a network is no host`},
		{`{"hosts": ["::1"]}`, `/hosts/0: an IPv6 address stands in brackets`},
		{`{"hosts": ["api-*.example.com"]}`, `/hosts/0: "*" stands for a whole host`},
		{`{"hosts": ["*.10.0.0.1"]}`, `/hosts/0: an address has no names below it`},
		{`{"hosts": ["127.1"]}`, `/hosts/0: the host "127.1" ends in a number`},
		{`{"hosts": ["a b.example.com"]}`, `/hosts/0: the host "a b.example.com" is no name`},
		{`{"hosts": ["me@example.com"]}`, `/hosts/0: the host "me@example.com" is no name`},
		{`{"hosts": ["example.com:0"]}`, `/hosts/0: port "0" is no number from 1 to 65535`},
		{`{"hosts": ["example.com:http"]}`, `/hosts/0: port "http" is no number`},
		{`{"hosts": ["127.0.0.1:*"]}`, `/hosts/0: 127.0.0.1 is loopback, and no connection goes there`},
		{`{"hosts": ["169.254.169.254"], "private": true}`, `/hosts/0: 169.254.169.254 is cloud metadata`},
		{`{"hosts": ["169.254.169.254"], "private": ["169.254.0.0/16"]}`, `/hosts/0: 169.254.169.254 is cloud metadata`},
		{`{"hosts": ["169.254.169.254"], "private": ["169.254.169.254"]}`, ``},
		{`{"hosts": ["0.0.0.0"], "private": ["0.0.0.0/0"]}`, `/hosts/0: 0.0.0.0 is unspecified`},
		{`{"hosts": ["localhost:80"]}`, `/hosts/0: localhost is loopback`},
		{`{"hosts": ["*.localhost"]}`, `/hosts/0: localhost is loopback`},
		{`{"hosts": ["localhost:80", "[::1]"], "private": ["::1"]}`, ``},
		{`{"hosts": ["localhost", "10.1.2.3"], "private": true}`, ``},
		{`{"hosts": ["*"], "headers": {"x-key": "1"}}`, `/hosts/0: every host that the node asks would be given`},
		{`{"hosts": ["a"], "methods": ["GET", "TRACE", "GET"]}`, `/methods/1: TRACE cannot be granted; /methods/2: the list has this already`},
		{`{"hosts": ["a"], "paths": ["v1"]}`, `/paths/0: a path begins with /`},
		{`{"hosts": ["a"], "paths": ["/a?b"]}`, `/paths/0: a path has neither query`},
		{`{"hosts": ["a"], "paths": ["/**/b", "/a**"]}`, `/paths/0: "**" is the whole last segment; /paths/1: "**" is the whole`},
		{`{"hosts": ["a"], "paths": ["/a/../b"]}`, `/paths/0: nothing matches: its path has a ".." segment`},
		{`{"hosts": ["a"], "paths": ["/a", "/a"]}`, `/paths/1: the list has this already`},
		{`{"hosts": ["a"], "headers": {"Host": "b"}}`, `/headers/Host: "Host" belongs to the connection`},
		{`{"hosts": ["a"], "headers": {"a/b": "b"}}`, `/headers/a~1b: a name has letters`},
		{`{"hosts": ["a"], "headers": {"x-a": "b\n"}}`, `/headers/x-a: the value has a line break`},
		{`{"hosts": ["a"], "headers": {"x-a": "b", "X-A": "c"}}`, `/headers/X-A: the table has this header already`},
		{`{"hosts": ["a"], "headers": {"x-a": "b"}, "allow_headers": ["X-*"]}`, `/allow_headers: the grant sets "X-A" itself`},
		{`{"hosts": ["a"], "headers": {"x-a": "b"}, "allow_headers": ["*"]}`, ``},
		{`{"hosts": ["a"], "allow_headers": ["Host"]}`, `/allow_headers/0: a node can never set "Host"`},
		{`{"hosts": ["a"], "max_request_bytes": "1MB"}`, `/max_request_bytes: a size is 1 byte to 16 MiB`},
		{`{"hosts": ["a"], "max_response_bytes": "17MiB"}`, `/max_response_bytes: a size`},
		{`{"hosts": ["a"], "max_response_bytes": 0}`, `/max_response_bytes: a size`},
		{`{"hosts": ["a"], "timeout": "5"}`, `/timeout: a time is a number with a unit`},
		{`{"hosts": ["a"], "timeout": "-5s"}`, `/timeout: a time`},
		{`{"hosts": ["a"], "private": ["10.0.0.1/8"]}`, `/private/0: the network has bits beyond its length`},
		{`{"hosts": ["a"], "private": ["intranet"]}`, `/private/0: this is neither an address nor a network`},
		{`{"hosts": ["a"], "private": ["::ffff:10.0.0.0/104"]}`, `/private/0: an IPv4 network is written as one`},
		{`{"hosts": ["a"], "private": ["224.0.0.1"]}`, `/private/0: 224.0.0.1 is multicast`},
		{`{"hosts": ["a"], "private": ["10.0.0.0/8", "10.0.0.0/8"]}`, `/private/1: the list has this already`},
	} {
		_, problems := readGrant(document.MustParse(test.grant))
		if len(problems) == 0 && test.want == "" {
			continue
		}
		have := strings.Split(problems.Error(), "; ")
		want := strings.Split(test.want, "; ")
		if test.want == "" || len(problems) != len(want) {
			t.Errorf("%s: %q, want %q", test.grant, problems.Error(), test.want)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(have[i], want[i]) {
				t.Errorf("%s: %q, want %q", test.grant, have[i], want[i])
			}
		}
	}
}

func TestGrantDefaults(t *testing.T) {
	g, problems := readGrant(document.MustParse(`{"hosts": ["a"]}`))
	if problems != nil || fmt.Sprint(g.methods, g.schemes) != "[GET HEAD] [https]" || g.request != 1<<20 || g.response != 8<<20 ||
		g.redirects != 5 || g.timeout != defaultTimeout || !g.sendKey || g.private.check(netip.MustParseAddr("127.0.0.1")) == "" {
		t.Errorf("%+v, %v", g, problems)
	}
	g, problems = readGrant(document.MustParse(`{"hosts": ["a"], "max_request_bytes": "64KiB", "max_response_bytes": 1e3, "redirects": 0, "timeout": "1m30s", "idempotency_key": false}`))
	if problems != nil || g.request != 64<<10 || g.response != 1000 || g.redirects != 0 || g.timeout.Seconds() != 90 || g.sendKey {
		t.Errorf("%+v, %v", g, problems)
	}
}

// What is said to be enough is enough, and no more than that.
func TestGrantForAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a netip.Addr
		if rapid.Bool().Draw(t, "six") {
			b := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
			switch rapid.IntRange(0, 5).Draw(t, "prefix") {
			case 0:
				copy(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})
			case 1:
				copy(b[:], []byte{0x20, 0x02})
			case 2:
				copy(b[:], make([]byte, 10))
			case 3:
				copy(b[8:], []byte{0, 0, 0x5e, 0xfe})
			}
			a = netip.AddrFrom16(b)
		} else {
			a = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "bytes")))
			if rapid.Bool().Draw(t, "mapped") {
				a = netip.AddrFrom16(a.As16())
			}
		}
		list, onlyInner, none := needs(a)
		var enough allowance
		for _, one := range list {
			enough.prefixes = append(enough.prefixes, netip.PrefixFrom(one, one.BitLen()))
		}
		everything := allowance{inner: true, prefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
		switch {
		case none && everything.check(a) == "":
			t.Fatalf("%s can be allowed, and nothing says so", a)
		case !none && enough.check(a) != "":
			t.Fatalf("%s is not allowed by %s: %s", a, grantFor(a), enough.check(a))
		case !none && onlyInner && (allowance{inner: true}).check(a) != "":
			t.Fatalf("%s is not allowed by private = true", a)
		case (allowance{}).check(a) == "" != (!none && len(list) == 0):
			t.Fatalf("%s needs %s", a, list)
		}
	})
}

func TestAllowances(t *testing.T) {
	w := func(inner bool, networks ...string) allowance {
		var all []netip.Prefix
		for _, n := range networks {
			all = append(all, netip.MustParsePrefix(n))
		}
		return allowance{inner: inner, prefixes: all}
	}
	for _, test := range []struct {
		w         allowance
		addr      string
		isAllowed bool
	}{
		{w(false), "8.8.8.8", true},
		{w(false), "2606:4700::1", true},
		{w(false), "64:ff9b::808:808", true},
		{w(false), "::ffff:8.8.8.8", true},
		{w(false), "172.32.0.1", true},
		{w(false), "100.128.0.1", true},
		{w(false), "10.0.0.1", false},
		{w(true), "10.0.0.1", true},
		{w(true), "fd00::1", true},
		{w(true), "::1", true},
		{w(true), "100.64.0.1", true},
		{w(true), "64:ff9b::10.0.0.1", true},
		{w(true), "169.254.1.1", false},
		{w(true), "169.254.169.254", false},
		{w(true), "100.100.100.200", false},
		{w(true), "fd00:ec2::254", false},
		{w(true), "0.0.0.0", false},
		{w(true), "::", false},
		{w(true), "2002:a00:1::", false},
		{w(false, "2002::/16"), "2002:a00:1::", false},
		{w(true, "2002::/16"), "2002:a00:1::", true},
		{w(false, "169.254.0.0/16"), "169.254.1.1", true},
		{w(false, "169.254.0.0/16"), "169.254.169.254", false},
		{w(false, "169.254.169.254/32"), "169.254.169.254", true},
		{w(false, "168.63.129.16/32"), "168.63.129.16", true},
		{w(false, "10.1.0.0/16"), "10.1.2.3", true},
		{w(false, "10.1.0.0/16"), "10.2.2.3", false},
		{w(false, "10.1.0.0/16"), "::ffff:10.1.2.3", true},
		{w(false, "10.1.0.0/16"), "64:ff9b::10.1.2.3", true},
		{w(true, "0.0.0.0/0", "::/0"), "224.0.0.1", false},
		{w(true, "0.0.0.0/0", "::/0"), "ff02::1", false},
		{w(true, "0.0.0.0/0", "::/0"), "255.255.255.255", false},
		{w(true, "::/0"), "fe80::1%eth0", false},
		{w(true, "::/0"), "fe80::1", true},
	} {
		if refused := test.w.check(netip.MustParseAddr(test.addr)); (refused == "") != test.isAllowed {
			t.Errorf("%s with %s: refused %q", test.addr, test.w.key(), refused)
		}
	}
}
