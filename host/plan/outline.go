package plan

// Which documents there can be at each place of a graph, as shapes, and the same
// as types for expressions.

import (
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

// schemas is the shape of the documents that satisfy all of the schemas.
func (v *prover) schemas(list ...*schema.Schema) *schema.Shape {
	all := schema.AnyShape()
	for _, s := range list {
		if s == nil {
			continue
		}
		shape, ok := v.byDigest[s.Digest()]
		if !ok {
			shape = s.Shape()
			v.byDigest[s.Digest()] = shape
		}
		all = v.both(all, shape)
	}
	return all
}

// takes is the shape of the documents that a node, or each element of its
// foreach, can be given.
func (v *prover) takes(n *Node) *schema.Shape {
	if n.Kind == graph.KindWait { // it takes nothing: what arrives is for whoever answers
		return schema.AnyShape()
	}
	all := v.both(v.schemas(n.In.Schema), v.schemas(n.InSchemas...))
	switch {
	case n.Kind == graph.KindModule && n.Encoding == graph.EncodingText:
		return v.both(all, schema.KindShape(document.KindString))
	case n.Kind == graph.KindGraph && n.Node.Sub != nil:
		return v.both(all, v.schemas(n.Node.Sub.Input.Schema))
	}
	return all
}

// gives is the shape of what a step of the node gives when it succeeds.
func (v *prover) gives(n *graph.Node) *schema.Shape {
	if shape, ok := v.outputs[n]; ok {
		return shape
	}
	p := v.plan.Nodes[n.Index]
	all := v.both(v.schemas(n.Out.Schema), v.schemas(p.OutSchemas...))
	switch {
	case n.Kind == graph.KindModule && n.Encoding == graph.EncodingText:
		all = v.both(all, schema.KindShape(document.KindString))
	case n.Kind == graph.KindGraph && n.Sub != nil:
		all = v.both(all, v.schemas(n.Sub.Output.Schema))
	}
	if n.Foreach != nil {
		if n.OnError == graph.OnErrorCollect {
			all = schema.ObjectShape(map[string]*schema.Shape{"output": all, "error": failureShape}, nil, nil).Loosely()
		}
		all = schema.ListShape(all)
	}
	v.outputs[n] = all
	return all
}

// failureShape is the shape of the document that a failure edge carries.
var failureShape = func() *schema.Shape {
	text := schema.KindShape(document.KindString)
	return schema.ObjectShape(map[string]*schema.Shape{
		"code": text, "reason": text, "message": text, "node": text, "step": text,
		"attempt": schema.KindShape(document.KindNumber, document.KindNull),
		"violations": schema.ListShape(schema.ObjectShape(
			map[string]*schema.Shape{"pointer": text, "keyword": text, "message": text, "found": text},
			[]string{"pointer", "keyword", "message", "found"}, nil)),
		"input": schema.AnyShape(),
	}, []string{"code", "reason", "message", "node", "step", "attempt", "violations", "input"}, nil)
}()

// carried is the shape of the document that crosses an edge.
func (v *prover) carried(e *graph.Edge) *schema.Shape {
	if e.Failure {
		return failureShape
	}
	return v.gives(e.From)
}

// arrived is the shape of a node's default input.
func (v *prover) arrived(n *graph.Node) *schema.Shape {
	if shape, ok := v.arrivals[n]; ok {
		return shape
	}
	var parts []*schema.Shape
	if v.start[n] {
		parts = append(parts, v.run)
	}
	for _, back := range []bool{false, true} {
		if byNode(n, back) {
			parts = append(parts, keyed(v.senders(n, back)))
			continue
		}
		for _, e := range n.Incoming {
			if e.Back != nil == back {
				parts = append(parts, v.carried(e))
			}
		}
	}
	shape := schema.Union(parts...)
	v.arrivals[n] = shape
	return shape
}

func byNode(n *graph.Node, back bool) bool {
	if back {
		return n.BackByNode
	}
	return n.EntryByNode
}

// senders are the shapes that come along a group of a node's edges, by node.
func (v *prover) senders(n *graph.Node, back bool) map[string]*schema.Shape {
	members := map[string]*schema.Shape{}
	for _, e := range n.Incoming {
		if e.Back != nil != back {
			continue
		}
		shape := v.carried(e)
		if other, ok := members[e.From.Name]; ok {
			shape = schema.Union(other, shape)
		}
		members[e.From.Name] = shape
	}
	return members
}

// keyed is the shape of an object of those nodes that have run.
func keyed(members map[string]*schema.Shape) *schema.Shape {
	return schema.ObjectShape(members, nil, nil).Loosely()
}

// inputsType is the type of the variable `inputs`.
func (v *prover) inputsType(n *graph.Node) *expr.Type {
	t := &expr.Type{Kinds: expr.Object, Members: map[string]*expr.Type{}, Rest: &expr.Type{}}
	for _, back := range []bool{false, true} {
		senders := v.senders(n, back)
		for _, name := range slices.Sorted(maps.Keys(senders)) {
			member := v.typeOf(senders[name])
			if other, ok := t.Members[name]; ok {
				member = expr.Union(other, member)
			}
			t.Members[name] = member
		}
	}
	return t
}

// stateType is the type of the variable `state`.
func (v *prover) stateType() *expr.Type {
	t := &expr.Type{Kinds: expr.Object, Members: map[string]*expr.Type{}, Rest: &expr.Type{}}
	for _, k := range v.plan.Graph.State {
		t.Members[k.Name] = v.typeOf(schema.Union(v.keeps(k), initial(k)))
	}
	return t
}

func initial(k *graph.StateKey) *schema.Shape {
	if k.Initial.IsZero() {
		if k.Reduce == graph.ReduceReplace {
			return schema.KindShape(document.KindNull)
		}
		return schema.KindShape()
	}
	return schema.ValueShape(k.Initial)
}

// keeps is the shape of what a state key holds once something was written.
func (v *prover) keeps(k *graph.StateKey) *schema.Shape {
	switch k.Reduce {
	case graph.ReduceReplace:
		return v.schemas(k.Schema)
	case graph.ReduceAppend, graph.ReduceUnion:
		return schema.ListShape(schema.Union(v.schemas(k.Schema), initial(k).Items()))
	case graph.ReduceSum:
		return schema.KindShape(document.KindNumber)
	case graph.ReduceMin, graph.ReduceMax:
		return schema.KindShape(document.KindNumber, document.KindNull)
	case graph.ReduceMerge:
		return schema.KindShape(document.KindObject)
	}
	return schema.AnyShape()
}

// updates is the shape of what can be written to a state key.
func (v *prover) updates(k *graph.StateKey) *schema.Shape {
	shape := v.schemas(k.Schema)
	switch k.Reduce {
	case graph.ReduceReplace, graph.ReduceAppend, graph.ReduceUnion:
	case graph.ReduceSum:
		return v.both(shape, schema.KindShape(document.KindNumber))
	case graph.ReduceMin, graph.ReduceMax:
		return v.both(shape, schema.KindShape(document.KindNumber, document.KindNull))
	case graph.ReduceMerge:
		return v.both(shape, schema.KindShape(document.KindObject))
	}
	return shape
}

// maxTypeDepth is how deep expressions are followed into documents, and maxTypes
// into how many parts of all of them.
const (
	maxTypeDepth = 16
	maxTypes     = 50_000
)

// kinds are those of documents in the terms of expressions, but for booleans.
var kinds = []struct {
	document document.Kind
	expr     expr.Kinds
}{
	{document.KindNull, expr.Null},
	{document.KindNumber, expr.Number},
	{document.KindString, expr.String},
	{document.KindArray, expr.List},
	{document.KindObject, expr.Object},
}

// typeOf says a shape in the terms of expressions.
func (v *prover) typeOf(s *schema.Shape) *expr.Type { return v.convert(s, 0) }

func (v *prover) convert(s *schema.Shape, depth int) *expr.Type {
	if s.IsAny() || depth > maxTypeDepth {
		return nil
	}
	if t, ok := v.converted[s]; ok {
		return t
	}
	if v.types++; v.types > maxTypes {
		return nil
	}
	t := &expr.Type{}
	for _, k := range kinds {
		if s.Has(k.document) {
			t.Kinds |= k.expr
		}
	}
	no, yes := s.Truths()
	if no {
		t.Kinds |= expr.False
	}
	if yes {
		t.Kinds |= expr.True
	}
	if s.Has(document.KindArray) {
		t.Items = v.convert(s.Items(), depth+1)
	}
	if s.Has(document.KindObject) {
		t.Members = map[string]*expr.Type{}
		for _, name := range s.Names() {
			t.Members[name] = v.convert(s.Member(name), depth+1)
		}
		t.Rest = v.convert(s.Others(), depth+1)
	}
	v.converted[s] = t
	return t
}

// shapeOf says a type in the terms of schemas. Which members an object always
// has is not known of a type.
func (v *prover) shapeOf(t *expr.Type) *schema.Shape {
	if t == nil {
		return schema.AnyShape()
	}
	if shape, ok := v.shaped[t]; ok {
		return shape
	}
	var parts []*schema.Shape
	for _, k := range []struct {
		kind  expr.Kinds
		shape *schema.Shape
	}{
		{expr.Null, schema.KindShape(document.KindNull)},
		{expr.False, schema.TruthShape(false)},
		{expr.True, schema.TruthShape(true)},
		{expr.Number, schema.KindShape(document.KindNumber)},
		{expr.String, schema.KindShape(document.KindString)},
	} {
		if t.Kinds&k.kind != 0 {
			parts = append(parts, k.shape)
		}
	}
	if t.Kinds&expr.List != 0 {
		parts = append(parts, schema.ListShape(v.shapeOf(t.Items)))
	}
	if t.Kinds&expr.Object != 0 {
		members := make(map[string]*schema.Shape, len(t.Members))
		for name, m := range t.Members {
			members[name] = v.shapeOf(m)
		}
		parts = append(parts, schema.ObjectShape(members, nil, v.shapeOf(t.Rest)))
	}
	shape := schema.Union(parts...).Loosely()
	v.shaped[t] = shape
	return shape
}
