package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/host/stepper"
)

type signalFlags struct {
	runFlags
	data   string
	resume bool
}

// signalCommand answers a step that waits.
func (a *app) signalCommand() *cobra.Command {
	var f signalFlags
	c := &cobra.Command{
		Use:   "signal RUN [STEP] --data JSON|@FILE|-",
		Short: "Answer a step that waits",
		Long: `Answers a step that waits for a signal; STEP may be left out where one step alone
waits. The answer is checked at once: exit code 4 if it breaks the step's schema. A
process that carries the run out takes it within a second. Where there is none it is
kept in the store until "chainrun resume RUN"; with --resume the run is carried on at
once, and output and exit codes are those of a run.`,
		Example: `  chainrun signal RUN --data '{"ok": true}'
  chainrun signal RUN 'approve[2]' --data @answer.json --resume`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("expected the id of a run, and perhaps a step; found %d arguments", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("data") {
				return usagef("--data is missing: the answer, as JSON, @FILE, or - for stdin")
			}
			return a.signal(args[0], append(args, "")[1], f)
		},
	}
	addStoreFlag(c, &f.store)
	c.Flags().StringVarP(&f.data, "data", "d", "", "the answer: JSON, @FILE, or - for stdin")
	c.Flags().BoolVar(&f.resume, "resume", false, "carry the run on at once, if no process does; the other flags are for that")
	f.add(c)
	f.addLive(c)
	c.ValidArgsFunction = a.completeSteps
	return c
}

// completeSteps completes the run, then the step that waits.
func (a *app) completeSteps(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeRuns(c, args, begun)
	}
	s, err := a.readStore(c.Context(), c.Flag("store").Value.String())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = s.Close() }() // nobody waits to hear of it
	waits, _ := host.WaitsOf(c.Context(), s, args[0])
	return waits, cobra.ShellCompDirectiveNoFileComp
}

// sent is what `signal --json` prints.
type sent struct {
	Run  string `json:"run"`
	Step string `json:"step"`
	// Status is "taken" by the run, "stored" until it is resumed, or "refused".
	Status     string              `json:"status"`
	Error      string              `json:"error,omitempty"`
	Violations []failure.Violation `json:"violations,omitempty"`
}

