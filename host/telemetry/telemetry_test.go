package telemetry_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/telemetry"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tape makes events of a run, at milliseconds after its start.
type tape struct {
	run  string
	list []event.Event
}

func (p *tape) at(ms int, bodies ...event.Body) {
	for _, b := range bodies {
		p.list = append(p.list, event.Event{Run: p.run, Seq: uint64(len(p.list) + 1), Time: began.Add(time.Duration(ms) * time.Millisecond), Body: b})
	}
}

func try(step string, number int) event.Attempt {
	node := step[strings.LastIndexByte(step, '/')+1:]
	node, _, _ = strings.Cut(node, "#")
	node, _, _ = strings.Cut(node, "[")
	return event.Attempt{Step: step, Node: node, Number: number}
}

func starts(step string, number int) event.Body {
	return event.AttemptStarted{Attempt: try(step, number)}
}

func gives(step string, number int) event.Body {
	return event.AttemptSucceeded{Attempt: try(step, number), Output: document.String("the contents of " + step), Fuel: 10}
}

func fails(step string, number int, code failure.Code) event.Body {
	return event.AttemptFailed{Attempt: try(step, number), Fuel: 3, Failure: failure.Failure{
		Code: code, Message: "a message with the contents", Violations: []failure.Violation{{Pointer: "/a", Keyword: "type", Found: `"the contents"`}},
	}}
}

// everything has a fork, retries, a loop, a foreach, a subgraph, calls, failures.
func everything() []event.Event {
	p := &tape{run: "r1"}
	p.at(0, event.RunStarted{Graph: "shop", Plan: "sha256:0", Input: document.MustParse(`{"secret": "the contents"}`)})
	p.at(0, starts("left", 1), starts("right", 1))
	p.at(5, gives("right", 1))
	p.at(10, fails("left", 1, failure.InvalidOutput))
	p.at(100, event.RunResumed{})
	p.at(110, event.TimerFired{Timer: "retry/left/2"}, starts("left", 2))
	p.at(120, event.CapabilityAnswered{
		Attempt: try("left", 2), Ordinal: 1, Capability: "llm", Method: "chat",
		Request: document.MustParse(`{"messages":[{"role":"user","content":"the contents?"}],"model":"gpt-5-mini","temperature":0.5}`),
		Answer:  document.MustParse(`{"content":"the contents!","model":"gpt-5-mini-2026","endpoint":"cloud","finish_reason":"stop"}`),
		Usage:   event.Usage{Calls: 1, Bytes: 99, InputTokens: 20, OutputTokens: 30, Cost: 1_250_000},
		Took:    time.Hour, // a clock was set
	})
	p.at(130, event.CapabilityAnswered{
		Attempt: try("left", 2), Ordinal: 2, Capability: "fetch", Method: "request",
		Request: document.MustParse(`{"url":"https://api.shop.example/the-contents?q=the+contents"}`),
		Failure: &failure.Failure{Code: failure.CapabilityError, Reason: "http_429", Message: "the contents"}, Usage: event.Usage{Calls: 1},
		Took: 4 * time.Millisecond,
	})
	p.at(140, gives("left", 2))
	p.at(140, starts("loop[1]", 1))
	p.at(150, gives("loop[1]", 1), starts("loop[2]", 1))
	p.at(160, gives("loop[2]", 1), event.StepSkipped{Step: "never", Node: "never"})
	p.at(160, starts("each#0", 1), starts("each#1", 1))
	p.at(170, fails("each#0", 1, failure.Trap), gives("each#1", 1))
	p.at(170, event.StepSucceeded{Step: "each", Node: "each"})
	p.at(170, starts("sub/in#0/deep", 1))
	p.at(175, starts("sub/wait", 1))
	p.at(180, fails("sub/in#0/deep", 1, failure.NodeError), event.StepFailed{Step: "sub/in#0", Node: "in", Failure: failure.Failure{Code: failure.NodeError}})
	p.at(180, event.StepFailed{Step: "sub/in", Node: "in", Failure: failure.Failure{Code: failure.NodeError}})
	p.at(180, event.StepFailed{Step: "sub", Node: "sub", Failure: failure.Failure{Code: failure.NodeError}})
	p.at(190, event.RunFinished{Status: event.Failed, Failure: &failure.Failure{Code: failure.NodeError, Message: "the contents"}})
	return p.list
}

