package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

func word(s string) graph.Word { return graph.Word{Text: s} }

func mustBuild(t *testing.T, src *graph.Source) *graph.Graph {
	t.Helper()
	g, found := graph.Build(src, nil)
	if g == nil {
		t.Fatal(found)
	}
	return g
}

func TestDefaults(t *testing.T) {
	g := mustBuild(t, &graph.Source{File: "graphs/shop.toml", Nodes: []graph.NodeSource{{Name: "a", Module: "m.wasm"}}})
	n := g.Node("a")
	if g.Name != "shop" || g.MaxSteps != 10_000 || g.Deadline != 0 {
		t.Errorf("%+v", g)
	}
	if n.Fuel != 10_000_000_000 || n.MemoryBytes != 256<<20 || n.Timeout != 30*time.Second || n.Deadline != 0 ||
		n.MaxVisits != 100 || n.Route != graph.RouteAll || n.Encoding != graph.EncodingJSON || n.Input != nil || n.Retry != nil {
		t.Errorf("%+v", n)
	}
	if r := graph.DefaultRetry(); r.MaxAttempts != 3 || r.InitialInterval != 500*time.Millisecond || r.MaxInterval != 30*time.Second || r.Multiplier != 2 || r.Jitter != 0.5 {
		t.Errorf("%+v", r)
	}
}

// TestOwnKeysReplace: "a node's own key replaces the default's, tables whole".
func TestOwnKeysReplace(t *testing.T) {
	g := mustBuild(t, &graph.Source{
		Chain: []graph.Word{word("a"), word("b")},
		State: []graph.StateSource{{Name: "x"}, {Name: "y"}},
		Defaults: graph.NodeSource{
			Fuel: 7, Timeout: time.Second, Route: "first", MaxVisits: 3,
			Config: graph.Value{Document: document.MustParse(`{"a": 1, "b": 2}`)},
			Write:  []graph.FieldSource{{Key: "x", Expression: graph.Expression{Text: "1"}}},
			Retry:  []graph.RetrySource{{MaxAttempts: 9}},
			Input:  graph.BindingSource{Expression: graph.Expression{Text: "input.x"}},
			Keys:   graph.Positions{"fuel": {Line: 3, Column: 8}},
		},
		Nodes: []graph.NodeSource{
			{Name: "a", Module: "m.wasm"},
			{
				Name: "b", Module: "m.wasm", Fuel: 8, Route: "all",
				Config: graph.Value{Document: document.MustParse(`{"c": 3}`)},
				Write:  []graph.FieldSource{{Key: "y", Expression: graph.Expression{Text: "2"}}},
				Retry:  []graph.RetrySource{{On: []graph.Word{word("trap")}, Jitter: new(0.0), InitialInterval: new(time.Duration(0))}},
				Input:  graph.BindingSource{Fields: []graph.FieldSource{{Key: "k", Expression: graph.Expression{Text: "input.y"}}}},
			},
		},
	})
	a, b := g.Node("a"), g.Node("b")
	if a.Fuel != 7 || a.Timeout != time.Second || a.Route != graph.RouteFirst || a.MaxVisits != 3 || a.Config.String() != `{"a": 1, "b": 2}` ||
		len(a.Writes) != 1 || a.Writes[0].Key.Name != "x" || a.Retry[0].MaxAttempts != 9 || a.Input.Expr.Source() != "input.x" || a.Position["fuel"].Line != 3 {
		t.Errorf("%+v", a)
	}
	if b.Fuel != 8 || b.Timeout != time.Second || b.Route != graph.RouteAll || b.Config.String() != `{"c": 3}` ||
		len(b.Writes) != 1 || b.Writes[0].Key.Name != "y" || len(b.Retry) != 1 || b.Retry[0].MaxAttempts != 3 || b.Input.Expr != nil || b.Input.Fields[0].Key != "k" {
		t.Errorf("%+v", b)
	}
	if r := b.Retry[0]; r.Jitter != 0 || r.InitialInterval != 0 || r.Multiplier != 2 || !slices.Equal(r.On, []failure.Code{failure.Trap}) {
		t.Errorf("%+v", r)
	}
}

// TestRetryIntervals: an interval that was not written follows the one that was.
func TestRetryIntervals(t *testing.T) {
	for _, c := range []struct {
		rule             graph.RetrySource
		initial, maximal time.Duration
	}{
		{graph.RetrySource{}, 500 * time.Millisecond, 30 * time.Second},
		{graph.RetrySource{InitialInterval: new(time.Minute)}, time.Minute, time.Minute},
		{graph.RetrySource{MaxInterval: time.Millisecond}, time.Millisecond, time.Millisecond},
		{graph.RetrySource{InitialInterval: new(time.Second), MaxInterval: 2 * time.Second}, time.Second, 2 * time.Second},
	} {
		g := mustBuild(t, &graph.Source{Nodes: []graph.NodeSource{{Name: "a", Module: "m", Retry: []graph.RetrySource{c.rule}}}})
		if r := g.Node("a").Retry[0]; r.InitialInterval != c.initial || r.MaxInterval != c.maximal {
			t.Errorf("%+v", r)
		}
	}
}

