package inspect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/stepper"
)

// play makes the journal of a run, as a driver with one place would: nodes says what
// comes of an attempt; signals are what steps that wait are answered.
type play struct {
	graph   string // in TOML
	files   map[string]string
	input   string
	nodes   func(c stepper.Invoke) event.Outcome
	calls   func(c stepper.Invoke) []event.CapabilityAnswered
	signals map[string]string
	started event.RunStarted
	stops   int // the host stops so often in the middle of the first attempt
}

func (p play) build(tb testing.TB) *graph.Graph {
	tb.Helper()
	g, found := graphfile.Load("t.toml", []byte(p.graph), func(name string) ([]byte, error) { return []byte(p.files[name]), nil })
	if found.Failed() {
		tb.Fatal(found)
	}
	return g
}

// run gives the graph and the events of a run up to its end, or up to where it rests
// without a signal.
func (p play) run(tb testing.TB) (*graph.Graph, []event.Event) {
	tb.Helper()
	g := p.build(tb)
	m := stepper.New(g)
	now := epoch
	var events []event.Event
	var open []stepper.Invoke
	var timers []stepper.Wake
	var record func(b event.Body)
	record = func(b event.Body) {
		tb.Helper()
		e := event.Event{Run: "r1", Seq: uint64(len(events) + 1), Time: now, Body: b}
		events = append(events, e)
		commands, err := m.Apply(e)
		if err != nil {
			tb.Fatalf("%s: %v", b.Type(), err)
		}
		for _, c := range commands {
			switch c := c.(type) {
			case stepper.Record:
				record(c.Body)
			case stepper.Invoke:
				open = append(open, c)
			case stepper.Wake:
				timers = append(timers, c)
			case stepper.Abort:
			}
		}
	}
	p.started.Graph, p.started.Plan = "t", "sha256:plan"
	p.started.Input = document.MustParse(`{}`)
	if p.input != "" {
		p.started.Input = document.MustParse(p.input)
	}
	record(p.started)
	for !m.Finished() {
		now = now.Add(time.Second)
		switch {
		case len(open) > 0 && p.stops > 0:
			p.stops--
			open = nil
			record(event.RunResumed{})
		case len(open) > 0:
			c := open[0]
			open = open[1:]
			if p.calls != nil {
				for _, b := range p.calls(c) {
					b.Attempt = c.Attempt
					record(b)
				}
			}
			o := p.nodes(c)
			o.Attempt = c.Attempt
			record(m.Judge(o))
		case m.Resting():
			answered := false
			for _, id := range m.Waits() {
				if text, ok := p.signals[id]; ok {
					record(event.SignalReceived{Step: id, Document: document.MustParse(text)})
					answered = true
					break
				}
			}
			if !answered {
				return g, events
			}
		case len(timers) > 0:
			slices.SortStableFunc(timers, func(a, b stepper.Wake) int { return a.At.Compare(b.At) })
			if at := timers[0].At; at.After(now) {
				now = at
			}
			name := timers[0].Timer
			timers = timers[1:]
			record(event.TimerFired{Timer: name})
		default:
			tb.Fatal("the run stands still")
		}
	}
	return g, events
}

func success(text string) event.Outcome {
	return event.Outcome{Output: document.MustParse(text), Fuel: 7}
}

func refused(text string, vs ...failure.Violation) event.Outcome {
	return event.Outcome{
		Output: document.MustParse(text), Fuel: 5,
		Failure: &failure.Failure{Code: failure.InvalidOutput, Message: "the output breaks its schema", Violations: vs, Retryable: true},
	}
}

// films is a run with most of what there is to tell: a foreach with a retry, state, a
// subgraph, a repair, a capability, a loop.
var films = play{
	graph: `version = 1
[state.seen]
reduce = "append"
[nodes.list]
module = "list.wasm"
[nodes.look]
module = "look.wasm"
foreach = "input.ids"
concurrency = 2
config = { house = "the old cinema" }
[nodes.judge]
module = "judge.wasm"
write = { seen = "output.word" }
[nodes.sub]
graph = "sub.toml"
input = { films = "inputs.judge.films", seen = "state.seen" }
[[edges]]
from = "list"
to = "look"
[[edges]]
from = "look"
to = "judge"
[[edges]]
from = "judge"
to = "judge"
when = "output.again"
[[edges]]
from = "judge"
to = "sub"
`,
	files: map[string]string{"sub.toml": `version = 1
chain = ["inner", "last"]
[nodes.inner]
module = "inner.wasm"
[nodes.last]
module = "last.wasm"
`},
	input: `{"city":"Berlin","since":1927}`,
	nodes: func(c stepper.Invoke) event.Outcome {
		switch c.Step {
		case "list":
			return success(`{"ids":[{"id":"tt0017136"},{"id":"tt0021749"},{"id":"tt0013442"}]}`)
		case "look#0":
			return success(`{"title":"Metropolis","id":"tt0017136"}`)
		case "look#1":
			if c.Number == 1 {
				return refused(`{"titel":"M"}`, failure.Violation{Pointer: "/title", Keyword: "required", Message: "expected a title"})
			}
			return success(`{"title":"M, eine Stadt","id":"tt0021749"}`)
		case "look#2":
			return success(`{"title":"Nosferatu","house":"the old cinema"}`)
		case "judge[1]":
			return success(`{"again":true,"word":"so far so good","films":[{"id":"tt0017136","title":"Metropolis"}]}`)
		case "judge[2]":
			if c.Number == 1 {
				return refused(`{"again":1}`, failure.Violation{Pointer: "/again", Keyword: "type", Message: "expected boolean", Found: "1"})
			}
			return success(`{"again":false,"word":"very good","films":[{"title":"Metropolis","id":"tt0017136"},{"title":"Nosferatu"}]}`)
		case "sub/inner":
			return success(`{"best":{"id":"tt0017136","title":"Metropolis"},"words":["so far so good","very good"],"more":{"town":"Berlin","stars":4.50}}`)
		}
		return success(`{"report":{"best":{"title":"Metropolis","id":"tt0017136"},"words":["so far so good","very good"],"town":"Berlin","stars":4.5,"ok":true}}`)
	},
	calls: func(c stepper.Invoke) []event.CapabilityAnswered {
		if c.Node != "look" || c.Number > 1 {
			return nil
		}
		answer := document.Null()
		if c.Step == "look#0" {
			answer = document.MustParse(`{"status":200,"body":{"title":"Metropolis","id":"tt0017136"}}`)
		}
		return []event.CapabilityAnswered{{
			Ordinal: 1, Capability: "fetch", Method: "request", Request: document.MustParse(`{"url":"https://films.example/1"}`),
			Answer: answer, Usage: event.Usage{Calls: 1, Bytes: 100}, Took: 20 * time.Millisecond,
		}}
	},
}
