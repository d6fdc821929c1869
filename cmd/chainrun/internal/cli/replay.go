package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/memory"
)

type replayFlags struct {
	store    string
	parallel int
	world    worldFlags
}

// replayCommand executes a recorded run again, and compares.
func (a *app) replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay RUN|FILE",
		Short: "Execute a recorded run again, and compare it with the record",
		Long: `Executes every node of a recorded run again, with the recorded documents, clock and
answers, and compares what comes of it byte for byte, fuel too. Nobody is asked for
anything and nothing is recorded. The run is one in the store, or a file that
"chainrun runs export" has written ("-": from stdin).

Exit codes: 0 identical, 6 not: the first difference is named.`,
		Example: "  chainrun replay RUN\n  chainrun replay run.jsonl.gz --json",
		Args:    oneRun,
		RunE:    func(_ *cobra.Command, args []string) error { return a.replay(args[0], f) },
	}
	addStoreFlag(c, &f.store)
	c.Flags().IntVar(&f.parallel, "parallel", 0, "how many steps may run at once (default: the number of CPUs)")
	f.world.add(c)
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		found, _ := a.completeRuns(c, args, begun)
		return found, cobra.ShellCompDirectiveDefault // files too
	}
	return c
}

func (a *app) replay(what string, f replayFlags) error {
	if f.parallel < 0 {
		return usagef("--parallel %d: expected a number from 1", f.parallel)
	}
	ctx, stop := interruptible()
	defer stop()
	s, id, err := a.replayed(ctx, what, f.store)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	logger := slog.New(slog.DiscardHandler) // what nodes logged was seen when they ran
	options, err := f.world.options(logger)
	if err != nil {
		return err
	}
	options = append(options, recordIn(s)...)
	if f.parallel > 0 {
		options = append(options, host.WithParallel(f.parallel))
	}
	h, err := a.newHost(options...)
	if err != nil {
		return err
	}
	defer a.close(h)
	r, err := h.Replay(ctx, id)
	if err != nil {
		return resumeError(err)
	}
	return a.sayReplayed(r)
}

// replayed opens where the run is that is to be replayed: a file is a store of its own.
func (a *app) replayed(ctx context.Context, what, path string) (store, string, error) {
	info, err := os.Stat(what)
	isFile := err == nil && info.Mode().IsRegular()
	if what == "-" || isFile || strings.ContainsAny(what, `./\`) {
		r, err := a.readArchive(what)
		if err != nil {
			return nil, "", err
		}
		s := inMemory{memory.New()}
		return s, r.ID, s.Import(ctx, r.Made, r.Events)
	}
	s, err := a.readStore(ctx, path)
	if err != nil {
		return nil, "", err
	}
	run, err := a.findRun(ctx, s, what)
	if err != nil {
		return nil, "", errors.Join(err, s.Close())
	}
	return s, run.ID, nil
}

func (a *app) sayReplayed(r inspect.Replayed) error {
	if a.json {
		a.printJSON(r)
	}
	if r.Divergence == nil {
		if !a.json {
			fmt.Fprintln(a.Out, compared(r))
		}
		return nil
	}
	if !a.json {
		fmt.Fprintf(a.Err, "chainrun: run %s diverges: %s\n", cell(r.Run), indented(r.Divergence.String()))
		for _, hint := range r.Divergence.Hints {
			fmt.Fprintf(a.Err, "  %s\n", indented(hint))
		}
	}
	return said(exitDiverged)
}

// compared says what a replay has held against the record.
func compared(r inspect.Replayed) string {
	text := fmt.Sprintf("identical: run %s, %s executed again", cell(r.Run), count(r.Attempts, "attempt"))
	if r.Skipped > 0 {
		text += fmt.Sprintf(", %d taken as recorded", r.Skipped)
	}
	if r.FuelCompared {
		text += "; outputs and fuel compared"
	} else {
		text += "; outputs compared, fuel not: it was counted by another version of the rule"
	}
	if r.Reworded > 0 {
		text += fmt.Sprintf("; %s has other words now", count(r.Reworded, "failure"))
	}
	return text
}