const everythingTree = `run shop 0ms+190ms fuel=59 !node_error
  step left 0ms+140ms id=left attempts=2 fuel=13
    attempt left 0ms+10ms id=left attempt=1 fuel=3 !invalid_output
    attempt left 110ms+30ms id=left attempt=2 fuel=10
      chat gpt-5-mini 110ms+10ms id=left attempt=2 model=gpt-5-mini
      GET 126ms+4ms id=left attempt=2 address=api.shop.example !capability_error: http_429
  step right 0ms+5ms id=right attempts=1 fuel=10
    attempt right 0ms+5ms id=right attempt=1 fuel=10
  step loop 140ms+10ms id=loop[1] turn=1 attempts=1 fuel=10
    attempt loop 140ms+10ms id=loop[1] turn=1 attempt=1 fuel=10
  step loop 150ms+10ms id=loop[2] turn=2 attempts=1 fuel=10
    attempt loop 150ms+10ms id=loop[2] turn=2 attempt=1 fuel=10
  step each 160ms+10ms id=each fuel=13 elements=2
    step each 160ms+10ms id=each#0 attempts=1 fuel=3 !trap
      attempt each 160ms+10ms id=each#0 attempt=1 fuel=3 !trap
    step each 160ms+10ms id=each#1 attempts=1 fuel=10
      attempt each 160ms+10ms id=each#1 attempt=1 fuel=10
  step sub 170ms+10ms id=sub fuel=3 !node_error
    step in 170ms+10ms id=sub/in fuel=3 elements=1 !node_error
      step in 170ms+10ms id=sub/in#0 fuel=3 !node_error
        step deep 170ms+10ms id=sub/in#0/deep attempts=1 fuel=3 !node_error
          attempt deep 170ms+10ms id=sub/in#0/deep attempt=1 fuel=3 !node_error
    step wait 175ms+5ms id=sub/wait attempts=1 !canceled
      attempt wait 175ms+5ms id=sub/wait attempt=1 !canceled
`

var treeKeys = []string{
	"chainrun.step.id", "chainrun.step.turn", "chainrun.step.attempts", "chainrun.attempt", "chainrun.fuel", "chainrun.step.elements",
	"gen_ai.request.model", "server.address",
}

func open(tb testing.TB, options ...telemetry.Option) *telemetry.Telemetry {
	tb.Helper()
	o, err := telemetry.New(tb.Context(), options...)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func shut(tb testing.TB, o *telemetry.Telemetry) {
	tb.Helper()
	if err := o.Shutdown(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// TestWhatWasNotExecuted: spans say where an outcome comes from, and the metric counts
// what was executed.
func TestWhatWasNotExecuted(t *testing.T) {
	c := collect(t, "http/protobuf")
	o := open(t)
	p := &tape{run: "r2"}
	from := &event.Origin{Run: "r1", Attempt: try("a", 3)}
	p.at(0, event.RunStarted{Graph: "g", Input: document.Null(), Forked: &event.Forked{Run: "r1"}}, starts("a", 1))
	p.at(1, event.AttemptSucceeded{Attempt: try("a", 1), Output: document.Null(), Fuel: 10, From: from}, starts("b", 1))
	p.at(2, event.AttemptSucceeded{Attempt: try("b", 1), Output: document.Null(), Fuel: 20, From: from, CacheKey: "k"}, starts("c", 1))
	p.at(3, event.AttemptFailed{Attempt: try("c", 1), Fuel: 40, From: from, Failure: failure.Failure{Code: failure.Trap}}, starts("d", 1))
	p.at(4, gives("d", 1), event.RunFinished{Status: event.Done, Output: document.Null()})
	for _, e := range p.list {
		o.Observe(e)
	}
	shut(t, o)
	got := c.tree(t, "chainrun.run.forked_from", "chainrun.origin", "chainrun.origin.run", "chainrun.origin.step")
	for _, want := range []string{"run g 0ms+4ms forked_from=r1", "attempt a 0ms+1ms origin=fork run=r1 step=a", "attempt b 1ms+1ms origin=cache run=r1 step=a", "attempt c 2ms+1ms origin=fork", "attempt d 3ms+1ms\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if n := c.sum("chainrun.fuel"); n != 10 {
		t.Errorf("the metric counts %v, not 10", n)
	}
}

func TestRealOTLP(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			c := collect(t, protocol)
			t.Setenv("OTEL_SERVICE_NAME", "the shop")
			t.Setenv("SHOP_KEY", "not to be told")
			o := open(t)
			logger := slog.New(o.Handler())
			for _, e := range everything() {
				o.Observe(e)
				if a, ok := e.Body.(event.AttemptStarted); ok && a.Step == "left" && a.Number == 2 {
					logger.Warn("from a node", slog.String("step", a.Step), slog.Int("attempt", a.Number), slog.Group("attrs", slog.String("step", "mine")))
				}
			}
			shut(t, o)
			if got := strings.ReplaceAll(c.tree(t, treeKeys...), " fuel=0", ""); got != everythingTree {
				t.Errorf("got:\n%s\nwant:\n%s", got, everythingTree)
			}
			for name, n := range map[string]float64{
				"chainrun.run.started": 1, "chainrun.run.finished error.type=node_error": 1, "chainrun.fuel": 59,
				"chainrun.attempt.failures": 4, "chainrun.attempt.failures error.type=trap": 1, "chainrun.step.duration": 12,
				"chainrun.step.duration chainrun.node.name=left": 1, "chainrun.capability.calls": 2, "chainrun.capability.cost": 0.00125,
				"chainrun.capability.calls chainrun.capability.name=_OTHER": 1, "gen_ai.client.token.usage gen_ai.token.type=output": 1,
				"gen_ai.client.operation.duration gen_ai.provider.name=openai": 1,
			} {
				name, label, _ := strings.Cut(name, " ")
				if got := c.sum(name, strings.Fields(label)...); got != n {
					t.Errorf("%s %s is %v, want %v", name, label, got, n)
				}
			}
			all := fmt.Sprint(c.spans, c.metrics, c.resources)
			for _, no := range []string{"the contents", "the-contents", "not to be told", "SHOP_KEY"} {
				if strings.Contains(all, no) {
					t.Errorf("%q was told", no)
				}
			}
			if len(c.resources) == 0 || value(c.resources[0].GetAttributes(), "service.name") != "the shop" {
				t.Errorf("the resource is %v", c.resources)
			}
			if len(c.logs) != 1 {
				t.Fatalf("%d log records", len(c.logs))
			}
			for _, s := range c.spans {
				if s.GetName() == "attempt left" && value(s.GetAttributes(), "chainrun.attempt") == "2" {
					if l := c.logs[0]; !bytes.Equal(l.GetSpanId(), s.GetSpanId()) || !bytes.Equal(l.GetTraceId(), s.GetTraceId()) || l.GetSeverityText() != "WARN" {
						t.Errorf("the log record %v does not belong to %v", l, s)
					}
				}
			}
		})
	}
}

