package sandbox

// The import chainrun_v1.call: how a reactor asks for what it was granted.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/tetratelabs/wazero/api"
)

// nameBytes bounds the names of capabilities and methods.
const nameBytes = 256

// A hostAnswer is what a guest gets to see of an answer.
type hostAnswer struct {
	status   uint64 // 0: result, 1: failure document
	document []byte
}

// hostCall implements chainrun_v1.call. A pointer outside the memory is the
// guest's mistake and a trap; whatever else goes wrong is an answer that the
// guest can handle.
func hostCall(ctx context.Context, mod api.Module, stack []uint64) {
	a, caller := attemptOf(ctx)
	mem := mod.Memory()
	arg := func(i int, what string) []byte {
		b, ok := mem.Read(uint32(stack[i]), uint32(stack[i+1]))
		if !ok {
			a.trap("chainrun_v1.call: %s of %d bytes at %d lies outside the memory of %d bytes",
				what, uint32(stack[i+1]), uint32(stack[i]), mem.Size())
		}
		return b
	}
	capability, method, payload, room := arg(0, "capability"), arg(2, "method"), arg(4, "payload"), arg(6, "answer")
	if a.hostCalls++; a.hostCalls > a.limits.HostCalls {
		a.trap("more than %d host calls", a.limits.HostCalls)
	}
	a.charge(caller, uint64(min(len(payload), a.limits.OutputBytes)))

	if string(capability) != "node" || string(method) != "answer" {
		a.answer = a.ask(caller, capability, method, payload)
	}
	n := copy(room, a.answer.document)
	a.charge(caller, uint64(n))
	stack[0] = a.answer.status<<32 | uint64(uint32(len(a.answer.document)))
}

// ask answers one call. The arguments are views of the guest's memory.
func (a *attempt) ask(ctx context.Context, capability, method, payload []byte) hostAnswer {
	switch {
	case len(capability) > nameBytes || len(method) > nameBytes:
		return refusal("capability_denied", "unknown", fmt.Sprintf("names of capabilities and methods have at most %d bytes", nameBytes))
	case len(payload) > a.limits.OutputBytes:
		return refusal("capability_error", "payload_too_large", fmt.Sprintf(
			"a payload of %d bytes, the cap is %d", len(payload), a.limits.OutputBytes))
	case string(capability) == "node" && (string(method) != "batch" || a.call.Host == nil):
		return a.askNode(string(method), payload)
	case a.starting:
		return refusal("capability_denied", "starting", "no capability can be asked while the module starts: every attempt begins from the state after the start")
	case a.call.Host == nil:
		return refusal("capability_denied", "", fmt.Sprintf("the node was not granted %q", capability))
	}
	return a.askHost(ctx, HostCall{Capability: string(capability), Method: string(method), Payload: bytes.Clone(payload)})
}

// askHost asks the caller's Host, which sees the attempt's end.
func (a *attempt) askHost(ctx context.Context, c HostCall) hostAnswer {
	limited, cancel := context.WithDeadlineCause(ctx, a.deadline, fmt.Errorf("the attempt ran longer than %v", a.limits.Timeout))
	defer cancel()
	answer, err := recovered(func() (HostAnswer, error) { return a.call.Host(limited, c) })
	// The attempt's end is more of a reason than what Host made of it.
	a.look(ctx)
	switch {
	case err != nil:
		a.fail(fmt.Errorf("asking %s.%s: %w", c.Capability, c.Method, err))
	case answer.Failure != nil:
		return failureAnswer(*answer.Failure)
	case len(answer.Result) > a.limits.OutputBytes || uint64(len(answer.Result)) > math.MaxUint32:
		return refusal("capability_error", "answer_too_large", fmt.Sprintf(
			"an answer of %d bytes, the cap is %d", len(answer.Result), a.limits.OutputBytes))
	}
	return hostAnswer{document: answer.Result}
}

// recovered makes an error of a panic: a bug of the caller, which must not look
// like one of the guest.
func recovered(host func() (HostAnswer, error)) (answer HostAnswer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return host()
}

// askNode answers what every node may ask, without a grant.
func (a *attempt) askNode(method string, payload []byte) hostAnswer {
	switch method {
	case "config":
		return hostAnswer{document: a.call.Config}
	case "feedback":
		return hostAnswer{document: a.call.Feedback}
	case "log":
		return a.logCall(payload)
	}
	return refusal("capability_denied", "unknown_method", fmt.Sprintf("node has no method %q; it has config, feedback, log, answer and, where a capability is granted, batch", method))
}

func (a *attempt) logCall(payload []byte) hostAnswer {
	if a.log.full() { // do not parse what nobody will see
		a.log.truncated = true
		return hostAnswer{}
	}
	var r struct {
		Level   string          `json:"level"`
		Message string          `json:"message"`
		Attrs   json.RawMessage `json:"attrs"`
	}
	bad := func(text string) hostAnswer {
		return refusal("capability_error", "invalid_request", "node.log: "+text)
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return bad(err.Error())
	}
	switch r.Level {
	case "debug", "info", "warn", "error":
	default:
		return bad(fmt.Sprintf("level %.20q is none of debug, info, warn, error", r.Level))
	}
	if string(r.Attrs) == "null" {
		r.Attrs = nil
	}
	if len(r.Attrs) > 0 && r.Attrs[0] != '{' {
		return bad("attrs is no object")
	}
	a.log.record(LogRecord{Level: r.Level, Message: r.Message, Attrs: r.Attrs})
	return hostAnswer{}
}

func refusal(code, reason, message string) hostAnswer {
	return failureAnswer(HostFailure{Code: code, Reason: reason, Message: message})
}

func failureAnswer(f HostFailure) hostAnswer {
	b, err := json.Marshal(f) // strings and a bool: cannot fail
	if err != nil {
		b = []byte(`{}`)
	}
	return hostAnswer{status: 1, document: b}
}
