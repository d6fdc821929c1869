package fetch

// Why a call was not answered, in the words of package capability.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/chainrun/chainrun/host/capability"
)

// maxRetryAfter bounds what a server can ask for: a graph's retry rules have
// their own bound, but nobody waits for a server that says next year.
const maxRetryAfter = time.Hour

func denied(reason, format string, args ...any) *capability.Error {
	return &capability.Error{Reason: reason, Message: fmt.Sprintf(format, args...), Denied: true}
}

func refused(reason, format string, args ...any) *capability.Error {
	return &capability.Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func later(reason, format string, args ...any) *capability.Error {
	return &capability.Error{Reason: reason, Message: fmt.Sprintf(format, args...), Retryable: true}
}

// errTimeout is the cause with which a call's own time ends.
var errTimeout = errors.New("the time of the call is over")

// explain says what became of a request that was not answered. what is the
// request, for people.
func explain(ctx context.Context, what string, err error) error {
	if e, ok := errors.AsType[*capability.Error](err); ok {
		return e
	}
	if ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), errTimeout) {
			return later("timeout", "%s: no answer in time", what)
		}
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	detail := shorten(oneLine(err.Error()), 300)
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		authority   x509.UnknownAuthorityError
		connect     *connectError
		timeout     net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return refused("host_not_found", "%s: there is no such host", what)
	case errors.As(err, &dns):
		return later("host_not_resolved", "%s: the host's address could not be found: %s", what, detail)
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &authority):
		return refused("tls_failed", "%s: no secure connection: %s", what, detail)
	case errors.As(err, &connect):
		return later("connection_failed", "%s: no connection: %s", what, detail)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe),
		strings.Contains(err.Error(), closedIdle):
		return later("connection_cut", "%s: the connection broke off: %s", what, detail)
	case errors.As(err, &timeout) && timeout.Timeout():
		return later("timeout", "%s: no answer in time: %s", what, detail)
	}
	return refused("not_http", "%s: what came back is not an answer of HTTP: %s", what, detail)
}

// passing are the statuses that say: later, perhaps.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// statusError is the error that a passing status is.
func statusError(what string, a *http.Response, excerpt string, now time.Time) error {
	e := later("http_"+strconv.Itoa(a.StatusCode), "%s: the server said %d %s", what, a.StatusCode, http.StatusText(a.StatusCode))
	if excerpt != "" {
		e.Message += ": " + excerpt
	}
	e.RetryAfter = retryAfter(a.Header.Get("Retry-After"), now)
	return e
}

// retryAfter reads seconds or a date; 0 where it is neither, or past.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	var wait time.Duration
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// oneLine is a text without line breaks and what terminals act upon.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return r <= ' ' || r >= 0x7f && r < 0xa0
	}), " ")
}

// excerpt is the beginning of a text, on one line. It is cut between words only:
// the host takes secrets out where it finds them whole, and would not know a
// half. For the same reason the values that the host itself sent are named, not
// shown.
func excerpt(body string, sent []field, most int) string {
	for _, f := range sent {
		for _, v := range f.values {
			for _, secret := range append([]string{v}, strings.Fields(v)...) {
				if len(secret) >= 8 {
					body = strings.ReplaceAll(body, secret, "["+f.name+"]")
				}
			}
		}
	}
	s := oneLine(body)
	if len(s) <= most {
		return s
	}
	end := strings.LastIndexByte(s[:most+1], ' ')
	if end < 0 {
		return "" // one long word
	}
	return s[:end] + " …"
}

// closedIdle is how net/http words, in an error that it does not export, that the
// server hung up before it was asked.
const closedIdle = "http: server closed idle connection"
