// Table start: what a user waits for when a graph with nothing to do is run.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const startRuns = 20

func startTable(ctx context.Context, o options) error {
	root := filepath.Join(folder, "..")
	binary, err := filepath.Abs(filepath.Join(root, "bin", "chainrun"))
	if err != nil {
		return fmt.Errorf("finding the binary: %w", err)
	}
	const module = "graphs/hello/say.wasm"
	graph := filepath.Join("graphs", "hello", "graph.toml")
	for _, path := range []string{binary, filepath.Join(root, graph), filepath.Join(root, module)} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: there is no %s; run `make` first", errSkipped, path)
		}
	}
	cache, err := os.MkdirTemp("", "chainrun-bench-")
	if err != nil {
		return fmt.Errorf("making a cache folder: %w", err)
	}
	defer removeAll(cache)
	standard := filepath.Join(cache, "standard.toml")
	if err := os.WriteFile(standard, []byte(standardGraph), 0o600); err != nil {
		return fmt.Errorf("writing a graph: %w", err)
	}
	commands := []struct {
		name, figure string
		args         []string
	}{
		{"version (the process alone: the floor)", "", []string{"version"}},
		{"check graphs/hello", "", []string{"check", graph}},
		{"run graphs/hello", "start.hello", []string{graph}},
		{"run graphs/hello, no store", "", []string{graph, "--store", "memory"}},
		{"run a graph of std:jq and std:template", "start.std", []string{standard, "--input", `{"n":[1,2,3]}`}},
	}
	once := func(args []string) (time.Duration, error) {
		c := exec.CommandContext(ctx, binary, args...) //nolint:gosec // our own binary
		c.Dir = root
		c.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "XDG_STATE_HOME="+cache, "CHAINRUN_STORE=", "NO_COLOR=1")
		var errs bytes.Buffer
		c.Stderr = &errs
		begin := time.Now()
		err := c.Run()
		took := time.Since(begin)
		if err != nil {
			return 0, fmt.Errorf("running chainrun %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
		}
		return took, nil
	}
	cold, err := once([]string{graph})
	if err != nil {
		return err
	}
	if _, err := once(commands[len(commands)-1].args); err != nil { // so that its modules are in the cache
		return err
	}
	times := make([][]time.Duration, len(commands))
	for range startRuns {
		for i, c := range commands {
			took, err := once(c.args)
			if err != nil {
				return err
			}
			times[i] = append(times[i], took)
		}
	}
	size, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("looking at the binary: %w", err)
	}
	g := grid{{"command", "minimum", "median"}}
	floor, _ := lowest(times[0])
	for i, c := range commands {
		minimum, median := lowest(times[i])
		g = append(g, []string{c.name, milliseconds(minimum), milliseconds(median)})
		if c.figure != "" {
			o.figures.set(c.figure, inMicros(median)/1000, "the median; least %s; a process that does nothing (version) %s", milliseconds(minimum), milliseconds(floor))
		}
	}
	o.figures.set("start.binary", float64(size.Size())/1e6, "the standard nodes inside")
	g = append(g, []string{"run graphs/hello, empty cache", milliseconds(cold), ""})
	g.print(o.out)
	o.out.printf("\n%d runs each, whole processes, with a store on disk, warm cache but for the last row; the binary has %.1f MB\n\n", startRuns, float64(size.Size())/1e6)
	return startParts(ctx, o, filepath.Join(root, module))
}

// standardGraph has two of the nodes that the binary brings.
const standardGraph = `
version = 1
chain = ["total", "say"]

[nodes.total]
module = "std:jq"
config = { query = "{total: (.n | add)}" }

[nodes.say]
module = "std:template"
config = { template = "{{.total}} in all" }
`

// startParts says where the time goes: what the sandbox does with the graph's
// one module, part by part, in a process that has done it once.
func startParts(ctx context.Context, o options, path string) error {
	cache, err := os.MkdirTemp("", "chainrun-bench-")
	if err != nil {
		return fmt.Errorf("making a cache folder: %w", err)
	}
	defer removeAll(cache)
	names := []string{"read the file and its sections", "rewrite (the meter alone)", "open the engine", "rewrite and load from the cache", "first call (image and all)", "second call"}
	times := make([][]time.Duration, len(names))
	for round := range startRuns + 1 {
		took, err := startOnce(ctx, path, cache)
		if err != nil {
			return err
		}
		for i, t := range took {
			if round > 0 { // the first one fills the cache
				times[i] = append(times[i], t)
			}
		}
	}
	g := grid{{"of which, for say.wasm", "minimum", "median"}}
	for i, name := range names {
		minimum, median := lowest(times[i])
		g = append(g, []string{name, milliseconds(minimum), milliseconds(median)})
	}
	g.print(o.out)
	return nil
}

func startOnce(ctx context.Context, path, cache string) (took []time.Duration, err error) {
	last := time.Now()
	lap := func() {
		now := time.Now()
		took = append(took, now.Sub(last))
		last = now
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	m, err := module.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	lap()
	if _, err := meter.Rewrite(m, meter.Config{CallDepth: true}); err != nil {
		return nil, fmt.Errorf("rewriting: %w", err)
	}
	lap()
	engine, err := sandbox.New(ctx, sandbox.Config{CacheDir: cache})
	if err != nil {
		return nil, fmt.Errorf("opening the engine: %w", err)
	}
	defer func() { _ = engine.Close(ctx) }()
	lap()
	program, err := engine.Compile(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	lap()
	for range 2 {
		result, err := program.Call(ctx, sandbox.Call{Input: []byte(`{"name":"Ada"}`), Config: []byte(`{"words":"Hello, {}"}`), Time: time.Unix(0, 0)})
		if err != nil {
			return nil, fmt.Errorf("calling: %w", err)
		}
		if result.Stop != nil {
			return nil, fmt.Errorf("calling: %s: %s", result.Stop.Reason, result.Stop.Message)
		}
		lap()
	}
	return took, nil
}
