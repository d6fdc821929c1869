package cli

// What a run needs around it: what shows it, what logs, who is told of it, its
// tapes, and what is said of its end. `run`, `resume` and `fork` share it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/telemetry"
)

// runFlags are the flags of all that carries out a run.
type runFlags struct {
	events   bool
	quiet    bool
	log      string
	parallel int
	record   string
	cassette string
	live     bool   // of those that carry a run on
	store    string // "": the default one
	wait     bool
	keep     string // the folder of --keep-input; "": nothing is kept
	world    worldFlags
}

// add adds the flags but for --store, of which each command says what it is for.
func (f *runFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.events, "events", false, "write one JSON event a line to stderr instead of progress")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	c.Flags().StringVar(&f.log, "log", "info", "the least level of what nodes log to be shown: debug, info, warn, error, off")
	c.Flags().IntVar(&f.parallel, "parallel", 0, "how many steps may run at once (default: the number of CPUs)")
	c.Flags().StringVar(&f.record, "record", "", "write the answers of all capabilities to this file, a cassette")
	c.Flags().StringVar(&f.cassette, "cassette", "", "take the answers of all capabilities from this file, and ask nobody")
	c.Flags().BoolVar(&f.wait, "wait", false, "stay while the run waits for a signal, instead of leaving with exit code 5")
	c.Flags().StringVar(&f.keep, "keep-input", "", "write what each attempt that fails was given to a file in this folder, for chainrun node run --attempt FILE")
	f.world.add(c)
}

// addLive adds the flag of those that carry a run on.
func (f *runFlags) addLive(c *cobra.Command) {
	c.Flags().BoolVar(&f.live, "live", false, "ask the capabilities from now on, also where the run was answered from a cassette")
	c.MarkFlagsMutuallyExclusive("live", "cassette")
}

// carrier is one run on its way, for a command.
type carrier struct {
	app      *app
	flags    runFlags
	name     string // of what is run, in what is said of a failure
	progress progress
	tel      *telemetry.Telemetry
	host     *host.Host
	kept     bool // the run will be there when this process is not
	left     bool // something still uses the host: the operator had no patience
	finish   func(*host.Run) error
	end      func(*host.Run) error // says how the run ended
	grown    chan struct{}         // has something when there are new events
	keeper   *keeper               // nil: no attempt is kept
}

// carry has begin start a run, or carry one on, with a host whose runs are kept in
// s. It waits for the run and says what came of it; name is what a failure is said
// of. The context is to be interruptible; that of begin ends when carry does, and
// leaves a run that rests.
func (a *app) carry(ctx context.Context, s store, name string, f runFlags, begin func(context.Context, *carrier) (*host.Run, error)) error {
	if f.parallel < 0 {
		return usagef("--parallel %d: expected a number from 1", f.parallel)
	}
	level, err := parseLevel(f.log)
	if err != nil {
		return err
	}
	c := &carrier{
		app: a, flags: f, name: name, progress: a.newProgress(f),
		finish: func(*host.Run) error { return nil }, grown: make(chan struct{}, 1),
	}
	c.end = c.report
	_, forgotten := s.(inMemory)
	c.kept = !forgotten
	defer c.progress.close()
	shown := slog.New(&nodeLog{level: level, to: c.progress})
	if c.tel, err = telemetry.New(ctx, telemetry.WithLogger(shown)); err != nil {
		return usagef("%v", err)
	}
	// An interrupted run is told of, too. What did not arrive was said by the logger.
	defer func() { _ = c.tel.Shutdown(context.WithoutCancel(ctx)) }()
	logger := slog.New(slog.NewMultiHandler(shown.Handler(), c.tel.Handler()))
	options, err := f.world.options(logger)
	if err != nil {
		return err
	}
	options = append(append(options, host.WithLogger(logger)), recordIn(s)...)
	if f.parallel > 0 {
		options = append(options, host.WithParallel(f.parallel))
	}
	if c.host, err = a.newHost(options...); err != nil {
		return err
	}
	defer func() {
		if !c.left {
			a.close(c.host)
		}
	}()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(host.ErrInterrupted)
	r, err := begin(ctx, c)
	if err == nil {
		defer func() {
			leave(host.ErrInterrupted) // a run that rests is left, not canceled
			<-r.Done()
		}()
		err = c.await(r)
	}
	c.progress.close()
	unkept := c.finish(r)
	err = c.conclude(r, err)
	if c.keeper != nil && !f.events {
		c.keeper.say(a)
	}
	switch {
	case unkept == nil:
		return err
	case err == nil:
		return unkept
	}
	fmt.Fprintf(a.Err, "chainrun: %v\n", unkept) // the run's own end is the exit code
	return err
}

// load loads the graph that is to be run, and shows its warnings.
func (c *carrier) load(ctx context.Context, name string) (*host.Graph, error) {
	notice := time.AfterFunc(patience, func() {
		if !c.flags.quiet {
			c.progress.line("compiling the modules; the next start takes them from the cache")
		}
	})
	g, err := load(ctx, c.host, name)
	notice.Stop()
	if errors.Is(err, host.ErrInterrupted) {
		c.left = true // it is still being loaded, and has files to itself: nothing is closed
		c.progress.close()
		fmt.Fprintln(c.app.Err, "chainrun: interrupted while the graph was loaded")
		return nil, said(exitInterrupted)
	}
	if ds, err := diagnosticsOf(name, err); err != nil {
		return nil, err
	} else if ds != nil {
		return nil, ds
	}
	for _, d := range g.Diagnostics() {
		if d.Severity == graph.Warning {
			c.progress.line(indented(d.String()))
		}
	}
	return g, nil
}

// options are those of the run: who sees it, and its tapes. graph is the name of
// the graph that is run.
func (c *carrier) options(graph string) ([]host.RunOption, error) {
	options := []host.RunOption{
		host.WithObserver(c.progress.event), host.WithObserver(c.tel.Observe), host.WithPast(c.tel.Recall), host.WithPast(c.progress.past),
		host.WithPartials(c.progress.partial), host.WithObserver(c.grow),
	}
	tapes, finish, err := c.flags.tapes(graph)
	if err != nil {
		return nil, err
	}
	c.finish = finish
	if c.flags.keep != "" {
		if c.keeper, err = newKeeper(c.flags.keep); err != nil {
			_ = c.finish(nil)
			return nil, err
		}
		options = append(options, host.WithFailedAttempts(c.keeper.see))
	}
	return append(options, tapes...), nil
}

func (c *carrier) grow(event.Event) {
	select {
	case c.grown <- struct{}{}:
	default:
	}
}

// await waits for the end of the run, or until it rests and nobody wants to wait
// for a signal.
func (c *carrier) await(r *host.Run) error {
	var told []string
	for waits := r.Waits(); waits != nil && c.flags.wait; waits = r.Waits() {
		if !slices.Equal(waits, told) && !c.flags.quiet {
			c.progress.line(c.waiting(r.ID(), waits))
		}
		told = waits
		select {
		case <-c.grown:
		case <-r.Done():
		}
	}
	return r.Wait()
}
