package sandbox

// The functions that an Extism plug-in imports. They are no capabilities, but for
// http_request: they cost no host call and need no grant. Those that a guest
// calls once a byte do so little that its own fuel bounds them; the others
// account for what they move.

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"github.com/chainrun/chainrun/runtime/module"
)

const (
	// varsBytes bounds a plug-in's variables, as Extism's runtimes do.
	varsBytes = 1 << 20
	// varBytes is what a variable counts besides its name and value there.
	varBytes = 40
	// stepBytes is what looking at one block counts as, in bytes moved.
	stepBytes = 16
)

// extismFunction makes the host function behind an import; nil when there is none.
func extismFunction(i module.Import) api.GoModuleFunction {
	name, found := module.ExtismFunction(i)
	f := extismFunctions[name]
	if !found || f == nil {
		return nil
	}
	answers := name != "get_log_level" // with something of the attempt's
	return api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
		a, caller := attemptOf(ctx)
		if a.starting && answers {
			a.end(&Stop{Reason: startsLate, Message: "the start-up asks Extism's kernel"})
		}
		f(caller, a, stack)
	})
}

// extismFunctions are all functions of module.ExtismFunctions.
var extismFunctions = map[string]func(ctx context.Context, a *attempt, stack []uint64){
	"input_length": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.input.length },
	"input_offset": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.input.offset },
	"input_load_u8": func(_ context.Context, a *attempt, stack []uint64) {
		k, at := &a.extism.kernel, stack[0]
		if at >= k.input.length {
			stack[0] = 0
			return
		}
		stack[0] = uint64(k.bytes[k.input.offset+at])
	},
	"input_load_u64": func(_ context.Context, a *attempt, stack []uint64) {
		k, at := &a.extism.kernel, stack[0]
		if at >= k.input.length || k.input.length-at < 8 {
			stack[0] = 0
			return
		}
		stack[0] = binary.LittleEndian.Uint64(k.bytes[k.input.offset+at:])
	},
	"load_u8": func(_ context.Context, a *attempt, stack []uint64) {
		stack[0] = uint64(a.kernelView("load_u8", stack[0], 1)[0])
	},
	"load_u64": func(_ context.Context, a *attempt, stack []uint64) {
		stack[0] = binary.LittleEndian.Uint64(a.kernelView("load_u64", stack[0], 8))
	},
	"store_u8": func(_ context.Context, a *attempt, stack []uint64) {
		a.kernelWrite("store_u8", stack[0], 1)[0] = byte(stack[1])
	},
	"store_u64": func(_ context.Context, a *attempt, stack []uint64) {
		binary.LittleEndian.PutUint64(a.kernelWrite("store_u64", stack[0], 8), stack[1])
	},

	"alloc":         func(ctx context.Context, a *attempt, stack []uint64) { stack[0] = a.kernelAlloc(ctx, stack[0]) },
	"free":          func(_ context.Context, a *attempt, stack []uint64) { a.extism.kernel.free(stack[0]) },
	"length":        func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.used(stack[0]) },
	"length_unsafe": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.used(stack[0]) },
	"memory_bytes":  func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.length },
	"reset": func(ctx context.Context, a *attempt, _ []uint64) {
		a.charge(ctx, a.extism.kernel.written)
		a.extism.kernel.clear()
	},

	"input_set": func(_ context.Context, a *attempt, stack []uint64) {
		a.extism.kernel.input = a.kernelSpan("input_set", stack[0], stack[1])
	},
	"output_set": func(_ context.Context, a *attempt, stack []uint64) {
		a.extism.kernel.output = a.kernelSpan("output_set", stack[0], stack[1])
	},
	"output_offset": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.output.offset },
	"output_length": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.output.length },
	"error_set": func(_ context.Context, a *attempt, stack []uint64) {
		if stack[0] != 0 {
			a.kernelView("error_set", stack[0], 1)
		}
		a.extism.kernel.failed = stack[0]
	},
	"error_get": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = a.extism.kernel.failed },

	"config_get": func(ctx context.Context, a *attempt, stack []uint64) {
		a.charge(ctx, uint64(len(a.call.Config)+len(a.call.Feedback)))
		value, _ := a.setting(string(a.name(ctx, stack[0], false)))
		stack[0] = a.kernelPut(ctx, "config_get", []byte(value))
	},
	"var_get": func(ctx context.Context, a *attempt, stack []uint64) {
		value := a.extism.vars[string(a.name(ctx, stack[0], true))]
		stack[0] = a.kernelPut(ctx, "var_get", value)
	},
	"var_set": varSet,

	"http_request":     httpRequest,
	"http_status_code": func(_ context.Context, a *attempt, stack []uint64) { stack[0] = uint64(uint32(a.extism.status)) },
	"http_headers": func(ctx context.Context, a *attempt, stack []uint64) {
		stack[0] = a.kernelPut(ctx, "http_headers", a.extism.headers)
	},

	"log_trace":     extismLog("debug"), // there is no lower level here
	"log_debug":     extismLog("debug"),
	"log_info":      extismLog("info"),
	"log_warn":      extismLog("warn"),
	"log_error":     extismLog("error"),
	"get_log_level": func(_ context.Context, _ *attempt, stack []uint64) { stack[0] = 0 }, // everything
}

