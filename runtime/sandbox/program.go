package sandbox

// A program: one compiled module, and an attempt of it from beginning to end.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/chainrun/chainrun/runtime/module"
)

// A Program is a compiled module. It is safe for concurrent use and lives as
// long as its [Engine].
type Program struct {
	engine   *Engine
	module   *module.Module
	code     *code
	exports  map[string]string // by entry
	command  bool
	extism   bool
	poolable bool   // an instance can be set back
	tables   uint32 // the cap of tables, where the module has table.grow
	kept     string // where the cache has the module; "": nowhere

	runtime  wazero.Runtime // of its own: its cache is a folder of its own
	native   wazero.CompilationCache
	compiled wazero.CompiledModule

	mu     sync.Mutex
	images map[imageKey]*image
}

// Module gives the module that the program was made from.
func (p *Program) Module() *module.Module { return p.module }

func (p *Program) close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, img := range p.images {
		img.close()
	}
	err := p.runtime.Close(ctx)
	if p.native != nil {
		err = errors.Join(err, p.native.Close(ctx))
	}
	return err
}

// Call runs one attempt from the module's fresh state. Whatever the guest does
// is in the Result; an error means that chainrun itself could not do its work:
// the engine is closed, the entry does not exist, or Call.Host gave an error.
func (p *Program) Call(ctx context.Context, c Call) (Result, error) {
	if err := p.engine.begin(); err != nil {
		return Result{}, err
	}
	defer p.engine.end()
	if _, found := p.exports[c.Entry]; !found {
		return Result{}, fmt.Errorf("calling %q: %w", c.Entry, ErrNoEntry)
	}
	limits := c.Limits.orDefaults()
	if ctx.Err() != nil {
		return Result{Stop: canceled(ctx)}, nil
	}
	if limits.TableElements != p.tables && growsTables(&p.code.Metered) {
		var err error
		if p, err = p.engine.program(ctx, p.module, limits.TableElements); ctx.Err() != nil {
			return Result{Stop: canceled(ctx)}, nil
		} else if err != nil {
			return Result{}, fmt.Errorf("compiling the module for a table cap of %d: %w", limits.TableElements, err)
		}
	}
	inst, stop, err := p.acquire(ctx, limits)
	if stop != nil && stop.Reason == startsLate {
		inst, stop, err = p.unstarted(ctx, limits)
	}
	if inst == nil {
		return Result{Stop: stop}, err
	}

	a := &inst.attempt
	a.begin(limits, p.engine.config.Slice)
	a.of(c, inst)
	output, stop, err := inst.run(ctx, a)
	a.log.close()
	result := Result{
		Output: output, Stop: stop,
		Fuel:            a.used(inst.fuel),
		PeakMemoryBytes: uint64(len(inst.memory.buf)) + inst.memory.outside,
		LogTruncated:    a.log.truncated,
	}
	err = cmp.Or(err, a.err, a.log.err)
	if inst.extism != nil {
		inst.extism.reset()
	}
	p.release(inst)
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// newAttempt makes an attempt without a call: a start-up, until the caller
// makes more of it.
func newAttempt(limits Limits, slice uint64) *attempt {
	a := new(attempt)
	a.begin(limits, slice)
	return a
}

// begin is newAttempt for an attempt that is all zeros.
func (a *attempt) begin(limits Limits, slice uint64) {
	a.limits, a.slice, a.lookAt = limits, slice, hostWorkSlice
	a.deadline = time.Now().Add(limits.Timeout)
	a.log.left = limits.LogBytes
}

// of makes the attempt one of c, on an instance in its fresh state.
func (a *attempt) of(c Call, i *instance) {
	a.call, a.command, a.memory = c, i.program.command, i.memory
	a.extism = i.extism
	a.clock = newGuestClock(c.Time, i.lived)
	a.log.sink = c.Log
}

// run carries out the attempt a. The instance is marked as spent unless it
// ended so that it can be used again.
func (i *instance) run(ctx context.Context, a *attempt) (output []byte, stop *Stop, err error) {
	i.spent = true
	i.memory.refused = false
	if i.refused != nil {
		i.refused.Set(0)
	}
	switch {
	case a.command:
		output, stop, err = i.runCommand(ctx, a)
	case a.extism != nil:
		a.files = newFileTable(nil)
		output, stop, err = i.runExtism(ctx, a)
	default:
		a.files = newFileTable(nil)
		output, stop, err = i.runReactor(ctx, a)
	}
	if err == nil && stop == nil && a.used(i.fuel) > a.limits.Fuel {
		// The last instructions before the return are checked nowhere else.
		output, stop = nil, a.outOfFuel()
	}
	if stop != nil {
		stop = i.program.because(stop, a, i)
	}
	i.spent = i.spent || a.deep
	return output, stop, err
}

// because adds to a stop what the guest's own words and its refused growths say
// of it. The instance is nil when it failed before it was there.
func (p *Program) because(stop *Stop, a *attempt, i *instance) *Stop {
	a.log.close()
	if words := a.log.lastWords(); words != "" && stop.Reason == Trap {
		// Languages print what has happened and then trap.
		stop = &Stop{Reason: Trap, Message: stop.Message + "; stderr ended with: " + words}
	}
	switch stop.Reason {
	case NodeError, Trap, BadOutput:
		if what := p.refused(a, i); what != "" {
			return &Stop{Reason: MemoryExceeded, Code: stop.Code, Message: what + " was refused; then: " + stop.Message}
		}
	case FuelExhausted, MemoryExceeded, TimedOut, Canceled, OutputTooLarge, startsLate:
		// Decided by the sandbox for reasons of their own.
	}
	return stop
}

// The bits of Metered.RefusedExport.
const (
	refusedMemory = 1 << iota
	refusedTable
)

// refused tells which growth the caps have refused, "" for none. Most of those
// of memory are seen by the allocator; wazero itself refuses what goes beyond
// 4 GiB, and tables, with the maximum that capTables has declared. Where the
// module's own maximum is the tighter one it is not the cap's doing.
func (p *Program) refused(a *attempt, i *instance) string {
	seen := uint64(0)
	if i != nil && i.refused != nil {
		seen = i.refused.Get()
	}
	memory := a.memory.refused
	if seen&refusedMemory != 0 && len(p.module.Memories) > 0 {
		m := p.module.Memories[0]
		memory = memory || !m.HasMax || uint64(m.Max)*pageBytes > a.limits.MemoryBytes
	}
	switch {
	case memory:
		return fmt.Sprintf("a growth beyond the cap of %d bytes", a.limits.MemoryBytes)
	case seen&refusedTable != 0 && maxElements(p.module.Tables) > uint64(a.limits.TableElements):
		return fmt.Sprintf("a growth beyond the cap of %d table elements", a.limits.TableElements)
	}
	return ""
}

func (i *instance) runCommand(ctx context.Context, a *attempt) ([]byte, *Stop, error) {
	a.files = newFileTable(a.call.Input)
	_, stop, err := i.enter(ctx, a, module.ExportStart)
	switch {
	case a.exit != nil && *a.exit != 0:
		i.spent = false
		a.log.close()
		message := a.log.lastWords()
		if message == "" {
			message = fmt.Sprintf("exit code %d", *a.exit)
		}
		return nil, &Stop{Reason: NodeError, Code: fmt.Sprintf("exit_%d", *a.exit), Message: message}, nil
	case a.exit != nil: // 0
	case stop != nil || err != nil:
		return nil, stop, err
	}
	i.spent = false // our proc_exit leaves an instance as it is
	if a.files.output == nil {
		return []byte{}, nil, nil
	}
	return a.files.output, nil, nil
}

func (i *instance) runReactor(ctx context.Context, a *attempt) ([]byte, *Stop, error) {
	input := a.call.Input
	if uint64(len(input)) > math.MaxInt32 {
		return nil, &Stop{Reason: Trap, Message: "the input is larger than 2 GiB, which the ABI cannot hand over"}, nil
	}
	size := uint64(max(len(input), 1))
	at, stop, err := i.enter(ctx, a, module.ExportAlloc, size)
	if stop, err = reactorExit(a, stop, err); stop != nil || err != nil {
		return nil, stop, err
	}
	at = uint64(uint32(at))
	switch {
	case at == 0:
		return nil, &Stop{Reason: Trap, Message: fmt.Sprintf("%s found no memory for an input of %d bytes", module.ExportAlloc, size)}, nil
	case at+size > uint64(len(i.memory.buf)):
		return nil, &Stop{Reason: BadOutput, Message: fmt.Sprintf("%s(%d) answered with address %d, which with that size lies outside the memory of %d bytes",
			module.ExportAlloc, size, at, len(i.memory.buf))}, nil
	}
	copy(i.memory.buf[at:], input)

	entry := i.program.exports[a.call.Entry]
	packed, stop, err := i.enter(ctx, a, entry, at, uint64(len(input)))
	if stop, err = reactorExit(a, stop, err); stop != nil || err != nil {
		return nil, stop, err
	}
	return i.result(a, entry, packed)
}

// result takes the document that a function of the guest's has packed into 64
// bits: address, whether it is an error document, length.
func (i *instance) result(a *attempt, export string, packed uint64) ([]byte, *Stop, error) {
	at, size := packed>>32, packed&math.MaxInt32
	failed := packed>>31&1 == 1
	switch {
	case at+size > uint64(len(i.memory.buf)):
		return nil, &Stop{Reason: BadOutput, Message: fmt.Sprintf("%s gave a result of %d bytes at %d, which lies outside the memory of %d bytes",
			export, size, at, len(i.memory.buf))}, nil
	case size > uint64(a.limits.OutputBytes):
		return nil, outputTooLarge(a.limits.OutputBytes), nil
	}
	document := make([]byte, size)
	copy(document, i.memory.buf[at:])
	i.spent = false
	if failed {
		return nil, errorDocument(document), nil
	}
	return document, nil, nil
}

// reactorExit makes a proc_exit of a reactor a trap: it has given no result.
func reactorExit(a *attempt, stop *Stop, err error) (*Stop, error) {
	if a.exit == nil {
		return stop, err
	}
	return &Stop{Reason: Trap, Message: fmt.Sprintf("the reactor ended itself with proc_exit(%d)", *a.exit)}, nil
}

// The longest code and message that are taken from a node.
const (
	codeBytes    = 128
	messageBytes = 64 << 10
)

// errorDocument reads what a node says about its failure.
func errorDocument(b []byte) *Stop {
	var d struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		Retryable bool   `json:"retryable"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return &Stop{
			Reason: NodeError, Code: "invalid_error_document",
			Message: fmt.Sprintf("the node failed, and its error document cannot be read (%v): %s", err, cut(string(b), 1<<10)),
		}
	}
	return &Stop{Reason: NodeError, Code: cut(d.Code, codeBytes), Message: cut(d.Message, messageBytes), Retryable: d.Retryable}
}

// cut makes text of what a guest wrote, at most n bytes of it.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
