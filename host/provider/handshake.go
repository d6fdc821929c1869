package provider

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// startError says why there is no process, to a call and to a graph's author.
type startError struct {
	cause   *capability.Error
	pointer string // what in [capabilities.NAME] it is about
	hint    string
}

func (e *startError) Error() string { return e.cause.Message }
func (e *startError) Unwrap() error { return e.cause }

// after is the same error, with the time until which nobody tries again.
func (e *startError) after(wait time.Duration) error {
	cause := *e.cause
	if cause.Retryable {
		cause.RetryAfter = max(cause.RetryAfter, wait)
	}
	return &startError{cause: &cause, pointer: e.pointer, hint: e.hint}
}

// notStarted says why go-plugin got no connection. Its own errors are texts, so
// what the provider wrote is looked at again.
func (p *process) notStarted(err error) error {
	e := &startError{
		cause:   &capability.Error{Reason: "provider_unavailable", Retryable: true},
		pointer: "/provider",
	}
	line, said := p.run.hello.line()
	parts := strings.Split(line, "|")
	var what string
	switch {
	case p.stopped.Err() != nil:
		return errClosed
	case p.run.failed() != nil:
		what = fmt.Sprintf("could not be started: %v", p.run.failed())
		e.hint = "it must be a program that this user may execute here"
	case !said && p.run.timedOut(p.bounds.start):
		what = fmt.Sprintf("did not say hello within %v", p.bounds.start)
		e.hint = "a provider writes go-plugin's handshake as the first line of its standard output, see docs/providers.md"
	case !said:
		what = "ended before it said hello: " + p.run.death()
	case len(parts) < 5 || parts[0] != "1":
		what = fmt.Sprintf("is no provider: it began with %.100q instead of go-plugin's handshake", printable(line, 100))
		e.cause.Retryable = false
		e.hint = "see docs/providers.md"
	case parts[1] != strconv.Itoa(protocol.Version):
		what = fmt.Sprintf("speaks version %.20q of the protocol, this chainrun speaks %d", printable(parts[1], 20), protocol.Version)
		e.cause.Reason, e.cause.Retryable = "provider_version", false
		e.hint = "use a provider made for this version of chainrun"
	default:
		what = "could not be connected: " + printable(err.Error(), maxMessage)
	}
	e.cause.Message = fmt.Sprintf("provider %q %s%s", p.name, what, p.output.last())
	return e
}

// notDescribed says why a provider that said hello did not describe itself.
func (p *process) notDescribed(err error) error {
	if p.stopped.Err() != nil {
		return errClosed
	}
	what := "could not be asked what it offers: " + printable(status.Convert(err).Message(), maxMessage)
	retryable := true
	switch status.Code(err) {
	case codes.DeadlineExceeded:
		what = fmt.Sprintf("did not say within %v what it offers", p.bounds.start)
	case codes.Unavailable:
		p.run.wait(p.bounds.grace / 4)
		if p.gone() {
			what = "ended when it was asked what it offers: " + p.run.death()
		}
	case codes.Unimplemented:
		what, retryable = "does not speak chainrun.provider.v1", false
	default: // what it says itself
	}
	return &startError{
		pointer: "/provider", hint: "see docs/providers.md",
		cause: &capability.Error{
			Reason: "provider_unavailable", Retryable: retryable,
			Message: fmt.Sprintf("provider %q %s%s", p.name, what, p.output.last()),
		},
	}
}
