package telemetry

// Calls of capabilities as spans: models by the conventions for generative AI
// (github.com/open-telemetry/semantic-conventions-genai), requests of the web by
// those for HTTP clients, the others by their own names.

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// maxReadBytes bounds the requests and answers that are looked into.
const maxReadBytes = 1 << 20

// call is what a span and the metrics say of a call.
type call struct {
	name      string
	operation string // of generative AI; "": it is another call
	provider  string
	model     string
	attrs     []attribute.KeyValue
}

// call takes an answered call. Where its event does not say how long it took, it
// counts from the answer before it, or the attempt's start.
func (r *run) call(s *step, b event.CapabilityAnswered, at time.Time) {
	begin := cmp.Or(s.answered, at)
	if b.Took > 0 {
		// Clocks may be set, and journals come from anywhere: not before its attempt.
		if begin = at.Add(-b.Took); begin.Before(s.began) {
			begin = cmp.Or(s.began, begin)
		}
	}
	s.answered = at
	s.add(0, b.Usage)
	if !r.fresh {
		return
	}
	c := r.t.describe(b)
	r.t.measures.call(b, c, at.Sub(begin))
	if !r.room(s) {
		return
	}
	r.emit(attemptName(s.id, b.Number), callName(s.id, b.Number, b.Ordinal), c.name, trace.SpanKindClient, begin, at, func(span trace.Span) {
		span.SetAttributes(r.about(s)...)
		span.SetAttributes(attribute.Int("chainrun.attempt", b.Number), attribute.Int("chainrun.call", b.Ordinal),
			attribute.String("chainrun.capability.name", cut(b.Capability, maxTextBytes)), attribute.String("chainrun.capability.method", cut(b.Method, maxTextBytes)),
			attribute.Int64("chainrun.usage.bytes", b.Usage.Bytes), attribute.String("chainrun.usage.cost", event.CostText(b.Usage.Cost)))
		span.SetAttributes(c.attrs...)
		if c.operation == "" {
			r.tell(span, "chainrun.input", b.Request)
			r.tell(span, "chainrun.output", b.Answer)
		}
		r.fail(span, b.Failure, at)
	})
}

func (t *Telemetry) describe(b event.CapabilityAnswered) call {
	switch {
	case b.Capability == "llm" && (b.Method == "chat" || b.Method == "embed"):
		return t.describeModel(b)
	case b.Capability == "fetch" && b.Method == "request":
		return t.describeFetch(b)
	}
	return call{name: cut(b.Capability+" "+b.Method, maxTextBytes/8)}
}

// asked is what is read of a request to a model.
type asked struct {
	Model       string          `json:"model"`
	Messages    []message       `json:"messages"`
	Schema      json.RawMessage `json:"schema"`
	Temperature *float64        `json:"temperature"`
	TopP        *float64        `json:"top_p"`
	MaxTokens   *int64          `json:"max_tokens"`
	Seed        *int64          `json:"seed"`
	Stream      *bool           `json:"stream"`
}

// said is what is read of a model's answer.
type said struct {
	Content      string     `json:"content"`
	ToolCalls    []toolCall `json:"tool_calls"`
	Model        string     `json:"model"`
	Endpoint     string     `json:"endpoint"`
	FinishReason string     `json:"finish_reason"`
}

// providers are the names that the conventions know.
var providers = []string{
	"anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek", "gcp.gemini", "gcp.gen_ai",
	"gcp.vertex_ai", "groq", "ibm.watsonx.ai", "mistral_ai", "moonshot_ai", "openai", "perplexity", "x_ai",
}

