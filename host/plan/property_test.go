package plan

// Whatever the prover says must fail, fails: a small interpreter of two nodes
// and the edge between them tries random documents.

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

func drawSchema(t *rapid.T, depth int) any {
	forms := 5
	if depth == 0 {
		forms = 3
	}
	sub := func() any { return drawSchema(t, depth-1) }
	switch rapid.IntRange(0, forms).Draw(t, "form") {
	case 0:
		return true
	case 1:
		return map[string]any{"type": rapid.SampledFrom([]any{"string", "number", "boolean", []any{"null", "number"}, []any{"string", "null"}}).Draw(t, "type")}
	case 2:
		return map[string]any{"enum": rapid.SampledFrom([][]any{{"a", "b"}, {1, 2}, {true}, {nil, "a"}, {map[string]any{"a": 1}}}).Draw(t, "values")}
	case 3:
		return map[string]any{"type": "array", "items": drawSchema(t, 0), "minItems": rapid.IntRange(0, 1).Draw(t, "least")}
	}
	s := map[string]any{"type": "object", "properties": map[string]any{"a": sub(), "b": sub()}}
	if rapid.Bool().Draw(t, "required") {
		s["required"] = rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}}).Draw(t, "which")
	}
	if rapid.IntRange(0, 2).Draw(t, "closed") > 0 {
		s["additionalProperties"] = false
	}
	return s
}

func drawValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.SampledFrom([]any{1, 2, 2.5}).Draw(t, "number")
	case 3, 4:
		return rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "string")
	case 5:
		list := make([]any, rapid.IntRange(0, 2).Draw(t, "items"))
		for i := range list {
			list[i] = drawValue(t, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for _, name := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, name) {
			m[name] = drawValue(t, depth-1)
		}
	}
	return m
}

// drawValid draws a document that a schema allows, if that is not too hard.
func drawValid(t *rapid.T, s *schema.Schema) (document.Document, bool) {
	for range 20 {
		d, err := document.FromValue(drawValue(t, 2))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(d) == nil {
			return d, true
		}
	}
	return document.Document{}, false
}

func drawExpression(t *rapid.T, variables ...string) string {
	path := func() string {
		return rapid.SampledFrom(variables).Draw(t, "variable") + rapid.SampledFrom([]string{"", ".a", ".b", ".a.b", ".c", "[0]", `["a"]`}).Draw(t, "path")
	}
	switch rapid.IntRange(0, 7).Draw(t, "form") {
	case 0, 1, 2:
		return path()
	case 3:
		return path() + rapid.SampledFrom([]string{" + ", " < ", " == ", " && ", " || ", " * "}).Draw(t, "operator") + path()
	case 4:
		return fmt.Sprintf("has(%s.a) ? %s : %s", rapid.SampledFrom(variables).Draw(t, "tested"), path(), path())
	case 5:
		return path() + rapid.SampledFrom([]string{` + "x"`, " + 1", ` == "a"`, " > 1", " != null"}).Draw(t, "constant")
	case 6:
		return fmt.Sprintf(`{"a": %s, "b": %s}`, path(), path())
	}
	return fmt.Sprintf("[%s]", path())
}

