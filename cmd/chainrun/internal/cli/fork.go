package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
)

type forkFlags struct {
	runFlags
	from     string
	input    string
	state    []string
	config   []string
	graph    string
	runInput string
	seed     string
	id       idFlag
	changed  func(flag string) bool // it was given, perhaps as ""
}

// forkCommand branches off from a run.
func (a *app) forkCommand() *cobra.Command {
	var f forkFlags
	c := &cobra.Command{
		Use:   "fork RUN",
		Short: "Start a run that goes as another one went, with something changed",
		Long: `Starts a new run that goes as RUN went, with another input, state, config or graph.
Steps whose node, input and upstream are as they were there take over what came of
them, signals included: they are not executed, ask no capability and cost nothing.
--from names the first step that is executed again, with all that depends on it.
Without it only what has changed is; and what RUN failed with, so that a run goes on
from its failure when the graph is mended.

--input is the input of the step that --from names; without --from it is the run's.
The new run's id is not that of RUN, which stays as it is. Output and exit codes are
those of a run.`,
		Example: `  chainrun fork RUN
  chainrun fork RUN --graph mended.toml
  chainrun fork RUN --from 'review[2]' --state budget=100
  chainrun fork RUN --from score --input '{"n": 3}'
  chainrun fork RUN --config score='{"model": "large"}'`,
		Args: oneRun,
		RunE: func(c *cobra.Command, args []string) error {
			f.changed = c.Flags().Changed
			return a.fork(args[0], f)
		},
	}
	addStoreFlag(c, &f.store)
	c.Flags().StringVar(&f.from, "from", "", "the step to execute again, with all that depends on it")
	c.Flags().StringVarP(&f.input, "input", "i", "", "what that step is given; without --from, the run's input: JSON, @FILE, or - for stdin")
	c.Flags().StringArrayVar(&f.state, "state", nil, "KEY=JSON or KEY=@FILE: the value of a state key before that step; may be given several times")
	c.Flags().StringArrayVar(&f.config, "config", nil, `NODE=JSON or NODE=@FILE: the config of a node ("sub/score" inside a subgraph); may be given several times`)
	c.Flags().StringVar(&f.graph, "graph", "", "another graph file to go on with")
	c.Flags().StringVar(&f.runInput, "run-input", "", "the run's own input: JSON, @FILE, or - for stdin")
	c.Flags().StringVar(&f.seed, "seed", "", "text that seeds the randomness of what is executed (default: the seed of RUN)")
	f.id.add(c)
	f.add(c)
	c.ValidArgsFunction = a.completeRuns
	return c
}

// what reads what the flags say of the fork. All complaints come at once.
func (f forkFlags) what(a *app) (host.Fork, error) {
	what := host.Fork{From: f.from}
	var errs []error
	read := func(flag, value string) any {
		text, err := a.readDocument(flag, value)
		if err != nil {
			errs = append(errs, err)
		}
		return text
	}
	pairs := func(flag, name string, list []string) map[string]any {
		values := make(map[string]any, len(list))
		for _, text := range list {
			key, value, ok := strings.Cut(text, "=")
			if _, twice := values[key]; twice {
				errs = append(errs, usagef("%s %s is given twice", flag, key))
			} else if ok && key != "" {
				values[key] = read(flag+" "+key, value)
			} else {
				errs = append(errs, usagef("%s %q: expected %s=JSON or %s=@FILE", flag, text, name, name))
			}
		}
		return values
	}
	if f.changed("from") && f.from == "" {
		errs = append(errs, usagef("--from: expected the id of a step"))
	}
	switch own := f.changed("input"); {
	case own && f.from != "":
		what.Input = read("--input", f.input)
	case own && f.changed("run-input"):
		errs = append(errs, usagef("--input and --run-input: without --from both are the run's input; give one"))
	case own:
		what.RunInput = read("--input", f.input)
	}
	if f.changed("run-input") {
		what.RunInput = read("--run-input", f.runInput)
	}
	what.State = pairs("--state", "KEY", f.state)
	what.Config = pairs("--config", "NODE", f.config)
	if len(errs) > 1 {
		return what, usagef("%w", errors.Join(errs...))
	}
	return what, errors.Join(errs...)
}

func (a *app) fork(id string, f forkFlags) error {
	if err := f.id.check(); err != nil {
		return err
	}
	what, err := f.what(a)
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
	run, err := a.findRun(ctx, s, id)
	if err != nil {
		return err
	}
	if err := f.id.unused(ctx, s); err != nil {
		return err
	}
	name := "fork of run " + run.ID
	if f.graph != "" {
		name = f.graph
	}
	var forked *host.Run
	err = a.carry(ctx, s, name, f.runFlags, func(ctx context.Context, c *carrier) (r *host.Run, err error) {
		graph := run.Graph
		if f.graph != "" {
			if what.Graph, err = c.load(ctx, f.graph); err != nil {
				return nil, err
			}
			graph = what.Graph.Name()
		}
		options, err := c.options(graph)
		if err != nil {
			return nil, err
		}
		if f.seed != "" {
			options = append(options, host.WithSeed(sha256.Sum256([]byte(f.seed))))
		}
		forked, err = c.host.Fork(ctx, run.ID, what, append(options, f.id.options()...)...)
		return forked, forkError(err)
	})
	if forked != nil && !f.quiet && !f.events {
		taken, executed := forked.TakenOver()
		fmt.Fprintf(a.Err, "chainrun: run %s took over %s of run %s and executed %d\n  to compare: %s\n",
			forked.ID(), count(taken, "step"), run.ID, executed, f.command("diff", quoted(run.ID), quoted(forked.ID())))
	}
	return err
}

// forkError tells what the operator can mend from what chainrun cannot do.
func forkError(err error) error {
	if refused := (*host.ForkError)(nil); errors.As(err, &refused) {
		text := slices.Clone(refused.Complaints)
		if len(text) > 1 {
			text[0] = "\n" + text[0]
		}
		return usagef("run %s cannot be forked like this: %s", refused.Run, strings.Join(text, "\n"))
	}
	return resumeError(err)
}
