// Package simulate shows that the stepper does what a graph means, whatever the
// order in which parallel steps finish.
//
// One number, the seed of a [Case], makes a random graph and what its nodes do.
// [Case.Check] works the case out with package reference, and carries it out
// with a machine in several made-up orders of completion, with the machine
// thrown away and folded from the events again in the middle: steps, ids,
// statuses, inputs, outputs, states, output, failure and lineage digest must be
// the same. When they are not, the [MismatchError] says the seed, and
// [Case.Smaller] looks for a smaller graph that shows the same.
package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// Case is a graph, what its nodes do, and an input.
type Case struct {
	Seed   uint64
	Source *graph.Source
	Graph  *graph.Graph
	Input  document.Document
	Forked *event.Forked // nil: its runs are no forks

	*cast
	failures uint64 // one attempt in so many fails; 0: none
	flaws    uint64 // one output in so many lacks something; 0: none
}

// New makes the case of a seed.
func New(seed uint64) (*Case, error) {
	r := rand.New(rand.NewPCG(seed, 0))
	c := &Case{
		Seed: seed, Input: document.MustParse(fmt.Sprintf(`{"id":"input","n":%d,"list":[{"n":1},{"n":2},{"n":3}]}`, seed%10)),
		failures: []uint64{0, 4, 12, 30}[r.IntN(4)], flaws: []uint64{0, 0, 0, 20}[r.IntN(4)],
	}
	most, plain, seeing := 2+r.IntN(5), r.IntN(3) > 0, r.IntN(3) == 0
	if r.IntN(8) == 0 {
		most = 14
	}
	for range 200 {
		c.cast = &cast{labels: map[string][]label{}, risky: map[string]bool{}, waits: map[string]bool{}, foreach: map[string]int{}, plain: plain, seeing: seeing, subs: map[string]*graph.Source{}}
		c.Source = source(r, c.cast, "", most)
		if g := fitted(c.Source, c.cast); g != nil {
			c.Graph = g
			return c, nil
		}
	}
	return nil, fmt.Errorf("seed %d: no graph", seed)
}

// Subs are the subgraphs, by their file.
func (c *Case) Subs() map[string]*graph.Source { return c.subs }

// Waits reports whether a node waits for signals.
func (c *Case) Waits(node string) bool { return c.waits[node] }

// Answer is the document of the signal for a step that waits.
func (c *Case) Answer(step string) document.Document {
	return c.Nodes(event.Attempt{Step: step, Node: nodeOf(step), Number: 1}, document.Null(), nil).Output
}

// fitted builds the graph, and leaves out what Build complains about: edges that
// cannot be taken, writes in conflict. nil where something else is wrong, as when
// a loop can be entered at two places.
func fitted(src *graph.Source, c *cast) *graph.Graph {
	for range 20 {
		g, found := c.built(src)
		if g != nil {
			return g
		}
		for _, d := range found {
			if d.Severity == graph.Error && !without(src, d) {
				return nil
			}
		}
	}
	return nil
}

// built builds a graph with its subgraphs.
func (c *cast) built(src *graph.Source) (*graph.Graph, graph.Diagnostics) {
	with := *src
	with.Graphs = func(name string, _ graph.Position) (*graph.Graph, graph.Diagnostics) { return c.built(c.subs[name]) }
	return graph.Build(&with, nil)
}

// without takes what a complaint is about out of the source.
func without(src *graph.Source, d graph.Diagnostic) bool {
	switch d.Code {
	case graph.CodeDuplicate, graph.CodeUnreachableEdge:
		src.Edges = slices.DeleteFunc(src.Edges, func(e graph.EdgeSource) bool { return e.At.Line == d.Line })
		if i := slices.IndexFunc(src.Chain, func(w graph.Word) bool { return w.At.Line == d.Line }); i >= 0 {
			src.Chain = src.Chain[:i]
			if i == 1 {
				src.Chain = nil
			}
		}
		for i := range src.Nodes {
			src.Nodes[i].Retry = slices.DeleteFunc(src.Nodes[i].Retry, func(r graph.RetrySource) bool { return r.At.Line == d.Line })
		}
		return true
	case graph.CodeWriteConflict:
		for i := range src.Nodes {
			n := &src.Nodes[i]
			n.Write = slices.DeleteFunc(n.Write, func(w graph.FieldSource) bool { return w.At.Line == d.Line })
		}
		return true
	}
	return false
}

// Nodes is what comes of an attempt: a function of the seed, the step, the
// attempt and the input, so that it is the same in whatever order steps finish.
func (c *Case) Nodes(a event.Attempt, input document.Document, _ []failure.Violation) event.Outcome {
	if c.waits[a.Node] {
		input = document.Null() // a signal answers whatever was asked
	}
	luck := rand.New(rand.NewPCG(c.Seed, hash(a.Step, strconv.Itoa(a.Number), string(worded(input).Canonical()))))
	o := event.Outcome{Attempt: a, Fuel: luck.Uint64N(1000)}
	if c.waits[a.Node] {
		o.Fuel = 0
	}
	if fails := c.failures > 0 && luck.Uint64N(c.failures) == 0 || c.risky[a.Node] && luck.IntN(2) == 0; fails && !c.waits[a.Node] {
		f := failures[luck.IntN(len(failures))]
		o.Failure = &f
		return o
	}
	flawed := c.flaws > 0 && luck.Uint64N(c.flaws) == 0
	fields := []document.Field{
		{Key: "id", Value: document.String(strconv.FormatUint(uint64(luck.Uint32()), 16))},
		{Key: "n", Value: document.Int(luck.Int64N(21) - 10)},
		{Key: "few", Value: document.Int(luck.Int64N(3))},
		{Key: "object", Value: document.Object(document.Field{Key: fmt.Sprint("k", luck.IntN(3)), Value: document.Int(luck.Int64N(5))})},
		{Key: "maybe", Value: []document.Document{document.Null(), document.Int(luck.Int64N(9))}[luck.IntN(2)]},
	}
	if !c.plain {
		list := make([]document.Document, luck.IntN(5))
		for i := range list {
			list[i] = document.Object(document.Field{Key: "n", Value: document.Int(int64(i))})
		}
		fields = append(fields, document.Field{Key: "list", Value: document.Array(list...)})
	}
	turn := lastTurn(a.Step)
	for _, l := range c.labels[a.Node] {
		holds := luck.IntN(2) == 0
		if l.back {
			holds = luck.IntN(3+turn) < 3
		}
		fields = append(fields, document.Field{Key: l.name, Value: document.Bool(holds)})
	}
	if flawed {
		i := luck.IntN(len(fields))
		fields = slices.Delete(fields, i, i+1)
	}
	o.Output = document.Object(fields...)
	return o
}

// failures are what attempts fail with.
var failures = []failure.Failure{
	{Code: failure.NodeError, Reason: "busy", Message: "come back later", Retryable: true},
	{Code: failure.NodeError, Reason: "gone", Message: "no such film"},
	{Code: failure.Trap, Message: "unreachable"},
	{Code: failure.InvalidOutput, Message: "the output breaks its schema", Violations: []failure.Violation{{Pointer: "/id", Keyword: "type", Message: "must be a string", Found: "7"}}},
	{Code: failure.InvalidOutput, Message: "the output breaks its schema", Retryable: true, Violations: []failure.Violation{{Pointer: "", Keyword: "required", Message: "id is required", Found: "{}"}}},
	{Code: failure.CapabilityError, Reason: "429", Message: "too many", Retryable: true, RetryAfter: 3_000_000_000},
	{Code: failure.Timeout, Message: "it took too long", Retryable: true},
}
