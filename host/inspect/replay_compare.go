package inspect

// What is compared in a replay, and what is said of the first difference.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// What may differ in a replay.
const (
	DivergedOutcome  = "outcome"  // success or failure, or which failure
	DivergedOutput   = "output"   // the bytes that a node returned
	DivergedFuel     = "fuel"     // the instructions that it executed
	DivergedStored   = "stored"   // what its success keeps beyond the run
	DivergedCall     = "call"     // what it asked of a capability
	DivergedDecision = "decision" // what follows from what had happened: the record breaks off, or is another plan's
)

// Divergence is where a replay and its record part first.
type Divergence struct {
	Event   uint64 `json:"event"`             // number of the event that differs
	Step    string `json:"step,omitempty"`    // "": it is about the run
	Node    string `json:"node,omitempty"`    // of the step
	Attempt int    `json:"attempt,omitempty"` // 0: the step has none of its own
	What    string `json:"what"`
	// Pointer leads to the first difference in a document, keys in the order of their
	// bytes; Recorded and Now are what stands there, cut to a readable length. "absent"
	// is what is not there.
	Pointer  string `json:"pointer,omitempty"`
	Recorded string `json:"recorded"`
	Now      string `json:"now"`
	// Hints are what may have caused it, the likeliest first.
	Hints []string `json:"hints,omitempty"`
}

// String says where, and what was recorded and came out now.
func (d *Divergence) String() string {
	where := "the run"
	if d.Step != "" {
		where = fmt.Sprintf("step %q", d.Step)
	}
	if d.Attempt > 0 {
		where += fmt.Sprintf(", attempt %d", d.Attempt)
	}
	at := ""
	if d.Pointer != "" {
		at = fmt.Sprintf(" at %q", d.Pointer)
	}
	return fmt.Sprintf("event %d, %s: %s differs%s: recorded %s, now %s", d.Event, where, d.What, at, d.Recorded, d.Now)
}

// place names the step that an event is about.
func (d *Divergence) place(b event.Body) {
	switch b := b.(type) {
	case event.AttemptStarted:
		d.Step, d.Node, d.Attempt = b.Step, b.Node, b.Number
	case event.AttemptSucceeded:
		d.Step, d.Node, d.Attempt = b.Step, b.Node, b.Number
	case event.AttemptFailed:
		d.Step, d.Node, d.Attempt = b.Step, b.Node, b.Number
	case event.CapabilityAnswered:
		d.Step, d.Node, d.Attempt = b.Step, b.Node, b.Number
	case event.StepSkipped:
		d.Step, d.Node = b.Step, b.Node
	case event.StepFailed:
		d.Step, d.Node = b.Step, b.Node
	case event.StepSucceeded:
		d.Step, d.Node = b.Step, b.Node
	case event.SignalReceived:
		d.Step = b.Step
	default:
		// It is about the run.
	}
}

// outcomes compares what came of an attempt, as the machine takes it, with what was
// recorded; nil: it is the same.
func (r *replay) outcomes(one *rerun, was, now event.Body) *Divergence {
	var fuels [2]uint64
	switch w := was.(type) {
	case event.AttemptSucceeded:
		n, ok := now.(event.AttemptSucceeded)
		if !ok {
			return differs(DivergedOutcome, was, now)
		}
		if d := documents(DivergedOutput, w.Output, n.Output); d != nil {
			return d
		}
		if node := r.plan.Step(one.Step); node != nil && node.Stores() {
			if d := documents(DivergedStored, storedDocument(w.Stored), storedDocument(asRecorded(w.Stored, n.Stored))); d != nil {
				return d
			}
		}
		fuels = [2]uint64{w.Fuel, n.Fuel}
	case event.AttemptFailed:
		n, ok := now.(event.AttemptFailed)
		if !ok || !r.sameFailure(&w.Failure, &n.Failure) {
			return differs(DivergedOutcome, was, now)
		}
		if d := documents(DivergedOutput, w.Output, n.Output); d != nil {
			return d
		}
		fuels = [2]uint64{w.Fuel, n.Fuel}
	default:
		// Nothing else comes of an attempt.
	}
	if fuels[0] != fuels[1] && !r.options.OtherFuel {
		return &Divergence{What: DivergedFuel, Recorded: strconv.FormatUint(fuels[0], 10), Now: strconv.FormatUint(fuels[1], 10)}
	}
	return nil
}

