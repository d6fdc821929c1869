package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// showFlags say what of a run is shown.
type showFlags struct {
	store   string
	step    string
	trace   string
	traced  bool // --trace was given; "" is the whole output
	stepped bool // --step was
}

// showCommand shows a run that is in the store.
func (a *app) showCommand() *cobra.Command {
	var f showFlags
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run: its steps, one step's documents, where a value came from",
		Long: `Shows a run that is in the store, also while it goes on: its steps in canonical
order with their attempts, fuel and time, what was refused and what was repaired.

With --step all of one step: what it was given and gave, the state before and after,
each attempt with its calls of capabilities. With --trace where a value of the run's
output came from: which steps gave it, unchanged, and which one made it.`,
		Example: `  chainrun show 01JD
  chainrun show 01JD --step 'review[2]'
  chainrun show 01JD --trace /items/0/title
  chainrun show 01JD --json`,
		Args: oneRun,
		RunE: func(c *cobra.Command, args []string) error {
			f.traced, f.stepped = c.Flags().Changed("trace"), c.Flags().Changed("step")
			return a.show(args[0], f)
		},
	}
	addStoreFlag(c, &f.store)
	c.Flags().StringVar(&f.step, "step", "", "show all of the step of this id")
	c.Flags().StringVar(&f.trace, "trace", "", `show where the value at this JSON Pointer of the run's output came from; "" is all of it`)
	c.ValidArgsFunction = a.completeRuns
	return c
}

func (a *app) show(id string, f showFlags) error {
	if f.traced && f.stepped {
		return usagef("--step and --trace: one of them at a time")
	}
	ctx, stop := interruptible()
	defer stop()
	s, err := a.readStore(ctx, f.store)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	r, err := a.readRun(ctx, s, id)
	if err != nil {
		return err
	}
	r.named = f.store
	switch {
	case f.stepped:
		err = a.showStep(r, f.step)
	case f.traced:
		err = a.showTrace(r, f.trace)
	default:
		a.showRun(r)
	}
	if err != nil {
		return err
	}
	return a.readable(r)
}

// recorded is a run that is in a store.
type recorded struct {
	sqlite.Run
	ctx    context.Context //nolint:containedctx // of the one command that reads it
	store  *sqlite.Store
	named  string       // --store, as it was given
	graph  *graph.Graph // nil: it is not known, or this chainrun cannot read it
	made   *journal.Sources
	failed error // what ended the reading of its events
}

// readRun finds a run and reads the graph that it was begun with. Where there is none,
// it says so: a journal says much without.
func (a *app) readRun(ctx context.Context, s *sqlite.Store, id string) (*recorded, error) {
	run, err := a.findRun(ctx, s, id)
	if err != nil {
		return nil, err
	}
	r := &recorded{Run: run, ctx: ctx, store: s}
	var found graph.Diagnostics
	var corrupt *sqlite.CorruptError
	switch r.graph, err = host.Pinned(ctx, s, run.ID); {
	case err == nil:
		r.made, err = s.Sources(ctx, run.ID)
	case errors.Is(err, host.ErrNotPinned), errors.As(err, &found), errors.As(err, &corrupt):
		fmt.Fprintf(a.Err, "chainrun: %s\n", indented(err.Error()))
		err = nil
	}
	return r, err
}

// events gives the events of the run as often as it is asked. What cannot be read any
// more ends them, see [app.readable].
func (r *recorded) events() iter.Seq[event.Event] {
	return func(yield func(event.Event) bool) {
		for e, err := range r.store.Events(r.ctx, r.ID) {
			if err != nil {
				r.failed = err
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

// readable says, at the end, what of a run could not be read.
func (a *app) readable(r *recorded) error {
	if r.failed == nil {
		return nil
	}
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "chainrun: the rest of the run cannot be read: %s\n", indented(r.failed.Error()))
	return said(exitInternal)
}

// view folds the run. Whether a process carries it out is the store's to say.
func (r *recorded) view() inspect.View {
	v := inspect.Fold(r.graph, r.events())
	if v.Status == inspect.Running {
		if owner, err := r.store.Owner(r.ID); err == nil && owner == nil {
			v.Status = inspect.Interrupted
		}
	}
	return v
}

// page writes for a person on stdout. What strangers wrote goes through its methods.
type page struct {
	w     io.Writer
	style liveStyle
}

func (a *app) newPage() page {
	to := a.Out
	if c, ok := to.(*checkedWriter); ok {
		to = c.w // else it is no terminal
	}
	r := lipgloss.NewRenderer(to) // knows NO_COLOR and what the terminal can do
	color := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	return page{w: a.Out, style: liveStyle{done: color("2"), failed: color("1"), running: color("6"), faint: r.NewStyle().Faint(true)}}
}

// fact writes a row of the head: nothing where there is nothing to say.
func (p page) fact(key, value string) {
	if value != "" {
		fmt.Fprintf(p.w, "%-11s %s\n", key, indented(value))
	}
}

// line writes a line of text, indented by depth.
func (p page) line(depth int, text string) {
	margin := strings.Repeat("  ", depth)
	fmt.Fprintf(p.w, "%s%s\n", margin, strings.ReplaceAll(printable(strings.TrimRight(text, "\n")), "\n", "\n"+margin+"    "))
}

func (p page) gap() { fmt.Fprintln(p.w) }

// status gives the word for a status in its color.
func (p page) status(s string) string {
	switch s {
	case string(inspect.StepDone):
		return p.style.done.Render(s)
	case string(inspect.StepFailed):
		return p.style.failed.Render(s)
	case string(inspect.StepRunning), string(inspect.StepWaiting):
		return p.style.running.Render(s)
	}
	return s
}

// mark is the sign before a step.
func (p page) mark(s inspect.StepStatus) string {
	switch s {
	case inspect.StepDone:
		return p.style.done.Render("✓")
	case inspect.StepFailed:
		return p.style.failed.Render("✗")
	case inspect.StepRunning:
		return p.style.running.Render("▸")
	case inspect.StepWaiting:
		return p.style.running.Render("?")
	case inspect.StepSkipped, inspect.StepCanceled:
	}
	return p.style.faint.Render("·")
}
