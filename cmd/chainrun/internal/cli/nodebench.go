package cli

// chainrun node bench: how fast a node is.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/nodebench"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/plugins"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// benchFlags are those of `node bench`.
type benchFlags struct {
	nodeFlags
	input    string
	seconds  float64
	calls    int
	parallel int
}

func (a *app) nodeBenchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench NODE.wasm",
		Short: "Measure how fast a node is",
		Long: `Calls a node again and again in the sandbox and says how long that takes: calls a
second, latencies, fuel and whether it was the same each time, memory, the time to
compile the module and to start an instance. Each call begins from a fresh state, as
in a run. What the host adds, a check of the documents against their schemas, is said
apart. Calls before the first that counts warm up. Capabilities are denied.`,
		Example: `  chainrun node bench greet.wasm --input '{"name": "Ada"}'
  chainrun node bench greet.wasm --input @big.json --seconds 10 --parallel 2 --json`,
		Args:              oneNode,
		RunE:              func(_ *cobra.Command, args []string) error { return a.nodeBench(args[0], f) },
		ValidArgsFunction: cobra.FixedCompletions([]string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	c.Flags().StringVarP(&f.input, "input", "i", "{}", "the input: JSON, @FILE, or - for stdin")
	c.Flags().StringVar(&f.entry, "entry", "", "the entry to call (default: the module's main one)")
	c.Flags().StringVar(&f.encoding, "encoding", "", "json, or text: the input is a JSON string, and the node gets and returns its characters")
	c.Flags().StringVar(&f.config, "config", "", "the node's config: JSON, @FILE, or - for stdin")
	f.addLimits(c)
	c.Flags().Float64Var(&f.seconds, "seconds", 2, "how long to measure")
	c.Flags().IntVar(&f.calls, "calls", 0, "how many calls to measure, instead of --seconds")
	c.Flags().IntVar(&f.parallel, "parallel", 1, "how many calls are made at once")
	c.MarkFlagsMutuallyExclusive("seconds", "calls")
	return c
}

func (a *app) nodeBench(module string, f benchFlags) error {
	switch {
	case f.calls < 0 || f.calls > nodebench.MaxCalls:
		return usagef("--calls %d: expected a number from 1 to %d", f.calls, nodebench.MaxCalls)
	case math.IsNaN(f.seconds) || f.seconds <= 0 || f.seconds > 3600:
		return usagef("--seconds %v: expected a number up to 3600", f.seconds)
	case f.parallel < 1 || f.parallel > 1024:
		return usagef("--parallel %d: expected a number from 1 to 1024", f.parallel)
	}
	src, err := f.source(a, module)
	if err != nil {
		return err
	}
	n, err := linkOne(src)
	if err != nil {
		return err
	}
	input, err := a.flagDocument("--input", f.input)
	if err != nil {
		return err
	}
	call, err := benchCall(n, input)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	c := nodebench.Config{Module: n.Linked, Call: call, Calls: f.calls, Parallel: f.parallel, Check: checkOf(ctx, n, input)}
	if f.calls == 0 {
		c.Time = time.Duration(f.seconds * float64(time.Second))
	}
	r, err := nodebench.Measure(ctx, c)
	var stopped *nodebench.StopError
	var refused *sandbox.RefusedError
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.Err, "chainrun: interrupted")
		return said(exitInterrupted)
	case errors.As(err, &stopped):
		return &exitError{exitFailed, fmt.Errorf("%s: %w", module, err)}
	case errors.As(err, &refused):
		return &exitError{exitInvalid, fmt.Errorf("%s: %w", module, refused)}
	case err != nil:
		return err
	}
	if a.json {
		a.printJSON(r)
	} else {
		printBench(a.Out, r, len(n.InSchemas)+len(n.OutSchemas) > 0)
	}
	return nil
}

