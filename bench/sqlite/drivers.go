// The drivers under comparison.
package main

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/driver"
	_ "modernc.org/sqlite"
)

// directStore uses ncruces' own interface, without database/sql between.
type directStore struct {
	c                         *sqlite3.Conn
	begin, end, insert, last_ *sqlite3.Stmt
}

func openDirect(_ context.Context, path string) (store, error) {
	c, err := sqlite3.Open(path)
	if err != nil {
		return nil, err
	}
	if err := c.Exec("PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + schema); err != nil {
		return nil, err
	}
	s := &directStore{c: c}
	for text, stmt := range map[string]**sqlite3.Stmt{"BEGIN IMMEDIATE": &s.begin, "COMMIT": &s.end, insert: &s.insert, last: &s.last_} {
		if *stmt, _, err = c.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *directStore) commit(_ context.Context, runs []int) error {
	if err := s.begin.Exec(); err != nil {
		return err
	}
	for _, run := range runs {
		var seq int64
		var hash []byte
		if err := s.last_.BindInt(1, run); err != nil {
			return err
		}
		if s.last_.Step() {
			seq, hash = s.last_.ColumnInt64(0), s.last_.ColumnBlob(1, nil)
		}
		if err := s.last_.Reset(); err != nil {
			return err
		}
		next := sha256.Sum256(append(hash, text...))
		if err := errors.Join(s.insert.BindInt(1, run), s.insert.BindInt64(2, seq+1), s.insert.BindBlob(3, next[:]), s.insert.BindText(4, text)); err != nil {
			return err
		}
		if err := s.insert.Exec(); err != nil {
			return err
		}
	}
	return s.end.Exec()
}

func (s *directStore) count(_ context.Context, run int) (n int, err error) {
	stmt, _, err := s.c.Prepare(read)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stmt.Close() }()
	if err := stmt.BindInt(1, run); err != nil {
		return 0, err
	}
	var hash, event []byte
	for stmt.Step() {
		hash, event = stmt.ColumnBlob(1, hash[:0]), stmt.ColumnBlob(2, event[:0])
		n++
	}
	return n, stmt.Err()
}

func (s *directStore) close() error {
	for _, stmt := range []*sqlite3.Stmt{s.begin, s.end, s.insert, s.last_} {
		_ = stmt.Close()
	}
	return s.c.Close()
}
