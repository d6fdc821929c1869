package telemetry

// Ids of traces and spans: hashes of what they are about.

import (
	"context"
	"crypto/sha256"
	"strconv"

	"go.opentelemetry.io/otel/trace"
)

// traceOf is the id of a run's trace.
func traceOf(run string) trace.TraceID {
	sum := sha256.Sum256([]byte("chainrun trace 1\n" + run))
	return trace.TraceID(sum[:16])
}

// spanOf is the id of a span: "" for the run, else what it is about. A hash of
// zeros, which would be no id, does not happen.
func spanOf(t trace.TraceID, what string) trace.SpanID {
	sum := sha256.Sum256(append(t[:], what...))
	return trace.SpanID(sum[:8])
}

func attemptName(step string, number int) string { return step + "\n" + strconv.Itoa(number) }

func callName(step string, number, ordinal int) string {
	return attemptName(step, number) + "\n" + strconv.Itoa(ordinal)
}

type wanted struct{}

type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

// withIDs asks the generator below for these ids.
func withIDs(ctx context.Context, i ids) context.Context { return context.WithValue(ctx, wanted{}, i) }

// generator gives the ids that its context asks for. Every span of this package
// is started with such a context.
type generator struct{}

// NewIDs implements sdk/trace.IDGenerator.
func (generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	i, _ := ctx.Value(wanted{}).(ids)
	return i.trace, i.span
}

// NewSpanID implements sdk/trace.IDGenerator.
func (generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	i, _ := ctx.Value(wanted{}).(ids)
	return i.span
}
