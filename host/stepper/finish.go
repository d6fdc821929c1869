package stepper

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// finish ends a run that is at rest: with its output, or with a failure of the
// run itself where the output cannot be made or breaks its schema.
func (m *Machine) finish() event.RunFinished {
	output := m.output()
	if p := m.graph.OutputValue; p != nil {
		value, err := m.eval(p, view{output: output, state: m.root.state})
		if err != nil {
			return m.refuse(failure.Failure{Code: failure.ExpressionError, Message: fmt.Sprintf("output value: %v", err)})
		}
		output = value
	}
	if err := output.Within(document.Limits{}); err != nil {
		return m.refuse(failure.Failure{Code: failure.InvalidOutput, Message: fmt.Sprintf("the run's output: %v", err)})
	}
	if s := m.graph.Output.Schema; s != nil {
		if vs := s.Validate(output); len(vs) > 0 {
			return m.refuse(failure.Failure{
				Code: failure.InvalidOutput, Message: "the run's output breaks its schema", Violations: vs,
			})
		}
	}
	return event.RunFinished{Status: event.Done, Output: output}
}

func (m *Machine) refuse(f failure.Failure) event.RunFinished {
	f = readable(f)
	return event.RunFinished{Status: event.Failed, Failure: &f}
}

// output is that of the nodes without success edges out that ran in the last
// turn of their loops; where the graph says so, an object keyed by node. If
// none ran, it is that of the last step in canonical order that succeeded.
func (m *Machine) output() document.Document {
	ends := m.root.ends
	slices.SortStableFunc(ends, func(a, b ending) int { return cmp.Compare(a.node.Rank, b.node.Rank) })
	switch {
	case len(ends) == 0 && m.bestAt == nil:
		return document.Null()
	case len(ends) == 0:
		return m.best.output
	case !m.graph.OutputByNode:
		return ends[0].output
	}
	fields := make([]document.Field, len(ends))
	for i, e := range ends {
		fields[i] = document.Field{Key: e.node.Name, Value: e.output}
	}
	return document.Object(fields...)
}
