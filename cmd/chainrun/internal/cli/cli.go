// Package cli is the command line: one file a command. A command reads flags,
// calls the host, and writes; what it decides is only how things look.
//
// The contract: the result, and nothing else, goes to stdout; progress and
// complaints go to stderr; exit codes are those of exit.go.
package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/graph"
)

// Streams are the process's three. Out and Err may be terminals.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// app is what every command shares.
type app struct {
	Streams
	version string
	json    bool // --json: the machine-readable form
}

// Main runs one command line and gives the exit code. It does not exit.
func Main(s Streams, version string, args []string) (code int) {
	out := &checkedWriter{w: s.Out}
	s.Out = out
	a := &app{Streams: s, version: version}
	defer func() {
		if p := recover(); p != nil {
			a.explainBug(fmt.Errorf("internal error: %v", p), debug.Stack())
			code = exitInternal
		}
	}()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.Execute()
	a.explain(err)
	if out.err != nil {
		fmt.Fprintf(s.Err, "chainrun: writing the result: %v\n", out.err)
		return exitInternal
	}
	return codeOf(err)
}

// checkedWriter remembers that a result could not be written, so that a full
// disk does not look like success.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// explain says what went wrong, once.
func (a *app) explain(err error) {
	var diagnostics graph.Diagnostics
	var exit *exitError
	var bug *host.PanicError
	switch {
	case err == nil:
	case errors.As(err, &bug):
		a.explainBug(err, bug.Stack)
	case errors.As(err, &diagnostics):
		a.complain(diagnostics)
	case errors.As(err, &exit) && exit.err == nil:
	default:
		fmt.Fprintf(a.Err, "chainrun: %s\n", indented(err.Error()))
		if exit != nil && exit.code == exitUsage {
			fmt.Fprintln(a.Err, "`chainrun --help` shows what there is.")
		}
	}
}

// explainBug owns up to one of chainrun's own faults. The stack is for those who
// ask for it.
func (a *app) explainBug(err error, stack []byte) {
	fmt.Fprintf(a.Err, "chainrun: %s\n", indented(err.Error()))
	if os.Getenv("CHAINRUN_DEBUG") != "" {
		fmt.Fprintf(a.Err, "%s", stack)
		return
	}
	fmt.Fprintln(a.Err, "This is a bug in chainrun. CHAINRUN_DEBUG=1 shows where; please report it.")
}

// complain prints diagnostics: for a machine on stdout, for a person on stderr.
func (a *app) complain(ds graph.Diagnostics) {
	if a.json {
		a.printJSON(struct {
			Diagnostics graph.Diagnostics `json:"diagnostics"`
		}{notNil(ds)})
		return
	}
	for _, d := range ds {
		fmt.Fprintln(a.Err, indented(d.String()))
	}
}

func notNil(ds graph.Diagnostics) graph.Diagnostics {
	if ds == nil {
		return graph.Diagnostics{}
	}
	return ds
}

// printJSON writes one value to stdout. Text is not escaped for HTML; what of it
// could steer a terminal is.
func (a *app) printJSON(v any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err == nil { // the values can always be encoded
		_, _ = a.Out.Write(visibleJSON(text.Bytes())) // an error of the writer is kept by it
	}
}

// later are the commands that the design has and this version has not, so that
// their names are not taken for files.
var later = []string{"test"}

func (a *app) root() *cobra.Command {
	run := a.runCommand()
	// Beside the commands, files; without this cobra offers none.
	run.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	check, draw := a.checkCommand(), a.graphCommand()
	check.ValidArgsFunction, draw.ValidArgsFunction = graphFiles, graphFiles
	run.AddCommand(check, draw, a.nodeCommand(), a.versionCommand())
	run.AddCommand(a.runsCommand(), a.resumeCommand(), a.signalCommand(), a.cancelCommand())
	run.AddCommand(a.forkCommand())
	run.AddCommand(a.showCommand(), a.diffCommand(), a.replayCommand())
	run.PersistentFlags().BoolVar(&a.json, "json", false, "print the machine-readable form")
	run.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%w", err) })
	run.PersistentPreRunE = func(c *cobra.Command, _ []string) error { // before cobra does, with no exit code of ours
		if err := c.ValidateFlagGroups(); err != nil {
			return usagef("%w", err)
		}
		return nil
	}
	run.SilenceErrors, run.SilenceUsage = true, true
	run.SuggestionsMinimumDistance = 2
	return run
}

// graphFiles completes the names of graph files.
var graphFiles = cobra.FixedCompletions([]string{"toml"}, cobra.ShellCompDirectiveFilterFileExt)

// suggestion names the command that was probably meant.
func suggestion(root *cobra.Command, word string) string {
	if word == "" {
		return ""
	}
	if names := root.SuggestionsFor(word); len(names) > 0 {
		return " (did you mean " + strings.Join(names, " or ") + "?)"
	}
	return ""
}
