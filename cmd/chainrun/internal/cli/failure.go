package cli

import (
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/failure"
)

// explainFailure says where a run failed, why, what was found, and what to do.
func (a *app) explainFailure(graph string, r *host.Run, f *failure.Failure) {
	a.explainFailed(graph, string(r.Status()), f)
}

// explainFailed is explainFailure of a run that ended with a status, or of an attempt
// without a run.
func (a *app) explainFailed(graph, status string, f *failure.Failure) {
	where := "the run " + status
	if f.Step != "" {
		where = fmt.Sprintf("step %q failed", f.Step)
		if f.Node != f.Step {
			where = fmt.Sprintf("step %q of node %q failed", f.Step, f.Node)
		}
		if f.Attempt > 0 {
			where += fmt.Sprintf(" in attempt %d", f.Attempt)
		}
	}
	why := f.String()
	if f.Step == "" && f.Code == failure.Canceled { // or it would say so three times
		where, why = "the run was canceled", strings.TrimPrefix(strings.TrimPrefix(f.Message, "the run was canceled"), ": ")
	}
	if why != "" {
		why = ": " + why
	}
	fmt.Fprintf(a.Err, "%s: %s%s\n", indented(graph), where, indented(why))
	a.violations(f.Violations)
	if todo := advice(f); todo != "" {
		fmt.Fprintf(a.Err, "  what to do: %s\n", todo)
	}
}

// shownViolations bounds what a person is shown; --json has all.
const shownViolations = 10

func (a *app) violations(vs []failure.Violation) {
	for i, v := range vs {
		if i == shownViolations {
			fmt.Fprintf(a.Err, "  and %d more\n", len(vs)-i)
			return
		}
		fmt.Fprintf(a.Err, "  %s\n", indented(v.String()))
	}
}

// advice is what an author would try next.
func advice(f *failure.Failure) string {
	switch f.Code {
	case failure.InvalidInput:
		return "correct what the node is given (its `input` expression, or the node before it), or its input schema"
	case failure.InvalidOutput:
		if f.Step == "" {
			return "correct the graph's [output] value or its schema"
		}
		return `correct the node, or draw a corrective loop: a failure edge with on = ["invalid_output"], or a retry rule that lists it`
	case failure.InvalidState:
		return "correct the node's `write` expression or the schema of the state key"
	case failure.ExpressionError:
		return "correct the expression; `has(x.y)` and `x.?y` guard against members that are missing"
	case failure.Timeout:
		return "raise the node's `timeout` or `deadline`, or give it less to do"
	case failure.FuelExhausted:
		return "raise the node's `fuel`, or give it less to do"
	case failure.MemoryExceeded:
		return "raise the node's `memory`, or give it less to do"
	case failure.Trap:
		return "this is a bug in the module; a run with --keep-input DIR keeps what the node was given, for `chainrun node run`"
	case failure.NodeError:
		return `the node's author knows what this means; on = ["node_error"] routes it`
	case failure.CapabilityDenied:
		return `grant it, if the node may have it; on = ["capability_denied"] routes it`
	case failure.CapabilityError:
		if f.Retryable {
			return "try later, or raise `max_attempts` and the intervals of a retry rule; on = [\"capability_error\"] routes it"
		}
		return `on = ["capability_error"] routes it`
	case failure.LoopConflict:
		return "make the conditions of the edge back and of the edge out exclude each other"
	case failure.MaxVisits:
		return `the loop does not end: look at its conditions, raise max_visits, or route on = ["max_visits"]`
	case failure.MaxSteps:
		return "the graph does not end: look at its loops, or raise max_steps"
	case failure.Deadline:
		return "raise the graph's `deadline`"
	case failure.Budget:
		return "raise the graph's [budget], or ask for less"
	case failure.Canceled, failure.Interrupted:
	}
	return ""
}