func TestPropertyProve(t *testing.T) {
	checks(t, 700)
	said, tried := map[string]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		files := map[string][]byte{}
		for _, name := range []string{"run", "in_a", "out_a", "in_b", "key"} {
			files[name+".json"], _ = json.Marshal(drawSchema(t, 2))
		}
		write := drawExpression(t, "input", "output", "run.input", "state.k", "state")
		when := drawExpression(t, "input", "output", "run.input", "state.k", "error", "inputs")
		input := drawExpression(t, "input", "inputs.a", "run.input", "state.k", "inputs")
		text := "version = 1\n[input]\nschema = 'run.json'\n[state.k]\ninitial = 1\nschema = 'key.json'\n" +
			"[nodes.a]\nmodule = 'a'\ninput_schema = 'in_a.json'\noutput_schema = 'out_a.json'\nwrite = { k = '" + write + "' }\n" +
			"[nodes.b]\nmodule = 'b'\ninput_schema = 'in_b.json'\n"
		switch rapid.IntRange(0, 2).Draw(t, "bound") {
		case 0:
			text += "input = '" + input + "'\n"
		case 1:
			text += "input = { a = '" + input + "' }\n"
		}
		text += "[[edges]]\nfrom = 'a'\nto = 'b'\nwhen = '" + when + "'\n"
		g, found := graphfile.Load("graph.toml", []byte(text), func(name string) ([]byte, error) { return files[name], nil })
		if found.Failed() {
			t.Skip() // an expression that does not even compile
		}
		_, found = Link(g, func(string) ([]byte, error) { return moduletest.Echo(), nil }, nil)
		for range 8 {
			run := interpretation{t: t, g: g}
			run.do()
			tried++
			for _, d := range found {
				if d.Severity != graph.Error {
					continue
				}
				said[d.Code]++
				for _, fine := range run.succeeded {
					if strings.Contains(d.Text, fine) {
						t.Fatalf("%v\nbut it went well, with the run's input %s, a's output %s and state %s\n%s\n%s", d, run.input, run.output, run.state, text, files)
					}
				}
			}
		}
	})
	t.Logf("%v in %d runs", said, tried)
	if said[CodeIncompatibleWire] == 0 || said[CodeTypeError] == 0 {
		t.Error("nothing was proved")
	}
}

// interpretation is one run. It notes what went well by a part of what the
// prover would have said of it.
type interpretation struct {
	t                    *rapid.T
	g                    *graph.Graph
	input, output, state document.Document
	succeeded            []string
}

func (r *interpretation) do() {
	a, b, edge := r.g.Nodes[0], r.g.Nodes[1], r.g.Edges[0]
	var ok bool
	if r.input, ok = drawValid(r.t, r.g.Input.Schema); !ok {
		return
	}
	fine := func(text string) { r.succeeded = append(r.succeeded, text) }
	if a.In.Schema.Validate(r.input) != nil {
		return
	}
	fine(`can be the input of node "a"`)
	if r.output, ok = drawValid(r.t, a.Out.Schema); !ok {
		return
	}
	r.state = document.MustParse("1")
	see := func(more ...document.Field) map[string]document.Document {
		vars := map[string]document.Document{
			"input": r.input, "inputs": document.Object(), "run": document.Object(document.Field{Key: "input", Value: r.input}),
			"state": document.Object(document.Field{Key: "k", Value: r.state}),
		}
		for _, f := range more {
			vars[f.Key] = f.Value
		}
		return vars
	}
	eval := func(p *expr.Program, vars map[string]document.Document, label string) (document.Document, bool) {
		d, err := p.Eval(context.Background(), vars)
		if err == nil {
			fine(label + ": it always fails")
		}
		return d, err == nil
	}
	output := document.Field{Key: "output", Value: r.output}
	update, ok := eval(a.Writes[0].Expr, see(output), "write.k")
	if !ok || a.Writes[0].Key.Schema.Validate(update) != nil {
		return
	}
	fine("write.k makes no update")
	r.state = update
	holds, err := edge.When.Holds(context.Background(), see(output, document.Field{Key: "error", Value: document.Null()}))
	if err != nil {
		return
	}
	fine("when: it always fails")
	fine("a condition must be")
	if !holds {
		return
	}
	given := r.output
	arrived := see(document.Field{Key: "input", Value: r.output}, document.Field{Key: "inputs", Value: document.Object(document.Field{Key: "a", Value: r.output})})
	makes := `carries nothing that "b" can take`
	if b.Input != nil {
		label := `node "b": input`
		makes = label + " makes nothing"
		p := b.Input.Expr
		if p == nil {
			p = b.Input.Fields[0].Expr
			label += ".a"
		}
		if given, ok = eval(p, arrived, label); !ok {
			return
		}
		if b.Input.Expr == nil {
			given = document.Object(document.Field{Key: "a", Value: given})
		}
	}
	if b.In.Schema.Validate(given) == nil {
		fine(makes)
	}
	slices.Sort(r.succeeded)
}

// checks raises the number of cases, unless the command line says how many: a
// hundred find too little here.
func checks(t *testing.T, n int) {
	t.Helper()
	const name = "rapid.checks"
	f := flag.Lookup(name)
	if f.Value.String() != f.DefValue {
		return
	}
	if err := flag.Set(name, strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
}
