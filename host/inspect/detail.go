package inspect

// All of one step.

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// StepDetail is all that a journal says of one step.
type StepDetail struct {
	Run string `json:"run"`
	// Step has no Elements where it is one of them, or inside of one.
	Step
	// CameFrom are the steps whose edges to it were taken; of an element, and of the
	// first steps inside a graph, there are none.
	CameFrom []string `json:"came_from,omitempty"`
	// Input is what it was given, Config what its node always is. Absent: it had none,
	// or it is not known (see Doubt).
	Input  document.Document `json:"input,omitzero"`
	Config document.Document `json:"config,omitzero"`
	Output document.Document `json:"output,omitzero"` // absent until it succeeded
	// Failure is why it failed, or why its last attempt did that is tried again; nil
	// where there is nothing to complain about (any more).
	Failure *failure.Failure `json:"failure,omitempty"`
	// Before and After are the state, an object of all keys: what it saw, and with what
	// it wrote. Absent where the graph declares none.
	Before document.Document `json:"state_before,omitzero"`
	After  document.Document `json:"state_after,omitzero"`
	// Inside are the steps of the graph that it runs, in canonical order, without those
	// inside of them. Those of a foreach are not listed: ask for an element.
	Inside []Step `json:"inside,omitempty"`
	// Tries are its attempts, in order.
	Tries []Try `json:"tries"`
	// Doubt says why input and state are not known: the journal and the graph do not fit
	// together, or there is no graph. "": they are.
	Doubt string `json:"doubt,omitempty"`
}

// Try is one attempt of a step.
type Try struct {
	Attempt    int        `json:"attempt"`
	Status     StepStatus `json:"status"`
	Started    time.Time  `json:"started,omitzero"` // absent where nothing was executed
	DurationMS float64    `json:"duration_ms"`
	Fuel       uint64     `json:"fuel"`
	// WaitMS is how long after the end of the attempt before it began.
	WaitMS float64 `json:"wait_ms,omitempty"`
	// Interrupted is how often the host stopped in the middle of it.
	Interrupted int `json:"interrupted,omitempty"`
	// Feedback is why the output before was refused, as the node was told.
	Feedback []failure.Violation `json:"feedback,omitempty"`
	Failure  *failure.Failure    `json:"failure,omitempty"`
	// Output is what the node returned; of an attempt that failed, what was refused.
	Output document.Document `json:"output,omitzero"`
	From   *Taken            `json:"from,omitempty"`
	Calls  []Call            `json:"calls,omitempty"`
	Kept   []Kept            `json:"kept,omitempty"`
	// Signal is the answer that it waited for; absent: none has come.
	Signal document.Document `json:"signal,omitzero"`
}

// Call is one call of a capability, as it was answered.
type Call struct {
	Ordinal    int               `json:"ordinal"`
	Capability string            `json:"capability"`
	Method     string            `json:"method"`
	Request    document.Document `json:"request,omitzero"`
	Answer     document.Document `json:"answer,omitzero"`
	Failure    *failure.Failure  `json:"failure,omitempty"`
	Usage      event.Usage       `json:"usage"`
	DurationMS float64           `json:"duration_ms"`
}

// Kept is one value that an attempt keeps beyond its run, or one addition.
type Kept struct {
	Space string            `json:"space"`
	Key   string            `json:"key"`
	Value document.Document `json:"value,omitzero"` // absent, and Add too: the key is deleted
	Add   document.Document `json:"add,omitzero"`   // to what was there when the attempt succeeded
}

// UnknownStepError means that a run has no such step: it never began, or there is none
// of this id.
type UnknownStepError struct {
	Run, Step string
	Nearest   []string // ids of the run that are written much like it, the likest first
}

// Error implements error.
func (e *UnknownStepError) Error() string {
	text := fmt.Sprintf("run %s has no step %q", e.Run, e.Step)
	if len(e.Nearest) > 0 {
		text += " (did you mean " + strings.Join(e.Nearest, " or ") + "?)"
	}
	return text
}

