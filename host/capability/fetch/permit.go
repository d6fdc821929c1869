package fetch

// A request held against its grant. Each message says what was asked, what is
// granted, and the line that would allow it.

import (
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
)

// permit checks method and target; of a request, and of each redirect.
func (x *exchange) permit(method string, t target) error {
	asked := method + " " + t.place()
	if !slices.Contains(x.g.schemes, t.scheme) {
		return x.denied("scheme_not_granted", asked, "the grant allows "+strings.Join(x.g.schemes, ", "),
			"add %q to schemes", t.scheme)
	}
	if !slices.ContainsFunc(x.g.hosts, func(p hostPattern) bool { return p.match(t) }) {
		return x.denied("host_not_granted", asked, "the host is none of hosts = "+shorten(x.g.hostsText, 300),
			"add %q to hosts", t.authority())
	}
	if !slices.Contains(x.g.methods, method) {
		return x.denied("method_not_granted", asked, "the grant allows "+strings.Join(x.g.methods, ", "),
			"add %q to methods", method)
	}
	if len(x.g.paths) > 0 && !slices.ContainsFunc(x.g.paths, func(p pathPattern) bool { return p.match(t.path) }) {
		return x.denied("path_not_granted", asked, "the path is none of paths = "+shorten(x.g.pathsText, 300),
			"add %q to paths", shorten(t.path, 200))
	}
	return nil
}

// permitHeaders checks the headers that the node sets.
func (x *exchange) permitHeaders(asked string, headers []field) error {
	for _, f := range headers {
		name := strings.ToLower(f.name)
		switch {
		case namesHeader(framing, name):
			return refused("invalid_header", "%s: the header %q belongs to the connection: no node can set it", asked, f.name)
		case slices.ContainsFunc(x.g.headers, func(own field) bool { return own.name == f.name }):
			return denied("header_not_granted", "%s: the grant sets the header %q itself; the node cannot", asked, f.name)
		case namesHeader(x.g.allow, name):
		case namesHeader(x.g.deny, name):
			return x.denied("header_not_granted", asked, "deny_headers refuses the header "+f.name,
				"add %q to allow_headers", f.name)
		case namesHeader(trusted, name):
			return x.denied("header_not_granted", asked,
				"the header "+f.name+" says who sends a request or what it really is, so it needs a permission",
				"add %q to allow_headers", f.name)
		}
	}
	return nil
}

// refusedAddress is the error that an address is which the grant does not let
// through.
func (x *exchange) refusedAddress(what string, e *addressError) error {
	what += ": " + e.Error()
	hint := grantFor(e.addr)
	if hint == "" || e.why == neverAllowed {
		return denied("address_not_granted", "%s; no grant allows that", what)
	}
	return denied("address_not_granted", "%s; to allow it, write %s into [nodes.%s.grants.%s]",
		what, hint, x.call.Caller.Node, x.c.name)
}

// denied is a refusal with the words to write.
func (x *exchange) denied(reason, asked, why, line string, value string) *capability.Error {
	from := ""
	if x.redirected {
		from = "redirected to "
	}
	return denied(reason, "%s%s: %s; to allow it, "+line+" in [nodes.%s.grants.%s]",
		from, asked, why, value, x.call.Caller.Node, x.c.name)
}
