package simulate

// Random graphs, as an author could write them.

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// drawing makes one source. Each edge and each write gets a line of its own,
// so that what [graph.Build] complains about can be found and left out.
type drawing struct {
	*rand.Rand
	nodes  []graph.NodeSource
	edges  []graph.EdgeSource
	states []graph.StateSource
	cast   *cast
	prefix string // of the nodes' names
	line   int
}

// cast is what is known of the nodes of a case, by their names, which differ
// between its graphs.
type cast struct {
	labels map[string][]label
	risky  map[string]bool // nodes with failure edges: they fail often
	waits  map[string]bool
	// foreach is how many elements of a node may be called at once.
	foreach map[string]int
	plain   bool                     // modules alone
	seeing  bool                     // each node appends to the state and is given all that it may see
	subs    map[string]*graph.Source // by file
}

// label is a member of a node's output that a condition asks for.
type label struct {
	name string
	back bool // the edge leads back: it must end some time
}

// group is a node or a loop: where it is entered and what is in it.
type group struct {
	entry   int
	members []int
}

func (d *drawing) odds(of, in int) bool { return d.IntN(in) < of }

func (d *drawing) at() graph.Position {
	d.line++
	return graph.Position{Line: d.line, Column: 1}
}

// source draws a graph: loops and joins as a tree of scopes, then edges, then
// what nodes do with state and failures. What is drawn of nodes goes to c.
func source(r *rand.Rand, c *cast, prefix string, most int) *graph.Source {
	d := &drawing{Rand: r, cast: c, prefix: prefix}
	src := &graph.Source{File: prefix + "drawn.toml", MaxSteps: 400}
	d.state()
	var starts []int
	d.scope(0, most, &starts)
	order := d.Perm(len(d.nodes))
	if d.odds(1, 2) {
		slices.Sort(order)
	}
	for _, i := range order {
		src.Nodes = append(src.Nodes, d.nodes[i])
	}
	if d.odds(1, 2) {
		d.Shuffle(len(d.edges), func(i, j int) { d.edges[i], d.edges[j] = d.edges[j], d.edges[i] })
	} else {
		slices.SortStableFunc(d.edges, func(a, b graph.EdgeSource) int { return cmp.Compare(a.From.Text, b.From.Text) })
	}
	src.Edges, src.State = d.edges, d.states
	if d.odds(1, 2) {
		for _, i := range starts {
			src.Start = append(src.Start, graph.Word{Text: d.name(i)})
		}
	}
	if d.odds(1, 3) {
		d.chain(src)
	}
	switch d.IntN(12) {
	case 0:
		src.Output.Value.Text = `{"out": output, "state": state, "in": run.input}`
	case 1:
		src.Output.Value.Text = `output.id`
	case 2:
		src.MaxSteps = int64(2 + d.IntN(8))
	}
	return src
}

func (d *drawing) name(i int) string { return d.prefix + "n" + strconv.Itoa(i) }

// chain takes some edges without conditions that follow each other out of the
// list, and writes them as the chain.
func (d *drawing) chain(src *graph.Source) {
	plain := func(from string) int {
		return slices.IndexFunc(src.Edges, func(e graph.EdgeSource) bool {
			return (from == "" || e.From.Text == from) && e.When.Text == "" && !e.AnyError && len(e.On) == 0
		})
	}
	at := ""
	for i := plain(at); i >= 0 && len(src.Chain) < 6; i = plain(at) {
		e := src.Edges[i]
		if at == "" {
			src.Chain = append(src.Chain, graph.Word{Text: e.From.Text, At: d.at()})
		}
		src.Chain = append(src.Chain, graph.Word{Text: e.To.Text, At: e.At})
		src.Edges = slices.Delete(src.Edges, i, i+1)
		at = e.To.Text
	}
}

