package memory

// What runs give each other: journal.Cacher and journal.Importer.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

var (
	_ journal.Cacher   = (*Journal)(nil)
	_ journal.Importer = (*Journal)(nil)
)

// success is one that can be found under its cache key.
type success struct {
	run  string
	done event.AttemptSucceeded
}

// cacheable says whether an event is a success that can be found again.
func cacheable(e event.Event) (event.AttemptSucceeded, bool) {
	done, ok := e.Body.(event.AttemptSucceeded)
	return done, ok && done.CacheKey != "" && done.From == nil
}

func isCacheable(e event.Event) bool {
	_, ok := cacheable(e)
	return ok
}

// index makes the successes of an append findable. The journal is locked.
func (j *Journal) index(events []event.Event) {
	for _, e := range events {
		if done, ok := cacheable(e); ok {
			j.cached[done.CacheKey] = append(j.cached[done.CacheKey], success{e.Run, done})
		}
	}
}

// unindex forgets those of a run. The journal is locked.
func (j *Journal) unindex(run string, events []event.Event) {
	for _, e := range events {
		done, ok := cacheable(e)
		if !ok {
			continue
		}
		left := slices.DeleteFunc(j.cached[done.CacheKey], func(m success) bool { return m.run == run })
		if len(left) == 0 {
			delete(j.cached, done.CacheKey)
		} else {
			j.cached[done.CacheKey] = left
		}
	}
}

// Cached implements [journal.Cacher].
func (j *Journal) Cached(ctx context.Context, key string) (event.AttemptSucceeded, event.Origin, bool, error) {
	if err := context.Cause(ctx); err != nil {
		return event.AttemptSucceeded{}, event.Origin{}, false, fmt.Errorf("looking into the cache: %w", err)
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	all := j.cached[key]
	if len(all) == 0 {
		return event.AttemptSucceeded{}, event.Origin{}, false, nil
	}
	first := all[0]
	return first.done, event.Origin{Run: first.run, Attempt: first.done.Attempt}, true, nil
}

// Import implements [journal.Importer].
func (j *Journal) Import(ctx context.Context, made *journal.Sources, events []event.Event) error {
	if err := j.take(ctx, made, events); err != nil {
		return fmt.Errorf("importing a run: %w", err)
	}
	return nil
}

func (j *Journal) take(ctx context.Context, made *journal.Sources, events []event.Event) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if len(events) == 0 {
		return errors.New("it has no events")
	}
	there, err := j.begin(made, events)
	if there != nil {
		return fmt.Errorf("run %q: %w", events[0].Run, journal.ErrRunExists)
	}
	return err
}
