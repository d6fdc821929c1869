// Several calls of capabilities at once.

package node

import (
	"context"
	"encoding/json"
	"fmt"
)

// Ask is one call of [CallAll].
type Ask struct {
	Capability, Method string
	Request            any   // sent as JSON; nil sends nothing
	Response           any   // the answer is decoded into it; nil ignores it
	Err                error // set by CallAll: nil, a [*CallError], or why a document did not encode or decode
}

// CallAll asks all capabilities at once and waits for the last answer: ten
// questions to a slow model take as long as one. At most 64 a call. Each counts
// against the grants as if it had been made by [Call]. The error is that of the
// first ask that failed; each ask has its own.
func CallAll(ctx context.Context, asks []*Ask) error {
	type one struct {
		Capability string          `json:"capability"`
		Method     string          `json:"method"`
		Payload    json.RawMessage `json:"payload,omitempty"`
	}
	var list []one
	var sent []*Ask
	for _, a := range asks {
		payload, err := callPayload(a.Request)
		if a.Err = nil; err != nil {
			a.Err = fmt.Errorf("calling %s.%s: encoding the request: %w", a.Capability, a.Method, err)
			continue
		}
		list, sent = append(list, one{a.Capability, a.Method, payload}), append(sent, a)
	}
	if len(sent) > 0 {
		var answers []struct {
			Answer  json.RawMessage
			Failure *CallError
		}
		if err := Call(ctx, "node", "batch", list, &answers); err != nil {
			return err
		}
		if len(answers) != len(sent) {
			return fmt.Errorf("calling node.batch: %d answers to %d calls", len(answers), len(sent))
		}
		for i, a := range sent {
			a.Err = a.take(answers[i].Answer, answers[i].Failure)
		}
	}
	for _, a := range asks {
		if a.Err != nil {
			return a.Err
		}
	}
	return nil
}

func (a *Ask) take(answer json.RawMessage, failed *CallError) error {
	if failed != nil {
		failed.Capability, failed.Method = a.Capability, a.Method
		return failed
	}
	if a.Response == nil {
		return nil
	}
	if err := json.Unmarshal(answer, a.Response); err != nil {
		return fmt.Errorf("calling %s.%s: decoding the answer: %w", a.Capability, a.Method, err)
	}
	return nil
}
