package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// resumeCommand carries on a run whose process stopped.
func (a *app) resumeCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "resume RUN",
		Short: "Carry on a run whose process stopped",
		Long: `Carries on a run that is in a store and that no process carries out: from where it
was, with the graph, schemas and modules of its beginning. Steps that are done are
not executed again. Output and exit codes are those of a run.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected the id of one run, found %d arguments", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.resume(args[0], f) },
	}
	c.Flags().BoolVar(&f.events, "events", false, "write one JSON event a line to stderr instead of progress")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	c.Flags().StringVar(&f.log, "log", "info", "the least level of what nodes log to be shown: debug, info, warn, error, off")
	c.Flags().IntVar(&f.parallel, "parallel", 0, "how many steps may run at once (default: the number of CPUs)")
	c.Flags().StringVar(&f.store, "store", "", "the file that the run is kept in (default: a file in the user's state folder)")
	f.world.add(c)
	return c
}

func (a *app) resume(id string, f runFlags) error {
	if f.parallel < 0 {
		return usagef("--parallel %d: expected a number from 1", f.parallel)
	}
	level, err := parseLevel(f.log)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	if f.store == "" {
		f.store = defaultStore()
	}
	if f.store == memoryStore {
		return usagef("--store memory keeps nothing that could be resumed")
	}
	if _, err := os.Stat(f.store); err != nil { // opening it would make it
		return usagef("there is no store to resume from: %w", err)
	}
	s, err := sqlite.Open(ctx, f.store, sqlite.Options{})
	if err != nil {
		return usagef("%w; --store PATH names another file", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			fmt.Fprintf(a.Err, "chainrun: closing the store: %v\n", err)
		}
	}()
	p := a.newProgress(f)
	defer p.close()
	logger := slog.New(&nodeLog{level: level, to: p})
	options, err := f.world.options(logger)
	if err != nil {
		return err
	}
	options = append(append(options, host.WithLogger(logger)), recordIn(s)...)
	if f.parallel > 0 {
		options = append(options, host.WithParallel(f.parallel))
	}
	h, err := a.newHost(options...)
	if err != nil {
		return err
	}
	defer a.close(h)
	r, err := h.Resume(ctx, id, host.WithObserver(p.event), host.WithPartials(p.partial))
	var plan *host.PlanError
	var owned *sqlite.OwnedError
	switch {
	case errors.Is(err, journal.ErrUnknownRun), errors.Is(err, host.ErrNotPinned), errors.As(err, &plan), errors.As(err, &owned):
		return usagef("%w", err)
	case err != nil:
		return err
	}
	err = r.Wait()
	p.close()
	return a.conclude("run "+id, r, err, f)
}