func varSet(ctx context.Context, a *attempt, stack []uint64) {
	e := a.extism
	name := string(a.name(ctx, stack[0], true))
	old, had := e.vars[name]
	if had {
		e.varred -= uint64(len(name)+len(old)) + varBytes
		delete(e.vars, name)
	}
	if stack[1] == 0 {
		return
	}
	value := a.taken(ctx, stack[1], true)
	size := uint64(len(name)+len(value)) + varBytes
	if e.varred+size >= varsBytes {
		a.trap("var_set: the variables of a plug-in hold less than %d bytes together", varsBytes)
	}
	if e.vars == nil {
		e.vars = map[string][]byte{}
	}
	e.varred += size
	e.vars[name] = append([]byte{}, value...)
}

// extismLog takes a record of one level.
func extismLog(level string) func(ctx context.Context, a *attempt, stack []uint64) {
	return func(ctx context.Context, a *attempt, stack []uint64) {
		message := a.taken(ctx, stack[0], true)
		message = message[:min(len(message), max(a.log.left, 0)+1)] // a byte too many is cut, and said to be
		a.log.record(LogRecord{Level: level, Message: string(message)})
	}
}

// kernelView gives bytes of the kernel's memory; to ask for what lies outside is
// the guest's mistake.
func (a *attempt) kernelView(what string, offset, n uint64) []byte {
	b, found := a.extism.kernel.view(offset, n)
	if !found {
		a.trap("%s: %d bytes at offset %d lie outside the memory of %d bytes", what, n, offset, len(a.extism.kernel.bytes))
	}
	return b
}

func (a *attempt) kernelWrite(what string, offset, n uint64) []byte {
	b := a.kernelView(what, offset, n)
	a.extism.kernel.written = max(a.extism.kernel.written, offset+n)
	return b
}

func (a *attempt) kernelSpan(what string, offset, n uint64) span {
	if n == 0 {
		return span{}
	}
	a.kernelView(what, offset, n)
	return span{offset: offset, length: n}
}

func (a *attempt) kernelAlloc(ctx context.Context, n uint64) uint64 {
	before := len(a.extism.kernel.bytes)
	offset, steps := a.extism.kernel.alloc(n)
	a.charge(ctx, steps*stepBytes+uint64(len(a.extism.kernel.bytes)-before))
	return offset
}

// kernelPut gives the guest a block with these bytes, 0 for none at all.
func (a *attempt) kernelPut(ctx context.Context, what string, b []byte) uint64 {
	a.charge(ctx, uint64(len(b)))
	if len(b) == 0 {
		return 0
	}
	offset := a.kernelAlloc(ctx, uint64(len(b)))
	room, found := a.extism.kernel.write(offset, uint64(len(b)))
	if !found {
		a.trap("%s: no memory for %d bytes", what, len(b))
	}
	copy(room, b)
	return offset
}

// name is taken for the name of a setting or a variable.
func (a *attempt) name(ctx context.Context, offset uint64, freed bool) []byte {
	b := a.taken(ctx, offset, freed)
	if len(b) >= varsBytes {
		a.trap("a name of %d bytes; the most is %d", len(b), varsBytes-1)
	}
	return b
}

// taken gives the bytes of a block that the guest hands over, and frees it where
// it becomes the host's. They are valid until the next change of the memory.
func (a *attempt) taken(ctx context.Context, offset uint64, freed bool) []byte {
	b := a.extism.kernel.content(offset)
	a.charge(ctx, uint64(len(b)))
	if freed {
		a.extism.kernel.free(offset)
	}
	return b
}
