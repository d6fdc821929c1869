package module

// What can be wrong with a file.

import (
	"errors"
	"fmt"
	"strings"
)

// ErrComponent is what a [FormatError] is (errors.Is) when the file is a WebAssembly component and not a core module.
// The author has to build the node for another target; the error's Hint says which.
var ErrComponent = errors.New("WebAssembly component")

// FormatError says that a file is not a core WebAssembly module that this package can read. The file has to be built
// again; nothing the caller does with the same bytes will help.
type FormatError struct {
	Offset  int    // where in the file, in bytes from its start
	Section string // the section's name, e.g. "import"; empty outside sections
	Text    string // what was found
	Hint    string // what to do about it; may be empty

	cause error
}

// Error gives the complaint on one line, without the hint.
func (e *FormatError) Error() string {
	if e.Section == "" {
		return fmt.Sprintf("offset %#x: %s", e.Offset, e.Text)
	}
	return fmt.Sprintf("%s section, offset %#x: %s", e.Section, e.Offset, e.Text)
}

// Unwrap gives [ErrComponent] where that is the reason, else nil.
func (e *FormatError) Unwrap() error { return e.cause }

// UnsupportedError says that a well-formed module cannot be a node. Found lists everything that stands in the way, not
// only the first thing; Hint says what to do, or what is offered instead.
type UnsupportedError struct {
	Found string
	Hint  string
}

// Error gives what was found and the hint.
func (e *UnsupportedError) Error() string {
	if e.Hint == "" {
		return e.Found
	}
	return e.Found + "; " + strings.TrimSuffix(e.Hint, ".")
}
