package invoke

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// messageBytes bounds what a capability may say about an error.
const messageBytes = 16 << 10

// denied refuses a call that the grant does not allow.
func denied(reason, format string, args ...any) *failure.Failure {
	return &failure.Failure{Code: failure.CapabilityDenied, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// unanswered is a call that was wrong, or answered wrongly.
func unanswered(reason string, found []failure.Violation, format string, args ...any) *failure.Failure {
	return &failure.Failure{
		Code: failure.CapabilityError, Reason: reason, Message: fmt.Sprintf(format, args...), Violations: found,
	}
}

// classifyCall is the failure that a capability's error stands for.
func classifyCall(err error) *failure.Failure {
	e, ok := errors.AsType[*capability.Error](err)
	if !ok {
		e = &capability.Error{Message: err.Error()}
	}
	f := &failure.Failure{
		Code: failure.CapabilityError, Reason: readable(e.Reason, 128), Message: readable(e.Message, messageBytes),
		Retryable: e.Retryable, RetryAfter: max(e.RetryAfter, 0),
	}
	if e.Denied {
		f.Code, f.Retryable, f.RetryAfter = failure.CapabilityDenied, false, 0
	}
	if f.Message == "" {
		f.Message = "the capability gave no reason"
	}
	return f
}

// readable is text that a stranger worded, fit for a journal.
func readable(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// printable is a name that a guest made up. The sandbox has bounded it.
func printable(name string) string { return readable(name, 256) }

func methodNames(o *capability.Offer) string {
	names := make([]string, len(o.Description.Methods))
	for i, m := range o.Description.Methods {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}

// left is what a grant's limits leave for a call.
func left(l graph.Limits, used event.Usage) capability.Left {
	rest := func(limit, used int64) int64 {
		if limit <= 0 {
			return capability.Unlimited
		}
		return max(limit-used, 0)
	}
	return capability.Left{
		Bytes:  rest(l.Bytes, used.Bytes),
		Tokens: rest(l.Tokens, used.Tokens()),
		Cost:   rest(l.Cost, used.Cost),
	}
}