func (t *Telemetry) describeModel(b event.CapabilityAnswered) call {
	q, a := read[asked](b.Request), read[said](b.Answer)
	c := call{operation: "chat", model: cmp.Or(q.Model, a.Model)}
	if b.Method == "embed" {
		c.operation = "embeddings"
	}
	// The API that was spoken, which is what the conventions ask for: an endpoint
	// that is named after a provider is that provider's.
	switch {
	case slices.Contains(providers, a.Endpoint):
		c.provider = a.Endpoint
	case strings.HasPrefix(c.model, "claude"):
		c.provider = "anthropic"
	default:
		c.provider = "openai"
	}
	c.name = strings.TrimSpace(c.operation + " " + cut(c.model, maxTextBytes/8))
	add := func(kv attribute.KeyValue) { c.attrs = append(c.attrs, kv) }
	add(attribute.String("gen_ai.operation.name", c.operation))
	add(attribute.String("gen_ai.provider.name", c.provider))
	for _, one := range []struct{ key, value string }{
		{"gen_ai.request.model", c.model}, {"gen_ai.response.model", a.Model}, {"chainrun.endpoint", a.Endpoint},
	} {
		if one.value != "" {
			add(attribute.String(one.key, cut(one.value, maxTextBytes/8)))
		}
	}
	if q.Temperature != nil {
		add(attribute.Float64("gen_ai.request.temperature", *q.Temperature))
	}
	if q.TopP != nil {
		add(attribute.Float64("gen_ai.request.top_p", *q.TopP))
	}
	if q.MaxTokens != nil {
		add(attribute.Int64("gen_ai.request.max_tokens", *q.MaxTokens))
	}
	if q.Seed != nil {
		add(attribute.Int64("gen_ai.request.seed", *q.Seed))
	}
	if q.Stream != nil {
		add(attribute.Bool("gen_ai.request.stream", *q.Stream))
	}
	if len(q.Schema) > 0 {
		add(attribute.String("gen_ai.output.type", "json"))
	}
	if a.FinishReason != "" {
		add(attribute.StringSlice("gen_ai.response.finish_reasons", []string{cut(a.FinishReason, maxTextBytes/8)}))
	}
	if u := b.Usage; u.Tokens() > 0 {
		add(attribute.Int64("gen_ai.usage.input_tokens", u.InputTokens))
		if b.Method == "chat" {
			add(attribute.Int64("gen_ai.usage.output_tokens", u.OutputTokens))
		}
	}
	if t.contents && b.Method == "chat" {
		add(attribute.String("gen_ai.input.messages", written(conversation(q.Messages))))
		if !b.Answer.IsZero() {
			add(attribute.String("gen_ai.output.messages", written([]spoken{{
				Role: "assistant", Parts: parts(message{Text: a.Content, ToolCalls: a.ToolCalls}), FinishReason: a.FinishReason,
			}})))
		}
	}
	return c
}

// methods of HTTP that the conventions know.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodConnect, http.MethodOptions,
	http.MethodTrace, http.MethodPatch, "QUERY",
}

// describeFetch says of an URL only where it leads, unless contents are told:
// paths and queries are what a node made of its documents.
func (t *Telemetry) describeFetch(b event.CapabilityAnswered) call {
	q := read[struct{ URL, Method string }](b.Request)
	a := read[struct {
		Status int
		URL    string
	}](b.Answer)
	method := cmp.Or(q.Method, http.MethodGet)
	if !slices.Contains(methods, method) {
		method = other
	}
	c := call{name: method, attrs: []attribute.KeyValue{attribute.String("http.request.method", method)}}
	if method == other {
		c.name = "HTTP"
	}
	status := a.Status
	if f := b.Failure; f != nil {
		status, _ = strconv.Atoi(strings.TrimPrefix(f.Reason, "http_")) // reasons such as http_429
	}
	if status > 0 {
		c.attrs = append(c.attrs, attribute.Int("http.response.status_code", status))
	}
	u, err := url.Parse(cut(cmp.Or(a.URL, q.URL), maxTextBytes))
	if err != nil || u.Hostname() == "" {
		return c
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	c.attrs = append(c.attrs, attribute.String("server.address", u.Hostname()), attribute.Int("server.port", port), attribute.String("url.scheme", u.Scheme))
	if t.contents {
		u.User = nil
		c.attrs = append(c.attrs, attribute.String("url.full", u.String()))
	}
	return c
}

// read takes of a document what it can; of one that is too large nothing.
func read[T any](d document.Document) (v T) {
	if len(d.Bytes()) <= maxReadBytes {
		_ = json.Unmarshal(d.Bytes(), &v) // what does not fit is not told
	}
	return v
}
