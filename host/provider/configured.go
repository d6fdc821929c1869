package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// configured is what one graph uses under one name: a process, which others may
// share, and the config that each call carries to it.
type configured struct {
	name        string
	slot        *slot
	config      document.Document // references to secrets as they were written
	description *protocol.Description
}

// Describe implements capability.Capability.
func (c *configured) Describe() capability.Description {
	d := capability.Description{
		Text:   line(c.description.GetText()),
		Grant:  source(c.description.GetGrantSchema()),
		Config: []byte(settingsSchema),
	}
	for _, m := range c.description.GetMethods() {
		d.Methods = append(d.Methods, capability.Method{
			Name: m.GetName(), Text: line(m.GetText()),
			Request: source(m.GetRequestSchema()), Response: source(m.GetResponseSchema()),
		})
	}
	return d
}

// source is a schema on the wire, where none is empty.
func source(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// check looks at what the provider says of itself, and at the config.
func (c *configured) check() capability.Problems {
	wrong := func(err error) capability.Problems {
		return capability.Problems{{
			Pointer: "/provider", Text: fmt.Sprintf("provider %q describes itself wrongly: %v", c.slot.name, err),
		}}
	}
	if len(c.description.GetMethods()) == 0 {
		return wrong(errors.New("it has no methods"))
	}
	if _, err := capability.NewOffer(c.name, c); err != nil {
		return wrong(err)
	}
	own := source(c.description.GetConfigSchema())
	if own == nil {
		if len(c.config.Fields()) > 0 {
			return capability.Problems{{
				Pointer: "/config", Text: fmt.Sprintf("provider %q takes no config", c.slot.name), Hint: "leave it out",
			}}
		}
		return nil
	}
	s, err := schema.Compile("its config", own, nil)
	if err != nil {
		return wrong(err)
	}
	var found capability.Problems
	for _, v := range s.Validate(c.config) {
		found = append(found, capability.Problem{Pointer: "/config" + v.Pointer, Text: v.Message + ", found " + v.Found})
	}
	return found
}

// Call implements capability.Capability.
func (c *configured) Call(ctx context.Context, call capability.Call) (capability.Answer, error) {
	request, known, err := c.request(call)
	if err != nil {
		return capability.Answer{}, err
	}
	p, err := c.slot.get(ctx)
	if err != nil {
		return capability.Answer{}, err
	}
	p.output.hide(known)
	return p.call(ctx, request, call.Partial)
}

// request writes a call for the wire, with the values of secrets; these come
// back too.
func (c *configured) request(call capability.Call) (*protocol.CallRequest, []string, error) {
	e := expander{secrets: call.Secrets}
	config, err := e.document(c.config)
	if err != nil {
		return nil, nil, err
	}
	grant := call.Grant
	if grant.IsZero() {
		grant = document.Object()
	}
	if grant, err = e.document(grant); err != nil {
		return nil, nil, err
	}
	r := &protocol.CallRequest{
		Capability: c.name, Method: call.Method, Grant: grant.Bytes(), Config: config.Bytes(),
		IdempotencyKey: call.Key,
		Caller: &protocol.Caller{
			Run: call.Caller.Run, Graph: call.Caller.Graph, Step: call.Caller.Step, Node: call.Caller.Node,
			Attempt: uint32(call.Caller.Attempt), Ordinal: uint32(call.Caller.Ordinal),
		},
		Left: &protocol.Left{
			Bytes: limit(call.Left.Bytes), Tokens: limit(call.Left.Tokens), Cost: limit(call.Left.Cost),
		},
	}
	if !call.Request.IsZero() {
		r.Request = call.Request.Bytes()
	}
	if n := proto.Size(r); n > protocol.MaxMessageBytes {
		return nil, nil, &capability.Error{
			Reason:  "provider_request_too_large",
			Message: fmt.Sprintf("provider %q: request, grant and config have %d bytes together, at most %d are allowed", c.slot.name, n, protocol.MaxMessageBytes),
		}
	}
	return r, e.values, nil
}

func limit(n int64) *int64 {
	if n == capability.Unlimited {
		return nil
	}
	return &n
}

// checking bounds how long a provider may look at a grant.
const checking = 10 * time.Second

// CheckGrant implements capability.GrantChecker.
func (c *configured) CheckGrant(grant document.Document) capability.Problems {
	ctx, cancel := context.WithTimeout(context.Background(), checking)
	defer cancel()
	p, err := c.slot.get(ctx)
	if err != nil {
		return capability.Problems{{Text: err.Error()}}
	}
	return p.checkGrant(ctx, c.name, grant)
}
