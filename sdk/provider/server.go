package provider

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// server is the protocol's face of a capability.
type server struct {
	protocol.UnimplementedProviderServer
	base        capability.Capability
	description *protocol.Description
	instances   *instances
}

func newServer(c capability.Capability) (*server, error) {
	if _, ok := c.(capability.Opener); ok {
		return nil, errors.New("a capability.Opener cannot be served: what it would write with a step cannot leave the process")
	}
	if _, err := capability.NewOffer("provider", c); err != nil {
		return nil, err
	}
	d := c.Describe()
	if len(d.Methods) == 0 {
		return nil, errors.New("the capability has no methods")
	}
	m := &protocol.Description{Text: d.Text, GrantSchema: d.Grant, ConfigSchema: d.Config}
	for _, one := range d.Methods {
		m.Methods = append(m.Methods, &protocol.Method{
			Name: one.Name, Text: one.Text, RequestSchema: one.Request, ResponseSchema: one.Response,
		})
	}
	return &server{base: c, description: m, instances: newInstances(c)}, nil
}

// Describe implements the protocol.
func (s *server) Describe(context.Context, *protocol.DescribeRequest) (*protocol.Description, error) {
	return s.description, nil
}

// CheckGrant implements the protocol.
func (s *server) CheckGrant(_ context.Context, r *protocol.CheckGrantRequest) (*protocol.CheckGrantResponse, error) {
	checker, ok := s.base.(capability.GrantChecker)
	if !ok {
		return &protocol.CheckGrantResponse{}, nil
	}
	grant, err := document.Parse(r.GetGrant(), document.Limits{})
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the grant: %v", err)
	}
	answer := &protocol.CheckGrantResponse{}
	for _, p := range checker.CheckGrant(grant) {
		answer.Problems = append(answer.Problems, &protocol.Problem{Pointer: p.Pointer, Text: p.Text, Hint: p.Hint})
	}
	return answer, nil
}

// Call implements the protocol.
func (s *server) Call(r *protocol.CallRequest, stream grpc.ServerStreamingServer[protocol.CallEvent]) error {
	c, err := call(r)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	c.Partial = func(d document.Document) {
		if ctx.Err() == nil && stream.Send(&protocol.CallEvent{Event: &protocol.CallEvent_Partial{Partial: d.Bytes()}}) != nil {
			cancel() // nobody is there any more
		}
	}
	answer, err := s.answer(ctx, r, c)
	if stream.Context().Err() != nil {
		return status.FromContextError(stream.Context().Err()).Err()
	}
	if err != nil {
		return stream.Send(&protocol.CallEvent{Event: &protocol.CallEvent_Failure{Failure: failure(err)}})
	}
	a := &protocol.Answer{Usage: usage(answer.Usage)}
	if !answer.Document.IsZero() {
		a.Document = answer.Document.Bytes()
	}
	return stream.Send(&protocol.CallEvent{Event: &protocol.CallEvent_Answer{Answer: a}})
}

// answer asks the capability that this config stands for.
func (s *server) answer(ctx context.Context, r *protocol.CallRequest, c capability.Call) (capability.Answer, error) {
	configured, done, err := s.instances.get(r.GetCapability(), r.GetConfig())
	if err != nil {
		return capability.Answer{}, &capability.Error{Reason: "invalid_config", Message: err.Error()}
	}
	defer done()
	return configured.Call(ctx, c)
}

// call reads a request.
func call(r *protocol.CallRequest) (capability.Call, error) {
	c := capability.Call{
		Method: r.GetMethod(),
		Key:    r.GetIdempotencyKey(),
		Caller: capability.Caller{
			Run: r.GetCaller().GetRun(), Graph: r.GetCaller().GetGraph(),
			Step: r.GetCaller().GetStep(), Node: r.GetCaller().GetNode(),
			Attempt: int(r.GetCaller().GetAttempt()), Ordinal: int(r.GetCaller().GetOrdinal()),
		},
		Left:    capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited},
		Secrets: expanded{},
	}
	if left := r.GetLeft(); left != nil {
		limit(&c.Left.Bytes, left.Bytes)
		limit(&c.Left.Tokens, left.Tokens)
		limit(&c.Left.Cost, left.Cost)
	}
	var err error
	if c.Grant, err = document.Parse(r.GetGrant(), document.Limits{}); err != nil {
		return c, fmt.Errorf("the grant: %w", err)
	}
	if r.Request != nil {
		if c.Request, err = document.Parse(r.Request, document.Limits{}); err != nil {
			return c, fmt.Errorf("the request: %w", err)
		}
	}
	return c, nil
}

func limit(to, from *int64) {
	if from != nil {
		*to = *from
	}
}

// failure writes why there is no answer.
func failure(err error) *protocol.Failure {
	var e *capability.Error
	if !errors.As(err, &e) {
		return &protocol.Failure{Message: err.Error()}
	}
	return &protocol.Failure{
		Reason: e.Reason, Message: e.Message, Denied: e.Denied, Retryable: e.Retryable,
		RetryAfterMs: e.RetryAfter.Milliseconds(), Usage: usage(e.Usage),
	}
}

func usage(u capability.Usage) *protocol.Usage {
	if u == (capability.Usage{}) {
		return nil
	}
	return &protocol.Usage{InputTokens: u.InputTokens, OutputTokens: u.OutputTokens, Cost: u.Cost}
}

// expanded are the secrets of a provider: the host has put their values in
// place before it asked.
type expanded struct{}

// Expand implements capability.Secrets.
func (expanded) Expand(text string) (string, error) { return text, nil }

// Env implements capability.Secrets.
func (expanded) Env(string) (string, bool) { return "", false }
