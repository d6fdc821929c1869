package llm

// This file is the way of a call through the endpoints that may answer it.

import (
	"context"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// question is a call of either method.
type question struct {
	endpoint string // as the node named it; ""
	model    string // as the node named it; ""
	// configured is the model of an endpoint's settings for this method.
	configured func(*endpoint) string
	// key is what the settings call it.
	key string
	// once asks one endpoint. The error is a *capability.Error, or one that
	// explain knows. usage counts in both cases.
	once func(ctx context.Context, t *target, x *exchange, left capability.Left) (document.Document, counted, error)
	// embeds: endpoints without embeddings cannot answer it.
	embeds bool
	// stream says whether an endpoint is asked for a stream.
	stream func(*endpoint) bool
	// again is called before another endpoint is asked.
	again func(t *target)
}

// candidate is an endpoint with the model it would be asked for.
type candidate struct {
	*endpoint
	model string
}

// candidates are the endpoints that a question may go to.
func (c *Capability) candidates(q *question, g grant, call capability.Call) ([]candidate, error) {
	endpoints, err := c.endpoints(q.endpoint, g, call.Secrets)
	if err != nil {
		return nil, err
	}
	var list []candidate
	var first error
	for _, e := range endpoints {
		one := candidate{endpoint: e, model: q.model}
		if one.model == "" {
			one.model = q.configured(e)
		}
		if err := c.allowed(one, q, g, call.Left); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return nil, first
	}
	return list, nil
}

// allowed says whether a question may go to a candidate.
func (c *Capability) allowed(one candidate, q *question, g grant, left capability.Left) error {
	table := "capabilities." + c.name
	if one.name != defaultName {
		table += ".endpoints." + one.name
	}
	if q.embeds && one.API == apiAnthropic {
		return &capability.Error{
			Reason:  "no_embeddings",
			Message: fmt.Sprintf("endpoint %q: Anthropic's API has no embeddings; add an endpoint that has", one.name),
		}
	}
	if one.model == "" {
		return &capability.Error{
			Reason:  "no_model",
			Message: fmt.Sprintf("endpoint %q: no model is named; write `%s = \"…\"` into [%s], or name one in the request", one.name, q.key, table),
		}
	}
	if !g.model(one.model, q.configured(one.endpoint)) {
		granted := "the grant names no models and the settings do not name this one"
		if len(g.Models) > 0 {
			granted = "the grant allows " + quoted(g.Models)
		}
		return &capability.Error{
			Reason: "model_not_granted", Denied: true,
			Message: fmt.Sprintf("endpoint %q: the model %q is not granted: %s; write `models = [%s]` into the node's grant to allow it",
				one.name, one.model, granted, quoted(append(append([]string(nil), g.Models...), one.model))),
		}
	}
	if _, priced := one.prices[one.model]; !priced && left.Cost < capability.Unlimited {
		return &capability.Error{
			Reason: "no_price", Denied: true,
			Message: fmt.Sprintf("endpoint %q: cost is limited and the model %q has no price; write [capabilities.%s.prices.%q] with `input = …` and `output = …`, the price of a million tokens each",
				one.name, one.model, c.name, one.model),
		}
	}
	return nil
}

// ask asks the candidates, one after another while they fail in ways that may pass.
func (c *Capability) ask(ctx context.Context, q *question, call capability.Call) (capability.Answer, error) {
	g, err := readGrant(call.Grant)
	if err != nil {
		return capability.Answer{}, err
	}
	list, err := c.candidates(q, g, call)
	if err != nil {
		return capability.Answer{}, err
	}
	var all []failed
	var usage capability.Usage
	for i, one := range list {
		d, used, err := c.askOne(ctx, q, one, call, i > 0)
		usage = sum(usage, used.usage)
		call.Left = less(call.Left, used.usage)
		if err == nil {
			return capability.Answer{Document: d, Usage: usage}, nil
		}
		all = append(all, failed{err})
		if ctx.Err() != nil || len(all) == 1 && !err.Retryable || call.Left.Tokens == 0 || call.Left.Cost == 0 {
			break
		}
	}
	return capability.Answer{}, together(all, usage)
}

func sum(a, b capability.Usage) capability.Usage {
	return capability.Usage{
		InputTokens:  a.InputTokens + b.InputTokens,
		OutputTokens: a.OutputTokens + b.OutputTokens,
		Cost:         min(a.Cost+b.Cost, capability.Unlimited),
	}
}

// less is what an attempt at one endpoint leaves for the next.
func less(left capability.Left, used capability.Usage) capability.Left {
	if left.Tokens < capability.Unlimited {
		left.Tokens = max(left.Tokens-used.InputTokens-used.OutputTokens, 0)
	}
	if left.Cost < capability.Unlimited {
		left.Cost = max(left.Cost-used.Cost, 0)
	}
	return left
}

func (c *Capability) askOne(ctx context.Context, q *question, one candidate, call capability.Call, again bool) (document.Document, counted, *capability.Error) {
	refuse := func(err error) (document.Document, counted, *capability.Error) {
		return document.Document{}, counted{}, asError(one.name, err, false, false)
	}
	t, err := one.resolve(one.model, call.Secrets)
	if err != nil {
		return refuse(err)
	}
	estimate := int64(len(call.Request.Bytes()))/4 + 1
	leave, err := c.pool.lanes.enter(ctx, t, estimate)
	if err != nil {
		return refuse(err)
	}
	if again {
		q.again(t)
	}
	limited := ctx
	if t.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, t.timeout)
		defer cancel()
	}
	x := &exchange{client: c.pool.client, key: call.Key, hide: t.secrets(), stream: q.stream(one.endpoint), limit: min(t.MaxAnswerBytes, call.Left.Bytes)}
	if again {
		x.vary(t.name)
	}
	d, used, err := q.once(limited, t, x, call.Left)
	leave(used.rate - estimate)
	if err == nil {
		return d, used, nil
	}
	failure := asError(one.name, err, x.stream, x.body != nil)
	if failure.Reason == "answer_too_large" {
		if call.Left.Bytes < t.MaxAnswerBytes {
			failure.Denied = true
			failure.Message += fmt.Sprintf(": the grant's `bytes` leave %d", call.Left.Bytes)
		} else {
			failure.Message += fmt.Sprintf(": `max_answer_bytes` is %d", t.MaxAnswerBytes)
		}
	}
	if ctx.Err() == nil && limited.Err() != nil {
		failure.Reason, failure.Retryable = "timeout", true
		failure.Message = fmt.Sprintf("endpoint %q: there was no answer in %s, its `timeout`", one.name, t.timeout)
	}
	return document.Document{}, used, failure
}

// asError names the endpoint in an error.
func asError(endpoint string, err error, stream, began bool) *capability.Error {
	if own, ok := errors.AsType[*capability.Error](err); ok {
		return own
	}
	e := explain(err, stream, began)
	return &capability.Error{
		Reason: e.reason, Retryable: e.retryable, RetryAfter: e.retryAfter,
		Message: fmt.Sprintf("endpoint %q: %s", endpoint, e.text),
	}
}
