package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// TestCostIsExact: an amount is read to the last of its nine digits, however it is
// written, and refused where it has more.
func TestCostIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1_000_000_000_000_000_000).Draw(t, "billionths")
		text := fmt.Sprintf("%d.%09d", n/1_000_000_000, n%1_000_000_000)
		shift := rapid.IntRange(-30, 30).Draw(t, "shift")
		for _, written := range []string{text, text + "000", fmt.Sprintf("%se0", text), shifted(n, shift)} {
			l, found := graph.ReadLimits(document.MustParse(`{"cost": `+written+`}`), nil)
			if len(found) > 0 || l.Cost != n {
				t.Fatalf("%s: %d, %v", written, l.Cost, found)
			}
		}
		l, found := graph.ReadLimits(document.MustParse(`{"cost": `+text+`0001}`), nil)
		if len(found) != 1 || l.Cost != 0 || found[0].Pointer != "/cost" {
			t.Fatalf("%s0001: %d, %v", text, l.Cost, found)
		}
	})
}

// shifted writes n billionths as an integer with zeros, and an exponent.
func shifted(n int64, zeros int) string {
	return fmt.Sprintf("%d%se%d", n, strings.Repeat("0", max(zeros, 0)), -9-max(zeros, 0))
}

func TestSizes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<60).Draw(t, "bytes") << rapid.SampledFrom([]int{0, 0, 10, 20}).Draw(t, "unit") & (1<<60 - 1)
		if n == 0 {
			return
		}
		l, found := graph.ReadLimits(document.MustParse(`{"bytes": `+graph.FormatSize(n)+`}`), nil)
		if len(found) > 0 || l.Bytes != n {
			t.Fatalf("%s: %d, %v", graph.FormatSize(n), l.Bytes, found)
		}
	})
}

// TestOwnKeys: a key that is the capability's own is no limit, whatever it holds.
func TestOwnKeys(t *testing.T) {
	terms := document.MustParse(`{"calls": "often", "methods": {"a": 1}, "tokens": 3, "hosts": []}`)
	l, found := graph.ReadLimits(terms, func(key string) bool { return key == "calls" || key == "methods" })
	if len(found) > 0 || l.Calls != 0 || l.Methods != nil || l.Tokens != 3 {
		t.Errorf("%+v, %v", l, found)
	}
	if _, found := graph.ReadLimits(terms, nil); len(found) != 2 {
		t.Error(found)
	}
}

// TestWorldBounds: a graph can ask for so much and no more.
func TestWorldBounds(t *testing.T) {
	many := func(n int) (list []graph.Section) {
		for i := range n {
			list = append(list, graph.Section{Name: fmt.Sprintf("c%d", i), Value: graph.Value{Document: document.MustParse(`{"env": "A"}`)}})
		}
		return list
	}
	long := graph.Value{Document: document.Object(document.Field{Key: "x", Value: document.String(strings.Repeat("x", 2<<20))})}
	node := graph.NodeSource{Name: "a", Module: "m.wasm"}
	with := func(grants []graph.Section) []graph.NodeSource {
		n := node
		n.Grants = grants
		return []graph.NodeSource{n}
	}
	for name, c := range map[string]struct {
		src  graph.Source
		want string // a code; "" for none
	}{
		"64 grants":         {graph.Source{Nodes: with(many(64))}, ""},
		"65 grants":         {graph.Source{Nodes: with(many(65))}, graph.CodeTooLarge},
		"256 secrets":       {graph.Source{Nodes: with(nil), Secrets: many(256)}, ""},
		"257 secrets":       {graph.Source{Nodes: with(nil), Secrets: many(257)}, graph.CodeTooLarge},
		"257 settings":      {graph.Source{Nodes: with(nil), Capabilities: many(257)}, graph.CodeTooLarge},
		"a long grant":      {graph.Source{Nodes: with([]graph.Section{{Name: "c", Value: long}})}, graph.CodeTooLarge},
		"long settings":     {graph.Source{Nodes: with(nil), Capabilities: []graph.Section{{Name: "c", Value: long}}}, graph.CodeTooLarge},
		"two of one name":   {graph.Source{Nodes: with(append(many(1), many(1)...))}, graph.CodeDuplicate},
		"a long name":       {graph.Source{Nodes: with([]graph.Section{{Name: strings.Repeat("c", 129)}})}, graph.CodeBadName},
		"an empty grant":    {graph.Source{Nodes: with([]graph.Section{{Name: "c"}})}, ""},
		"an empty secret":   {graph.Source{Nodes: with(nil), Secrets: []graph.Section{{Name: "s"}}}, graph.CodeMissingKey},
		"a budget of calls": {graph.Source{Nodes: with(nil), Budget: &graph.Section{Value: graph.Value{Document: document.MustParse(`{"calls": 1}`)}}}, ""},
	} {
		_, found := graph.Build(&c.src, nil)
		switch {
		case c.want == "" && len(found) > 0, c.want != "" && (len(found) != 1 || found[0].Code != c.want):
			t.Errorf("%s: %v, want %q", name, found, c.want)
		}
	}
}

// TestGrantsAreCounted: [defaults] can multiply what stands in a file.
func TestGrantsAreCounted(t *testing.T) {
	src := &graph.Source{Partial: true}
	for i := range 64 {
		src.Defaults.Grants = append(src.Defaults.Grants, graph.Section{Name: fmt.Sprintf("c%d", i)})
	}
	for i := range 100_000/64 + 3 {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: fmt.Sprintf("n%d", i), Module: "m"})
	}
	if _, found := graph.Build(src, nil); len(found) != 1 || found[0].Code != graph.CodeTooLarge {
		t.Errorf("%v", found)
	}
}

func TestGrantsOfDefaults(t *testing.T) {
	section := func(name string) []graph.Section { return []graph.Section{{Name: name}} }
	g := mustBuild(t, &graph.Source{
		Defaults: graph.NodeSource{Grants: append(section("z"), section("k")...)},
		Chain:    []graph.Word{word("a"), word("b"), word("c"), word("d")},
		Nodes: []graph.NodeSource{
			{Name: "a", Module: "m"},
			{Name: "b", Module: "m", Grants: section("x")},
			{Name: "c", Module: "m", Keys: graph.Positions{"grants": {}}},
			{Name: "d", Wait: true},
		},
	})
	for name, want := range map[string]string{"a": "k z", "b": "x", "c": "", "d": ""} {
		var got []string
		for _, grant := range g.Node(name).Grants {
			got = append(got, grant.Capability)
			if grant.Inherited != (name == "a") || grant.Terms.String() != "{}" {
				t.Errorf("%s: %+v", name, grant)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestPositionsFind(t *testing.T) {
	p := graph.Positions{"": {Line: 1}, "/a": {Line: 2}, "/a/0": {Line: 3}}
	for pointer, want := range map[string]int{"": 1, "/a": 2, "/a/0": 3, "/a/0/x/y": 3, "/a/1": 2, "/b": 1} {
		if got := p.Find(pointer, graph.Position{Line: 9}); got.Line != want {
			t.Errorf("%q: line %d, want %d", pointer, got.Line, want)
		}
	}
	if got := graph.Positions(nil).Find("/x", graph.Position{Line: 9}); got.Line != 9 {
		t.Error(got)
	}
}
