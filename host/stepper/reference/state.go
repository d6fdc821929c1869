package reference

// State: what a step sees of the updates of those before it.

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
)

// state: "a step sees the updates of exactly those of its ancestors in the graph
// that ran, reduced in canonical order." nil stands for every step.
func (r *run) state(seen past) document.Document {
	state := r.initial()
	latest := map[string]int{}
	for i, s := range r.own {
		// "as if a write had set (not reduced) that key there": whatever is earlier
		// in canonical order, on whatever way it comes, counts no longer.
		if r.setAt != nil && *r.setAt == i && (seen == nil || seen[forked]) {
			state = r.set(state)
		}
		if seen != nil && !seen[i] || s.Status != Done {
			continue
		}
		state = r.written(state, s.writes)
		for key := range s.writes {
			// "Two writers of a `replace` key conflict, and `check` says so [...]
			// unless one is an ancestor of the other or they are exclusive."
			if before, ok := latest[key]; ok && !s.past[before] && reducers[r.key(key).Reduce].sum == "b" {
				r.clashed = fmt.Sprintf("%s and %s both wrote %s", r.own[before].ID, s.ID, key)
			}
			latest[key] = i
		}
	}
	return state
}

// initial: "Keys are declared with an initial value (default: the reducer's
// identity)".
func (r *run) initial() document.Document {
	var fields []document.Field
	for _, k := range r.src.State {
		v := k.Initial.Document
		if v.IsZero() {
			v = document.MustParse(reducers[k.Reduce].identity)
		}
		fields = append(fields, document.Field{Key: k.Name, Value: v})
	}
	return document.Object(fields...)
}

// written gives the state after some updates.
func (r *run) written(state document.Document, writes map[string]document.Document) document.Document {
	var fields []document.Field
	for _, k := range r.src.State {
		v := r.field(state, k.Name)
		if update, ok := writes[k.Name]; ok {
			// An update that cannot be reduced has failed its step.
			if sum, err := reduce(k.Reduce, v, update); err == nil {
				v = sum
			}
		}
		fields = append(fields, document.Field{Key: k.Name, Value: v})
	}
	return document.Object(fields...)
}

// set gives the state with the values of the fork.
func (r *run) set(state document.Document) document.Document {
	var fields []document.Field
	for _, k := range r.src.State {
		v := r.field(state, k.Name)
		for _, set := range r.forked.State {
			if set.Key == k.Name {
				v = set.Value
			}
		}
		fields = append(fields, document.Field{Key: k.Name, Value: v})
	}
	return document.Object(fields...)
}

func (r *run) key(name string) graph.StateSource {
	return r.src.State[slices.IndexFunc(r.src.State, func(k graph.StateSource) bool { return k.Name == name })]
}

func (r *run) field(state document.Document, name string) document.Document {
	value, err := state.Value()
	if m, ok := value.(map[string]any); ok && err == nil {
		if d, err := document.FromValue(m[name]); err == nil {
			return d
		}
	}
	return document.Null()
}

// reducers: "`replace` (default; identity null), `append` and `union` (one
// element; `[]`), `merge` (shallow, later wins; `{}`), `sum` (0), `min`, `max`
// (null, which they ignore)."
var reducers = map[string]struct{ identity, sum string }{
	"":        {"null", "b"},
	"replace": {"null", "b"},
	"append":  {"[]", "a + [b]"},
	"union":   {"[]", "b in a ? a : a + [b]"},
	"merge":   {"{}", "a"},
	"sum":     {"0", "0 + a + b"},
	"min":     {"null", "a == null ? b : b == null ? a : 0 + a <= 0 + b ? a : b"},
	"max":     {"null", "a == null ? b : b == null ? a : 0 + a >= 0 + b ? a : b"},
}

var reducerEnv = expr.NewEnv("a", "b")

func reduce(how string, a, b document.Document) (document.Document, error) {
	p, err := reducerEnv.Compile(reducers[how].sum)
	if err != nil {
		return b, fmt.Errorf("compiling %s: %w", how, err)
	}
	sum, err := p.Eval(context.Background(), map[string]document.Document{"a": a, "b": b})
	if err != nil || how != "merge" {
		return sum, err
	}
	left, _ := sum.Value()
	right, _ := b.Value()
	merged := map[string]any{}
	for _, side := range []any{left, right} {
		m, ok := side.(map[string]any)
		if !ok {
			return b, fmt.Errorf("merge of %s", b)
		}
		maps.Copy(merged, m)
	}
	return document.FromValue(merged)
}
