package sandbox

// What goes into an attempt and what comes out of it.

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// ErrNoEntry is returned for a [Call] whose entry the module does not have.
var ErrNoEntry = errors.New("no such entry")

// A Call is one attempt. Its byte slices are read only, and not after
// [Program.Call] has returned.
type Call struct {
	// Entry is the entry to call, one of the module's Entries; "" is the
	// only one of a command and the main one of a reactor. An Extism
	// plug-in has none by that name, but its functions.
	Entry string
	// Input is the input document, Config and Feedback what the node can ask
	// for. Empty means none. The sandbox does not look into them.
	Input, Config, Feedback []byte
	// Limits bound the attempt; the zero value means the defaults.
	Limits Limits
	// Time is where the guest's clock starts. The zero Time means 1970.
	Time time.Time
	// Seed is what all the guest's randomness comes from.
	Seed [32]byte
	// Host answers capability calls, one at a time, in the guest's order. Its
	// context ends with the attempt (cause: the timeout or the caller's). An
	// error ends the attempt and is returned by Program.Call; a refusal that
	// the guest should see is a [HostAnswer] with a Failure. nil: every
	// capability is denied.
	Host func(ctx context.Context, c HostCall) (HostAnswer, error)
	// Log receives what the guest logs, in order, on the goroutine of the
	// call. nil: dropped.
	Log func(LogRecord)
}

// A HostCall is a guest's question to a capability. Payload is a copy that
// Host may keep; it has not been checked to be JSON.
type HostCall struct {
	Capability, Method string
	Payload            []byte // empty: none
}

// A HostAnswer is the answer to a [HostCall]: a result document, or a failure
// that the guest sees and may handle.
type HostAnswer struct {
	Result  []byte
	Failure *HostFailure // nil: success
}

// A HostFailure is a failed capability call as the guest sees it. Code is one
// of the failure table's codes, Reason the capability's own.
type HostFailure struct {
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

// A LogRecord is one line of a guest's log.
type LogRecord struct {
	Level   string // debug, info, warn or error; a line of stderr is info
	Message string
	Attrs   json.RawMessage // a JSON object; nil when there are none
}

// A Result is what an attempt came to.
type Result struct {
	// Output is the output document; nil when Stop is set. Nobody else holds
	// these bytes. They have not been checked to be JSON.
	Output []byte
	// Stop says why there is no output; nil on success.
	Stop *Stop
	// Fuel is what the attempt executed: exact when it ended by returning, by
	// proc_exit, by its fuel, by its time or in a host call; after a trap it
	// may lack the instructions since the last call or loop turn.
	Fuel uint64
	// PeakMemoryBytes is the size of the linear memory at the end, with what an
	// Extism plug-in shares with its host.
	PeakMemoryBytes uint64
	// LogTruncated is set when the log was cut at its cap.
	LogTruncated bool
}

// StopReason classifies why an attempt has no output. The set is closed.
type StopReason string

// The reasons. Their values are the codes of the failure table, except
// OutputTooLarge (there: invalid_output) and BadOutput (there: trap).
const (
	// NodeError: the node said so itself; Code and Retryable are its own.
	NodeError StopReason = "node_error"
	// FuelExhausted: it executed more instructions than Limits.Fuel.
	FuelExhausted StopReason = "fuel_exhausted"
	// MemoryExceeded: it failed, in whatever way, after a growth of memory or
	// a table was refused by its cap, or it needs more than the cap to start.
	MemoryExceeded StopReason = "memory_exceeded"
	// TimedOut: it ran past Limits.Timeout.
	TimedOut StopReason = "timeout"
	// Canceled: the caller's context ended.
	Canceled StopReason = "canceled"
	// Trap: it did something that WebAssembly or the sandbox forbids.
	Trap StopReason = "trap"
	// OutputTooLarge: its output is larger than Limits.OutputBytes.
	OutputTooLarge StopReason = "output_too_large"
	// BadOutput: it broke the ABI: a result outside its memory, an allocator
	// that answers with an address outside memory.
	BadOutput StopReason = "bad_output"
)

// A Stop says why an attempt has no output, in words for people.
type Stop struct {
	Reason    StopReason
	Code      string // the node's own code, "exit_N" for a command's exit code; mostly empty
	Message   string
	Retryable bool // only ever set by the node itself
}
