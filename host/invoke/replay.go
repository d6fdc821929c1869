package invoke

// Attempts that are made again with the answers of a record, and without the world.

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// DivergedError means that a node that is made to run again ([Scope.Replay]) asked
// something else than was recorded, or did not ask what was.
type DivergedError struct {
	asked, recorded *event.CapabilityAnswered
}

// Diverged says what was asked, nil where the node ended without asking any more, and
// what was recorded in its place, nil where nothing was.
func (e *DivergedError) Diverged() (asked, recorded *event.CapabilityAnswered) {
	return e.asked, e.recorded
}

// Error implements error.
func (e *DivergedError) Error() string {
	name := func(c *event.CapabilityAnswered) string { return c.Capability + "." + c.Method }
	switch {
	case e.asked == nil:
		return fmt.Sprintf("the node ended without call %d, of %s, which was recorded", e.recorded.Ordinal, name(e.recorded))
	case e.recorded == nil:
		return fmt.Sprintf("the node called %s, and no such call was recorded", name(e.asked))
	default:
		return fmt.Sprintf("the node called %s where call %d, of %s, was recorded with another request or state",
			name(e.asked), e.recorded.Ordinal, name(e.recorded))
	}
}

// replayed answers a call from the record. Whether it is allowed is what the record
// says: neither grants nor their limits are looked at, and the capability need not be
// there. It has to be the call that was recorded next.
func (c *calls) replayed(ctx context.Context, asked sandbox.HostCall) (*call, error) {
	now := event.CapabilityAnswered{
		Attempt: c.r.Attempt, Ordinal: c.ordinal + 1,
		Capability: printable(asked.Capability), Method: printable(asked.Method),
	}
	if len(asked.Payload) > 0 {
		if d, err := document.Parse(asked.Payload, c.v.documentLimits()); err == nil {
			now.Request = d
		}
	}
	if len(c.past) == 0 {
		return nil, &DivergedError{asked: &now}
	}
	was := c.past[0]
	// What was refused before it was read was recorded without its request.
	unread := was.Usage.Calls == 0 && was.Request.IsZero()
	same := was.Capability == now.Capability && was.Method == now.Method && answered(was.Failure) &&
		(unread || was.Request.IsZero() == now.Request.IsZero() && (was.Request.IsZero() || was.Request.Equal(now.Request)))
	if same && was.Key != "" {
		now.Key = c.key(now)
		same = now.Key == was.Key
	}
	if !same {
		return nil, &DivergedError{asked: &now, recorded: &was}
	}
	c.past, c.ordinal = c.past[1:], was.Ordinal
	one := &call{fact: was, recalled: true}
	return one, c.rewrite(ctx, one, now.Request)
}

// rewrite tells the session of a capability that writes of a call that is replayed,
// where the capability is there and has sessions for that.
func (c *calls) rewrite(ctx context.Context, one *call, request document.Document) error {
	grant := c.n.Grant(one.fact.Capability)
	if grant == nil || one.fact.Failure != nil || one.fact.Usage.Calls == 0 {
		return nil
	}
	if _, ok := grant.Offer.Capability.(capability.Replayer); !ok {
		return nil
	}
	return c.retell(ctx, one, grant, capability.Call{
		Method: one.fact.Method, Request: request, Grant: grant.Own, Key: one.fact.Key,
		Caller: c.caller(one.fact.Ordinal), Secrets: c.r.Scope.secrets(c.p),
	})
}

// unasked is the error of an attempt that has come to its own end before it asked all
// that was recorded; nil: it did, or was ended from outside.
func (c *calls) unasked(f *failure.Failure) error {
	if !c.r.Scope.Replay || len(c.past) == 0 || f != nil && (f.Code == failure.Timeout || f.Code == failure.Canceled) {
		return nil
	}
	return &DivergedError{recorded: &c.past[0]}
}
