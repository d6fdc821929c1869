package telemetry

// Steps and attempts as spans, and how failures and documents stand on them.

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

const (
	// maxTextBytes bounds a text that nodes or the world wrote.
	maxTextBytes = 2 << 10
	// maxContentBytes bounds a document, where contents are told.
	maxContentBytes = 16 << 10
	// maxViolations bounds the violations that are told of one failure.
	maxViolations = 16
)

// ended is the end of an attempt.
type ended struct {
	number int
	fuel   uint64
	output document.Document
	why    *failure.Failure // nil: it succeeded
	from   *event.Origin    // nil: the node was executed
	cached bool
	at     time.Time
}

// emit makes a span whole.
func (r *run) emit(parent, what, name string, kind trace.SpanKind, begin, end time.Time, fill func(trace.Span)) {
	ctx := trace.ContextWithSpanContext(context.Background(), r.context.WithSpanID(spanOf(r.trace, parent)))
	ctx = withIDs(ctx, ids{span: spanOf(r.trace, what)})
	_, span := r.t.tracer.Start(ctx, name, trace.WithTimestamp(begin), trace.WithSpanKind(kind))
	if span.IsRecording() {
		fill(span)
	}
	span.End(trace.WithTimestamp(end))
}

func (s *step) what() string {
	if s.id == "" {
		return ""
	}
	return "step\n" + s.id
}

func (r *run) endStep(s *step, why *failure.Failure, at time.Time) {
	if !r.fresh {
		return
	}
	r.t.measures.step(r.graph, s.node, why, at.Sub(s.start))
	if !s.shown {
		return
	}
	r.emit(s.parent.what(), s.what(), "step "+s.node, trace.SpanKindInternal, s.start, at, func(span trace.Span) {
		span.SetAttributes(append(r.about(s), sums(s)...)...)
		if s.attempts > 0 {
			span.SetAttributes(attribute.Int("chainrun.step.attempts", s.attempts))
		}
		if s.elements > 0 {
			span.SetAttributes(attribute.Int("chainrun.step.elements", s.elements))
		}
		if s.hidden > 0 {
			span.SetAttributes(attribute.Int("chainrun.step.elements.omitted", s.hidden))
		}
		r.fail(span, why, at)
	})
}

func (r *run) endAttempt(s *step, e ended) {
	s.attempt = 0
	if !r.fresh || s.gone {
		return
	}
	r.t.measures.attempt(r.graph, s.node, e)
	if !r.room(s) {
		return
	}
	r.emit(s.what(), attemptName(s.id, e.number), "attempt "+s.node, trace.SpanKindInternal, s.began, e.at, func(span trace.Span) {
		span.SetAttributes(append(r.about(s), attribute.Int("chainrun.attempt", e.number), fuel(e.fuel))...)
		if e.from != nil {
			how := "fork"
			if e.cached {
				how = "cache"
			}
			span.SetAttributes(attribute.String("chainrun.origin", how), attribute.String("chainrun.origin.run", e.from.Run),
				attribute.String("chainrun.origin.step", cut(e.from.Step, maxTextBytes)))
		}
		r.tell(span, "chainrun.output", e.output)
		r.fail(span, e.why, e.at)
	})
}

// room takes room for one more span of a step.
func (r *run) room(s *step) bool {
	shown := s.shown && r.spans < maxSpans
	r.count(shown)
	return shown
}

// about says which step a span is about.
func (r *run) about(s *step) []attribute.KeyValue {
	list := []attribute.KeyValue{
		attribute.String("chainrun.run.id", r.id), attribute.String("chainrun.step.id", s.id), attribute.String("chainrun.node.name", s.node),
	}
	last := s.id[strings.LastIndexByte(s.id, '/')+1:]
	last, element, isElement := strings.Cut(last, "#")
	if _, turn, ok := strings.Cut(last, "["); ok {
		list = append(list, attribute.String("chainrun.step.turn", strings.TrimSuffix(turn, "]")))
	}
	if n, err := strconv.Atoi(element); isElement && err == nil {
		list = append(list, attribute.Int("chainrun.step.element", n))
	}
	return list
}

func fuel(n uint64) attribute.KeyValue { return attribute.Int64("chainrun.fuel", int64(n)) }

// sums are what a step, or a run, used up with all that is in it.
func sums(s *step) []attribute.KeyValue {
	list := []attribute.KeyValue{fuel(s.fuel)}
	if u := s.usage; u != (event.Usage{}) {
		list = append(list, attribute.Int64("chainrun.usage.calls", u.Calls), attribute.Int64("chainrun.usage.bytes", u.Bytes),
			attribute.Int64("chainrun.usage.input_tokens", u.InputTokens), attribute.Int64("chainrun.usage.output_tokens", u.OutputTokens),
			attribute.String("chainrun.usage.cost", event.CostText(u.Cost)))
	}
	return list
}

// fail puts a failure on a span: its code as the status, and an exception.
func (r *run) fail(span trace.Span, f *failure.Failure, at time.Time) {
	if f == nil {
		return
	}
	text := string(f.Code)
	if f.Reason != "" {
		text += ": " + cut(f.Reason, maxTextBytes)
	}
	list := []attribute.KeyValue{attribute.String("exception.type", string(f.Code)), attribute.String("exception.message", text)}
	if f.Message != "" && (r.t.contents || ours(f.Code)) {
		list[1] = attribute.String("exception.message", cut(f.Message, maxTextBytes))
	}
	if len(f.Violations) > 0 {
		var where []string
		for _, v := range f.Violations[:min(len(f.Violations), maxViolations)] {
			where = append(where, cut(v.Pointer+" "+v.Keyword, maxTextBytes/8))
		}
		list = append(list, attribute.StringSlice("chainrun.violations", where))
	}
	span.SetStatus(codes.Error, text)
	span.SetAttributes(attribute.String("error.type", string(f.Code)))
	if f.Reason != "" {
		span.SetAttributes(attribute.String("chainrun.failure.reason", cut(f.Reason, maxTextBytes)))
	}
	span.AddEvent("exception", trace.WithTimestamp(at), trace.WithAttributes(list...))
}

// ours reports whether a failure's message is made by the host alone: all others
// may hold parts of documents.
func ours(c failure.Code) bool {
	switch c {
	case failure.Timeout, failure.FuelExhausted, failure.MemoryExceeded, failure.LoopConflict, failure.MaxVisits, failure.MaxSteps,
		failure.Deadline, failure.Budget, failure.Interrupted:
		return true
	case failure.InvalidInput, failure.InvalidOutput, failure.InvalidState, failure.ExpressionError, failure.Trap, failure.NodeError,
		failure.CapabilityDenied, failure.CapabilityError, failure.Canceled:
		return false
	}
	return false
}

// tell puts a document on a span, where contents are told.
func (r *run) tell(span trace.Span, key string, d document.Document) {
	if r.t.contents && !d.IsZero() {
		span.SetAttributes(attribute.String(key, cut(string(d.Bytes()[:min(len(d.Bytes()), maxContentBytes+1)]), maxContentBytes)))
	}
}

// cut keeps the beginning of a text, in whole characters of UTF-8.
func cut(s string, most int) string {
	if len(s) > most {
		n := most - len("…")
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
