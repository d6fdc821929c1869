package sqlite

// What runs were made of: journal.Pinner. A plan's files are listed once and stored
// once, however many runs are made of them. They are no documents: a module is not
// text.

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

var _ journal.Pinner = (*Store)(nil)

// Begin implements [journal.Pinner].
func (s *Store) Begin(ctx context.Context, made *journal.Sources, events ...event.Event) error {
	var pin func(*writer) error
	if made != nil && len(events) > 0 {
		pin = func(w *writer) error { return w.pin(events[0].Run, made) }
	}
	if err := s.append(ctx, events, pin); err != nil {
		return fmt.Errorf("beginning run: %w", err)
	}
	return nil
}

// pin notes what a run that has just begun was made of.
func (w *writer) pin(run string, made *journal.Sources) error {
	t := w.tails[run]
	if t == nil {
		return journal.ErrUnknownRun
	}
	var list int64
	found, err := w.one("SELECT number FROM lists WHERE digest = ?", []any{made.Digest[:]}, func(s *sqlite3.Stmt) { list = s.ColumnInt64(0) })
	if err != nil {
		return err
	}
	if !found {
		if err := w.exec("INSERT INTO lists (digest, files) VALUES (?, ?)", made.Digest[:], text(made.List)); err != nil {
			return err
		}
		list = w.c.LastInsertRowID()
		for _, f := range made.Files {
			if err := w.useSource(&f); err != nil {
				return err
			}
		}
	}
	return w.exec("INSERT INTO pinned (run, list) VALUES (?, ?)", t.number, list)
}

// useSource names a file once more, and stores it where it is not there yet.
func (w *writer) useSource(f *journal.Source) error {
	if err := w.exec("UPDATE source_uses SET uses = uses + 1 WHERE digest = ?", f.Digest[:]); err != nil || w.c.Changes() > 0 {
		return err
	}
	content := f.Content
	if content == nil {
		content = []byte{}
	}
	// It is there only if its count was lost.
	if err := w.exec("INSERT OR REPLACE INTO sources (digest, content) VALUES (?, ?)", f.Digest[:], content); err != nil {
		return err
	}
	return w.exec("INSERT INTO source_uses (digest, uses) VALUES (?, 1)", f.Digest[:])
}

// releaseSource takes back one use of a file, and drops it with the last.
func (w *writer) releaseSource(f *journal.Source) error {
	if err := w.exec("UPDATE source_uses SET uses = uses - 1 WHERE digest = ? AND uses > 1", f.Digest[:]); err != nil || w.c.Changes() > 0 {
		return err
	}
	if err := w.exec("DELETE FROM sources WHERE digest = ?", f.Digest[:]); err != nil {
		return err
	}
	return w.exec("DELETE FROM source_uses WHERE digest = ?", f.Digest[:])
}

// unpin forgets what a run was made of, and what no other run is made of.
func (w *writer) unpin(run int64) error {
	var list int64
	found, err := w.one("SELECT list FROM pinned WHERE run = ?", []any{run}, func(s *sqlite3.Stmt) { list = s.ColumnInt64(0) })
	if err != nil || !found {
		return err
	}
	if err := w.exec("DELETE FROM pinned WHERE run = ?", run); err != nil {
		return err
	}
	others, err := w.number("SELECT count(*) FROM (SELECT 1 FROM pinned WHERE list = ? LIMIT 1)", list)
	if err != nil || others > 0 {
		return err
	}
	made, err := w.list(list)
	if err != nil && !errors.Is(err, errCorrupt) {
		return err
	}
	if made != nil { // what was changed releases nothing, and Verify tells of it
		for _, f := range made.Files {
			if err := w.releaseSource(&f); err != nil {
				return err
			}
		}
	}
	return w.exec("DELETE FROM lists WHERE number = ?", list)
}