func (a *app) signal(id, step string, f signalFlags) error {
	answer, err := a.readDocument("--data", f.data)
	if err != nil {
		return err
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
	said := sent{Run: run.ID, Step: step}
	signal, err := host.CheckSignal(ctx, s, run.ID, step, answer)
	if err != nil {
		return a.refuseSignal(said, err)
	}
	said.Step = signal.Step
	number, err := a.send(ctx, s, run.ID, signal)
	if err != nil {
		return err
	}
	owner, _ := s.Owner(run.ID) // not to know is to have none
	if owner == nil && f.resume {
		return a.carryOn(ctx, s, run, f.runFlags)
	}
	said.Status = "stored"
	if owner != nil {
		if said.Status, err = taken(ctx, s, run.ID, signal.Step, number); err != nil {
			return err
		}
	}
	if a.json {
		a.printJSON(said)
	}
	step = indented(signal.Step)
	switch {
	case said.Status == "refused":
		if !a.json {
			fmt.Fprintf(a.Err, "chainrun: run %s did not take the answer: step %s does not wait any more\n", run.ID, step)
		}
		return &exitError{code: exitUsage}
	case a.json:
	case said.Status == "taken":
		fmt.Fprintf(a.Err, "run %s has taken the answer for %s\n", run.ID, step)
	case owner != nil:
		fmt.Fprintf(a.Err, "the answer for %s is stored; %s has not taken it yet\n", step, ownerOf(owner))
	default:
		fmt.Fprintf(a.Err, "the answer for %s is stored, and no process carries the run out%s\n", step, f.goOn(run.ID))
	}
	return nil
}

func ownerOf(o *sqlite.OwnedError) string {
	if o.PID == 0 {
		return "its process"
	}
	return fmt.Sprintf("process %d", o.PID)
}

// findOpenRun finds a run that has not ended.
func (a *app) findOpenRun(ctx context.Context, s *sqlite.Store, id string) (sqlite.Run, error) {
	run, err := a.findRun(ctx, s, id)
	if err == nil && run.Status != "" {
		return run, usagef("run %s has ended, it is %s: nothing can be sent to it", run.ID, run.Status)
	}
	return run, err
}

// refuseSignal says why an answer was not sent.
func (a *app) refuseSignal(s sent, err error) error {
	var text *host.InputError
	var refused *stepper.SignalError
	s.Status = "refused"
	code := exitDocument
	switch {
	case errors.As(err, &text):
		s.Error = "the answer is no JSON document"
		if vs := text.Failure.Violations; len(vs) > 0 {
			s.Error += ": " + vs[0].Message
		}
	case errors.As(err, &refused) && len(refused.Violations) > 0:
		s.Step, s.Error, s.Violations = refused.Step, refused.Text, refused.Violations
	case errors.As(err, &refused):
		s.Error, code = refused.Text, exitUsage
	case errors.Is(err, host.ErrNotPinned):
		return usagef("%w", err)
	default:
		return err
	}
	if a.json {
		a.printJSON(s)
		return said(code)
	}
	where := "run " + s.Run
	if s.Step != "" {
		where += fmt.Sprintf(", step %q", s.Step)
	}
	fmt.Fprintf(a.Err, "chainrun: %s: %s\n", indented(where), indented(s.Error))
	a.violations(s.Violations)
	return said(code)
}

// send puts a message into a run's inbox and gives its number. What would be dropped,
// because of what is there already, is refused.
func (a *app) send(ctx context.Context, s *sqlite.Store, run string, b event.Body) (int64, error) {
	waiting, err := s.Inbox(ctx, run)
	if err != nil {
		return 0, err
	}
	signal, ok := b.(event.SignalReceived)
	for _, m := range waiting {
		switch there := m.Event.Body.(type) {
		case event.CancelRequested:
			if ok {
				return 0, usagef("run %s is to be canceled already", run)
			}
			return m.Number, nil // that one will do
		case event.SignalReceived:
			if ok && there.Step == signal.Step {
				return 0, usagef("an answer for step %q is stored already, and waits for the run to take it", signal.Step)
			}
		default:
			// Nothing else is sent.
		}
	}
	err = s.Send(ctx, event.Event{Run: run, Time: time.Now().UTC().Truncate(time.Microsecond), Body: b})
	if errors.Is(err, journal.ErrFinished) {
		return 0, usagef("run %s has ended meanwhile", run)
	}
	if errors.Is(err, sqlite.ErrInboxFull) {
		return 0, usagef("%w", err)
	}
	if err != nil {
		return 0, err
	}
	after, err := s.Inbox(ctx, run)
	if err != nil || len(after) == 0 {
		return 0, err // the owner was quick
	}
	return after[len(after)-1].Number, nil
}

// Its owner takes a message within a second; it may be busy.
const (
	takingTime = 5 * time.Second
	takingLook = 50 * time.Millisecond
)

// taken waits until the owner of a run has taken a message, and says what it did.
func taken(ctx context.Context, s *sqlite.Store, run, step string, number int64) (string, error) {
	gone, err := until(ctx, takingTime, func() (bool, error) {
		messages, err := s.Inbox(ctx, run)
		return !slices.ContainsFunc(messages, func(m journal.Message) bool { return m.Number == number }), err
	})
	if err != nil || !gone {
		return "stored", err
	}
	for e, err := range s.Events(ctx, run) {
		if err != nil {
			return "", err
		}
		if b, ok := e.Body.(event.SignalReceived); ok && b.Step == step {
			return "taken", nil
		}
	}
	return "refused", nil
}

// until looks again and again whether something is so, for at most so long.
func until(ctx context.Context, most time.Duration, look func() (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		ok, err := look()
		if ok || err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return false, nil
			}
			return ok, err
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, host.ErrInterrupted) {
				return false, cause
			}
			return false, nil
		case <-time.After(takingLook):
		}
	}
}
