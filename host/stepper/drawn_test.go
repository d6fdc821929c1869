package stepper_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// drawing makes random graphs by hand: with forks, joins, nested loops, foreach and
// subgraphs. What is drawn obeys the rules of a graph:
// loops are strongly connected and entered at their header, everything can be
// reached, nodes are named in canonical order.
type drawing struct {
	t     *rapid.T
	g     *graph.Graph
	when  *expr.Env
	input *expr.Program
	write *expr.Program
	each  []*expr.Program
	inner bool // it is a subgraph
}

// drawnUnit is a node or a loop: where it is entered and what is in it.
type drawnUnit struct {
	entry *graph.Node
	nodes []*graph.Node
}

func drawGraph(t *rapid.T) *graph.Graph { return drawGraphIn(t, false) }

func drawGraphIn(t *rapid.T, inner bool) *graph.Graph {
	d := &drawing{t: t, g: &graph.Graph{Name: "drawn", OutputByNode: true, MaxSteps: 300}, inner: inner}
	for _, list := range []string{"[]", "[1, {'x': 2}, 3]", "[input, input, 1, 2, 3]", "{}"} {
		d.each = append(d.each, compiled(t, expr.NewEnv("input", "inputs", "state", "run"), list))
	}
	d.when = expr.NewEnv("input", "output", "error", "state", "run")
	d.input = compiled(t, expr.NewEnv("input", "inputs", "state", "run"), "{'in': input, 'of': inputs, 'state': state}")
	d.write = compiled(t, expr.NewEnv("input", "inputs", "state", "run", "output"), "type(output) == map && has(output.id) ? dyn(output.id) : dyn(output)")
	for i := range rapid.IntRange(0, 2).Draw(t, "keys") {
		k := &graph.StateKey{Index: i, Name: fmt.Sprint("k", i), Initial: document.Null(), Reduce: graph.ReduceReplace}
		if rapid.Bool().Draw(t, "collects") {
			k.Reduce = rapid.SampledFrom([]graph.Reduce{graph.ReduceAppend, graph.ReduceUnion}).Draw(t, "reducer")
			k.Initial = document.Array()
		}
		d.g.State = append(d.g.State, k)
	}
	d.scope(nil, 0)
	d.g.Order = d.g.Nodes
	for _, n := range d.g.Nodes {
		n.EntryByNode, n.BackByNode = true, true
	}
	return d.g
}

