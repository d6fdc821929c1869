// Package inspect folds the events of a run into what people want to know of
// it: a [View] of its steps, its result, and the digest of its lineage.
package inspect

import (
	"iter"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// The status of a run that has not ended. The others are those of package
// event. Fold says Running: whether a process still owns the run, which makes
// the difference to Interrupted, is not in the journal.
const (
	Running     = "running"
	Interrupted = "interrupted"
)

// View is a run as `--json` prints it.
type View struct {
	Run     string            `json:"run"`
	Status  string            `json:"status"`
	Output  document.Document `json:"output"`  // absent (null) where the run is not done
	Failure *failure.Failure  `json:"failure"` // nil (null) where there is none
	Steps   []Step            `json:"steps"`   // in canonical order; what never began is not among them
	Fuel    uint64            `json:"fuel"`    // of all attempts that ended
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
}

// StepStatus is how a step stands.
type StepStatus string

// The states of a step. A step whose failure was routed has failed, although
// the run goes on. One that was under way when the run ended is canceled.
const (
	StepRunning  StepStatus = "running"
	StepDone     StepStatus = "done"
	StepFailed   StepStatus = "failed"
	StepSkipped  StepStatus = "skipped"
	StepCanceled StepStatus = "canceled"
)

// Fold makes the view of a run from its events, from the first one on; the run
// need not have ended. g is the graph of its plan. Nothing else is needed, so
// the same events give the same view.
func Fold(g *graph.Graph, events iter.Seq[event.Event]) View {
	f := folder{view: View{Status: Running}, steps: map[string]*track{}}
	for e := range events {
		f.view.Run = e.Run
		f.apply(e)
	}
	return f.finish(g)
}

// track is what the events so far say of one step.
type track struct {
	Step
	began, ended time.Time
	place        []int
	outcomes     []event.Body // for the lineage
}

type folder struct {
	view     View
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
		s.ended = e.Time
	case event.TimerFired, event.CancelRequested, event.SignalReceived:
		// They show in what follows.
	}
}

func (f *folder) step(id, node string, now time.Time) *track {
	s := f.steps[id]
	if s == nil {
		s = &track{Step: Step{Step: id, Node: node}, began: now}
		f.steps[id] = s
	}
	return s
}

func (f *folder) end(s *track, outcome event.Body, fuel uint64, now time.Time) {
	s.ended = now
	s.outcomes = append(s.outcomes, outcome)
	s.Fuel += fuel
	f.view.Fuel += fuel
}

func (f *folder) finish(g *graph.Graph) View {
	nodes := namesOf(g)
	tracks := make([]*track, 0, len(f.steps))
	for _, s := range f.steps {
		s.place = placeOf(nodes, s.Step.Step, s.Node)
		if !s.ended.IsZero() {
			s.DurationMS = float64(s.ended.Sub(s.began).Microseconds()) / 1000
		}
		tracks = append(tracks, s)
	}
	slices.SortFunc(tracks, inOrder)
	v := f.view
	v.Steps = make([]Step, len(tracks))
	for i, s := range tracks {
		if f.finished != nil && s.Status == StepRunning {
			s.Status = StepCanceled
		}
		v.Steps[i] = s.Step
	}
	if f.finished != nil {
		v.Status = string(f.finished.Status)
		v.Output = f.finished.Output
		v.Failure = f.finished.Failure
		v.Digest = lineage(nodes, f.started, *f.finished, tracks)
	}
	return v
}
