package cli

import (
	"context"
	"errors"

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
		Args: oneRun,
		RunE: func(_ *cobra.Command, args []string) error { return a.resume(args[0], f) },
	}
	addStoreFlag(c, &f.store)
	f.add(c)
	f.addLive(c)
	c.ValidArgsFunction = a.completeRuns
	return c
}

// oneRun checks the arguments of a command about a run.
func oneRun(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("expected the id of one run, found %d arguments", len(args))
	}
	return nil
}

func (a *app) resume(id string, f runFlags) error {
	ctx, stop := interruptible()
	defer stop()
	s, err := a.writeStore(ctx, f.store)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	run, err := a.findRun(ctx, s, id)
	if err != nil {
		return err
	}
	return a.carryOn(ctx, s, run, f)
}

// carryOn is resume in a store that is open.
func (a *app) carryOn(ctx context.Context, s *sqlite.Store, run sqlite.Run, f runFlags) error {
	return a.carry(ctx, s, "run "+run.ID, f, func(ctx context.Context, c *carrier) (*host.Run, error) {
		options, err := c.options(run.Graph)
		if err != nil {
			return nil, err
		}
		if f.live {
			options = append(options, host.WithLive())
		}
		r, err := c.host.Resume(ctx, run.ID, options...)
		return r, resumeError(err)
	})
}

// resumeError tells what the operator can mend from what chainrun cannot do.
func resumeError(err error) error {
	var plan *host.PlanError
	var owned *sqlite.OwnedError
	if errors.Is(err, host.ErrCassette) {
		return usagef("%w: give --cassette FILE again, or --live to ask the capabilities from now on", err)
	}
	if errors.Is(err, journal.ErrUnknownRun) || errors.Is(err, host.ErrNotPinned) || errors.As(err, &plan) || errors.As(err, &owned) {
		return usagef("%w", err)
	}
	return err
}
