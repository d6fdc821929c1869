package telemetry

// One run's spans: opened by the first event that names them, sent when they end.
// Only the run's own is begun at once (whether it is sampled holds for all); the
// others are made whole from what was kept of them.

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

const (
	// maxSpans bounds the spans of one run; the others are counted on the run's.
	maxSpans = 10_000
	// maxElements bounds the elements of one foreach that have spans.
	maxElements = 1_000
)

// run is what is kept of a run under way.
type run struct {
	t     *Telemetry
	id    string
	trace trace.TraceID

	mu      sync.Mutex
	span    trace.Span // nil: no spans
	context trace.SpanContext
	graph   string
	root    step // not a step: the steps below it, and sums
	steps   map[string]*step
	gone    map[string]bool // steps with others inside that have ended, and those that were given up
	fresh   bool            // whether what happens now is to be sent
	spans   int
	omitted int
	skipped int
}

// step is what is kept of a step until it has ended for good. A failed one may be
// tried again, so it ends with what it is in.
type step struct {
	id, node    string
	parent      *step
	inside      map[string]*step
	shown       bool
	gone        bool // it had ended before
	start, last time.Time
	attempts    int
	elements    int
	hidden      int // elements without spans
	fuel        uint64
	usage       event.Usage
	failed      *failure.Failure

	attempt  int // the number of the one under way; 0: none is
	began    time.Time
	answered time.Time // when its last call was answered
}

func newRun(t *Telemetry, e event.Event) *run {
	r := &run{t: t, id: e.Run, trace: traceOf(e.Run), steps: map[string]*step{}, gone: map[string]bool{}}
	r.root = step{shown: t.tracer != nil, start: e.Time, last: e.Time}
	if started, ok := e.Body.(event.RunStarted); ok {
		r.graph = started.Graph
	}
	if t.tracer != nil {
		ctx := withIDs(context.Background(), ids{r.trace, spanOf(r.trace, "")})
		_, r.span = t.tracer.Start(ctx, strings.TrimSpace("run "+r.graph), trace.WithNewRoot(), trace.WithTimestamp(e.Time))
		r.context = r.span.SpanContext()
		r.spans = 1
	}
	return r
}

func (r *run) apply(e event.Event, fresh bool) {
	r.fresh = fresh
	r.root.last = e.Time
	switch b := e.Body.(type) {
	case event.RunStarted:
		r.started(b)
	case event.AttemptStarted:
		s := r.step(b.Step, b.Node, e.Time)
		s.attempt, s.began, s.answered, s.failed = b.Number, e.Time, e.Time, nil
		s.attempts = max(s.attempts, b.Number)
	case event.CapabilityAnswered:
		r.call(r.step(b.Step, b.Node, e.Time), b, e.Time)
	case event.AttemptSucceeded:
		s := r.step(b.Step, b.Node, e.Time)
		s.add(b.Fuel, event.Usage{})
		r.endAttempt(s, ended{number: b.Number, fuel: b.Fuel, output: b.Output, from: b.From, cached: b.CacheKey != "", at: e.Time})
		r.end(s, nil, e.Time)
	case event.AttemptFailed:
		s := r.step(b.Step, b.Node, e.Time)
		s.add(b.Fuel, event.Usage{})
		r.endAttempt(s, ended{number: b.Number, fuel: b.Fuel, output: b.Output, why: &b.Failure, from: b.From, at: e.Time})
		s.failed, s.last = &b.Failure, e.Time
	case event.StepSucceeded:
		r.end(r.step(b.Step, b.Node, e.Time), nil, e.Time)
	case event.StepFailed:
		if b.Failure.Code == failure.LoopConflict && r.steps[b.Step] == nil {
			break // found when the turn was at rest: the step's span is sent, the run's failure says it
		}
		r.end(r.step(b.Step, b.Node, e.Time), &b.Failure, e.Time)
	case event.StepSkipped:
		r.skipped++
	case event.CancelRequested:
		if r.span != nil && fresh {
			r.span.AddEvent("chainrun.cancel_requested", trace.WithTimestamp(e.Time))
		}
	case event.RunResumed: // the attempts under way go on
		if r.span != nil {
			r.span.AddEvent("chainrun.run_resumed", trace.WithTimestamp(e.Time))
		}
	case event.RunFinished:
		r.finish(b, e.Time)
	case event.SignalReceived, event.TimerFired: // the attempt that waited for it says it
	}
}

