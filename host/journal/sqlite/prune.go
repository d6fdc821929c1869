package sqlite

// What is not kept for ever.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Retention says which finished runs stay. Runs that have not finished stay
// always, and so do the values that runs have kept.
type Retention struct {
	// Before lets those go that finished before this moment; zero: of any age.
	Before time.Time
	// Keep lets the newest of the finished stay, so many of them, whatever their age.
	Keep int
}

// Pruned is what Prune has done.
type Pruned struct {
	Runs   int
	Events int64
	Bytes  int64 // that the file gives back to the file system
}

// At most so much is deleted or tidied in one transaction, so that nobody who
// appends waits long; one run is not divided.
const (
	pruneEvents = 2000
	vacuumPages = 1000
)

// Prune deletes finished runs and the documents that nothing names any more, and
// makes the file smaller. It can be interrupted at any time: what it has told of
// is done, the rest is as it was. A Retention without anything is refused.
func (s *Store) Prune(ctx context.Context, r Retention) (Pruned, error) {
	done, err := s.prune(ctx, r)
	if err != nil {
		return done, fmt.Errorf("pruning runs: %w", err)
	}
	return done, nil
}

func (s *Store) prune(ctx context.Context, r Retention) (done Pruned, err error) {
	if r.Before.IsZero() && r.Keep <= 0 {
		return done, errors.New("nothing says which runs are to stay")
	}
	candidates, err := s.candidates(ctx, r)
	if err != nil {
		return done, err
	}
	for len(candidates) > 0 {
		n, events := 0, int64(0)
		for n < len(candidates) && (n == 0 || events+candidates[n].events <= pruneEvents) {
			events += candidates[n].events
			n++
		}
		var deleted Pruned
		err := s.write(ctx, func(w *writer) error {
			deleted = Pruned{}
			for _, t := range candidates[:n] {
				gone, err := w.deleteRun(t)
				if err != nil {
					return err
				}
				if gone {
					deleted.Runs++
					deleted.Events += t.events
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		done.Runs += deleted.Runs
		done.Events += deleted.Events
		candidates = candidates[n:]
	}
	done.Bytes, err = s.shrink(ctx)
	return done, err
}

// candidates are the runs that may go, the oldest first.
func (s *Store) candidates(ctx context.Context, r Retention) (list []*tail, err error) {
	before := int64(1)<<62 - 1
	if !r.Before.IsZero() {
		before = r.Before.UnixMicro()
	}
	err = s.read(ctx, func(c *connection) error {
		return c.query(`
			SELECT number, id, finished, events, last FROM (
				SELECT * FROM runs WHERE status IS NOT NULL ORDER BY finished DESC, number DESC LIMIT -1 OFFSET ?
			) WHERE finished < ? ORDER BY finished, number`, []any{max(r.Keep, 0), before}, func(st *sqlite3.Stmt) (bool, error) {
			list = append(list, &tail{
				number: st.ColumnInt64(0), id: st.ColumnText(1), finished: st.ColumnInt64(2), events: st.ColumnInt64(3), last: st.ColumnInt64(4),
			})
			return true, nil
		})
	})
	return list, err
}

// deleteRun deletes a run, unless somebody else has done so.
func (w *writer) deleteRun(t *tail) (bool, error) {
	if err := w.exec("DELETE FROM runs WHERE number = ? AND status IS NOT NULL", t.number); err != nil || w.c.Changes() == 0 {
		return false, err
	}
	delete(w.tails, t.id)
	place, left := t.last, t.events
	for left > 0 && place != 0 {
		next, err := w.deleteRecord(place, t.number)
		if err != nil {
			return false, err
		}
		if next < 0 {
			break // the chain is broken
		}
		place, left = next, left-1
	}
	if left > 0 || place != 0 {
		if err := w.deleteScattered(t.number); err != nil {
			return false, err
		}
	}
	if err := w.unpin(t.number); err != nil {
		return false, err
	}
	return true, w.exec("DELETE FROM inbox WHERE run = ?", t.id)
}

// deleteRecord deletes one event and gives the place of the one before it; -1
// where there is none of this run.
func (w *writer) deleteRecord(place, run int64) (previous int64, err error) {
	var digests []hash
	found, err := w.one("SELECT previous, event, cuts FROM records WHERE place = ? AND run = ?", []any{place, run}, func(s *sqlite3.Stmt) {
		previous = s.ColumnInt64(0)
		if s.ColumnType(2) == sqlite3.NULL {
			return
		}
		cuts, _ := parseCuts(s.ColumnText(2)) // what was changed releases nothing, and Verify tells of it
		b := s.ColumnRawText(1)
		for _, at := range cuts {
			if digest, err := referenced(b, at); err == nil {
				digests = append(digests, digest)
			}
		}
	})
	if err != nil {
		return 0, err
	}
	if !found {
		return -1, nil
	}
	for _, digest := range digests {
		if err := w.release(digest); err != nil {
			return 0, err
		}
	}
	if err := w.exec("DELETE FROM cached WHERE place = ?", place); err != nil {
		return 0, err
	}
	return previous, w.exec("DELETE FROM records WHERE place = ?", place)
}

// deleteScattered deletes what is left of a run whose chain is broken.
func (w *writer) deleteScattered(run int64) error {
	var places []int64
	err := w.query("SELECT place FROM records WHERE run = ?", []any{run}, func(s *sqlite3.Stmt) (bool, error) {
		places = append(places, s.ColumnInt64(0))
		return true, nil
	})
	for _, place := range places {
		if err == nil {
			_, err = w.deleteRecord(place, run)
		}
	}
	return err
}

// shrink gives the pages that are free back to the file system, which has them
// when the write-ahead log is next brought into the file.
func (s *Store) shrink(ctx context.Context) (freed int64, err error) {
	for {
		var before, after, size int64
		err := s.write(ctx, func(w *writer) (err error) {
			if before, err = w.number("PRAGMA freelist_count"); err != nil || before == 0 {
				return err
			}
			if size, err = w.number("PRAGMA page_size"); err != nil {
				return err
			}
			if err := w.exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages)); err != nil {
				return err
			}
			after, err = w.number("PRAGMA freelist_count")
			return err
		})
		freed += max(before-after, 0) * size
		if err != nil || after == 0 || after >= before {
			return freed, err
		}
	}
}
