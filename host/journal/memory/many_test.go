package memory_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
)

// life is a run that stores a value and can be found in the cache.
func life(run string) []event.Event {
	a := event.Attempt{Step: "a", Node: "a", Number: 1}
	events := []event.Event{
		{Body: event.RunStarted{Input: document.Null()}},
		{Body: event.AttemptStarted{Attempt: a}},
		{Body: event.AttemptSucceeded{
			Attempt: a, Output: document.String(run), CacheKey: "key",
			Stored: []event.Stored{{Space: "s", Key: run, Value: document.Int(1)}},
		}},
		{Body: event.RunFinished{Status: event.Done, Output: document.Null()}},
	}
	for i := range events {
		events[i].Run, events[i].Seq = run, uint64(i+1)
	}
	return events
}

// TestManyAtOnce: two want to begin each run, by an append or an import, and one of them
// does; whoever reads meanwhile finds whole runs; what was forgotten is not found.
func TestManyAtOnce(t *testing.T) {
	const runs = 300
	j := memory.New()
	var all, readers sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		readers.Go(func() {
			for !over.Load() {
				looks(t, j)
			}
		})
	}
	for worker := range 4 {
		all.Go(func() {
			for i := range runs {
				carry(t, j, life(fmt.Sprint("run ", i)), worker)
			}
		})
	}
	all.Wait()
	over.Store(true)
	readers.Wait()
	kept := 0
	for range j.Runs(t.Context()) {
		kept++
	}
	_, from, ok, err := j.Cached(t.Context(), "key")
	values, _, _ := j.Size(t.Context(), "s")
	if kept != 0 || ok || err != nil || values == 0 {
		t.Errorf("%d runs are left, %v of them in the cache, %v; %d values", kept, from, err, values)
	}
}

// carry begins a run and carries it to its end, unless another one does, and forgets it.
func carry(t *testing.T, j *memory.Journal, events []event.Event, worker int) {
	t.Helper()
	n := 1
	var err error
	if worker == 0 {
		n, err = len(events), j.Import(t.Context(), nil, events)
	} else {
		err = j.Append(t.Context(), events[0])
	}
	var taken *journal.SequenceError
	switch {
	case errors.As(err, &taken) || errors.Is(err, journal.ErrRunExists) || errors.Is(err, journal.ErrFinished):
		return
	case err != nil:
		t.Error(err)
	}
	for _, e := range events[n:] {
		if err := j.Append(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	j.Forget(events[0].Run)
}

func looks(t *testing.T, j *memory.Journal) {
	t.Helper()
	for run, err := range j.Runs(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		n := uint64(0)
		for e, err := range j.Events(t.Context(), run) {
			if errors.Is(err, journal.ErrUnknownRun) {
				break // it was forgotten meanwhile
			}
			if n++; err != nil || e.Seq != n || e.Run != run {
				t.Errorf("event %d of %s is %d of %s; %v", n, run, e.Seq, e.Run, err)
			}
		}
	}
	if done, from, ok, err := j.Cached(t.Context(), "key"); err != nil || ok && done.Output.String() != document.String(from.Run).String() {
		t.Error(done, from, err)
	}
}
