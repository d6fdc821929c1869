package plan

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/meter"
)

// digestVersion changes whenever the meaning of a plan's digest does.
const digestVersion = 1

var emptyConfig = document.Object()

// digest is over everything that decides what a run does: the graph as built
// (file order included, because routing depends on it), the modules' bytes, the
// schemas, the limits, and the version of the fuel rule. It leaves out names of
// files, the graph's own name, descriptions and positions.
func digest(p *Plan) string {
	return digestUnder(p, meter.Version, func(inner *Plan) string { return inner.Digest })
}

// DigestUnder is the digest that the plan has, or would have, where fuel is counted by
// another version of the rule ([meter.Version]): by it an old run is known to be of this
// plan although its fuel cannot be compared.
func (p *Plan) DigestUnder(fuelRule int) string {
	known := map[*Plan]string{}
	var under func(*Plan) string
	under = func(p *Plan) string {
		if known[p] == "" {
			known[p] = digestUnder(p, fuelRule, under)
		}
		return known[p]
	}
	return under(p)
}

// digestUnder is the digest under one version of the fuel rule, by which inner gives
// the digests of the plans inside.
func digestUnder(p *Plan, fuelRule int, inner func(*Plan) string) string {
	g := p.Graph
	var nodes, edges, start, state []document.Document
	known := map[*Grant]document.Document{}
	for _, n := range p.Nodes {
		nodes = append(nodes, describeNode(n, known, inner))
	}
	for _, e := range g.Edges {
		edges = append(edges, object(
			"from", document.String(e.From.Name), "to", document.String(e.To.Name),
			"when", program(e.When), "failure", boolean(e.Failure), "on", codes(e.On)))
	}
	for _, n := range g.Start {
		start = append(start, document.String(n.Name))
	}
	for _, k := range g.State {
		state = append(state, object(
			"name", document.String(k.Name), "initial", present(k.Initial),
			"schema", schemaDigest(k.Schema), "reduce", document.String(string(k.Reduce))))
	}
	return object(append([]any{
		"chainrun", number(digestVersion), "fuel_rule", number(int64(fuelRule)),
		"nodes", document.Array(nodes...), "edges", document.Array(edges...),
		"start", document.Array(start...), "state", document.Array(state...),
		"input", schemaDigest(g.Input.Schema), "output", schemaDigest(g.Output.Schema),
		"output_value", program(g.OutputValue),
		"deadline", duration(g.Deadline), "max_steps", number(int64(g.MaxSteps)),
	}, describeWorld(p)...)...).Digest()
}

// describeWorld is what a graph asks of the world beside its grants; nothing where
// it asks for nothing, so that such a graph has the digest that it always had.
// Where a secret's value comes from is no part of it.
func describeWorld(p *Plan) []any {
	var more []any
	var settings, secrets []document.Document
	granted := map[string]bool{}
	for _, n := range p.Nodes {
		for _, g := range n.Granted {
			granted[g.Capability] = true
		}
	}
	for _, s := range p.Graph.Capabilities {
		if granted[s.Name] {
			settings = append(settings, object("name", document.String(s.Name), "kind", document.String(s.Kind), "settings", s.Value))
		}
	}
	for _, s := range p.Secrets {
		secrets = append(secrets, document.String(s.Name))
	}
	// Their order in the file means nothing.
	byText := func(a, b document.Document) int { return bytes.Compare(a.Canonical(), b.Canonical()) }
	slices.SortFunc(settings, byText)
	slices.SortFunc(secrets, byText)
	if len(settings) > 0 {
		more = append(more, "capabilities", document.Array(settings...))
	}
	if len(secrets) > 0 {
		more = append(more, "secrets", document.Array(secrets...))
	}
	if b := p.Graph.Budget; b != nil {
		more = append(more, "budget", object("calls", number(b.Calls), "tokens", number(b.Tokens), "cost", number(b.Cost)))
	}
	return more
}

// describeGrants gives the digests of a node's grants. Those of [defaults] stand at
// many nodes: known keeps what they are.
func describeGrants(granted []*Grant, known map[*Grant]document.Document) document.Document {
	list := make([]document.Document, len(granted))
	for i, g := range granted {
		if _, ok := known[g]; !ok {
			known[g] = document.String(describeGrant(g).Digest())
		}
		list[i] = known[g]
	}
	return document.Array(list...)
}

