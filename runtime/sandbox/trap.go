package sandbox

// What went wrong in a guest, in words for people.

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// explain turns an error of wazero into the attempt's end: nothing at all for
// proc_exit, a stop for whatever the guest or its limits did, an error for
// what is chainrun's own fault.
func (p *Program) explain(a *attempt, err error) (*Stop, error) {
	switch {
	case a.err != nil:
		return nil, a.err
	case a.stop != nil:
		return a.stop, nil
	case errors.Is(err, errEnded): // proc_exit
		return &Stop{Reason: Trap, Message: "proc_exit"}, nil
	}
	_, trace, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n")
	text := firstLine(err.Error())
	if trap := root(err); fmt.Sprintf("%T", trap) == wasmError {
		text = trap.Error()
	} else if _, bug := errors.AsType[runtime.Error](err); bug {
		return nil, fmt.Errorf("running a module: %w", trap) // a panic in our host functions or in wazero
	}
	if text == "stack overflow" {
		text = "stack overflow: the native stack is used up"
	}
	if where := p.functionOf(trace); where != "" {
		text += " in function " + where
	}
	return &Stop{Reason: Trap, Message: text}, nil
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

// frame is a line of wazero's stack trace: a name, then the signature.
var frame = regexp.MustCompile(`^\t?(.*?)\((?:[a-z0-9]+(?:,[a-z0-9]+)*)?\)(?: .*)?$`)

// functionOf finds the name of the function that a stack trace begins with.
func (p *Program) functionOf(trace string) string {
	match := frame.FindStringSubmatch(firstLine(trace))
	if match == nil {
		return ""
	}
	name := strings.TrimPrefix(match[1], p.compiled.Name()+".")
	if number, found := strings.CutPrefix(name, "$"); found {
		if _, err := strconv.Atoi(number); err == nil {
			return number
		}
	}
	return strconv.Quote(cut(name, 200))
}
