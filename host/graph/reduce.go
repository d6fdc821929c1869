package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// reducers are those of the language, in the order of the documentation.
var reducers = []string{
	string(ReduceReplace), string(ReduceAppend), string(ReduceUnion), string(ReduceMerge),
	string(ReduceSum), string(ReduceMin), string(ReduceMax),
}

// reducer reads a state key's reducer and its initial value, which is the
// reducer's identity where none is written.
func (b *builder) reducer(k *StateKey, s StateSource, label string) {
	if s.Reduce != "" || has(s.Keys, "reduce") {
		if !slices.Contains(reducers, s.Reduce) {
			hint := "the reducers are " + strings.Join(reducers, ", ")
			if near := b.nearest(s.Reduce, reducers); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			b.complain(at(s.Keys, "reduce", s.At), CodeBadValue, fmt.Sprintf("%s: reduce: %q is not known", label, s.Reduce), hint)
			return
		}
		k.Reduce = Reduce(s.Reduce)
	}
	if k.Initial.IsZero() {
		k.Initial = k.Reduce.identity()
		return
	}
	if want := k.Reduce.wants(k.Initial.Kind()); want != "" {
		b.complain(at(s.Keys, "initial", s.At), CodeBadValue,
			fmt.Sprintf("%s: initial: reduce = %q starts from %s; this is %s", label, k.Reduce, want, k.Initial.Kind()),
			"leave it out to start from "+k.Reduce.identity().String())
	}
}

// identity is what a key holds before the first update, where the author says
// nothing else.
func (r Reduce) identity() document.Document {
	switch r {
	case ReduceAppend, ReduceUnion:
		return document.Array()
	case ReduceMerge:
		return document.Object()
	case ReduceSum:
		return document.Int(0)
	case ReduceReplace, ReduceMin, ReduceMax:
	}
	return document.Null()
}

// wants says what an initial value must be; "" where this kind will do.
func (r Reduce) wants(kind document.Kind) string {
	switch r {
	case ReduceAppend, ReduceUnion:
		if kind != document.KindArray {
			return "a list"
		}
	case ReduceMerge:
		if kind != document.KindObject {
			return "an object"
		}
	case ReduceSum:
		if kind != document.KindNumber {
			return "a number"
		}
	case ReduceMin, ReduceMax:
		if kind != document.KindNumber && kind != document.KindNull {
			return "a number or null"
		}
	case ReduceReplace:
	}
	return ""
}
