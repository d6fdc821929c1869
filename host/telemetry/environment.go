package telemetry

// What the environment asks for: which signals are sent, and how. The rest
// (addresses, headers, certificates, timeouts, sampling, batches) is read by the
// official SDK and exporters themselves.
//
// contrib's autoexport is not used: it sends where nobody asked, prints to stdout,
// where chainrun's output goes, opens a port for Prometheus, and hands errors of
// metrics to the process.

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
)

// The protocols that OTLP is spoken in.
const (
	overHTTP = "http/protobuf"
	overGRPC = "grpc"
)

// disabled reports whether OTEL_SDK_DISABLED switches everything off.
func disabled() bool { return strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") }

// protocol says how a signal (TRACES, METRICS, LOGS) is to be sent; "": not at
// all, which is what it is unless a variable names a place or an exporter.
func protocol(signal string) (string, error) {
	exporter := "OTEL_" + signal + "_EXPORTER"
	switch asked := os.Getenv(exporter); asked {
	case "none":
		return "", nil
	case "otlp":
	case "":
		if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") == "" {
			return "", nil
		}
	default:
		return "", fmt.Errorf("%s is %q: chainrun knows otlp and none", exporter, asked)
	}
	specific, general := "OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"
	switch p := cmp.Or(os.Getenv(specific), os.Getenv(general), overHTTP); p {
	case overHTTP, overGRPC:
		return p, nil
	default:
		name := specific
		if os.Getenv(specific) == "" {
			name = general
		}
		return "", fmt.Errorf("%s is %q: chainrun knows %s and %s", name, p, overHTTP, overGRPC)
	}
}

func newSpanExporter(ctx context.Context, protocol string) (trace.SpanExporter, error) {
	if protocol == overGRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

func newMetricExporter(ctx context.Context, protocol string) (metric.Exporter, error) {
	if protocol == overGRPC {
		return otlpmetricgrpc.New(ctx)
	}
	return otlpmetrichttp.New(ctx)
}

func newLogExporter(ctx context.Context, protocol string) (sdklog.Exporter, error) {
	if protocol == overGRPC {
		return otlploggrpc.New(ctx)
	}
	return otlploghttp.New(ctx)
}

// contents reports whether documents and messages may be told, under the name
// that instrumentations of generative AI agreed on. Contents go into spans, so
// EVENT_ONLY asks for none.
func contents() bool {
	asked := os.Getenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
	if yes, err := strconv.ParseBool(asked); err == nil {
		return yes
	}
	return strings.EqualFold(asked, "SPAN_ONLY") || strings.EqualFold(asked, "SPAN_AND_EVENT")
}