// scope draws some groups one after another, each led to by some before it.
func (d *drawing) scope(depth, most int, starts *[]int) (groups []group) {
	for i := range 1 + d.IntN(most) {
		var g group
		if depth < 3 && (depth == 0 || i > 0) && d.odds(1, 4) {
			g = d.loop(depth)
		} else {
			g = group{entry: d.node()}
			g.members = []int{g.entry}
		}
		switch {
		case i == 0 || starts != nil && d.odds(1, 5):
			if starts != nil {
				*starts = append(*starts, g.entry)
			}
		default:
			for range 1 + d.IntN(3) {
				d.edge(d.member(groups[d.IntN(len(groups))]), g.entry, false)
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// loop draws a loop: every group inside must lead back to the header, by an edge
// on or an edge back.
func (d *drawing) loop(depth int) group {
	groups := d.scope(depth+1, 4-depth, nil)
	l := group{entry: groups[0].entry}
	for i, g := range groups {
		l.members = append(l.members, g.members...)
		leadsOn := slices.ContainsFunc(d.edges, func(e graph.EdgeSource) bool {
			return slices.ContainsFunc(g.members, func(n int) bool { return e.From.Text == d.name(n) }) &&
				slices.ContainsFunc(groups[i+1:], func(to group) bool { return e.To.Text == d.name(to.entry) })
		})
		if !leadsOn || d.odds(1, 4) {
			d.edge(d.member(g), l.entry, true)
		}
	}
	return l
}

func (d *drawing) member(g group) int { return g.members[d.IntN(len(g.members))] }

// edge draws an edge, or two of which one is the other's alternative.
func (d *drawing) edge(from, to int, back bool) {
	if slices.ContainsFunc(d.edges, func(e graph.EdgeSource) bool { return e.From.Text == d.name(from) && e.To.Text == d.name(to) }) && d.odds(3, 4) {
		return
	}
	e := graph.EdgeSource{From: graph.Word{Text: d.name(from)}, To: graph.Word{Text: d.name(to)}, At: d.at()}
	switch kind := d.IntN(12); {
	case kind < 4:
		d.onFailure(&e)
		d.cast.risky[d.name(from)] = true
	case kind < 8 || back:
		d.condition(&e, from, back)
	}
	d.edges = append(d.edges, e)
}

// condition draws a `when` on success: of the output, of the output and the
// state, or the opposite of what another edge of the node has.
func (d *drawing) condition(e *graph.EdgeSource, from int, back bool) {
	if !back && d.odds(1, 2) {
		for _, other := range d.edges {
			if other.From.Text == e.From.Text && other.When.Text != "" && !other.AnyError && len(other.On) == 0 && other.When.Text[0] != '!' {
				e.When.Text = "!(" + other.When.Text + ")"
				return
			}
		}
	}
	if n := d.nodes[from]; n.Foreach.Text != "" || n.Graph != "" {
		e.When.Text = fmt.Sprintf("size(output) %% 3 == %d", d.IntN(3))
		return
	}
	l := label{fmt.Sprintf("e%d", e.At.Line), back}
	d.cast.labels[d.name(from)] = append(d.cast.labels[d.name(from)], l)
	e.When.Text = "output." + l.name
	if len(d.states) > 0 && d.odds(1, 4) {
		s := d.states[d.IntN(len(d.states))].Name
		e.When.Text += " && state." + s + " != " + []string{`null`, `[]`, `0`, `"x"`, `run.input`}[d.IntN(5)]
	}
	if d.odds(1, 20) {
		e.When.Text = "output.id < 'a' && " + e.When.Text
	}
}

func (d *drawing) onFailure(e *graph.EdgeSource) {
	e.AnyError = d.odds(3, 4)
	if !e.AnyError {
		for _, i := range d.Perm(len(codes))[:1+d.IntN(3)] {
			e.On = append(e.On, graph.Word{Text: codes[i], At: e.At})
		}
	}
	switch d.IntN(9) {
	case 0:
		e.When.Text = `error.reason == "busy"`
	case 1:
		e.When.Text = `error.attempt > 1`
	case 2:
		e.When.Text = `error.input.missing`
	}
}

// codes are those that edges and retry rules name.
var codes = []string{"node_error", "trap", "invalid_output", "capability_error", "expression_error", "timeout"}

// inputs are what nodes ask for besides the default input.
var inputs = []string{
	`{"in": input, "of": inputs, "state": state}`,
	`{"in": input, "of": inputs, "state": state}`,
	`{"in": input, "of": inputs, "state": state}`,
	`{"state": state, "run": run.input}`,
	`inputs`,
	`input.id`,
}

// elements are what nodes with a foreach ask for.
var elements = []string{`{"item": item, "i": index, "in": input}`, `{"item": item, "state": state}`, `item.n`}

func (d *drawing) node() int {
	i := len(d.nodes)
	d.nodes = append(d.nodes, graph.NodeSource{})
	n := graph.NodeSource{Name: d.name(i), Module: "n.wasm", At: d.at(), MaxVisits: int64(2 + d.IntN(8))}
	d.kind(&n)
	if d.odds(1, 3) {
		n.Route = string(graph.RouteFirst)
	}
	how := d.IntN(6)
	if d.cast.seeing {
		how = 0
	}
	switch how {
	case 0, 1, 3:
		n.Input.Expression.Text = inputs[d.IntN(len(inputs))]
		if d.cast.seeing {
			n.Input.Expression.Text = inputs[0]
		} else if n.Foreach.Text != "" {
			n.Input.Expression.Text = elements[d.IntN(len(elements))]
		}
	case 2:
		n.Input.Fields = []graph.FieldSource{
			{Key: "s", Expression: graph.Expression{Text: "state"}, At: d.at()},
			{Key: "i", Expression: graph.Expression{Text: "input"}, At: d.at()},
		}
	}
	for i, s := range d.states {
		if d.odds(1, 2) || d.cast.seeing && i == 0 {
			text := updates[s.Reduce][d.IntN(len(updates[s.Reduce]))]
			if n.Foreach.Text != "" || n.Graph != "" {
				text = wholes[s.Reduce]
			}
			n.Write = append(n.Write, graph.FieldSource{Key: s.Name, Expression: graph.Expression{Text: text}, At: d.at()})
		}
	}
	if n.Graph == "" && !n.Wait {
		for range d.IntN(8) / 5 {
			n.Retry = append(n.Retry, d.retry(len(n.Retry)))
		}
	}
	d.nodes[i] = n
	return i
}

func (d *drawing) retry(nth int) graph.RetrySource {
	r := graph.RetrySource{MaxAttempts: int64(1 + d.IntN(4)), At: d.at()}
	if nth == 0 && d.odds(2, 3) {
		for _, i := range d.Perm(len(codes))[:1+d.IntN(2)] {
			r.On = append(r.On, graph.Word{Text: codes[i], At: r.At})
		}
	}
	if d.odds(1, 3) {
		at := time.Duration(0)
		r.InitialInterval = &at
	}
	return r
}

// kind makes some nodes more than a module.
func (d *drawing) kind(n *graph.NodeSource) {
	if d.cast.plain {
		return
	}
	if d.odds(1, 8) {
		n.Foreach.Text = lists[d.IntN(len(lists))]
		n.Concurrency = int64(d.IntN(4))
		const unsaid = 8 // "RunStarted.Parallel, 0: 8"
		d.cast.foreach[n.Name] = cmp.Or(int(n.Concurrency), unsaid)
		if d.odds(1, 2) {
			n.OnError = string(graph.OnErrorCollect)
		}
	}
	switch {
	case d.odds(1, 10) && strings.Count(d.prefix, "s") < 2:
		n.Module, n.Graph = "", n.Name+".toml"
		for {
			sub := source(d.Rand, d.cast, d.prefix+"s"+n.Name[len(d.prefix)+1:], 1+d.IntN(3))
			if fitted(sub, d.cast) != nil {
				d.cast.subs[n.Graph] = sub
				return
			}
		}
	case d.odds(1, 12):
		n.Module, n.Wait = "", true
		d.cast.waits[n.Name] = true
	}
}

// lists are what a foreach goes over.
var lists = []string{
	`has(input.list) ? input.list : [1, 2, 3]`,
	`has(input.list) ? input.list : [1, 2, 3]`,
	`[input, state, "x"]`,
	`input.list`,
	`[]`,
}

// wholes are what nodes write whose output may be anything, by reducer.
var wholes = map[string]string{
	"": "output", "append": "output", "union": "size(output)", "merge": `{"size": size(output)}`,
	"sum": "size(output)", "min": "size(output)", "max": "size(output)",
}

// updates are what nodes write, by reducer.
var updates = map[string][]string{
	"":       {"output.id", "output.id", "output.n", "state", "input"},
	"append": {"output.id", "output.n", "[output.n]"},
	"union":  {"output.n", "output.few"},
	"merge":  {`{output.id: output.n}`, `{"n": output.n, "id": output.id}`, `output.object`},
	"sum":    {"output.n", "output.n - 3"},
	"min":    {"output.n", "output.maybe"},
	"max":    {"output.n", "output.maybe"},
}

// reducers are those that this version has.
var reducers = supported("append", "union", "merge", "sum", "min", "max")

func supported(names ...string) (list []string) {
	for _, reduce := range names {
		src := &graph.Source{
			File:  "probe.toml",
			Nodes: []graph.NodeSource{{Name: "n", Module: "n.wasm"}},
			State: []graph.StateSource{{Name: "s", Reduce: reduce}},
		}
		if _, found := graph.Build(src, nil); !found.Failed() {
			list = append(list, reduce)
		}
	}
	return list
}

func (d *drawing) state() {
	keys := d.IntN(4)
	if d.cast.seeing {
		keys = max(keys, 1)
	}
	for i := range keys {
		s := graph.StateSource{Name: fmt.Sprintf("k%d", i), At: d.at()}
		if d.cast.seeing && i == 0 {
			s.Reduce = "append"
			d.states = append(d.states, s)
			continue
		}
		if len(reducers) > 0 && d.odds(2, 3) {
			s.Reduce = reducers[d.IntN(len(reducers))]
		}
		switch {
		case s.Reduce == "" && d.odds(1, 3):
			s.Initial.Document = document.MustParse(`{"deep":[1,2.50]}`)
		case s.Reduce == "append" && d.odds(1, 3):
			s.Initial.Document = document.MustParse(`["first"]`)
		case s.Reduce == "max" && d.odds(1, 3):
			s.Initial.Document = document.MustParse(`4`)
		case s.Reduce == "sum" && d.odds(1, 3):
			s.Initial.Document = document.MustParse(`-10`)
		}
		if (s.Reduce == "append" || s.Reduce == "") && d.odds(1, 8) {
			s.Schema.Inline.Document = document.MustParse(`{"type":["string","object"]}`)
		}
		d.states = append(d.states, s)
	}
}
