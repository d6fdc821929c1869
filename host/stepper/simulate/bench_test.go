package simulate_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

func word(format string, args ...any) graph.Word {
	return graph.Word{Text: fmt.Sprintf(format, args...)}
}

func empty(names ...string) *graph.Source {
	src := &graph.Source{File: "bench.toml", MaxSteps: 10_000_000}
	for _, n := range names {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: n, Module: "n.wasm", MaxVisits: 10_000_000})
	}
	return src
}

// chain is n nodes in a row.
func chain(n int) *graph.Source {
	src := empty()
	for i := range n {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: fmt.Sprint("n", i), Module: "n.wasm"})
		src.Chain = append(src.Chain, word("n%d", i))
	}
	return src
}

// fan is one node, n beside each other, and one that joins them.
func fan(n int) *graph.Source {
	src := empty("split", "join")
	for i := range n {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: fmt.Sprint("n", i), Module: "n.wasm"})
		src.Edges = append(src.Edges,
			graph.EdgeSource{From: word("split"), To: word("n%d", i)},
			graph.EdgeSource{From: word("n%d", i), To: word("join")})
	}
	return src
}

// loop is one node that leads back to itself n times.
func loop(n int) *graph.Source {
	src := empty("a")
	src.State = []graph.StateSource{{Name: "n", Initial: graph.Value{Document: document.Int(0)}}}
	src.Nodes[0].Write = []graph.FieldSource{{Key: "n", Expression: graph.Expression{Text: "state.n + 1"}}}
	src.Edges = []graph.EdgeSource{{From: word("a"), To: word("a"), When: graph.Expression{Text: fmt.Sprintf("state.n < %d", n)}}}
	return src
}

// appends is a loop whose every turn forks, and each branch appends to the state.
func appends(n int) *graph.Source {
	src := loop(n)
	src.Nodes = append(src.Nodes, empty("b", "c", "d").Nodes...)
	src.State = append(src.State, graph.StateSource{Name: "list", Reduce: "append"})
	for i := 1; i < 3; i++ {
		src.Nodes[i].Write = []graph.FieldSource{{Key: "list", Expression: graph.Expression{Text: "{'turn': state.n, 'text': 'a few words'}"}}}
	}
	src.Edges = []graph.EdgeSource{
		{From: word("a"), To: word("b")},
		{From: word("a"), To: word("c")},
		{From: word("b"), To: word("d")},
		{From: word("c"), To: word("d")},
		{From: word("d"), To: word("a"), When: graph.Expression{Text: fmt.Sprintf("state.n < %d", n)}},
	}
	return src
}

func built(tb testing.TB, src *graph.Source) *graph.Graph {
	tb.Helper()
	g, found := graph.Build(src, nil)
	if found.Failed() {
		tb.Fatal(found)
	}
	return g
}

var benchInput = document.MustParse(`{"n":1}`)

// carryOut does what a driver does, without a journal and with nodes that do
// nothing and take no time. It stops after some steps, if most is not 0.
func carryOut(tb testing.TB, g *graph.Graph, most int) (m *stepper.Machine, events, steps int) {
	tb.Helper()
	m = stepper.New(g)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var open []stepper.Invoke
	for next := event.Body(event.RunStarted{Input: benchInput}); next != nil; {
		events++
		commands, err := m.Apply(event.Event{Run: "r", Seq: uint64(events), Time: now, Body: next})
		if err != nil {
			tb.Fatal(err)
		}
		next = nil
		for _, c := range commands {
			switch c := c.(type) {
			case stepper.Record:
				next = c.Body
			case stepper.Invoke:
				open = append(open, c)
			case stepper.Wake, stepper.Abort:
			}
		}
		if next == nil && len(open) > 0 && (most == 0 || steps < most) {
			steps++
			next = m.Judge(event.Outcome{Attempt: open[0].Attempt, Output: benchInput})
			open = open[1:]
		}
	}
	if most == 0 && !m.Finished() {
		tb.Fatal("the run is stuck")
	}
	return m, events, steps
}

// BenchmarkSteps is what the engine costs a step and an event (allocs/op and
// B/op are those of a run).
func BenchmarkSteps(b *testing.B) {
	for _, c := range []struct {
		name string
		src  *graph.Source
	}{
		{"chain10", chain(10)},
		{"fan1000", fan(1000)},
		{"loop10000", loop(10_000)},
		{"appends10000", appends(10_000)},
	} {
		g := built(b, c.src)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var events, steps int
			for b.Loop() {
				_, e, s := carryOut(b, g, 0)
				events, steps = events+e, steps+s
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
			b.ReportMetric(float64(allocated(func() { carryOut(b, g, 0) }).objects)/float64(events/b.N), "allocs/event")
		})
	}
}

// BenchmarkGrowth is the exponent by which the time of a run grows with its
// steps: 1 is linear.
func BenchmarkGrowth(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			var x []float64
			for b.Loop() {
				x = append(x, exponent(s.sizes, func(n int) float64 {
					g := built(b, s.source(n))
					best := math.Inf(1)
					for range 3 {
						begin := time.Now()
						carryOut(b, g, 0)
						best = min(best, float64(time.Since(begin)))
					}
					return best
				}))
			}
			b.ReportMetric(x[len(x)-1], "exponent")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRuns is the memory of 1,000 runs that are under way at once.
func BenchmarkRuns(b *testing.B) {
	g := built(b, chain(10))
	for b.Loop() {
		const runs = 1000
		held := make([]*stepper.Machine, runs)
		before := heap()
		for i := range held {
			held[i], _, _ = carryOut(b, g, 5)
		}
		b.ReportMetric(float64(heap()-before)/runs, "B/run")
		runtime.KeepAlive(held)
	}
	b.ReportMetric(0, "ns/op")
}

var shapes = []struct {
	name   string
	source func(int) *graph.Source
	sizes  []int
}{
	{"chain", chain, []int{100, 200, 400, 800, 1600}},
	{"fan", fan, []int{100, 200, 400, 800, 1600}},
	{"loop", loop, []int{500, 1000, 2000, 4000, 8000}},
	{"appends", appends, []int{500, 1000, 2000, 4000, 8000}},
}

// TestGrowthIsLinear: what a run allocates grows linearly with its steps, also
// where each of them appends to the state. Bytes are counted, since they do not
// depend on the machine's mood.
func TestGrowthIsLinear(t *testing.T) {
	for _, s := range shapes {
		x := exponent(s.sizes, func(n int) float64 {
			g := built(t, s.source(n))
			return float64(allocated(func() { carryOut(t, g, 0) }).bytes)
		})
		t.Logf("%s: bytes grow with the exponent %.3f", s.name, x)
		if x > 1.1 {
			t.Errorf("%s: bytes grow with the exponent %.3f", s.name, x)
		}
	}
}

type usage struct{ bytes, objects uint64 }

func allocated(f func()) usage {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return usage{after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// exponent is the slope of the line through the logarithms.
func exponent(sizes []int, measure func(int) float64) float64 {
	var sx, sy, sxx, sxy float64
	for _, n := range sizes {
		x, y := math.Log(float64(n)), math.Log(measure(n))
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	k := float64(len(sizes))
	return (k*sxy - sx*sy) / (k*sxx - sx*sx)
}
