package invoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// checkInput holds the document that goes in against every schema of the wire.
func (v *Invoker) checkInput(ctx context.Context, n *plan.Node, d document.Document) *failure.Failure {
	if d.IsZero() {
		return &failure.Failure{Code: failure.InvalidInput, Message: "there is no document for the node"}
	}
	if limit := v.documentLimits().Bytes; len(d.Bytes()) > limit {
		return &failure.Failure{
			Code:    failure.InvalidInput,
			Message: fmt.Sprintf("the document bound for the node has %d bytes; at most %d are allowed", len(d.Bytes()), limit),
		}
	}
	found, err := validate(ctx, n.InSchemas, d)
	if err != nil {
		return canceled("while the document was checked", err)
	}
	if found != nil {
		return &failure.Failure{
			Code: failure.InvalidInput, Violations: found,
			Message: "the document bound for the node breaks its input schema: " + failure.Summary(found),
		}
	}
	return nil
}

// conclude says what came of a call that the sandbox has ended.
func (v *Invoker) conclude(ctx context.Context, n *plan.Node, r Request, result sandbox.Result, asks *calls) event.Outcome {
	redact := r.Scope.Redact
	if result.Stop != nil {
		f := classify(result.Stop, v.documentLimits().Bytes, asks.last)
		f.Retryable = f.Retryable || answersDiffer(n, f)
		return outcome(r, redact.Failure(f))
	}
	d, f := v.decode(n, result.Output)
	if f != nil {
		f.Retryable = answersDiffer(n, f)
		return outcome(r, redact.Failure(f))
	}
	returned := d
	if d = redact.Document(d); len(d.Bytes()) > v.documentLimits().Bytes {
		return outcome(r, &failure.Failure{
			Code:    failure.InvalidOutput,
			Message: fmt.Sprintf("the node's output is larger than %d bytes when the secrets are taken out of it", v.documentLimits().Bytes),
		})
	}
	asks.hidden = redact != nil && !bytes.Equal(d.Bytes(), returned.Bytes())
	found, err := validate(ctx, n.OutSchemas, d)
	if err != nil {
		return outcome(r, canceled("while the document was checked", err))
	}
	if found != nil {
		f := &failure.Failure{
			Code: failure.InvalidOutput, Violations: found,
			Message: "the node's output breaks its schema: " + failure.Summary(found),
		}
		f.Retryable = answersDiffer(n, f)
		o := outcome(r, redact.Failure(f))
		o.Output = d
		return o
	}
	return event.Outcome{Attempt: r.Attempt, Output: d, Stored: asks.stored()}
}

// answersDiffer reports whether another attempt, with feedback, may end otherwise:
// a node without capabilities would return the same again.
func answersDiffer(n *plan.Node, f *failure.Failure) bool {
	return f.Code == failure.InvalidOutput && len(n.Granted) > 0
}

// decode makes a document of the bytes that a node returned.
func (v *Invoker) decode(n *plan.Node, output []byte) (document.Document, *failure.Failure) {
	if n.Encoding == graph.EncodingText {
		return v.decodeText(output)
	}
	d, err := document.Parse(output, v.documentLimits())
	if err == nil {
		return d, nil
	}
	f := &failure.Failure{Code: failure.InvalidOutput, Message: "the node's output is no JSON document: " + err.Error()}
	found := ""
	if syntax, ok := errors.AsType[*document.SyntaxError](err); ok {
		found = excerpt(output, syntax.Offset)
	}
	if len(output) == 0 {
		f.Message = "the node's output is empty; expected one JSON document"
	}
	// The violation is what a corrective attempt gets as feedback.
	f.Violations = []failure.Violation{{Keyword: "json", Message: err.Error(), Found: found}}
	return document.Document{}, f
}

// decodeText makes a string of them.
func (v *Invoker) decodeText(output []byte) (document.Document, *failure.Failure) {
	if !utf8.Valid(output) {
		at := invalidUTF8(output)
		return document.Document{}, &failure.Failure{
			Code:    failure.InvalidOutput,
			Message: fmt.Sprintf(`the node's output is no UTF-8 from byte %d on, and encoding = "text" takes nothing else`, at),
			Violations: []failure.Violation{{
				Keyword: "utf8", Message: fmt.Sprintf("expected UTF-8 at byte %d", at), Found: excerpt(output, at),
			}},
		}
	}
	d := document.String(string(output))
	if limit := v.documentLimits().Bytes; len(d.Bytes()) > limit {
		return document.Document{}, &failure.Failure{
			Code:    failure.InvalidOutput,
			Message: fmt.Sprintf("the node's output of %d bytes is a JSON string of %d; at most %d are allowed", len(output), len(d.Bytes()), limit),
			Violations: []failure.Violation{{
				Keyword: "size", Message: fmt.Sprintf("expected at most %d bytes as a JSON string", limit), Found: fmt.Sprintf("%d bytes", len(d.Bytes())),
			}},
		}
	}
	return d, nil
}

// invalidUTF8 finds the first byte that is no UTF-8, the length where all are.
func invalidUTF8(b []byte) int {
	for at := 0; at < len(b); {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
	return len(b)
}

// validate collects the violations of all schemas; all given ones must hold.
func validate(ctx context.Context, schemas []*schema.Schema, d document.Document) ([]failure.Violation, error) {
	var found []failure.Violation
	for _, s := range schemas {
		more, err := s.ValidateContext(ctx, d)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// canceled is the failure of an attempt that was ended outside of the sandbox.
func canceled(when string, cause error) *failure.Failure {
	return &failure.Failure{Code: failure.Canceled, Message: "ended " + when + ": " + cause.Error()}
}

// feedbackDocument is what the next attempt reads: why the last was refused.
func feedbackDocument(vs []failure.Violation) (document.Document, error) {
	items := make([]any, len(vs))
	for i, v := range vs {
		items[i] = map[string]any{
			"pointer": v.Pointer, "keyword": v.Keyword, "message": v.Message, "found": v.Found,
		}
	}
	d, err := document.FromValue(items)
	if err != nil {
		return d, fmt.Errorf("writing the feedback: %w", err)
	}
	return d, nil
}

func textOf(d document.Document) (string, bool) {
	v, err := d.Value()
	if err != nil {
		return "", false
	}
	s, ok := v.(string)
	return s, ok
}

const excerptBytes = 80

func clip(d document.Document) string { return excerpt(d.Bytes(), 0) }

// excerpt gives the readable neighbourhood of a byte, as valid UTF-8.
func excerpt(b []byte, at int) string {
	at = max(0, min(at, len(b)))
	from, to := max(0, at-excerptBytes/2), min(len(b), at+excerptBytes)
	s := make([]rune, 0, to-from)
	for _, r := range string(b[from:to]) {
		if r == utf8.RuneError || r < ' ' {
			r = '·'
		}
		s = append(s, r)
	}
	return string(s)
}
