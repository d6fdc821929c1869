package fetch

// Which addresses may be connected to. A name says nothing about where a
// connection goes: what is checked is the address that is dialed.

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// class says what sort of address one is.
type class uint8

const (
	public   class = iota // anybody's: needs no grant
	inner                 // where an own network's services are: private = true, or listed
	reserved              // link-local, tests, tunnels, not assigned: only where listed
	metadata              // gives a machine's credentials away: only where listed as one address
	never                 // nobody's: multicast, broadcast, unspecified
)

// ranges are looked through in order; the first that contains the address says
// what it is. The list follows the IANA registries of special-purpose addresses.
var ranges = []struct {
	prefix netip.Prefix
	class  class
	name   string
}{
	// The services from which a machine in a cloud gets its identity.
	{netip.MustParsePrefix("169.254.169.254/32"), metadata, "cloud metadata"}, // most clouds
	{netip.MustParsePrefix("169.254.170.2/32"), metadata, "cloud metadata"},   // Amazon's containers
	{netip.MustParsePrefix("169.254.170.23/32"), metadata, "cloud metadata"},  // Amazon's pods
	{netip.MustParsePrefix("100.100.100.200/32"), metadata, "cloud metadata"}, // Alibaba
	{netip.MustParsePrefix("192.0.0.192/32"), metadata, "cloud metadata"},     // Oracle
	{netip.MustParsePrefix("168.63.129.16/32"), metadata, "cloud metadata"},   // Azure, an address like any other
	{netip.MustParsePrefix("fd00:ec2::254/128"), metadata, "cloud metadata"},  // Amazon
	{netip.MustParsePrefix("fd00:ec2::23/128"), metadata, "cloud metadata"},   // Amazon's pods
	{netip.MustParsePrefix("fd20:ce::254/128"), metadata, "cloud metadata"},   // Google

	{netip.MustParsePrefix("0.0.0.0/8"), never, "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), inner, "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), inner, "shared (carrier-grade NAT)"},
	{netip.MustParsePrefix("127.0.0.0/8"), inner, "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), reserved, "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), inner, "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), reserved, "protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), reserved, "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), reserved, "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), inner, "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), reserved, "benchmark"},
	{netip.MustParsePrefix("198.51.100.0/24"), reserved, "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), reserved, "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), never, "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), never, "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), reserved, "reserved"},
	{netip.MustParsePrefix("0.0.0.0/0"), public, "public"},

	{netip.MustParsePrefix("::/128"), never, "unspecified"},
	{netip.MustParsePrefix("::1/128"), inner, "loopback"},
	{netip.MustParsePrefix("::/96"), reserved, "IPv4-compatible"},
	{netip.MustParsePrefix("64:ff9b::/96"), public, "NAT64"}, // is what is inside
	{netip.MustParsePrefix("fc00::/7"), inner, "unique local"},
	{netip.MustParsePrefix("fe80::/10"), reserved, "link-local"},
	{netip.MustParsePrefix("ff00::/8"), never, "multicast"},
	{netip.MustParsePrefix("2001::/32"), reserved, "Teredo"},
	{netip.MustParsePrefix("2001::/23"), reserved, "protocol assignments"},
	{netip.MustParsePrefix("2001:db8::/32"), reserved, "documentation"},
	{netip.MustParsePrefix("2002::/16"), reserved, "6to4"},
	{netip.MustParsePrefix("3fff::/20"), reserved, "documentation"},
	{netip.MustParsePrefix("2000::/3"), public, "public"},
	{netip.MustParsePrefix("::/0"), reserved, "not assigned"},
}

// classify says what an address is, and the name of that.
func classify(a netip.Addr) (class, string) {
	for _, r := range ranges {
		if r.prefix.Contains(a) {
			return r.class, r.name
		}
	}
	return never, "no address"
}

// inside gives the IPv4 addresses that an IPv6 address stands for: where a
// packet to it may end up, if a gateway takes it apart.
func inside(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch in := func(p string) bool { return netip.MustParsePrefix(p).Contains(a) }; {
	case a == netip.IPv6Unspecified(), a == netip.IPv6Loopback():
		return nil
	case in("::/96"), in("64:ff9b::/96"), in("64:ff9b:1::/48"):
		return []netip.Addr{last}
	case in("2002::/16"):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case in("2001::/32"): // Teredo: the server, and the client with its bits turned over
		return []netip.Addr{
			netip.AddrFrom4([4]byte(b[4:8])),
			netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}),
		}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return []netip.Addr{last}
	}
	return nil
}

// allowance is what a grant's `private` lets through beside public addresses.
// The zero value lets nothing through.
type allowance struct {
	inner    bool
	prefixes []netip.Prefix // masked, sorted, without duplicates
}

// check says whether a connection to an address is allowed: "", or what the
// address is.
func (w allowance) check(a netip.Addr) string {
	if a.Zone() != "" {
		return "in a zone of this machine"
	}
	a = a.Unmap()
	if refused := w.checkOne(a); refused != "" {
		return refused
	}
	for _, in := range inside(a) {
		if refused := w.checkOne(in); refused != "" {
			return refused + ", inside of an IPv6 address"
		}
	}
	return ""
}

func (w allowance) checkOne(a netip.Addr) string {
	c, name := classify(a)
	switch c {
	case public:
		return ""
	case inner:
		if w.inner {
			return ""
		}
	case never:
		return name
	case reserved, metadata:
	}
	for _, p := range w.prefixes {
		if p.Contains(a) && (c != metadata || p.IsSingleIP()) {
			return ""
		}
	}
	return name
}

// key tells allowances apart: equal keys let the same through.
func (w allowance) key() string {
	var b strings.Builder
	fmt.Fprint(&b, w.inner)
	for _, p := range w.prefixes {
		b.WriteByte(' ')
		b.WriteString(p.String())
	}
	return b.String()
}

// needs are the addresses that `private` must have so that one is let through:
// itself, and what is inside of it. none: nothing lets it through.
func needs(a netip.Addr) (list []netip.Addr, onlyInner, none bool) {
	a = a.Unmap().WithZone("")
	onlyInner = true
	for _, one := range append([]netip.Addr{a}, inside(a)...) {
		switch c, _ := classify(one); c {
		case never:
			return nil, false, true
		case reserved, metadata:
			onlyInner = false
			list = append(list, one)
		case inner:
			list = append(list, one)
		case public:
		}
	}
	return list, onlyInner, false
}

// grantFor is what to write into a grant so that an address is let through; ""
// where nothing does.
func grantFor(a netip.Addr) string {
	list, onlyInner, none := needs(a)
	if none || len(list) == 0 {
		return ""
	}
	quoted := make([]string, len(list))
	for i, one := range list {
		quoted[i] = strconv.Quote(one.String())
	}
	line := "private = [" + strings.Join(quoted, ", ") + "]"
	if onlyInner {
		return "private = true, or " + line
	}
	return line
}
