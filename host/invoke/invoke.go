// Package invoke makes one attempt of one node: it checks the document that
// goes in, calls the module under its limits, checks the document that comes
// out, and classifies whatever went wrong.
package invoke

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Invoker makes attempts. Safe for concurrent use.
type Invoker struct {
	engine *sandbox.Engine
	limits Limits
	log    Log
}

// Limits are the caps that no graph sets for itself. The zero value means the
// defaults of the sandbox and of [document.Limits].
type Limits struct {
	DocumentBytes int // of a document that a node takes or returns
	DocumentDepth int
	LogBytes      int    // of one attempt; what is beyond is cut
	HostCalls     int    // of one attempt
	CallDepth     uint32 // of functions within a module
	TableElements uint32
}

// Log receives what a node logs, while it runs. It must not block.
type Log func(a event.Attempt, r sandbox.LogRecord)

// New makes an invoker on engine, which stays the caller's to close. A nil log
// drops what nodes log.
func New(engine *sandbox.Engine, limits Limits, log Log) *Invoker {
	if log == nil {
		log = func(event.Attempt, sandbox.LogRecord) {}
	}
	return &Invoker{engine: engine, limits: limits, log: log}
}

// Prepare compiles every module of p, so that no attempt pays for it and a
// module that cannot run is refused before anything has run. Each refusal is a
// diagnostic at the `module` line of the first node that uses the module.
func (v *Invoker) Prepare(ctx context.Context, p *plan.Plan) (graph.Diagnostics, error) {
	first := map[string]*plan.Node{}
	var order []*plan.Node
	for _, p := range p.All() {
		for _, n := range p.Nodes {
			if n.Linked != nil && first[n.Linked.Digest] == nil {
				first[n.Linked.Digest] = n
				order = append(order, n)
			}
		}
	}
	errs := make([]error, len(order))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, n := range order {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, errs[i] = v.engine.Compile(ctx, n.Linked)
		})
	}
	wg.Wait()

	var found graph.Diagnostics
	for i, n := range order {
		var refused *sandbox.RefusedError
		switch {
		case errs[i] == nil:
		case errors.As(errs[i], &refused):
			found = append(found, refusal(n, refused))
		default:
			return nil, fmt.Errorf("compiling module %q of node %q: %w", n.Module, n.Name, errs[i])
		}
	}
	return found, nil
}

func refusal(n *plan.Node, refused *sandbox.RefusedError) graph.Diagnostic {
	at, ok := n.Position["module"]
	if !ok {
		at = n.At
	}
	hint := refused.Hint
	if hint == "" {
		hint = "`chainrun node inspect` shows what the file holds"
	}
	return graph.Diagnostic{
		Position: at, Code: plan.CodeInvalidModule, Severity: graph.Error,
		Text: fmt.Sprintf("node %q: module: %q: %s", n.Name, n.Module, refused.Text), Hint: hint,
	}
}

// Request is one attempt to be made.
type Request struct {
	event.Attempt
	Time     time.Time // where the node's clock starts
	Seed     event.Seed
	Input    document.Document
	Feedback []failure.Violation

	// Used is what earlier attempts of the step used, by capability; Rejected how
	// many of the step's answers were rejected as invalid_output.
	Used     map[string]event.Usage
	Rejected int

	Scope Scope
	// Calls is where calls of capabilities are recorded. nil: they are not, and
	// there is no budget.
	Calls Calls
	// Ended is told what the sandbox says of the call, where it came to one. nil:
	// nobody asks.
	Ended func(sandbox.Result)
}

// Scope is what the attempts of one run have in common. The zero value is a run
// without an id and without secrets.
type Scope struct {
	Run string
	// Secrets gives the values behind the references of a plan: of the run's own
	// or of a subgraph's. nil: there are none.
	Secrets func(*plan.Plan) capability.Secrets
	// Redact takes them out of whatever is recorded or shown. nil: there are none.
	Redact *secret.Redactor
	// Answers answers every call that a grant allows. nil: the world does.
	Answers Answers
	// Cache is where the outputs of nodes with a cache are looked up. nil: nowhere.
	Cache Cache
	// Replay makes attempts again as they were recorded: all calls are answered by
	// [Calls.Answered], which has all that there were, and the world is asked nothing. A
	// call that is not there next, and one that is there and is not made, is a
	// [*DivergedError]. There is no timeout, unless Timed: fuel ends what does not end.
	Replay bool
	// Timed keeps the timeouts of nodes in a replay: somebody waits for it.
	Timed bool
}

func (s Scope) secrets(p *plan.Plan) capability.Secrets {
	if s.Secrets == nil {
		return (*secret.Set)(nil)
	}
	return s.Secrets(p)
}

