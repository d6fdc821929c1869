package graphfile

import (
	"fmt"

	"github.com/chainrun/chainrun/host/graph"
)

// source reads the whole file. The order in which keys are taken is the order
// in which unknown ones are compared with them.
func (r *reader) source(root item) *graph.Source {
	src := &graph.Source{File: r.file}
	t := r.table(root, "the file", "")
	if t == nil {
		return src
	}
	src.Keys = t.keys
	src.Version = t.integer("version")
	src.Name = t.str("name")
	src.Description = t.str("description")
	before := len(r.found)
	src.Start = t.words("start")
	src.Chain = t.words("chain")
	src.Partial = len(r.found) > before
	src.Deadline, _ = t.duration("deadline")
	src.MaxSteps = t.integer("max_steps")
	src.Input = r.wire(t, "input")
	src.Output = r.wire(t, "output")
	r.each(t, "state", "a table: [state.KEY]", func(name string, i item) {
		src.State = append(src.State, r.state(name, i))
	})
	if i, ok := t.take("defaults"); ok {
		t.written("defaults", i)
		src.Defaults = r.node("", i, "defaults", "defaults: ")
	}
	r.each(t, "nodes", "tables: [nodes.NAME]", func(name string, i item) {
		src.Nodes = append(src.Nodes, r.node(name, i, fmt.Sprintf("node %q", shown(name)), fmt.Sprintf("node %q: ", shown(name))))
	})
	if _, ok := t.values["nodes"].(map[string]any); !ok && t.values["nodes"] != nil {
		src.Partial = true
	}
	if i, ok := t.take("edges"); ok {
		before := len(r.found)
		t.written("edges", i)
		if list, ok := r.list(i, "edges", "write [[edges]]"); ok {
			for n, e := range list {
				src.Edges = append(src.Edges, r.edge(n, e))
			}
		}
		src.Partial = src.Partial || len(r.found) > before
	}
	src.Capabilities = r.sections(t, "capabilities")
	src.Secrets = r.sections(t, "secrets")
	if i, ok := t.take("budget"); ok {
		src.Budget = &graph.Section{Name: "budget", Value: r.placed(i, "budget"), At: r.keyAt(i)}
	}
	before = len(r.found)
	t.finish()
	src.Partial = src.Partial || len(r.found) > before
	return src
}

// each calls read for every table in a table of tables, in file order.
func (r *reader) each(t *table, key, expected string, read func(string, item)) {
	i, ok := t.take(key)
	if !ok {
		return
	}
	values, ok := i.value.(map[string]any)
	if !ok {
		r.wrong(i, key, expected, "")
		return
	}
	t.written(key, i)
	in := &table{r: r, values: values, place: i.place}
	for _, name := range in.names() {
		read(name, in.item(name))
	}
}

func (r *reader) sections(t *table, key string) (list []graph.Section) {
	r.each(t, key, "tables: ["+key+".NAME]", func(name string, i item) {
		list = append(list, graph.Section{Name: name, Value: r.placed(i, key+"."+printable(name)), At: r.keyAt(i)})
	})
	return list
}

func (r *reader) wire(top *table, key string) graph.WireSource {
	i, ok := top.take(key)
	if !ok {
		return graph.WireSource{}
	}
	top.written(key, i)
	t := r.table(i, key, key+".")
	if t == nil {
		return graph.WireSource{}
	}
	w := graph.WireSource{At: r.keyAt(i), Keys: t.keys, Schema: t.schema("schema")}
	if key == "output" {
		w.Value = t.expression("value")
	}
	t.finish()
	return w
}

func (r *reader) state(name string, i item) graph.StateSource {
	s := graph.StateSource{Name: name, At: r.keyAt(i)}
	t := r.table(i, "state."+printable(name), "state."+printable(name)+".")
	if t == nil {
		return s
	}
	s.Keys = t.keys
	s.Initial = t.value("initial")
	s.Schema = t.schema("schema")
	s.Reduce = t.str("reduce")
	t.finish()
	return s
}

func (r *reader) node(name string, i item, label, prefix string) graph.NodeSource {
	n := graph.NodeSource{Name: name, At: r.keyAt(i)}
	t := r.table(i, label, prefix)
	if t == nil {
		n.Keys = graph.Positions{"module": r.valueAt(i)} // one complaint is enough
		return n
	}
	n.Keys = t.keys
	n.Module = t.file("module")
	n.Graph = t.file("graph")
	n.Wait = t.boolean("wait")
	n.Entry = t.str("entry")
	n.Encoding = t.str("encoding")
	n.Input = t.binding("input")
	n.Config = t.value("config")
	n.Write = t.fields("write", "a table: state key = expression")
	n.InputSchema = t.schema("input_schema")
	n.OutputSchema = t.schema("output_schema")
	n.Fuel = t.integer("fuel")
	n.Memory = t.size("memory")
	n.Timeout, _ = t.duration("timeout")
	n.Deadline, _ = t.duration("deadline")
	n.MaxVisits = t.integer("max_visits")
	n.Route = t.str("route")
	n.Foreach = t.expression("foreach")
	n.Concurrency = t.integer("concurrency")
	n.OnError = t.str("on_error")
	n.Cache = t.boolean("cache")
	n.Retry = t.retry(label)
	r.each(t, "grants", "tables: [nodes.NAME.grants.CAPABILITY]", func(capability string, g item) {
		n.Grants = append(n.Grants, graph.Section{Name: capability, Value: r.placed(g, prefix+"grants."+printable(capability)), At: r.keyAt(g)})
	})
	t.finish()
	return n
}

