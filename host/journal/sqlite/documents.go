package sqlite

// Documents that are kept once, by the digest of their bytes, and how often they
// are named.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// use names a document once more, and stores it where it is not there yet. One
// that is there is compared: what the disk has changed is mended, so that what is
// acknowledged can be read.
func (w *writer) use(digest hash, document []byte) error {
	var number int64
	found, err := w.one("SELECT number FROM documents WHERE digest = ?", []any{digest[:]}, func(s *sqlite3.Stmt) { number = s.ColumnInt64(0) })
	if err != nil {
		return err
	}
	if !found {
		if err := w.exec("INSERT INTO contents (document) VALUES (?)", text(document)); err != nil {
			return err
		}
		return w.exec("INSERT INTO documents (digest, number, uses) VALUES (?, ?, 1)", digest[:], w.c.LastInsertRowID())
	}
	same := false
	if _, err := w.one("SELECT document FROM contents WHERE number = ?", []any{number}, func(s *sqlite3.Stmt) {
		same = bytes.Equal(s.ColumnRawText(0), document)
	}); err != nil {
		return err
	}
	if !same {
		if err := w.exec("INSERT OR REPLACE INTO contents (number, document) VALUES (?, ?)", number, text(document)); err != nil {
			return err
		}
	}
	return w.exec("UPDATE documents SET uses = uses + 1 WHERE digest = ?", digest[:])
}

// release takes back one use of a document, and drops it with the last.
func (w *writer) release(digest hash) error {
	var number, uses int64
	found, err := w.one("SELECT number, uses FROM documents WHERE digest = ?", []any{digest[:]}, func(s *sqlite3.Stmt) {
		number, uses = s.ColumnInt64(0), s.ColumnInt64(1)
	})
	switch {
	case err != nil || !found:
		return err
	case uses > 1:
		return w.exec("UPDATE documents SET uses = uses - 1 WHERE digest = ?", digest[:])
	}
	if err := w.exec("DELETE FROM contents WHERE number = ?", number); err != nil {
		return err
	}
	return w.exec("DELETE FROM documents WHERE digest = ?", digest[:])
}

// document reads what has a digest, and makes sure that it does.
func (c *connection) document(digest hash) ([]byte, error) {
	var b []byte
	found, err := c.one("SELECT document FROM documents JOIN contents USING (number) WHERE digest = ?", []any{digest[:]}, func(s *sqlite3.Stmt) {
		b = s.ColumnBlob(0, nil)
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, fmt.Errorf("%w: document %s is missing", errCorrupt, reference(digest))
	case sha256.Sum256(b) != digest:
		return nil, fmt.Errorf("%w: document %s has other bytes", errCorrupt, reference(digest))
	}
	return b, nil
}

// errCorrupt marks what becomes a [*CorruptError] where it is known of what.
var errCorrupt = errors.New("the file was changed")
