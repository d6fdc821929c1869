package cli

import (
	"context"
	"crypto/sha256"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
)

// startFlags are those of the main job.
type startFlags struct {
	runFlags
	input string
	seed  string
	id    idFlag
}

// patience is how long the operator sees nothing before it is said why.
const patience = 700 * time.Millisecond

// runCommand is the root: `chainrun GRAPH.toml` is the main job.
func (a *app) runCommand() *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "chainrun GRAPH.toml",
		Short: "Run a graph of sandboxed WebAssembly modules",
		Long: `Runs a graph: every node is a WebAssembly module in a sandbox, every document
that crosses a wire is checked, every call is limited.

The run's output goes to stdout as JSON, progress and complaints go to stderr.
Exit codes: 0 done, 1 the run failed, 2 usage, 3 the graph or a module is
invalid, 4 the run's own input or output breaks its schema, 5 the run waits for a
signal, 6 the run asked for something else than its cassette holds, 7 chainrun
could not do its work, 130 interrupted.

What happens is kept in a store, one file: "chainrun runs" lists the runs,
"chainrun resume RUN" carries on one whose process stopped.`,
		Example: `  chainrun graph.toml
  chainrun graph.toml --input '{"name": "Ada"}'
  chainrun graph.toml --input @films.json --json
  producer | chainrun graph.toml --input -`,
		Args: a.oneGraph,
		RunE: func(_ *cobra.Command, args []string) error { return a.run(args[0], f) },
	}
	c.Flags().StringVarP(&f.input, "input", "i", "{}", "the run's input: JSON, @FILE, or - for stdin")
	c.Flags().StringVar(&f.seed, "seed", "", "text that seeds the nodes' randomness (default: derived from graph and input)")
	f.id.add(c)
	c.Flags().StringVar(&f.store, "store", "", `the file that the run is kept in, or "memory" to keep nothing (default: CHAINRUN_STORE, else a file in the user's state folder)`)
	f.add(c)
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

func (a *app) run(name string, f startFlags) error {
	if err := f.id.check(); err != nil {
		return err
	}
	input, err := a.readInput(f.input)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	s, err := runStore(ctx, f.store)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	if err := f.id.unused(ctx, s); err != nil {
		return err
	}
	return a.carry(ctx, s, name, f.runFlags, func(ctx context.Context, c *carrier) (*host.Run, error) {
		g, err := c.load(ctx, name)
		if err != nil {
			return nil, err
		}
		options, err := c.options(g.Name())
		if err != nil {
			return nil, err
		}
		if f.seed != "" {
			options = append(options, host.WithSeed(sha256.Sum256([]byte(f.seed))))
		}
		r, err := c.host.Start(ctx, g, input, append(options, f.id.options()...)...)
		return r, resumeError(err) // a run of this id may be under way elsewhere
	})
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
