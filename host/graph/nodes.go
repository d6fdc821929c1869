package graph

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/expr"
)

// readNodes resolves [defaults] and then every node.
func (b *builder) readNodes() {
	b.template = Node{
		Encoding: EncodingJSON, Fuel: DefaultFuel, MemoryBytes: DefaultMemoryBytes, Timeout: DefaultTimeout,
		MaxVisits: DefaultMaxVisits, Route: RouteAll,
	}
	d := &b.src.Defaults
	for _, key := range []string{"module", "graph", "wait"} {
		if has(d.Keys, key) || key == "module" && d.Module != "" || key == "graph" && d.Graph != "" || key == "wait" && d.Wait {
			b.complain(at(d.Keys, key, d.At), CodeUnknownKey, fmt.Sprintf("defaults: %s cannot have a default", key), "write it in each node")
		}
	}
	b.template.OnError = OnErrorFail
	b.policies(&b.template, d, "defaults", b.eachUsesForeach(), true)
	b.template.Position = maps.Clone(d.Keys)

	b.graph.Nodes = make([]*Node, 0, len(b.src.Nodes))
	for i := range b.src.Nodes {
		s := &b.src.Nodes[i]
		owner := fmt.Sprintf("node %q", s.Name)
		if why := nameFault(s.Name); why != "" {
			b.complain(s.At, CodeBadName, owner+": "+why, "rename it")
			b.broken = true
			continue
		}
		if first := b.graph.byName[s.Name]; first != nil {
			b.complain(s.At, CodeDuplicate, fmt.Sprintf("%s is declared twice, first at %s", owner, first.At), "rename one")
			continue
		}
		n := b.template
		n.Index, n.Name, n.At = len(b.graph.Nodes), s.Name, s.At
		n.Position = make(map[string]Position, len(s.Keys)+len(b.template.Position))
		maps.Copy(n.Position, b.template.Position)
		maps.Copy(n.Position, s.Keys)
		b.policies(&n, s, owner, n.Foreach != nil || s.Foreach.Text != "", false)
		b.kind(&n, s, owner)
		b.pure(&n, s, owner)
		b.countGrants(&n)
		b.graph.Nodes = append(b.graph.Nodes, &n)
		b.graph.byName[n.Name] = &n
		b.nodeNames = append(b.nodeNames, n.Name)
	}
}

// eachUsesForeach reports whether a foreach is written anywhere: then the input
// of [defaults] may name `item` and `index`.
func (b *builder) eachUsesForeach() bool {
	uses := func(n NodeSource) bool { return n.Foreach.Text != "" }
	return uses(b.src.Defaults) || slices.ContainsFunc(b.src.Nodes, uses)
}

// kind reads what a node is: a module, a graph, or a wait.
func (b *builder) kind(n *Node, s *NodeSource, owner string) {
	n.Kind, n.Module = KindModule, s.Module
	written := []string{}
	for _, k := range []struct {
		key string
		set bool
	}{{"module", s.Module != ""}, {"graph", s.Graph != ""}, {"wait", s.Wait}} {
		if k.set || has(s.Keys, k.key) && k.key != "wait" {
			written = append(written, k.key)
		}
	}
	switch len(written) {
	case 0:
		b.complain(s.At, CodeMissingKey, owner+`: it needs one of "module", "graph" and "wait"`, `write module = "FILE.wasm"`)
	case 1:
		switch written[0] {
		case "graph":
			n.Kind = KindGraph
			b.noModule(n, s, owner)
			b.readGraph(n, s, owner)
		case "wait":
			n.Kind = KindWait
			b.noModule(n, s, owner)
		}
	default:
		b.complain(at(s.Keys, written[1], s.At), CodeBadValue, fmt.Sprintf("%s: %s and %s exclude each other", owner, written[0], written[1]), "keep one")
	}
}

