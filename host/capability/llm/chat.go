package llm

// This file is the method chat.

import (
	"context"
	"strconv"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// surelyWritable is a number of tokens that any model of today may be asked
// for. Where nobody says max_tokens and more is left, none is sent: servers
// refuse a number that is beyond the model.
const surelyWritable = 16_384

func (c *Capability) chat(ctx context.Context, call capability.Call) (capability.Answer, error) {
	request, err := readChat(call.Request)
	if err != nil {
		return capability.Answer{}, err
	}
	g, err := readGrant(call.Grant)
	if err != nil {
		return capability.Answer{}, err
	}
	streams := func(e *endpoint) bool {
		switch {
		case request.Stream != nil:
			return *request.Stream
		case e.Stream != nil:
			return *e.Stream
		}
		return true
	}
	var shown bool
	partial := func(text string) {
		shown = true
		call.Partial(document.Object(document.Field{Key: "text", Value: document.String(text)}))
	}
	return c.ask(ctx, &question{
		endpoint:   request.Endpoint,
		model:      request.Model,
		key:        "model",
		configured: func(e *endpoint) string { return e.Model },
		stream:     streams,
		again: func(t *target) {
			if shown {
				shown = false
				call.Partial(document.Object(
					document.Field{Key: "restart", Value: document.Bool(true)},
					document.Field{Key: "endpoint", Value: document.String(t.name)},
				))
			}
		},
		once: func(ctx context.Context, t *target, x *exchange, left capability.Left) (document.Document, counted, error) {
			most, byLeft := maxTokens(request, t, g, left)
			if byLeft {
				x.vary(strconv.FormatInt(most, 10))
			}
			fitted, err := request.conversation(t, most, x.stream)
			if err != nil {
				return document.Document{}, counted{}, err
			}
			r := &reply{left: x.limit, partial: partial}
			if !x.stream || fitted.structured == structuredTool {
				r.partial = func(string) {}
			}
			send := openaiChat
			if t.API == apiAnthropic {
				send = anthropicChat
			}
			if err := send(ctx, t, x, fitted, r); err != nil {
				if r.size() == 1 && !r.usage.known {
					return document.Document{}, counted{}, err // nothing came
				}
				said := r.usage
				if r.finish == "" && (left.Tokens < capability.Unlimited || left.Cost < capability.Unlimited) {
					said.known = false // it was said before the answer was made
				}
				return document.Document{}, count(t, said, upperInput(call), r.size(), left), err
			}
			if fitted.structured == structuredTool {
				r.unfold()
			}
			used := count(t, r.usage, upperInput(call), r.size(), left)
			return r.document(t, used), used, nil
		},
	}, call)
}

// upperInput is an upper estimate of the tokens that a request has: a token has
// at least one byte, and an API adds a few for each message.
func upperInput(call capability.Call) int64 { return int64(len(call.Request.Bytes())) + 64 }

// maxTokens is how long an answer may be; 0: as the endpoint likes. byLeft says
// that what is left of the limits decided it.
func maxTokens(r *chatRequest, t *target, g grant, left capability.Left) (n int64, byLeft bool) {
	n = int64(r.MaxTokens)
	if n == 0 {
		n = t.MaxTokens
	}
	if most := int64(g.MaxTokens); most > 0 && (n == 0 || n > most) {
		n = most
	}
	leftOver := min(left.Tokens, t.prices[t.model].affordable(left.Cost))
	if leftOver < capability.Unlimited && (n > leftOver || n == 0 && leftOver <= surelyWritable) {
		return max(leftOver, 1), true
	}
	if n == 0 && t.API == apiAnthropic {
		n = anthropicTokens // less than what is left, or that would have decided
	}
	return n, false
}
