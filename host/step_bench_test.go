package host_test

// What a step costs: a chain of ten nodes, each given a document of 1 KB that it gives
// back, from the beginning of a run to its end, with a journal in memory.

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

const (
	benchSteps = 10
	benchLap   = 50 // runs that are timed together; the least lap counts, as others use the machine
)

// benchOrder is the document of host/schema's benchmark.
var benchOrder = []byte(`{"id":1,"items":[` + strings.TrimSuffix(strings.Repeat(
	`{"sku":"A-1002","quantity":3,"note":"handle with care, please"},`, 15), ",") + `]}`)

const benchSchema = `{"type":"object","required":["id","items"],"additionalProperties":false,"properties":{
	"id":{"type":"integer"},"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{
		"sku":{"type":"string","pattern":"^[A-Z]-[0-9]+$"},"quantity":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":80}}}}}}`

const benchChecks = "[defaults]\ninput_schema = 'order.json'\noutput_schema = 'order.json'\n"

// BenchmarkStep is the goal: at most 15 µs for a step that is checked on both sides.
// The others show what else may be on a step's path.
func BenchmarkStep(b *testing.B) {
	for _, v := range []struct{ name, defaults, node, edge string }{
		{name: "checked", defaults: benchChecks},
		{name: "plain"},
		{name: "when", edge: "when = 'output.id > 0'"},
		{name: "input", node: "input = 'input'"},
		{name: "part", node: "input = '{\"id\": input.id, \"items\": input.items}'"},
		{name: "write", node: "write = { n = 'output.id' }", defaults: "[state.n]\nreduce = 'sum'\n"},
	} {
		b.Run(v.name, func(b *testing.B) { benchmarkChain(b, v.defaults, v.node, v.edge) })
	}
}

func benchmarkChain(b *testing.B, defaults, node, edge string) {
	b.Helper()
	var text strings.Builder
	text.WriteString("version = 1\n" + defaults)
	for i := range benchSteps {
		fmt.Fprintf(&text, "[nodes.n%d]\nmodule = 'echo.wasm'\n%s\n", i, node)
		if i > 0 {
			fmt.Fprintf(&text, "[[edges]]\nfrom = 'n%d'\nto = 'n%d'\n%s\n", i-1, i, edge)
		}
	}
	h, err := host.New()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte(text.String())},
		"echo.wasm":  {Data: moduletest.SmallEcho()},
		"order.json": {Data: []byte(benchSchema)},
	}, "graph.toml")
	if err != nil {
		b.Fatal(err)
	}
	run := func() *host.Run {
		r, err := h.Run(b.Context(), g, benchOrder)
		if err != nil || r.Status() != event.Done {
			b.Fatal(err, r.Failure())
		}
		return r
	}
	if out := run().Output(); !out.Equal(document.Trusted(benchOrder)) { // it also makes the image
		b.Fatal(out)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	least := time.Duration(math.MaxInt64)
	for left := b.N; left > 0; left -= benchLap {
		lap, begin := min(left, benchLap), time.Now()
		for range lap {
			run()
		}
		least = min(least, time.Since(begin)/time.Duration(lap*benchSteps))
	}
	runtime.ReadMemStats(&after)
	steps := float64(b.N * benchSteps)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(least.Nanoseconds()), "ns/step")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/steps, "allocs/step")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/steps, "B/step")
}
