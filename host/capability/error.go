package capability

import (
	"strings"
	"time"
)

// Error says why a call was not answered, in the terms of the failure table.
type Error struct {
	// Reason is the capability's own code: lower case, stable, such as
	// "http_429" or "host_not_granted". Conditions of a graph select by it.
	Reason  string
	Message string // where, what was found, what was expected, what to do
	// Denied says that the grant does not allow it: capability_denied instead of
	// capability_error; never tried again.
	Denied bool
	// Retryable says that the same call may be answered later.
	Retryable bool
	// RetryAfter is the least time to wait before that; 0: nobody said.
	RetryAfter time.Duration
	// Usage is what the call used up although it was not answered.
	Usage Usage
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Problem is one thing that is wrong with a table of a graph.
type Problem struct {
	Pointer string // RFC 6901, within the table
	Text    string
	Hint    string // what to do; may be empty
}

// Problems are everything that is wrong with a table.
//
//nolint:errname // it is a list to be shown, and an error only on its way there
type Problems []Problem

// Error implements error.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = strings.TrimPrefix(one.Pointer+": "+one.Text, ": ")
	}
	return strings.Join(texts, "; ")
}
