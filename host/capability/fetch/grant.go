package fetch

// A grant: what of the web one node may ask for.

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// The defaults of a grant, and the most that one can allow.
const (
	defaultRequestBytes  = 1 << 20
	defaultResponseBytes = 8 << 20
	mostBytes            = 16 << 20 // what a document may have
	defaultRedirects     = 5
	defaultTimeout       = 30 * time.Second
)

// grant is a grant's terms, read.
type grant struct {
	hosts      []hostPattern
	methods    []string
	schemes    []string
	paths      []pathPattern // empty: all
	headers    []field       // that the host adds; references to secrets as written
	allow      []string      // patterns of header names
	deny       []string
	request    int64 // bytes
	response   int64
	redirects  int
	private    allowance
	timeout    time.Duration
	sendKey    bool
	hostsText  string // as written, for messages
	pathsText  string
	schemeText string
}

// readGrant reads terms that hold to the schema. What is wrong beyond that goes
// into the problems; what is left is then of no use.
func readGrant(terms document.Document) (grant, capability.Problems) {
	g := grant{
		methods: []string{http.MethodGet, http.MethodHead}, schemes: []string{"https"},
		request: defaultRequestBytes, response: defaultResponseBytes,
		redirects: defaultRedirects, timeout: defaultTimeout, sendKey: true,
	}
	var r reader
	for _, f := range terms.Fields() {
		at := "/" + pointer.Replace(f.Key)
		switch f.Key {
		case "hosts":
			g.hostsText = f.Value.String()
			r.list(at, f.Value, func(at, text string) string {
				p, problem, hint := parseHostPattern(text)
				r.report(at, problem, hint)
				if problem != "" {
					return ""
				}
				g.hosts = append(g.hosts, p)
				return p.key()
			})
		case "methods":
			g.methods = nil
			r.list(at, f.Value, func(at, text string) string {
				if text == http.MethodConnect || text == http.MethodTrace {
					r.report(at, text+" cannot be granted", "it opens a tunnel or gives the host's own headers away")
				}
				g.methods = append(g.methods, text)
				return text
			})
		case "schemes":
			g.schemeText = f.Value.String()
			g.schemes = nil
			r.list(at, f.Value, func(_, text string) string {
				g.schemes = append(g.schemes, text)
				return text
			})
		case "paths":
			g.pathsText = f.Value.String()
			r.list(at, f.Value, func(at, text string) string {
				p, problem, hint := parsePathPattern(text)
				r.report(at, problem, hint)
				g.paths = append(g.paths, p)
				return text
			})
		case "headers":
			g.headers = r.headers(at, f.Value)
		case "allow_headers":
			r.list(at, f.Value, func(at, text string) string {
				if namesHeader(framing, strings.ToLower(text)) {
					r.report(at, fmt.Sprintf("a node can never set %q", text), "it belongs to the connection; leave it out")
				}
				g.allow = append(g.allow, strings.ToLower(text))
				return strings.ToLower(text)
			})
		case "deny_headers":
			r.list(at, f.Value, func(_, text string) string {
				g.deny = append(g.deny, strings.ToLower(text))
				return strings.ToLower(text)
			})
		case "max_request_bytes":
			g.request = r.size(at, f.Value)
		case "max_response_bytes":
			g.response = r.size(at, f.Value)
		case "redirects":
			g.redirects = int(whole(f.Value))
		case "private":
			g.private = r.allowance(at, f.Value)
		case "timeout":
			g.timeout = r.duration(at, f.Value)
		case "idempotency_key":
			g.sendKey = string(f.Value.Canonical()) == "true"
		}
	}
	r.contradictions(g)
	return g, r.problems
}

// pointer escapes a key of a JSON Pointer.
var pointer = strings.NewReplacer("~", "~0", "/", "~1")

// reader collects what is wrong with a grant.
type reader struct {
	problems capability.Problems
}

func (r *reader) report(at, problem, hint string) {
	if problem != "" {
		r.problems = append(r.problems, capability.Problem{Pointer: at, Text: problem, Hint: hint})
	}
}

// list reads a list of texts. one gives the text in its one spelling; an empty
// one is not compared.
func (r *reader) list(at string, d document.Document, one func(at, text string) string) {
	seen := map[string]bool{}
	for i, item := range d.Items() {
		place := at + "/" + strconv.Itoa(i)
		key := one(place, text(item))
		if key != "" && seen[key] {
			r.report(place, "the list has this already", "leave it out")
		}
		seen[key] = true
	}
}

