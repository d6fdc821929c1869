package inspect

// Which steps a value of the output came from.

import (
	"fmt"
	"iter"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// Traced says where a value of a run's output came from.
type Traced struct {
	Run     string            `json:"run"`
	Pointer string            `json:"pointer"` // in the run's output
	Value   document.Document `json:"value"`
	// Common says that the value is too common to be known again: null, true, a number
	// of one or two digits, … It was looked for nowhere; the sources are the steps that
	// the output is made of, with all that led to them.
	Common bool `json:"common,omitempty"`
	// Sources is a tree, each followed by those that it came from.
	Sources []Source `json:"sources"`
	// Truncated says that there was more to look at than is looked at.
	Truncated bool `json:"truncated,omitempty"`
}

// Place is what a value was found in.
type Place string

// The places where a value can be found.
const (
	InOutput   Place = "output"    // of a step
	InFailure  Place = "failure"   // of a step, which a failure edge carried on
	InSignal   Place = "signal"    // that a step waited for
	InAnswer   Place = "answer"    // of a capability to a call of the step
	InState    Place = "state"     // that the step saw
	InConfig   Place = "config"    // of the step's node
	InRunInput Place = "run_input" // what the run was given
	InGraph    Place = "graph"     // the graph's own [output] value, or the object keyed by node
)

// Source is one place where a value was found. That it stands there is a fact; that it
// came from there is a conclusion: a node may have made an equal one by itself.
type Source struct {
	Place Place  `json:"place"`
	Step  string `json:"step,omitempty"`
	Node  string `json:"node,omitempty"`
	// Pointers say where in the document it stands unchanged, see [MaxNamed]. Empty: the
	// source stands here because of its place in the graph alone.
	Pointers []string `json:"pointers,omitempty"`
	// Depth is that in the tree, from 0.
	Depth int `json:"depth"`
	// Made says that the value was found in nothing that the step was given: the step
	// made it, from what LedBy gave.
	Made bool `json:"made,omitempty"`
	// LedBy are the steps that led to one that made the value, in canonical order, with
	// all that led to those; of state, those that wrote the key. It names the first of
	// them, see [MaxNamed], and Leading counts them.
	LedBy   []string `json:"led_by,omitempty"`
	Leading int      `json:"leading,omitempty"`
	// Again says that the step stands above already, with its sources.
	Again bool `json:"again,omitempty"`
	// Capability and Method are those of an answer.
	Capability string `json:"capability,omitempty"`
	Method     string `json:"method,omitempty"`
	// From says that the output was not made in this run.
	From *Taken `json:"from,omitempty"`
}

// PointerError means that a pointer does not lead to a value of the run's output.
type PointerError struct {
	Pointer string
	Known   string // the part of it that does
	Text    string
}

// Error implements error.
func (e *PointerError) Error() string {
	return fmt.Sprintf("%q: %s", e.Pointer, e.Text)
}

// The bounds of one trace.
const (
	maxSources  = 1000
	traceValues = 20_000_000 // looked at
	traceBytes  = 1 << 30    // of documents that the machine makes of states
	tracePlaces = 8          // of the value in one document
	traceLed    = 1_000_000  // steps that led to others
)

// Trace says where a value of a run's output came from: pointer is a JSON Pointer
// (RFC 6901) into the output, "" for all of it. From the step whose output gave it, it
// goes backwards as long as the same value is found, unchanged, in what a step was
// given: the outputs of the steps that led to it, the state, the config, the run's
// input, the answers of capabilities. Where it is not, the step has made it, and all
// that led to the step is named.
//
// g is the graph of the run's plan. Trace goes through events twice. A run without an
// output, and a pointer that leads nowhere, give a [*PointerError].
func Trace(g *graph.Graph, events iter.Seq[event.Event], pointer string) (Traced, error) {
	var input, output document.Document
	run := ""
	for e := range events {
		run = e.Run
		switch b := e.Body.(type) {
		case event.RunStarted:
			input = b.Input
		case event.RunFinished:
			output = b.Output
		default:
		}
	}
	if output.IsZero() {
		return Traced{}, &PointerError{Pointer: pointer, Text: "the run has no output"}
	}
	value, known, ok := lookup(values(output), pointer)
	if !ok {
		text := "the run's output has nothing there"
		if known != "" {
			text += fmt.Sprintf("; it has %q", known)
		}
		return Traced{}, &PointerError{Pointer: pointer, Known: known, Text: text}
	}
	t := &tracer{
		out:  Traced{Run: run, Pointer: pointer, Value: whole(value), Common: common(value)},
		hunt: newSeeker(value, traceValues), steps: map[string]*station{}, frames: map[string][]*station{},
		seen: map[string]bool{}, names: names{}, graph: g, input: input, led: traceLed,
	}
	if t.out.Common {
		t.hunt.work = 0
	}
	t.survey(events)
	t.root(pointer)
	t.out.Truncated = t.out.Truncated || !t.out.Common && t.hunt.work <= 0
	return t.out, nil
}

// common reports whether a value says too little to be known again.
func common(v any) bool {
	switch v := v.(type) {
	case nil, bool:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case string:
		return len(v) < 3
	}
	return len(whole(v).Canonical()) < 3
}

// failureValue is what a failure edge carries of a failure, without its input.
func failureValue(f failure.Failure) document.Document {
	d, err := document.FromValue(map[string]any{"code": string(f.Code), "reason": f.Reason, "message": f.Message})
	if err != nil {
		return document.Document{}
	}
	return d
}
