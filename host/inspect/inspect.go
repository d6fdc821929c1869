// Package inspect folds the events of a run into what people want to know of
// it: a [View] of its steps, its result, and the digest of its lineage.
package inspect

import (
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

// Fold makes the view of a run from its events, from the first one on; the run
// need not have ended. g is the graph of its plan. Nothing else is needed, so
// the same events give the same view.
func Fold(g *graph.Graph, events iter.Seq[event.Event]) View {
	f := folder{view: View{Status: Running}, graph: g, names: names{}, steps: map[string]*track{}}
	var machine *stepper.Machine
	if waits(g, map[*graph.Graph]bool{}) {
		machine = stepper.New(g)
	}
	for e := range events {
		f.view.Run = e.Run
		f.apply(e)
		if machine != nil {
			if _, err := machine.Apply(e); err != nil {
				machine = nil // the journal is damaged; show what it says
			}
		}
	}
	if machine != nil && machine.Resting() {
		f.view.Status = Waiting
	}
	return f.finish()
}

// waits reports whether a graph, or one inside it, has a node that waits.
func waits(g *graph.Graph, seen map[*graph.Graph]bool) bool {
	if g == nil || seen[g] {
		return false
	}
	seen[g] = true
	return slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return n.Kind == graph.KindWait || waits(n.Sub, seen) })
}

// track is what the events so far say of one step.
type track struct {
	Step
	began, ended time.Time
	node         *graph.Node // nil: the graph has no such step
	place        []int
	outcomes     []event.Body // for the lineage
}

type folder struct {
	view     View
	graph    *graph.Graph
	names    names
	started  event.RunStarted
	finished *event.RunFinished
	steps    map[string]*track
}

func (f *folder) apply(e event.Event) {
	switch b := e.Body.(type) {
	case event.RunStarted:
		f.started = b
	case event.AttemptStarted:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status, s.Attempts = StepRunning, b.Number
		if s.node != nil && s.node.Kind == graph.KindWait {
			s.Status = StepWaiting
		}
	case event.AttemptSucceeded:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepDone
		f.end(s, b, b.Fuel, e.Time)
	case event.AttemptFailed:
		s := f.step(b.Step, b.Node, e.Time)
		// Another attempt or the run's end says more.
		s.Status = StepFailed
		if b.Failure.Code == failure.Canceled {
			s.Status = StepCanceled
		}
		f.end(s, b, b.Fuel, e.Time)
	case event.StepFailed:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepFailed
		f.end(s, b, 0, e.Time)
	case event.StepSkipped:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepSkipped
		f.end(s, b, 0, e.Time)
	case event.RunFinished:
		f.finished = &b
	case event.StepSucceeded:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepDone
		f.end(s, b, 0, e.Time)
	case event.CapabilityAnswered:
		s := f.step(b.Step, b.Node, e.Time)
		s.Usage = s.Usage.Plus(b.Usage)
		f.view.Usage = f.view.Usage.Plus(b.Usage)
	case event.TimerFired, event.CancelRequested, event.SignalReceived, event.RunResumed:
		// They show in what follows.
	}
}

func (f *folder) step(id, node string, now time.Time) *track {
	s := f.steps[id]
	if s == nil {
		s = &track{Step: Step{Step: id, Node: node, Status: StepRunning}, began: now}
		s.node, s.place = f.names.locate(f.graph, id)
		f.steps[id] = s
		for _, outer := range around(id) {
			if f.steps[outer] != nil {
				break
			}
			f.step(outer, nodeOf(outer), now)
		}
	}
	return s
}

func (f *folder) end(s *track, outcome event.Body, fuel uint64, now time.Time) {
	s.ended = now
	s.outcomes = append(s.outcomes, outcome)
	s.Fuel += fuel
	f.view.Fuel += fuel
}

// await says of the steps with others inside that they wait, where nothing inside
// does anything else.
func (f *folder) await(tracks []*track) {
	busy, waits := map[string]bool{}, map[string]bool{}
	for _, s := range tracks {
		marks := busy
		switch {
		case s.Status == StepWaiting:
			marks = waits
		case s.Status != StepRunning || s.hasInside():
			continue
		}
		for _, outer := range around(s.Step.Step) {
			marks[outer] = true
		}
	}
	for _, s := range tracks {
		if id := s.Step.Step; s.Status == StepRunning && waits[id] && !busy[id] {
			s.Status = StepWaiting
		}
	}
}

// hasInside reports whether other steps are inside of the step.
func (s *track) hasInside() bool {
	last := s.Step.Step[strings.LastIndexByte(s.Step.Step, '/')+1:]
	return s.node != nil && (s.node.Sub != nil || s.node.Foreach != nil && !strings.Contains(last, "#"))
}

// over reports whether a step that has not ended never will: the run has, or a
// step around it.
func (f *folder) over(s *track) bool {
	return f.finished != nil || slices.ContainsFunc(around(s.Step.Step), func(outer string) bool { return !f.steps[outer].ended.IsZero() })
}

func (f *folder) finish() View {
	tracks := make([]*track, 0, len(f.steps))
	for _, s := range f.steps {
		if !s.ended.IsZero() {
			s.DurationMS = float64(s.ended.Sub(s.began).Microseconds()) / 1000
		}
		if (s.Status == StepRunning || s.Status == StepWaiting) && f.over(s) {
			s.Status = StepCanceled
		}
		tracks = append(tracks, s)
	}
	f.await(tracks)
	slices.SortFunc(tracks, inOrder)
	v := f.view
	v.Steps = make([]Step, 0, len(tracks))
	for _, s := range tracks {
		owner, element, ok := strings.Cut(s.Step.Step, "#")
		if !ok {
			v.Steps = append(v.Steps, s.Step)
			continue
		}
		// Its foreach comes before it, and after that nothing but what is in it.
		last := &v.Steps[len(v.Steps)-1]
		if last.Step != owner {
			continue
		}
		if !strings.Contains(element, "/") {
			last.Elements++
		}
		last.Attempts += s.Attempts
		last.Fuel += s.Fuel
		last.Usage = last.Usage.Plus(s.Usage)
	}
	if f.finished != nil {
		v.Status = string(f.finished.Status)
		v.Output = f.finished.Output
		v.Failure = f.finished.Failure
		v.Digest = f.lineage(tracks)
	}
	return v
}
