// Tables growth, recall and replay: what a store keeps of a run whose state grows,
// and what it costs to find something in it again.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// grows has each turn add what it put out to the state.
const grows = `write = { seen = "output" }

[state.seen]
reduce = "append"
`

// growthTable makes runs of different lengths, each in a store of its own.
func growthTable(ctx context.Context, o options) error {
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer removeAll(dir)
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	empty, err := storeBytes(ctx, n.small, filepath.Join(dir, "empty.db"), 0)
	if err != nil {
		return err
	}
	g := grid{{"steps of a run", "state at the end, bytes", "store, bytes", "a step"}}
	var each []float64
	for _, steps := range []int{250, 500, 1000} {
		bytes, err := storeBytes(ctx, n.small, filepath.Join(dir, strconv.Itoa(steps)+".db"), steps)
		if err != nil {
			return err
		}
		bytes -= empty
		each = append(each, float64(bytes)/float64(steps))
		g = append(g, []string{
			strconv.Itoa(steps), strconv.Itoa(steps / 2 * len(said.Bytes())), strconv.FormatInt(bytes, 10),
			strconv.FormatInt(bytes/int64(steps), 10),
		})
	}
	g.print(o.out)
	o.figures.set("growth.linear", each[len(each)-1]/each[0], "%.0f bytes a step; 1 is linear, 4 would be quadratic", each[len(each)-1])
	o.out.printf("\nevery second step appends its output to the state; without what the store has of a run of two steps\n")
	return nil
}

// storeBytes is the size of a store in which there is a run of two steps, and one
// of so many, unless they are 0.
func storeBytes(ctx context.Context, module []byte, path string, steps int) (int64, error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return 0, fmt.Errorf("opening a store: %w", err)
	}
	l, err := newLooper(ctx, s, module, looped{more: grows})
	if err == nil {
		if steps > 0 {
			err = l.run(ctx, steps)
		}
		_ = l.h.Close()
	}
	if e := s.Close(); err == nil { // which brings the log into the file
		err = e
	}
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("looking at the store: %w", err)
	}
	return info.Size(), nil
}

const (
	cachedSteps = 10_000 // in the store, each with a key of its own
	lookUps     = 1000
)

// recallTable asks a store for outputs by their keys.
func recallTable(ctx context.Context, o options) error {
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer removeAll(dir)
	s, err := sqlite.Open(ctx, filepath.Join(dir, "runs.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("opening a store: %w", err)
	}
	defer func() { _ = s.Close() }()
	events := []event.Event{{Run: "made", Body: event.RunStarted{Graph: "bench", Plan: "none", Input: document.Null()}}}
	for i := range cachedSteps {
		a := event.Attempt{Step: fmt.Sprintf("greet#%d", i), Node: "greet", Number: 1}
		events = append(events, event.Event{Run: "made", Body: event.AttemptSucceeded{Attempt: a, Output: said, CacheKey: cacheKey(i)}})
	}
	for i := range events {
		events[i].Seq, events[i].Time = uint64(i+1), time.UnixMicro(int64(i)).UTC()
	}
	for len(events) > 0 {
		n := min(1000, len(events))
		if err := s.Append(ctx, events[:n]...); err != nil {
			return fmt.Errorf("filling the store: %w", err)
		}
		events = events[n:]
	}
	next := 0
	look := func(found bool) func() (lap, error) {
		return inProcess(lookUps, func() error {
			for range lookUps {
				next += 7919
				key := cacheKey(next % cachedSteps)
				if !found {
					key = cacheKey(cachedSteps + next)
				}
				_, _, ok, err := s.Cached(ctx, key)
				if err != nil || ok != found {
					return fmt.Errorf("asking for %s: found %t: %w", key, ok, err)
				}
			}
			return nil
		})
	}
	labours := []labour{{"found, and checked by its hashes", look(true)}, {"not found", look(false)}}
	m, err := interleave(labours, min(o.rounds, durableRounds))
	if err != nil {
		return err
	}
	g := grid{{fmt.Sprintf("one of %d outputs, by its key", cachedSteps), "µs", "of CPU, µs"}}
	for i, l := range labours {
		wall, cpu := m.median(i)
		g = append(g, []string{l.name, micros(wall), micros(cpu)})
	}
	g.print(o.out)
	return nil
}

func cacheKey(i int) string { return fmt.Sprintf("%064x", i) }

const replayedSteps = 1000

// replayTable makes runs, and each of them again to compare.
func replayTable(ctx context.Context, o options) error {
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer removeAll(dir)
	s, err := sqlite.Open(ctx, filepath.Join(dir, "runs.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("opening a store: %w", err)
	}
	defer func() { _ = s.Close() }()
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	l, err := newLooper(ctx, s, n.small, looped{})
	if err != nil {
		return err
	}
	defer func() { _ = l.h.Close() }()
	last := ""
	labours := []labour{
		{"the run, on the disk at its end", inProcess(replayedSteps, func() error {
			r, err := l.start(ctx, replayedSteps)
			if err == nil {
				last = r.ID()
			}
			return err
		})},
		{"its replay: read, made again, compared", inProcess(replayedSteps, func() error {
			made, err := l.h.Replay(ctx, last)
			if err == nil && (made.Divergence != nil || made.Attempts != replayedSteps || !made.FuelCompared) {
				err = fmt.Errorf("%d attempts, divergence %v, fuel compared %t", made.Attempts, made.Divergence, made.FuelCompared)
			}
			return err
		})},
	}
	m, err := interleave(labours, min(o.rounds, durableRounds))
	if err != nil {
		return err
	}
	g := grid{{"a step of", "µs", "of CPU, µs", "× the run"}}
	for i, l := range labours {
		wall, cpu := m.median(i)
		g = append(g, []string{l.name, micros(wall), micros(cpu), fmt.Sprintf("%.2f", m.times(i, 0))})
	}
	g.print(o.out)
	o.out.printf("\nmedians of %d rounds, runs of %d steps of a node that gives back its input\n", len(m.wall[0]), replayedSteps)
	return nil
}
