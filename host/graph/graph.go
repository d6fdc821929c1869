// Package graph is what the author of a graph drew, with its policies resolved:
// nodes, edges, loops, state keys. A [Graph] is made by [Build] from a [Source],
// is checked while it is made, and never changes afterwards, so that any number
// of runs may share it.
package graph

import (
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/schema"
)

// Graph is a checked graph. Read-only and safe for concurrent use.
type Graph struct {
	File        string
	Name        string // as written, else the file's base name without extension
	Description string
	Nodes       []*Node // in file order
	Edges       []*Edge // [[edges]] in file order, then chain's
	Start       []*Node // in file order
	Order       []*Node // canonical: topological without edges back, ties by file order, a loop at its header's place
	Loops       []*Loop // the outermost loops, by their header's place in Order; nested ones are their Children
	State       []*StateKey
	Input       Wire
	Output      Wire
	// OutputValue gives the run's output; nil: that of the nodes at the end.
	OutputValue  *expr.Program
	OutputSource Expression // of OutputValue
	// OutputByNode says that the run's output is an object keyed by node,
	// because two nodes at the end are not exclusive.
	OutputByNode bool
	Deadline     time.Duration // 0: none
	MaxSteps     int

	Capabilities []*Settings // [capabilities.NAME], in file order
	Secrets      []*Secret   // [secrets.NAME], in file order
	Budget       *Budget     // nil: none

	byName map[string]*Node
}

// Node looks a node up by its name; nil where there is none.
func (g *Graph) Node(name string) *Node { return g.byName[name] }

// All gives the graph and those inside it, from the outside in, each once; nothing of
// nil.
func (g *Graph) All() []*Graph {
	if g == nil {
		return nil
	}
	all := []*Graph{g}
	for i := 0; i < len(all); i++ {
		for _, n := range all[i].Nodes {
			if n.Sub != nil && !slices.Contains(all, n.Sub) {
				all = append(all, n.Sub)
			}
		}
	}
	return all
}

// Waits says whether the graph, or one inside it, has a node that waits for a signal.
func (g *Graph) Waits() bool {
	return slices.ContainsFunc(g.All(), func(g *Graph) bool {
		return slices.ContainsFunc(g.Nodes, func(n *Node) bool { return n.Kind == KindWait })
	})
}

// Wire is a document's contract where it enters or leaves a run or a node.
type Wire struct {
	Schema *schema.Schema // nil: anything
	At     Position
}

// Kind says what a node is.
type Kind string

// The kinds of node: one that calls a module, one that runs another graph, one
// that rests until a signal comes.
const (
	KindModule Kind = "module"
	KindGraph  Kind = "graph"
	KindWait   Kind = "wait"
)

// Route says how many of a node's success edges are taken.
type Route string

const (
	// RouteAll takes every edge that holds.
	RouteAll Route = "all"
	// RouteFirst takes the first edge that holds.
	RouteFirst Route = "first"
)

// Encoding says how documents are handed to a module.
type Encoding string

const (
	// EncodingJSON hands over the document's JSON text.
	EncodingJSON Encoding = "json"
	// EncodingText hands over a string document's characters, and takes what
	// comes back as a string.
	EncodingText Encoding = "text"
)

// OnError says what a failed element means to its foreach.
type OnError string

const (
	// OnErrorFail fails the step with the first failed element.
	OnErrorFail OnError = "fail"
	// OnErrorCollect gives {"output": …} or {"error": …} for each element.
	OnErrorCollect OnError = "collect"
)