// decided compares a fact that the machine has decided on with the one that was
// recorded in its place; nil: it is the same.
func (r *replay) decided(was, now event.Body) *Divergence {
	same := was.Type() == now.Type()
	if !same {
		return differs(DivergedDecision, was, now)
	}
	var d *Divergence
	switch w := was.(type) {
	case event.AttemptStarted:
		same = w == now.(event.AttemptStarted)
	case event.StepSkipped:
		same = w == now.(event.StepSkipped)
	case event.StepSucceeded:
		same = w == now.(event.StepSucceeded)
	case event.StepFailed:
		n := now.(event.StepFailed)
		same = w.Step == n.Step && w.Node == n.Node && r.sameFailure(&w.Failure, &n.Failure)
	case event.AttemptSucceeded:
		n := now.(event.AttemptSucceeded)
		same = w.Attempt == n.Attempt && w.Fuel == n.Fuel && len(w.Stored) == len(n.Stored)
		d = documents(DivergedDecision, w.Output, n.Output)
	case event.AttemptFailed:
		n := now.(event.AttemptFailed)
		same = w.Attempt == n.Attempt && w.Fuel == n.Fuel && r.sameFailure(&w.Failure, &n.Failure)
		d = documents(DivergedDecision, w.Output, n.Output)
	case event.RunFinished:
		n := now.(event.RunFinished)
		same = w.Status == n.Status && r.sameFailure(w.Failure, n.Failure)
		d = documents(DivergedDecision, w.Output, n.Output)
	default:
		// The machine decides on no other fact.
	}
	if !same {
		return differs(DivergedDecision, was, now)
	}
	return d
}

// sameFailure compares failures as the lineage does: by what decides, not by the words
// that chainrun itself chose. Other words are counted.
func (r *replay) sameFailure(a, b *failure.Failure) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Code != b.Code || a.Reason != b.Reason || a.Step != b.Step || a.Node != b.Node || a.Attempt != b.Attempt ||
		a.Retryable != b.Retryable || a.RetryAfter != b.RetryAfter || len(a.Violations) != len(b.Violations) {
		return false
	}
	reworded := a.Message != b.Message
	if reworded && a.Attempt > 0 && slices.Contains(foreign, a.Code) {
		return false
	}
	for i, v := range a.Violations {
		w := b.Violations[i]
		if v.Pointer != w.Pointer || v.Keyword != w.Keyword {
			return false
		}
		reworded = reworded || v != w
	}
	if reworded {
		r.result.Reworded++
	}
	return true
}

// asRecorded reads what an attempt keeps now as it was recorded. An attempt that
// only added to a key keeps an addition, and in a replay also what it took the sum to
// be: that is what a record has from before there were additions.
func asRecorded(was, now []event.Stored) []event.Stored {
	list := slices.Clone(now)
	for i := range list {
		s := &list[i]
		switch {
		case s.Add.IsZero():
		case i < len(was) && was[i].Add.IsZero() && !was[i].Value.IsZero():
			s.Add = document.Document{}
		default:
			s.Value = document.Document{}
		}
	}
	return list
}

// storedDocument shows what is kept beyond a run.
func storedDocument(list []event.Stored) document.Document {
	items := make([]document.Document, len(list))
	for i, s := range list {
		fields := []document.Field{{Key: "space", Value: document.String(s.Space)}, {Key: "key", Value: document.String(s.Key)}}
		if !s.Value.IsZero() {
			fields = append(fields, document.Field{Key: "value", Value: s.Value})
		}
		if !s.Add.IsZero() {
			fields = append(fields, document.Field{Key: "add", Value: s.Add})
		}
		items[i] = document.Object(fields...)
	}
	return document.Array(items...)
}

// differs shows two facts that are not the same at all.
func differs(what string, was, now event.Body) *Divergence {
	return &Divergence{What: what, Recorded: describeFact(was), Now: describeFact(now)}
}

// describeFact says on one line what happened.
func describeFact(b event.Body) string {
	failed := func(f failure.Failure) string {
		text := string(f.Code)
		if f.Reason != "" {
			text += " (" + f.Reason + ")"
		}
		return clipped(text + ": " + f.Message)
	}
	switch b := b.(type) {
	case event.AttemptStarted:
		return fmt.Sprintf("attempt %d of %q begins", b.Number, b.Step)
	case event.AttemptSucceeded:
		return fmt.Sprintf("attempt %d of %q succeeds with %s", b.Number, b.Step, show(b.Output))
	case event.AttemptFailed:
		return fmt.Sprintf("attempt %d of %q fails with %s", b.Number, b.Step, failed(b.Failure))
	case event.StepSkipped:
		return fmt.Sprintf("%q is skipped", b.Step)
	case event.StepSucceeded:
		return fmt.Sprintf("%q is done", b.Step)
	case event.StepFailed:
		return fmt.Sprintf("%q fails with %s", b.Step, failed(b.Failure))
	case event.RunFinished:
		if b.Failure != nil {
			return fmt.Sprintf("the run ends %s with %s", b.Status, failed(*b.Failure))
		}
		return fmt.Sprintf("the run ends %s with %s", b.Status, show(b.Output))
	default:
		return string(b.Type())
	}
}

// callDivergence shows a call that is not the recorded one.
func callDivergence(d calls) *Divergence {
	asked, recorded := d.Diverged()
	found := &Divergence{What: DivergedCall, Recorded: "no call", Now: "no call"}
	if recorded != nil {
		found.Recorded = describeCall(recorded)
	}
	if asked != nil {
		found.Now = describeCall(asked)
	}
	if asked == nil || recorded == nil || asked.Capability != recorded.Capability || asked.Method != recorded.Method {
		return found
	}
	if in := documents(DivergedCall, recorded.Request, asked.Request); in != nil && !recorded.Request.Equal(asked.Request) {
		in.Recorded, in.Now = describeName(recorded)+" "+in.Recorded, describeName(asked)+" "+in.Now
		return in
	}
	if recorded.Key != asked.Key {
		found.Recorded, found.Now = found.Recorded+" under key "+recorded.Key, found.Now+" under key "+asked.Key
	}
	return found
}