// Invoke makes the attempt. The outcome says what came of it; an error means
// that chainrun itself could not do its work. When ctx is done the attempt ends
// within one slice of fuel, with code canceled.
func (v *Invoker) Invoke(ctx context.Context, p *plan.Plan, r Request) (event.Outcome, error) {
	n := p.Step(r.Step)
	if n == nil || n.Linked == nil || n.Name != r.Node {
		return event.Outcome{}, fmt.Errorf("invoking step %q: the plan has no module for node %q", r.Step, r.Node)
	}
	if f := v.checkInput(ctx, n, r.Input); f != nil {
		return outcome(r, f), nil
	}
	var key string
	if n.Cache && len(n.Granted) == 0 {
		var err error
		if r, key, err = v.pure(n, r); err != nil {
			return event.Outcome{}, err
		}
		if o, found := v.lookUp(ctx, n, r, key); found {
			return o, nil
		}
	}
	asks := newCalls(v, p.Owner(r.Step), n, r)
	call, f, err := v.call(n, r)
	if f != nil || err != nil {
		return outcome(r, f), err
	}
	program, err := v.engine.Compile(ctx, n.Linked)
	switch {
	case err == nil:
	case ctx.Err() != nil: // aborted before it began
		return outcome(r, canceled("before the module was called", err)), nil //nolint:nilerr // the outcome says it
	default:
		return event.Outcome{}, fmt.Errorf("invoking step %q: %w", r.Step, err)
	}
	call.Host, call.Log = asks.answer, asks.log
	result, err := program.Call(ctx, call)
	if errors.Is(err, errTimedOut) {
		return outcome(r, &failure.Failure{Code: failure.Timeout, Message: asks.over.Message, Retryable: true}), nil
	}
	if err != nil {
		return event.Outcome{}, redactError(r.Scope.Redact, fmt.Errorf("invoking step %q: %w", r.Step, err))
	}
	if r.Ended != nil {
		r.Ended(result)
	}
	o := v.conclude(ctx, n, r, result, asks)
	o.Fuel = result.Fuel
	if err := asks.unasked(o.Failure); err != nil {
		return event.Outcome{}, err
	}
	if o.Failure == nil && asks.ordinal == 0 && !asks.hidden {
		// What a node was refused, and what is a secret, are not the same in every run.
		o.CacheKey = key
	}
	return o, nil
}

// outcome is a failed one, placed at its attempt.
func outcome(r Request, f *failure.Failure) event.Outcome {
	if f == nil {
		return event.Outcome{}
	}
	f.Node, f.Step, f.Attempt = r.Node, r.Step, r.Number
	return event.Outcome{Attempt: r.Attempt, Failure: f}
}

// call translates a request into the sandbox's terms.
func (v *Invoker) call(n *plan.Node, r Request) (sandbox.Call, *failure.Failure, error) {
	input := r.Input.Bytes()
	if n.Encoding == graph.EncodingText {
		text, ok := textOf(r.Input)
		if !ok {
			return sandbox.Call{}, &failure.Failure{
				Code:    failure.InvalidInput,
				Message: `encoding = "text" takes a string, found ` + r.Input.Kind().String() + "; the node's `input` can choose one or make one",
				Violations: []failure.Violation{{
					Keyword: "type", Message: "expected string", Found: clip(r.Input),
				}},
			}, nil
		}
		input = []byte(text)
	}
	var feedback []byte
	if len(r.Feedback) > 0 {
		d, err := feedbackDocument(r.Feedback)
		if err != nil {
			return sandbox.Call{}, nil, err
		}
		feedback = d.Bytes()
	}
	timeout := n.Timeout
	if r.Scope.Replay && !r.Scope.Timed {
		timeout = endless
	}
	return sandbox.Call{
		Entry: n.Entry, Input: input, Config: n.Config.Bytes(), Feedback: feedback,
		Limits: sandbox.Limits{
			Fuel: n.Fuel, MemoryBytes: n.MemoryBytes, Timeout: timeout,
			OutputBytes: v.documentLimits().Bytes, LogBytes: v.limits.LogBytes,
			HostCalls: v.limits.HostCalls, CallDepth: v.limits.CallDepth, TableElements: v.limits.TableElements,
		},
		Time: r.Time, Seed: r.Seed,
	}, nil, nil
}

// endless is longer than any fuel lasts.
const endless = 365 * 24 * time.Hour

func (v *Invoker) documentLimits() document.Limits {
	l := document.Limits{Bytes: v.limits.DocumentBytes, Depth: v.limits.DocumentDepth}
	if l.Bytes == 0 {
		l.Bytes = document.DefaultBytes
	}
	return l
}
