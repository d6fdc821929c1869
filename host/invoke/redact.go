package invoke

// Secrets are taken out of whatever leaves the attempt.

import (
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// redacted takes the secrets out of what is recorded and shown. What stands for a
// secret may be longer than it, so that a document may have grown beyond its cap.
func (c *calls) redacted(fact event.CapabilityAnswered) event.CapabilityAnswered {
	r, most := c.r.Scope.Redact, c.v.documentLimits().Bytes
	if r == nil {
		return fact
	}
	fact.Request, fact.Answer = r.Document(fact.Request), r.Document(fact.Answer)
	if len(fact.Request.Bytes()) > most {
		fact.Request = document.String("a request that is too large when the secrets are taken out of it")
	}
	if n := len(fact.Answer.Bytes()); n > most {
		fact.Answer = document.Document{}
		fact.Failure = unanswered(reasonTooLarge, nil, "the answer of %s.%s has %d bytes when the secrets are taken out of it; at most %d are allowed",
			fact.Capability, fact.Method, n, most)
	}
	if fact.Failure = r.Failure(fact.Failure); fact.Failure != nil {
		fact.Failure.Message = readable(fact.Failure.Message, messageBytes)
	}
	return fact
}

// partial shows the parts of an answer. A secret may be cut over the texts of
// several parts: what may be the beginning of one is held back until flush.
func (c *calls) partial(fact event.CapabilityAnswered) (show func(document.Document), flush func()) {
	redact := c.r.Scope.Redact
	stream := redact.Stream()
	send := func(d document.Document) {
		c.r.Calls.Partial(event.Partial{
			Run: c.r.Scope.Run, Attempt: fact.Attempt, Ordinal: fact.Ordinal,
			Capability: fact.Capability, Method: fact.Method, Document: d,
		})
	}
	return func(d document.Document) { send(redactPartial(redact, stream, d)) }, func() {
		if rest := stream.Flush(); rest != "" {
			send(document.Object(document.Field{Key: "text", Value: document.String(rest)}))
		}
	}
}

// redactPartial redacts a part by itself, but for what is a text, or has one as
// its member text: that goes on from part to part.
func redactPartial(redact *secret.Redactor, stream *secret.Stream, d document.Document) document.Document {
	if redact == nil {
		return d
	}
	if text, ok := textOf(d); ok {
		return document.String(stream.Write(text))
	}
	if d.Kind() != document.KindObject {
		return redact.Document(d)
	}
	fields := d.Fields()
	for i, f := range fields {
		if text, ok := textOf(f.Value); ok && f.Key == "text" {
			fields[i].Value = document.String(stream.Write(text))
			continue
		}
		one := redact.Document(document.Object(f)).Fields()[0]
		fields[i] = one
	}
	return document.Object(fields...)
}

// redactLog takes the secrets out of what a node logs.
func redactLog(redact *secret.Redactor, l sandbox.LogRecord) sandbox.LogRecord {
	if redact == nil {
		return l
	}
	l.Message = redact.Text(l.Message)
	if len(l.Attrs) > 0 {
		d, err := document.Parse(l.Attrs, document.Limits{})
		if err != nil {
			l.Attrs = nil // what cannot be looked through is not shown
			return l
		}
		l.Attrs = redact.Document(d).Bytes()
	}
	return l
}

// redactError takes the secrets out of the text of an error: a capability that
// panics may say anything.
func redactError(redact *secret.Redactor, err error) error {
	text := err.Error()
	if clean := redact.Text(text); clean != text {
		return &redactedError{clean, err}
	}
	return err
}

// redactedError is an error in other words.
type redactedError struct {
	text string
	err  error
}

// Error implements error.
func (e *redactedError) Error() string { return e.text }

// Unwrap gives the error with its own words.
func (e *redactedError) Unwrap() error { return e.err }
