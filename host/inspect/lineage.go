package inspect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// LineageVersion is the version of the rule by which a lineage digest is made.
// It is hashed first, so that digests of two rules are never equal by accident.
//
// Version 1 is the SHA-256 of these, each number as 8 bytes big-endian, each
// text and each document's canonical form with its length before it:
//
//   - "chainrun lineage", the version;
//   - the plan's digest, the run's seed, its input;
//   - of a fork that changes what a step is given, or the state before it:
//     "chainrun fork", the step, that input (empty: it stays), the number of keys, and
//     each key with its value, sorted by key;
//   - for each step in canonical order its id, and for each of its outcomes in
//     order: "succeeded", the attempt's number, output, fuel; or "failed", the
//     number (0: without an attempt), code, reason, fuel, the violations
//     (pointer and keyword), and the message where a node or a capability gave
//     it to the attempt; or "skipped"; or, of a foreach or a subgraph as a whole, "concluded";
//   - the run's status, and its output or the code and step of its failure.
//
// Not in it: the run's id, of which other run it is a fork, whether outcomes were made
// in it, found in the cache or taken over from there, what executed it, times, the
// texts that chainrun itself words, and the fuel of attempts that ended by timeout,
// cancellation, interruption or a budget, which the machine's speed decides. Nor are steps that come later in canonical
// order than the one that failed the run, the subgraph or the foreach that they are
// in: whether those ran depends on timing. Nor is what was asked of capabilities,
// with which answers, at what cost, and what successes store: the digest is over
// what nodes gave, and an answer that changed nothing of that makes no difference.
// Replay is what compares calls.
const LineageVersion = 1

// timed are the codes of attempts whose fuel the machine's speed decides.
var timed = []failure.Code{failure.Timeout, failure.Canceled, failure.Deadline, failure.Interrupted, failure.Budget}

// foreign are the codes of failures that somebody else words.
var foreign = []failure.Code{failure.NodeError, failure.CapabilityError}

// lineage gives the digest of a run that has ended.
func (f *folder) lineage(steps []*track) string {
	started, finished := f.started, *f.finished
	w := digester{sha256.New()}
	w.text("chainrun lineage")
	w.number(LineageVersion)
	w.text(started.Plan)
	w.text(string(started.Seed[:]))
	w.document(started.Input)
	w.forked(started.Forked)
	var cuts []cut
	if why := finished.Failure; why != nil && why.Step != "" && why.Code != failure.MaxSteps && why.Code != failure.Budget {
		cuts = append(cuts, f.cut(nil, why.Step))
	}
	for _, s := range steps {
		if s.Status == StepCanceled || len(s.outcomes) == 0 || slices.ContainsFunc(cuts, func(c cut) bool { return c.drops(s.place) }) {
			continue
		}
		w.text(s.Step.Step)
		w.number(uint64(len(s.outcomes)))
		for _, o := range s.outcomes {
			w.outcome(o)
			if failed, ok := o.(event.StepFailed); ok && isComposite(s.node) {
				cuts = append(cuts, f.cutOf(s, failed.Failure))
			}
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

// cut leaves out the steps inside a step, or all of the run, that come later
// than the one that stopped it: whether those ran depends on timing.
type cut struct {
	within []int
	last   []int // nil: everything inside is left out
}

func (c cut) drops(place []int) bool {
	if !inside(place, c.within) || len(place) == len(c.within) {
		return false
	}
	return c.last == nil || slices.Compare(place, c.last) > 0 && !inside(place, c.last)
}

func (f *folder) cut(within []int, step string) cut {
	_, last := f.names.locate(f.graph, step)
	return cut{within, last}
}

// cutOf is for a foreach or a subgraph that failed: by a step inside; by a limit
// of its own, which stops at once what is inside; or else when all was through.
func (f *folder) cutOf(s *track, why failure.Failure) cut {
	switch {
	case why.Step != s.Step.Step:
		return f.cut(s.place, why.Step)
	case why.Code == failure.MaxSteps || why.Code == failure.Deadline || why.Code == failure.Timeout:
		return cut{within: s.place}
	}
	return cut{s.place, s.place}
}

// isComposite reports whether steps of the node have others inside.
func isComposite(n *graph.Node) bool { return n != nil && (n.Foreach != nil || n.Sub != nil) }

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

func (w digester) forked(f *event.Forked) {
	if f == nil || f.Input.IsZero() && len(f.State) == 0 {
		return
	}
	w.text("chainrun fork")
	w.text(f.Step)
	w.document(f.Input)
	w.number(uint64(len(f.State)))
	sorted := slices.SortedFunc(slices.Values(f.State), func(a, b document.Field) int { return strings.Compare(a.Key, b.Key) })
	for _, v := range sorted {
		w.text(v.Key)
		w.document(v.Value)
	}
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
	case event.StepSucceeded:
		w.text("concluded")
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
	// Without an attempt it is the failure of what is inside, whose own message
	// is there; here chainrun may have added words of its own to it.
	if attempt > 0 && slices.Contains(foreign, f.Code) {
		w.text(f.Message)
	}
}
