// Table langgraph: the same chain of ten nodes in LangGraph.js, in turns with
// chainrun. Its packages are installed by `make bench-langgraph`, and by nothing else.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

const (
	chainNodes  = 10
	chainRounds = 10
	chainRuns   = 5 // of a round
)

func langgraphTable(ctx context.Context, o options) error {
	scripts := filepath.Join(folder, "langgraph")
	for _, path := range []string{"node_modules", "node_modules/better-sqlite3/build/Release/better_sqlite3.node"} {
		if _, err := os.Stat(filepath.Join(scripts, path)); err != nil {
			return fmt.Errorf("%w: there is no langgraph/%s; run `make bench-langgraph`", errSkipped, path)
		}
	}
	module, err := goNode()
	if err != nil {
		return err
	}
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	peer, err := startPeer(ctx, scripts, dir)
	if err != nil {
		return err
	}
	defer peer.close()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "runs.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("opening a store: %w", err)
	}
	defer func() { _ = store.Close() }()
	var labours []labour
	for _, c := range []struct {
		name   string
		j      journal.Journal
		module []byte
	}{
		{"chainrun, its SQLite store, nodes of Go", store, module},
		{"chainrun, its SQLite store, nodes that need little memory", store, moduletest.Echo()},
		{"chainrun, journal in memory, nodes of Go", memory.New(), module},
	} {
		chain, err := newChain(c.j, c.module)
		if err != nil {
			return err
		}
		defer func() { _ = chain.h.Close() }()
		labours = append(labours, labour{c.name, func() (int, error) {
			return chainRuns * chainNodes, chain.run(ctx, chainRuns)
		}}, labour{"", func() (int, error) {
			return durableRuns * chainNodes, together(func(int) error { return chain.run(ctx, 1) })
		}})
	}
	for _, c := range []struct{ name, way string }{
		{"LangGraph.js, SqliteSaver, synchronous FULL", "full"},
		{"LangGraph.js, SqliteSaver as it comes", "sqlite"},
		{"LangGraph.js, no checkpointer", "memory"},
	} {
		labours = append(labours, labour{c.name, peer.chain(c.way, chainRuns, 1)}, labour{"", peer.chain(c.way, durableRuns, durableRuns)})
	}
	m, err := interleave(labours, min(o.rounds, chainRounds))
	if err != nil {
		return err
	}
	g := grid{{"a chain of ten nodes, documents of 1 KB", "µs a step", "steps a second", "× durable chainrun", "64 runs at once: µs a step", "steps a second", "× durable chainrun"}}
	for i := 0; i < len(labours); i += 2 {
		row := []string{labours[i].name}
		for k := range 2 {
			_, wall := lowest(slices.Clone(m.wall[i+k]))
			row = append(row, micros(wall), fmt.Sprintf("%.0f", 1/wall.Seconds()), fmt.Sprintf("%.1f", m.times(i+k, k)))
		}
		g = append(g, row)
	}
	g.print(o.out)
	o.out.printf("\nmedians of %d rounds of %d runs one after another, and of 64 at once; chainrun's nodes are modules in the sandbox,\n"+
		"LangGraph.js's are functions of the process; all give back the text that they were given\n"+
		"node %s, @langchain/langgraph %s, checkpoint-sqlite %s (durability \"sync\"), better-sqlite3 %s\n"+
		"what SqliteSaver sets as it comes: %s; NORMAL does not have the disk keep each step, so a\n"+
		"crash of the machine may lose the last ones. FULL does, as chainrun always does: %s\n",
		len(m.wall[0]), chainRuns, peer.about.Node, peer.about.LangGraph, peer.about.Saver, peer.about.Driver,
		peer.about.Settings["sqlite"], peer.about.Settings["full"])
	return nil
}

// chain is a graph of ten nodes that give back the text that they are given.
type chain struct {
	h    *host.Host
	g    *host.Graph
	runs atomic.Int64
}

func newChain(j journal.Journal, module []byte) (*chain, error) {
	h, err := host.New(host.WithJournal(j), host.WithCacheDir(filepath.Join(folder, "build", "cache")))
	if err != nil {
		return nil, fmt.Errorf("making a host: %w", err)
	}
	names, nodes := make([]string, chainNodes), ""
	for i := range names {
		names[i] = fmt.Sprintf("%q", fmt.Sprintf("n%d", i))
		nodes += fmt.Sprintf("[nodes.n%d]\nmodule = 'node.wasm'\n", i)
	}
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte("version = 1\nchain = [" + strings.Join(names, ", ") + "]\n" + nodes)},
		"node.wasm":  {Data: module},
	}, "graph.toml")
	if err != nil {
		_ = h.Close()
		return nil, fmt.Errorf("loading the graph: %w", err)
	}
	return &chain{h: h, g: g}, nil
}

// run makes runs one after another.
func (c *chain) run(ctx context.Context, runs int) error {
	for range runs {
		text := fmt.Sprintf("t%d ", c.runs.Add(1))
		text += strings.Repeat("0123456789abcdef", 64)[:970-len(text)]
		r, err := c.h.Run(ctx, c.g, map[string]string{"text": text})
		if err != nil {
			return fmt.Errorf("running the chain: %w", err)
		}
		var out struct{ Text string }
		if r.Status() != event.Done || r.Decode(&out) != nil || out.Text != text {
			return fmt.Errorf("the run of the chain is %s: %v", r.Status(), r.Failure())
		}
	}
	return nil
}

// peer is the process in which LangGraph.js runs.
type peer struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	about struct {
		Node, LangGraph, Saver, Driver string
		Settings                       map[string]string
	}
}

func startPeer(ctx context.Context, scripts, dir string) (_ *peer, err error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding a folder: %w", err)
	}
	p := &peer{cmd: exec.CommandContext(ctx, "node", "index.mjs", absolute)} //nolint:gosec // our own script
	p.cmd.Dir, p.cmd.Stderr = scripts, os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting node: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting node: %w", err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting node: %w", err)
	}
	if err := p.answer(&p.about); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *peer) answer(v any) error {
	if !p.out.Scan() {
		return errors.Join(errors.New("node has ended without an answer"), p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), v); err != nil {
		return fmt.Errorf("reading node's answer: %w", err)
	}
	return nil
}

// chain has runs made, so many at once.
func (p *peer) chain(way string, runs, atOnce int) func() (int, error) {
	return func() (int, error) {
		if _, err := fmt.Fprintf(p.in, `{"way":%q,"runs":%d,"atOnce":%d}`+"\n", way, runs, atOnce); err != nil {
			return 0, fmt.Errorf("asking node: %w", err)
		}
		var done struct{ Steps int }
		if err := p.answer(&done); err != nil {
			return 0, err
		}
		if done.Steps != runs*chainNodes {
			return 0, fmt.Errorf("node has made %d steps", done.Steps)
		}
		return done.Steps, nil
	}
}

func (p *peer) close() {
	_ = p.in.Close() // node ends with its input
	_ = p.cmd.Wait() // what it said in the end was printed
}
