package stepper_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// BenchmarkApply measures what a machine costs an event, with nodes that take
// no time: ns/event, and allocations a run.
func BenchmarkApply(b *testing.B) {
	word := func(format string, args ...any) graph.Word { return graph.Word{Text: fmt.Sprintf(format, args...)} }
	node := func(i int) graph.NodeSource {
		return graph.NodeSource{Name: word("n%d", i).Text, Module: "n.wasm", MaxVisits: 1_000_000}
	}
	chain := func(n int) *graph.Source {
		src := &graph.Source{File: "chain.toml", MaxSteps: 1_000_000}
		for i := range n {
			src.Nodes = append(src.Nodes, node(i))
			src.Chain = append(src.Chain, word("n%d", i))
		}
		return src
	}
	loop := func(turns int) *graph.Source {
		src := chain(2)
		src.State = []graph.StateSource{{Name: "n", Initial: graph.Value{Document: document.MustParse("0")}}}
		src.Nodes[0].Write = []graph.FieldSource{{Key: "n", Expression: graph.Expression{Text: "state.n + 1"}}}
		src.Edges = []graph.EdgeSource{{From: word("n1"), To: word("n0"), When: graph.Expression{Text: fmt.Sprintf("state.n < %d", turns)}}}
		return src
	}
	fan := func(n int) *graph.Source {
		src := chain(0)
		for i := range n + 2 {
			src.Nodes = append(src.Nodes, node(i))
		}
		for i := range n {
			src.Edges = append(src.Edges,
				graph.EdgeSource{From: word("n0"), To: word("n%d", i+1)}, graph.EdgeSource{From: word("n%d", i+1), To: word("n%d", n+1)})
		}
		src.State = []graph.StateSource{{Name: "seen", Reduce: "append"}}
		src.Defaults.Write = []graph.FieldSource{{Key: "seen", Expression: graph.Expression{Text: "output"}}}
		return src
	}
	each := func(n int) *graph.Source {
		src := chain(1)
		src.Nodes[0].Foreach.Text = fmt.Sprintf("[%s]", strings.TrimSuffix(strings.Repeat("1,", n), ","))
		return src
	}
	for _, c := range []struct {
		name string
		src  *graph.Source
	}{
		{"chain10", chain(10)},
		{"chain1000", chain(1000)},
		{"loop100", loop(100)},
		{"loop10000", loop(10_000)},
		{"fan1000", fan(1000)},
		{"fan10000", fan(10_000)},
		{"each1000", each(1000)},
		{"each8000", each(8000)},
	} {
		g, found := graph.Build(c.src, nil)
		if found.Failed() {
			b.Fatal(found)
		}
		b.Run(c.name, func(b *testing.B) { benchmarkRun(b, g) })
	}
}

// benchmarkRun carries out runs as a driver does, without a journal.
func benchmarkRun(b *testing.B, g *graph.Graph) {
	b.Helper()
	b.ReportAllocs()
	input := document.MustParse(`{"n":1}`)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	events := 0
	for b.Loop() {
		m := stepper.New(g)
		var seq uint64
		var todo []stepper.Invoke
		var next event.Body = event.RunStarted{Input: input}
		for !m.Finished() {
			for next != nil {
				seq++
				commands, err := m.Apply(event.Event{Run: "r", Seq: seq, Time: now, Body: next})
				if err != nil {
					b.Fatal(err)
				}
				next = nil
				for _, c := range commands {
					switch c := c.(type) {
					case stepper.Record:
						next = c.Body
					case stepper.Invoke:
						todo = append(todo, c)
					case stepper.Wake, stepper.Abort:
					}
				}
			}
			if len(todo) > 0 {
				next = m.Judge(event.Outcome{Attempt: todo[0].Attempt, Output: todo[0].Input})
				todo = todo[1:]
			}
		}
		events += int(seq)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}
