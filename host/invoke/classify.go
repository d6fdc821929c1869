package invoke

import (
	"fmt"

	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// classify turns the sandbox's reason into the failure table's code. A module
// is a pure function of its input, so that only what depends on the world or on
// the clock may end differently when it is tried again. asked is the failure of
// the attempt's last call, where it failed: a node that gives up for it has
// failed as the call did, with its reason and its time to wait.
func classify(s *sandbox.Stop, outputBytes int, asked *failure.Failure) *failure.Failure {
	f := &failure.Failure{Message: s.Message}
	switch s.Reason {
	case sandbox.NodeError:
		f.Code, f.Reason, f.Retryable = failure.NodeError, s.Code, s.Retryable
		if asked != nil && (s.Code == string(asked.Code) || s.Code == asked.Reason && s.Code != "") {
			f.Code, f.Reason = asked.Code, asked.Reason
			f.Retryable, f.RetryAfter = asked.Retryable, asked.RetryAfter
		}
	case sandbox.FuelExhausted:
		f.Code = failure.FuelExhausted
	case sandbox.MemoryExceeded:
		f.Code = failure.MemoryExceeded
	case sandbox.TimedOut:
		f.Code, f.Retryable = failure.Timeout, true
	case sandbox.Canceled:
		f.Code = failure.Canceled
	case sandbox.Trap:
		f.Code = failure.Trap
	case sandbox.OutputTooLarge:
		f.Code = failure.InvalidOutput
		f.Message = fmt.Sprintf("the node's output is larger than %d bytes", outputBytes)
		f.Violations = []failure.Violation{{
			Keyword: "size", Message: fmt.Sprintf("expected at most %d bytes", outputBytes), Found: "more",
		}}
	default:
		f.Code = failure.Trap
	}
	if f.Message == "" {
		f.Message = string(f.Code)
	}
	return f
}