// Detail says all of one step, by its id, from the events of a run; the run need not
// have ended. g is the graph of its plan, or nil: then nobody knows what the step was
// given. The error is an [*UnknownStepError].
//
// It goes through the events once, and keeps those of the step alone.
func Detail(g *graph.Graph, events iter.Seq[event.Event], step string) (StepDetail, error) {
	d := detailer{
		folder: newFolder(g),
		out:    StepDetail{Tries: []Try{}},
		step:   step,
	}
	if g != nil {
		d.machine = stepper.New(g)
	} else {
		d.out.Doubt = "the graph of the run is not known"
	}
	near := nearest{wanted: step}
	for e := range events {
		d.out.Run = e.Run
		d.apply(e)
		near.look(stepOf(e.Body))
	}
	v := d.folder.finish()
	t := d.folder.steps[step]
	if t == nil {
		return StepDetail{}, &UnknownStepError{Run: d.out.Run, Step: step, Nearest: near.best()}
	}
	d.out.Step = t.Step
	if i := slices.IndexFunc(v.Steps, func(s Step) bool { return s.Step == step }); i >= 0 {
		d.out.Step = v.Steps[i] // with what is inside
	}
	d.out.Inside = d.folder.directly(step + "/")
	if t.node != nil {
		d.out.Config = t.node.Config
	}
	if d.out.Status == StepDone || d.out.Status == StepSkipped {
		d.out.Failure = nil
	}
	if last := len(d.out.Tries) - 1; last >= 0 && d.out.Tries[last].Status == StepRunning {
		d.out.Tries[last].Status = t.Status
		d.out.Tries[last].Interrupted = d.interrupted()
	}
	return d.out, nil
}

// directly gives the steps whose ids have a prefix and no steps around them below that.
func (f *folder) directly(prefix string) (list []Step) {
	var tracks []*track
	for id, s := range f.steps {
		if rest, ok := strings.CutPrefix(id, prefix); ok && !strings.ContainsAny(rest, "/#") {
			tracks = append(tracks, s)
		}
	}
	slices.SortFunc(tracks, inOrder)
	for _, s := range tracks {
		list = append(list, s.Step)
	}
	return list
}

type detailer struct {
	folder  *folder
	machine *stepper.Machine // nil: the journal does not fit the graph, or there is none
	step    string
	out     StepDetail
	known   bool      // what the machine says of the step was asked
	ended   time.Time // of the last attempt
	resumed int
}

// apply takes one event. What is inside other steps is not followed, so that a step of
// a large run costs no more than the machine.
func (d *detailer) apply(e event.Event) {
	id := stepOf(e.Body)
	inside := strings.HasPrefix(id, d.step) && (len(id) == len(d.step) || strings.ContainsRune("#/", rune(id[len(d.step)])))
	if id == "" || inside {
		d.folder.view.Run = e.Run
		d.folder.apply(e)
	} else if slices.Contains(around(d.step), id) {
		d.folder.apply(e) // whether it is over depends on it
	}
	var commands []stepper.Command
	if d.machine != nil {
		var err error
		if commands, err = d.machine.Apply(e); err != nil {
			d.machine = nil
			if !d.known {
				d.out.Doubt = "the journal does not fit the graph: " + err.Error()
			}
		}
	}
	if id == d.step {
		d.attempt(e)
	}
	for _, c := range commands {
		if c, ok := c.(stepper.Invoke); ok && c.Step == d.step {
			d.try(c.Number).Feedback = c.Feedback
		}
	}
	if inside && d.machine != nil {
		d.describe(id == d.step)
	}
}

// describe asks the machine what the step is given, once; and again at its end.
func (d *detailer) describe(itself bool) {
	if d.known && !itself {
		return
	}
	described, ok := d.machine.Describe(d.step)
	if !ok {
		return
	}
	d.known = true
	d.out.CameFrom, d.out.Input, d.out.Before, d.out.After = described.From, described.Input, described.Before, described.After
	if d.out.Output.IsZero() {
		d.out.Output = described.Output
	}
}

// try gives the attempt of this number.
func (d *detailer) try(number int) *Try {
	tries := d.out.Tries
	for i := len(tries) - 1; i >= 0; i-- {
		if tries[i].Attempt == number {
			return &tries[i]
		}
	}
	d.out.Tries = append(tries, Try{Attempt: number, Status: StepRunning})
	return &d.out.Tries[len(tries)]
}

