package sqlite

// Outputs that are found again: journal.Cacher. The table cached says where the
// successes stand that have a key; all that is given is read from the events.

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

var _ journal.Cacher = (*Store)(nil)

// maxCandidates is how many successes of one key are looked at for one that can be
// read.
const maxCandidates = 8

// index makes a success findable that was just stored.
func (w *writer) index(e event.Event, place int64) error {
	done, ok := e.Body.(event.AttemptSucceeded)
	if !ok || done.CacheKey == "" || done.From != nil {
		return nil
	}
	return w.exec("INSERT INTO cached (place, key) VALUES (?, ?)", place, done.CacheKey)
}

// Cached implements [journal.Cacher]. What it gives was checked: the event against
// the hash of the one before it, its documents against their digests. Of several
// successes it gives the first that is what was stored; where none is, the error is
// a [*CorruptError] of the first. So a caller loses an output, never gets another.
// A store of a version before 3, opened for reading alone, has none.
func (s *Store) Cached(ctx context.Context, key string) (done event.AttemptSucceeded, by event.Origin, found bool, err error) {
	err = s.read(ctx, func(c *connection) error {
		if known, err := s.has(c, 3); err != nil || !known {
			return err
		}
		var places []int64
		if err := c.query("SELECT place FROM cached WHERE key = ? ORDER BY place LIMIT ?", []any{key, maxCandidates}, func(st *sqlite3.Stmt) (bool, error) {
			places = append(places, st.ColumnInt64(0))
			return true, nil
		}); err != nil {
			return corrupt(err, "", 0, "the cache")
		}
		var first error
		for _, place := range places {
			e, err := c.success(place, key)
			if err == nil {
				done, _ = e.Body.(event.AttemptSucceeded)
				by, found = event.Origin{Run: e.Run, Attempt: done.Attempt}, true
				return nil
			}
			if _, ok := errors.AsType[*CorruptError](err); !ok {
				return err
			}
			if first == nil {
				first = err
			}
		}
		return first
	})
	if err != nil {
		return event.AttemptSucceeded{}, event.Origin{}, false, fmt.Errorf("looking into the cache: %w", err)
	}
	return done, by, found, nil
}

// success reads the event that a row of cached names.
func (c *connection) success(place int64, key string) (e event.Event, err error) {
	var run string
	var seq, previous, before int64
	var stored, head hash
	var b []byte
	var cutText string
	found, err := c.one(`
		SELECT id, now.seq, now.hash, now.event, now.cuts, now.previous, past.hash, past.seq
		FROM records AS now JOIN runs ON runs.number = now.run LEFT JOIN records AS past ON past.place = now.previous AND past.run = now.run
		WHERE now.place = ?`, []any{place}, func(s *sqlite3.Stmt) {
		run, seq, previous, before = s.ColumnText(0), s.ColumnInt64(1), s.ColumnInt64(5), s.ColumnInt64(7)
		copy(stored[:], s.ColumnRawBlob(2))
		copy(head[:], s.ColumnRawBlob(6))
		b, cutText = s.ColumnBlob(3, nil), s.ColumnText(4)
	})
	bad := func(format string, args ...any) error {
		return &CorruptError{Run: run, Seq: uint64(max(seq, 0)), What: fmt.Sprintf("what the cache has at %d", place), Err: fmt.Errorf("%w: "+format, append([]any{errCorrupt}, args...)...)}
	}
	switch {
	case err != nil:
		return e, corrupt(err, "", 0, "the cache")
	case !found:
		return e, bad("there is no event")
	case previous == 0 || before != seq-1:
		return e, bad("it does not follow the event before it")
	}
	if b, err = c.whole(b, cutText); err != nil {
		return e, corrupt(err, run, uint64(max(seq, 0)), "it")
	}
	if follow(head, hashOf(b)) != stored {
		return e, bad("its bytes and its hash do not go together")
	}
	if e, err = event.Decode(b); err != nil {
		return e, err // a version or type that is not known here
	}
	done, ok := e.Body.(event.AttemptSucceeded)
	switch {
	case e.Run != run || e.Seq != uint64(seq):
		return e, bad("it says that it is event %d of run %q", e.Seq, e.Run)
	case !ok || done.CacheKey != key || done.From != nil:
		return e, bad("it is no success with this key")
	}
	return e, nil
}

// verifyCache looks at each row of cached.
func (s *Store) verifyCache(ctx context.Context, report func(*CorruptError)) error {
	type row struct {
		place int64
		key   string
	}
	for after, more := int64(-1<<63), true; more; {
		err := s.read(ctx, func(c *connection) error {
			if known, err := s.has(c, 3); err != nil || !known {
				more = false
				return err
			}
			var rows []row
			if err := c.query("SELECT place, key FROM cached WHERE place > ? ORDER BY place LIMIT 256", []any{after}, func(st *sqlite3.Stmt) (bool, error) {
				rows = append(rows, row{st.ColumnInt64(0), st.ColumnText(1)})
				return true, nil
			}); err != nil {
				return corrupt(err, "", 0, "the cache")
			}
			more = len(rows) > 0
			for _, r := range rows {
				if r.place <= after && after != -1<<63 {
					return fmt.Errorf("%w: the cache has no order", errCorrupt)
				}
				after = r.place
				var bad *CorruptError
				if _, err := c.success(r.place, r.key); errors.As(err, &bad) {
					report(bad)
				} else if err != nil && ctx.Err() != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
