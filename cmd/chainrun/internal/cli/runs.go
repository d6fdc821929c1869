package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// runsFlags say which runs are listed.
type runsFlags struct {
	store  string
	status string
	graph  string
	limit  int
}

// statuses are all that a run can have.
var statuses = []string{
	string(event.Done), string(event.Failed), string(event.Canceled), inspect.Waiting, inspect.Running, inspect.Interrupted,
}

// runsCommand lists the runs of a store; below it is what is done to many of them.
func (a *app) runsCommand() *cobra.Command {
	var f runsFlags
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs that are in the store, and tidy, export or verify them",
		Long: `Lists the runs in the order in which they began, the newest at the bottom. A run
that has not ended is waiting for a signal, running while a process carries it out,
or interrupted: "chainrun resume RUN" carries it on.`,
		Example: "  chainrun runs\n  chainrun runs --status waiting\n  chainrun runs --graph triage --limit 10 --json",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.runs(f) },
	}
	addStoreFlag(c, &f.store)
	c.Flags().StringVar(&f.status, "status", "", "only runs of this status: "+strings.Join(statuses, ", "))
	c.Flags().StringVar(&f.graph, "graph", "", "only runs of the graph of this name")
	c.Flags().IntVarP(&f.limit, "limit", "n", 0, "only so many, the newest (default: all)")
	_ = c.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(statuses, cobra.ShellCompDirectiveNoFileComp))
	c.AddCommand(a.pruneCommand(), a.exportCommand(), a.importCommand(), a.verifyCommand())
	return c
}

// listedRun is a line of `chainrun runs`, as --json prints it.
type listedRun struct {
	Run      string     `json:"run"`
	Status   string     `json:"status"`
	Graph    string     `json:"graph"`
	Started  time.Time  `json:"started"`
	Finished *time.Time `json:"finished,omitempty"` // nil: it has not
}

func (a *app) runs(f runsFlags) error {
	if f.status != "" && !slices.Contains(statuses, f.status) {
		return usagef("--status %q: expected one of %s", f.status, strings.Join(statuses, ", "))
	}
	if f.limit < 0 {
		return usagef("--limit %d: expected a number from 1", f.limit)
	}
	ctx, stop := interruptible()
	defer stop()
	list := []listedRun{}
	s, err := a.readStore(ctx, f.store)
	absent := errors.Is(err, os.ErrNotExist)
	damaged := false
	if !absent {
		if err != nil {
			return err
		}
		defer a.closeStore(s)
		if list, damaged, err = a.listRuns(ctx, s, f); err != nil {
			return err
		}
	}
	switch {
	case a.json:
		a.printJSON(list)
	case len(list) > 0:
		a.printRuns(list)
	case absent:
		path, _ := storePath(f.store) // there was no error before
		fmt.Fprintf(a.Err, "there is no run: there is no store %s yet\n", path)
	case f.graph == "" && f.status == "":
		fmt.Fprintln(a.Err, "there is no run")
	default:
		fmt.Fprintln(a.Err, "there is no such run")
	}
	if damaged {
		return said(exitInternal)
	}
	return nil
}

// listRuns gives the runs that the flags ask for, the oldest first. damaged: there are
// runs that cannot be listed, which was said.
func (a *app) listRuns(ctx context.Context, s *sqlite.Store, f runsFlags) (list []listedRun, damaged bool, err error) {
	var runs []sqlite.Run
	for r, err := range s.List(ctx) {
		var corrupt *sqlite.CorruptError
		switch {
		case errors.As(err, &corrupt):
			fmt.Fprintf(a.Err, "chainrun: %s\n", indented(err.Error()))
			damaged = true
		case err != nil:
			return nil, damaged, err
		case f.graph == "" || f.graph == r.Graph:
			runs = append(runs, r)
		}
	}
	// From the newest on: the status of those that are not asked for costs nothing.
	list = []listedRun{}
	for _, r := range slices.Backward(runs) {
		if f.limit > 0 && len(list) == f.limit {
			break
		}
		status := statusOf(ctx, s, r)
		if err := context.Cause(ctx); err != nil {
			return nil, damaged, err
		}
		if f.status != "" && f.status != status {
			continue
		}
		l := listedRun{Run: r.ID, Status: status, Graph: r.Graph, Started: r.Started}
		if !r.Finished.IsZero() {
			l.Finished = &r.Finished
		}
		list = append(list, l)
	}
	slices.Reverse(list)
	return list, damaged, nil
}

// statusOf is the status of a run: also of one that has not ended, which is read for
// it. A run that rests in a process that carries it out is waiting.
func statusOf(ctx context.Context, s *sqlite.Store, r sqlite.Run) string {
	if r.Status != "" {
		return string(r.Status)
	}
	if v, err := foldRun(ctx, s, r.ID); err == nil && v.Status != inspect.Running {
		return v.Status // it may have ended meanwhile
	}
	if owner, err := s.Owner(r.ID); err == nil && owner == nil {
		return inspect.Interrupted
	}
	return inspect.Running // as far as this system can tell
}

// foldRun is the view of a run that is in the store. What cannot be read any more is
// not in it.
func foldRun(ctx context.Context, s *sqlite.Store, id string) (inspect.View, error) {
	g, err := host.Pinned(ctx, s, id)
	if err != nil {
		return inspect.View{}, err
	}
	return inspect.Fold(g, func(yield func(event.Event) bool) {
		for e, err := range s.Events(ctx, id) {
			if err != nil || !yield(e) {
				return
			}
		}
	}), nil
}

func (a *app) printRuns(list []listedRun) {
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tGRAPH\tSTATUS\tSTARTED\tTOOK")
	for _, r := range list {
		took := ""
		if r.Finished != nil {
			took = short(r.Finished.Sub(r.Started))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cell(r.Run), cell(r.Graph), r.Status, r.Started.Local().Format("2006-01-02 15:04:05"), took)
	}
	_ = w.Flush() // an error of the writer is kept by it
}

// cell is what a stranger wrote, in one cell of a table.
func cell(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\v' || r == '\f' {
			return ' '
		}
		return r
	}, printable(s))
}

// completeRuns completes the ids of runs, with what is known of them, the newest
// first.
func (a *app) completeRuns(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var path string
	if flag := c.Flag("store"); flag != nil {
		path = flag.Value.String()
	}
	s, err := a.readStore(c.Context(), path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = s.Close() }() // nobody waits to hear of it
	var found []string
	for r, err := range s.List(c.Context()) {
		if err == nil && strings.HasPrefix(r.ID, begun) {
			status := string(r.Status)
			if status == "" {
				status = "not ended"
			}
			found = append(found, fmt.Sprintf("%s\t%s, %s, %s", r.ID, cell(r.Graph), status, r.Started.Local().Format("2006-01-02 15:04")))
		}
	}
	slices.Reverse(found)
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
