package fetch

// URLs. What is checked here is what is sent: a [target] is taken apart once, by
// rules that leave no room for a second reading, and the request is made of its
// parts, not of the node's text.

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxURLBytes bounds a URL, query included.
const maxURLBytes = 16 << 10

// target is where a request goes.
type target struct {
	scheme string // "http" or "https"
	host   string // lower case, ASCII, no trailing dot; of an IPv6 address without brackets
	addr   netip.Addr
	port   uint16
	path   string // begins with "/", encoded as it is sent
	query  string // encoded as it is sent; without "?"
}

// urlError says what is wrong with a URL.
type urlError string

// Error implements error.
func (e urlError) Error() string { return string(e) }

func badURL(format string, args ...any) error { return urlError(fmt.Sprintf(format, args...)) }

// parseTarget reads an absolute URL.
func parseTarget(text string) (target, error) {
	var t target
	if len(text) > maxURLBytes {
		return t, badURL("it has %d bytes; at most %d are allowed", len(text), maxURLBytes)
	}
	if !utf8.ValidString(text) {
		return t, badURL("it is no UTF-8")
	}
	for _, r := range text {
		switch {
		case r == ' ':
			return t, badURL("it has a space; write %%20")
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return t, badURL("it has a control character")
		case r == '\\':
			return t, badURL("it has a backslash; write / or %%5C")
		}
	}
	scheme, rest, found := strings.Cut(text, "://")
	t.scheme = strings.ToLower(scheme)
	if !found || t.scheme != "http" && t.scheme != "https" {
		return t, badURL("it must begin with https:// or http://")
	}
	rest, _, _ = strings.Cut(rest, "#") // never sent
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	path, query, _ := strings.Cut(rest, "?")
	if strings.Contains(authority, "@") {
		return t, badURL("it has a user name; let the graph give an Authorization header in the grant")
	}
	var err error
	if t.host, t.addr, t.port, err = parseAuthority(authority, t.scheme); err != nil {
		return t, err
	}
	if t.path, err = encode(path, pathSafe); err != nil {
		return t, err
	}
	if t.path == "" {
		t.path = "/"
	}
	if err = checkPath(t.path); err != nil {
		return t, err
	}
	if t.query, err = encode(query, querySafe); err != nil {
		return t, err
	}
	if n := len(t.String()); n > maxURLBytes {
		return t, badURL("it has %d bytes when encoded; at most %d are allowed", n, maxURLBytes)
	}
	return t, nil
}

func defaultPort(scheme string) uint16 {
	if scheme == "http" {
		return 80
	}
	return 443
}

// parseAuthority reads host and port. addr is valid where the host is an address.
func parseAuthority(text, scheme string) (host string, addr netip.Addr, port uint16, err error) {
	var digits string
	var hasPort bool
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 || end+1 < len(text) && text[end+1] != ':' {
			return "", addr, 0, badURL("the host %q is no IPv6 address in brackets", text)
		}
		host = text[1:end]
		if digits = text[end+1:]; digits != "" {
			digits, hasPort = digits[1:], true
		}
		if addr, err = netip.ParseAddr(host); err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", addr, 0, badURL("the host [%s] is no IPv6 address without a zone", host)
		}
		addr = addr.Unmap()
		host = addr.String()
	} else {
		host, digits, hasPort = strings.Cut(text, ":")
		if host, addr, err = parseHost(host); err != nil {
			return "", addr, 0, err
		}
	}
	if !hasPort {
		return host, addr, defaultPort(scheme), nil
	}
	port, err = parsePort(digits)
	return host, addr, port, err
}

func parsePort(digits string) (uint16, error) {
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 || digits[0] == '0' {
		return 0, badURL("the port %q is no number from 1 to 65535", digits)
	}
	return uint16(n), nil
}

