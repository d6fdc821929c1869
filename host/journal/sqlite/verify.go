package sqlite

// Looking at everything, to find what the disk has changed before it is needed.

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// Verify reads the whole store and reports everything in it that is not what was
// stored; nothing is reported where all is well. Others may use the store
// meanwhile. The error is for what kept it from reading on.
func (s *Store) Verify(ctx context.Context, report func(*CorruptError)) error {
	for _, check := range []func(context.Context, func(*CorruptError)) error{
		s.verifyPages, s.verifyRuns, s.verifyChains, s.verifyStrays, s.verifyDocuments, s.verifyUses, s.verifyValues, s.verifyKept, s.verifyInbox, s.verifySources, s.verifyCache,
	} {
		err := check(ctx, report)
		var found *CorruptError
		if err = corrupt(err, "", 0, "the file"); errors.As(err, &found) {
			report(found)
		} else if err != nil {
			return fmt.Errorf("verifying the store: %w", err)
		}
	}
	return nil
}

// verifyPages has SQLite look at the structure of the file.
func (s *Store) verifyPages(ctx context.Context, report func(*CorruptError)) error {
	return s.read(ctx, func(c *connection) error {
		return c.query("PRAGMA integrity_check(100)", nil, func(st *sqlite3.Stmt) (bool, error) {
			if text := st.ColumnText(0); text != "ok" {
				report(&CorruptError{What: "the structure of the file", Err: errors.New(text)})
			}
			return true, nil
		})
	})
}

// verifyRuns reads each run as everybody does.
func (s *Store) verifyRuns(ctx context.Context, report func(*CorruptError)) error {
	var found *CorruptError
	for run, err := range s.Runs(ctx) {
		if errors.As(err, &found) {
			report(found)
			continue
		}
		if err != nil {
			return err
		}
		for _, err := range s.Events(ctx, run) {
			if errors.As(err, &found) {
				report(found)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// verifyStrays looks for events that belong to no run.
func (s *Store) verifyStrays(ctx context.Context, report func(*CorruptError)) error {
	return s.read(ctx, func(c *connection) error {
		return c.query("SELECT seq, run FROM records WHERE run NOT IN (SELECT number FROM runs) LIMIT 100", nil, func(st *sqlite3.Stmt) (bool, error) {
			report(&CorruptError{Seq: uint64(st.ColumnInt64(0)), What: "it", Err: fmt.Errorf("it belongs to run number %d, which is not there", st.ColumnInt64(1))})
			return true, nil
		})
	})
}

// verifyDocuments reads each document, also those that are named by nothing that
// could be read.
func (s *Store) verifyDocuments(ctx context.Context, report func(*CorruptError)) error {
	after := []byte{} // as it stands: it may have any length
	for first := true; ; first = false {
		n := 0
		err := s.read(ctx, func(c *connection) error {
			where := "digest > ?"
			if first {
				where = "digest >= ?"
			}
			return c.query("SELECT digest, document FROM documents LEFT JOIN contents USING (number) WHERE "+where+" ORDER BY digest LIMIT 32", []any{after}, func(st *sqlite3.Stmt) (bool, error) {
				n++
				var digest hash
				after = append([]byte{}, st.ColumnRawBlob(0)...) // not nil where it is empty
				size := len(after)
				copy(digest[:], after)
				var found string
				switch {
				case size != len(digest):
					found = "its digest has the wrong length"
				case st.ColumnType(1) == sqlite3.NULL:
					found = "its content is missing"
				case hashOf(st.ColumnRawText(1)) != digest:
					found = "it has other bytes"
				}
				if found != "" {
					report(&CorruptError{What: "document " + reference(digest), Err: errors.New(found)})
				}
				return true, nil
			})
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// verifyUses counts how often each document is named. All is read at one moment.
func (s *Store) verifyUses(ctx context.Context, report func(*CorruptError)) error {
	return s.read(ctx, func(c *connection) error {
		uses := map[hash]int64{}
		err := c.query("SELECT event, cuts FROM records WHERE cuts IS NOT NULL", nil, func(st *sqlite3.Stmt) (bool, error) {
			cuts, _ := parseCuts(st.ColumnText(1)) // reading the run tells
			b := st.ColumnRawText(0)
			for _, at := range cuts {
				if digest, err := referenced(b, at); err == nil {
					uses[digest]++
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		err = c.query("SELECT digest FROM kept WHERE digest IS NOT NULL", nil, func(st *sqlite3.Stmt) (bool, error) {
			var digest hash
			copy(digest[:], st.ColumnRawBlob(0))
			uses[digest]++
			return true, nil
		})
		if err != nil {
			return err
		}
		return c.query("SELECT digest, uses FROM documents", nil, func(st *sqlite3.Stmt) (bool, error) {
			var digest hash
			copy(digest[:], st.ColumnRawBlob(0))
			if n := st.ColumnInt64(1); n != uses[digest] {
				report(&CorruptError{What: "document " + reference(digest), Err: fmt.Errorf("it counts %d uses and has %d", n, uses[digest])})
			}
			return true, nil
		})
	})
}

func (s *Store) verifyValues(ctx context.Context, report func(*CorruptError)) error {
	type name struct{ space, key string }
	var names []name
	err := s.read(ctx, func(c *connection) error {
		return c.query("SELECT space, key FROM kept", nil, func(st *sqlite3.Stmt) (bool, error) {
			names = append(names, name{st.ColumnText(0), st.ColumnText(1)})
			return true, nil
		})
	})
	for _, n := range names {
		var found *CorruptError
		if _, err := s.Value(ctx, n.space, n.key); errors.As(err, &found) {
			report(found)
		} else if err != nil {
			return err
		}
	}
	return err
}

func (s *Store) verifyInbox(ctx context.Context, report func(*CorruptError)) error {
	runs, err := s.Waiting(ctx)
	for _, run := range runs {
		messages, err := s.Inbox(ctx, run)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if found, ok := errors.AsType[*CorruptError](m.Err); ok {
				report(found)
			}
		}
	}
	return err
}