// attempt takes an event of the step itself.
func (d *detailer) attempt(e event.Event) {
	switch b := e.Body.(type) {
	case event.AttemptStarted:
		t := d.try(b.Number)
		t.Started = e.Time
		if !d.ended.IsZero() {
			t.WaitMS = milliseconds(e.Time.Sub(d.ended))
		}
		d.resumed = d.folder.view.Resumed
	case event.AttemptSucceeded:
		t := d.end(b.Attempt, StepDone, b.Fuel, e.Time)
		t.Output, t.From = b.Output, takenFrom(b.From, b.CacheKey)
		for _, s := range b.Stored {
			t.Kept = append(t.Kept, Kept(s))
		}
		d.out.Output, d.out.Failure = b.Output, nil
	case event.AttemptFailed:
		status := StepFailed
		if b.Failure.Code == failure.Canceled {
			status = StepCanceled
		}
		t := d.end(b.Attempt, status, b.Fuel, e.Time)
		t.Output, t.Failure, t.From = b.Output, &b.Failure, takenFrom(b.From, "")
		d.out.Failure = &b.Failure
	case event.StepFailed:
		d.out.Failure = &b.Failure
	case event.CapabilityAnswered:
		t := d.try(b.Number)
		t.Calls = append(t.Calls, Call{
			Ordinal: b.Ordinal, Capability: b.Capability, Method: b.Method, Request: b.Request,
			Answer: b.Answer, Failure: b.Failure, Usage: b.Usage, DurationMS: milliseconds(b.Took),
		})
	case event.SignalReceived:
		if last := len(d.out.Tries) - 1; last >= 0 {
			d.out.Tries[last].Signal = b.Document
		}
	default:
		// The others are not of one attempt.
	}
}

func (d *detailer) end(a event.Attempt, status StepStatus, fuel uint64, now time.Time) *Try {
	t := d.try(a.Number)
	t.Status, t.Fuel = status, fuel
	if !t.Started.IsZero() {
		t.DurationMS = milliseconds(now.Sub(t.Started))
		t.Interrupted = d.interrupted()
	}
	d.ended = now
	return t
}

// interrupted counts how often the host has stopped since the last attempt began.
func (d *detailer) interrupted() int {
	if n := d.folder.steps[d.step].node; n != nil && n.Kind == graph.KindWait {
		return 0 // nothing is executed meanwhile
	}
	return d.folder.view.Resumed - d.resumed
}

// stepOf gives the step that a fact is of; "": of the run.
func stepOf(b event.Body) string {
	switch b := b.(type) {
	case event.AttemptStarted:
		return b.Step
	case event.AttemptSucceeded:
		return b.Step
	case event.AttemptFailed:
		return b.Step
	case event.StepFailed:
		return b.Step
	case event.StepSucceeded:
		return b.Step
	case event.StepSkipped:
		return b.Step
	case event.CapabilityAnswered:
		return b.Step
	case event.SignalReceived:
		return b.Step
	case event.RunStarted, event.RunFinished, event.RunResumed, event.TimerFired, event.CancelRequested:
	}
	return ""
}

// nearest finds ids that are written like another one.
type nearest struct {
	wanted string
	found  []candidate
}

type candidate struct {
	id       string
	distance int
}

// maxNearest is how many ids are suggested, maxSpelled the longest that is compared.
const (
	maxNearest = 3
	maxSpelled = 100
)

func (n *nearest) look(id string) {
	if at := strings.IndexByte(id, '#'); at > 0 && !strings.Contains(n.wanted, "#") {
		id = id[:at] // an element stands for its foreach
	}
	if id == "" || len(id) > maxSpelled || len(n.wanted) > maxSpelled {
		return
	}
	limit := max(2, len(n.wanted)/3)
	if len(n.found) == maxNearest {
		limit = min(limit, n.found[maxNearest-1].distance-1)
	}
	away := distance(n.wanted, id, limit)
	if end := strings.IndexAny(id, "[#"); end > 0 { // also without its turn or element
		away = min(away, distance(n.wanted, id[:end], limit))
	}
	if away > limit || slices.ContainsFunc(n.found, func(c candidate) bool { return c.id == id }) {
		return
	}
	n.found = append(n.found, candidate{id, away})
	slices.SortStableFunc(n.found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	n.found = n.found[:min(len(n.found), maxNearest)]
}

func (n *nearest) best() (ids []string) {
	for _, c := range n.found {
		ids = append(ids, c.id)
	}
	return ids
}

// distance counts the bytes to insert, delete or replace that make b of a; what is more
// than limit is limit+1.
func distance(a, b string, limit int) int {
	if max(len(a), len(b))-min(len(a), len(b)) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0]++
		for j := range len(b) {
			next := corner
			if a[i] != b[j] {
				next = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], next
		}
	}
	return min(row[len(b)], limit+1)
}
