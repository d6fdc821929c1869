package graphfile_test

import (
	"testing"

	"github.com/chainrun/chainrun/host/graphfile"
)

const simple = `version = 1
chain = ["parse", "score", "report"]

[nodes.parse]
module = "parse.wasm"
[nodes.score]
module = "score.wasm"
fuel = 50_000_000
memory = "16MiB"
timeout = "2s"
[nodes.report]
module = "report.wasm"
`

func TestLoadSimple(t *testing.T) {
	g, found := graphfile.Load("graphs/simple.toml", []byte(simple), nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if g.Name != "simple" || len(g.Nodes) != 3 || len(g.Edges) != 2 || len(g.Start) != 1 || g.Start[0].Name != "parse" {
		t.Fatalf("%+v", g)
	}
	if n := g.Node("score"); n.Fuel != 50_000_000 || n.MemoryBytes != 16<<20 || n.Timeout.String() != "2s" {
		t.Fatalf("%+v", n)
	}
}
