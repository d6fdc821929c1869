// Package memory keeps a journal in memory: for runs that need not survive
// their process, and for tests.
package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// Journal is a [journal.Values] without a disk. It grows with every event
// until [Journal.Forget] is called, and with every value that runs store.
type Journal struct {
	mu      sync.RWMutex
	runs    map[string][]event.Event
	order   []string
	spaces  map[string]*space
	sources map[string]*journal.Sources
	cached  map[string][]success // by key, in the order in which they were stored
}

var _ journal.Values = (*Journal)(nil)

// usualEvents has room for those of a small run.
const usualEvents = 24

// New makes an empty journal.
func New() *Journal {
	return &Journal{
		runs: map[string][]event.Event{}, spaces: map[string]*space{}, sources: map[string]*journal.Sources{}, cached: map[string][]success{},
	}
}

// Prompt implements [journal.Prompter]: there is no disk to wait for.
func (j *Journal) Prompt() bool { return true }

// Append implements [journal.Journal].
func (j *Journal) Append(ctx context.Context, events ...event.Event) error {
	return j.append(ctx, nil, events)
}

func (j *Journal) append(ctx context.Context, made *journal.Sources, events []event.Event) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("appending to the journal: %w", err)
	}
	if len(events) == 0 {
		return nil
	}
	values := stored(events)
	j.mu.Lock()
	defer j.mu.Unlock()
	run := events[0].Run
	kept := j.runs[run]
	finished := len(kept) > 0 && kept[len(kept)-1].Body.Type() == event.TypeRunFinished
	if err := journal.Check(events, uint64(len(kept)), finished); err != nil {
		return fmt.Errorf("appending to the journal: %w", err)
	}
	if len(kept) == 0 {
		kept = make([]event.Event, 0, usualEvents)
		j.order = append(j.order, run)
		if made != nil {
			j.sources[run] = made
		}
	}
	j.runs[run] = append(kept, events...)
	j.store(values)
	j.index(events)
	return nil
}

// Events implements [journal.Journal].
func (j *Journal) Events(ctx context.Context, run string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		j.mu.RLock()
		events, ok := j.runs[run]
		j.mu.RUnlock()
		// What is appended meanwhile lies beyond the length of this slice.
		if !ok {
			yield(event.Event{}, fmt.Errorf("reading run %q: %w", run, journal.ErrUnknownRun))
			return
		}
		for _, e := range events {
			if err := context.Cause(ctx); err != nil {
				yield(event.Event{}, fmt.Errorf("reading run %q: %w", run, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Runs implements [journal.Journal].
func (j *Journal) Runs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		j.mu.RLock()
		order := slices.Clone(j.order)
		j.mu.RUnlock()
		for _, run := range order {
			if err := context.Cause(ctx); err != nil {
				yield("", fmt.Errorf("reading the runs: %w", err))
				return
			}
			if !yield(run, nil) {
				return
			}
		}
	}
}

// Forget drops a run that nobody appends to any more; one that is not there is
// no error. The values that it stored stay; its outputs are not found in the cache
// any more.
func (j *Journal) Forget(run string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	events, ok := j.runs[run]
	if !ok {
		return
	}
	j.unindex(run, events)
	delete(j.runs, run)
	delete(j.sources, run)
	j.order = slices.DeleteFunc(j.order, func(r string) bool { return r == run })
}
