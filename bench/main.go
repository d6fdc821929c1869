// Command bench prints chainrun's benchmark tables: ratios that were measured
// in one interleaved run, so that a noisy machine blurs both sides of a ratio
// alike. It is a module of its own, so that the peers it measures (Wasmtime,
// by cgo) never become dependencies of chainrun.
//
//	go run .                     all tables
//	go run . -table fuel,start   some of them
//	go run . -rounds 100         slower and steadier
//
// A table is one file with one function, named in the list below.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	sdk "github.com/chainrun/chainrun/sdk/provider"
)

// options are what a table may heed.
type options struct {
	rounds  int
	only    string // a part of the name of the programs to run
	out     *page
	figures figures // what the goals are about
}

// errSkipped is wrapped by a table that cannot be made here; its text says what
// is missing.
var errSkipped = errors.New("skipped")

type table struct {
	name, title string
	print       func(ctx context.Context, o options) error
}

var tables = []table{
	{"fuel", "What counting fuel costs: time against the same module and engine without it", fuelTable},
	{"rewrite", "What metering costs before the first call: rewriting, compiling, size", rewriteTable},
	{"compile", "A Go module that was never compiled before, here and by wazero alone", compileTable},
	{"fresh", "What it costs that every attempt starts from the same state", freshTable},
	{"schema", "What it costs to know that a document is valid", schemaTable},
	{"step", "A step in memory, all in, and in LangGraph.js and LangGraph (Python)", stepTable},
	{"cores", "Two cores against one", coresTable},
	{"calls", "What it costs a node to ask a capability", callsTable},
	{"extism", "An Extism plug-in here and in Extism's Go SDK", extismTable},
	{"waiting", "What a node holds that waits for a slow model", waitingTable},
	{"blocked", "What ten thousand sandboxes hold whose nodes wait for an answer", blockedTable},
	{"durable", "A step that the disk keeps", durableTable},
	{"langgraph", "The chain of ten nodes, durable, and in the LangGraphs on their SQLite", langgraphTable},
	{"growth", "What a store keeps of a run whose state grows", growthTable},
	{"recall", "What it costs to find an output in the cache", recallTable},
	{"replay", "How long a replay takes beside its run", replayTable},
	{"start", "The smallest graph from start to exit of the process", startTable},
}

func main() {
	if slices.Contains(os.Args[1:], servesEcho) {
		sdk.Serve(echoed{})
		return
	}
	names := flag.String("table", "", "tables to print, separated by commas (default all)")
	rounds := flag.Int("rounds", 40, "interleaved rounds; a figure is the minimum over them")
	only := flag.String("only", "", "run only programs whose name, such as \"Go json\", contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *names, options{rounds: max(*rounds, 1), only: *only, out: &page{w: os.Stdout}, figures: figures{}})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names string, o options) error {
	wanted := strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	for _, name := range wanted {
		if !slices.ContainsFunc(tables, func(t table) bool { return t.name == name }) {
			return fmt.Errorf("no table %q", name)
		}
	}
	var printed []string
	for _, t := range tables {
		if len(wanted) > 0 && !slices.Contains(wanted, t.name) {
			continue
		}
		printed = append(printed, t.name)
		o.out.printf("\n%s: %s\n\n", t.name, t.title)
		switch err := t.print(ctx, o); {
		case errors.Is(err, errSkipped):
			o.out.printf("SKIPPED: %v\n", err)
		case err != nil:
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	o.figures.summary(o.out, printed)
	return o.out.err
}
