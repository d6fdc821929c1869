package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/cassette"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// The exit codes, as scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1 // the run failed or was canceled
	exitUsage       = 2
	exitInvalid     = 3 // the graph or a module is invalid
	exitDocument    = 4 // the run's own input or output breaks its schema
	exitWaiting     = 5 // the run rests until a signal comes
	exitDiverged    = 6 // the run is not the one that was recorded
	exitInternal    = 7
	exitInterrupted = 130
)

// exitError ends the process with a code. Its text, if it has one, is what the
// operator reads; without one everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef is a complaint about the command line.
func usagef(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// said ends the process when all there is to say was said.
func said(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

// codeOf classifies what a command returned.
func codeOf(err error) int {
	var exit *exitError
	var diagnostics graph.Diagnostics
	var input *host.InputError
	var missing *fs.PathError
	var diverged *cassette.DivergedError
	var closed *secret.MissingError
	var elsewhere *invoke.DivergedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &diagnostics):
		return exitInvalid
	case errors.As(err, &input):
		return exitDocument
	case errors.Is(err, host.ErrInterrupted):
		return exitInterrupted
	case errors.As(err, &diverged), errors.As(err, &elsewhere):
		return exitDiverged
	case errors.As(err, &closed), errors.Is(err, sandbox.ErrNoStrategy): // before the file that is missing for it
		return exitUsage
	case errors.As(err, &missing):
		return exitInvalid
	}
	return exitInternal
}
