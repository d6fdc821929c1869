package inspect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// LineageVersion is the version of the rule by which a lineage digest is made.
// It is hashed first, so that digests of two rules are never equal by accident.
//
// Version 1 is the SHA-256 of these, each number as 8 bytes big-endian, each
// text and each document's canonical form with its length before it:
//
//   - "chainrun lineage", the version;
//   - the plan's digest, the run's seed, its input;
//   - for each step in canonical order its id, and for each of its outcomes in
//     order: "succeeded", the attempt's number, output, fuel; or "failed", the
//     number (0: without an attempt), code, reason, fuel, the violations
//     (pointer and keyword), and the message where a node or a capability gave
//     it; or "skipped";
//   - the run's status, and its output or the code and step of its failure.
//
// Not in it: the run's id, times, the texts that chainrun itself words, and the
// fuel of attempts that ended by timeout, cancellation or interruption, which
// the machine's speed decides. Nor are steps that come later in canonical order
// than the one that failed the run: whether those ran depends on timing.
const LineageVersion = 1

// timed are the codes of attempts whose fuel the machine's speed decides.
var timed = []failure.Code{failure.Timeout, failure.Canceled, failure.Deadline, failure.Interrupted}

// foreign are the codes of failures that somebody else words.
var foreign = []failure.Code{failure.NodeError, failure.CapabilityError}

// lineage gives the digest of a run that has ended.
func lineage(nodes names, started event.RunStarted, finished event.RunFinished, steps []*track) string {
	w := digester{sha256.New()}
	w.text("chainrun lineage")
	w.number(LineageVersion)
	w.text(started.Plan)
	w.text(string(started.Seed[:]))
	w.document(started.Input)
	last := lastCounted(nodes, finished)
	for _, s := range steps {
		if last != nil && slices.Compare(s.place, last) > 0 {
			break
		}
		if s.Status == StepCanceled || len(s.outcomes) == 0 {
			continue
		}
		w.text(s.Step.Step)
		w.number(uint64(len(s.outcomes)))
		for _, o := range s.outcomes {
			w.outcome(o)
		}
	}
	w.text(string(finished.Status))
	if f := finished.Failure; f != nil {
		w.text(string(f.Code))
		w.text(f.Step)
	}
	w.document(finished.Output)
	return "sha256:" + hex.EncodeToString(w.Sum(nil))
}

// lastCounted is the place of the step that failed the run; nil where none did.
func lastCounted(nodes names, finished event.RunFinished) []int {
	f := finished.Failure
	if f == nil || f.Step == "" || f.Code == failure.MaxSteps {
		return nil
	}
	return placeOf(nodes, f.Step, f.Node)
}

// digester hashes values so that no two sequences of them run together.
type digester struct{ hash.Hash }

func (w digester) number(n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	_, _ = w.Write(b[:]) // a hash takes everything
}

func (w digester) text(s string) {
	w.number(uint64(len(s)))
	_, _ = w.Write([]byte(s))
}

func (w digester) document(d document.Document) {
	if d.IsZero() {
		w.text("")
		return
	}
	w.text(string(d.Canonical()))
}

func (w digester) outcome(o event.Body) {
	switch o := o.(type) {
	case event.AttemptSucceeded:
		w.text("succeeded")
		w.number(uint64(o.Number))
		w.document(o.Output)
		w.number(o.Fuel)
	case event.AttemptFailed:
		w.failed(o.Number, o.Failure, o.Fuel)
	case event.StepFailed:
		w.failed(0, o.Failure, 0)
	case event.StepSkipped:
		w.text("skipped")
	default:
		// The other facts are not outcomes of steps.
	}
}

func (w digester) failed(attempt int, f failure.Failure, fuel uint64) {
	w.text("failed")
	w.number(uint64(attempt))
	w.text(string(f.Code))
	w.text(f.Reason)
	if slices.Contains(timed, f.Code) {
		fuel = 0
	}
	w.number(fuel)
	w.number(uint64(len(f.Violations)))
	for _, v := range f.Violations {
		w.text(v.Pointer)
		w.text(v.Keyword)
	}
	if slices.Contains(foreign, f.Code) {
		w.text(f.Message)
	}
}
