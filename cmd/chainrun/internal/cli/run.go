package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/telemetry"
)

// runFlags are the flags of the main job.
type runFlags struct {
	input    string
	events   bool
	quiet    bool
	log      string
	parallel int
	seed     string
	record   string
	cassette string
	store    string
	world    worldFlags
}

// patience is how long the operator sees nothing before it is said why.
const patience = 700 * time.Millisecond

// runCommand is the root: `chainrun GRAPH.toml` is the main job.
func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "chainrun GRAPH.toml",
		Short: "Run a graph of sandboxed WebAssembly modules",
		Long: `Runs a graph: every node is a WebAssembly module in a sandbox, every document
that crosses a wire is checked, every call is limited.

The run's output goes to stdout as JSON, progress and complaints go to stderr.
Exit codes: 0 done, 1 the run failed, 2 usage, 3 the graph or a module is
invalid, 4 the run's own input or output breaks its schema, 5 the run waits for a
signal, 6 the run asked for something else than its cassette holds, 7 a bug in
chainrun, 130 interrupted.`,
		Example: `  chainrun graph.toml
  chainrun graph.toml --input '{"name": "Ada"}'
  chainrun graph.toml --input @films.json --json
  producer | chainrun graph.toml --input -`,
		Args: a.oneGraph,
		RunE: func(_ *cobra.Command, args []string) error { return a.run(args[0], f) },
	}
	c.Flags().StringVarP(&f.input, "input", "i", "{}", "the run's input: JSON, @FILE, or - for stdin")
	c.Flags().BoolVar(&f.events, "events", false, "write one JSON event a line to stderr instead of progress")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	c.Flags().StringVar(&f.log, "log", "info", "the least level of what nodes log to be shown: debug, info, warn, error, off")
	c.Flags().IntVar(&f.parallel, "parallel", 0, "how many steps may run at once (default: the number of CPUs)")
	c.Flags().StringVar(&f.seed, "seed", "", "text that seeds the nodes' randomness (default: derived from graph and input)")
	c.Flags().StringVar(&f.record, "record", "", "write the answers of all capabilities to this file, a cassette")
	c.Flags().StringVar(&f.cassette, "cassette", "", "take the answers of all capabilities from this file, and ask nobody")
	c.Flags().StringVar(&f.store, "store", "", `the file that runs and values of kv are kept in, or "memory" (default: a file in the user's state folder if a node is granted kv, else memory)`)
	f.world.add(c)
	return c
}

// oneGraph checks the root's argument. A word that is no file may be a command
// that was mistyped, or one that is not there yet.
func (a *app) oneGraph(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		_ = c.Help()
		return usagef("expected the name of a graph file")
	case len(args) > 1:
		return usagef("expected one graph file, found %d arguments: %q", len(args), args)
	}
	word := args[0]
	if strings.ContainsAny(word, `./\`) {
		return nil
	}
	if _, err := os.Stat(word); err == nil {
		return nil
	}
	if slices.Contains(later, word) {
		return usagef("`chainrun %s` is not supported yet by this version", word)
	}
	return usagef("%q is no command and no file%s", word, suggestion(c, word))
}

func (a *app) run(name string, f runFlags) error {
	if f.parallel < 0 {
		return usagef("--parallel %d: expected a number from 1", f.parallel)
	}
	level, err := parseLevel(f.log)
	if err != nil {
		return err
	}
	input, err := a.readInput(f.input)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	p := a.newProgress(f)
	defer p.close()
	shown := slog.New(&nodeLog{level: level, to: p})
	tel, err := telemetry.New(ctx, telemetry.WithLogger(shown))
	if err != nil {
		return usagef("%v", err)
	}
	// An interrupted run is told of, too. What did not arrive was said by the logger.
	defer func() { _ = tel.Shutdown(context.WithoutCancel(ctx)) }()
	logger := slog.New(slog.NewMultiHandler(shown.Handler(), tel.Handler()))
	options, err := f.world.options(logger)
	if err != nil {
		return err
	}
	s, closer, err := openStore(ctx, name, f.store)
	if err != nil {
		return err
	}
	defer func() {
		if err := closer.Close(); err != nil {
			fmt.Fprintf(a.Err, "chainrun: closing the store: %v\n", err)
		}
	}()
	options = append(append(options, host.WithLogger(logger)), recordIn(s)...)
	if f.parallel > 0 {
		options = append(options, host.WithParallel(f.parallel))
	}
	h, err := a.newHost(options...)
	if err != nil {
		return err
	}
	notice := time.AfterFunc(patience, func() {
		if !f.quiet {
			p.line("compiling the modules; the next start takes them from the cache")
		}
	})
	g, err := load(ctx, h, name)
	notice.Stop()
	if errors.Is(err, host.ErrInterrupted) {
		p.close()
		fmt.Fprintln(a.Err, "chainrun: interrupted while the graph was loaded")
		return said(exitInterrupted) // it still is, and has files to itself: nothing is closed
	}
	defer a.close(h)
	if ds, err := diagnosticsOf(name, err); err != nil {
		return err
	} else if ds != nil {
		return ds
	}
	for _, d := range g.Diagnostics() {
		if d.Severity == graph.Warning {
			p.line(indented(d.String()))
		}
	}

	runOptions := []host.RunOption{host.WithObserver(p.event), host.WithObserver(tel.Observe), host.WithPartials(p.partial)}
	if f.seed != "" {
		runOptions = append(runOptions, host.WithSeed(sha256.Sum256([]byte(f.seed))))
	}
	tapes, finish, err := f.tapes(g.Name())
	if err != nil {
		return err
	}
	r, err := h.Run(ctx, g, input, append(runOptions, tapes...)...)
	p.close()
	unkept := finish(r)
	err = a.conclude(name, r, err, f)
	switch {
	case unkept == nil:
		return err
	case err == nil:
		return unkept
	}
	fmt.Fprintf(a.Err, "chainrun: %v\n", unkept) // the run's own end is the exit code
	return err
}

// conclude says what came of a run: of one that never began (nil), was
// interrupted, waits or has ended.
func (a *app) conclude(name string, r *host.Run, err error, f runFlags) error {
	var refused *host.InputError
	switch {
	case errors.As(err, &refused):
		return a.refuse(refused)
	case err != nil && r != nil && errors.Is(err, host.ErrInterrupted):
		if a.json {
			v := r.View()
			v.Status = inspect.Interrupted // no process owns it any more
			a.printJSON(v)
		}
		fmt.Fprintf(a.Err, "chainrun: interrupted, run %s did not end\n", r.ID())
		return said(exitInterrupted)
	case err != nil:
		return err
	}
	if waits := r.Waits(); waits != nil {
		if a.json {
			a.printJSON(r.View())
		}
		fmt.Fprintf(a.Err, "chainrun: run %s waits for a signal to %s\n", r.ID(), indented(strings.Join(waits, ", ")))
		return said(exitWaiting)
	}
	return a.report(name, r, f)
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
func (a *app) report(name string, r *host.Run, f runFlags) error {
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
	if !f.events {
		a.explainFailure(name, r, why)
	}
	if why.Code == failure.InvalidOutput && why.Step == "" {
		return said(exitDocument)
	}
	return said(exitFailed)
}

// interruptible gives a context that ends when the operator presses Ctrl-C. The
// second Ctrl-C ends the process at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		select {
		case <-signals:
			signal.Stop(signals) // the next one has its default effect
			cancel(host.ErrInterrupted)
		case <-stopped:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel(host.ErrInterrupted) // a run that rests is left, not canceled
	}
}
