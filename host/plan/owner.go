package plan

import "strings"

// Owner finds the plan that the node of a step stands in: p itself, or that of
// a subgraph. nil where there is none. See [Plan.Step].
func (p *Plan) Owner(step string) *Plan {
	for p != nil {
		head, rest, inside := strings.Cut(step, "/")
		if !inside {
			return p
		}
		n := p.Step(head)
		if n == nil {
			return nil
		}
		p, step = n.Sub, rest
	}
	return nil
}
