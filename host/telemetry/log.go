package telemetry

// What nodes log, as records that know their span.

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/trace"
)

// Handler receives what nodes log, with the attributes that host.WithLogger
// promises: step and attempt. The run is the attribute "run", or where there is
// none the only run under way; records of which the run is not known have no
// span. It is a handler that drops everything where no logs are asked for.
func (t *Telemetry) Handler() slog.Handler {
	if t == nil || t.logs == nil {
		return slog.DiscardHandler
	}
	return &handler{t: t, Handler: otelslog.NewHandler(scope, otelslog.WithLoggerProvider(t.logs))}
}

type handler struct {
	slog.Handler
	t     *Telemetry
	attrs []slog.Attr // of With, outside of groups
	group bool
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var run, step string
	var attempt int64
	place := func(a slog.Attr) bool {
		switch {
		case a.Key == "run" && a.Value.Kind() == slog.KindString:
			run = a.Value.String()
		case a.Key == "step" && a.Value.Kind() == slog.KindString:
			step = a.Value.String()
		case a.Key == "attempt" && a.Value.Kind() == slog.KindInt64:
			attempt = a.Value.Int64()
		}
		return true
	}
	for _, a := range h.attrs {
		place(a)
	}
	if !h.group {
		r.Attrs(place)
	}
	if only := h.t.active.Load(); run == "" && only != nil {
		run = *only
	}
	if run != "" && step != "" {
		id := traceOf(run)
		name := "step\n" + step
		if attempt > 0 {
			name = attemptName(step, int(attempt))
		}
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: id, SpanID: spanOf(id, name), TraceFlags: trace.FlagsSampled,
		}))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.Handler = h.Handler.WithAttrs(attrs)
	if !h.group {
		c.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	}
	return &c
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.Handler, c.group = h.Handler.WithGroup(name), h.group || name != ""
	return &c
}
