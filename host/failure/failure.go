// Package failure says why an attempt did not succeed.
//
// A [Failure] is a fact: it is recorded in the journal, shown to the operator
// and, along a failure edge, handed to the next node as a document. It is not a
// Go error: an error means that chainrun itself could not do its work.
package failure

import (
	"slices"
	"time"
)

// Code classifies a failure. The set is closed; a node's or a capability's own
// code is the failure's Reason.
type Code string

// The codes of a failed attempt, step or run. Which are tried again by default
// is the [Failure]'s Retryable, set by whoever made it.
const (
	// InvalidInput: the document bound for the node breaks its input schema.
	InvalidInput Code = "invalid_input"
	// InvalidOutput: what the node returned breaks its output schema, is no
	// JSON, or is larger than its cap.
	InvalidOutput Code = "invalid_output"
	// InvalidState: an update breaks its state key's schema.
	InvalidState Code = "invalid_state"
	// ExpressionError: an expression failed, had the wrong type or exceeded
	// its cost.
	ExpressionError Code = "expression_error"
	// Timeout: the attempt ran past its time, or the step past its deadline.
	Timeout Code = "timeout"
	// FuelExhausted: the attempt executed more instructions than its fuel.
	FuelExhausted Code = "fuel_exhausted"
	// MemoryExceeded: the attempt failed after a growth of memory or table was
	// refused by its cap.
	MemoryExceeded Code = "memory_exceeded"
	// Trap: unreachable, out of bounds, call depth, host calls beyond their cap.
	Trap Code = "trap"
	// NodeError: the node said so itself.
	NodeError Code = "node_error"
	// CapabilityDenied: the node asked for what it was not granted.
	CapabilityDenied Code = "capability_denied"
	// CapabilityError: the world refused.
	CapabilityError Code = "capability_error"
	// LoopConflict: a turn took both an edge back and a conditional edge out.
	LoopConflict Code = "loop_conflict"
	// MaxVisits: the node was activated more often than allowed since its
	// innermost loop was entered.
	MaxVisits Code = "max_visits"
	// MaxSteps: the run activated more nodes than allowed.
	MaxSteps Code = "max_steps"
	// Canceled: somebody asked the run to stop.
	Canceled Code = "canceled"
	// Deadline: the run ran past its deadline.
	Deadline Code = "deadline"
	// Budget: the run used up its calls, tokens or cost.
	Budget Code = "budget"
	// Interrupted: the host stopped too often in the middle of one attempt.
	Interrupted Code = "interrupted"
)

// Codes lists every code, in the order of the documentation.
func Codes() []Code { return slices.Clone(codes) }

var codes = []Code{
	InvalidInput, InvalidOutput, InvalidState, ExpressionError, Timeout,
	FuelExhausted, MemoryExceeded, Trap, NodeError, CapabilityDenied,
	CapabilityError, LoopConflict, MaxVisits, MaxSteps, Canceled, Deadline,
	Budget, Interrupted,
}

// Known reports whether c is one of the table's codes.
func (c Code) Known() bool { return slices.Contains(codes, c) }

// Routable reports whether a failure edge may name c. The others stop the run,
// whatever edges there are.
func (c Code) Routable() bool {
	switch c {
	case LoopConflict, MaxSteps, Canceled, Deadline, Budget:
		return false
	case InvalidInput, InvalidOutput, InvalidState, ExpressionError, Timeout,
		FuelExhausted, MemoryExceeded, Trap, NodeError, CapabilityDenied,
		CapabilityError, MaxVisits, Interrupted:
		return true
	}
	return false
}

// Failure is why an attempt, a step or a run did not succeed. Its JSON form is
// the document that a failure edge carries.
type Failure struct {
	Code    Code   `json:"code"`
	Reason  string `json:"reason,omitempty"` // the node's or capability's own code
	Message string `json:"message"`
	Node    string `json:"node,omitempty"`
	Step    string `json:"step,omitempty"`
	Attempt int    `json:"attempt,omitempty"` // from 1; 0 where no attempt was begun
	// Violations say where a document broke its schema. Bounded; sorted by
	// pointer.
	Violations []Violation `json:"violations,omitempty"`
	// Retryable says that another try may end differently. It is the
	// classification of whoever made the failure; the graph's retry rules
	// have the last word.
	Retryable bool `json:"retryable,omitempty"`
	// RetryAfter is the least time to wait before another try; zero where
	// nobody asked for one. JSON: nanoseconds.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

// Violation is one place where a document breaks its schema.
type Violation struct {
	Pointer string `json:"pointer"` // RFC 6901, "" for the whole document
	Keyword string `json:"keyword"` // the schema's rule: "required", "type", …
	Message string `json:"message"` // what was expected
	Found   string `json:"found"`   // what was there, as JSON, cut to a readable length
}