// step finds a step, or opens it with those that it is in.
func (r *run) step(id, node string, at time.Time) *step {
	if s := r.steps[id]; s != nil {
		return s
	}
	parent, index := r.parent(id, at)
	s := &step{id: id, node: node, parent: parent, start: at, last: at}
	if s.gone = parent.gone || r.gone[id]; s.gone {
		return s // what comes after the end changes nothing
	}
	s.shown = parent.shown && r.spans < maxSpans && index < maxElements
	if index >= 0 {
		parent.elements++
		if !s.shown {
			parent.hidden++
		}
	}
	r.count(s.shown)
	if parent.inside == nil {
		parent.inside = map[string]*step{}
	}
	parent.inside[id] = s
	r.steps[id] = s
	return s
}

// parent is what a step is in: score#17 in score, sub#3/score in sub#3, sub/score
// in sub, all others in the run. index is that of an element, else -1.
func (r *run) parent(id string, at time.Time) (p *step, index int) {
	i := strings.LastIndexAny(id, "#/")
	if i < 0 {
		return &r.root, -1
	}
	index = -1
	if id[i] == '#' {
		if n, err := strconv.Atoi(id[i+1:]); err == nil {
			index = n
		}
	}
	outer := id[:i]
	name, _, _ := strings.Cut(outer[strings.LastIndexByte(outer, '/')+1:], "#")
	name, _, _ = strings.Cut(name, "[")
	return r.step(outer, name, at), index
}

// count counts a span that is shown or left out.
func (r *run) count(shown bool) {
	switch {
	case r.span == nil:
	case shown:
		r.spans++
	default:
		r.omitted++
	}
}

// add adds to a step's sums and to those of all that it is in.
func (s *step) add(fuel uint64, u event.Usage) {
	for ; s != nil; s = s.parent {
		s.fuel += fuel
		s.usage = s.usage.Plus(u)
	}
}

// close ends what is inside a step that ends: failed steps, and those that were
// given up.
func (r *run) close(s *step, at time.Time) {
	for _, id := range slices.Sorted(maps.Keys(s.inside)) {
		one := s.inside[id]
		if one.attempt == 0 && one.failed != nil {
			at := one.last
			r.end(one, one.failed, at)
			continue
		}
		r.gone[id] = true
		r.end(one, &failure.Failure{Code: failure.Canceled}, at)
	}
}

func (r *run) end(s *step, why *failure.Failure, at time.Time) {
	if s.gone {
		return
	}
	if s.attempt > 0 {
		r.endAttempt(s, ended{number: s.attempt, why: why, at: at})
	}
	if s.inside != nil {
		r.gone[s.id] = true
	}
	r.close(s, at)
	delete(r.steps, s.id)
	delete(s.parent.inside, s.id)
	r.endStep(s, why, at)
}

func (r *run) started(b event.RunStarted) {
	r.graph = b.Graph
	if r.span != nil {
		r.span.SetAttributes(
			attribute.String("chainrun.run.id", r.id), attribute.String("chainrun.graph.name", b.Graph),
			attribute.String("chainrun.plan.digest", b.Plan))
		if b.Forked != nil {
			r.span.SetAttributes(attribute.String("chainrun.run.forked_from", b.Forked.Run))
		}
		r.tell(r.span, "chainrun.input", b.Input)
	}
	if r.fresh {
		r.t.measures.started(b.Graph)
	}
}

func (r *run) finish(b event.RunFinished, at time.Time) {
	r.close(&r.root, at)
	if r.fresh {
		r.t.measures.finished(r.graph, b, at.Sub(r.root.start))
	}
	if r.span == nil || !r.fresh {
		return
	}
	list := append(sums(&r.root), attribute.String("chainrun.run.status", string(b.Status)))
	if r.skipped > 0 {
		list = append(list, attribute.Int("chainrun.steps.skipped", r.skipped))
	}
	if r.omitted > 0 {
		list = append(list, attribute.Int("chainrun.spans.omitted", r.omitted))
	}
	r.span.SetAttributes(list...)
	r.fail(r.span, b.Failure, at)
	r.tell(r.span, "chainrun.output", b.Output)
	r.span.End(trace.WithTimestamp(at))
}
