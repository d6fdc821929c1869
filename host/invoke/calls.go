package invoke

// The calls of one attempt: from what a node asks to what it gets to see.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Calls is where the calls of one attempt meet its run: package driver says what
// each method promises.
type Calls interface {
	Settled(ctx context.Context) error
	Admit(ctx context.Context) (bool, error)
	Record(ctx context.Context, c event.CapabilityAnswered) error
	Answered() []event.CapabilityAnswered
	Partial(p event.Partial)
}

// Answers gives answers that were recorded, instead of the world's.
type Answers interface {
	// Answer completes a call with its answer, failure and usage. A failure whose
	// code is none of a capability's says how the attempt was ended in the call. An
	// error means that there is nothing for it: it ends the run.
	Answer(asked event.CapabilityAnswered) (event.CapabilityAnswered, error)
}

// The reasons of calls that the host itself refuses.
const (
	reasonNotGranted     = "not_granted"
	reasonUnknownMethod  = "unknown_method"
	reasonNotAllowed     = "method_not_granted"
	reasonInvalidRequest = "invalid_request"
	reasonInvalidAnswer  = "invalid_answer"
	reasonTooLarge       = "answer_too_large"
	reasonUsedUp         = "limit_used_up"
	reasonBudget         = "budget_used_up"
)

// calls answers what one attempt asks. It belongs to the goroutine of the
// attempt, except that the calls of a batch are under way at once.
type calls struct {
	v *Invoker
	p *plan.Plan // that the node stands in
	n *plan.Node
	r Request

	past     []event.CapabilityAnswered // that are still to be asked again, see recall
	ordinal  int
	equal    map[string]int          // how often each request was made
	used     map[string]*event.Usage // by capability, over all attempts of the step
	sessions map[string]capability.Session
	last     *failure.Failure // of the last call, where it failed
	over     *failure.Failure // of a call that the attempt's time did not last for
	hidden   bool             // a secret was taken out of the output
}

// errTimedOut ends an attempt as it ended when its calls were recorded.
var errTimedOut = errors.New("the recorded attempt ran out of time here")

func newCalls(v *Invoker, p *plan.Plan, n *plan.Node, r Request) *calls {
	if r.Calls == nil {
		r.Calls = unrecorded{}
	}
	return &calls{v: v, p: p, n: n, r: r, past: r.Calls.Answered()}
}

// answer implements [sandbox.Call.Host].
func (c *calls) answer(ctx context.Context, asked sandbox.HostCall) (sandbox.HostAnswer, error) {
	if asked.Capability == nodeCapability && asked.Method == batchMethod {
		return c.batch(ctx, asked.Payload)
	}
	call, err := c.prepare(ctx, asked)
	if err != nil {
		return sandbox.HostAnswer{}, err
	}
	call.carryOut(ctx)
	return c.conclude(ctx, call)
}

// log implements [sandbox.Call.Log].
func (c *calls) log(l sandbox.LogRecord) { c.v.log(c.r.Attempt, redactLog(c.r.Scope.Redact, l)) }

// unrecorded is a run that keeps nothing.
type unrecorded struct{}

// Settled implements [Calls].
func (unrecorded) Settled(context.Context) error { return nil }

// Admit implements [Calls].
func (unrecorded) Admit(context.Context) (bool, error) { return true, nil }

// Record implements [Calls].
func (unrecorded) Record(context.Context, event.CapabilityAnswered) error { return nil }

// Answered implements [Calls].
func (unrecorded) Answered() []event.CapabilityAnswered { return nil }

// Partial implements [Calls].
func (unrecorded) Partial(event.Partial) {}

// call is one question under way.
type call struct {
	fact  event.CapabilityAnswered
	asked capability.Call
	// method is nil where the call is answered already: refused, or recorded.
	method *capability.OfferedMethod
	to     interface {
		Call(ctx context.Context, c capability.Call) (capability.Answer, error)
	}
	flush func()          // shows what is left of the parts of the answer
	most  document.Limits // of an answer
	made  bool            // it was admitted: it counts
	sent  int64           // bytes of the request
	// recalled says that it was answered, and recorded, before the attempt began
	// again.
	recalled bool
	err      error // chainrun itself could not do its work
}

