package inspect

// From events to a view.

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// Fold makes the view of a run from its events, from the first one on; the run
// need not have ended. g is the graph of its plan; without it (nil) the steps come in
// the order of their ids, and nobody is said to wait. Nothing else is needed, so
// the same events give the same view.
func Fold(g *graph.Graph, events iter.Seq[event.Event]) View {
	return newFolder(g).fold(events)
}

func newFolder(g *graph.Graph) *folder {
	return &folder{view: View{Status: Running}, graph: g, names: names{}, steps: map[string]*track{}}
}

func (f *folder) fold(events iter.Seq[event.Event]) View {
	var machine *stepper.Machine
	if f.graph.Waits() {
		machine = stepper.New(f.graph)
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

// track is what the events so far say of one step.
type track struct {
	Step
	began, ended time.Time
	node         *graph.Node // nil: the graph has no such step
	place        []int
	outcomes     []event.Body // for the lineage

	trying  bool // an attempt is under way
	resumed int  // how often the run had been when it began
	refused bool // an output of it was
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
		f.begin(b, e.Time)
	case event.AttemptStarted:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status, s.Attempts = StepRunning, b.Number
		s.trying, s.resumed = true, f.view.Resumed
		if last := len(s.Failures) - 1; last >= 0 {
			s.Failures[last].WaitMS = milliseconds(e.Time.Sub(s.ended))
		}
		if s.node != nil && s.node.Kind == graph.KindWait {
			s.Status = StepWaiting
		}
	case event.AttemptSucceeded:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepDone
		s.From = takenFrom(b.From, b.CacheKey)
		if s.refused {
			s.Repaired = b.Number
		}
		f.end(s, b, b.Fuel, e.Time)
	case event.AttemptFailed:
		s := f.step(b.Step, b.Node, e.Time)
		// Another attempt or the run's end says more.
		s.Status = StepFailed
		if b.Failure.Code == failure.Canceled {
			s.Status = StepCanceled
		}
		s.From = takenFrom(b.From, "")
		s.refused = s.refused || b.Failure.Code == failure.InvalidOutput
		s.failed(b.Number, b.Failure, b.Fuel)
		f.end(s, b, b.Fuel, e.Time)
	case event.StepFailed:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepFailed
		s.failed(0, b.Failure, 0)
		f.end(s, b, 0, e.Time)
	case event.StepSkipped:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepSkipped
		f.end(s, b, 0, e.Time)
	case event.RunFinished:
		f.finished = &b
		f.view.Ended = e.Time
	case event.StepSucceeded:
		s := f.step(b.Step, b.Node, e.Time)
		s.Status = StepDone
		f.end(s, b, 0, e.Time)
	case event.CapabilityAnswered:
		s := f.step(b.Step, b.Node, e.Time)
		s.Usage = s.Usage.Plus(b.Usage)
		f.view.Usage = f.view.Usage.Plus(b.Usage)
	case event.RunResumed:
		f.view.Resumed++
		f.view.Cassette = f.view.Cassette || b.Cassette
		f.executedBy(b.Engine)
	case event.TimerFired, event.CancelRequested, event.SignalReceived:
		// They show in what follows.
	}
}

func (f *folder) begin(b event.RunStarted, now time.Time) {
	f.view.Graph, f.view.Started, f.view.Cassette = b.Graph, now, b.Cassette
	f.executedBy(b.Engine)
	if b.Forked == nil {
		return
	}
	f.view.ForkedFrom = &Fork{Run: b.Forked.Run, Step: b.Forked.Step, Input: !b.Forked.Input.IsZero()}
	for _, field := range b.Forked.State {
		f.view.ForkedFrom.State = append(f.view.ForkedFrom.State, field.Key)
	}
}

func (f *folder) executedBy(engine string) {
	known := f.view.Engines
	if engine != "" && len(known) < MaxNamed && (len(known) == 0 || known[len(known)-1] != engine) {
		f.view.Engines = append(known, engine)
	}
}

// failed notes why an attempt, or the step, failed.
func (s *track) failed(attempt int, f failure.Failure, fuel uint64) {
	s.Failures = append(s.Failures, StepFailure{
		Attempt: attempt, Code: f.Code, Reason: f.Reason, Message: f.Message, Violations: f.Violations, Fuel: fuel,
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

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
	f.interrupted(s)
	s.outcomes = append(s.outcomes, outcome)
	s.Fuel += fuel
	f.view.Fuel += fuel
}

// interrupted counts how often the host has stopped since the attempt under way began.
func (f *folder) interrupted(s *track) {
	if s.trying && (s.node == nil || s.node.Kind != graph.KindWait) {
		s.Interrupted += f.view.Resumed - s.resumed
	}
	s.trying, s.resumed = false, f.view.Resumed
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
		f.interrupted(s)
		if !s.ended.IsZero() {
			s.DurationMS = milliseconds(s.ended.Sub(s.began))
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
		if s.Status == StepWaiting && s.node != nil && s.node.Kind == graph.KindWait && !s.hasInside() {
			v.Waits = append(v.Waits, s.Step.Step)
		}
		owner, element, ok := strings.Cut(s.Step.Step, "#")
		if !ok {
			v.Steps = append(v.Steps, s.Step)
			continue
		}
		// Its foreach comes before it, and after that nothing but what is in it.
		if len(v.Steps) == 0 || v.Steps[len(v.Steps)-1].Step != owner {
			continue // no journal of ours
		}
		last := &v.Steps[len(v.Steps)-1]
		if !strings.Contains(element, "/") {
			last.element(s.Step)
		}
		last.insideOf(s.Step)
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

// element counts an element.
func (s *Step) element(e Step) {
	s.Elements++
	if e.From != nil {
		s.ElementsTaken++
	}
	if e.Status != StepFailed {
		return
	}
	s.ElementsFailed++
	if len(s.FailedElements) < MaxNamed {
		s.FailedElements = append(s.FailedElements, e.Step)
	}
}

// insideOf counts what was refused and repaired in a step inside of an element.
func (s *Step) insideOf(inner Step) {
	if inner.Repaired > 0 {
		s.RepairedInside++
	}
	for _, f := range inner.Failures {
		if f.Attempt > 0 && f.Code == failure.InvalidOutput {
			s.RefusedInside++
		}
	}
}
