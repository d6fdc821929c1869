package fetch

// The patterns of grants: of hosts, paths and header names.

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// hostPattern is one of a grant's hosts.
type hostPattern struct {
	any    bool   // "*": every host
	suffix string // ".example.com" of "*.example.com"; else ""
	host   string // as in a target
	addr   netip.Addr
	// port is the one that is allowed; 0: the scheme's own. anyPort: every port.
	port    uint16
	anyPort bool
}

// parseHostPattern reads "api.example.com", "*.example.com", "example.com:8443",
// "127.0.0.1:*", "[::1]:8080", "*". What is wrong comes with what to do.
func parseHostPattern(text string) (p hostPattern, problem, hint string) {
	bad := func(problem, hint string) (hostPattern, string, string) { return hostPattern{}, problem, hint }
	if scheme, rest, found := strings.Cut(text, "://"); found {
		rest, _, _ = strings.Cut(rest, "/")
		return bad("a host has no scheme", fmt.Sprintf("write %q; schemes = [%q] says by which schemes", rest, scheme))
	}
	if _, err := netip.ParsePrefix(strings.Trim(text, "[]")); err == nil {
		return bad("a network is no host", "list the hosts; addresses that need a permission of their own go into private")
	}
	if host, path, found := strings.Cut(text, "/"); found {
		return bad("a host has no path", fmt.Sprintf("write %q; paths = [%q] says which paths", host, "/"+path))
	}
	if _, err := netip.ParseAddr(text); err == nil && strings.Contains(text, ":") {
		return bad("an IPv6 address stands in brackets", fmt.Sprintf("write %q", "["+text+"]"))
	}
	rest := text
	if at := strings.LastIndexByte(text, ':'); at > strings.LastIndexByte(text, ']') {
		digits := text[at+1:]
		rest = text[:at]
		if p.anyPort = digits == "*"; !p.anyPort {
			var err error
			if p.port, err = parsePort(digits); err != nil {
				return bad(strings.TrimPrefix(err.Error(), "the "), `a port is a number from 1 to 65535, or "*" for all`)
			}
		}
	}
	if p.any = rest == "*"; p.any {
		return p, "", ""
	}
	name, wild := strings.CutPrefix(rest, "*.")
	if strings.Contains(name, "*") {
		return bad(`"*" stands for a whole host, or for the parts before a name`, `such as "*.example.com"`)
	}
	var err error
	if p.host, p.addr, _, err = parseAuthority(name, "https"); err != nil {
		return bad(err.Error(), "")
	}
	if wild {
		if p.addr.IsValid() {
			return bad("an address has no names below it", fmt.Sprintf("write %q", p.host))
		}
		p.suffix, p.host = "."+p.host, ""
	}
	return p, "", ""
}

func (p hostPattern) match(t target) bool {
	if !p.anyPort && t.port != p.port && (p.port != 0 || t.port != defaultPort(t.scheme)) {
		return false
	}
	switch {
	case p.any:
		return true
	case p.suffix != "":
		return !t.addr.IsValid() && strings.HasSuffix(t.host, p.suffix)
	}
	return t.host == p.host
}

// key is the pattern in its one spelling.
func (p hostPattern) key() string {
	host := p.host
	switch {
	case p.any:
		host = "*"
	case p.suffix != "":
		host = "*" + p.suffix
	case p.addr.Is6():
		host = "[" + host + "]"
	}
	switch {
	case p.anyPort:
		return host + ":*"
	case p.port != 0:
		return host + ":" + strconv.Itoa(int(p.port))
	}
	return host
}

// pathPattern is one of a grant's paths, in its segments. "*" stands for
// characters of one segment, "**" as the last for everything below.
type pathPattern struct {
	segments []string // decoded
	below    bool     // ended in "**"
}

func parsePathPattern(text string) (p pathPattern, problem, hint string) {
	rest, found := strings.CutPrefix(text, "/")
	if !found {
		return p, "a path begins with /", fmt.Sprintf("write %q", "/"+text)
	}
	if strings.ContainsAny(text, "?#") {
		return p, "a path has neither query nor fragment, so nothing matches", "leave out what begins with ? or #"
	}
	rest, below := strings.CutSuffix(rest, "**")
	p.below = below
	if p.below && rest != "" && !strings.HasSuffix(rest, "/") || strings.Contains(rest, "**") {
		return p, `"**" is the whole last segment`, `such as "/v1/**"; "*" stands for characters of one segment`
	}
	encoded, err := encode(rest, pathSafe)
	if err == nil {
		err = checkPath("/" + encoded)
	}
	if err != nil {
		return p, "nothing matches: " + err.Error(), ""
	}
	p.segments = strings.Split(encoded, "/")
	if p.below {
		p.segments = p.segments[:len(p.segments)-1]
	}
	for i, s := range p.segments {
		p.segments[i] = decode(s)
	}
	return p, "", ""
}

// match holds the path against the pattern segment by segment, each decoded once.
// An encoded slash is one to some servers and none to others: only a segment that
// spells it, or "**", matches it.
func (p pathPattern) match(path string) bool {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if p.below && len(segments) <= len(p.segments) || !p.below && len(segments) != len(p.segments) {
		return false
	}
	for i, s := range segments {
		s = decode(s)
		if !utf8.ValidString(s) {
			return false // some servers read overlong forms of / and . in it
		}
		if i >= len(p.segments) {
			continue
		}
		if p.segments[i] != s && (strings.ContainsAny(s, `/\`) || !wildcard(p.segments[i], s)) {
			return false
		}
	}
	return true
}

// wildcard matches a text against a pattern in which "*" stands for any
// characters; alone it stands for at least one. Linear but for backtracking to the
// last star.
func wildcard(pattern, text string) bool {
	if pattern == "*" {
		return text != ""
	}
	star, mark, p, i := -1, 0, 0, 0
	for i < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark, p = p, i, p+1
		case p < len(pattern) && pattern[p] == text[i]:
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
