// Package reference is a second reading of what a graph means, for tests: the
// plainest one, slow and obvious, that shares nothing with package stepper. It
// takes what the author wrote ([graph.Source]) and works the run out one step at
// a time in canonical order; every rule stands beside the sentence of the design
// that it follows.
//
// It knows no time: deadlines, intervals between attempts, cancellation and
// budgets are not its business. Nor are [defaults], the schemas of the run's
// input and of a node's documents, which others check.
package reference

import (
	"context"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

// Nodes says what comes of an attempt on this input: a pure function. Feedback
// is why the attempt before was refused.
type Nodes func(a event.Attempt, input document.Document, feedback []failure.Violation) event.Outcome

// Status is how a step ended.
type Status string

// The ends of a step.
const (
	Done    Status = "done"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Step is one step of a run.
type Step struct {
	ID, Node string
	Status   Status
	Attempts []Attempt
	// Failures are those without an attempt of its own: max_visits, the input
	// expression, what is inside; and the loop_conflict of the turn whose last
	// step this is.
	Failures []failure.Failure

	Output document.Document // where done

	writes map[string]document.Document
	past   past
}

// Attempt is one try of a step. Output and Failure are both set where an output
// was refused.
type Attempt struct {
	Input    document.Document
	Feedback []failure.Violation
	Output   document.Document
	Failure  *failure.Failure
	Fuel     uint64
}

// Result is a run that has ended.
type Result struct {
	Steps   []*Step           // in canonical order; without those after one that failed its scope
	Failure *failure.Failure  // nil: done
	Output  document.Document // where done
	State   document.Document // the updates of every step that ran
	// Clash says what happened although check should have refused the graph: two
	// documents, or two writers of a key, that are not exclusive. "": nothing.
	Clash string
}

// Run works a run out. subs are the subgraphs, by their file. The error means
// that a graph cannot be read.
func Run(src *graph.Source, subs map[string]*graph.Source, input document.Document, nodes Nodes) (*Result, error) {
	return Fork(src, subs, input, nil, nodes)
}

// Fork works out a run that begins as a fork; nil: as none.
func Fork(src *graph.Source, subs map[string]*graph.Source, input document.Document, forked *event.Forked, nodes Nodes) (*Result, error) {
	w := &world{call: nodes, subs: map[string]*shape{}}
	if forked != nil {
		w.forked = *forked
	}
	s, err := draw(src)
	for file, sub := range subs {
		if err == nil {
			w.subs[file], err = draw(sub)
		}
	}
	if err != nil {
		return nil, err
	}
	r, output := w.enter(s, "", input)
	return &Result{Steps: w.steps, Failure: r.failure, Output: output, State: r.state(nil), Clash: w.clashed}, nil
}

// world is what a run shares with its subgraphs: "steps in the same id space".
type world struct {
	call    Nodes
	forked  event.Forked
	subs    map[string]*shape
	steps   []*Step
	clashed string
}

// enter works a graph out: the run's, or a subgraph, which has "own state and
// limits".
func (w *world) enter(s *shape, prefix string, input document.Document) (*run, document.Document) {
	r := &run{
		shape: s, world: w, prefix: prefix, visits: map[string]int{}, last: map[*node]*Step{},
		input: document.Object(document.Field{Key: "input", Value: input}),
	}
	// "Starts are unconditional." "At the start it is the run's input."
	r.turn(nil, nil, arrival{came: true, input: input, inputs: document.Object(), past: past{}})
	if r.failure != nil {
		return r, document.Document{}
	}
	output := r.output(r.state(nil))
	return r, output
}

// output: "The run's output is that of the nodes without success edges out that
// ran in the last turn of their loops; an object keyed by node where two such
// nodes are not exclusive; if none ran, that of the last step in canonical order
// that succeeded; or `[output] value`."
func (r *run) output(state document.Document) document.Document {
	output := document.Null()
	for _, s := range r.own {
		if s.Status == Done {
			output = s.Output
		}
	}
	ends, byNode := r.ends()
	var keyed []document.Field
	for _, n := range ends {
		if s := r.last[n]; s != nil && s.Status == Done {
			output = s.Output
			keyed = append(keyed, document.Field{Key: n.Name, Value: output})
		}
	}
	if byNode && len(keyed) > 0 {
		output = document.Object(keyed...)
	} else if len(keyed) > 1 {
		r.clashed = fmt.Sprintf("%s and %s both end the run", keyed[0].Key, keyed[1].Key)
	}
	if r.shape.output != nil {
		var err error
		// "`output` (what the run's output would be without it), `run.input`,
		// `state` at the end of the run".
		output, err = r.shape.output.Eval(context.Background(), map[string]document.Document{"output": output, "run": r.input, "state": state})
		if err != nil {
			r.failure = &failure.Failure{Code: failure.ExpressionError, Message: err.Error()}
			return document.Document{}
		}
	}
	if v := validate(r.src.Output.Schema, output); len(v) > 0 {
		r.failure = &failure.Failure{Code: failure.InvalidOutput, Violations: v}
		return document.Document{}
	}
	return output
}

// validate holds a document to a schema that is written inline.
func validate(s graph.SchemaSource, d document.Document) []failure.Violation {
	if s.Inline.Document.IsZero() {
		return nil
	}
	compiled, err := schema.Compile("schema", s.Inline.Document.Bytes(), nil)
	if err != nil {
		return []failure.Violation{{Message: err.Error()}}
	}
	return compiled.Validate(d)
}

// id: "`review[2]` (turn, from 1; nested `review[2.3]`; no suffix outside
// loops)".
func id(name string, turns []int) string {
	if len(turns) == 0 {
		return name
	}
	return name + "[" + strings.Join(strings.Fields(strings.Trim(fmt.Sprint(turns), "[]")), ".") + "]"
}

// carried is what a failure edge carries: "`code`, `reason`, `message`, `node`,
// `step`, `attempt`, `violations`, `input`".
func carried(f failure.Failure, input document.Document) document.Document {
	violations := []document.Document{}
	for _, v := range f.Violations {
		violations = append(violations, document.Object(
			document.Field{Key: "pointer", Value: document.String(v.Pointer)},
			document.Field{Key: "keyword", Value: document.String(v.Keyword)},
			document.Field{Key: "message", Value: document.String(v.Message)},
			document.Field{Key: "found", Value: document.String(v.Found)},
		))
	}
	return document.Object(
		document.Field{Key: "code", Value: document.String(string(f.Code))},
		document.Field{Key: "reason", Value: document.String(f.Reason)},
		document.Field{Key: "message", Value: document.String(f.Message)},
		document.Field{Key: "node", Value: document.String(f.Node)},
		document.Field{Key: "step", Value: document.String(f.Step)},
		document.Field{Key: "attempt", Value: document.Int(int64(f.Attempt))},
		document.Field{Key: "violations", Value: document.Array(violations...)},
		document.Field{Key: "input", Value: input},
	)
}
