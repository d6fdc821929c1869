// A loop of two nodes, for the tables about what is stored.
package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// looper runs a loop of two nodes, both of one module, as often as the input says.
type looper struct {
	h *host.Host
	g *host.Graph
}

// looped is what a loop has beyond its module.
type looped struct {
	asks bool   // its nodes ask a capability, and as many do at once as there are runs
	more string // what its last node has more
}

func newLooper(ctx context.Context, j journal.Journal, module []byte, l looped) (*looper, error) {
	options := []host.Option{host.WithJournal(j), host.WithCapability("echo", echoed{}), host.WithCacheDir(filepath.Join(folder, "build", "cache"))}
	if l.asks {
		options = append(options, host.WithParallel(durableRuns))
	}
	h, err := host.New(options...)
	if err != nil {
		return nil, fmt.Errorf("making a host: %w", err)
	}
	text := loop
	if l.asks {
		text = strings.Replace(text, "[defaults]\n", "[defaults]\nentry = 'ask'\n", 1) + "[nodes.greet.grants.echo]\n[nodes.shout.grants.echo]\n"
	}
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte(text + l.more)},
		"node.wasm":  {Data: module},
	}, "graph.toml")
	if err == nil {
		made := &looper{h, g}
		if err = made.run(ctx, 2); err == nil { // what is done once a process
			return made, nil
		}
	}
	_ = h.Close()
	return nil, fmt.Errorf("loading the graph: %w", err)
}

const loop = `
version = 1
name = "loop"
max_steps = 100000
chain = ["greet", "shout"]

[[edges]]
from = "shout"
to = "greet"
when = "state.n < run.input.steps"

[state.n]
reduce = "sum"

[defaults]
fuel = 10_000_000
memory = "64MiB"
max_visits = 100000

[nodes.greet]
module = "node.wasm"
input = "{'text': run.input.text}"
write = { n = "2" }

[nodes.shout]
module = "node.wasm"
`

// run makes a run of an even number of steps.
func (l *looper) run(ctx context.Context, steps int) error {
	_, err := l.start(ctx, steps)
	return err
}

func (l *looper) start(ctx context.Context, steps int) (*host.Run, error) {
	r, err := l.h.Run(ctx, l.g, map[string]any{"text": strings.Repeat("Hello, ", 16), "steps": steps})
	if err == nil && r.Status() != event.Done {
		err = fmt.Errorf("the run failed: %s", r.Failure())
	}
	return r, err
}
