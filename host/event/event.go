// Package event holds the facts of a run and their versioned encoding.
//
// An [Event] is something that happened, never something that was decided: the
// stepper derives every decision from the events alone, so that a journal of
// them can be resumed, replayed and explained.
package event

import (
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

// Event is one fact of one run. Immutable.
type Event struct {
	Run  string
	Seq  uint64    // from 1, without gaps
	Time time.Time // when it happened, UTC, whole microseconds; the stepper's only clock
	Body Body
}

// Body is what happened. The set is closed: it is the types of this file.
//
//sumtype:decl
type Body interface {
	Type() Type
	fact()
}

// Type names a kind of event, as the journal and `--events` write it.
type Type string

// The types of events.
const (
	TypeRunStarted         Type = "run_started"
	TypeAttemptStarted     Type = "attempt_started"
	TypeAttemptSucceeded   Type = "attempt_succeeded"
	TypeAttemptFailed      Type = "attempt_failed"
	TypeStepSkipped        Type = "step_skipped"
	TypeStepFailed         Type = "step_failed"
	TypeStepSucceeded      Type = "step_succeeded"
	TypeSignalReceived     Type = "signal_received"
	TypeCapabilityAnswered Type = "capability_answered"
	TypeCancelRequested    Type = "cancel_requested"
	TypeTimerFired         Type = "timer_fired"
	TypeRunResumed         Type = "run_resumed"
	TypeRunFinished        Type = "run_finished"
)

// Seed makes a run's randomness. Everything random is a hash of it.
type Seed [32]byte

// RunStarted is the first event of a run.
type RunStarted struct {
	Graph string // its name
	Plan  string // the plan's digest
	Input document.Document
	Seed  Seed
	// Parallel is how many elements of a foreach are under way at once where
	// its author says nothing: how many attempts the driver allows. 0: 8.
	Parallel int
	// Engine is what nodes are executed by (sandbox.Engine.Name): on the same one a
	// replay gives the same bits, on another one all but those of a NaN. "": unknown.
	Engine string
	// Cassette says that calls are answered from a recorded run: nobody is asked, and no
	// value that runs keep is changed.
	Cassette bool
	// Forked is where the run comes from; nil: it is nobody's fork.
	Forked *Forked
}

// Forked says that a run began as another one went, with something changed: the plan,
// the input, or what a step is given. Steps whose node, input and upstream are as they
// were take over what came of them there, see [Origin].
type Forked struct {
	Run string // the other one
	// Step is the first one that is executed again, with all that depends on it; "":
	// none is but for what has changed.
	Step string
	// Input replaces what the step is given, State the values of these keys before it,
	// sorted by key. Absent and empty: it stays. Without a step there is neither.
	Input document.Document
	State []document.Field
}

// Origin says that an attempt's outcome was not made by executing its node: it is
// that of another attempt, whose fuel it has. With a cache key ([AttemptSucceeded.CacheKey])
// it comes from the cache; else the run is a fork, the outcome stands for all attempts
// of that step, and a failure is final.
type Origin struct {
	Run string
	Attempt
}

// Attempt names one try of one step.
type Attempt struct {
	Step   string // "review[2]"
	Node   string
	Number int // from 1
}

// AttemptStarted says that an attempt has begun; its event's time is the node's clock.
type AttemptStarted struct {
	Attempt
}

// AttemptSucceeded says that the node returned a document, the document holds to its
// schemas, and the step's writes and conditions could be evaluated.
type AttemptSucceeded struct {
	Attempt
	Output document.Document
	Fuel   uint64
	// Stored is what the attempt keeps beyond the run (see capability kv): stored
	// by the journal together with this event.
	Stored []Stored
	// CacheKey is what the output can be found under by later attempts, of other runs
	// too; "": it is not kept. From is whose output it is; nil: the attempt's own.
	CacheKey string
	From     *Origin
}

// Stored is one value that an attempt keeps beyond its run, or one addition to what
// is there when the event is appended. A recorded one never has both.
type Stored struct {
	Space, Key string
	Value      document.Document // absent, and Add too: the key is deleted
	// Add is a number: attempts that ran at the same time lose nothing of each other.
	// Absent: Value is stored. Where it is not, and the attempt is carried out again
	// for a replay, Value is what the attempt itself took the sum to be: events that
	// were recorded before there were additions have that.
	Add document.Document
}

// Upon gives what the key has when s is stored, where it had old; absent: nothing.
// An addition upon nothing begins at 0. One upon what is no number (somebody else
// has put it there meanwhile), or to a sum beyond the bounds of [document.Sum],
// leaves what is there: the step has succeeded, and what another one has put is not
// its to take away.
func (s Stored) Upon(old document.Document) document.Document {
	if s.Add.IsZero() {
		return s.Value
	}
	from := old
	if from.IsZero() {
		from = document.Int(0)
	}
	if total, ok := document.Sum(from, s.Add); ok {
		return total
	}
	return old
}

// AttemptFailed says that an attempt ended without success.
type AttemptFailed struct {
	Attempt
	Failure failure.Failure
	Output  document.Document // what the node returned, where it did and it could be kept; else absent
	Fuel    uint64
	From    *Origin // whose failure it is; nil: the attempt's own
}

// StepSkipped says that all edges to the node were resolved and none was taken.
type StepSkipped struct {
	Step, Node string
}

// StepFailed says that a step failed without an attempt of its own: max_visits,
// its input expression, the failure of what is inside it (a subgraph's step, an
// element of a foreach).
type StepFailed struct {
	Step, Node string
	Failure    failure.Failure
}

// StepSucceeded says that a step without attempts of its own is done: a
// subgraph, a foreach. Its output is made of what is inside it.
type StepSucceeded struct {
	Step, Node string
}

// CapabilityAnswered says that the host answered a call of a node, before the
// node has seen the answer. Secrets have been taken out of it.
type CapabilityAnswered struct {
	Attempt
	Ordinal            int // of the attempt's calls, from 1
	Capability, Method string
	Key                string            // idempotency key
	Request            document.Document // absent: there was none
	Answer             document.Document // absent: nothing to say, or a failure
	Failure            *failure.Failure  // nil: answered
	Usage              Usage
	Took               time.Duration // whole microseconds; 0: not known
}

// Usage is what calls of capabilities used up.
type Usage struct {
	Calls        int64
	Bytes        int64 // of requests and answers
	InputTokens  int64
	OutputTokens int64
	Cost         int64 // billionths of the unit in which prices and budgets are written
}

// Partial is a part of an answer that is still being made. It is no fact: it is
// shown to whoever watches the run, never recorded, and may be repeated by a
// later attempt.
type Partial struct {
	Run string
	Attempt
	Ordinal            int
	Capability, Method string
	Document           document.Document
}

// SignalReceived says that a step that waits got its answer, which holds to the
// step's schema.
type SignalReceived struct {
	Step     string
	Document document.Document
}

// TimerFired says that a moment that the stepper had asked for has come.
type TimerFired struct {
	Timer string
}

// CancelRequested says that somebody asked the run to stop.
type CancelRequested struct {
	Reason string
}

// RunResumed says that the run is carried on after the process that carried it out
// had stopped. The attempts under way begin again, under their own numbers, with
// their recorded times and answers.
type RunResumed struct {
	Engine   string // from now on, as in RunStarted
	Cassette bool   // the same
}

// Status is how a run ended.
type Status string

// The ends of a run.
const (
	Done     Status = "done"
	Failed   Status = "failed"
	Canceled Status = "canceled"
)

// RunFinished is the last event of a run.
type RunFinished struct {
	Status  Status
	Output  document.Document // where Done
	Failure *failure.Failure  // where not Done
}

// Type implements [Body].
func (RunStarted) Type() Type { return TypeRunStarted }

// Type implements [Body].
func (AttemptStarted) Type() Type { return TypeAttemptStarted }

// Type implements [Body].
func (AttemptSucceeded) Type() Type { return TypeAttemptSucceeded }

// Type implements [Body].
func (AttemptFailed) Type() Type { return TypeAttemptFailed }

// Type implements [Body].
func (StepSkipped) Type() Type { return TypeStepSkipped }

// Type implements [Body].
func (StepFailed) Type() Type { return TypeStepFailed }

// Type implements [Body].
func (StepSucceeded) Type() Type { return TypeStepSucceeded }

// Type implements [Body].
func (CapabilityAnswered) Type() Type { return TypeCapabilityAnswered }

// Type implements [Body].
func (SignalReceived) Type() Type { return TypeSignalReceived }

// Type implements [Body].
func (TimerFired) Type() Type { return TypeTimerFired }

// Type implements [Body].
func (CancelRequested) Type() Type { return TypeCancelRequested }

// Type implements [Body].
func (RunResumed) Type() Type { return TypeRunResumed }

// Type implements [Body].
func (RunFinished) Type() Type { return TypeRunFinished }

func (RunStarted) fact()         {}
func (AttemptStarted) fact()     {}
func (AttemptSucceeded) fact()   {}
func (AttemptFailed) fact()      {}
func (StepSkipped) fact()        {}
func (StepFailed) fact()         {}
func (StepSucceeded) fact()      {}
func (SignalReceived) fact()     {}
func (CapabilityAnswered) fact() {}
func (TimerFired) fact()         {}
func (CancelRequested) fact()    {}
func (RunResumed) fact()         {}
func (RunFinished) fact()        {}
