package plan

// Wires on which no document can be right, and expressions that cannot succeed.

import (
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

const wireHint = "correct one of the two schemas, or write an `input` that makes one of the other"

// input looks at what a node is given: by each of its wires, or by its `input`.
func (v *prover) input(n *Node) {
	takes := v.takes(n)
	vars := v.variables(n.Node)
	refuse := v.bindSeverity(n.Node, failure.InvalidInput)
	if n.Foreach != nil {
		list := v.expression(n.Foreach, n.ForeachSource, vars, keyOf(n.Node, "foreach"), fmt.Sprintf("node %q: foreach", n.Name), v.severity(n.Node, failure.ExpressionError))
		if list != nil && list.Kinds != 0 && list.Kinds&expr.List == 0 {
			v.complain(v.severity(n.Node, failure.ExpressionError), keyOf(n.Node, "foreach"), CodeTypeError,
				fmt.Sprintf("node %q: foreach: it gives no list: it is %s", n.Name, v.shapeOf(list)), "give the list of the elements")
		}
		var items *expr.Type
		if list != nil {
			items = list.Items
		}
		vars["item"], vars["index"] = items, &expr.Type{Kinds: expr.Number}
		if n.Input == nil {
			if list != nil && list.Kinds == expr.List {
				v.fit(v.shapeOf(items), takes, refuse, keyOf(n.Node, "foreach"), fmt.Sprintf("node %q: foreach: no element can be its input", n.Name), wireHint)
			}
			return
		}
	}
	if n.Input != nil {
		v.bound(n, vars, takes, refuse)
		return
	}
	if v.start[n.Node] {
		at := v.plan.Graph.Input.At
		if at.Line == 0 {
			at = n.At
		}
		v.fit(v.run, takes, refuse, at, fmt.Sprintf("no input of the run can be the input of node %q", n.Name), wireHint)
	}
	for _, back := range []bool{false, true} {
		if byNode(n.Node, back) {
			v.fit(keyed(v.senders(n.Node, back)), takes, refuse, n.At,
				fmt.Sprintf("node %q: its default input is an object keyed by node, which it cannot take", n.Name), "write an `input`: inputs.NODE is what came from NODE")
			continue
		}
		for _, e := range n.Incoming {
			if e.Back != nil == back && !off(e) {
				v.fit(v.carried(e), takes, refuse, e.At, fmt.Sprintf("%s carries nothing that %q can take", e, n.Name), wireHint)
			}
		}
	}
}

// off reports whether the author has switched an edge off: who writes "false"
// means it.
func off(e *graph.Edge) bool { return e.When != nil && e.When.Normal() == "false" }

// bound looks at a node's `input`.
func (v *prover) bound(n *Node, vars map[string]*expr.Type, takes *schema.Shape, refuse graph.Severity) {
	fails := v.bindSeverity(n.Node, failure.ExpressionError)
	at := n.Input.At
	if at.Line == 0 {
		at = keyOf(n.Node, "input")
	}
	label := fmt.Sprintf("node %q: input", n.Name)
	var given *schema.Shape
	if n.Input.Expr != nil {
		given = v.shapeOf(v.expression(n.Input.Expr, n.Input.Source, vars, at, label, fails))
	} else {
		members := map[string]*schema.Shape{}
		var names []string
		for _, f := range n.Input.Fields {
			members[f.Key] = v.shapeOf(v.expression(f.Expr, f.Source, vars, f.At, label+"."+f.Key, fails))
			names = append(names, f.Key)
		}
		given = schema.ObjectShape(members, names, nil) // empty where one of them always fails
	}
	v.fit(given, takes, refuse, at, label+" makes nothing that the node can take", "correct the expression, or the node's input schema")
}

// fit complains where no document of one shape can be of the other.
func (v *prover) fit(given, wanted *schema.Shape, severity graph.Severity, at graph.Position, text, hint string) {
	if verdict, why := v.budget.Compare(given, wanted); verdict == schema.Incompatible {
		v.complain(severity, at, CodeIncompatibleWire, text+": "+why.String(), hint)
	}
}

// variables are those that every expression of a node sees.
func (v *prover) variables(n *graph.Node) map[string]*expr.Type {
	inputs, ok := v.inputs[n]
	if !ok {
		inputs = v.inputsType(n)
		v.inputs[n] = inputs
	}
	return map[string]*expr.Type{
		"input": v.typeOf(v.arrived(n)), "inputs": inputs, "state": v.state, "run": v.runType(),
	}
}

func (v *prover) runType() *expr.Type {
	return &expr.Type{Kinds: expr.Object, Rest: &expr.Type{}, Members: map[string]*expr.Type{"input": v.typeOf(v.run)}}
}

// after adds what is known once a step of the node has succeeded.
func (v *prover) after(n *Node) map[string]*expr.Type {
	vars := v.variables(n.Node)
	if n.Input == nil && n.Foreach == nil {
		taken, ok := v.taken[n]
		if !ok {
			taken = v.typeOf(v.both(v.arrived(n.Node), v.takes(n)))
			v.taken[n] = taken
		}
		vars["input"] = taken
	}
	vars["output"] = v.typeOf(v.gives(n.Node))
	return vars
}

// writes looks at the updates of a node.
func (v *prover) writes(n *Node) {
	for _, w := range n.Writes {
		label := fmt.Sprintf("node %q: write.%s", n.Name, w.Key.Name)
		given := v.shapeOf(v.expression(w.Expr, w.Source, v.after(n), w.At, label, v.severity(n.Node, failure.ExpressionError)))
		v.fit(given, v.updates(w.Key), v.severity(n.Node, failure.InvalidState), w.At, label+" makes no update that the key can take",
			fmt.Sprintf("correct the expression, or the schema or reducer of [state.%s]", w.Key.Name))
	}
}

// condition looks at the `when` of an edge. What fails on a failure edge counts
// as not holding.
func (v *prover) condition(e *graph.Edge) {
	if e.When == nil {
		return
	}
	n := v.plan.Nodes[e.From.Index]
	vars, fails := v.after(n), v.severity(n.Node, failure.ExpressionError)
	null := &expr.Type{Kinds: expr.Null}
	vars["error"] = null
	if e.Failure {
		vars = v.variables(n.Node)
		vars["output"], vars["error"], fails = null, v.typeOf(failureShape), graph.Warning
	}
	label := fmt.Sprintf("edge from %q to %q: when", e.From.Name, e.To.Name)
	at := e.At
	if e.WhenSource.At.Line > 0 {
		at = e.WhenSource.At
	}
	t := v.expression(e.When, e.WhenSource, vars, at, label, fails)
	switch {
	case t == nil || t.Kinds == 0:
	case t.Kinds&expr.Bool == 0:
		v.complain(fails, at, CodeTypeError, fmt.Sprintf("%s: a condition must be true or false; this one is %s", label, v.shapeOf(t)), "compare it with something")
	case t.Kinds == expr.False && !off(e):
		v.complain(graph.Warning, at, graph.CodeUnreachableEdge, label+": the condition is never true, whatever the documents are", "correct it, or remove the edge")
	}
}

// expression infers what an expression gives, and complains about what of it
// always fails. nil is anything.
func (v *prover) expression(p *expr.Program, source graph.Expression, vars map[string]*expr.Type, at graph.Position, label string, fails graph.Severity) *expr.Type {
	if p == nil {
		return nil
	}
	t, found := p.Infer(vars)
	for _, f := range found {
		severity, text := fails, "it always fails"
		if !f.Always {
			severity, text = graph.Warning, "a part of it always fails"
		}
		place := at
		if source.At.Line > 0 {
			place = source.Position(f.Line, f.Column)
		}
		v.complain(severity, place, CodeTypeError, fmt.Sprintf("%s: %s: %s", label, text, f.Text), f.Hint)
	}
	return t
}

// output looks at what the run gives: the value of [output], or what each node
// at the end gives.
func (v *prover) output() {
	g := v.plan.Graph
	wanted := v.schemas(g.Output.Schema)
	at := g.Output.At
	if g.OutputValue != nil {
		if g.OutputSource.At.Line > 0 {
			at = g.OutputSource.At
		}
		var outputs []*schema.Shape
		ends := v.reachesEnd()
		for _, n := range g.Nodes { // whichever of them is the last
			if !ends || n.Ends() {
				outputs = append(outputs, v.gives(n))
			}
		}
		given := schema.AnyShape()
		if !g.OutputByNode {
			given = schema.Union(outputs...)
		}
		vars := map[string]*expr.Type{"output": v.typeOf(given), "run": v.runType(), "state": v.state}
		value := v.shapeOf(v.expression(g.OutputValue, g.OutputSource, vars, at, "output.value", graph.Error))
		v.fit(value, wanted, graph.Error, at, "output.value makes nothing that output.schema allows", "correct the expression or the schema")
		return
	}
	if g.OutputByNode {
		return
	}
	for _, n := range g.Nodes {
		if n.Ends() && !slices.ContainsFunc(n.Outgoing, func(e *graph.Edge) bool { return !e.Failure }) {
			v.fit(v.gives(n), wanted, graph.Error, at, fmt.Sprintf("no output of node %q, which ends the run, is allowed by output.schema", n.Name),
				"correct one of the two schemas, or write [output] value")
		}
	}
}

// reachesEnd reports whether one of the nodes at the end runs in every run that
// is done: whether edges without conditions lead there, and no failure is routed
// past it.
func (v *prover) reachesEnd() bool {
	g := v.plan.Graph
	sure := map[*graph.Node]bool{}
	for _, n := range g.Start {
		sure[n] = true
	}
	for _, e := range g.Edges {
		if e.Failure {
			return false
		}
	}
	for _, n := range g.Order {
		for _, e := range n.Incoming {
			if e.Back == nil && sure[e.From] && e.When == nil && e.From.Route != graph.RouteFirst {
				sure[n] = true
			}
		}
		if sure[n] && n.Ends() {
			return true
		}
	}
	return false
}
