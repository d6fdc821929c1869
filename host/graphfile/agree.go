package graphfile

// disagreement gives the place at which the parser and the scanner do not tell
// the same of a text, or nil. It is not only a check on the scanner: the parser
// loses values beside tables with empty keys, and a graph that says something
// else than its file must not run.
func disagreement(value any, p *place) *place {
	first := func(n int, at func(int) (any, *place)) *place {
		for i := range n {
			if v, c := at(i); c == nil {
				return p
			} else if bad := disagreement(v, c); bad != nil {
				return bad
			}
		}
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		if len(v) != len(p.names) || len(p.items) > 0 {
			return p
		}
		return first(len(p.names), func(i int) (any, *place) {
			c, ok := v[p.names[i]]
			if !ok {
				return nil, nil
			}
			return c, p.children[p.names[i]]
		})
	case []any:
		if len(v) != len(p.items) || len(p.names) > 0 {
			return p
		}
		return first(len(v), func(i int) (any, *place) { return v[i], p.items[i] })
	case []map[string]any:
		if len(v) != len(p.items) || len(p.names) > 0 {
			return p
		}
		return first(len(v), func(i int) (any, *place) { return v[i], p.items[i] })
	case string:
		if p.text != v || len(p.names) > 0 || len(p.items) > 0 {
			return p
		}
	default:
		if len(p.names) > 0 || len(p.items) > 0 {
			return p
		}
	}
	return nil
}
