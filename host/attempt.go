package host

// One attempt of one node, outside of any run: for tools about modules.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Attempt is what a node is given in one attempt.
type Attempt struct {
	Node     string // its name in the graph
	Input    document.Document
	Feedback []failure.Violation // of the attempt before; empty: there was none
	Time     time.Time           // where the node's clock starts
	Seed     event.Seed          // of its randomness
	// Answers answers the calls that the node's grants allow. nil: the world does.
	Answers invoke.Answers
	// Recorded makes the attempt again as it was recorded: its calls are answered by
	// Calls, one after the other, whatever the graph grants, and the world is asked
	// nothing. An answer without a request answers any, where its usage says that it was
	// not counted. Where the node asks something else the error is an
	// [*invoke.DivergedError].
	Recorded bool
	Calls    []event.CapabilityAnswered
}

// Attempted is what came of an [Attempt].
type Attempted struct {
	event.Outcome
	Calls        []event.CapabilityAnswered // that went to the world, or were refused
	MemoryBytes  uint64                     // of the node at its end; 0: it was not called
	LogTruncated bool
	Took         time.Duration
}

// Attempt makes one attempt of one node of g, checks and limits and all, without a run
// around it: nothing is tried again and nothing is recorded. What the node stores is
// dropped. The error means that chainrun could not do its work, or is that of
// [Attempt.Answers] or an [*invoke.DivergedError]. When ctx ends the attempt fails with
// the code canceled. Safe for concurrent use.
func (h *Host) Attempt(ctx context.Context, g *Graph, a Attempt) (_ Attempted, err error) {
	defer guard(&err)
	if g.plan.Node(a.Node) == nil {
		return Attempted{}, fmt.Errorf("attempting node %q: the graph has no such node", a.Node)
	}
	var open vault
	if a.Answers == nil && !a.Recorded { // what is answered needs no key
		if open, err = h.unlock(ctx, g); err != nil {
			return Attempted{}, err
		}
	}
	made := Attempted{}
	tape := &tape{past: slices.Clone(a.Calls)}
	for i := range tape.past {
		tape.past[i].Key = "" // it would be that of another run
	}
	r := invoke.Request{
		Attempt: event.Attempt{Step: a.Node, Node: a.Node, Number: 1},
		Time:    a.Time, Seed: a.Seed, Input: open.redact.Document(a.Input), Feedback: a.Feedback,
		Scope: invoke.Scope{Secrets: open.of, Redact: open.redact, Answers: a.Answers, Replay: a.Recorded, Timed: true},
		Calls: tape,
		Ended: func(r sandbox.Result) { made.MemoryBytes, made.LogTruncated = r.PeakMemoryBytes, r.LogTruncated },
	}
	began := time.Now()
	made.Outcome, err = h.invoker.Invoke(ctx, g.plan, r)
	made.Took, made.Calls = time.Since(began), tape.made
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) { // in a call
		made.Failure = &failure.Failure{Code: failure.Canceled, Message: err.Error(), Node: a.Node, Step: a.Node, Attempt: 1}
		err = nil
	}
	return made, err
}

// tape is where the calls of an attempt without a run are recorded. It belongs to the
// goroutine of the attempt, but for parts of answers.
type tape struct {
	past, made []event.CapabilityAnswered
}

var _ invoke.Calls = (*tape)(nil)

// Settled implements [invoke.Calls].
func (t *tape) Settled(context.Context) error { return nil }

// Admit implements [invoke.Calls].
func (t *tape) Admit(context.Context) (bool, error) { return true, nil }

// Record implements [invoke.Calls].
func (t *tape) Record(_ context.Context, c event.CapabilityAnswered) error {
	t.made = append(t.made, c)
	return nil
}

// Answered implements [invoke.Calls].
func (t *tape) Answered() []event.CapabilityAnswered { return t.past }

// Partial implements [invoke.Calls].
func (t *tape) Partial(event.Partial) {}