func (r *reader) headers(at string, d document.Document) []field {
	var found []field
	for _, f := range d.Fields() {
		place := at + "/" + pointer.Replace(f.Key)
		name, value := strings.ToLower(f.Key), text(f.Value)
		switch {
		case headerName(f.Key) != "":
			r.report(place, headerName(f.Key), "")
		case namesHeader(framing, name):
			r.report(place, fmt.Sprintf("%q belongs to the connection", f.Key), "leave it out")
		case slices.ContainsFunc(found, func(o field) bool { return strings.EqualFold(o.name, f.Key) }):
			r.report(place, "the table has this header already, in another spelling", "leave it out")
		}
		r.report(place, headerValue(value), "")
		found = append(found, field{name: textproto.CanonicalMIMEHeaderKey(f.Key), values: []string{value}})
	}
	return found
}

func (r *reader) size(at string, d document.Document) int64 {
	n, ok := parseSize(d)
	if !ok || n < 1 || n > mostBytes {
		r.report(at, "a size is 1 byte to 16 MiB", `such as 65536 or "512KiB"`)
	}
	return n
}

func (r *reader) duration(at string, d document.Document) time.Duration {
	t, err := time.ParseDuration(text(d))
	if err != nil || t <= 0 {
		r.report(at, "a time is a number with a unit, above 0", `such as "10s" or "1m30s"`)
	}
	return t
}

func (r *reader) allowance(at string, d document.Document) allowance {
	if d.Kind() == document.KindBool {
		return allowance{inner: string(d.Canonical()) == "true"}
	}
	var w allowance
	r.list(at, d, func(at, text string) string {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				r.report(at, "this is neither an address nor a network", `such as "10.1.0.0/16", "127.0.0.1" or "fd00::/8"`)
				return ""
			}
			p = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		if p.Addr().Is4In6() {
			r.report(at, "an IPv4 network is written as one", `such as "10.1.0.0/16"`)
			return ""
		}
		if p != p.Masked() {
			r.report(at, "the network has bits beyond its length", fmt.Sprintf("write %q", p.Masked()))
		}
		p = p.Masked()
		if c, name := classify(p.Addr()); c == never && p.IsSingleIP() {
			r.report(at, fmt.Sprintf("%s is %s: nothing can be asked there", p.Addr(), name), "")
		}
		w.prefixes = append(w.prefixes, p)
		return p.String()
	})
	slices.SortFunc(w.prefixes, netip.Prefix.Compare)
	return w
}

// contradictions finds what can never match, or matches more than was meant.
func (r *reader) contradictions(g grant) {
	if len(r.problems) > 0 {
		return // what was read is not what was written
	}
	for i, p := range g.hosts {
		at := "/hosts/" + strconv.Itoa(i)
		if p.addr.IsValid() {
			if refused := g.private.check(p.addr); refused != "" {
				r.report(at, fmt.Sprintf("%s is %s, and no connection goes there", p.addr, refused), addHint(grantFor(p.addr)))
			}
		} else if p.host == "localhost" || strings.HasSuffix(p.host+p.suffix, ".localhost") {
			loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if g.private.check(loopback) != "" && g.private.check(netip.IPv6Loopback()) != "" {
				r.report(at, "localhost is loopback, and no connection goes there", addHint(grantFor(loopback)))
			}
		}
		if p.any && len(g.headers) > 0 {
			r.report(at, "every host that the node asks would be given the headers of this grant",
				`list the hosts that the headers are for; what is asked without them is granted under another name: [capabilities.NAME] with kind = "fetch"`)
		}
	}
	for _, f := range g.headers {
		if namesHeader(g.allow, strings.ToLower(f.name)) && !slices.Contains(g.allow, "*") {
			r.report("/allow_headers", fmt.Sprintf("the grant sets %q itself, so the node never can", f.name), "leave one of them out")
		}
	}
}

func addHint(what string) string {
	if what == "" {
		return ""
	}
	return "to allow it, add " + what
}

// text is a string's value.
func text(d document.Document) string {
	v, err := d.Value()
	if err != nil {
		return ""
	}
	s, _ := v.(string)
	return s
}

// whole is the value of a whole number that the schema has bounded; "1e2" is one.
func whole(d document.Document) int64 {
	n, err := strconv.ParseInt(string(d.Canonical()), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// parseSize reads 65536 or "64KiB".
func parseSize(d document.Document) (int64, bool) {
	if d.Kind() == document.KindNumber {
		n, err := strconv.ParseInt(string(d.Canonical()), 10, 64)
		return n, err == nil
	}
	s := text(d)
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}} {
		if digits, found := strings.CutSuffix(s, unit.name); found {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
			return n * unit.bytes, err == nil
		}
	}
	return 0, false
}