// file reads a key that must not be empty. It counts as written whatever was
// found, so that nobody asks for it again.
func (t *table) file(key string) string {
	i, ok := t.take(key)
	if !ok {
		return ""
	}
	t.written(key, i)
	s, ok := i.value.(string)
	if !ok {
		t.r.wrong(i, t.label+key, "a string", "")
	} else if s == "" {
		at := t.r.valueAt(i)
		t.r.complain(spot{at.Line, at.Column}, graph.CodeBadValue, t.label+key+": the string is empty", "")
	}
	return s
}

func (t *table) binding(key string) graph.BindingSource {
	i, ok := t.take(key)
	if !ok {
		return graph.BindingSource{}
	}
	b := graph.BindingSource{At: t.r.valueAt(i)}
	if _, ok := i.value.(map[string]any); ok {
		b.Fields = t.fieldsOf(i, key)
		t.written(key, i)
		return b
	}
	if e, ok := t.r.expression(i, t.label+key); ok {
		b.Expression = e
		t.written(key, i)
	}
	return b
}

func (t *table) fields(key, expected string) []graph.FieldSource {
	i, ok := t.take(key)
	if !ok {
		return nil
	}
	if _, ok := i.value.(map[string]any); !ok {
		t.r.wrong(i, t.label+key, expected, "")
		return nil
	}
	t.written(key, i)
	return t.fieldsOf(i, key)
}

// fieldsOf reads a table of expressions. It is never nil.
func (t *table) fieldsOf(i item, key string) []graph.FieldSource {
	in := &table{r: t.r, values: i.value.(map[string]any), place: i.place}
	list := make([]graph.FieldSource, 0, len(in.values))
	for _, name := range in.names() {
		f := in.item(name)
		if e, ok := t.r.expression(f, t.label+key+"."+printable(name)); ok {
			list = append(list, graph.FieldSource{Key: name, Expression: e, At: t.r.keyAt(f)})
		}
	}
	return list
}

func (t *table) retry(owner string) []graph.RetrySource {
	i, ok := t.take("retry")
	if !ok {
		return nil
	}
	header := "nodes.NAME"
	if owner == "defaults" {
		header = owner
	}
	list, ok := t.r.list(i, t.label+"retry", "write [["+header+".retry]]")
	if !ok {
		return nil
	}
	t.written("retry", i)
	rules := make([]graph.RetrySource, 0, len(list))
	for n, e := range list {
		label := fmt.Sprintf("%sretry[%d]", t.label, n)
		u := t.r.table(e, label, label+".")
		if u == nil {
			continue
		}
		s := graph.RetrySource{At: t.r.keyAt(e), Keys: u.keys, On: u.words("on"), MaxAttempts: u.integer("max_attempts")}
		if d, ok := u.duration("initial_interval"); ok {
			s.InitialInterval = &d
		}
		s.MaxInterval, _ = u.duration("max_interval")
		s.Multiplier, _ = u.number("multiplier")
		if j, ok := u.number("jitter"); ok {
			s.Jitter = &j
		}
		s.MaxElapsed, _ = u.duration("max_elapsed")
		u.finish()
		rules = append(rules, s)
	}
	return rules
}

func (r *reader) edge(n int, i item) graph.EdgeSource {
	e := graph.EdgeSource{At: r.keyAt(i)}
	label := fmt.Sprintf("edges[%d]", n)
	t := r.table(i, label, label+".")
	if t == nil {
		e.Keys = graph.Positions{"from": e.At, "to": e.At} // one complaint is enough
		return e
	}
	e.Keys = t.keys
	e.From = graph.Word{Text: t.file("from"), At: r.valueAt(t.item("from"))}
	e.To = graph.Word{Text: t.file("to"), At: r.valueAt(t.item("to"))}
	e.When = t.expression("when")
	if on, ok := t.values["on"].(string); ok && on == "error" {
		i, _ := t.take("on")
		t.written("on", i)
		e.AnyError = true
	} else {
		e.On = t.words("on")
	}
	t.finish()
	return e
}
