package stepper

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// verdict is what the success of a step means: its state, and which of its
// edges are taken. It is made once, by Judge, and used by the Apply that
// follows; a machine that is made again from its events makes it there.
type verdict struct {
	output document.Document
	after  *state
	taken  []bool // by place in graph.Node.Outgoing
	few    [4]bool
}

func newVerdict(output document.Document, after *state, edges int) *verdict {
	v := &verdict{output: output, after: after}
	if v.taken = v.few[:]; edges > len(v.few) {
		v.taken = make([]bool, edges)
	}
	v.taken = v.taken[:edges]
	return v
}

// of reports whether the verdict is on this output.
func (v *verdict) of(output document.Document) bool {
	return bytes.Equal(v.output.Bytes(), output.Bytes())
}

// Judge says what fact an outcome is. A success stays one only if the step's
// writes and the conditions of its edges can be evaluated and each update holds
// to its key's schema: nothing is committed before that is known. What came of
// an attempt that was aborted is a failure with the cause of that, whatever it
// would have been.
//
// Judge changes nothing that Apply can see. An outcome that nobody asked for
// comes back as it is, and Apply refuses it.
func (m *Machine) Judge(o event.Outcome) event.Body {
	failed := event.AttemptFailed{Attempt: o.Attempt, Output: o.Output, Fuel: o.Fuel}
	if takenOver(o.From, o.CacheKey) {
		failed.From = o.From
	}
	s, err := m.attempted(o.Attempt, o.From, o.CacheKey)
	switch {
	case err != nil:
		if o.Failure == nil {
			return succeeded(o)
		}
		failed.Failure = *o.Failure
		return failed
	case s.aborted != "":
		failed.Failure = m.abortion(s)
	case o.Failure != nil:
		failed.Failure = readable(*o.Failure)
	case event.StoredBytes(o.Stored) > event.MaxStoredBytes:
		failed.Failure = s.failed(failure.CapabilityError, fmt.Sprintf(
			"what the attempt stores has more than %d bytes, keys and values together", event.MaxStoredBytes))
		failed.Failure.Reason = "stored_too_large"
	default:
		v, f := m.judge(s, o.Output)
		if f == nil {
			s.verdict = v
			return succeeded(o)
		}
		failed.Failure = *f
	}
	failed.Failure.Node, failed.Failure.Step, failed.Failure.Attempt = o.Node, o.Step, o.Number
	if s.aborted != "" {
		failed.From = nil // it is how this run went
	}
	if failed.From != nil {
		// It stands for all attempts there, of which it was the last.
		failed.Failure.Attempt = failed.From.Number
	}
	return failed
}

// takenOver reports whether an outcome is what came of the step in the run that this
// one is a fork of. What is found in the cache is as if the node had been called, so that
// it makes no difference whether it was found.
func takenOver(from *event.Origin, cacheKey string) bool { return from != nil && cacheKey == "" }

func succeeded(o event.Outcome) event.AttemptSucceeded {
	return event.AttemptSucceeded{Attempt: o.Attempt, Output: o.Output, Fuel: o.Fuel, Stored: o.Stored, CacheKey: o.CacheKey, From: o.From}
}

// judge evaluates the writes and conditions of a step.
func (m *Machine) judge(s *step, output document.Document) (*verdict, *failure.Failure) {
	if s.of != nil {
		// Writes, and edges, see the whole list.
		return &verdict{output: output}, nil
	}
	refuse := func(code failure.Code, text string) (*verdict, *failure.Failure) {
		f := readable(s.failed(code, text))
		f.Attempt = s.attempt
		return nil, &f
	}
	see := view{step: s, output: output, state: s.before}
	updates := make([]update, 0, len(s.node.Writes))
	for _, w := range s.node.Writes {
		value, err := m.eval(w.Expr, see)
		if err != nil {
			return refuse(failure.ExpressionError, fmt.Sprintf("write %q: %v", w.Key.Name, err))
		}
		if w.Key.Schema != nil {
			if vs := w.Key.Schema.Validate(value); len(vs) > 0 {
				_, f := refuse(failure.InvalidState, fmt.Sprintf("the update of state %q breaks its schema", w.Key.Name))
				f.Violations = vs
				return nil, f
			}
		}
		u := update{w.Key, value}
		if vs := fits(u); vs != nil {
			_, f := refuse(failure.InvalidState, fmt.Sprintf("the update of state %q is not what its reducer takes", w.Key.Name))
			f.Violations = vs
			return nil, f
		}
		updates = append(updates, u)
	}
	see.state = s.before.with(len(s.turn.frame.graph.State), s.place, updates)
	v := newVerdict(output, see.state, len(s.node.Outgoing))
	for i, e := range s.node.Outgoing {
		if e.Failure {
			continue
		}
		ok, err := m.holds(e, see)
		if err != nil {
			return refuse(failure.ExpressionError, err.Error())
		}
		v.taken[i] = ok
		if ok && s.node.Route == graph.RouteFirst {
			break
		}
	}
	return v, nil
}

// readable makes what a node said fit for a journal and for documents: text
// that is not UTF-8 would not survive either.
func readable(f failure.Failure) failure.Failure {
	const replacement = "\uFFFD"
	f.Reason = strings.ToValidUTF8(f.Reason, replacement)
	f.Message = strings.ToValidUTF8(f.Message, replacement)
	if f.RetryAfter < 0 {
		f.RetryAfter = 0
	}
	var vs []failure.Violation
	for _, v := range f.Violations {
		v.Pointer = strings.ToValidUTF8(v.Pointer, replacement)
		v.Keyword = strings.ToValidUTF8(v.Keyword, replacement)
		v.Message = strings.ToValidUTF8(v.Message, replacement)
		v.Found = strings.ToValidUTF8(v.Found, replacement)
		vs = append(vs, v)
	}
	f.Violations = vs
	return f
}
