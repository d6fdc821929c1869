// Table blocked: what ten thousand sandboxes hold whose nodes wait for an answer.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"sync"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// blockedNodes is how many nodes wait at once.
const blockedNodes = 10_000

func blockedTable(ctx context.Context, o options) error {
	nodes, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	g := grid{{fmt.Sprintf("%d nodes that wait at once", blockedNodes), "images", "resident, MiB", "each, KiB", "resident after, MiB"}}
	for _, n := range []struct {
		title, figure string
		wasm          []byte
	}{{"C reactor", "blocked.c", nodes.c}, {"Go reactor", "blocked.go", nodes.goes}} {
		if n.wasm == nil {
			continue
		}
		images, during, after, err := blocked(ctx, n.wasm)
		if err != nil {
			return fmt.Errorf("%s: %w", n.title, err)
		}
		o.figures.set(n.figure, float64(during>>20), "%.1f KiB each", float64(during)/blockedNodes/1024)
		g = append(g, []string{
			n.title, string(images), strconv.FormatInt(during>>20, 10),
			fmt.Sprintf("%.1f", float64(during)/blockedNodes/1024), strconv.FormatInt(after>>20, 10),
		})
	}
	g.print(o.out)
	o.out.printf("\nresident beyond what the process had before (Pss: a page that instances share counts once), in a call of 1 KB\n" +
		"that nobody answers; after: when all have been answered, and the Go runtime has given back what it does not use\n")
	nodes.skipped(o.out)
	return nil
}

// blocked has attempts ask and keeps them waiting until all have asked.
func blocked(ctx context.Context, wasm []byte) (images sandbox.ImageStrategy, during, after int64, err error) {
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return "", 0, 0, fmt.Errorf("opening the sandbox: %w", err)
	}
	defer func() { _ = engine.Close(ctx) }()
	m, err := module.Read(wasm)
	if err != nil {
		return "", 0, 0, fmt.Errorf("reading the node: %w", err)
	}
	p, err := engine.Compile(ctx, m)
	if err != nil {
		return "", 0, 0, fmt.Errorf("compiling the node: %w", err)
	}
	before := proportional()
	asked, release := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for range blockedNodes {
		group.Go(func() {
			r, err := p.Call(ctx, sandbox.Call{
				Entry: "ask", Input: kilobyte.Bytes(), Limits: sandbox.Limits{Timeout: 1 << 40},
				Host: func(ctx context.Context, c sandbox.HostCall) (sandbox.HostAnswer, error) {
					select {
					case asked <- struct{}{}:
					case <-ctx.Done():
					}
					select {
					case <-release:
					case <-ctx.Done():
					}
					return sandbox.HostAnswer{Result: c.Payload}, nil
				},
			})
			switch {
			case err == nil && r.Stop != nil:
				err = errors.New(r.Stop.Message)
			case err == nil && !bytes.Equal(r.Output, kilobyte.Bytes()):
				err = fmt.Errorf("an output of %d bytes", len(r.Output))
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	for range blockedNodes {
		select {
		case <-asked:
		case <-ctx.Done():
		}
	}
	during = proportional() - before
	close(release)
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return "", 0, 0, fmt.Errorf("waiting: %w", err)
	}
	debug.FreeOSMemory() // what the Go runtime would give back by and by
	return engine.ImageStrategy(), during, proportional() - before, nil
}

// proportional is the process's share of resident memory in bytes, where a page
// of several mappings counts once; where nobody says it, what is resident.
func proportional() int64 {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return resident()
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var kilobytes int64
		if n, _ := fmt.Sscanf(s.Text(), "Pss: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return resident()
}