// list reads a list of sources, without their content.
func (c *connection) list(number int64) (made *journal.Sources, err error) {
	found := false
	err = c.query("SELECT digest, files FROM lists WHERE number = ?", []any{number}, func(s *sqlite3.Stmt) (bool, error) {
		found = true
		if made, err = journal.ReadSources(bytes.Clone(s.ColumnRawText(1))); err != nil || !bytes.Equal(made.Digest[:], s.ColumnRawBlob(0)) {
			made = nil
			return false, fmt.Errorf("%w: the list of sources %d has other bytes", errCorrupt, number)
		}
		return false, nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: the list of sources %d is missing", errCorrupt, number)
	}
	return made, err
}

// Sources implements [journal.Pinner].
func (s *Store) Sources(ctx context.Context, run string) (made *journal.Sources, err error) {
	err = s.read(ctx, func(c *connection) error {
		t, err := c.findRun(run)
		if err == nil && t == nil {
			err = journal.ErrUnknownRun
		}
		if err != nil {
			return err
		}
		if known, err := s.has(c, 2); err != nil || !known {
			return err
		}
		var list int64
		found, err := c.one("SELECT list FROM pinned WHERE run = ?", []any{t.number}, func(s *sqlite3.Stmt) { list = s.ColumnInt64(0) })
		if err != nil || !found {
			return err
		}
		if made, err = c.list(list); err != nil {
			return err
		}
		for i := range made.Files {
			if err := c.source(&made.Files[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the sources of run %q: %w", run, corrupt(err, run, 0, "what it was made of"))
	}
	return made, nil
}

// source reads the content of a file.
func (c *connection) source(f *journal.Source) error {
	found, err := c.one("SELECT content FROM sources WHERE digest = ?", []any{f.Digest[:]}, func(s *sqlite3.Stmt) { f.Content = s.ColumnBlob(0, nil) })
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%w: %s %q is missing", errCorrupt, f.Kind, f.Name)
	case hashOf(f.Content) != f.Digest:
		return fmt.Errorf("%w: %s %q has other bytes", errCorrupt, f.Kind, f.Name)
	}
	return nil
}

// verifySources reads all that runs were made of, and counts how often it is named.
func (s *Store) verifySources(ctx context.Context, report func(*CorruptError)) error {
	return s.read(ctx, func(c *connection) error {
		if known, err := s.has(c, 2); err != nil || !known {
			return err
		}
		stray := func(query, what string) error {
			return c.query(query, nil, func(st *sqlite3.Stmt) (bool, error) {
				report(&CorruptError{What: what, Err: fmt.Errorf("number %d is named by nothing, or names nothing", st.ColumnInt64(0))})
				return true, nil
			})
		}
		if err := errors.Join(
			stray("SELECT run FROM pinned WHERE run NOT IN (SELECT number FROM runs) OR list NOT IN (SELECT number FROM lists) LIMIT 100", "what a run was made of"),
			stray("SELECT number FROM lists WHERE number NOT IN (SELECT list FROM pinned) LIMIT 100", "a list of sources"),
		); err != nil {
			return err
		}
		var numbers []int64
		if err := c.query("SELECT number FROM lists", nil, func(st *sqlite3.Stmt) (bool, error) {
			numbers = append(numbers, st.ColumnInt64(0))
			return true, nil
		}); err != nil {
			return err
		}
		uses := map[hash]int64{}
		for _, number := range numbers {
			made, err := c.list(number)
			if errors.Is(err, errCorrupt) {
				report(&CorruptError{What: fmt.Sprintf("list of sources %d", number), Err: err})
				continue
			}
			if err != nil {
				return err
			}
			for _, f := range made.Files {
				if uses[f.Digest]++; uses[f.Digest] > 1 {
					continue
				}
				if err := c.source(&f); errors.Is(err, errCorrupt) {
					report(&CorruptError{What: fmt.Sprintf("%s %q", f.Kind, f.Name), Err: err})
				} else if err != nil {
					return err
				}
			}
		}
		counts := "SELECT digest, uses FROM sources LEFT JOIN source_uses USING (digest)"
		known, err := s.has(c, 4)
		if err == nil && known {
			err = stray("SELECT uses FROM source_uses WHERE digest NOT IN (SELECT digest FROM sources) LIMIT 100", "the count of a source's uses")
		} else if err == nil {
			counts = "SELECT digest, uses FROM sources"
		}
		if err != nil {
			return err
		}
		return c.query(counts, nil, func(st *sqlite3.Stmt) (bool, error) {
			var digest hash
			copy(digest[:], st.ColumnRawBlob(0))
			if n := st.ColumnInt64(1); n != uses[digest] {
				report(&CorruptError{What: "source " + reference(digest), Err: fmt.Errorf("it counts %d uses and has %d", n, uses[digest])})
			}
			return true, nil
		})
	})
}