// policies resolves the keys that were written and leaves the others as they
// are, so that a node's own key replaces its default, tables whole.
func (b *builder) policies(n *Node, s *NodeSource, owner string, foreach, defaults bool) {
	label := func(key string) string { return owner + ": " + key }
	if s.Entry != "" || has(s.Keys, "entry") {
		n.Entry = s.Entry
	}
	n.Encoding = Encoding(b.word(s.Encoding, s, "encoding", owner, string(n.Encoding), string(EncodingJSON), string(EncodingText)))
	n.Route = Route(b.word(s.Route, s, "route", owner, string(n.Route), string(RouteAll), string(RouteFirst)))
	input, write := inInput, inWrite
	if foreach {
		input, write = inForeachInput, inForeachWrite
	}
	if i := s.Input; i.Expression.Text != "" || i.Fields != nil || i.Expression.At.Line != 0 {
		n.Input = b.binding(i, input, label("input"))
	}
	if !s.Config.Document.IsZero() {
		n.Config, n.ConfigPlaces = s.Config.Document, s.Config.Places
	}
	if s.Write != nil || has(s.Keys, "write") {
		n.Writes = b.writes(s.Write, write, owner)
	}
	if s.InputSchema.written() {
		n.In = b.wire(s.InputSchema, label("input_schema"))
	}
	if s.OutputSchema.written() {
		n.Out = b.wire(s.OutputSchema, label("output_schema"))
	}
	n.Fuel = uint64(b.count(s.Fuel, s.Keys, "fuel", label("fuel"), s.At, maxFuel, int64(n.Fuel)))
	n.MemoryBytes = uint64(b.bytes(s.Memory, s.Keys, "memory", label("memory"), s.At, int64(n.MemoryBytes)))
	n.Timeout = b.duration(s.Timeout, s.Keys, "timeout", label("timeout"), s.At, n.Timeout)
	n.Deadline = b.duration(s.Deadline, s.Keys, "deadline", label("deadline"), s.At, n.Deadline)
	n.MaxVisits = int(b.count(s.MaxVisits, s.Keys, "max_visits", label("max_visits"), s.At, maxCount, int64(n.MaxVisits)))
	if s.Retry != nil || has(s.Keys, "retry") {
		n.Retry = b.retry(s.Retry, owner)
	}
	b.foreach(n, s, owner, defaults)
	if len(s.Grants) > 0 || has(s.Keys, "grants") {
		n.Grants = b.grants(s.Grants, owner, defaults)
	}
	if s.Cache || has(s.Keys, "cache") {
		n.Cache = s.Cache
	}
}

// pure refuses the cache of a node that may ask the world; that of [defaults] is for
// the nodes that may not.
func (b *builder) pure(n *Node, s *NodeSource, owner string) {
	if !n.Cache || len(n.Grants) == 0 {
		return
	}
	n.Cache = false
	if s.Cache {
		b.complain(at(s.Keys, "cache", s.At), CodeBadValue,
			fmt.Sprintf("%s: cache: the node is granted %s, and what the world answers is not the same every time", owner, n.Grants[0].Capability),
			"remove cache; where the grants are those of [defaults] and the node needs none, write grants = {}")
	}
}

// word checks a string that is one of a few.
func (b *builder) word(v string, s *NodeSource, key, owner, fallback string, allowed ...string) string {
	if v == "" && !has(s.Keys, key) {
		return fallback
	}
	if !slices.Contains(allowed, v) {
		hint := fmt.Sprintf("allowed: %q and %q", allowed[0], allowed[1])
		if near := b.nearest(v, allowed); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		b.complain(at(s.Keys, key, s.At), CodeBadValue, fmt.Sprintf("%s: %s: %q is not known", owner, key, v), hint)
		return fallback
	}
	return v
}

func (b *builder) binding(s BindingSource, in place, label string) *Binding {
	bind := &Binding{At: s.At}
	if s.Fields == nil {
		bind.Expr, bind.Source = b.expression(s.Expression, in, label), s.Expression
		return bind
	}
	seen := map[string]bool{}
	for _, f := range s.Fields {
		if seen[f.Key] {
			b.complain(f.At, CodeDuplicate, fmt.Sprintf("%s.%s is written twice", label, f.Key), "remove one")
			continue
		}
		seen[f.Key] = true
		bind.Fields = append(bind.Fields, Field{Key: f.Key, Expr: b.required(f, in, label+"."+f.Key), Source: f.Expression, At: f.At})
	}
	return bind
}

// required compiles an expression that must be there.
func (b *builder) required(f FieldSource, in place, label string) *expr.Program {
	e := f.Expression
	if e.Text == "" && e.At.Line == 0 {
		e.At = f.At
		b.complain(e.At, CodeBadExpression, label+": the expression is empty", "leave the key out")
		return nil
	}
	return b.expression(e, in, label)
}

func (b *builder) writes(fields []FieldSource, in place, owner string) []Write {
	var list []Write
	for _, f := range fields {
		label := fmt.Sprintf("%s: write.%s", owner, f.Key)
		p := b.required(f, in, label)
		k := b.state[f.Key]
		if k == nil {
			hint := fmt.Sprintf("declare it: [state.%s]", f.Key)
			if near := b.nearest(f.Key, b.stateNames); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			b.complain(f.At, CodeUnknownState, label+": no such state key", hint)
			continue
		}
		if slices.ContainsFunc(list, func(w Write) bool { return w.Key == k }) {
			b.complain(f.At, CodeDuplicate, label+" is written twice", "remove one")
			continue
		}
		list = append(list, Write{Key: k, Expr: p, Source: f.Expression, At: f.At})
	}
	slices.SortFunc(list, func(a, b Write) int { return a.Key.Index - b.Key.Index })
	return list
}
