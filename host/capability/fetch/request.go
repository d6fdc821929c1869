package fetch

// What a node asks for.

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
)

// request is a node's request, read.
type request struct {
	method  string
	target  target
	headers []field // sorted by name
	body    []byte  // nil: none
	kind    string  // its media type, where the node sets no Content-Type
	as      string
	timeout time.Duration // 0: the grant's
	follow  bool
	any     bool // every status is an answer
}

// readRequest reads a request that holds to the schema.
func readRequest(d document.Document) (request, error) {
	q := request{method: http.MethodGet, as: "auto", follow: true}
	var address, bodies string
	var query []document.Field
	for _, f := range d.Fields() {
		switch f.Key {
		case "method":
			q.method = strings.ToUpper(text(f.Value))
		case "url":
			address = text(f.Value)
		case "query":
			query = f.Value.Fields()
		case "headers":
			for _, h := range f.Value.Fields() {
				q.headers = append(q.headers, field{name: h.Key, values: texts(h.Value)})
			}
		case "body":
			q.body, q.kind = []byte(text(f.Value)), "text/plain; charset=utf-8"
			bodies += " " + f.Key
		case "json":
			q.body, q.kind = f.Value.Bytes(), "application/json"
			bodies += " " + f.Key
		case "body_base64":
			b, err := base64.StdEncoding.Strict().DecodeString(text(f.Value))
			if err != nil {
				return q, refused("invalid_request", "body_base64 is not in base64 (with + and /, padded)")
			}
			q.body, q.kind = b, "application/octet-stream"
			bodies += " " + f.Key
		case "as":
			q.as = text(f.Value)
		case "timeout_ms":
			q.timeout = time.Duration(whole(f.Value)) * time.Millisecond
		case "follow":
			q.follow = string(f.Value.Canonical()) == "true"
		case "any_status":
			q.any = string(f.Value.Canonical()) == "true"
		}
	}
	if strings.Count(bodies, " ") > 1 {
		return q, refused("invalid_request", "a request has one body, this one has several:%s", bodies)
	}
	var err error
	if q.target, err = parseTarget(address); err != nil {
		return q, refused("invalid_url", "the url cannot be used: %v", err)
	}
	if q.target.query = joinQuery(q.target.query, query); len(q.target.String()) > maxURLBytes {
		return q, refused("invalid_url", "url and query have more than %d bytes together", maxURLBytes)
	}
	switch q.method {
	case http.MethodConnect, http.MethodTrace:
		return q, denied("method_not_granted", "the method %s is never sent: it opens a tunnel or gives the host's own headers away", q.method)
	case http.MethodHead:
		if q.body != nil {
			return q, refused("invalid_request", "a HEAD request has no body")
		}
	}
	slices.SortFunc(q.headers, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	if q.headers, err = readHeaders(q.headers); err != nil {
		return q, refused("invalid_header", "%v", err)
	}
	return q, nil
}

// joinQuery adds the members of `query`, sorted by name, to what the URL has.
func joinQuery(have string, members []document.Field) string {
	slices.SortStableFunc(members, func(a, b document.Field) int { return cmp.Compare(a.Key, b.Key) })
	var b strings.Builder
	b.WriteString(have)
	for _, m := range members {
		for _, v := range texts(m.Value) {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(m.Key) + "=" + url.QueryEscape(v))
		}
	}
	return b.String()
}

// texts gives a text, number or truth value, or the elements of a list of them,
// as they are written in a URL.
func texts(d document.Document) []string {
	switch d.Kind() {
	case document.KindArray:
		var all []string
		for _, item := range d.Items() {
			all = append(all, texts(item)...)
		}
		return all
	case document.KindString:
		return []string{text(d)}
	default:
		return []string{d.String()}
	}
}

// safe reports whether a method changes nothing, so that it needs no key.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
