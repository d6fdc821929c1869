package telemetry

// Metrics: few, and with labels of which there are few.

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// maxLabels bounds the different values of one label; what comes later is told
// as other. The SDK bounds their combinations.
const (
	maxLabels = 200
	other     = "_OTHER"
)

type measures struct {
	runsStarted, runsFinished, failures, fuel, calls metric.Int64Counter
	cost                                             metric.Float64Counter
	runTime, stepTime, callTime, operationTime       metric.Float64Histogram
	tokens                                           metric.Int64Histogram

	mu     sync.Mutex
	labels map[string]map[string]bool
}

func newMeasures(m metric.Meter) (*measures, error) {
	var first error
	counter := func(name, unit, text string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(text))
		first = or(first, err)
		return c
	}
	seconds := metric.WithExplicitBucketBoundaries(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
	times := func(name, text string, buckets metric.HistogramOption) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(text), buckets)
		first = or(first, err)
		return h
	}
	s := &measures{
		labels:       map[string]map[string]bool{},
		runsStarted:  counter("chainrun.run.started", "{run}", "Runs that began."),
		runsFinished: counter("chainrun.run.finished", "{run}", "Runs that ended, by how."),
		failures:     counter("chainrun.attempt.failures", "{attempt}", "Attempts that failed, by code."),
		fuel:         counter("chainrun.fuel", "{instruction}", "Executed WebAssembly instructions."),
		calls:        counter("chainrun.capability.calls", "{call}", "Answered calls of capabilities."),
		runTime:      times("chainrun.run.duration", "How long runs took.", seconds),
		stepTime:     times("chainrun.step.duration", "How long steps took, all attempts together.", seconds),
		callTime:     times("chainrun.capability.duration", "How long calls of capabilities took.", seconds),
		operationTime: times("gen_ai.client.operation.duration", "GenAI operation duration.",
			metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)),
	}
	var err error
	s.tokens, err = m.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"), metric.WithDescription("Number of input and output tokens used."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864))
	first = or(first, err)
	s.cost, err = m.Float64Counter("chainrun.capability.cost", metric.WithDescription("What calls cost, in the unit of the prices."))
	if first = or(first, err); first != nil {
		return nil, fmt.Errorf("making instruments: %w", first)
	}
	return s, nil
}

func or(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// label gives a value of a label while there are few of them. Values that a node
// can make up are only admitted with something that they succeeded in.
func (m *measures) label(key, value string, admit bool) attribute.KeyValue {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.labels[key]
	if !known[value] {
		if !admit || len(known) >= maxLabels || len(value) > maxTextBytes/8 {
			return attribute.String(key, other)
		}
		if known == nil {
			known = map[string]bool{}
			m.labels[key] = known
		}
		known[cut(value, maxTextBytes)] = true
	}
	return attribute.String(key, value)
}

func with(list ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(list...))
}

func (m *measures) started(graph string) {
	if m != nil {
		m.runsStarted.Add(context.Background(), 1, with(m.label("chainrun.graph.name", graph, true)))
	}
}

func (m *measures) finished(graph string, b event.RunFinished, took time.Duration) {
	if m == nil {
		return
	}
	list := []attribute.KeyValue{m.label("chainrun.graph.name", graph, true), attribute.String("chainrun.run.status", string(b.Status))}
	list = append(list, failed(b.Failure)...)
	m.runsFinished.Add(context.Background(), 1, with(list...))
	m.runTime.Record(context.Background(), took.Seconds(), with(list...))
}

func (m *measures) at(graph, node string, more ...attribute.KeyValue) metric.MeasurementOption {
	return with(append(more, m.label("chainrun.graph.name", graph, true), m.label("chainrun.node.name", node, true))...)
}

func (m *measures) step(graph, node string, why *failure.Failure, took time.Duration) {
	if m != nil {
		m.stepTime.Record(context.Background(), took.Seconds(), m.at(graph, node, failed(why)...))
	}
}

func (m *measures) attempt(graph, node string, e ended) {
	if m == nil {
		return
	}
	if e.fuel > 0 && e.from == nil {
		m.fuel.Add(context.Background(), int64(e.fuel), m.at(graph, node))
	}
	if e.why != nil {
		m.failures.Add(context.Background(), 1, m.at(graph, node, failed(e.why)...))
	}
}

// failed is a failure's code as a label: a closed set.
func failed(f *failure.Failure) []attribute.KeyValue {
	if f == nil {
		return nil
	}
	return []attribute.KeyValue{attribute.String("error.type", string(f.Code))}
}

func (m *measures) call(b event.CapabilityAnswered, c call, took time.Duration) {
	if m == nil {
		return
	}
	ctx, ok := context.Background(), b.Failure == nil
	set := with(append(failed(b.Failure), m.label("chainrun.capability.name", b.Capability, ok), m.label("chainrun.capability.method", b.Method, ok))...)
	m.calls.Add(ctx, 1, set)
	m.callTime.Record(ctx, took.Seconds(), set)
	if b.Usage.Cost > 0 {
		m.cost.Add(ctx, float64(b.Usage.Cost)/1e9, set)
	}
	if c.operation == "" {
		return
	}
	about := []attribute.KeyValue{attribute.String("gen_ai.operation.name", c.operation), attribute.String("gen_ai.provider.name", c.provider)}
	if c.model != "" {
		about = append(about, m.label("gen_ai.request.model", c.model, ok))
	}
	m.operationTime.Record(ctx, took.Seconds(), with(append(failed(b.Failure), about...)...))
	for _, t := range []struct {
		kind  string
		count int64
	}{{"input", b.Usage.InputTokens}, {"output", b.Usage.OutputTokens}} {
		if t.count > 0 {
			m.tokens.Record(ctx, t.count, with(append([]attribute.KeyValue{attribute.String("gen_ai.token.type", t.kind)}, about...)...))
		}
	}
}
