package plan

// The prover behind `chainrun check`: what can be known of all runs of a plan
// before there is one. It complains about what must go wrong, never about what
// may.

import (
	"slices"

	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

// proveAll proves a plan and those inside it, each once.
func proveAll(p *Plan, offers Offers, answered bool, seen map[*Plan]bool) graph.Diagnostics {
	if seen[p] {
		return nil
	}
	seen[p] = true
	found := prove(p, offers, answered)
	for _, n := range p.Nodes {
		if n.Sub != nil {
			found = append(found, proveAll(n.Sub, offers, answered, seen)...)
		}
	}
	return found
}

// prove looks at every wire, expression, loop and manifest of a plan. The
// complaints are in the order of the file.
func prove(p *Plan, offers Offers, answered bool) graph.Diagnostics {
	v := &prover{
		plan: p, offers: offers, answered: answered, byDigest: map[string]*schema.Shape{}, outputs: map[*graph.Node]*schema.Shape{},
		arrivals: map[*graph.Node]*schema.Shape{}, converted: map[*schema.Shape]*expr.Type{}, shaped: map[*expr.Type]*schema.Shape{},
		budget: schema.NewBudget(maxComparisons), met: map[pair]*schema.Shape{}, routed: map[routedCode]bool{},
		inputs: map[*graph.Node]*expr.Type{}, taken: map[*Node]*expr.Type{}, start: map[*graph.Node]bool{},
	}
	for _, n := range p.Graph.Start {
		v.start[n] = true
	}
	v.run = v.schemas(p.Graph.Input.Schema)
	v.state = v.stateType()
	for _, n := range p.Nodes {
		v.capabilities(n)
		v.input(n)
		v.writes(n)
	}
	for _, e := range p.Graph.Edges {
		v.condition(e)
	}
	v.output()
	for _, l := range p.Graph.Loops {
		v.loop(l)
	}
	v.found.Sort()
	return v.found
}

// prover is one proof under way. What is asked of a node again and again is
// kept.
type prover struct {
	plan     *Plan
	offers   Offers // of the host
	answered bool   // see LinkAnswered
	found    graph.Diagnostics

	run       *schema.Shape // the run's input
	state     *expr.Type
	byDigest  map[string]*schema.Shape
	outputs   map[*graph.Node]*schema.Shape
	arrivals  map[*graph.Node]*schema.Shape
	converted map[*schema.Shape]*expr.Type
	types     int // that were made
	shaped    map[*expr.Type]*schema.Shape
	inputs    map[*graph.Node]*expr.Type // the variable `inputs`
	taken     map[*Node]*expr.Type       // the variable `input` after a success
	start     map[*graph.Node]bool

	budget *schema.Budget
	met    map[pair]*schema.Shape
	routed map[routedCode]bool
}

// maxComparisons bounds the work of one proof: what is left then is not proved.
const maxComparisons = 2_000_000

type pair struct{ a, b *schema.Shape }

type routedCode struct {
	node *graph.Node
	code failure.Code
}

// both is the shape of what is in both.
func (v *prover) both(a, b *schema.Shape) *schema.Shape {
	key := pair{a, b}
	shape, ok := v.met[key]
	if !ok {
		shape = v.budget.Intersection(a, b)
		v.met[key] = shape
	}
	return shape
}

func (v *prover) complain(severity graph.Severity, at graph.Position, code, text, hint string) {
	if at.File == "" {
		at.File = v.plan.Graph.File
	}
	v.found = append(v.found, graph.Diagnostic{Position: at, Code: code, Severity: severity, Text: text, Hint: hint})
}

// severity of something that makes each step of a node fail with a code: an
// error, but where the author has drawn what happens then.
func (v *prover) severity(n *graph.Node, c failure.Code) graph.Severity {
	key := routedCode{n, c}
	routed, ok := v.routed[key]
	if !ok {
		routed = slices.ContainsFunc(n.Outgoing, func(e *graph.Edge) bool { return e.Covers(c) })
		v.routed[key] = routed
	}
	if routed {
		return graph.Warning
	}
	return graph.Error
}

// bindSeverity is that of what fails before a node is called with its input: where
// the failures of a foreach's elements are collected, its step does not fail.
func (v *prover) bindSeverity(n *graph.Node, c failure.Code) graph.Severity {
	if n.OnError == graph.OnErrorCollect {
		return graph.Warning
	}
	return v.severity(n, c)
}

// keyOf is the place of a node's key, or of its table.
func keyOf(n *graph.Node, key string) graph.Position {
	if at, ok := n.Position[key]; ok {
		return at
	}
	return n.At
}