// prepare looks whether the call may be made, and by what it is answered.
func (c *calls) prepare(ctx context.Context, asked sandbox.HostCall) (*call, error) {
	if c.r.Scope.Replay {
		return c.replayed(ctx, asked)
	}
	c.ordinal++
	one := &call{fact: event.CapabilityAnswered{
		Attempt: c.r.Attempt, Ordinal: c.ordinal,
		Capability: printable(asked.Capability), Method: printable(asked.Method),
	}}
	grant, refused := c.allowed(one, asked)
	if refused == nil {
		refused = c.limits(grant, len(asked.Payload))
	}
	if refused != nil {
		if !c.recall(one, false) {
			one.fact.Failure = refused
		}
		return one, nil
	}
	one.sent = int64(len(asked.Payload))
	one.fact.Usage = event.Usage{Calls: 1, Bytes: one.sent}
	one.fact.Key = c.key(one.fact)
	request := one.fact.Request
	if c.recall(one, true) {
		used := c.usage(asked.Capability)
		*used = used.Plus(event.Usage{Calls: 1, Bytes: one.sent})
		return one, c.retell(ctx, one, grant, capability.Call{
			Method: asked.Method, Request: request, Grant: grant.Own, Key: one.fact.Key,
			Caller: c.caller(one.fact.Ordinal), Secrets: c.r.Scope.secrets(c.p), Left: left(grant.Limits, *used),
		})
	}
	if c.r.Scope.Answers != nil {
		recorded, err := c.r.Scope.Answers.Answer(c.redacted(one.fact))
		if err != nil {
			return nil, err
		}
		if f := recorded.Failure; f != nil && f.Code != failure.CapabilityError && f.Code != failure.CapabilityDenied && f.Code != failure.Timeout {
			// What ended the attempt then will end it now.
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		one.fact = recorded
	}
	if one.fact.Usage.Calls > 0 {
		admitted, err := c.r.Calls.Admit(ctx)
		if err != nil {
			return nil, err
		}
		if !admitted {
			one.fact.Usage, one.fact.Answer = event.Usage{}, document.Document{}
			one.fact.Failure = &failure.Failure{
				Code: failure.Budget, Reason: reasonBudget,
				Message: fmt.Sprintf("the run's budget has no room for the call of %s.%s", asked.Capability, asked.Method),
			}
			return one, nil
		}
	}
	// What is known of a recorded answer counts when the answer does: the calls of
	// a batch do not know of each other's, this time either.
	one.made = true
	used := c.usage(asked.Capability)
	*used = used.Plus(event.Usage{Calls: 1, Bytes: one.sent})
	if c.r.Scope.Answers != nil {
		return one, nil
	}
	one.method, one.most = grant.Offer.Method(asked.Method), c.v.documentLimits()
	one.asked = capability.Call{
		Method: asked.Method, Request: one.fact.Request, Grant: grant.Own, Key: one.fact.Key,
		Caller: c.caller(c.ordinal), Secrets: c.r.Scope.secrets(c.p), Left: left(grant.Limits, *used),
	}
	one.asked.Partial, one.flush = c.partial(one.fact)
	one.to = grant.Offer.Capability
	if opener, ok := grant.Offer.Capability.(capability.Opener); ok {
		session, err := c.session(ctx, asked.Capability, opener)
		if err != nil {
			one.fact.Failure = classifyCall(err)
			one.method = nil
			return one, nil
		}
		one.to = session
	}
	return one, nil
}

// carryOut asks the capability. It touches nothing that calls share.
func (one *call) carryOut(ctx context.Context) {
	if one.method == nil {
		return
	}
	returned := false
	defer func() { // a bug of the capability must not end the process
		if p := recover(); p != nil {
			one.err = fmt.Errorf("capability %q: panic: %v", one.fact.Capability, p)
		} else if !returned {
			one.err = fmt.Errorf("capability %q: it has called runtime.Goexit, as FailNow of a test does", one.fact.Capability)
		}
	}()
	began := time.Now()
	a, err := one.to.Call(ctx, one.asked)
	returned = true
	one.fact.Took = max(time.Since(began).Truncate(time.Microsecond), time.Microsecond)
	one.flush()
	u := a.Usage
	if err != nil {
		one.fact.Failure = classifyCall(err)
		if e, ok := errors.AsType[*capability.Error](err); ok {
			u = e.Usage
		}
	}
	one.fact.Usage.InputTokens += max(u.InputTokens, 0)
	one.fact.Usage.OutputTokens += max(u.OutputTokens, 0)
	one.fact.Usage.Cost += max(u.Cost, 0)
	if one.fact.Failure != nil {
		return
	}
	if err := a.Document.Within(one.most); err != nil { // a journal could not be read again
		one.fact.Failure = unanswered(reasonTooLarge, nil, "the answer of %s.%s: %v", one.fact.Capability, one.fact.Method, err)
		return
	}
	one.fact.Answer = a.Document
	one.fact.Usage.Bytes += int64(len(a.Document.Bytes()))
	if one.method.ResponseSchema != nil {
		d := a.Document
		if d.IsZero() {
			d = document.Null()
		}
		found, err := one.method.ResponseSchema.ValidateContext(ctx, d)
		if err != nil {
			one.err = err
			return
		}
		if found != nil {
			one.fact.Answer = document.Document{}
			one.fact.Failure = unanswered(reasonInvalidAnswer, found, "the answer of %s.%s breaks its schema: %s",
				one.fact.Capability, one.fact.Method, failure.Summary(found))
		}
	}
}

// conclude records a call and gives what the node gets to see of it.
func (c *calls) conclude(ctx context.Context, one *call) (sandbox.HostAnswer, error) {
	over := context.Cause(ctx) // the sandbox knows, too
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && one.made && !one.recalled {
		// It may have reached the world: it counts for the attempts to come.
		one.err, one.fact.Answer = nil, document.Document{}
		one.fact.Failure = &failure.Failure{
			Code: failure.Timeout, Message: fmt.Sprintf("%v, and %s.%s had not answered", over, one.fact.Capability, one.fact.Method),
		}
		ctx = context.WithoutCancel(ctx)
	} else if one.err == nil {
		one.err = over
	}
	if one.err != nil {
		return sandbox.HostAnswer{}, one.err
	}
	c.count(one)
	if !one.recalled {
		one.fact = c.redacted(one.fact)
		if err := c.r.Calls.Record(ctx, one.fact); err != nil {
			return sandbox.HostAnswer{}, err
		}
	}
	c.last = one.fact.Failure
	if f := one.fact.Failure; f != nil && f.Code == failure.Timeout {
		c.over = f
		return sandbox.HostAnswer{}, cmp.Or(over, errTimedOut)
	}
	if f := one.fact.Failure; f != nil {
		return sandbox.HostAnswer{Failure: &sandbox.HostFailure{
			Code: string(f.Code), Reason: f.Reason, Message: f.Message, Retryable: f.Retryable,
		}}, nil
	}
	return sandbox.HostAnswer{Result: one.fact.Answer.Bytes()}, nil
}

// session gives the session of an opener, and opens it at the first call.
func (c *calls) session(ctx context.Context, name string, opener capability.Opener) (capability.Session, error) {
	if s := c.sessions[name]; s != nil {
		return s, nil
	}
	var s capability.Session
	if again, ok := opener.(capability.Replayer); ok && c.r.Scope.Replay {
		s = again.Replay(c.caller(0))
	} else {
		var err error
		if s, err = opener.Open(ctx, c.caller(0)); err != nil {
			return nil, err
		}
	}
	if c.sessions == nil {
		c.sessions = map[string]capability.Session{}
	}
	c.sessions[name] = s
	return s, nil
}

// stored is what the attempt's success stores beyond the run.
func (c *calls) stored() []event.Stored {
	if len(c.sessions) == 0 {
		return nil
	}
	var all []event.Stored
	for _, name := range slices.Sorted(maps.Keys(c.sessions)) {
		for _, w := range c.sessions[name].Writes() {
			s := event.Stored{Space: w.Space, Key: w.Key, Value: c.r.Scope.Redact.Document(w.Value)}
			if add := c.r.Scope.Redact.Document(w.Add); add.Kind() == document.KindNumber {
				s.Add = add
				if !c.r.Scope.Replay { // a record from before there were additions has the value
					s.Value = document.Document{}
				}
			}
			all = append(all, s)
		}
	}
	return all
}

func (c *calls) caller(ordinal int) capability.Caller {
	return capability.Caller{
		Run: c.r.Scope.Run, Graph: c.p.Graph.Name, Step: c.r.Step, Node: c.r.Node, Attempt: c.r.Number, Ordinal: ordinal,
	}
}
