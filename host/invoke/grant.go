package invoke

// What a grant allows, and what of it a step has used up.

import (
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

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
	switch tokens := used.Tokens(); {
	case l.Calls > 0 && used.Calls >= l.Calls:
		return refuse("calls", used.Calls, l.Calls)
	case l.Bytes > 0 && used.Bytes > l.Bytes-int64(requestBytes):
		return refuse("bytes", used.Plus(event.Usage{Bytes: int64(requestBytes)}).Bytes, l.Bytes)
	case l.Tokens > 0 && tokens >= l.Tokens:
		return refuse("tokens", tokens, l.Tokens)
	case l.Cost > 0 && used.Cost >= l.Cost:
		return refuse("cost", event.CostText(used.Cost), event.CostText(l.Cost))
	}
	return nil
}

// count adds what an answer used up. The call and its request were counted when
// it was made. An answer beyond the grant's bytes does not reach the node.
func (c *calls) count(one *call) {
	if !one.made {
		return
	}
	used, u := c.usage(one.fact.Capability), one.fact.Usage
	u.Calls, u.Bytes = 0, max(u.Bytes-one.sent, 0)
	*used = used.Plus(u)
	if l := c.n.Grant(one.fact.Capability).Limits; l.Bytes > 0 && used.Bytes > l.Bytes {
		one.fact.Answer = document.Document{}
		one.fact.Failure = denied(reasonUsedUp, "with this answer the step has used %d of bytes of %q, and the grant allows %d; bytes in [nodes.%s.grants.%s] says so",
			used.Bytes, one.fact.Capability, l.Bytes, c.n.Name, one.fact.Capability)
	}
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
