package llm

// This file is one HTTP exchange: what the clients are given in place of an
// http.Client. It looks at the answer's head before they do.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxHeaderBytes = 64 << 10
	maxErrorBytes  = 64 << 10
	maxErrorText   = 500
	// maxRetryAfter bounds what a server may ask for.
	maxRetryAfter = 7 * 24 * time.Hour
)

// pool is what all graphs of a host have in common.
type pool struct {
	client *http.Client
	lanes  lanes
}

func newPool(transport http.RoundTripper) *pool {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: maxHeaderBytes,
		}
	}
	return &pool{client: &http.Client{
		Transport: transport,
		// A key must not follow a redirect to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (p *pool) close() { p.client.CloseIdleConnections() }

// exchangeError says what went wrong between here and an endpoint.
type exchangeError struct {
	reason     string
	text       string
	retryable  bool
	retryAfter time.Duration
	err        error // beneath it; may be nil
}

func (e *exchangeError) Error() string { return e.text }
func (e *exchangeError) Unwrap() error { return e.err }

// exchange carries one request. Its Do is called once.
type exchange struct {
	client *http.Client
	stream bool
	limit  int64 // bytes of the answer that is wanted
	key    string
	hide   []string
	body   *boundedBody
}

// vary makes the idempotency key that of a request which depends on more than
// the call: services that honour keys refuse one that comes with other contents.
func (x *exchange) vary(by string) {
	sum := sha256.Sum256([]byte(x.key + " " + by))
	x.key = hex.EncodeToString(sum[:])
}

// Do implements the HTTPClient of both clients.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	resp, err := x.client.Do(req) //nolint:gosec // the address is the operator's or the graph's author's; nodes have no say in it
	if err != nil {
		return nil, connectionError(req.URL.Host, err)
	}
	if err := x.head(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	// JSON writes a byte as up to six, a stream wraps every token in an event.
	x.body = &boundedBody{rc: resp.Body, total: 6*x.limit + 1<<20}
	if x.stream {
		x.body.total = 64*x.limit + 16<<20
		x.body.event = 6*x.limit + 1<<20
	}
	resp.Body = x.body
	return resp, nil
}

func (x *exchange) head(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 400:
		return x.statusError(resp)
	case resp.StatusCode >= 300:
		return &exchangeError{
			reason: "redirect",
			text:   fmt.Sprintf("HTTP %d: the endpoint redirects; a key follows no redirect: write the address that it redirects to as `base_url`", resp.StatusCode),
		}
	case resp.StatusCode != http.StatusOK:
		return &exchangeError{reason: "invalid_answer", text: fmt.Sprintf("HTTP %d is no answer to this request", resp.StatusCode), retryable: true}
	}
	written := resp.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(written)
	isJSON := media == "application/json" || strings.HasSuffix(media, "+json")
	isStream := media == "text/event-stream"
	switch {
	case written == "":
		resp.Header.Set("Content-Type", "application/json") // the client wants one
	case x.stream && isJSON:
		return &exchangeError{reason: "invalid_answer", text: "the endpoint does not stream: it answered with " + media + "; write `stream = false`"}
	case err != nil, x.stream && !isStream, !x.stream && !isJSON:
		return &exchangeError{reason: "invalid_answer", text: fmt.Sprintf("the endpoint answered with %q instead of JSON; is `base_url` right?", clean(written, 100)), retryable: true}
	}
	return nil
}

// statusError reads an error's body as far as it is bounded.
func (x *exchange) statusError(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // what could be read is enough
	if len(body) == maxErrorBytes {
		body = body[:bytes.LastIndexByte(body, ' ')+1] // no half of a key
	}
	for _, s := range x.hide {
		// Servers like to repeat keys. The host would find it, but not the half
		// that the bound below may leave.
		body = bytes.ReplaceAll(body, []byte(s), []byte("[key]"))
	}
	e := &exchangeError{
		reason:     fmt.Sprintf("http_%d", resp.StatusCode),
		text:       fmt.Sprintf("HTTP %d", resp.StatusCode),
		retryable:  retryableStatus(resp.StatusCode),
		retryAfter: retryAfter(resp.Header, time.Now()),
	}
	if t := http.StatusText(resp.StatusCode); t != "" {
		e.text += " " + t
	}
	if said := errorText(body); said != "" {
		e.text += ": " + said
	}
	switch resp.Header.Get("X-Should-Retry") { // both APIs say it where the status does not
	case "true":
		e.retryable = true
	case "false":
		e.retryable = false
	}
	if !e.retryable {
		e.retryAfter = 0
	}
	if e.retryAfter > 0 {
		e.text += fmt.Sprintf("; it asks to wait %s", e.retryAfter)
	}
	return e
}

func retryableStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented: // as of a model server without embeddings
		return false
	}
	return code >= 500
}

// retryAfter reads how long a server asks to wait: milliseconds, seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	bounded := func(d time.Duration) time.Duration { return min(max(d, 0), maxRetryAfter) }
	number := func(text string, unit time.Duration) (time.Duration, bool) {
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		switch {
		case err != nil || f != f || f < 0:
			return 0, false
		case f > float64(maxRetryAfter/unit):
			return maxRetryAfter, true
		}
		return time.Duration(f * float64(unit)), true
	}
	if d, ok := number(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return bounded(d)
	}
	text := h.Get("Retry-After")
	if d, ok := number(text, time.Second); ok {
		return bounded(d)
	}
	if date, err := http.ParseTime(text); err == nil {
		return bounded(date.Sub(now))
	}
	return 0
}

// errorText finds what a server says of an error in its body.
func errorText(body []byte) string {
	var said struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  string          `json:"detail"`
	}
	if json.Unmarshal(body, &said) != nil {
		return clean(string(body), maxErrorText)
	}
	var inner struct {
		Message string `json:"message"`
	}
	var text string
	switch {
	case json.Unmarshal(said.Error, &inner) == nil && inner.Message != "":
		return clean(inner.Message, maxErrorText)
	case json.Unmarshal(said.Error, &text) == nil && text != "":
		return clean(text, maxErrorText)
	case said.Message != "":
		return clean(said.Message, maxErrorText)
	case said.Detail != "":
		return clean(said.Detail, maxErrorText)
	}
	return clean(string(body), maxErrorText)
}

// clean makes one bounded line of a foreign text.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.TrimSpace(text)
	if len(text) <= limit {
		return text
	}
	// Words stay whole: half a secret is not found by whoever takes secrets out.
	return text[:strings.LastIndexByte(text[:limit], ' ')+1] + "…"
}

// connectionError says why there was no answer at all. The address is left out but
// for the host: secrets may stand in paths.
func connectionError(host string, err error) error {
	cause := err
	for {
		inner := errors.Unwrap(cause)
		if inner == nil {
			break
		}
		cause = inner
	}
	e := &exchangeError{reason: "connection", text: fmt.Sprintf("no connection to %s: %s", clean(host, 200), clean(cause.Error(), maxErrorText)), retryable: true, err: err}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e.retryable = false // it will be the same in a minute
	}
	if n := net.Error(nil); errors.As(err, &n) && n.Timeout() {
		e.reason = "timeout"
	}
	if errors.Is(err, context.Canceled) {
		e.reason = "canceled"
	}
	return e
}
