package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainrun/chainrun/host/event"
)

// scope names this package in what is sent.
const scope = "github.com/chainrun/chainrun/host/telemetry"

// shutdownTime bounds [Telemetry.Shutdown].
const shutdownTime = 5 * time.Second

// queuedSpans is how many wait to be sent: more than one run has, so that its end
// drops none. OTEL_BSP_MAX_QUEUE_SIZE says otherwise.
const queuedSpans = 2 * maxSpans

// Telemetry sends what happens in runs. All methods are safe for concurrent use,
// and do nothing on nil and on one that is off.
type Telemetry struct {
	tracer   trace.Tracer // nil: no spans
	measures *measures    // nil: no metrics
	logs     *sdklog.LoggerProvider
	contents bool
	close    []func(context.Context) error

	active atomic.Pointer[string] // the run, where exactly one is under way

	mu   sync.Mutex
	runs map[string]*run
}

// Option says something about a [Telemetry].
type Option func(*config)

type config struct{ logger *slog.Logger }

// WithLogger is told, once, when what is to be sent does not arrive. Default:
// nobody is told.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// New makes what the environment asks for: OTEL_SDK_DISABLED,
// OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER (otlp or
// none), OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and
// what else the official SDK reads. A signal for which neither an exporter nor an
// endpoint is named is off.
//
// The error says which variable has a value that cannot be used; nothing is
// contacted here.
func New(ctx context.Context, options ...Option) (*Telemetry, error) {
	t := &Telemetry{contents: contents(), runs: map[string]*run{}}
	if disabled() {
		return t, nil
	}
	c := config{logger: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&c)
	}
	if err := t.open(ctx, &warning{logger: c.logger}); err != nil {
		return nil, errors.Join(fmt.Errorf("starting telemetry: %w", err), t.Shutdown(ctx))
	}
	return t, nil
}

func (t *Telemetry) open(ctx context.Context, w *warning) error {
	var how [3]string
	for i, signal := range []string{"TRACES", "METRICS", "LOGS"} {
		var err error
		if how[i], err = protocol(signal); err != nil {
			return err
		}
	}
	if how == [3]string{} {
		return nil
	}
	// Of the process and the machine nothing is said that the variables do not say.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "chainrun")), resource.WithFromEnv())
	if err != nil {
		return fmt.Errorf("reading OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	if how[0] != "" {
		e, err := newSpanExporter(ctx, how[0])
		if err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		var batch []sdktrace.BatchSpanProcessorOption
		if os.Getenv("OTEL_BSP_MAX_QUEUE_SIZE") == "" {
			batch = append(batch, sdktrace.WithMaxQueueSize(queuedSpans))
		}
		p := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithIDGenerator(generator{}),
			sdktrace.WithBatcher(quietSpans{e, w}, batch...))
		t.tracer, t.close = p.Tracer(scope), append(t.close, p.Shutdown)
	}
	if how[1] != "" {
		e, err := newMetricExporter(ctx, how[1])
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		p := metric.NewMeterProvider(metric.WithResource(about), metric.WithReader(metric.NewPeriodicReader(quietMetrics{e, w})))
		t.close = append(t.close, p.Shutdown)
		if t.measures, err = newMeasures(p.Meter(scope)); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	if how[2] != "" {
		e, err := newLogExporter(ctx, how[2])
		if err != nil {
			return fmt.Errorf("logs: %w", err)
		}
		t.logs = sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(sdklog.NewBatchProcessor(quietLogs{e, w})))
		t.close = append(t.close, t.logs.Shutdown)
	}
	return nil
}

// On reports whether anything is sent.
func (t *Telemetry) On() bool {
	return t != nil && (t.tracer != nil || t.measures != nil || t.logs != nil)
}

// Observe takes an event of any run. Those of one run come in order, from the
// first on; see [Telemetry.Recall] for a run that another process has begun.
func (t *Telemetry) Observe(e event.Event) { t.take(e, true) }

// Recall takes an event that was observed before, by a process that has ended:
// what was sent then is not sent again, what was under way goes on.
func (t *Telemetry) Recall(e event.Event) { t.take(e, false) }

func (t *Telemetry) take(e event.Event, fresh bool) {
	if !t.On() {
		return
	}
	r := t.run(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apply(e, fresh)
	if _, over := e.Body.(event.RunFinished); over {
		t.Leave(e.Run)
	}
}

func (t *Telemetry) run(e event.Event) *run {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[e.Run]
	if r == nil {
		r = newRun(t, e)
		t.runs[e.Run] = r
		t.only()
	}
	return r
}

// Leave forgets a run of which no more events will come although it has not ended.
// Its own span is sent by the process in which it ends.
func (t *Telemetry) Leave(run string) {
	if !t.On() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.runs, run)
	t.only()
}

// only notes the run that log records without a run belong to.
func (t *Telemetry) only() {
	t.active.Store(nil)
	if len(t.runs) == 1 {
		for id := range t.runs {
			t.active.Store(&id)
		}
	}
}

// Shutdown sends what is left, for at most five seconds, and ends. What did not
// arrive was told to the logger; the error says what else went wrong, and nobody
// needs to look at it.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t == nil || len(t.close) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	errs := make([]error, len(t.close))
	var group sync.WaitGroup
	for i, f := range t.close {
		group.Go(func() { errs[i] = f(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}
