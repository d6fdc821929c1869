package graph

import (
	"fmt"
	"testing"
	"time"
)

// largeSources are graphs of n nodes in the shapes that an algorithm could
// stumble over: deep, wide, cyclic, full of merges, full of mistakes.
func largeSources(n int) map[string]*Source {
	name := func(i int) string { return fmt.Sprintf("n%d", i) }
	word := func(i int) Word { return Word{Text: name(i)} }
	nodes := func() *Source {
		src := &Source{State: []StateSource{{Name: "k"}}}
		for i := range n {
			src.Nodes = append(src.Nodes, NodeSource{
				Name: name(i), Module: "m.wasm", Route: "first",
				Write: []FieldSource{{Key: "k", Expression: Expression{Text: "state.k"}}},
			})
		}
		return src
	}
	chain := nodes()
	for i := range n {
		chain.Chain = append(chain.Chain, word(i))
	}
	loop := nodes()
	loop.Chain = chain.Chain
	loop.Edges = []EdgeSource{{From: word(n - 2), To: word(0), When: Expression{Text: "output.again"}}}
	wide := nodes()
	for i := 1; i < n-1; i++ {
		wide.Edges = append(wide.Edges,
			EdgeSource{From: word(0), To: word(i), When: Expression{Text: fmt.Sprintf("output == %d", i)}},
			EdgeSource{From: word(i), To: word(n - 1)})
	}
	ladder := nodes() // each node goes on, or to the end by a failure
	ladder.Chain = chain.Chain[:n-1]
	for i := range n - 1 {
		ladder.Edges = append(ladder.Edges, EdgeSource{From: word(i), To: word(n - 1), AnyError: true})
	}
	diamonds := nodes()
	for i := 0; i+3 < n; i += 3 {
		diamonds.Edges = append(diamonds.Edges,
			EdgeSource{From: word(i), To: word(i + 1), When: Expression{Text: "output.x"}},
			EdgeSource{From: word(i), To: word(i + 2)},
			EdgeSource{From: word(i + 1), To: word(i + 3)},
			EdgeSource{From: word(i + 2), To: word(i + 3)})
	}
	diamonds.Nodes = diamonds.Nodes[:(n-1)/3*3+1]
	loops := nodes() // a small loop every two nodes
	loops.Chain = chain.Chain
	for i := 0; i+1 < n; i += 2 {
		loops.Edges = append(loops.Edges, EdgeSource{From: word(i + 1), To: word(i), When: Expression{Text: "output.again"}})
	}
	nested := nodes() // refused, but in good time
	nested.Chain = chain.Chain
	for i := range n / 2 {
		nested.Edges = append(nested.Edges, EdgeSource{From: word(n - 1 - i), To: word(i), When: Expression{Text: "output.again"}})
	}
	fork := nodes() // refused
	for i := 1; i < n; i++ {
		fork.Nodes[0].Route = ""
		fork.Edges = append(fork.Edges, EdgeSource{From: word(0), To: word(i)})
	}
	skips := nodes() // the first may lead to each, and each to the next
	skips.Chain = chain.Chain
	for i := 2; i < n; i++ {
		skips.Edges = append(skips.Edges, EdgeSource{From: word(0), To: word(i), When: Expression{Text: fmt.Sprintf("output == %d", i)}})
	}
	same := nodes() // refused: nothing but edges from one node to another one
	same.Nodes = same.Nodes[:2]
	same.Nodes[0].Route = ""
	for i := range 5 * n {
		same.Edges = append(same.Edges, EdgeSource{From: word(0), To: word(1), When: Expression{Text: fmt.Sprintf("output == %d", i%100)}})
	}
	apart := nodes() // refused: nothing is connected
	wrong := nodes() // refused: nothing is right
	for i := range n {
		wrong.Edges = append(wrong.Edges, EdgeSource{From: Word{Text: name(i) + "x"}, To: Word{Text: "y" + name(i)}, When: Expression{Text: "nope"}})
		wrong.Nodes[i].Fuel = -1
	}
	return map[string]*Source{
		"chain": chain, "loop": loop, "wide": wide, "ladder": ladder, "diamonds": diamonds, "loops": loops,
		"nested": nested, "fork": fork, "skips": skips, "same": same, "apart": apart, "wrong": wrong,
	}
}

// TestLarge builds 10,000 nodes in every shape. The bound is far above what it
// takes, so that only a wrong growth meets it.
func TestLarge(t *testing.T) {
	refused := map[string]bool{"nested": true, "same": true, "fork": true, "apart": true, "wrong": true}
	for name, src := range largeSources(10_000) {
		begin := time.Now()
		g, found := Build(src, nil)
		took := time.Since(begin)
		if (g == nil) != refused[name] {
			t.Errorf("%s: %v", name, found[:min(len(found), 3)])
		}
		if took > 40*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		t.Logf("%s: %v, %d diagnostics", name, took, len(found))
	}
}

func BenchmarkBuild10000(b *testing.B) {
	for name, src := range largeSources(10_000) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Build(src, nil)
			}
		})
	}
}
