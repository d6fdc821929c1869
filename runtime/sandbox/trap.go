package sandbox

// What went wrong in a guest, in words for people.

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/runtime/module"
)

// explain turns an error of wazero into the attempt's end: nothing at all for
// proc_exit, a stop for whatever the guest or its limits did, an error for
// what is chainrun's own fault.
func (p *Program) explain(a *attempt, err error) (*Stop, error) {
	switch {
	case a.err != nil:
		return nil, a.err
	case a.stop != nil && a.stop.Reason == FuelExhausted:
		// Where the time is over depends on the machine; where fuel is does not.
		return &Stop{Reason: FuelExhausted, Message: a.stop.Message + p.where(err)}, nil
	case a.stop != nil:
		return a.stop, nil
	case errors.Is(err, errEnded): // proc_exit
		return &Stop{Reason: Trap, Message: "proc_exit"}, nil
	}
	text := firstLine(err.Error())
	if trap := root(err); fmt.Sprintf("%T", trap) == wasmError {
		text = trap.Error()
	} else if _, bug := errors.AsType[runtime.Error](err); bug {
		return nil, fmt.Errorf("running a module: %w", trap) // a panic in our host functions or in wazero
	}
	if text == "stack overflow" {
		text = "stack overflow: the native stack is used up"
	}
	return &Stop{Reason: Trap, Message: text + p.where(err)}, nil
}

// wasmError is the type of wazero's traps. It lies in an internal package, and
// the text around it holds names out of the module, which may say anything.
const wasmError = "*wasmruntime.Error"

// root gives the error at the bottom of the chain.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// tooDeep is the stop of an attempt whose calls were nested too deep; err is the trap that
// the rewritten module ends itself with then.
func (p *Program) tooDeep(limits Limits, err error) *Stop {
	return &Stop{Reason: Trap, Message: fmt.Sprintf("call depth %d exceeded", limits.CallDepth) + p.where(err)}
}

// What is told of a call stack: enough to find the place, and the same however deep it
// was.
const (
	whereFrames    = 8
	whereNameBytes = 100
)

// frame is a line of wazero's stack trace: a name, then the signature.
var frame = regexp.MustCompile(`^\t(.*?)\((?:[a-z0-9]+(?:,[a-z0-9]+)*)?\)(?: .*)?$`)

// where says in which function a guest was, and by whose calls: ` in function "divide",
// called by "average", "run"`. "" where that is not known.
func (p *Program) where(err error) string {
	var names []string
	var times []int
	_, trace, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n")
	more := false
	for line := range strings.Lines(trace) {
		match := frame.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if match == nil {
			more = more || len(names) > 0 // wazero, too, ends somewhere
			continue
		}
		name, guest := strings.CutPrefix(match[1], p.compiled.Name()+".")
		if !guest || name == p.code.YieldName {
			continue // the host's own
		}
		if name = p.functionName(name); name == "" {
			continue
		}
		if last := len(names) - 1; last >= 0 && names[last] == name {
			times[last]++
			continue
		}
		if len(names) == whereFrames {
			more = true
			break
		}
		names, times = append(names, name), append(times, 1)
	}
	if len(names) == 0 {
		return ""
	}
	for i, n := range times {
		if n > 1 {
			names[i] += fmt.Sprintf(" (%d times)", n)
		}
	}
	text := " in function " + names[0]
	if len(names) > 1 {
		text += ", called by " + strings.Join(names[1:], ", ")
	}
	if more {
		text += " and others"
	}
	return text
}

// hashed is how the names of functions end in Rust.
var hashed = regexp.MustCompile(`::h[0-9a-f]{16}$`)

// functionName makes text of a name out of a stack trace: wazero's for a function without
// a name is $ and its index, in the rewritten module. Such a one is named by its export,
// or else by its index in the module as its author knows it; "" where it came with the
// rewriting.
func (p *Program) functionName(name string) string {
	number, unnamed := strings.CutPrefix(name, "$")
	if index, err := strconv.ParseUint(number, 10, 32); unnamed && err == nil {
		if imported := p.module.ImportCount(module.KindFunction); uint32(index) > imported {
			index-- // the import that yields comes before it
		}
		if index >= uint64(p.module.ImportCount(module.KindFunction))+uint64(len(p.module.Functions)) {
			return ""
		}
		for _, e := range p.module.Exports {
			if e.Kind == module.KindFunction && e.Index == uint32(index) {
				return strconv.Quote(cut(e.Name, whereNameBytes))
			}
		}
		return strconv.FormatUint(index, 10)
	}
	return strconv.Quote(cut(hashed.ReplaceAllString(name, ""), whereNameBytes))
}

// goFrames is how much is told of the stack of a panic in Go.
const goFrames = 5

// goFrame is a function in Go's dump of goroutines with the line below it, where it is.
var goFrame = regexp.MustCompile(`(?m)^(\S.*)\(.*\)\n\t(?:.*/)?([^/\n]+:[0-9]+)(?: .*)?$`)

// goStack finds in Go's dump of goroutines where the first of them was, without what the
// language itself does after a panic: "main.divide (main.go:11), main.run (main.go:19)".
// Unlike the stack of WebAssembly it has names even where a module was stripped.
func goStack(dump string) string {
	dump, _, _ = strings.Cut(dump, "\n\n") // the others
	var frames []string
	for _, match := range goFrame.FindAllStringSubmatch(dump, -1) {
		name := match[1]
		if strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "panic") || strings.HasPrefix(name, "created by ") {
			continue
		}
		if len(frames) == goFrames {
			break
		}
		frames = append(frames, fmt.Sprintf("%s (%s)", cut(name, whereNameBytes), cut(match[2], whereNameBytes)))
	}
	return strings.Join(frames, ", ")
}