// linkOne links a graph of one node, without compiling its module.
func linkOne(src *graph.Source) (*plan.Node, error) {
	g, found := graph.Build(src, moduleFile)
	if found.Failed() {
		return nil, found
	}
	p, found := plan.Link(g, func(name string) ([]byte, error) {
		if scheme, of := plan.SplitReference(name); scheme == "std" {
			return plugins.Open(of)
		}
		return moduleFile(name)
	}, nil)
	if found.Failed() {
		return nil, found
	}
	return p.Nodes[0], nil
}

// benchTime is where the clock of each call starts.
var benchTime = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// benchCall is what each call gives the node.
func benchCall(n *plan.Node, input document.Document) (sandbox.Call, error) {
	c := sandbox.Call{
		Entry: n.Entry, Input: input.Bytes(), Config: n.Config.Bytes(), Time: benchTime,
		Limits: sandbox.Limits{Fuel: n.Fuel, MemoryBytes: n.MemoryBytes, Timeout: n.Timeout},
	}
	if n.Encoding == graph.EncodingText {
		v, err := input.Value()
		text, ok := v.(string)
		if err != nil || !ok {
			return c, usagef(`--encoding text takes a JSON string as --input, and it is %s`, input.Kind())
		}
		c.Input = []byte(text)
	}
	return c, nil
}

// checkOf is what a run does besides with each call: it reads the output, and holds both
// documents against their schemas.
func checkOf(ctx context.Context, n *plan.Node, input document.Document) func([]byte) error {
	hold := func(what string, schemas []*schema.Schema, d document.Document) error {
		for _, s := range schemas {
			found, err := s.ValidateContext(ctx, d)
			if err != nil {
				return err
			}
			if len(found) > 0 {
				return &exitError{exitFailed, fmt.Errorf("the %s breaks its schema: %s", what, found[0])}
			}
		}
		return nil
	}
	return func(output []byte) error {
		// The bytes are those of a new document each time, as in a run.
		in, err := document.Parse(input.Bytes(), document.Limits{})
		if err != nil {
			return err
		}
		if err := hold("input", n.InSchemas, in); err != nil {
			return err
		}
		if n.Encoding == graph.EncodingText {
			return hold("output", n.OutSchemas, document.String(string(output)))
		}
		out, err := document.Parse(output, document.Limits{})
		if err != nil {
			return &exitError{exitFailed, fmt.Errorf("the output is no JSON document: %w", err)}
		}
		return hold("output", n.OutSchemas, out)
	}
}

// printBench writes the figures for a person.
func printBench(w io.Writer, r nodebench.Result, schemas bool) {
	rounded := func(d time.Duration) string {
		switch {
		case d >= time.Second:
			return d.Round(10 * time.Millisecond).String()
		case d >= time.Millisecond:
			return d.Round(10 * time.Microsecond).String()
		}
		return d.Round(10 * time.Nanosecond).String()
	}
	row := func(key, format string, args ...any) { fmt.Fprintf(w, "%-11s %s\n", key, fmt.Sprintf(format, args...)) }
	row("module", "%s bytes, compiled in %s without the cache", thousands(uint64(r.ModuleBytes)), rounded(r.Compile))
	row("first call", "%s, with the start of the instance", rounded(r.FirstCall))
	row("calls", "%s in %s, %d at once: %s a second", thousands(uint64(r.Calls)), rounded(r.Elapsed), r.Parallel, thousands(uint64(r.PerSecond)))
	row("latency", "p50 %s, p90 %s, p99 %s, most %s", rounded(r.P50), rounded(r.P90), rounded(r.P99), rounded(r.Max))
	if r.SameEachTime {
		row("fuel", "%s, the same in each call", thousands(r.FuelMost))
	} else {
		row("fuel", "%s to %s: not the same in each call", thousands(r.FuelLeast), thousands(r.FuelMost))
	}
	row("memory", "%s", binarySize(r.MemoryBytes))
	row("output", "%s bytes", thousands(uint64(r.OutputBytes)))
	what := "reading input and output; there is no schema"
	if schemas {
		what = "reading input and output, and holding them against their schemas"
	}
	row("checks", "%s more in a run: %s", rounded(r.CheckedStep), what)
}