// parseHost reads a name or an IPv4 address in the one spelling that is allowed.
func parseHost(text string) (string, netip.Addr, error) {
	var none netip.Addr
	host := strings.ToLower(text)
	if strings.Contains(host, "%") {
		return "", none, badURL("the host %q has a percent sign", text)
	}
	if strings.Contains(host, "xn--") || strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) >= 0 {
		ascii, err := idna.Lookup.ToASCII(text)
		if err != nil {
			return "", none, badURL("the host %q is no name: %v", text, err)
		}
		host = ascii
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" {
		return "", none, badURL("it has no host")
	}
	if len(host) > 253 {
		return "", none, badURL("the host has %d bytes; a name has at most 253", len(host))
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if !hostLabel(l) {
			return "", none, badURL("the host %q is no name: letters, digits, - and _, in parts of 1 to 63 with dots between them", text)
		}
	}
	// What ends in a number is an address (as browsers have it), and an address
	// has one spelling: 127.1, 0177.0.0.1, 0x7f000001 and 2130706433 are read
	// differently by different programs.
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		if digits, hex := strings.CutPrefix(last, "0x"); hex && strings.Trim(digits, "0123456789abcdef") == "" ||
			strings.Trim(last, "0123456789") == "" {
			addr, err := netip.ParseAddr(host)
			if err != nil {
				return "", none, badURL("the host %q ends in a number but is no address of four decimal numbers", text)
			}
			return addr.String(), addr, nil
		}
	}
	return host, none, nil
}

func hostLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		switch c := l[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// The characters that stand for themselves beside letters and digits.
const (
	pathSafe  = "-._~!$&'()*+,;=:@/"
	querySafe = pathSafe + "?[]"
)

// encode percent-encodes what may not stand in a URL as it is, and leaves what is
// encoded as it is.
func encode(text, safe string) (string, error) {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '%':
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return "", badURL("a %% is not followed by two hexadecimal digits; write %%25")
			}
			b.WriteByte(c)
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String(), nil
}

// decode undoes percent-encoding once, and leaves what is no encoding as it is, as
// careless servers do.
func decode(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// checkPath refuses paths that servers read differently from each other: those
// that climb, in whatever spelling, and control characters.
func checkPath(path string) error {
	for text, round := path, 0; ; round++ {
		for segment := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '/' || r == '\\' }) {
			// "..;x" climbs where a server takes what follows ";" for parameters.
			if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
				return badURL("its path has a %q segment; write the path without", name)
			}
		}
		if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
			return badURL("its path has an encoded control character")
		}
		decoded := decode(text)
		if decoded == text {
			return nil // nothing more is encoded
		}
		if round == 4 {
			return badURL("its path is percent-encoded more than four times over")
		}
		text = decoded
	}
}

// url gives the URL to send.
func (t target) url() *url.URL {
	return &url.URL{Scheme: t.scheme, Host: t.authority(), Path: decode(t.path), RawPath: t.path, RawQuery: t.query}
}

// authority is host and port; the port only where it is not the scheme's own.
func (t target) authority() string {
	host := t.host
	if t.addr.Is6() {
		host = "[" + host + "]"
	}
	if t.port != defaultPort(t.scheme) {
		host += ":" + strconv.Itoa(int(t.port))
	}
	return host
}

// origin is what the headers of a grant belong to.
func (t target) origin() string { return t.scheme + "://" + t.authority() }

// String is the URL as the node gets to see it.
func (t target) String() string {
	if t.query == "" {
		return t.origin() + t.path
	}
	return t.origin() + t.path + "?" + t.query
}

// place is the URL without its query, short, for messages: a query may hold what
// nobody wants in a log.
func (t target) place() string {
	if len(t.path) > 200 {
		return t.origin() + t.path[:200] + "…"
	}
	return t.origin() + t.path
}

// resolve reads the address that a redirect names, relative to t.
func (t target) resolve(location string) (target, error) {
	if len(location) > maxURLBytes {
		return target{}, badURL("it has %d bytes; at most %d are allowed", len(location), maxURLBytes)
	}
	for i := range len(location) { // net/url forgives what parseTarget does not
		if c := location[i]; c < ' ' || c == 0x7f || c == '\\' {
			return target{}, badURL("it has a control character or a backslash")
		}
	}
	if lower := strings.ToLower(location); strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") {
		return parseTarget(location)
	}
	ref, err := url.Parse(location)
	if err != nil {
		return target{}, badURL("it is no URL")
	}
	if ref.Scheme != "" || ref.User != nil {
		return target{}, badURL("it must be a path, or begin with https:// or http://")
	}
	if ref.Host != "" { // "//host/path"
		return parseTarget(t.scheme + ":" + location)
	}
	return parseTarget(t.url().ResolveReference(ref).String())
}
