// Table durable: what a step costs that is on the disk before the next one begins,
// beside what the disk itself needs, for one run and for many at once.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

const (
	durableRuns   = 64 // at once
	durableRounds = 12
	durableSteps  = 50 // of a run in a round, in the rows of one run
	sharedSteps   = 20 // of each run, in the rows of many
)

// labour does the same work again and again, and says how often it did.
type labour struct {
	name string
	work func() (times int, err error)
}

// measured is what the labours took in each round, by lane: for one piece of work.
type measured struct {
	wall, cpu [][]time.Duration
}

// interleave has each lane work once a round, after one round that is not counted.
func interleave(labours []labour, rounds int) (measured, error) {
	m := measured{make([][]time.Duration, len(labours)), make([][]time.Duration, len(labours))}
	for round := range rounds + 1 {
		for i, l := range labours {
			cpu, begin := processTime(), time.Now()
			n, err := l.work()
			if err != nil {
				return m, fmt.Errorf("%s: %w", l.name, err)
			}
			wall, used := time.Since(begin), processTime()-cpu
			if round > 0 {
				m.wall[i] = append(m.wall[i], wall/time.Duration(n))
				m.cpu[i] = append(m.cpu[i], used/time.Duration(n))
			}
		}
	}
	return m, nil
}

// times is the median of the rounds' ratios of two labours.
func (m measured) times(a, b int) float64 {
	var ratios []float64
	for i, t := range m.wall[a] {
		ratios = append(ratios, float64(t)/float64(m.wall[b][i]))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func durableTable(ctx context.Context, o options) error {
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	disk, err := openDisk(dir)
	if err != nil {
		return err
	}
	defer func() { _ = disk.f.Close() }()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "runs.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("opening a store: %w", err)
	}
	defer func() { _ = store.Close() }()
	module, err := goNode()
	if err != nil {
		return err
	}
	onDisk, err := newLooper(ctx, store, moduletest.Echo(), "")
	if err != nil {
		return err
	}
	defer func() { _ = onDisk.h.Close() }()
	inMemory, err := newLooper(ctx, memory.New(), moduletest.Echo(), "")
	if err != nil {
		return err
	}
	defer func() { _ = inMemory.h.Close() }()
	inGo, err := newLooper(ctx, store, module, "")
	if err != nil {
		return err
	}
	defer func() { _ = inGo.h.Close() }()
	a, err := newAppender(ctx, store)
	if err != nil {
		return err
	}
	labours := []labour{
		{"fdatasync of one page (floor)", disk.work},
		{"append, 1 run", func() (int, error) { return durableSteps, a.append(ctx, 0, durableSteps) }},
		{"append, 64 runs", func() (int, error) {
			return durableRuns * sharedSteps, together(func(i int) error { return a.append(ctx, i, sharedSteps) })
		}},
	}
	for _, l := range []struct {
		name string
		*looper
	}{{"step", onDisk}, {"step of a Go node", inGo}, {"step, in memory", inMemory}} {
		labours = append(labours, labour{l.name + ", 1 run", func() (int, error) { return durableSteps, l.run(ctx, durableSteps) }},
			labour{l.name + ", 64 runs", func() (int, error) {
				return durableRuns * sharedSteps, together(func(int) error { return l.run(ctx, sharedSteps) })
			}})
	}
	m, err := interleave(labours, min(o.rounds, durableRounds))
	if err != nil {
		return err
	}
	g := grid{{"", "µs", "a second", "of CPU, µs", "× fdatasync", "× one run"}}
	for i, l := range labours {
		_, wall := lowest(slices.Clone(m.wall[i]))
		_, cpu := lowest(slices.Clone(m.cpu[i]))
		row := []string{l.name, micros(wall), fmt.Sprintf("%.0f", 1/wall.Seconds()), micros(cpu), fmt.Sprintf("%.2f", m.times(i, 0)), ""}
		if i > 0 && i%2 == 0 {
			row[5] = fmt.Sprintf("%.1f", m.times(i-1, i))
		}
		g = append(g, row)
	}
	g.print(o.out)
	o.out.printf("\nmedians of %d rounds; a step is a call of a node, its two events and their append.\n"+
		"The node gives back its input; the Go node is that of graphs/hello, whose memory is copied back\n"+
		"after each call. Runs of %d steps, or %d where there are 64, their beginnings and ends included\n", len(m.wall[0]), durableSteps, sharedSteps)
	return nil
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Nanoseconds())/1e3) }

