package fetch

// The rules of headers: which a node may set, which the grant sets, which nobody.

import (
	"fmt"
	"net/textproto"
	"strings"
)

// Bounds of the headers that a node sets.
const (
	maxHeaders     = 64
	maxHeaderBytes = 32 << 10 // names and values together
)

// framing are the headers that say where a message ends and who is spoken to on
// this connection. They are net/http's, and nobody else's: two opinions about the
// length of a body are how requests are smuggled.
var framing = []string{
	"accept-encoding", "connection", "content-length", "expect", "host", "http2-settings", "keep-alive",
	"proxy-*", "te", "trailer", "transfer-encoding", "upgrade",
}

// trusted are the headers by which a request says who sends it, or that it is
// another one than it seems: a node sets them only where allow_headers has them.
var trusted = []string{
	// Who sends it.
	"authorization", "cookie", "cookie2",
	"forwarded", "via", "x-forwarded-*", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip",
	"cf-connecting-ip", "x-envoy-*", "x-original-host", "x-host",
	"metadata", "metadata-flavor", "x-aws-ec2-metadata-*",
	// What it really asks for: around methods and paths.
	"x-http-method", "x-http-method-override", "x-method-override",
	"x-original-url", "x-original-uri", "x-rewrite-url",
}

// namesHeader reports whether one of the patterns is the name, which is lower
// case. A pattern may end in "*".
func namesHeader(patterns []string, name string) bool {
	for _, p := range patterns {
		p = strings.ToLower(p)
		if prefix, wild := strings.CutSuffix(p, "*"); p == name || wild && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// headerName says what is wrong with a name; "" if nothing.
func headerName(name string) string {
	if name == "" || len(name) > 128 {
		return "a name has 1 to 128 characters"
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return fmt.Sprintf("a name has letters, digits and -, not %q", c)
		}
	}
	return ""
}

// headerValue says what is wrong with a value, without it; "" if nothing.
func headerValue(value string) string {
	for i := range len(value) {
		switch c := value[i]; {
		case c == '\t':
		case c == '\r' || c == '\n':
			return "the value has a line break"
		case c < ' ' || c == 0x7f:
			return "the value has a control character"
		case c > 0x7f:
			return "the value has characters beyond ASCII; encode them"
		}
	}
	if strings.Trim(value, " \t") != value {
		return "the value has space around it"
	}
	return ""
}

// field is a header of a request.
type field struct {
	name   string // canonical: "Content-Type"
	values []string
}

// readHeaders reads the headers that a node set, sorted by name as they come.
func readHeaders(fields []field) ([]field, error) {
	if len(fields) > maxHeaders {
		return nil, fmt.Errorf("there are %d headers; at most %d are allowed", len(fields), maxHeaders)
	}
	size, seen := 0, map[string]bool{}
	for i, f := range fields {
		if text := headerName(f.name); text != "" {
			return nil, fmt.Errorf("the header %q: %s", shorten(f.name, 64), text)
		}
		if len(f.values) > maxHeaders {
			return nil, fmt.Errorf("the header %q has %d values; at most %d are allowed", f.name, len(f.values), maxHeaders)
		}
		for _, v := range f.values {
			if text := headerValue(v); text != "" {
				return nil, fmt.Errorf("the header %q: %s", f.name, text)
			}
			size += len(f.name) + len(v)
		}
		fields[i].name = textproto.CanonicalMIMEHeaderKey(f.name)
		if seen[fields[i].name] {
			return nil, fmt.Errorf("the header %q is set twice; give it a list of values", fields[i].name)
		}
		seen[fields[i].name] = true
	}
	if size > maxHeaderBytes {
		return nil, fmt.Errorf("the headers have %d bytes; at most %d are allowed", size, maxHeaderBytes)
	}
	return fields, nil
}

// shorten cuts a text for a message.
func shorten(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
