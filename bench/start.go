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
)

const startRuns = 20

func startTable(ctx context.Context, o options) error {
	root := filepath.Join(folder, "..")
	binary, err := filepath.Abs(filepath.Join(root, "bin", "chainrun"))
	if err != nil {
		return fmt.Errorf("finding the binary: %w", err)
	}
	graph := filepath.Join("graphs", "hello", "graph.toml")
	for _, path := range []string{binary, filepath.Join(root, graph)} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: there is no %s; run `make` first", errSkipped, path)
		}
	}
	commands := []struct {
		name string
		args []string
	}{
		{"version (the process alone)", []string{"version"}},
		{"check graphs/hello", []string{"check", graph}},
		{"run graphs/hello", []string{graph}},
	}
	cache, err := os.MkdirTemp("", "chainrun-bench-")
	if err != nil {
		return fmt.Errorf("making a cache folder: %w", err)
	}
	defer os.RemoveAll(cache)
	once := func(args []string) (time.Duration, error) {
		c := exec.CommandContext(ctx, binary, args...)
		c.Dir = root
		c.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "XDG_STATE_HOME="+cache, "NO_COLOR=1")
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
	g := grid{{"command", "minimum", "median"}}
	for i, c := range commands {
		minimum, median := lowest(times[i])
		g = append(g, []string{c.name, milliseconds(minimum), milliseconds(median)})
	}
	g = append(g, []string{"run graphs/hello, empty cache", milliseconds(cold), ""})
	g.print(o.out)
	fmt.Fprintf(o.out, "\n%d runs each, whole processes, warm cache but for the last row\n", startRuns)
	return nil
}