// Node is one box of the graph, with the defaults applied.
type Node struct {
	Index    int // in Graph.Nodes
	Name     string
	Kind     Kind
	Module   string // path relative to the graph's file, or a reference; may end in @sha256:…
	Entry    string
	Encoding Encoding
	Input    *Binding // nil: the default input
	Config   document.Document
	// ConfigPlaces are those of the values in Config, by JSON Pointer.
	ConfigPlaces Positions
	Writes       []Write // in the order of Graph.State

	Graph string // KindGraph: the file, relative to this graph's folder
	Sub   *Graph // KindGraph: the graph itself

	ForeachSource Expression    // of Foreach
	Foreach       *expr.Program // gives the list of which each element is run; nil: no foreach
	Concurrency   int           // of a foreach: elements at once; 0: as many as the run allows
	OnError       OnError       // of a foreach

	In, Out Wire // the author's schemas; the module's own come with the plan

	Fuel        uint64
	MemoryBytes uint64
	Timeout     time.Duration // of an attempt
	Deadline    time.Duration // of all attempts together; 0: none
	MaxVisits   int
	Route       Route
	Retry       []RetryRule // in file order; the last word on unlisted codes is Failure.Retryable

	Grants []*Grant // by name of the capability

	// Cache says that an attempt may be answered by an earlier one, of any run, that was
	// the same: a node that is granted nothing is a pure function. Such a node has a
	// clock and a seed that depend on what it is given alone.
	Cache bool

	Incoming []*Edge // in the order of Graph.Edges
	Outgoing []*Edge
	Loop     *Loop // the innermost loop it is in; nil outside
	Rank     int   // its place in Graph.Order
	// EntryByNode and BackByNode say that the default input over entry edges,
	// or over edges back, is an object keyed by node, because two of them come
	// from different nodes and are not exclusive.
	EntryByNode, BackByNode bool

	At       Position            // of its table
	Position map[string]Position // of its keys: "module", "timeout", …
}

// Binding makes a node's input: one expression, or a table of them.
type Binding struct {
	Expr   *expr.Program
	Source Expression // of Expr
	Fields []Field    // where Expr is nil; in file order
	At     Position
}

// Field is one member of the object that a table of expressions makes.
type Field struct {
	Key    string
	Expr   *expr.Program
	Source Expression
	At     Position
}

// Write is one update of state, made when the node's step succeeds.
type Write struct {
	Key    *StateKey
	Expr   *expr.Program
	Source Expression
	At     Position
}

// Reduce says how an update changes a state key.
type Reduce string

// The reducers. An update of append and union is one element; that of merge an
// object, that of the others of numbers a number.
const (
	ReduceReplace Reduce = "replace" // the last update
	ReduceAppend  Reduce = "append"  // the list of the updates
	ReduceUnion   Reduce = "union"   // the list of the updates, without equal ones
	ReduceMerge   Reduce = "merge"   // an object with the members of all, the later wins
	ReduceSum     Reduce = "sum"     // exact, as decimals
	ReduceMin     Reduce = "min"     // null where there is no number
	ReduceMax     Reduce = "max"
)

// StateKey is one declared key of the run's state.
type StateKey struct {
	Index   int // in Graph.State
	Name    string
	Initial document.Document
	Schema  *schema.Schema // of each written update; nil: anything
	Reduce  Reduce
	At      Position
}

// RetryRule says how the codes that it covers are tried again.
type RetryRule struct {
	On              []failure.Code // empty: the codes that are retryable by default
	MaxAttempts     int            // counts all attempts of the step
	InitialInterval time.Duration
	MaxInterval     time.Duration
	Multiplier      float64
	Jitter          float64       // 0…1, the share of an interval that is drawn
	MaxElapsed      time.Duration // since the first attempt began; 0: no bound
	At              Position
}

// Edge carries a document from node to node.
type Edge struct {
	Index      int // in Graph.Edges
	From, To   *Node
	When       *expr.Program // nil: always
	WhenSource Expression
	// Failure says that it is a failure edge: taken when the step failed with
	// one of On (any routable code where On is empty).
	Failure bool
	On      []failure.Code
	Back    *Loop   // the loop that it leads back to the header of; nil: none
	Leaves  []*Loop // the loops that it leads out of, innermost first
	At      Position
}

// Loop is a scope: a strongly connected component that is entered at one node.
type Loop struct {
	Header   *Node
	Nodes    []*Node // in canonical order, those of nested loops included
	Back     []*Edge
	Exits    []*Edge // edges out of it
	Parent   *Loop
	Children []*Loop
	Depth    int // 1 for the outermost
}
