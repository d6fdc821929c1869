package telemetry

// Exporters whose errors are told once and hurt nobody.

import (
	"context"
	"log/slog"
	"sync"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
)

// warning tells the first error of sending.
type warning struct {
	once   sync.Once
	logger *slog.Logger
}

func (w *warning) tell(err error) {
	if err == nil {
		return
	}
	w.once.Do(func() {
		w.logger.Warn("telemetry is not arriving; this is said once", slog.String("error", cut(err.Error(), maxTextBytes)))
	})
}

type quietSpans struct {
	trace.SpanExporter
	*warning
}

// ExportSpans implements trace.SpanExporter.
func (q quietSpans) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	q.tell(q.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

type quietMetrics struct {
	metric.Exporter
	*warning
}

// Export implements metric.Exporter.
func (q quietMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	q.tell(q.Exporter.Export(ctx, m))
	return nil
}

type quietLogs struct {
	sdklog.Exporter
	*warning
}

// Export implements sdklog.Exporter.
func (q quietLogs) Export(ctx context.Context, records []sdklog.Record) error {
	q.tell(q.Exporter.Export(ctx, records))
	return nil
}
