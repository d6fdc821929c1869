package simulate

// A smaller graph that shows the same mismatch.

import (
	"errors"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// Smaller leaves out of the graph whatever is not needed for a mismatch. What
// the nodes do stays, since it hangs on names and labels.
func (m *MismatchError) Smaller() *MismatchError {
	for smaller := true; smaller; {
		smaller = false
		for i := 0; ; i++ {
			src, more := less(m.Case.Source, i)
			if !more {
				break
			}
			if src == nil {
				continue
			}
			c := *m.Case
			c.Source = src
			if c.Graph, _ = c.built(src); c.Graph == nil {
				continue
			}
			if found, ok := errors.AsType[*MismatchError](c.Check()); ok {
				m, smaller = found, true
				break
			}
		}
	}
	return m
}

// less gives a copy of the source without its i-th part; nil where that part
// is not there anyway; false where there are no more parts.
func less(src *graph.Source, i int) (*graph.Source, bool) {
	s := *src
	s.Nodes, s.Edges, s.State = slices.Clone(s.Nodes), slices.Clone(s.Edges), slices.Clone(s.State)
	if i < len(s.Nodes) {
		gone := s.Nodes[i].Name
		s.Nodes = slices.Delete(s.Nodes, i, i+1)
		s.Edges = slices.DeleteFunc(s.Edges, func(e graph.EdgeSource) bool { return e.From.Text == gone || e.To.Text == gone })
		isGone := func(w graph.Word) bool { return w.Text == gone }
		s.Start = slices.DeleteFunc(slices.Clone(s.Start), isGone)
		if slices.ContainsFunc(s.Chain, isGone) {
			s.Chain = nil
		}
		return &s, true
	}
	i -= len(s.Nodes)
	if i < len(s.Edges) {
		s.Edges = slices.Delete(s.Edges, i, i+1)
		return &s, true
	}
	i -= len(s.Edges)
	if i < len(s.State) {
		gone := s.State[i].Name
		s.State = slices.Delete(s.State, i, i+1)
		for n := range s.Nodes {
			s.Nodes[n].Write = slices.DeleteFunc(slices.Clone(s.Nodes[n].Write), func(f graph.FieldSource) bool { return f.Key == gone })
		}
		return &s, true
	}
	i -= len(s.State)
	const parts = 7
	if i < parts*len(s.Nodes) {
		n := &s.Nodes[i/parts]
		none := false
		switch i % parts {
		case 0:
			none = n.Input.Expression.Text == "" && n.Input.Fields == nil
			n.Input = graph.BindingSource{}
		case 1:
			none = len(n.Retry) == 0
			n.Retry = nil
		case 2:
			none = n.Route == ""
			n.Route = ""
		case 3:
			none = len(n.Write) == 0
			n.Write = nil
		case 4:
			none = n.MaxVisits == 0
			n.MaxVisits = 0
		case 5:
			none = n.Foreach.Text == "" || strings.Contains(n.Input.Expression.Text, "item")
			n.Foreach.Text, n.OnError, n.Concurrency = "", "", 0
		case 6:
			none = n.Graph == ""
			n.Graph, n.Module = "", "n.wasm"
		}
		if none {
			return nil, true
		}
		return &s, true
	}
	i -= parts * len(s.Nodes)
	switch i {
	case 0, 1, 2:
		if i == 0 && s.Output.Value.Text != "" {
			s.Output.Value.Text = ""
		} else if i == 1 && len(s.Start) > 0 {
			s.Start = nil
		} else if i == 2 && len(s.Chain) > 0 {
			s.Chain = nil
		} else {
			return nil, true
		}
		return &s, true
	}
	i -= 3
	if i < len(s.Edges) {
		if s.Edges[i].When.Text == "" {
			return nil, true
		}
		s.Edges[i].When.Text = ""
		return &s, true
	}
	return nil, false
}
