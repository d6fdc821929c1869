package meter

// Why a module is not rewritten.

import "fmt"

// InvalidError says that a module cannot be metered: it is invalid in a way that rewriting could hide, it is malformed,
// or it uses an extension of WebAssembly that is refused. The module has to be built again.
type InvalidError struct {
	Function uint32 // the function's index, imports included; NoFunction outside of bodies
	Offset   int    // where in the file, in bytes from its start; 0 when it is about no place
	Text     string // what was found
	Hint     string // what to do about it; may be empty
}

// NoFunction is the Function of an [InvalidError] that is about no function body.
const NoFunction = ^uint32(0)

// Error gives the complaint on one line, without the hint.
func (e *InvalidError) Error() string {
	if e.Function == NoFunction {
		return e.Text
	}
	return fmt.Sprintf("function %d, offset %#x: %s", e.Function, e.Offset, e.Text)
}
