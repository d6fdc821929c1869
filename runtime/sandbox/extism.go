package sandbox

// An attempt of an Extism plug-in: start-up, entry, what came of it.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/runtime/module"
)

// extismError is the code of a plug-in's own failure, where it gave no exit code.
const extismError = "extism_error"

// startsLate is the reason of a start-up that asked the kernel for something: the
// kernel answers with what an attempt brings, so there is no image to start from
// and each attempt starts the module itself. Nobody outside gets to see it.
const startsLate StopReason = "starts_late"

// extism is what an instance of a plug-in has besides its own memory. It is
// empty at the beginning of each attempt.
type extism struct {
	kernel kernel
	vars   map[string][]byte
	varred uint64            // bytes that the variables count
	config map[string]string // nil until it is asked for

	status  int // of the last answer to http_request
	headers []byte
}

func newExtism(m *memory) *extism { return &extism{kernel: kernel{memory: m}} }

func (e *extism) reset() {
	e.kernel.reset()
	*e = extism{kernel: e.kernel}
}

// extismStartUp gives the functions that have to be called before any entry, as
// Extism's own runtimes do: Haskell's, or those of WASI.
func extismStartUp(m *module.Module) []string {
	has := func(name string) bool { _, ok := m.Export(name); return ok }
	var functions []string
	if has(module.ExportInitialize) {
		functions = append(functions, module.ExportInitialize)
	}
	switch {
	case has(module.ExportHaskell):
		functions = append(functions, module.ExportHaskell)
	case functions == nil && has(module.ExportConstructors):
		functions = append(functions, module.ExportConstructors)
	}
	return functions
}

// unstarted gives an instance that the attempt has to start itself.
func (p *Program) unstarted(ctx context.Context, limits Limits) (*instance, *Stop, error) {
	a := newAttempt(limits, p.engine.config.Slice)
	a.starting, a.files = true, newFileTable(nil)
	i, stop, err := p.instantiate(ctx, a)
	if i != nil {
		i.waiting = true
	}
	return i, stop, err
}

// runExtism calls the entry with the input in the kernel's memory.
func (i *instance) runExtism(ctx context.Context, a *attempt) ([]byte, *Stop, error) {
	k := &a.extism.kernel
	if input := a.call.Input; len(input) > 0 {
		offset, _ := k.alloc(uint64(len(input)))
		room, found := k.write(offset, uint64(len(input)))
		if !found {
			return nil, &Stop{Reason: MemoryExceeded, Message: fmt.Sprintf(
				"an input of %d bytes does not fit beside the module's memory of %d bytes under the cap of %d", len(input), len(i.memory.buf), a.limits.MemoryBytes)}, nil
		}
		copy(room, input)
		k.input = span{offset: offset, length: uint64(len(input))}
	}
	if i.waiting {
		if stop, err := i.start(ctx, a); stop != nil || err != nil {
			if stop != nil {
				stop = &Stop{Reason: stop.Reason, Code: stop.Code, Message: "while the module starts: " + stop.Message, Retryable: stop.Retryable}
			}
			return nil, stop, err
		}
	}
	code, stop, err := i.enter(ctx, a, a.call.Entry)
	if err != nil {
		return nil, nil, err
	}
	words := k.content(k.failed)
	said := cut(string(words[:min(len(words), messageBytes)]), messageBytes)
	switch {
	case a.exit != nil && *a.exit != 0:
		i.spent = false
		a.log.close()
		if said == "" {
			said = a.log.lastWords()
		}
		return nil, extismFailure(fmt.Sprintf("exit_%d", *a.exit), said, fmt.Sprintf("exit code %d", *a.exit)), nil
	case a.exit == nil && stop != nil:
		if said != "" && stop.Reason == Trap {
			stop = &Stop{Reason: Trap, Message: stop.Message + "; the plug-in's error: " + said}
		}
		return nil, stop, nil
	case k.failed != 0 && said != "":
		i.spent = false
		return nil, extismFailure(extismError, said, ""), nil
	case a.exit == nil && uint32(code) != 0:
		i.spent = false
		return nil, extismFailure(extismError, "", fmt.Sprintf("%s returned %d and set no error", a.call.Entry, int32(code))), nil
	}
	output, found := k.view(k.output.offset, k.output.length)
	switch {
	case k.output.length == 0:
		output = nil
	case !found: // output_set has looked
		return nil, &Stop{Reason: BadOutput, Message: "the output lies outside the memory"}, nil
	case len(output) > a.limits.OutputBytes:
		return nil, outputTooLarge(a.limits.OutputBytes), nil
	}
	i.spent = false
	return append([]byte{}, output...), nil, nil
}

func extismFailure(code, words, otherwise string) *Stop {
	if words == "" {
		words = otherwise
	}
	return &Stop{Reason: NodeError, Code: code, Message: words}
}

// setting gives a value of the node's config: a string as it is, anything else as
// JSON. What the host found wrong with the output before is there for those who
// ask.
func (a *attempt) setting(name string) (string, bool) {
	if a.extism.config == nil {
		a.extism.config = map[string]string{}
		if len(a.call.Feedback) > 0 {
			a.extism.config["CHAINRUN_FEEDBACK"] = string(a.call.Feedback)
		}
		if len(a.call.Config) > 0 {
			a.readConfig(a.call.Config)
		}
	}
	value, found := a.extism.config[name]
	return value, found
}

func (a *attempt) readConfig(config []byte) {
	if bytes.Equal(bytes.TrimSpace(config), []byte("null")) {
		return
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(config, &members); err != nil {
		a.trap("config_get: the config of an Extism plug-in is an object of settings: %v", err)
	}
	for name, value := range members {
		var text string
		if json.Unmarshal(value, &text) != nil || slices.Equal(value, []byte("null")) {
			text = string(value)
		}
		a.extism.config[name] = text
	}
}
