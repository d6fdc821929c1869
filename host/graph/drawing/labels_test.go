package drawing_test

import (
	"regexp"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/graph/drawing"
	"github.com/chainrun/chainrun/host/graphfile"
)

// TestLabelsApart: the conditions of edges that end side by side can be read.
func TestLabelsApart(t *testing.T) {
	g, found := graphfile.Load("graph.toml", []byte(`
version = 1
[nodes]
a.module = "m.wasm"
b.module = "m.wasm"
c.module = "m.wasm"
d.module = "m.wasm"
[[edges]]
from = "a"
to = "b"
when = "output.total > 12"
[[edges]]
from = "a"
to = "c"
when = "output.total < 12"
[[edges]]
from = "a"
to = "d"
when = "output.total == 12"
`), nil)
	if g == nil {
		t.Fatal(found)
	}
	type label struct{ x, y, half int }
	var labels []label
	for _, m := range regexp.MustCompile(`/><text x="(\d+)" y="(\d+)">([^<]*)</text></g>`).FindAllStringSubmatch(drawing.SVG(g), -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		labels = append(labels, label{x, y, 3 * utf8.RuneCountInString(m[3])}) // a letter is wider than 6 pixels
	}
	if len(labels) != 3 {
		t.Fatalf("found the labels %v", labels)
	}
	for i, a := range labels {
		for _, b := range labels[:i] {
			if max(a.x-b.x, b.x-a.x) < a.half+b.half && max(a.y-b.y, b.y-a.y) < 12 {
				t.Errorf("%v lies on %v", a, b)
			}
		}
	}
}
