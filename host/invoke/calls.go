package invoke

// The calls of one attempt: from what a node asks to what it gets to see.

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Calls is where the calls of one attempt meet its run: package driver says what
// each method promises.
type Calls interface {
	Admit(ctx context.Context) (bool, error)
	Record(ctx context.Context, c event.CapabilityAnswered) error
	Partial(p event.Partial)
}

// Answers gives answers that were recorded, instead of the world's.
type Answers interface {
	// Answer completes a call with its answer, failure and usage. An error means
	// that there is none for it: it ends the run.
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

	ordinal  int
	equal    map[string]int          // how often each request was made
	used     map[string]*event.Usage // by capability, over all attempts of the step
	sessions map[string]capability.Session
	last     *failure.Failure // of the last call, where it failed
}

func newCalls(v *Invoker, p *plan.Plan, n *plan.Node, r Request) *calls {
	if r.Calls == nil {
		r.Calls = unrecorded{}
	}
	return &calls{v: v, p: p, n: n, r: r}
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

// unrecorded is a run that keeps nothing.
type unrecorded struct{}

func (unrecorded) Admit(context.Context) (bool, error)                    { return true, nil }
func (unrecorded) Record(context.Context, event.CapabilityAnswered) error { return nil }
func (unrecorded) Partial(event.Partial)                                  {}

// call is one question under way.
type call struct {
	fact  event.CapabilityAnswered
	asked capability.Call
	// method is nil where the call is answered already: refused, or recorded.
	method *capability.OfferedMethod
	to     interface {
		Call(ctx context.Context, c capability.Call) (capability.Answer, error)
	}
	flush func() // shows what is left of the parts of the answer
	most  int    // bytes of an answer
	err   error  // chainrun itself could not do its work
}

// prepare looks whether the call may be made, and by what it is answered.
func (c *calls) prepare(ctx context.Context, asked sandbox.HostCall) (*call, error) {
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
		one.fact.Failure = refused
		return one, nil
	}
	used := c.usage(asked.Capability)
	one.fact.Usage = event.Usage{Calls: 1, Bytes: int64(len(asked.Payload))}
	one.fact.Key = c.key(one.fact)
	if c.r.Scope.Answers != nil {
		recorded, err := c.r.Scope.Answers.Answer(c.redacted(one.fact))
		if err != nil {
			return nil, err
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
	add(used, one.fact.Usage)
	if c.r.Scope.Answers != nil {
		return one, nil
	}
	one.method, one.most = grant.Offer.Method(asked.Method), c.v.documentLimits().Bytes
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

// allowed looks at what does not depend on earlier calls, and reads the request.
func (c *calls) allowed(one *call, asked sandbox.HostCall) (*plan.Grant, *failure.Failure) {
	grant := c.n.Grant(asked.Capability)
	if grant == nil {
		return nil, denied(reasonNotGranted, "node %q was not granted %q; to grant it, write %s into the graph",
			c.n.Name, one.fact.Capability, c.n.GrantLines(one.fact.Capability, nil))
	}
	method := grant.Offer.Method(asked.Method)
	if method == nil {
		return nil, denied(reasonUnknownMethod, "capability %q has no method %q; it has %s",
			asked.Capability, one.fact.Method, methodNames(grant.Offer))
	}
	if len(grant.Limits.Methods) > 0 && !slices.Contains(grant.Limits.Methods, asked.Method) {
		return nil, denied(reasonNotAllowed, "the grant of %q allows %v, not %q; methods in [nodes.%s.grants.%s] says so",
			asked.Capability, grant.Limits.Methods, asked.Method, c.n.Name, asked.Capability)
	}
	if len(asked.Payload) > 0 {
		d, err := document.Parse(asked.Payload, c.v.documentLimits())
		if err != nil {
			return nil, unanswered(reasonInvalidRequest, nil, "the request is no JSON document: %v", err)
		}
		one.fact.Request = d
	}
	if method.RequestSchema != nil {
		d := one.fact.Request
		if d.IsZero() {
			d = document.Null()
		}
		if found := method.RequestSchema.Validate(d); found != nil {
			return nil, unanswered(reasonInvalidRequest, found, "the request to %s.%s breaks its schema: %s",
				asked.Capability, asked.Method, failure.Summary(found))
		}
	}
	return grant, nil
}

// limits holds the grant's limits against what the step has used.
func (c *calls) limits(g *plan.Grant, requestBytes int) *failure.Failure {
	used, l := c.usage(g.Capability), g.Limits
	refuse := func(key string, used, limit any) *failure.Failure {
		return denied(reasonUsedUp, "the step has used %v of %s of %q, and the grant allows %v; %s in [nodes.%s.grants.%s] says so",
			used, key, g.Capability, limit, key, c.n.Name, g.Capability)
	}
	switch tokens := used.InputTokens + used.OutputTokens; {
	case l.Calls > 0 && used.Calls >= l.Calls:
		return refuse("calls", used.Calls, l.Calls)
	case l.Bytes > 0 && used.Bytes+int64(requestBytes) > l.Bytes:
		return refuse("bytes", used.Bytes+int64(requestBytes), l.Bytes)
	case l.Tokens > 0 && tokens >= l.Tokens:
		return refuse("tokens", tokens, l.Tokens)
	case l.Cost > 0 && used.Cost >= l.Cost:
		return refuse("cost", event.CostText(used.Cost), event.CostText(l.Cost))
	}
	return nil
}

// carryOut asks the capability. It touches nothing that calls share.
func (one *call) carryOut(ctx context.Context) {
	if one.method == nil {
		return
	}
	a, err := one.to.Call(ctx, one.asked)
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
	if n := len(a.Document.Bytes()); n > one.most {
		one.fact.Failure = unanswered(reasonTooLarge, nil, "the answer of %s.%s has %d bytes; at most %d are allowed",
			one.fact.Capability, one.fact.Method, n, one.most)
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
	if one.err == nil {
		one.err = context.Cause(ctx) // its end is known by the sandbox, too
	}
	if one.err != nil {
		return sandbox.HostAnswer{}, one.err
	}
	c.count(one)
	one.fact = c.redacted(one.fact)
	if err := c.r.Calls.Record(ctx, one.fact); err != nil {
		return sandbox.HostAnswer{}, err
	}
	c.last = one.fact.Failure
	if f := one.fact.Failure; f != nil {
		return sandbox.HostAnswer{Failure: &sandbox.HostFailure{
			Code: string(f.Code), Reason: f.Reason, Message: f.Message, Retryable: f.Retryable,
		}}, nil
	}
	return sandbox.HostAnswer{Result: one.fact.Answer.Bytes()}, nil
}

// count adds what an answer used up. The call and its request were counted when
// it was made. An answer beyond the grant's bytes does not reach the node.
func (c *calls) count(one *call) {
	if one.method == nil {
		return
	}
	used, u := c.usage(one.fact.Capability), one.fact.Usage
	u.Calls, u.Bytes = 0, int64(len(one.fact.Answer.Bytes()))
	add(used, u)
	if l := c.n.Grant(one.fact.Capability).Limits; l.Bytes > 0 && used.Bytes > l.Bytes {
		one.fact.Answer = document.Document{}
		one.fact.Failure = denied(reasonUsedUp, "with this answer the step has used %d of bytes of %q, and the grant allows %d; bytes in [nodes.%s.grants.%s] says so",
			used.Bytes, one.fact.Capability, l.Bytes, c.n.Name, one.fact.Capability)
	}
}

// redacted takes the secrets out of what is recorded and shown. What stands for a
// secret may be longer than it, so that a document may have grown beyond its cap.
func (c *calls) redacted(fact event.CapabilityAnswered) event.CapabilityAnswered {
	r, most := c.r.Scope.Redact, c.v.documentLimits().Bytes
	if r == nil {
		return fact
	}
	fact.Request, fact.Answer = r.Document(fact.Request), r.Document(fact.Answer)
	if len(fact.Request.Bytes()) > most {
		fact.Request = document.String("a request that is too large when the secrets are taken out of it")
	}
	if n := len(fact.Answer.Bytes()); n > most {
		fact.Answer = document.Document{}
		fact.Failure = unanswered(reasonTooLarge, nil, "the answer of %s.%s has %d bytes when the secrets are taken out of it; at most %d are allowed",
			fact.Capability, fact.Method, n, most)
	}
	if fact.Failure = r.Failure(fact.Failure); fact.Failure != nil {
		fact.Failure.Message = readable(fact.Failure.Message, messageBytes)
	}
	return fact
}

// session gives the session of an opener, and opens it at the first call.
func (c *calls) session(ctx context.Context, name string, opener capability.Opener) (capability.Session, error) {
	if s := c.sessions[name]; s != nil {
		return s, nil
	}
	s, err := opener.Open(ctx, c.caller(0))
	if err != nil {
		return nil, err
	}
	if c.sessions == nil {
		c.sessions = map[string]capability.Session{}
	}
	c.sessions[name] = s
	return s, nil
}

// stored is what the attempt's success stores beyond the run.
func (c *calls) stored() []event.Stored {
	var all []event.Stored
	for _, name := range slices.Sorted(maps.Keys(c.sessions)) {
		for _, w := range c.sessions[name].Writes() {
			all = append(all, event.Stored{Space: w.Space, Key: w.Key, Value: c.r.Scope.Redact.Document(w.Value)})
		}
	}
	return all
}

func (c *calls) caller(ordinal int) capability.Caller {
	return capability.Caller{
		Run: c.r.Scope.Run, Graph: c.p.Graph.Name, Step: c.r.Step, Node: c.r.Node, Attempt: c.r.Number, Ordinal: ordinal,
	}
}

// partial shows the parts of an answer. A secret may be cut over the texts of
// several parts: what may be the beginning of one is held back until flush.
func (c *calls) partial(fact event.CapabilityAnswered) (show func(document.Document), flush func()) {
	redact := c.r.Scope.Redact
	stream := redact.Stream()
	send := func(d document.Document) {
		c.r.Calls.Partial(event.Partial{
			Run: c.r.Scope.Run, Attempt: fact.Attempt, Ordinal: fact.Ordinal,
			Capability: fact.Capability, Method: fact.Method, Document: d,
		})
	}
	return func(d document.Document) { send(redactPartial(redact, stream, d)) }, func() {
		if rest := stream.Flush(); rest != "" {
			send(document.Object(document.Field{Key: "text", Value: document.String(rest)}))
		}
	}
}

// redactPartial redacts a part by itself, but for what is a text, or has one as
// its member text: that goes on from part to part.
func redactPartial(redact *secret.Redactor, stream *secret.Stream, d document.Document) document.Document {
	if redact == nil {
		return d
	}
	if text, ok := textOf(d); ok {
		return document.String(stream.Write(text))
	}
	if d.Kind() != document.KindObject {
		return redact.Document(d)
	}
	fields := d.Fields()
	for i, f := range fields {
		if text, ok := textOf(f.Value); ok && f.Key == "text" {
			fields[i].Value = document.String(stream.Write(text))
			continue
		}
		one := redact.Document(document.Object(f)).Fields()[0]
		fields[i] = one
	}
	return document.Object(fields...)
}

// usage is what the step has used of a capability so far.
func (c *calls) usage(name string) *event.Usage {
	if c.used == nil {
		c.used = map[string]*event.Usage{}
	}
	u := c.used[name]
	if u == nil {
		before := c.r.Used[name]
		u = &before
		c.used[name] = u
	}
	return u
}

func add(to *event.Usage, u event.Usage) {
	to.Calls += u.Calls
	to.Bytes += u.Bytes
	to.InputTokens += u.InputTokens
	to.OutputTokens += u.OutputTokens
	to.Cost += u.Cost
}

// key is the idempotency key: a hash of run, step, the number of answers that
// were rejected, capability, method, request, and how many equal requests the
// attempt has made before.
func (c *calls) key(fact event.CapabilityAnswered) string {
	h := sha256.New()
	text := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	request := ""
	if !fact.Request.IsZero() {
		request = fact.Request.Digest()
	}
	same := fact.Capability + "\x00" + fact.Method + "\x00" + request
	if c.equal == nil {
		c.equal = map[string]int{}
	}
	c.equal[same]++
	text("chainrun key 1")
	text(c.r.Scope.Run)
	text(c.r.Step)
	text(fmt.Sprint(c.r.Rejected))
	text(same)
	text(fmt.Sprint(c.equal[same]))
	return hex.EncodeToString(h.Sum(nil))
}
