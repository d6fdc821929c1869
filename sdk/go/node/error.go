// Failures: what a handler's error tells the host.

package node

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Error is a failure with a code. The host records Code as the failure's
// reason, on which a graph's edges can select, and tries again when Retryable is
// set and the graph's retry rules allow it. Any other error that a handler
// returns has code "error" and is not tried again.
type Error struct {
	Code      string // short and stable, such as "unknown_sku"
	Message   string // for people
	Retryable bool   // whether the same call may succeed later

	cause error
}

// Errorf returns an [*Error] that is not retryable. Like [fmt.Errorf] it wraps
// the operands of %w.
func Errorf(code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: err}
}

// Retryable returns err marked as worth trying again; code and message stay.
// It returns nil for nil.
func Retryable(err error) error {
	if err == nil {
		return nil
	}
	e := asError(err)
	return &Error{Code: e.Code, Message: e.Message, Retryable: true, cause: err}
}

// Error returns the message, without the code.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what [Errorf] or [Retryable] wrapped.
func (e *Error) Unwrap() error { return e.cause }

// asError says what err is to the host: the code of the [*Error] or
// [*CallError] inside it, with err's own whole message.
func asError(err error) *Error {
	var (
		coded *Error
		call  *CallError
	)
	switch {
	case errors.As(err, &coded):
		return &Error{Code: coded.Code, Message: err.Error(), Retryable: coded.Retryable}
	case errors.As(err, &call):
		code := call.Reason
		if code == "" {
			code = call.Code
		}
		return &Error{Code: code, Message: err.Error(), Retryable: call.Retryable}
	default:
		return &Error{Code: "error", Message: err.Error()}
	}
}

// errorDocument is err as the ABI's error document.
func errorDocument(err error) []byte {
	e := asError(err)
	doc, err := json.Marshal(struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		Retryable bool   `json:"retryable"`
	}{e.Code, e.Message, e.Retryable})
	if err != nil { // strings and a bool always marshal
		panic(err)
	}
	return doc
}
