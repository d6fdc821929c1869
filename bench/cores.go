// Table cores: how many more steps a second come of a second core.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const (
	coresRounds = 15
	coresRuns   = 4       // of the chain, one after another, by each of the 64
	coresCalls  = 5000    // of the node, by each of two goroutines
	coresHashes = 20      // by each of two goroutines
	coresBytes  = 1 << 20 // of a hash
)

func coresTable(ctx context.Context, o options) error {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("%w: this machine has one core", errSkipped)
	}
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	calls, done, err := coresSandbox(ctx, n.small)
	defer done()
	if err != nil {
		return err
	}
	rows := []coresRow{
		{"nothing shared: SHA-256 (the machine itself)", coresHash()},
		{"the sandbox alone: two goroutines call the node", calls},
	}
	var labours []labour
	for _, r := range rows {
		for cores := 1; cores <= 2; cores++ {
			labours = append(labours, labour{r.name, withCores(cores, r.work)})
		}
	}
	rows = append(rows, coresRow{name: "64 runs at once of the chain of ten nodes, all in"})
	for cores := 1; cores <= 2; cores++ {
		chain, err := newChain(n.small, chained{checked: true}, host.WithParallel(cores))
		if err != nil {
			return err
		}
		defer chain.close()
		labours = append(labours, labour{rows[2].name, withCores(cores, chain.stepsTogether(ctx, coresRuns))})
	}
	m, err := interleave(labours, min(o.rounds, coresRounds))
	if err != nil {
		return err
	}
	g := grid{{"", "one core, µs each", "two cores, µs each", "times as many a second", "CPU time, two against one"}}
	var best []float64
	for i, r := range rows {
		one, oneCPU := m.least(2 * i)
		two, twoCPU := m.least(2*i + 1)
		times, text := ratio(one, two)
		_, cpu := ratio(twoCPU, oneCPU)
		best = append(best, times)
		g = append(g, []string{r.name, micros(one), micros(two), text, cpu})
	}
	g.print(o.out)
	o.figures.set("cores.times", best[2], "%.2f by hashing, %.2f by the sandbox alone: what the machine gives", best[0], best[1])
	o.out.printf(`
Wall time, minima of %d rounds in turns. GOMAXPROCS and the bound on steps at once are 1 or 2. The first row is what the
machine gives for work that shares nothing: less than 2 where its cores are threads of one, or busy otherwise. What a row loses
against it goes to memory and caches that both use, to the collector of garbage and to locks. CPU time above 1.00 is what the
second core makes dearer.
`, len(m.wall[0]))
	n.skipped(o.out)
	return nil
}

type coresRow struct {
	name string
	work func() (lap, error)
}

// withCores has the work done on so many cores.
func withCores(cores int, work func() (lap, error)) func() (lap, error) {
	return func() (lap, error) {
		before := runtime.GOMAXPROCS(cores)
		defer runtime.GOMAXPROCS(before)
		begin, cpu := time.Now(), processTime()
		did, err := work()
		did.wall, did.cpu = time.Since(begin), processTime()-cpu
		return did, err
	}
}

// twice does something on two goroutines.
func twice(do func() error) error {
	errs := make(chan error)
	for range 2 {
		go func() { errs <- do() }()
	}
	return errors.Join(<-errs, <-errs)
}

// coresHash gives the work of hashing, of which goroutines share nothing.
func coresHash() func() (lap, error) {
	buffers := make(chan []byte, 2)
	for range cap(buffers) {
		buffers <- make([]byte, coresBytes)
	}
	return inProcess(2*coresHashes, func() error {
		return twice(func() error {
			buffer := <-buffers
			for range coresHashes {
				sum := sha256.Sum256(buffer)
				copy(buffer, sum[:])
			}
			buffers <- buffer
			return nil
		})
	})
}

// coresSandbox gives the work of calling the node in the sandbox.
func coresSandbox(ctx context.Context, wasm []byte) (work func() (lap, error), done func(), err error) {
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return nil, func() {}, fmt.Errorf("opening the sandbox: %w", err)
	}
	done = func() { _ = engine.Close(ctx) }
	m, err := module.Read(wasm)
	if err != nil {
		return nil, done, fmt.Errorf("reading the node: %w", err)
	}
	p, err := engine.Compile(ctx, m)
	if err != nil {
		return nil, done, fmt.Errorf("compiling the node: %w", err)
	}
	return func() (lap, error) {
		return lap{times: 2 * coresCalls}, twice(func() error {
			for range coresCalls {
				r, err := p.Call(ctx, sandbox.Call{Entry: "count", Input: order(1, 0)})
				if err == nil && r.Stop != nil {
					err = errors.New(r.Stop.Message)
				}
				if err != nil {
					return fmt.Errorf("calling the node: %w", err)
				}
			}
			return nil
		})
	}, done, nil
}
