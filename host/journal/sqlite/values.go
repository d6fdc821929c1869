package sqlite

// What runs keep beyond their end: journal.Values.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// keep stores a value, deletes it where it is absent, or adds to the one that is
// there.
func (w *writer) keep(v event.Stored) error {
	if !v.Add.IsZero() {
		return w.add(v)
	}
	var old hash
	var hasOld bool
	if _, err := w.one("SELECT digest FROM kept WHERE space = ? AND key = ?", []any{v.Space, v.Key}, func(s *sqlite3.Stmt) {
		hasOld = copy(old[:], s.ColumnRawBlob(0)) == len(old)
	}); err != nil {
		return err
	}
	if err := w.set(v); err != nil {
		return err
	}
	if hasOld {
		return w.release(old)
	}
	return nil
}

// add stores an addition to what is there now. What is there is read in the
// transaction that writes the sum, and nobody else writes meanwhile. A value that is
// not what was stored is an error: nothing can be added to it.
func (w *writer) add(v event.Stored) error {
	entries, err := w.entries("space = ? AND key = ? LIMIT 1", v.Space, v.Key)
	if err != nil {
		return err
	}
	var old document.Document
	if len(entries) > 0 {
		old = entries[0].Value
	}
	total := v.Upon(old)
	if !old.IsZero() && bytes.Equal(old.Bytes(), total.Bytes()) {
		return nil
	}
	return w.keep(event.Stored{Space: v.Space, Key: v.Key, Value: total})
}

func (w *writer) set(v event.Stored) error {
	if v.Value.IsZero() {
		return w.exec("DELETE FROM kept WHERE space = ? AND key = ?", v.Space, v.Key)
	}
	b := v.Value.Bytes()
	sum := sealValue(v.Space, v.Key, b)
	var inline, digest any
	if len(b) < largeBytes {
		inline = text(b)
	} else {
		d := hashOf(b)
		if err := w.use(d, b); err != nil {
			return err
		}
		digest = d[:]
	}
	return w.exec("INSERT OR REPLACE INTO kept (space, key, value, digest, bytes, seal) VALUES (?, ?, ?, ?, ?, ?)",
		v.Space, v.Key, inline, digest, len(b), sum[:])
}

func sealValue(space, key string, value []byte) hash {
	return seal([]byte(space), []byte(key), value)
}

// Value implements [journal.Values].
func (s *Store) Value(ctx context.Context, space, key string) (d document.Document, err error) {
	err = s.read(ctx, func(c *connection) error {
		entries, err := c.entries("space = ? AND key = ? LIMIT 1", space, key)
		if err == nil && len(entries) > 0 {
			d = entries[0].Value
		}
		return err
	})
	if err != nil {
		return document.Document{}, fmt.Errorf("reading value %q of %q: %w", key, space, err)
	}
	return d, nil
}

// Values implements [journal.Values].
func (s *Store) Values(ctx context.Context, space, prefix, after string, limit int) (list []journal.Entry, err error) {
	if limit < 1 {
		return nil, context.Cause(ctx)
	}
	// Text is compared byte by byte, so the keys with a prefix stand together.
	from := max(prefix, after)
	where, args := "space = ?1 AND key > ?2", []any{space, from, limit}
	if from != after || after == "" {
		where = "space = ?1 AND key >= ?2"
	}
	if end, ok := beyond(prefix); ok {
		where += " AND key < CAST(?4 AS TEXT)"
		args = append(args, end)
	}
	err = s.read(ctx, func(c *connection) error {
		list, err = c.entries(where+" ORDER BY key LIMIT ?3", args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading values of %q: %w", space, err)
	}
	return list, nil
}

// beyond is the least text that is greater than all that begin with prefix.
func beyond(prefix string) ([]byte, bool) {
	b := bytes.TrimRight([]byte(prefix), "\xff")
	if len(b) == 0 {
		return nil, false
	}
	b[len(b)-1]++
	return b, true
}

// entries reads rows of kept and checks them.
func (c *connection) entries(where string, args ...any) (list []journal.Entry, err error) {
	type row struct {
		key    string
		value  []byte
		digest []byte
		seal   []byte
	}
	var rows []row
	space, _ := args[0].(string)
	err = c.query("SELECT key, value, digest, seal FROM kept WHERE "+where, args, func(s *sqlite3.Stmt) (bool, error) {
		r := row{key: s.ColumnText(0), digest: s.ColumnBlob(2, nil), seal: s.ColumnBlob(3, nil)}
		if len(r.digest) == 0 {
			r.value = s.ColumnBlob(1, nil)
		}
		rows = append(rows, r)
		return true, nil
	})
	if err != nil {
		return nil, corrupt(err, "", 0, fmt.Sprintf("the values of %q", space))
	}
	for _, r := range rows {
		what := fmt.Sprintf("value %q of %q", r.key, space)
		if len(r.digest) > 0 {
			var digest hash
			copy(digest[:], r.digest)
			if r.value, err = c.document(digest); err != nil {
				return nil, corrupt(err, "", 0, what)
			}
		}
		if sum := sealValue(space, r.key, r.value); !bytes.Equal(sum[:], r.seal) {
			return nil, &CorruptError{What: what, Err: errors.New("the seal does not match")}
		}
		d, err := document.Parse(r.value, document.Limits{Bytes: event.MaxEncodedBytes})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		list = append(list, journal.Entry{Key: strings.Clone(r.key), Value: d})
	}
	return list, nil
}

// Size implements [journal.Values].
func (s *Store) Size(ctx context.Context, space string) (keys int, size int64, err error) {
	err = s.read(ctx, func(c *connection) error {
		_, err := c.one("SELECT count(*), total(octet_length(key) + bytes) FROM kept WHERE space = ?", []any{space}, func(st *sqlite3.Stmt) {
			keys, size = st.ColumnInt(0), st.ColumnInt64(1)
		})
		return corrupt(err, "", 0, fmt.Sprintf("the values of %q", space))
	})
	if err != nil {
		return 0, 0, fmt.Errorf("measuring the values of %q: %w", space, err)
	}
	return keys, size, nil
}
