package invoke

// Attempts that begin again after their host had stopped.

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
)

// recall gives a call what was recorded for it before the attempt began again. A
// node that asks the same is answered the same. The first call that is another one,
// or has no answer, and all after it go to the world; their ordinals follow those
// that are taken. made says whether the call was admitted, or would be.
func (c *calls) recall(one *call, made bool) bool {
	if len(c.past) == 0 {
		return false
	}
	was, asked := c.past[0], c.redacted(one.fact)
	same := was.Capability == asked.Capability && was.Method == asked.Method && was.Key == asked.Key &&
		was.Request.IsZero() == asked.Request.IsZero() && (was.Request.IsZero() || was.Request.Equal(asked.Request))
	if !same || made != (was.Usage.Calls > 0) || !answered(was.Failure) {
		c.ordinal = c.past[len(c.past)-1].Ordinal + 1
		one.fact.Ordinal, c.past = c.ordinal, nil
		return false
	}
	c.past = c.past[1:]
	one.fact, one.made, one.recalled = was, made, true
	return true
}

// answered reports whether a node has seen, or would have, what was recorded: not
// where the attempt, or the run, ended with it.
func answered(f *failure.Failure) bool {
	return f == nil || f.Code == failure.CapabilityError || f.Code == failure.CapabilityDenied
}

// retell tells the session of a capability of a call that was answered before: what
// it wrote must not be lost.
func (c *calls) retell(ctx context.Context, one *call, grant *plan.Grant, asked capability.Call) (err error) {
	opener, ok := grant.Offer.Capability.(capability.Opener)
	if !ok || one.fact.Failure != nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil { // as in carryOut
			err = fmt.Errorf("capability %q: panic: %s", one.fact.Capability, c.r.Scope.Redact.Text(fmt.Sprint(p)))
		}
	}()
	session, err := c.session(ctx, grant.Capability, opener)
	if err == nil {
		if again, ok := session.(capability.Recaller); ok {
			err = again.Recall(ctx, asked, one.fact.Answer)
		}
	}
	if err != nil {
		return fmt.Errorf("capability %q: recalling %s: %w", one.fact.Capability, one.fact.Method, err)
	}
	return nil
}
