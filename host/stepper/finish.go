package stepper

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

// finish gives the output of a graph that is at rest, or why it cannot be made
// or breaks its schema.
func (f *frame) finish() (document.Document, *failure.Failure) {
	output := f.output()
	if p := f.graph.OutputValue; p != nil {
		value, err := f.eval(p, view{output: output, state: f.root.state})
		if err != nil {
			return refuse(failure.Failure{Code: failure.ExpressionError, Message: fmt.Sprintf("output value: %v", err)})
		}
		output = value
	}
	if err := output.Within(document.Limits{}); err != nil {
		return refuse(failure.Failure{Code: failure.InvalidOutput, Message: fmt.Sprintf("%s output: %v", f.owner(), err)})
	}
	if s := f.graph.Output.Schema; s != nil {
		if vs := s.Validate(output); len(vs) > 0 {
			return refuse(failure.Failure{
				Code: failure.InvalidOutput, Message: f.owner() + " output breaks its schema", Violations: vs,
			})
		}
	}
	return output, nil
}

func refuse(f failure.Failure) (document.Document, *failure.Failure) {
	f = readable(f)
	return document.Document{}, &f
}

// owner says whose the graph is.
func (f *frame) owner() string {
	if f.step == nil {
		return "the run's"
	}
	return "the subgraph's"
}

// output is that of the nodes without success edges out that ran in the last
// turn of their loops; where the graph says so, an object keyed by node. If
// none ran, it is that of the last step in canonical order that succeeded.
func (f *frame) output() document.Document {
	ends := f.root.ends
	slices.SortStableFunc(ends, func(a, b ending) int { return cmp.Compare(a.node.Rank, b.node.Rank) })
	switch {
	case len(ends) == 0 && f.bestAt == nil:
		return document.Null()
	case len(ends) == 0:
		return f.best.output
	case !f.graph.OutputByNode:
		return ends[0].output
	}
	fields := make([]document.Field, len(ends))
	for i, e := range ends {
		fields[i] = document.Field{Key: e.node.Name, Value: e.output}
	}
	return document.Object(fields...)
}