func TestContentsAreToldWhereAskedFor(t *testing.T) {
	for asked, want := range map[string]bool{"true": true, "SPAN_ONLY": true, "span_and_event": true, "EVENT_ONLY": false, "NO_CONTENT": false, "": false} {
		t.Run(asked, func(t *testing.T) {
			c := collect(t, "http/protobuf")
			t.Setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", asked)
			o := open(t)
			for _, e := range everything() {
				o.Observe(e)
			}
			shut(t, o)
			tree := c.tree(t, "gen_ai.input.messages", "gen_ai.output.messages", "url.full", "chainrun.output")
			for _, text := range []string{
				`messages=[{"role":"user","parts":[{"type":"text","content":"the contents?"}]}]`,
				`messages=[{"role":"assistant","parts":[{"type":"text","content":"the contents!"}],"finish_reason":"stop"}]`,
				`full=https://api.shop.example/the-contents?q=the+contents`, `output="the contents of right"`,
			} {
				if strings.Contains(tree, text) != want {
					t.Errorf("%s: told: %v, want %v, in\n%s", text, !want, want, tree)
				}
			}
		})
	}
}

// A run that goes on in another process has, from both together, the spans of one
// that was never interrupted.
func TestRecall(t *testing.T) {
	list := everything()
	c := collect(t, "http/protobuf")
	o := open(t)
	for _, e := range list {
		o.Observe(e)
	}
	shut(t, o)
	want := c.tree(t, treeKeys...)
	for cut := 1; cut < len(list); cut++ {
		c := collect(t, "http/protobuf")
		first, second := open(t), open(t)
		for _, e := range list[:cut] {
			first.Observe(e)
			second.Recall(e)
		}
		first.Leave("r1")
		for _, e := range list[cut:] {
			second.Observe(e)
		}
		shut(t, first)
		shut(t, second)
		if got := c.tree(t, treeKeys...); got != want {
			t.Errorf("cut at %d, got:\n%s\nwant:\n%s", cut, got, want)
		}
	}
}

