package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"google.golang.org/grpc"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

const (
	maxMessage    = 4 << 10        // bytes of a failure's message
	maxRetryAfter = 24 * time.Hour // nobody waits longer
	ending        = time.Second    // from the answer to the end of the stream
)

var reason = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// read takes a call's events off the stream. An error that is no
// *capability.Error is the connection's.
func (p *process) read(stream grpc.ServerStreamingClient[protocol.CallEvent], cancel context.CancelFunc, partial func(document.Document)) (capability.Answer, error) {
	var partials, partialBytes int
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return capability.Answer{}, p.invalid("it ended the call without an answer")
		}
		if err != nil {
			return capability.Answer{}, err
		}
		switch e := event.GetEvent().(type) {
		case *protocol.CallEvent_Partial:
			partials++
			partialBytes += len(e.Partial)
			if partials > p.bounds.partials || partialBytes > p.bounds.partialBytes {
				return capability.Answer{}, p.flood("it sent more than %d partials or %d bytes of them", p.bounds.partials, p.bounds.partialBytes)
			}
			d, err := document.Parse(e.Partial, document.Limits{})
			if err != nil {
				return capability.Answer{}, p.invalid("a partial: %v", err)
			}
			partial(d)
		case *protocol.CallEvent_Answer:
			a, err := p.answer(e.Answer)
			if err == nil {
				err = p.nothingMore(stream, cancel)
			}
			return a, err
		case *protocol.CallEvent_Failure:
			return capability.Answer{}, p.failure(e.Failure)
		default:
			return capability.Answer{}, p.invalid("an event that is neither partial, answer nor failure")
		}
	}
}

// nothingMore waits for the end of the stream, which comes with the answer. An
// answer that came whole stands, whatever happens to the connection behind it.
func (p *process) nothingMore(stream grpc.ServerStreamingClient[protocol.CallEvent], cancel context.CancelFunc) error {
	defer time.AfterFunc(ending, cancel).Stop()
	if _, err := stream.Recv(); err == nil {
		return p.invalid("it went on after its answer")
	}
	return nil
}

func (p *process) answer(a *protocol.Answer) (capability.Answer, error) {
	used, ok := usage(a.GetUsage())
	if !ok {
		return capability.Answer{}, p.invalid("its usage is negative")
	}
	out := capability.Answer{Usage: used}
	if a.Document != nil {
		d, err := document.Parse(a.Document, document.Limits{})
		if errors.Is(err, document.ErrTooLarge) {
			return capability.Answer{}, p.flood("its answer is larger than %d bytes", document.DefaultBytes)
		}
		if err != nil {
			return capability.Answer{}, p.invalid("its answer: %v", err)
		}
		out.Document = d
	}
	return out, nil
}

// failure gives what the provider says itself.
func (p *process) failure(f *protocol.Failure) error {
	used, ok := usage(f.GetUsage())
	if !ok {
		return p.invalid("the usage of its failure is negative")
	}
	message := printable(f.GetMessage(), maxMessage)
	if message == "" {
		message = "the provider gave no message"
	}
	message = fmt.Sprintf("provider %q: %s", p.name, message)
	if f.GetReason() == "" && !f.GetDenied() && !f.GetRetryable() && used == (capability.Usage{}) {
		return errors.New(message)
	}
	e := &capability.Error{Reason: f.GetReason(), Message: message, Denied: f.GetDenied(), Usage: used}
	if f.GetRetryable() && !e.Denied { // what is denied is not tried again
		e.Retryable, e.RetryAfter = true, retryAfter(f.GetRetryAfterMs())
	}
	if e.Reason == "" {
		e.Reason = "provider_error"
	}
	if !reason.MatchString(e.Reason) {
		return p.invalid("the reason %.80q of its failure is not a letter of a-z and up to 63 more of a-z, 0-9 and _", e.Reason)
	}
	return e
}

func retryAfter(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), maxRetryAfter.Milliseconds())) * time.Millisecond
}

func usage(u *protocol.Usage) (capability.Usage, bool) {
	out := capability.Usage{InputTokens: u.GetInputTokens(), OutputTokens: u.GetOutputTokens(), Cost: u.GetCost()}
	return out, out.InputTokens >= 0 && out.OutputTokens >= 0 && out.Cost >= 0
}

func (p *process) invalid(format string, args ...any) *capability.Error {
	return p.wrong("provider_invalid_answer", format, args...)
}

func (p *process) flood(format string, args ...any) *capability.Error {
	return p.wrong("provider_flood", format, args...)
}

func (p *process) wrong(reason, format string, args ...any) *capability.Error {
	return &capability.Error{Reason: reason, Message: fmt.Sprintf("provider %q: ", p.name) + fmt.Sprintf(format, args...)}
}
