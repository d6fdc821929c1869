package sqlite

// Runs that another store has recorded: journal.Importer.

import (
	"context"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

var _ journal.Importer = (*Store)(nil)

// Import implements [journal.Importer].
func (s *Store) Import(ctx context.Context, made *journal.Sources, events []event.Event) error {
	if err := s.take(ctx, made, events); err != nil {
		return fmt.Errorf("importing a run: %w", err)
	}
	return nil
}

func (s *Store) take(ctx context.Context, made *journal.Sources, events []event.Event) error {
	if len(events) == 0 {
		return errors.New("it has no events")
	}
	run := events[0].Run
	sound := errors.Join(journal.CheckImport(events), journal.Check(events, 0, false))
	var b *batch
	if sound == nil {
		var err error
		if b, err = encode(events); err != nil {
			return err
		}
		defer b.done()
	}
	return s.write(ctx, func(w *writer) error {
		t, err := w.tail(run)
		switch {
		case err != nil:
			return err
		case t != nil:
			return fmt.Errorf("run %q: %w", run, journal.ErrRunExists)
		case sound != nil:
			return sound
		}
		if t, err = w.begin(nil, events[0]); err != nil {
			return err
		}
		for i := range b.records {
			if err := w.insert(t, &b.records[i]); err != nil {
				return err
			}
		}
		if err := w.update(t, events[len(events)-1]); err != nil {
			return err
		}
		w.tails[t.id] = t
		if made == nil {
			return nil
		}
		return w.pin(run, made)
	})
}