// TestOrder: "ties by the order of the file, a loop at its header's place".
func TestOrder(t *testing.T) {
	nodes := func(names string) (list []graph.NodeSource) {
		for n := range strings.FieldsSeq(names) {
			list = append(list, graph.NodeSource{Name: n, Module: "m", Route: "first"})
		}
		return list
	}
	edges := func(text string) (list []graph.EdgeSource) {
		for pair := range strings.FieldsSeq(text) {
			from, to, _ := strings.Cut(pair, ">")
			list = append(list, graph.EdgeSource{From: word(from), To: word(to), When: graph.Expression{Text: fmt.Sprintf("output == %q", pair)}})
		}
		return list
	}
	for _, c := range []struct{ nodes, edges, want string }{
		{"c b a", "a>b b>c", "a b c"},
		{"end a b start", "start>b start>a a>end b>end", "start a b end"},
		{"x h y out", "h>x x>y y>h x>out", "h x y out"},
		{"start late h z body", "start>h start>late h>body body>h body>z late>z", "start late h body z"},
		{"start h late body z", "start>h start>late h>body body>h body>z late>z", "start h body late z"},
	} {
		src := &graph.Source{Nodes: nodes(c.nodes), Edges: edges(c.edges), Start: []graph.Word{word(strings.Fields(c.want)[0])}}
		g := mustBuild(t, src)
		var got []string
		for _, n := range g.Order {
			got = append(got, n.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s", c.edges, got)
		}
	}
}

// TestShapes: where a document is an object keyed by node.
func TestShapes(t *testing.T) {
	type want struct{ entry, output bool }
	for _, c := range []struct {
		name  string
		route string
		edges []graph.EdgeSource
		want  want
	}{
		{"one edge", "", []graph.EdgeSource{{From: word("a"), To: word("d")}}, want{}},
		{"a failure edge and its node's success edge", "", []graph.EdgeSource{
			{From: word("a"), To: word("b"), AnyError: true}, {From: word("a"), To: word("d")}, {From: word("b"), To: word("d")},
		}, want{}},
		{"X and !(X)", "", []graph.EdgeSource{
			{From: word("a"), To: word("b"), When: graph.Expression{Text: "output.x > 1"}},
			{From: word("a"), To: word("c"), When: graph.Expression{Text: "!( output.x>1 )"}},
			{From: word("b"), To: word("d")},
			{From: word("c"), To: word("d")},
		}, want{}},
		{"two failure edges", "", []graph.EdgeSource{
			{From: word("a"), To: word("b"), On: []graph.Word{word("trap")}},
			{From: word("a"), To: word("c"), AnyError: true},
			{From: word("b"), To: word("d")},
			{From: word("c"), To: word("d")},
		}, want{entry: true, output: true}},
		{"two failure edges of route = first", "first", []graph.EdgeSource{
			{From: word("a"), To: word("b"), On: []graph.Word{word("trap")}},
			{From: word("a"), To: word("c"), AnyError: true},
			{From: word("b"), To: word("d")},
			{From: word("c"), To: word("d")},
		}, want{output: true}},
		{"the end and what mends it", "", []graph.EdgeSource{{From: word("a"), To: word("d"), AnyError: true}}, want{output: true}},
		{"two ends", "first", []graph.EdgeSource{
			{From: word("a"), To: word("b"), When: graph.Expression{Text: "output.x"}}, {From: word("a"), To: word("d")},
		}, want{}},
	} {
		src := &graph.Source{Edges: c.edges}
		for _, n := range []string{"a", "b", "c", "d"} {
			if n == "a" || slices.ContainsFunc(c.edges, func(e graph.EdgeSource) bool { return e.To.Text == n }) {
				src.Nodes = append(src.Nodes, graph.NodeSource{Name: n, Module: "m", Route: c.route})
			}
		}
		g := mustBuild(t, src)
		if got := (want{g.Node("d").EntryByNode, g.OutputByNode}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestCovers(t *testing.T) {
	g := mustBuild(t, &graph.Source{
		Nodes: []graph.NodeSource{{Name: "a", Module: "m"}, {Name: "b", Module: "m"}},
		Edges: []graph.EdgeSource{
			{From: word("a"), To: word("b"), On: []graph.Word{word("trap")}},
			{From: word("a"), To: word("b"), AnyError: true},
			{From: word("a"), To: word("b")},
		},
	})
	for i, want := range [][3]bool{{true, false, false}, {true, true, false}, {}} {
		e := g.Edges[i]
		if got := [3]bool{e.Covers(failure.Trap), e.Covers(failure.Timeout), e.Covers(failure.Canceled)}; got != want {
			t.Errorf("%s: %v", e, got)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"timeout", "fuel", "module", "max_visits"}
	for name, want := range map[string]string{
		"timout": "timeout", "tiemout": "timeout", "Timeout": "timeout", "fule": "fuel", "modul": "module", "maxvisits": "max_visits",
		"x": "", "": "", "something": "", strings.Repeat("a", 1000): "",
	} {
		if got := graph.Nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// An embedder may build a graph without a file. Positions are not needed.
func ExampleBuild() {
	g, found := graph.Build(&graph.Source{
		Name:  "shop",
		Chain: []graph.Word{{Text: "cart"}, {Text: "charge"}},
		Nodes: []graph.NodeSource{
			{Name: "cart", Module: "cart.wasm"},
			{Name: "charge", Module: "charge.wasm", Timeout: 2 * time.Second, Retry: []graph.RetrySource{
				{On: []graph.Word{{Text: "timeout"}}, MaxAttempts: 5, Jitter: new(0.1)},
			}},
		},
	}, nil)
	if found.Failed() {
		fmt.Println(found)
		return
	}
	for _, n := range g.Order {
		fmt.Println(n.Name, n.Timeout, n.MaxVisits)
	}
	// Output:
	// cart 30s 100
	// charge 2s 100
}