// workFolder is on the disk of the sources: that of temporary files may be memory.
func workFolder() (string, error) {
	build := filepath.Join(folder, "build")
	if err := os.MkdirAll(build, 0o755); err != nil { //nolint:gosec // nothing in it is private
		return "", fmt.Errorf("making the build folder: %w", err)
	}
	dir, err := os.MkdirTemp(build, "durable-")
	if err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	return dir, nil
}

// together does something for each of the runs at once.
func together(run func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, durableRuns)
	for i := range durableRuns {
		wg.Go(func() { errs[i] = run(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// disk is a file in which pages are written in place, and kept: the least that
// anything durable costs.
type disk struct {
	f    *os.File
	next int64
}

const diskPages, pageBytes = 64, 4096

func openDisk(dir string) (*disk, error) {
	f, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		return nil, fmt.Errorf("making a file: %w", err)
	}
	if _, err = f.Write(make([]byte, diskPages*pageBytes)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, fmt.Errorf("filling a file: %w", err)
	}
	return &disk{f: f}, nil
}

func (d *disk) work() (int, error) {
	page := make([]byte, pageBytes)
	for range durableSteps {
		if _, err := d.f.WriteAt(page, d.next%diskPages*pageBytes); err != nil {
			return 0, fmt.Errorf("writing a page: %w", err)
		}
		if err := syncData(d.f); err != nil {
			return 0, fmt.Errorf("having the disk keep a page: %w", err)
		}
		d.next++
	}
	return durableSteps, nil
}

// appender appends what a driver does for each step of a chain: a success and the
// start that it causes.
type appender struct {
	s    *sqlite.Store
	seqs [durableRuns]uint64
}

func newAppender(ctx context.Context, s *sqlite.Store) (*appender, error) {
	a := &appender{s: s}
	for i := range a.seqs {
		started := event.Event{Run: appended(i), Seq: 1, Time: time.UnixMicro(0).UTC(), Body: event.RunStarted{Graph: "bench", Plan: "none", Input: document.Null()}}
		if err := s.Append(ctx, started); err != nil {
			return nil, fmt.Errorf("beginning a run: %w", err)
		}
		a.seqs[i] = 2
	}
	return a, nil
}

func appended(i int) string { return fmt.Sprintf("append-%d", i) }

var said = document.MustParse(`{"text":"` + strings.Repeat("Hello, ", 16) + `"}`)

func (a *appender) append(ctx context.Context, i, times int) error {
	for range times {
		seq := a.seqs[i]
		at := func(seq uint64) event.Attempt {
			return event.Attempt{Step: fmt.Sprintf("greet[%d]", seq/2), Node: "greet", Number: 1}
		}
		now := time.UnixMicro(int64(seq)).UTC()
		if err := a.s.Append(
			ctx,
			event.Event{Run: appended(i), Seq: seq, Time: now, Body: event.AttemptSucceeded{Attempt: at(seq), Output: said, Fuel: 123456}},
			event.Event{Run: appended(i), Seq: seq + 1, Time: now, Body: event.AttemptStarted{Attempt: at(seq + 2)}},
		); err != nil {
			return fmt.Errorf("appending: %w", err)
		}
		a.seqs[i] += 2
	}
	return nil
}

// goNode is the module of graphs/hello, of Go, with 3.5 MB of memory.
func goNode() ([]byte, error) {
	path := filepath.Join(folder, "..", "graphs", "hello", "say.wasm")
	module, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: there is no %s; run `make` first", errSkipped, path)
	}
	return module, nil
}

// looper runs a loop of two nodes, both of one module, as often as the input says.
type looper struct {
	h *host.Host
	g *host.Graph
}

// newLooper makes one. more is what its last node has beyond the module.
func newLooper(ctx context.Context, j journal.Journal, module []byte, more string) (*looper, error) {
	h, err := host.New(host.WithJournal(j), host.WithCacheDir(filepath.Join(folder, "build", "cache")))
	if err != nil {
		return nil, fmt.Errorf("making a host: %w", err)
	}
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte(loop + more)},
		"node.wasm":  {Data: module},
	}, "graph.toml")
	if err == nil {
		l := &looper{h, g}
		if err = l.run(ctx, 2); err == nil { // what is done once a process
			return l, nil
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
