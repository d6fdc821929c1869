package fetch

// One call: a request, the redirects that it is sent along, the answer.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// exchange is a call under way.
type exchange struct {
	c    *Capability
	g    grant
	call capability.Call

	own        []field // the grant's headers, secrets filled in
	origin     string  // that they are for; "" once the call has left it
	redirected bool
}

func (x *exchange) run(ctx context.Context) (document.Document, error) {
	var none document.Document
	q, err := readRequest(x.call.Request)
	if err != nil {
		return none, err
	}
	if err := x.permit(q.method, q.target); err != nil {
		return none, err
	}
	if err := x.permitHeaders(q.method+" "+q.target.place(), q.headers); err != nil {
		return none, err
	}
	if int64(len(q.body)) > x.g.request {
		return none, denied("request_too_large", "%s %s: the body has %d bytes, and the grant allows %d; max_request_bytes in [nodes.%s.grants.%s] says so",
			q.method, q.target.place(), len(q.body), x.g.request, x.call.Caller.Node, x.c.name)
	}
	if err := x.expand(); err != nil {
		return none, err
	}
	ca, err := expand(x.call.Secrets, x.c.settings.ca)
	if err != nil {
		return none, refused("secret_missing", "the setting ca of %s: %v", x.c.name, err)
	}
	transport, err := x.c.pool.transport(x.g.private, ca)
	if err != nil {
		return none, err
	}
	timeout := x.g.timeout
	if q.timeout > 0 {
		timeout = min(timeout, q.timeout)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	x.origin = q.target.origin()
	return x.follow(ctx, transport, q)
}

// expand fills the secrets into the grant's headers.
func (x *exchange) expand() error {
	for _, f := range x.g.headers {
		value, err := expand(x.call.Secrets, f.values[0])
		if err != nil {
			return refused("secret_missing", "the header %q of the grant: %v", f.name, err)
		}
		if problem := headerValue(value); problem != "" {
			return refused("invalid_header", "the header %q of the grant: with its secret filled in, %s", f.name, problem)
		}
		x.own = append(x.own, field{name: f.name, values: []string{value}})
	}
	return nil
}

func expand(s capability.Secrets, text string) (string, error) {
	if !hasReference(text) || s == nil {
		return text, nil
	}
	return s.Expand(text)
}

func hasReference(text string) bool { return strings.Contains(text, "${secret:") }

// follow sends the request, and again where it is sent on to.
func (x *exchange) follow(ctx context.Context, transport *http.Transport, q request) (document.Document, error) {
	for hop := 0; ; hop++ {
		what := q.method + " " + q.target.place()
		if x.redirected {
			what = "redirected to " + what
		}
		response, err := transport.RoundTrip(x.build(ctx, q))
		if err != nil {
			if no, ok := errors.AsType[*addressError](err); ok {
				return document.Document{}, x.refusedAddress(what, no)
			}
			return document.Document{}, explain(ctx, what, err)
		}
		next, err := x.redirect(response, q)
		switch {
		case err != nil:
		case next == nil:
			return x.read(ctx, what, response, q)
		case hop >= x.g.redirects:
			err = refused("too_many_redirects", "%s: sent on more than %d times; redirects in [nodes.%s.grants.%s] says so",
				what, x.g.redirects, x.call.Caller.Node, x.c.name)
		default:
			x.redirected = true
			err = x.permit(next.method, next.target)
		}
		drain(response)
		if err != nil {
			return document.Document{}, err
		}
		q = *next
	}
}

// drain reads the little that a redirect says, so that its connection can be
// used again.
func drain(r *http.Response) {
	_, _ = io.CopyN(io.Discard, r.Body, 4<<10) // what is left closes the connection
	_ = r.Body.Close()
}

// build makes the request of one hop.
func (x *exchange) build(ctx context.Context, q request) *http.Request {
	r := (&http.Request{
		Method: q.method, URL: q.target.url(), Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if q.body != nil {
		r.ContentLength = int64(len(q.body))
		// With GetBody the transport may send it again where a connection that was
		// kept open turns out closed before anything was answered; that is no
		// retry, the server never saw it, and only with an idempotency key.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(q.body)), nil }
		r.Body = io.NopCloser(bytes.NewReader(q.body))
		if len(q.body) == 0 {
			r.Body = http.NoBody
		}
		r.Header.Set("Content-Type", q.kind)
	}
	r.Header.Set("User-Agent", x.c.settings.userAgent)
	r.Header.Set("Accept-Encoding", "gzip")
	if x.g.sendKey && !safe(q.method) && x.call.Key != "" {
		r.Header.Set("Idempotency-Key", x.call.Key)
	}
	for _, f := range q.headers {
		r.Header[f.name] = f.values
	}
	if x.origin == q.target.origin() {
		for _, f := range x.own {
			r.Header[f.name] = f.values
		}
	}
	return r
}

// redirect says where an answer sends the request on to; nil where it does not,
// or shall not.
func (x *exchange) redirect(r *http.Response, q request) (*request, error) {
	location := r.Header.Get("Location")
	if !q.follow || x.g.redirects == 0 || location == "" {
		return nil, nil
	}
	next := q
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound: // as browsers do
		if q.method == http.MethodPost {
			next.method = http.MethodGet
		}
	case http.StatusSeeOther:
		if q.method != http.MethodHead {
			next.method = http.MethodGet
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	var err error
	if next.target, err = q.target.resolve(location); err != nil {
		return nil, refused("invalid_redirect", "%s %s: it redirects to a URL that cannot be used: %v", q.method, q.target.place(), err)
	}
	dropBody := next.method != q.method
	left := next.target.origin() != q.target.origin()
	if left {
		x.origin = "" // for good: what sends it back is a stranger
	}
	if dropBody {
		next.body, next.kind = nil, ""
	}
	next.headers = nil
	for _, f := range q.headers {
		name := strings.ToLower(f.name)
		if dropBody && strings.HasPrefix(name, "content-") || left && namesHeader(trusted, name) {
			continue
		}
		next.headers = append(next.headers, f)
	}
	return &next, nil
}