func compiled(t rapid.TB, env *expr.Env, source string) *expr.Program {
	t.Helper()
	p, err := env.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scope draws what is in a loop, or in the graph.
func (d *drawing) scope(loop *graph.Loop, depth int) []drawnUnit {
	most := 5 - depth
	if d.inner {
		most = min(most, 3)
	}
	var units []drawnUnit
	for i := range rapid.IntRange(1, most).Draw(d.t, "units") {
		isLoop := depth < 3 && (!d.inner || depth == 0) && (loop == nil || i > 0) && rapid.IntRange(0, 3).Draw(d.t, "loop") == 0
		u := d.unit(loop, isLoop, depth)
		if i == 0 {
			if loop == nil {
				d.g.Start = append(d.g.Start, u.entry)
			} else {
				loop.Header = u.entry
			}
		} else if loop == nil && rapid.IntRange(0, 5).Draw(d.t, "start") == 0 {
			d.g.Start = append(d.g.Start, u.entry)
		} else {
			d.connect(units, u)
		}
		units = append(units, u)
	}
	return units
}

func (d *drawing) unit(loop *graph.Loop, isLoop bool, depth int) drawnUnit {
	first := len(d.g.Nodes)
	if !isLoop {
		n := d.node(loop)
		return drawnUnit{n, []*graph.Node{n}}
	}
	inner := &graph.Loop{Parent: loop, Depth: depth + 1}
	if loop == nil {
		d.g.Loops = append(d.g.Loops, inner)
	} else {
		loop.Children = append(loop.Children, inner)
	}
	units := d.scope(inner, depth+1)
	inner.Nodes = d.g.Nodes[first:]
	// Every unit must lead back to the header: those without an edge on get an
	// edge back, others may have one.
	for i, u := range units {
		if !d.leadsOn(u, units[i+1:]) || rapid.IntRange(0, 3).Draw(d.t, "back") == 0 {
			e := d.edge(rapid.SampledFrom(u.nodes).Draw(d.t, "from"), inner.Header)
			e.Back = inner
			inner.Back = append(inner.Back, e)
			if !e.Failure {
				// A loop without condition would go on for ever.
				e.When = compiled(d.t, d.when, when(e))
			}
		}
	}
	return drawnUnit{inner.Header, inner.Nodes}
}

func (d *drawing) leadsOn(u drawnUnit, to []drawnUnit) bool {
	for _, n := range u.nodes {
		for _, e := range n.Outgoing {
			for _, later := range to {
				if e.To == later.entry {
					return true
				}
			}
		}
	}
	return false
}

func (d *drawing) node(loop *graph.Loop) *graph.Node {
	i := len(d.g.Nodes)
	n := &graph.Node{
		Index: i, Rank: i, Name: fmt.Sprint("n", i), Kind: graph.KindModule, Loop: loop, Input: nil,
		MaxVisits: rapid.IntRange(2, 5).Draw(d.t, "visits"),
		Route:     rapid.SampledFrom([]graph.Route{graph.RouteAll, graph.RouteAll, graph.RouteFirst}).Draw(d.t, "route"),
	}
	if rapid.Bool().Draw(d.t, "input") {
		n.Input = &graph.Binding{Expr: d.input}
	}
	for _, k := range d.g.State {
		if rapid.Bool().Draw(d.t, "write") {
			n.Writes = append(n.Writes, graph.Write{Key: k, Expr: d.write})
		}
	}
	if rapid.IntRange(0, 4).Draw(d.t, "deadline") == 0 {
		n.Deadline = 20 * time.Second
	}
	if !d.inner && rapid.IntRange(0, 6).Draw(d.t, "subgraph") == 0 {
		n.Kind, n.Sub = graph.KindGraph, drawGraphIn(d.t, true)
	}
	if rapid.IntRange(0, 6).Draw(d.t, "foreach") == 0 {
		n.Foreach = rapid.SampledFrom(d.each).Draw(d.t, "list")
		n.Concurrency = rapid.IntRange(1, 3).Draw(d.t, "concurrency")
		n.OnError = rapid.SampledFrom([]graph.OnError{graph.OnErrorFail, graph.OnErrorCollect}).Draw(d.t, "on error")
	}
	d.g.Nodes = append(d.g.Nodes, n)
	return n
}

// connect draws edges to a unit from some of those before it.
func (d *drawing) connect(before []drawnUnit, u drawnUnit) {
	for range rapid.IntRange(1, 3).Draw(d.t, "edges") {
		from := rapid.SampledFrom(before).Draw(d.t, "unit")
		d.edge(rapid.SampledFrom(from.nodes).Draw(d.t, "from"), u.entry)
	}
}

func (d *drawing) edge(from, to *graph.Node) *graph.Edge {
	e := &graph.Edge{Index: len(d.g.Edges), From: from, To: to}
	switch rapid.IntRange(0, 4).Draw(d.t, "edge") {
	case 0:
		e.Failure = true
	case 1, 2:
		e.When = compiled(d.t, d.when, when(e))
	}
	d.g.Edges = append(d.g.Edges, e)
	from.Outgoing = append(from.Outgoing, e)
	to.Incoming = append(to.Incoming, e)
	return e
}

// when is the condition of an edge: what the node says of it; of a list, or of
// what a subgraph gives, whether it is long.
func when(e *graph.Edge) string {
	return fmt.Sprintf("type(output) == map && has(output.e%d) ? output.e%d == true : type(output) == list && size(output) %% 2 == %d", e.Index, e.Index, e.Index%2)
}

// luck is what nodes do in a random run: a function of the seed, the step, the
// attempt and the input, so that it is the same in whatever order steps finish.
// Only how long they take depends on the schedule.
type luck struct {
	graph    *graph.Graph
	seed     uint64
	schedule uint64
	failures uint64 // one attempt in so many fails; 0: none
}

// draw gives a number that depends on all of what is given.
func draw(parts ...any) uint64 {
	h := sha256.Sum256([]byte(fmt.Sprint(parts...)))
	return binary.BigEndian.Uint64(h[:])
}

func (l luck) invoke(c stepper.Invoke) (event.Outcome, time.Duration) {
	took := time.Duration(draw("took", l.schedule, c.Step, c.Number)%5000) * time.Millisecond
	fuel := draw("fuel", l.seed, c.Step, c.Number) % 1000
	if l.failures > 0 && draw("fails", l.seed, c.Step, c.Number)%l.failures == 0 {
		return event.Outcome{Fuel: fuel, Failure: &failure.Failure{
			Code: failure.NodeError, Reason: "unlucky", Message: "unlucky",
			Retryable: draw("again", l.seed, c.Step)%2 == 0,
		}}, took
	}
	return event.Outcome{Output: l.output(c), Fuel: fuel}, took
}

// output decides each edge of the node and depends on the whole input. Later
// turns are less likely to lead back.
func (l luck) output(c stepper.Invoke) document.Document {
	sum := sha256.Sum256([]byte(c.Step + string(c.Input.Canonical())))
	fields := []document.Field{{Key: "id", Value: document.String(hex.EncodeToString(sum[:8]))}}
	for _, e := range l.graphOf(c.Step).Edges {
		if e.From.Name != c.Node {
			continue
		}
		odds := uint64(2)
		if e.Back != nil {
			odds = 2 + lastTurn(c.Step)
		}
		fields = append(fields, document.Field{Key: fmt.Sprint("e", e.Index), Value: document.Bool(draw("edge", l.seed, c.Step, e.Index)%odds == 0)})
	}
	return document.Object(fields...)
}

// graphOf is the graph that a step is directly in.
func (l luck) graphOf(step string) *graph.Graph {
	g := l.graph
	for {
		head, rest, inside := strings.Cut(step, "/")
		if !inside {
			return g
		}
		head, _, _ = strings.Cut(head, "#")
		head, _, _ = strings.Cut(head, "[")
		for _, n := range g.Nodes {
			if n.Name == head {
				g = n.Sub
				break
			}
		}
		step = rest
	}
}

// lastTurn is the turn of the innermost loop.
func lastTurn(step string) uint64 {
	step = step[strings.LastIndexByte(step, '/')+1:]
	step, _, _ = strings.Cut(step, "#")
	_, suffix, _ := strings.Cut(step, "[")
	turns := strings.Split(strings.TrimSuffix(suffix, "]"), ".")
	n, err := strconv.ParseUint(turns[len(turns)-1], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
