package host

import (
	"fmt"
	"runtime/debug"
)

// PanicError means that chainrun, or a library under it, has a bug that a graph,
// a module or a document brought out. The run or the graph is lost, the host
// goes on: the process may have other runs in it. Please report it, with Stack.
type PanicError struct {
	Value any
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// guard turns a panic into an error of the function that defers it.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{Value: p, Stack: debug.Stack()}
	}
}