func describeName(c *event.CapabilityAnswered) string { return c.Capability + "." + c.Method }

func describeCall(c *event.CapabilityAnswered) string { return describeName(c) + " " + show(c.Request) }

// documents compares two documents byte for byte; nil: they are the same.
func documents(what string, was, now document.Document) *Divergence {
	if was.IsZero() == now.IsZero() && bytes.Equal(was.Bytes(), now.Bytes()) {
		return nil
	}
	d := &Divergence{What: what, Recorded: show(was), Now: show(now)}
	switch {
	case was.IsZero() || now.IsZero():
	case was.Equal(now):
		// The same value, in other words: say where the bytes part.
		a, b := was.Bytes(), now.Bytes()
		at := 0
		for at < len(a) && at < len(b) && a[at] == b[at] {
			at++
		}
		from := max(0, at-20)
		d.Recorded = fmt.Sprintf("the same value, from byte %d on as %s", at, clipped(string(a[from:])))
		d.Now = "as " + clipped(string(b[from:]))
	default:
		tokens, a, b, differ := firstDifference(values(was), values(now))
		if differ { // else they cannot be decoded, which documents can
			for _, token := range slices.Backward(tokens) {
				d.Pointer = member(d.Pointer, token)
			}
			d.Recorded, d.Now = text(a), text(b)
		}
	}
	return d
}

// nothing is what is not there.
type nothing struct{}

// firstDifference finds where two values part, members in the order of their keys:
// the pointer from its end on, and what stands there.
func firstDifference(a, b any) (pointer []string, was, now any, differ bool) {
	deeper := func(token string, x, y any) bool {
		if pointer, was, now, differ = firstDifference(x, y); differ {
			pointer = append(pointer, token)
		}
		return differ
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return nil, a, b, true
		}
		keys := append(slices.Collect(maps.Keys(x)), slices.Collect(maps.Keys(y))...)
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			if deeper(key, orNothing(x[key], has(x, key)), orNothing(y[key], has(y, key))) {
				return pointer, was, now, true
			}
		}
		return nil, nil, nil, false
	case []any:
		y, ok := b.([]any)
		if !ok {
			return nil, a, b, true
		}
		at := func(list []any, i int) any {
			if i < len(list) {
				return list[i]
			}
			return nothing{}
		}
		for i := range max(len(x), len(y)) {
			if deeper(strconv.Itoa(i), at(x, i), at(y, i)) {
				return pointer, was, now, true
			}
		}
		return nil, nil, nil, false
	case json.Number:
		y, ok := b.(json.Number)
		return nil, a, b, !ok || !sameNumber(x, y)
	}
	switch b.(type) {
	case map[string]any, []any:
		return nil, a, b, true
	}
	return nil, a, b, a != b
}

func has(m map[string]any, key string) bool { _, ok := m[key]; return ok }

func orNothing(v any, there bool) any {
	if !there {
		return nothing{}
	}
	return v
}

func text(v any) string {
	if _, absent := v.(nothing); absent {
		return "absent"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return clipped(string(b))
}

func show(d document.Document) string {
	if d.IsZero() {
		return "absent"
	}
	return clipped(string(d.Bytes()))
}

// readableBytes is how much of a value is shown.
const readableBytes = 200

func clipped(s string) string {
	if len(s) > readableBytes {
		s = strings.ToValidUTF8(s[:readableBytes], "") + "…"
	}
	return s
}

// hint says what may have caused a divergence. engine is the one that the attempt was
// executed by; one is nil where it is about no attempt.
func (r *replay) hint(d *Divergence, engine string, one *rerun) {
	hint := func(format string, args ...any) { d.Hints = append(d.Hints, fmt.Sprintf(format, args...)) }
	if d.What == DivergedDecision {
		hint("the record is not as it was written, or is that of another plan; or this version of chainrun decides otherwise, which is a bug: please report it")
		return
	}
	if strings.Contains(d.Recorded, "[secret:") {
		hint("a secret was taken out of the record which the node has from elsewhere: the replay does not know it")
	}
	if was, now := engine, r.options.Engine; was != "" && now != "" && was != now {
		hint("it was executed by %s, and now by %s: where a module lets the bits of a NaN be seen, they are the engine's; docs/determinism.md says more", was, now)
	}
	if one != nil && one.resumed > 0 {
		hint("the attempt was begun again after its host had stopped")
	}
	if d.What == DivergedOutcome {
		hint("the host's own limits (documents, logs, calls, call depth) may be others than those of the record")
	}
	hint("the record is not as it was written; or the node is no pure function of what it is given, which the sandbox should not allow: please report it with the module")
}
