package plan

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/graph"
)

func TestWorst(t *testing.T) {
	const chain = `
version = 1
chain = ["a", "b"]
[defaults]
fuel = 1000
timeout = "10s"
[[defaults.retry]]
max_attempts = 1
[nodes.a]
module = "a.wasm"
[nodes.b]
module = "b.wasm"
`
	const loop = `
[[edges]]
from = "b"
to = "a"
when = "output.again"
`
	for name, c := range map[string]struct {
		text string
		want WorstCase
	}{
		"a chain": {chain, WorstCase{Steps: 2, Attempts: 2, Fuel: 2000, Time: 20 * time.Second}},
		"a deadline of the run": {
			"deadline = '5s'\n" + chain, WorstCase{Steps: 2, Attempts: 2, Fuel: 2000, Time: 5 * time.Second},
		},
		"attempts and their intervals": {
			strings.ReplaceAll(chain, "max_attempts = 1", "max_attempts = 4\ninitial_interval = '1s'\nmultiplier = 2\nmax_interval = '3s'\njitter = 0.5"),
			// 4 × 10s and 1.5 × (1s + 2s + 3s), twice.
			WorstCase{Steps: 2, Attempts: 8, Fuel: 8000, Time: 98 * time.Second},
		},
		"a rule for one code beside the default": {
			strings.ReplaceAll(chain, "max_attempts = 1", "on = ['trap']\nmax_attempts = 5\ninitial_interval = '0s'"),
			// 5 × 10s, and the default's 0.75s + 1.5s + 3s + 6s; twice.
			WorstCase{Steps: 2, Attempts: 10, Fuel: 10000, Time: 2 * (50*time.Second + 11250*time.Millisecond)},
		},
		"a deadline of a step": {
			chain + "deadline = '3s'\n", WorstCase{Steps: 2, Attempts: 2, Fuel: 2000, Time: 13 * time.Second},
		},
		"a loop": {
			chain + "max_visits = 50\n" + loop, WorstCase{Steps: 150, Attempts: 150, Fuel: 150_000, Time: 1500 * time.Second},
		},
		"a loop bounded by its header": {
			strings.Replace(chain, "[nodes.b]", "max_visits = 3\n[nodes.b]", 1) + loop, WorstCase{Steps: 6, Attempts: 6, Fuel: 6000, Time: time.Minute},
		},
		"a loop that goes on when its header is refused": {
			strings.Replace(chain, "[nodes.b]", "max_visits = 3\n[nodes.b]", 1) + loop + "[[edges]]\nfrom = 'a'\nto = 'b'\non = 'error'\n",
			WorstCase{Steps: 103, Attempts: 103, Fuel: 103_000, Time: 1030 * time.Second},
		},
		"max_steps takes the dearest": {
			"max_steps = 60\n" + strings.Replace(chain, "[nodes.b]", "fuel = 1\nmax_visits = 50\n[nodes.b]", 1) + loop,
			WorstCase{Steps: 60, Attempts: 60, Fuel: 50_000 + 10, Time: 600 * time.Second},
		},
		"more than there are numbers": {
			strings.ReplaceAll(strings.ReplaceAll(chain, "1000", "4_000_000_000_000_000_000"), `timeout = "10s"`, `timeout = "80000h"`) + loop,
			WorstCase{Steps: 200, Attempts: 200, Fuel: math.MaxUint64, Time: math.MaxInt64},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Worst(build(t, c.text))
			if got.Steps != c.want.Steps || got.Attempts != c.want.Attempts || got.Fuel != c.want.Fuel || got.Time != c.want.Time || len(got.Elements)+len(got.Waits) > 0 {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// Loops inside loops, foreach, subgraphs and waits, by hand: not every graph
// file of this kind loads in every version.
func TestWorstInside(t *testing.T) {
	one := []graph.RetryRule{{MaxAttempts: 1}}
	inner := &graph.Graph{MaxSteps: 100, Nodes: []*graph.Node{
		{Name: "each", Kind: graph.KindModule, Fuel: 7, Retry: one, Timeout: time.Second, Foreach: build(t, "version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'a'\ninput = '[1]'").Nodes[0].Input.Expr},
		{Name: "ask", Kind: graph.KindWait},
		{Name: "do", Kind: graph.KindModule, Fuel: 5, Retry: one, Timeout: time.Second},
	}}
	header := &graph.Node{Name: "header", Kind: graph.KindModule, Fuel: 1, Retry: one, Timeout: time.Second, MaxVisits: 3}
	deep := &graph.Node{Name: "deep", Kind: graph.KindGraph, Sub: inner, MaxVisits: 2}
	outer := &graph.Loop{Header: header, Depth: 1}
	header.Loop = outer
	deep.Loop = &graph.Loop{Header: deep, Parent: outer, Depth: 2}
	got := Worst(&graph.Graph{MaxSteps: 1000, Nodes: []*graph.Node{header, deep}})
	// deep runs 3 × 2 times: itself, and three steps inside.
	if got.Steps != 3+6*4 || got.Attempts != 3+6 || got.Fuel != 3+6*5 || got.Time != 9*time.Second {
		t.Errorf("%+v", got)
	}
	if len(got.Waits) != 1 || got.Waits[0] != "deep/ask" {
		t.Errorf("waits %q", got.Waits)
	}
	if len(got.Elements) != 1 || got.Elements[0].Step != "deep/each" || got.Elements[0].Fuel != 7 || got.Elements[0].Attempts != 1 {
		t.Errorf("elements %+v", got.Elements)
	}
}
