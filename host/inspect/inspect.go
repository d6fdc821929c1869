// Package inspect folds the events of a run into what people want to know of it.
//
//   - [Fold] makes a [View] of a run: its steps, its result, the digest of its lineage;
//   - [Detail] says all of one step: its documents, attempts and calls;
//   - [Trace] says which steps a value of the output came from;
//   - [Diff] compares two runs.
//
// All of them are pure: the same events give the same. They take a journal as it is,
// also one that a stranger has written or a disk has damaged: what does not fit the
// graph is left out, or said, and the work is bounded by the journal's size. None needs
// a module; the graph alone comes from host.Load or, of an old run, from host.Pinned.
package inspect

import (
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// The status of a run that has not ended. The others are those of package
// event. Fold says Waiting where only signals, or the timeouts of those who wait
// for them, can carry the run on, and else Running: whether a process still owns
// the run, which makes the difference to Interrupted, is not in the journal.
const (
	Running     = "running"
	Waiting     = "waiting"
	Interrupted = "interrupted"
)

// View is a run as `--json` prints it.
type View struct {
	Run     string            `json:"run"`
	Status  string            `json:"status"`
	Output  document.Document `json:"output"`         // absent (null) where the run is not done
	Failure *failure.Failure  `json:"failure"`        // nil (null) where there is none
	Steps   []Step            `json:"steps"`          // in canonical order; what never began is not among them
	Fuel    uint64            `json:"fuel"`           // of all attempts that ended
	Usage   event.Usage       `json:"usage,omitzero"` // of all calls of capabilities; left out where there was none
	// Digest is that of the lineage; "" before the end of the run.
	Digest string `json:"digest"`

	// What follows is left out where there is nothing to say.

	Graph   string    `json:"graph,omitempty"`   // its name
	Started time.Time `json:"started,omitzero"`  // when the run began
	Ended   time.Time `json:"ended,omitzero"`    // when it ended
	Waits   []string  `json:"waits,omitempty"`   // the steps that wait for a signal, in canonical order
	Resumed int       `json:"resumed,omitempty"` // how often it was carried on after its process had stopped
	// Engines are what executed the nodes, one after another; more than one where the
	// run was resumed by another.
	Engines    []string `json:"engines,omitempty"`
	ForkedFrom *Fork    `json:"forked_from,omitempty"` // nil: it is nobody's fork
	// Cassette says that calls were answered from a recorded run, for a part of this one
	// at least.
	Cassette bool `json:"cassette,omitempty"`
}

// Fork says where a run comes from, see [event.Forked].
type Fork struct {
	Run   string   `json:"run"`
	Step  string   `json:"step,omitempty"`  // from which it went another way; "": none in particular
	Input bool     `json:"input,omitempty"` // the step was given another input
	State []string `json:"state,omitempty"` // the keys that had other values before it
}

// Step is one step of a run, as `--json` prints it.
type Step struct {
	Step       string     `json:"step"`
	Node       string     `json:"node"`
	Status     StepStatus `json:"status"`
	Attempts   int        `json:"attempts"` // that began
	Fuel       uint64     `json:"fuel"`     // of its attempts that ended
	DurationMS float64    `json:"duration_ms"`
	// Usage is that of its calls of capabilities, see [Calls]; left out where
	// there was none.
	Usage event.Usage `json:"usage,omitzero"`
	// Elements counts those of a foreach that began. Their attempts, fuel and
	// usage are those of the step, with all that is inside them.
	Elements int `json:"elements,omitempty"`

	// What follows is left out where there is nothing to say. That of elements, and of
	// what is inside them, is found in [Detail] of the element.

	// ElementsFailed counts the elements that failed; FailedElements names the first
	// of them, see [MaxNamed]. ElementsTaken counts those whose outcome was made
	// elsewhere, as From says it of a step.
	ElementsFailed int      `json:"elements_failed,omitempty"`
	FailedElements []string `json:"failed_elements,omitempty"`
	ElementsTaken  int      `json:"elements_taken,omitempty"`
	// RefusedInside counts the attempts of elements, and of what is inside them, whose
	// outputs were refused as invalid; RepairedInside the steps in there that Repaired
	// is said of.
	RefusedInside  int `json:"refused_inside,omitempty"`
	RepairedInside int `json:"repaired_inside,omitempty"`
	// Failures are those of its attempts that failed, and of the step itself where it
	// failed without one.
	Failures []StepFailure `json:"failures,omitempty"`
	// Repaired is the number of the attempt whose output was accepted after one before
	// it had been refused as invalid; 0: there was none.
	Repaired int `json:"repaired,omitempty"`
	// Interrupted is how often the host stopped in the middle of an attempt of it.
	Interrupted int `json:"interrupted,omitempty"`
	// From says that its outcome was not made by executing its node; nil: it was.
	From *Taken `json:"from,omitempty"`
}

// MaxNamed is how many steps a list names where it only gives examples.
const MaxNamed = 20

// StepFailure is why an attempt of a step failed.
type StepFailure struct {
	Attempt    int                 `json:"attempt"` // 0: the step failed without one
	Code       failure.Code        `json:"code"`
	Reason     string              `json:"reason,omitempty"`
	Message    string              `json:"message"`
	Violations []failure.Violation `json:"violations,omitempty"`
	Fuel       uint64              `json:"fuel"`
	// WaitMS is how long after it the next attempt began; 0: none did, or at once.
	WaitMS float64 `json:"wait_ms,omitempty"`
}

// Taken says whose outcome it is that a step has.
type Taken struct {
	How     How    `json:"how"`
	Run     string `json:"run"`
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
}

// How says why a node was not executed.
type How string

// A step's outcome was found in the cache, or taken over from the run that this one is
// a fork of.
const (
	FromCache How = "cache"
	FromFork  How = "fork"
)

// takenFrom says it of an event; nil where the node was executed.
func takenFrom(o *event.Origin, cacheKey string) *Taken {
	if o == nil {
		return nil
	}
	t := Taken{How: FromFork, Run: o.Run, Step: o.Step, Attempt: o.Number}
	if cacheKey != "" {
		t.How = FromCache
	}
	return &t
}

// StepStatus is how a step stands.
type StepStatus string

// The states of a step. A step whose failure was routed has failed, although
// the run goes on. One that was under way when the run ended is canceled.
const (
	StepRunning  StepStatus = "running"
	StepWaiting  StepStatus = "waiting" // for a signal
	StepDone     StepStatus = "done"
	StepFailed   StepStatus = "failed"
	StepSkipped  StepStatus = "skipped"
	StepCanceled StepStatus = "canceled"
)
