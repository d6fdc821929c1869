// Package memory keeps a journal in memory: for runs that need not survive
// their process, and for tests.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// Journal is a [journal.Values] without a disk. It grows with every event
// until [Journal.Forget] is called, and with every value that runs store.
type Journal struct {
	runs  sync.Map      // by id, each a *run: most appends need nothing else
	begun atomic.Uint64 // how many there have been

	mu     sync.RWMutex // of what runs share
	spaces map[string]*space
	cached map[string][]success // by key, in the order in which they were stored
}

// run is what is kept of one.
type run struct {
	id     string
	number uint64 // in the order in which they began
	made   *journal.Sources

	mu     sync.Mutex
	events []event.Event
}

var _ journal.Values = (*Journal)(nil)

// usualEvents has room for those of a small run.
const usualEvents = 24

// New makes an empty journal.
func New() *Journal {
	return &Journal{spaces: map[string]*space{}, cached: map[string][]success{}}
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
	if len(values) > 0 || slices.ContainsFunc(events, isCacheable) {
		j.mu.Lock()
		defer j.mu.Unlock()
	}
	r, err := j.run(events[0].Run), error(nil)
	if r == nil {
		r, err = j.begin(made, events)
	}
	if r != nil {
		err = r.append(events)
	}
	if err != nil {
		return fmt.Errorf("appending to the journal: %w", err)
	}
	j.store(values)
	j.index(events)
	return nil
}

// run gives what is kept of a run; nil: nothing.
func (j *Journal) run(id string) *run {
	kept, _ := j.runs.Load(id)
	r, _ := kept.(*run)
	return r
}

// begin takes in a run with its first events, if it is not there; else it gives it.
func (j *Journal) begin(made *journal.Sources, events []event.Event) (there *run, err error) {
	r := &run{id: events[0].Run, made: made, number: j.begun.Add(1)}
	if err := r.append(events); err != nil {
		return nil, err
	}
	if kept, loaded := j.runs.LoadOrStore(r.id, r); loaded {
		there, _ = kept.(*run)
	}
	return there, nil
}

func (r *run) append(events []event.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.events)
	finished := n > 0 && r.events[n-1].Body.Type() == event.TypeRunFinished
	if err := journal.Check(events, uint64(n), finished); err != nil {
		return err
	}
	if n == 0 {
		r.events = make([]event.Event, 0, max(usualEvents, len(events)))
	}
	r.events = append(r.events, events...)
	return nil
}

// all gives the events. What is appended meanwhile lies beyond the length of the slice.
func (r *run) all() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// Events implements [journal.Journal].
func (j *Journal) Events(ctx context.Context, run string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		r := j.run(run)
		if r == nil {
			yield(event.Event{}, fmt.Errorf("reading run %q: %w", run, journal.ErrUnknownRun))
			return
		}
		for _, e := range r.all() {
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
		var all []*run
		for _, kept := range j.runs.Range {
			if r, ok := kept.(*run); ok {
				all = append(all, r)
			}
		}
		slices.SortFunc(all, func(a, b *run) int { return cmp.Compare(a.number, b.number) })
		for _, r := range all {
			if err := context.Cause(ctx); err != nil {
				yield("", fmt.Errorf("reading the runs: %w", err))
				return
			}
			if !yield(r.id, nil) {
				return
			}
		}
	}
}

// Forget drops a run that nobody appends to any more; one that is not there is
// no error. The values that it stored stay; its outputs are not found in the cache
// any more.
func (j *Journal) Forget(run string) {
	r := j.run(run)
	if r == nil {
		return
	}
	j.runs.Delete(run)
	if events := r.all(); slices.ContainsFunc(events, isCacheable) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.unindex(run, events)
	}
}
