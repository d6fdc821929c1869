package invoke

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// A batch is capability "node", method "batch": several calls that are under way
// at once. Its payload is a list of {capability, method, payload}, its answer the
// list, in the same order, of {"answer": …} or {"failure": {code, reason,
// message, retryable}}.
const (
	nodeCapability = "node"
	batchMethod    = "batch"
	// batchCalls bounds the calls of one batch.
	batchCalls = 64
	// failureBytes is the room that each call of a batch has to be refused in.
	failureBytes = 1 << 10
	// nameBytes bounds names, as the sandbox does for single calls.
	nameBytes = 256
)

func (c *calls) batch(ctx context.Context, payload []byte) (sandbox.HostAnswer, error) {
	asked, refused := c.readBatch(payload)
	if refused != nil {
		c.last = refused
		return sandbox.HostAnswer{Failure: &sandbox.HostFailure{
			Code: string(refused.Code), Reason: refused.Reason, Message: refused.Message,
		}}, nil
	}
	// What a call may use depends on those before it, and what is recorded has
	// the order of the list: only the work itself is done at once.
	under := make([]*call, len(asked))
	for i, a := range asked {
		var err error
		if under[i], err = c.prepare(ctx, a); err != nil {
			return sandbox.HostAnswer{}, err
		}
	}
	c.carryOut(ctx, under)
	var list bytes.Buffer
	var last *failure.Failure
	var over error
	most := c.v.documentLimits().Bytes - failureBytes*len(under)
	for i, one := range under {
		// The node gets one answer, and what it is refused it must be told by call.
		if n := list.Len() + len(one.fact.Answer.Bytes()); n > most {
			one.fact.Answer = document.Document{}
			one.fact.Failure = unanswered(reasonTooLarge, nil, "with this answer those of the batch have %d bytes; at most %d are allowed", n, most)
		}
		a, err := c.conclude(ctx, one)
		if err != nil && c.over == nil {
			return sandbox.HostAnswer{}, err
		}
		if err != nil {
			over = cmp.Or(over, err) // the others were made, too
			continue
		}
		if last == nil {
			last = c.last
		}
		list.WriteByte("[,"[min(i, 1)])
		if a.Failure != nil {
			text, err := json.Marshal(a.Failure)
			if err != nil {
				return sandbox.HostAnswer{}, fmt.Errorf("writing the answer of a batch: %w", err)
			}
			fmt.Fprintf(&list, `{"failure":%s}`, text)
			continue
		}
		if len(a.Result) == 0 {
			a.Result = []byte("null")
		}
		fmt.Fprintf(&list, `{"answer":%s}`, a.Result)
	}
	if over != nil {
		return sandbox.HostAnswer{}, over
	}
	list.WriteByte(']')
	c.last = last // the first that failed is what a node gives up for
	return sandbox.HostAnswer{Result: list.Bytes()}, nil
}

// carryOut makes several calls at once, but those of one session one after
// another: it is for one goroutine.
func (c *calls) carryOut(ctx context.Context, list []*call) {
	var wg sync.WaitGroup
	turns := map[string][]*call{}
	for _, one := range list {
		if c.sessions[one.fact.Capability] == nil {
			wg.Go(func() { one.carryOut(ctx) })
			continue
		}
		turns[one.fact.Capability] = append(turns[one.fact.Capability], one)
	}
	for _, turn := range turns {
		wg.Go(func() {
			for _, one := range turn {
				one.carryOut(ctx)
			}
		})
	}
	wg.Wait()
}

func (c *calls) readBatch(payload []byte) ([]sandbox.HostCall, *failure.Failure) {
	invalid := func(format string, args ...any) *failure.Failure {
		return unanswered(reasonInvalidRequest, nil, "node.batch: "+format, args...)
	}
	d, err := document.Parse(payload, c.v.documentLimits())
	if err != nil {
		return nil, invalid("the request is no JSON document: %v", err)
	}
	var list []struct {
		Capability string          `json:"capability"`
		Method     string          `json:"method"`
		Payload    json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(d.Bytes(), &list); err != nil {
		return nil, invalid("expected a list of {capability, method, payload}: %v", err)
	}
	if len(list) == 0 || len(list) > batchCalls {
		return nil, invalid("a list of %d calls; expected 1 to %d", len(list), batchCalls)
	}
	most := c.v.limits.HostCalls
	if most <= 0 {
		most = sandbox.DefaultHostCalls
	}
	if c.ordinal+len(list) > most {
		return nil, invalid("more than %d calls in one attempt", most)
	}
	asked := make([]sandbox.HostCall, len(list))
	for i, one := range list {
		if len(one.Capability) > nameBytes || len(one.Method) > nameBytes {
			return nil, invalid("call %d: names have at most %d bytes", i, nameBytes)
		}
		if one.Capability == nodeCapability {
			return nil, invalid("call %d: a batch asks capabilities, not %q", i, nodeCapability)
		}
		asked[i] = sandbox.HostCall{Capability: one.Capability, Method: one.Method, Payload: one.Payload}
	}
	return asked, nil
}
