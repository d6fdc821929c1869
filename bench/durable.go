// Table durable: what a step costs that the disk keeps, beside what the disk itself
// needs, for one run and for many at once.
package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

const (
	durableRuns   = 64 // at once
	durableRounds = 12
	durableSteps  = 50 // of a run in a round, in the rows of one run
	sharedSteps   = 20 // of each run, in the rows of many
)

func durableTable(ctx context.Context, o options) error {
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer removeAll(dir)
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
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	a, err := newAppender(ctx, store)
	if err != nil {
		return err
	}
	labours := []labour{
		{"fdatasync of one page (floor)", inProcess(durableSteps, func() error { return disk.write(durableSteps) })},
		{"append, 1 run", inProcess(durableSteps, func() error { return a.append(ctx, 0, durableSteps) })},
		{"append, 64 runs", inProcess(durableRuns*sharedSteps, func() error {
			return together(func(i int) error { return a.append(ctx, i, sharedSteps) })
		})},
	}
	for _, l := range []struct {
		name   string
		j      journal.Journal
		module []byte
		more   looped
	}{
		{"step", store, n.small, looped{}},
		{"step that asks a capability", store, n.small, looped{asks: true}},
		{"step of a Go node", store, n.goes, looped{}},
		{"step, in memory", memory.New(), n.small, looped{}},
		{"step that asks, in memory", memory.New(), n.small, looped{asks: true}},
	} {
		looper, err := newLooper(ctx, l.j, l.module, l.more)
		if err != nil {
			return err
		}
		defer func() { _ = looper.h.Close() }()
		labours = append(labours, labour{l.name + ", 1 run", inProcess(durableSteps, func() error { return looper.run(ctx, durableSteps) })},
			labour{l.name + ", 64 runs", inProcess(durableRuns*sharedSteps, func() error {
				return together(func(int) error { return looper.run(ctx, sharedSteps) })
			})})
	}
	m, err := interleave(labours, min(o.rounds, durableRounds))
	if err != nil {
		return err
	}
	g := grid{{"", "µs", "a second", "of CPU, µs", "× fdatasync", "× one run"}}
	for i, l := range labours {
		wall, cpu := m.median(i)
		row := []string{l.name, micros(wall), fmt.Sprintf("%.0f", 1/wall.Seconds()), micros(cpu), fmt.Sprintf("%.2f", m.times(i, 0)), ""}
		if i > 0 && i%2 == 0 {
			row[5] = fmt.Sprintf("%.1f", m.times(i-1, i))
		}
		g = append(g, row)
	}
	g.print(o.out)
	const one, asking, askingTogether = 3, 5, 6
	disks, _ := m.median(0)
	waiting, _ := m.median(asking)
	_, cpu := m.median(askingTogether)
	o.figures.set("durable.one", m.times(one, 0), "%s µs an fdatasync; %.2f where each step asks, and waits twice", micros(disks), m.times(asking, 0))
	o.figures.set("durable.shared", m.times(asking, askingTogether), "at most %.0f here: one run waits %.1f fdatasyncs a step, and a step takes %s µs of CPU on %d cores",
		float64(waiting)/(float64(cpu)/float64(runtime.NumCPU())), m.times(asking, 0), micros(cpu), runtime.NumCPU())
	o.out.printf(`
Medians of %d rounds; a step is a call of a node, its events and their append. The nodes give back their input. The next
step of a run begins while the one before is on its way to the disk; what must wait for the disk are calls of capabilities,
whoever watches the run, and its end. A step that asks (an echo in the process) waits twice: for its start before the call,
for the answer before the node sees it; only when many run at once do they share what the disk can do. Runs of %d steps,
or %d where there are 64, their beginnings and ends included. How much 64 runs share depends on the disk, and less is gained on
a fast one: go test -run '^$' -bench SlowDisk ./host/journal/sqlite shows it on slower ones. The node is
a %s.
`, len(m.wall[0]), durableSteps, sharedSteps, n.smallName())
	n.skipped(o.out)
	return nil
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
