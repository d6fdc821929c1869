package telemetry_test

// A collector that receives real OTLP, over HTTP and gRPC.

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

type collector struct {
	mu        sync.Mutex
	spans     []*trace.Span
	metrics   []*metrics.Metric
	logs      []*logs.LogRecord
	resources []*resource.Resource
}

func (c *collector) takeTraces(r *collecttrace.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range r.GetResourceSpans() {
		c.resources = append(c.resources, s.GetResource())
		for _, s := range s.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
}

func (c *collector) takeMetrics(r *collectmetrics.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range r.GetResourceMetrics() {
		for _, s := range s.GetScopeMetrics() {
			c.metrics = append(c.metrics, s.GetMetrics()...)
		}
	}
}

func (c *collector) takeLogs(r *collectlogs.ExportLogsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range r.GetResourceLogs() {
		for _, s := range s.GetScopeLogs() {
			c.logs = append(c.logs, s.GetLogRecords()...)
		}
	}
}

// ServeHTTP receives http/protobuf.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	traces, measures, records := &collecttrace.ExportTraceServiceRequest{}, &collectmetrics.ExportMetricsServiceRequest{}, &collectlogs.ExportLogsServiceRequest{}
	switch {
	case err != nil:
	case r.URL.Path == "/v1/traces":
		if err = proto.Unmarshal(b, traces); err == nil {
			c.takeTraces(traces)
		}
	case r.URL.Path == "/v1/metrics":
		if err = proto.Unmarshal(b, measures); err == nil {
			c.takeMetrics(measures)
		}
	case r.URL.Path == "/v1/logs":
		if err = proto.Unmarshal(b, records); err == nil {
			c.takeLogs(records)
		}
	default:
		err = fmt.Errorf("no signal at %s", r.URL.Path)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

type (
	traceServer struct {
		collecttrace.UnimplementedTraceServiceServer
		*collector
	}
	metricsServer struct {
		collectmetrics.UnimplementedMetricsServiceServer
		*collector
	}
	logsServer struct {
		collectlogs.UnimplementedLogsServiceServer
		*collector
	}
)

func (s traceServer) Export(_ context.Context, r *collecttrace.ExportTraceServiceRequest) (*collecttrace.ExportTraceServiceResponse, error) {
	s.takeTraces(r)
	return &collecttrace.ExportTraceServiceResponse{}, nil
}

func (s metricsServer) Export(_ context.Context, r *collectmetrics.ExportMetricsServiceRequest) (*collectmetrics.ExportMetricsServiceResponse, error) {
	s.takeMetrics(r)
	return &collectmetrics.ExportMetricsServiceResponse{}, nil
}

func (s logsServer) Export(_ context.Context, r *collectlogs.ExportLogsServiceRequest) (*collectlogs.ExportLogsServiceResponse, error) {
	s.takeLogs(r)
	return &collectlogs.ExportLogsServiceResponse{}, nil
}

// collect starts a collector and sets the variables that name it.
func collect(tb testing.TB, protocol string) *collector {
	tb.Helper()
	c := &collector{}
	var address string
	if protocol == "grpc" {
		l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		s := grpc.NewServer()
		collecttrace.RegisterTraceServiceServer(s, traceServer{collector: c})
		collectmetrics.RegisterMetricsServiceServer(s, metricsServer{collector: c})
		collectlogs.RegisterLogsServiceServer(s, logsServer{collector: c})
		go func() { _ = s.Serve(l) }()
		tb.Cleanup(s.Stop)
		address = "http://" + l.Addr().String()
	} else {
		s := httptest.NewServer(c)
		tb.Cleanup(s.Close)
		address = s.URL
	}
	tb.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
	tb.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
	return c
}

// tree shows spans below their parents, by time and name, with the attributes
// whose keys are asked for.
func (c *collector) tree(tb testing.TB, keys ...string) string {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	below, known := map[string][]*trace.Span{}, map[string]bool{}
	for _, s := range c.spans {
		id := hex.EncodeToString(s.GetSpanId())
		if known[id] {
			tb.Errorf("two spans have the id %s, one is %s %v", id, s.GetName(), s.GetAttributes())
		}
		known[id] = true
		parent := hex.EncodeToString(s.GetParentSpanId())
		below[parent] = append(below[parent], s)
	}
	var b strings.Builder
	shown := 0
	var show func(parent, indent string)
	show = func(parent, indent string) {
		list := below[parent]
		slices.SortStableFunc(list, func(x, y *trace.Span) int {
			if x.GetStartTimeUnixNano() != y.GetStartTimeUnixNano() {
				return int(x.GetStartTimeUnixNano()) - int(y.GetStartTimeUnixNano())
			}
			return strings.Compare(value(x.GetAttributes(), "chainrun.step.id"), value(y.GetAttributes(), "chainrun.step.id"))
		})
		for _, s := range list {
			shown++
			if s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
				tb.Errorf("%s ends before it begins", s.GetName())
			}
			fmt.Fprintf(&b, "%s%s %dms+%dms", indent, s.GetName(), (s.GetStartTimeUnixNano()-uint64(began.UnixNano()))/1e6, (s.GetEndTimeUnixNano()-s.GetStartTimeUnixNano())/1e6)
			for _, k := range keys {
				if v := value(s.GetAttributes(), k); v != "" {
					fmt.Fprintf(&b, " %s=%s", k[strings.LastIndexByte(k, '.')+1:], v)
				}
			}
			if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
				fmt.Fprintf(&b, " !%s", s.GetStatus().GetMessage())
			}
			b.WriteByte('\n')
			show(hex.EncodeToString(s.GetSpanId()), indent+"  ")
		}
	}
	show("", "")
	if shown != len(c.spans) {
		tb.Errorf("%d of %d spans hang below the run", shown, len(c.spans))
	}
	return b.String()
}

func value(list []*common.KeyValue, key string) string {
	for _, kv := range list {
		if kv.GetKey() == key {
			switch v := kv.GetValue().GetValue().(type) {
			case *common.AnyValue_StringValue:
				return v.StringValue
			case *common.AnyValue_IntValue:
				return fmt.Sprint(v.IntValue)
			default:
				return kv.GetValue().String()
			}
		}
	}
	return ""
}

// sum adds the points of a counter, or counts those of a histogram, that have
// these labels ("key=value").
func (c *collector) sum(name string, labels ...string) (n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	has := func(list []*common.KeyValue) bool {
		for _, l := range labels {
			k, v, _ := strings.Cut(l, "=")
			if value(list, k) != v {
				return false
			}
		}
		return true
	}
	for _, m := range c.metrics {
		if m.GetName() != name {
			continue
		}
		for _, p := range m.GetSum().GetDataPoints() {
			if has(p.GetAttributes()) {
				n += float64(p.GetAsInt()) + p.GetAsDouble()
			}
		}
		for _, p := range m.GetHistogram().GetDataPoints() {
			if has(p.GetAttributes()) {
				n += float64(p.GetCount())
			}
		}
	}
	return n
}
