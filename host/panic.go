package host

import (
	"fmt"
	"runtime/debug"

	"github.com/chainrun/chainrun/host/driver"
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
	switch p := recover().(type) {
	case nil:
	case *driver.Panic:
		*err = &PanicError{Value: p.Value, Stack: p.Stack}
	default:
		*err = &PanicError{Value: p, Stack: debug.Stack()}
	}
}
