package cli

// What is said of a run's end, and what can be done next.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
)

// conclude says what came of a run: of one that never began (nil), was
// interrupted, waits or has ended.
func (c *carrier) conclude(r *host.Run, err error) error {
	a := c.app
	var refused *host.InputError
	var overtaken *journal.SequenceError
	switch {
	case errors.As(err, &refused):
		return a.refuse(refused)
	case err != nil && r != nil && errors.Is(err, host.ErrInterrupted):
		v := r.View()
		if v.Status != inspect.Waiting {
			v.Status = inspect.Interrupted // no process owns it any more
		}
		if a.json {
			a.printJSON(v)
		}
		fmt.Fprintf(a.Err, "chainrun: interrupted, run %s did not end%s\n", r.ID(), c.goOn(r.ID()))
		return said(exitInterrupted)
	case errors.As(err, &overtaken), errors.Is(err, journal.ErrFinished): // the system cannot lock, or --id was given twice
		return usagef("another process carries run %s out, or has: %w", r.ID(), err)
	case err != nil && r != nil && c.kept && r.View().Run == "": // not even its start is in the store
		return storeError(err, "the run did not begin; --store PATH names another file, --store memory keeps nothing")
	case err != nil && r != nil: // it stands where it was; the store may be full, or broken
		return fmt.Errorf("%w%s", err, c.goOn(r.ID()))
	case err != nil:
		return err
	}
	if waits := r.Waits(); waits != nil {
		if a.json {
			a.printJSON(r.View())
		}
		fmt.Fprintf(a.Err, "chainrun: %s\n", c.waiting(r.ID(), waits))
		return said(exitWaiting)
	}
	return c.end(r)
}

// waiting says that a run rests, and how to answer it.
func (c *carrier) waiting(id string, steps []string) string {
	text := fmt.Sprintf("run %s waits for a signal to %s", id, indented(strings.Join(steps, ", ")))
	if !c.kept {
		return text
	}
	return text + "\n  to answer: " + c.flags.command("signal", quoted(id), quoted(steps[0]), "--data", "'…'")
}

// goOn says how a run that did not end is carried on.
func (c *carrier) goOn(id string) string {
	if !c.kept {
		return ""
	}
	return c.flags.goOn(id)
}

func (f runFlags) goOn(id string) string {
	words := []string{"resume", quoted(id)}
	if f.cassette != "" {
		words = append(words, "--cassette", quoted(f.cassette))
	}
	return "\n  to carry it on: " + f.command(words...)
}

// command is a command line about a run in the same store.
func (f runFlags) command(words ...string) string {
	return commandLine(f.store, words...)
}

// refuse says that no run began, because its input is no good.
func (a *app) refuse(e *host.InputError) error {
	if a.json {
		a.printJSON(inspect.View{Status: string(event.Failed), Failure: &e.Failure, Steps: []inspect.Step{}})
	}
	fmt.Fprintf(a.Err, "chainrun: %s\n", indented(e.Failure.Message))
	if vs := e.Failure.Violations; len(vs) > 0 && vs[0].Keyword != "json" { // else the message says it all
		a.violations(vs)
	}
	return said(exitDocument)
}

// report writes the result of a run that has ended.
func (c *carrier) report(r *host.Run) error {
	a := c.app
	if a.json {
		a.printJSON(r.View())
	}
	why := r.Failure()
	if why == nil {
		if !a.json {
			fmt.Fprintf(a.Out, "%s\n", r.Output().Bytes())
		}
		return nil
	}
	if !c.flags.events {
		a.explainFailure(c.name, r, why)
	}
	if why.Code == failure.InvalidOutput && why.Step == "" {
		return said(exitDocument)
	}
	return said(exitFailed)
}
