package llm

// This file turns what went wrong into errors of the capability.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/chainrun/chainrun/host/capability"
)

// errCut is a stream that ended before the answer did.
var errCut = &exchangeError{reason: "cut_stream", text: "the stream ended before the answer did", retryable: true}

// streamError is an error that an endpoint wrote into a stream.
func streamError(code int, text string) *exchangeError {
	e := &exchangeError{reason: "stream_error", text: "the endpoint ended the stream with an error", retryable: true}
	if code >= 400 && code <= 599 {
		e.reason = fmt.Sprintf("http_%d", code)
		e.retryable = retryableStatus(code)
	}
	if text != "" {
		e.text += ": " + text
	}
	return e
}

// explain says what an error of a client means.
func explain(err error, stream bool, began bool) *exchangeError {
	var own *exchangeError
	var inStream *ssestream.StreamError
	var message *anthropic.Error
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &inStream):
		return openaiStreamError(inStream.Event.Data)
	case errors.As(err, &message):
		return anthropicStreamError(string(message.Type()), message.RawJSON())
	case errors.Is(err, errTooLarge), errors.Is(err, bufio.ErrTooLong):
		return &exchangeError{reason: "answer_too_large", text: "the answer is larger than it may be"}
	case errors.As(err, &syntax), errors.As(err, &shape), strings.Contains(err.Error(), "parsing response json"):
		return &exchangeError{reason: "invalid_answer", text: "the answer is no JSON of this API: " + clean(err.Error(), maxErrorText), retryable: true}
	case errors.Is(err, context.DeadlineExceeded):
		return &exchangeError{reason: "timeout", text: "there was no answer in time", retryable: true}
	case errors.Is(err, context.Canceled):
		return &exchangeError{reason: "canceled", text: "the call was canceled", retryable: true}
	}
	var network net.Error
	if stream && began && (errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || isReset(err)) {
		return &exchangeError{reason: "cut_stream", text: "the stream broke: " + clean(err.Error(), maxErrorText), retryable: true}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &network) || isReset(err) {
		return &exchangeError{reason: "connection", text: "the connection broke: " + clean(err.Error(), maxErrorText), retryable: true}
	}
	return &exchangeError{reason: "invalid_answer", text: clean(err.Error(), maxErrorText)}
}

// isReset finds what HTTP/2 streams end with, which has no type to ask for.
func isReset(err error) bool {
	text := err.Error()
	return strings.Contains(text, "stream error") || strings.Contains(text, "connection") || strings.Contains(text, "unexpected EOF")
}

// failed is what one endpoint of a call came to.
type failed struct{ *capability.Error }

// together is the error of a call whose endpoints all failed: the first one's,
// with the least time after which any of them may answer.
func together(all []failed, usage capability.Usage) *capability.Error {
	e := *all[0].Error
	e.Usage = usage
	if len(all) == 1 {
		return &e
	}
	texts := make([]string, len(all))
	var least time.Duration
	for i, f := range all {
		texts[i] = fmt.Sprintf("%s (%s)", f.Message, f.Reason)
		if f.Retryable && (i == 0 || f.RetryAfter < least) {
			least = f.RetryAfter
		}
	}
	e.RetryAfter = least
	e.Message = "all endpoints failed: " + strings.Join(texts, "; ")
	return &e
}
