package graphfile

// Files in TOML that are no graphs.

import (
	"fmt"

	"github.com/chainrun/chainrun/host/graph"
)

// Value reads any TOML file as one object, with the places of all that is in it: for
// files beside graphs that are written in the same way. What JSON has no value for, a
// date, is a complaint. The document is absent where the diagnostics have an error.
func Value(name string, text []byte) (graph.Value, graph.Diagnostics) {
	r := &reader{file: name}
	if len(text) > MaxBytes {
		r.complain(spot{1, 1}, graph.CodeTooLarge, fmt.Sprintf("the file has %d bytes; at most %d are allowed", len(text), MaxBytes), "")
		return graph.Value{}, r.found
	}
	values, layout, err := decode(string(text))
	if err != nil {
		r.syntax(err)
		return graph.Value{}, r.found
	}
	if bad := disagreement(values, layout); bad != nil {
		r.complain(bad.value, graph.CodeSyntax, "this cannot be read reliably", `the TOML parser is known to lose values beside tables with an empty key (""): give the key a name`)
		return graph.Value{}, r.found
	}
	v := r.placed(item{values, layout}, "the file")
	r.found.Sort()
	return v, r.found
}
