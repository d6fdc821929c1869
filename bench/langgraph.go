// Table langgraph: the chain of ten nodes, durable here and in the LangGraphs, one
// run and 64 at once, in turns.
package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

const (
	chainRounds = 10
	chainRuns   = 5  // of a round, one after another
	quickRuns   = 50 // the same where a run takes a millisecond or two
)

func langgraphTable(ctx context.Context, o options) error {
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer removeAll(dir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, "runs.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("opening a store: %w", err)
	}
	defer func() { _ = store.Close() }()
	lanes := []chainLane{}
	for _, c := range []struct {
		name  string
		chain chained
	}{
		{"chainrun, on the disk at the latest at the run's end", chained{}},
		{"chainrun, the same, schemas checked", chained{checked: true}},
		{"chainrun, every node asks, and waits twice for the disk", chained{asks: true}},
	} {
		chain, err := newChain(n.small, c.chain, host.WithJournal(store))
		if err != nil {
			return err
		}
		defer chain.close()
		lanes = append(lanes, chainLane{c.name, chain.steps(ctx, quickRuns), chain.stepsTogether(ctx, 2)})
	}
	var skipped missing
	var about []string
	full := -1
	for _, p := range []struct {
		program peerProgram
		name    string
		ways    [][2]string
	}{
		{langgraphJS, "LangGraph.js", [][2]string{
			{"sync", "durability sync, synchronous FULL"},
			{"async", "durability async, synchronous FULL"},
			{"exit", "durability exit, synchronous FULL"},
			{"comes", "as it comes"},
		}},
		{langgraphPython, "LangGraph (Python)", [][2]string{{"sync", "durability sync"}, {"comes", "as it comes"}}},
	} {
		peer, err := p.program.start(ctx, dir)
		if err != nil {
			if err := skipped.add(err); err != nil {
				return err
			}
			continue
		}
		defer peer.close()
		about = append(about, fmt.Sprintf("%s\n  SQLite as it comes: synchronous %s\n", peer.about.Versions, peer.about.Synchronous["comes"]))
		if full < 0 && p.name == "LangGraph.js" {
			full = len(lanes)
		}
		for _, w := range p.ways {
			lanes = append(lanes, chainLane{p.name + ", " + w[1], peer.steps(w[0], chainRuns, 1), peer.steps(w[0], durableRuns, durableRuns)})
		}
	}
	return printChains(o, n, lanes, full, strings.Join(about, ""), skipped)
}

// chainLane makes runs of the chain.
type chainLane struct {
	name      string
	one, many func() (lap, error)
}

// printChains measures; full is the lane of LangGraph.js that is as durable as
// chainrun, -1 where there is none.
func printChains(o options, n nodes, lanes []chainLane, full int, about string, skipped missing) error {
	var labours []labour
	for _, l := range lanes {
		labours = append(labours, labour{l.name, l.one}, labour{l.name, l.many})
	}
	m, err := interleave(labours, min(o.rounds, chainRounds))
	if err != nil {
		return err
	}
	g := grid{{"a chain of ten nodes, 1 KB", "µs a step", "steps a second", "× chainrun", "64 runs at once: µs a step", "steps a second", "× chainrun"}}
	for i, l := range lanes {
		row := []string{l.name}
		for k := range 2 {
			wall, _ := m.median(2*i + k)
			row = append(row, micros(wall), fmt.Sprintf("%.0f", 1/wall.Seconds()), fmt.Sprintf("%.1f", m.times(2*i+k, k)))
		}
		g = append(g, row)
	}
	g.print(o.out)
	if full >= 0 {
		for k, name := range []string{"langgraph.one", "langgraph.many"} {
			theirs, _ := m.median(2*full + k)
			o.figures.set(name, m.times(2*full+k, k), "%s µs a step with sync; async %.1f ×, exit %.1f ×, as it comes %.1f ×; if every node of chainrun's asks %.1f ×",
				micros(theirs), m.times(2*full+2+k, k), m.times(2*full+4+k, k), m.times(2*full+6+k, k), m.times(2*full+k, 4+k))
		}
	}
	o.out.printf(`
Medians of %d rounds in turns: of chainrun %d runs one after another, or twice 64 at once; of a LangGraph %d, or 64. The
orders are those of table step. chainrun's node is a %s in the sandbox; where it asks, it is answered by the process.
The LangGraphs' nodes are functions of the process. When is a step on the disk? With durability "sync" before the next one
begins, with "async" while it runs, with "exit" only the last state is stored, at the end. chainrun has all events of a step
on the disk before anything outside of the run can tell: before a capability is called, before a node sees its answer, before
an observer is told, before the run has ended. Steps that nobody has seen may be made again after a crash, to the same end.
With "sync" alone LangGraph gives that promise: the goal is against it. Where synchronous is NORMAL the disk is not told
to keep a commit, and a crash of the machine may lose the last ones; with FULL it is, as chainrun always does.
%s`, len(m.wall[0]), quickRuns, chainRuns, n.smallName(), about)
	n.skipped(o.out)
	skipped.print(o.out)
	return nil
}