func describeGrant(g *Grant) document.Document {
	methods := make([]document.Document, 0, len(g.Limits.Methods))
	for _, m := range slices.Sorted(slices.Values(g.Limits.Methods)) {
		methods = append(methods, document.String(m))
	}
	return object(
		"capability", document.String(g.Capability), "terms", g.Own,
		"calls", number(g.Limits.Calls), "bytes", number(g.Limits.Bytes), "tokens", number(g.Limits.Tokens),
		"cost", number(g.Limits.Cost), "methods", document.Array(methods...))
}

func describeNode(n *Node, known map[*Grant]document.Document, inner func(*Plan) string) document.Document {
	var in, out, writes, retry []document.Document
	for _, s := range n.InSchemas {
		in = append(in, schemaDigest(s))
	}
	for _, s := range n.OutSchemas {
		out = append(out, schemaDigest(s))
	}
	for _, w := range n.Writes {
		writes = append(writes, object("key", document.String(w.Key.Name), "value", program(w.Expr)))
	}
	for _, r := range n.Retry {
		retry = append(retry, object(
			"on", codes(r.On), "max_attempts", number(int64(r.MaxAttempts)),
			"initial_interval", duration(r.InitialInterval), "max_interval", duration(r.MaxInterval),
			"multiplier", float(r.Multiplier), "jitter", float(r.Jitter), "max_elapsed", duration(r.MaxElapsed)))
	}
	called := document.Null()
	switch {
	case n.Linked != nil:
		called = document.String(n.Linked.Digest)
	case n.Sub != nil:
		called = document.String(inner(n.Sub))
	}
	var more []any
	if n.Foreach != nil {
		// How many elements run at once changes no outcome.
		more = []any{"foreach", program(n.Foreach), "on_error", document.String(string(n.OnError))}
	}
	if len(n.Granted) > 0 {
		more = append(more, "grants", describeGrants(n.Granted, known))
	}
	if n.Cache {
		more = append(more, "cache", boolean(true)) // it decides the node's clock and seed
	}
	return object(append([]any{
		"name", document.String(n.Name), "kind", document.String(string(n.Kind)),
		"module", called, "entry", document.String(n.Entry),
		"encoding", document.String(string(n.Encoding)), "input", binding(n.Input),
		"config", present(n.Config), "write", document.Array(writes...),
		"input_schemas", document.Array(in...), "output_schemas", document.Array(out...),
		"fuel", document.String(strconv.FormatUint(n.Fuel, 10)),
		"memory", document.String(strconv.FormatUint(n.MemoryBytes, 10)),
		"timeout", duration(n.Timeout), "deadline", duration(n.Deadline),
		"max_visits", number(int64(n.MaxVisits)), "route", document.String(string(n.Route)),
		"retry", document.Array(retry...),
	}, more...)...)
}

func binding(b *graph.Binding) document.Document {
	if b == nil {
		return document.Null()
	}
	if b.Expr != nil {
		return program(b.Expr)
	}
	fields := make([]document.Field, len(b.Fields))
	for i, f := range b.Fields {
		fields[i] = document.Field{Key: f.Key, Value: program(f.Expr)}
	}
	return document.Object(fields...)
}

// object takes keys and documents in turn.
func object(pairs ...any) document.Document {
	fields := make([]document.Field, 0, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		fields = append(fields, document.Field{Key: pair[0].(string), Value: pair[1].(document.Document)})
	}
	return document.Object(fields...)
}

func program(p *expr.Program) document.Document {
	if p == nil {
		return document.Null()
	}
	return document.String(p.Normal())
}

func schemaDigest(s *schema.Schema) document.Document {
	if s == nil {
		return document.Null()
	}
	return document.String(s.Digest())
}

func codes(cs []failure.Code) document.Document {
	items := make([]document.Document, len(cs))
	for i, c := range cs {
		items[i] = document.String(string(c))
	}
	return document.Array(items...)
}

func present(d document.Document) document.Document {
	if d.IsZero() {
		return document.Null()
	}
	return d
}

func number(n int64) document.Document { return document.MustParse(strconv.FormatInt(n, 10)) }

func duration(d time.Duration) document.Document { return number(int64(d)) }

func float(f float64) document.Document {
	return document.String(strconv.FormatFloat(f, 'g', -1, 64))
}

func boolean(b bool) document.Document { return document.MustParse(strconv.FormatBool(b)) }
