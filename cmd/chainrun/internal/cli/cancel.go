package cli

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// cancelCommand ends a run, whoever carries it out.
func (a *app) cancelCommand() *cobra.Command {
	var f runFlags
	var reason string
	c := &cobra.Command{
		Use:   "cancel RUN",
		Short: "End a run that has not ended",
		Long: `Asks the process that carries the run out to cancel it; where there is none, cancels
it at once: no attempt begins any more. Exit code 0 if the run is canceled, 1 if it
ended otherwise before.`,
		Args: oneRun,
		RunE: func(_ *cobra.Command, args []string) error { return a.cancel(args[0], reason, f) },
	}
	addStoreFlag(c, &f.store)
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at the run")
	f.quiet, f.log = true, "warn"
	f.world.add(c)
	c.ValidArgsFunction = a.completeRuns
	return c
}

// cancelTime is how long to wait for the process that carries the run out.
const cancelTime = 10 * time.Second

func (a *app) cancel(id, reason string, f runFlags) error {
	if !utf8.ValidString(reason) {
		return usagef("--reason %q: expected UTF-8", reason)
	}
	ctx, stop := interruptible()
	defer stop()
	s, err := a.writeStore(ctx, f.store)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	run, err := a.findOpenRun(ctx, s, id)
	if err != nil {
		return err
	}
	if _, err := a.send(ctx, s, run.ID, event.CancelRequested{Reason: reason}); err != nil {
		return err
	}
	for {
		owner, _ := s.Owner(run.ID) // not to know is to have none
		if owner == nil {
			break
		}
		ended, err := until(ctx, cancelTime, func() (bool, error) {
			now, err := s.Run(ctx, run.ID)
			if err == nil && now.Status == "" {
				owner, _ = s.Owner(run.ID)
			}
			return now.Status != "" || owner == nil, err
		})
		if err != nil {
			return err
		}
		if !ended {
			return usagef("the run is to be canceled; %s has not done so yet", ownerOf(owner))
		}
		if run, err = s.Run(ctx, run.ID); err != nil {
			return err
		}
		if run.Status != "" {
			return a.sayCanceled(ctx, s, run)
		}
	}
	return a.carry(ctx, s, "run "+run.ID, f, func(ctx context.Context, c *carrier) (*host.Run, error) {
		c.end = func(r *host.Run) error { return a.canceled(r.View()) }
		r, err := c.host.Resume(ctx, run.ID, host.WithPast(c.tel.Recall), host.WithObserver(c.tel.Observe))
		if err := resumeError(err); err != nil {
			return nil, fmt.Errorf("the run is to be canceled, and will be when it is resumed: %w", err)
		}
		return r, nil
	})
}

// sayCanceled says how a run ended that another process has canceled.
func (a *app) sayCanceled(ctx context.Context, s *sqlite.Store, run sqlite.Run) error {
	v, err := foldRun(ctx, s, run.ID)
	if err != nil {
		return err
	}
	return a.canceled(v)
}

// canceled says how a run ended that was to be canceled.
func (a *app) canceled(v inspect.View) error {
	if a.json {
		a.printJSON(v)
	}
	if v.Status != string(event.Canceled) {
		fmt.Fprintf(a.Err, "chainrun: run %s has ended before, it is %s\n", v.Run, v.Status)
		return said(exitFailed)
	}
	if !a.json {
		fmt.Fprintf(a.Err, "run %s is canceled\n", v.Run)
	}
	return nil
}
