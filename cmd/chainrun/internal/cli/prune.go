package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host/journal/sqlite"
)

type pruneFlags struct {
	store     string
	olderThan string
	keep      int
	dryRun    bool
}

// pruneCommand deletes runs that have ended.
func (a *app) pruneCommand() *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune",
		Short: "Delete runs that have ended",
		Long: `Deletes runs that have ended, with all that only they needed, and makes the store's
file smaller. With both flags a run goes only if both let it go. A run that has not
ended is never deleted: cancel it first. Values of kv stay.`,
		Example: "  chainrun runs prune --older-than 30d\n  chainrun runs prune --keep 100 --dry-run",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.prune(f) },
	}
	addStoreFlag(c, &f.store)
	c.Flags().StringVar(&f.olderThan, "older-than", "", "delete runs that ended longer ago than this: 12h, 30d, 8w")
	c.Flags().IntVar(&f.keep, "keep", 0, "keep so many of those that ended last")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "delete nothing; list what would be deleted")
	return c
}

// pruned is what `runs prune --json` prints.
type pruned struct {
	Runs   int   `json:"runs"`
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"` // that the file gave back; 0 in a dry run
	DryRun bool  `json:"dry_run"`
}

func (a *app) prune(f pruneFlags) error {
	if f.olderThan == "" && f.keep <= 0 {
		return usagef("say which runs are to go: --older-than 30d, --keep 100, or both")
	}
	r := sqlite.Retention{Keep: f.keep}
	if f.keep < 0 {
		return usagef("--keep %d: expected a number from 1", f.keep)
	}
	if f.olderThan != "" {
		age, err := parseAge(f.olderThan)
		if err != nil {
			return usagef("--older-than %q: %w", f.olderThan, err)
		}
		r.Before = time.Now().Add(-age)
	}
	ctx, stop := interruptible()
	defer stop()
	open := a.writeStore
	if f.dryRun {
		open = a.readStore
	}
	s, err := open(ctx, f.store)
	if errors.Is(err, os.ErrNotExist) {
		return a.sayPruned(pruned{DryRun: f.dryRun}) // there is nothing to delete
	}
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	if f.dryRun {
		return a.wouldPrune(ctx, s, r)
	}
	done, err := s.Prune(ctx, r)
	if err != nil {
		return fmt.Errorf("%w; %s went before that", err, count(done.Runs, "run"))
	}
	return a.sayPruned(pruned{Runs: done.Runs, Events: done.Events, Bytes: done.Bytes})
}

// wouldPrune lists what Prune would delete.
func (a *app) wouldPrune(ctx context.Context, s *sqlite.Store, r sqlite.Retention) error {
	var ended []sqlite.Run
	for run, err := range s.List(ctx) {
		var corrupt *sqlite.CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			return err
		}
		if err == nil && run.Status != "" {
			ended = append(ended, run)
		}
	}
	slices.SortStableFunc(ended, func(x, y sqlite.Run) int { return cmp.Compare(x.Finished.UnixMicro(), y.Finished.UnixMicro()) })
	ended = ended[:max(0, len(ended)-r.Keep)]
	list, n := []listedRun{}, pruned{DryRun: true}
	for _, run := range ended {
		if r.Before.IsZero() || run.Finished.UnixMicro() < r.Before.UnixMicro() {
			n.Runs++
			n.Events += int64(run.Events)
			list = append(list, listedRun{Run: run.ID, Status: string(run.Status), Graph: run.Graph, Started: run.Started, Finished: &run.Finished})
		}
	}
	if !a.json && len(list) > 0 {
		a.printRuns(list)
	}
	return a.sayPruned(n)
}

func (a *app) sayPruned(n pruned) error {
	switch {
	case a.json:
		a.printJSON(n)
	case n.DryRun:
		fmt.Fprintf(a.Err, "%s would be deleted\n", count(n.Runs, "run"))
	default:
		fmt.Fprintf(a.Err, "deleted %s, the file gives back %s\n", count(n.Runs, "run"), bytesOf(n.Bytes))
	}
	return nil
}

// bytesOf is a size as a person reads it.
func bytesOf(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// parseAge reads a duration that may be in days and weeks.
func parseAge(text string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseUint(digits, 10, 16)
			if err != nil {
				return 0, fmt.Errorf("expected a whole number before %q, of at most 65535", unit)
			}
			return time.Duration(n) * length, nil
		}
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, errors.New("expected a time such as 90m, 12h, 30d or 8w")
	}
	return age, nil
}
