package graphfile_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

// TestPlaces: where a value and its key are said to stand, they stand.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := &graph.Source{}
		for _, name := range drawNames(t) {
			n := graph.NodeSource{Name: name, Module: "m"}
			n.Config.Document = drawValue(t, 0)
			n.Grants = []graph.Section{{Name: "x y", Value: graph.Value{Document: drawObject(t, 0)}}}
			src.Nodes = append(src.Nodes, n)
			src.Capabilities = append(src.Capabilities, graph.Section{Name: name, Value: graph.Value{Document: drawObject(t, 0)}})
		}
		text, err := graphfile.Format(src)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		again, found := graphfile.Parse("g.toml", text)
		if found.Failed() {
			t.Fatalf("%v in:\n%s", found, text)
		}
		check := func(v graph.Value, pointer string, want func(rest string) bool, places graph.Positions) {
			at, ok := places[pointer]
			if !ok || at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > len(lines[at.Line-1]) || !want(lines[at.Line-1][at.Column-1:]) {
				t.Fatalf("%q of %s stands at %v in:\n%s", pointer, v.Document, at, text)
			}
		}
		var walk func(v graph.Value, d document.Document, pointer string)
		walk = func(v graph.Value, d document.Document, pointer string) {
			if pointer != "" || d.Kind() != document.KindObject {
				check(v, pointer, begins(d.Kind()), v.Places)
			}
			for i, item := range d.Items() {
				walk(v, item, fmt.Sprintf("%s/%d", pointer, i))
			}
			for _, f := range d.Fields() {
				inner := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(f.Key)
				check(v, inner, func(rest string) bool {
					return strings.HasPrefix(rest, f.Key) || strings.HasPrefix(rest, `"`)
				}, v.Keys)
				walk(v, f.Value, inner)
			}
		}
		for _, n := range again.Nodes {
			walk(n.Config, n.Config.Document, "")
			walk(n.Grants[0].Value, n.Grants[0].Value.Document, "")
		}
		for _, s := range again.Capabilities {
			walk(s.Value, s.Value.Document, "")
		}
	})
}

func begins(k document.Kind) func(rest string) bool {
	first := map[document.Kind]string{
		document.KindString: `"`, document.KindArray: "[", document.KindObject: "{", document.KindBool: "tf", document.KindNumber: "-0123456789",
	}[k]
	return func(rest string) bool { return rest != "" && strings.ContainsRune(first, rune(rest[0])) }
}

// TestPlacesAreBounded: a key above many values is in the pointer of each of them.
func TestPlacesAreBounded(t *testing.T) {
	text := "[capabilities.c]\n" + strings.Repeat("k", 1<<18) + " = [" + strings.Repeat("1,", 1<<18) + "]\n"
	src, found := graphfile.Parse("g.toml", []byte(text))
	if found.Failed() {
		t.Fatal(found)
	}
	kept := 0
	for pointer := range src.Capabilities[0].Value.Places {
		kept += len(pointer)
	}
	if kept > 20<<20 {
		t.Errorf("%d bytes of pointers", kept)
	}
}