func TestSpansAreBounded(t *testing.T) {
	c := collect(t, "http/protobuf")
	o := open(t)
	p := &tape{run: "r"}
	p.at(0, event.RunStarted{Graph: "g", Input: document.Null()})
	for i := range 30_000 {
		id := fmt.Sprintf("each#%d", i)
		p.at(1, starts(id, 1))
		p.at(2, gives(id, 1))
	}
	p.at(3, event.StepSucceeded{Step: "each", Node: "each"})
	for i := range 10_000 {
		id := fmt.Sprintf("loop[%d]", i+1)
		p.at(4, starts(id, 1))
		p.at(5, gives(id, 1))
	}
	p.at(6, event.RunFinished{Status: event.Done, Output: document.Null()})
	for _, e := range p.list {
		o.Observe(e)
	}
	shut(t, o)
	if len(c.spans) > 10_001 || len(c.spans) < 9_000 {
		t.Errorf("%d spans", len(c.spans))
	}
	for _, s := range c.spans {
		switch s.GetName() {
		case "run g":
			omitted := value(s.GetAttributes(), "chainrun.spans.omitted")
			if all := 1 + 2*30_000 + 1 + 2*10_000; omitted != fmt.Sprint(all-len(c.spans)) {
				t.Errorf("%s of %d spans are said to be left out; %d came", omitted, all, len(c.spans))
			}
		case "step each":
			if n := value(s.GetAttributes(), "chainrun.step.elements"); n != "" && (n != "30000" || value(s.GetAttributes(), "chainrun.step.elements.omitted") != "29000") {
				t.Errorf("the foreach says %v", s.GetAttributes())
			}
		}
	}
	if n := c.sum("chainrun.step.duration"); n != 40_001 {
		t.Errorf("metrics count %v steps", n)
	}
}

func TestOff(t *testing.T) {
	for name, set := range map[string][]string{
		"nothing asked": nil,
		"disabled":      {"OTEL_SDK_DISABLED", "true", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"},
		"none":          {"OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "none", "OTEL_LOGS_EXPORTER", "none", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"},
		"only details":  {"OTEL_SERVICE_NAME", "x", "OTEL_EXPORTER_OTLP_HEADERS", "a=b"},
	} {
		t.Run(name, func(t *testing.T) {
			for i := 0; i < len(set); i += 2 {
				t.Setenv(set[i], set[i+1])
			}
			o := open(t)
			if o.On() || o.Handler().Enabled(t.Context(), slog.LevelError) {
				t.Error("it is on")
			}
			list := everything()
			if n := testing.AllocsPerRun(10, func() {
				for _, e := range list {
					o.Observe(e)
				}
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
			shut(t, o)
		})
	}
	var none *telemetry.Telemetry
	none.Observe(everything()[0])
	none.Leave("r1")
	shut(t, none)
}

func TestVariablesThatCannotBeUsed(t *testing.T) {
	for key, bad := range map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"} {
		t.Run(key, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(key, bad)
			if _, err := telemetry.New(t.Context()); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), bad) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// One signal may be sent elsewhere, or alone.
func TestOnlyTraces(t *testing.T) {
	c := collect(t, "http/protobuf")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	o := open(t)
	for _, e := range everything() {
		o.Observe(e)
	}
	shut(t, o)
	if len(c.spans) == 0 || len(c.metrics) > 0 || len(c.logs) > 0 {
		t.Errorf("%d spans, %d metrics, %d logs", len(c.spans), len(c.metrics), len(c.logs))
	}
}

func TestOnlyMetrics(t *testing.T) {
	c := collect(t, "http/protobuf")
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	o := open(t)
	for _, e := range everything() {
		o.Observe(e)
	}
	shut(t, o)
	if len(c.spans) > 0 || c.sum("chainrun.run.started") != 1 {
		t.Errorf("%d spans, %d metrics", len(c.spans), len(c.metrics))
	}
}

func TestSampling(t *testing.T) {
	c := collect(t, "http/protobuf")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	o := open(t)
	for _, e := range everything() {
		o.Observe(e)
	}
	shut(t, o)
	if len(c.spans) > 0 {
		t.Errorf("%d spans", len(c.spans))
	}
}

// Nobody listens: the run does not notice, one line says so, the end comes soon.
func TestNobodyListens(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+address)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
	var said bytes.Buffer
	o := open(t, telemetry.WithLogger(slog.New(slog.NewTextHandler(&said, nil))))
	for _, e := range everything() {
		o.Observe(e)
	}
	begin := time.Now()
	_ = o.Shutdown(t.Context())
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("the end took %v", took)
	}
	if n := strings.Count(said.String(), "\n"); n != 1 || !strings.Contains(said.String(), "telemetry is not arriving") {
		t.Errorf("%d lines were said:\n%s", n, said.String())
	}
}

// The ids are written down: other tools may compute them.
func TestIDs(t *testing.T) {
	c := collect(t, "http/protobuf")
	o := open(t)
	for _, e := range everything() {
		o.Observe(e)
	}
	shut(t, o)
	for _, s := range c.spans {
		if s.GetName() == "run shop" {
			if got := hex.EncodeToString(s.GetTraceId()); got != "10a1bad80619ccb1e58bb3ee77686caf" {
				t.Errorf("the trace id is %s", got)
			}
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprintf("on=%v", on), func(b *testing.B) {
			if on {
				collect(b, "http/protobuf")
			}
			o, err := telemetry.New(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			list := everything()
			b.ReportAllocs()
			for b.Loop() {
				for _, e := range list {
					o.Observe(e)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/event")
			_ = o.Shutdown(context.Background())
		})
	}
}
