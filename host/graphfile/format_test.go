package graphfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

// differ says where two sources differ, positions aside; "" where they do not.
func differ(a, b reflect.Value, path string) string {
	switch v := a.Interface().(type) {
	case graph.Position, graph.Positions, []graph.Segment:
		return ""
	case document.Document:
		w := b.Interface().(document.Document)
		if v.IsZero() != w.IsZero() || !v.IsZero() && !v.Equal(w) {
			return fmt.Sprintf("%s: %v, %v", path, v, w)
		}
		return ""
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if d := differ(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name); d != "" {
				return d
			}
		}
	case reflect.Func: // who reads a file says where others come from
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d, %d elements", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := differ(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); d != "" {
				return d
			}
		}
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return fmt.Sprintf("%s: %v, %v", path, a, b)
		}
		if !a.IsNil() {
			return differ(a.Elem(), b.Elem(), path)
		}
	default:
		if !a.Equal(b) {
			return fmt.Sprintf("%s: %v, %v", path, a, b)
		}
	}
	return ""
}

var anyString = rapid.OneOf(
	rapid.SampledFrom([]string{"a", "x-y", "a b", "", `"`, `\`, "\n", "a\r\nb", "\x00\x7f\u0085", "é", "true", "1.5", "''' \"\"\""}),
	rapid.String(),
)

func drawValue(t *rapid.T, depth int) document.Document {
	switch k := rapid.IntRange(0, 5).Draw(t, "kind"); {
	case k == 0:
		return document.Bool(rapid.Bool().Draw(t, "bool"))
	case k == 1:
		return document.Int(rapid.Int64().Draw(t, "int"))
	case k == 2:
		d, err := document.FromValue(rapid.Float64().Draw(t, "float"))
		if err != nil {
			return document.Int(0)
		}
		return d
	case k == 3 || depth > 3:
		return document.String(anyString.Draw(t, "string"))
	case k == 4:
		var items []document.Document
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, drawValue(t, depth+1))
		}
		return document.Array(items...)
	}
	return drawObject(t, depth)
}

func drawObject(t *rapid.T, depth int) document.Document {
	var fields []document.Field
	for _, k := range drawNames(t) {
		fields = append(fields, document.Field{Key: k, Value: drawValue(t, depth+1)})
	}
	return document.Object(fields...)
}

func drawNames(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(anyString.Filter(func(s string) bool { return s != "" }), 0, 3, rapid.ID[string]).Draw(t, "names")
}

func drawNode(t *rapid.T, name string) graph.NodeSource {
	str := func() string { return rapid.OneOf(rapid.Just(""), anyString).Draw(t, "text") }
	number := func() int64 { return rapid.OneOf(rapid.Just(int64(0)), rapid.Int64()).Draw(t, "number") }
	duration := func() time.Duration { return time.Duration(number()) }
	fields := func() []graph.FieldSource {
		list := []graph.FieldSource{}
		for _, k := range drawNames(t) {
			list = append(list, graph.FieldSource{Key: k, Expression: graph.Expression{Text: anyString.Draw(t, "expression")}})
		}
		return list
	}
	sections := func() (list []graph.Section) {
		for _, k := range drawNames(t) {
			list = append(list, graph.Section{Name: k, Value: graph.Value{Document: drawObject(t, 0)}})
		}
		return list
	}
	n := graph.NodeSource{
		Name: name, Module: "m" + str(), Graph: str(), Wait: rapid.Bool().Draw(t, "wait"), Entry: str(), Encoding: str(),
		Write: fields(), Fuel: number(), Memory: max(number(), -9), Timeout: duration(), Deadline: duration(), MaxVisits: number(),
		Route: str(), Foreach: graph.Expression{Text: str()}, Concurrency: number(), OnError: str(),
		Cache: rapid.Bool().Draw(t, "cache"), Grants: sections(),
	}
	switch rapid.IntRange(0, 2).Draw(t, "input") {
	case 0:
		n.Input.Expression.Text = str()
	case 1:
		n.Input.Fields = fields()
	}
	if rapid.Bool().Draw(t, "config") {
		n.Config.Document = drawValue(t, 0)
		n.InputSchema.Inline.Document = drawObject(t, 0)
		n.OutputSchema.File = str()
	}
	for range rapid.IntRange(0, 2).Draw(t, "rules") {
		r := graph.RetrySource{On: drawWords(t), MaxAttempts: number(), MaxInterval: duration(), MaxElapsed: duration()}
		r.Multiplier = rapid.Float64Range(0, 100).Draw(t, "multiplier")
		if rapid.Bool().Draw(t, "jitter") {
			r.Jitter, r.InitialInterval = new(rapid.Float64().Draw(t, "jitter")), new(duration())
		}
		n.Retry = append(n.Retry, r)
	}
	return n
}

func drawWords(t *rapid.T) (list []graph.Word) {
	for _, s := range drawNames(t) {
		list = append(list, graph.Word{Text: s})
	}
	return list
}

// TestFormatParse: what is written is read as the same source.
func TestFormatParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := &graph.Source{
			File: "g.toml", Version: 1, Name: anyString.Draw(t, "name"), Description: anyString.Draw(t, "description"),
			Start: drawWords(t), Chain: drawWords(t), Deadline: time.Duration(rapid.Int64().Draw(t, "deadline")), MaxSteps: rapid.Int64().Draw(t, "max_steps"),
		}
		for _, name := range drawNames(t) {
			src.Nodes = append(src.Nodes, drawNode(t, name))
			src.State = append(src.State, graph.StateSource{Name: name, Initial: graph.Value{Document: drawValue(t, 0)}, Reduce: name})
			src.Secrets = append(src.Secrets, graph.Section{Name: name, Value: graph.Value{Document: drawObject(t, 0)}})
		}
		if rapid.Bool().Draw(t, "defaults") {
			src.Defaults = drawNode(t, "")
		}
		if rapid.Bool().Draw(t, "wires") {
			src.Input.Schema.File = "in.json"
			src.Output.Schema.Inline.Document = drawObject(t, 0)
			src.Output.Value.Text = "output." + anyString.Draw(t, "value")
			src.Budget = &graph.Section{Name: "budget", Value: graph.Value{Document: drawObject(t, 0)}}
		}
		for range rapid.IntRange(0, 3).Draw(t, "edges") {
			e := graph.EdgeSource{From: graph.Word{Text: "f" + anyString.Draw(t, "from")}, To: graph.Word{Text: "t"}, When: graph.Expression{Text: anyString.Draw(t, "when")}}
			if e.AnyError = rapid.Bool().Draw(t, "any"); !e.AnyError {
				e.On = drawWords(t)
			}
			if len(e.On) == 1 && e.On[0].Text == "error" {
				e.On = nil
			}
			src.Edges = append(src.Edges, e)
		}
		text, err := graphfile.Format(src)
		if err != nil {
			t.Fatal(err)
		}
		again, found := graphfile.Parse("g.toml", text)
		if found.Failed() && !onlyEmpty(found) {
			t.Fatalf("%v in:\n%s", found, text)
		}
		if again == nil {
			t.Fatalf("%v in:\n%s", found, text)
		}
		if d := differ(reflect.ValueOf(src).Elem(), reflect.ValueOf(again).Elem(), ""); d != "" {
			t.Fatalf("%s in:\n%s", d, text)
		}
		third, err := graphfile.Format(again)
		if err != nil || string(third) != string(text) {
			t.Fatalf("%v: written again:\n%s\nfirst:\n%s", err, third, text)
		}
	})
}

// onlyEmpty: an empty string where a file's name belongs is complained about
// while the file is read.
func onlyEmpty(found graph.Diagnostics) bool {
	for _, d := range found {
		if !strings.Contains(d.Text, "empty") {
			return false
		}
	}
	return true
}

func TestFormatRefuses(t *testing.T) {
	for _, config := range []string{"null", `{"a": [null]}`, "1e999", "0.1234567890123456789012345"} {
		src := &graph.Source{Nodes: []graph.NodeSource{{Name: "a", Config: graph.Value{Document: document.MustParse(config)}}}}
		if text, err := graphfile.Format(src); err == nil {
			t.Errorf("%s: %s", config, text)
		}
	}
}

func ExampleFormat() {
	src := &graph.Source{
		Chain: []graph.Word{{Text: "parse"}, {Text: "score"}},
		Nodes: []graph.NodeSource{
			{Name: "parse", Module: "parse.wasm"},
			{Name: "score", Module: "score.wasm", Memory: 16 << 20, Timeout: 2 * time.Second},
		},
	}
	text, err := graphfile.Format(src)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(text))
	// Output:
	// version = 1
	// chain = ["parse", "score"]
	//
	// [nodes.parse]
	// module = "parse.wasm"
	//
	// [nodes.score]
	// module = "score.wasm"
	// memory = "16MiB"
	// timeout = "2s"
}
