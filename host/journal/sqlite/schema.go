package sqlite

// What the file consists of, and how one of an earlier version is brought up to
// this one.

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// application is what the file says that it is: "chnr".
const application = 0x63686e72

// migrations are the steps from an empty file to this version: the version of a
// file is how many of them it has taken. What is here is never changed; what is
// new comes at the end.
var migrations = []string{
	`
CREATE TABLE runs (
	number   INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they began
	id       TEXT NOT NULL UNIQUE,
	graph    TEXT NOT NULL,
	plan     TEXT NOT NULL,
	started  INTEGER NOT NULL, -- microseconds since 1970, UTC
	status   TEXT,             -- NULL until it has finished
	finished INTEGER,          -- as started
	events   INTEGER NOT NULL, -- how many it has
	last     INTEGER NOT NULL, -- place of the last one
	head     BLOB NOT NULL,    -- hash of the last one
	seal     BLOB NOT NULL     -- hash of this row
) STRICT;

CREATE TABLE records (
	place    INTEGER PRIMARY KEY, -- in the order in which they were stored
	run      INTEGER NOT NULL,    -- its number
	seq      INTEGER NOT NULL,
	previous INTEGER NOT NULL,    -- place of the run's event before, 0 where it is the first
	hash     BLOB NOT NULL,       -- of the run's events up to this one
	event    TEXT NOT NULL,       -- JSON; a large document's digest stands in its place
	cuts     TEXT                 -- where: offsets into event; NULL where nowhere
) STRICT;

CREATE TABLE documents (
	digest BLOB PRIMARY KEY, -- SHA-256 of its bytes
	number INTEGER NOT NULL, -- of its content
	uses   INTEGER NOT NULL  -- how often events and values name it
) STRICT, WITHOUT ROWID;

CREATE TABLE contents (
	number   INTEGER PRIMARY KEY,
	document TEXT NOT NULL
) STRICT;

CREATE TABLE kept (
	space  TEXT NOT NULL,
	key    TEXT NOT NULL,
	value  TEXT,             -- NULL where it is a document
	digest BLOB,             -- of that document
	bytes  INTEGER NOT NULL, -- of the value
	seal   BLOB NOT NULL,    -- hash of space, key and value
	PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	run    TEXT NOT NULL,
	event  TEXT NOT NULL,
	seal   BLOB NOT NULL
) STRICT;

CREATE VIEW events AS
	SELECT runs.id AS run, seq,
		event ->> '$.time' AS time, event ->> '$.type' AS type,
		event ->> '$.step' AS step, event ->> '$.node' AS node, event ->> '$.attempt' AS attempt,
		event, lower(hex(hash)) AS hash, place
	FROM records JOIN runs ON runs.number = records.run;

CREATE VIEW texts AS
	SELECT 'sha256:' || lower(hex(digest)) AS digest, document, uses
	FROM documents JOIN contents USING (number);
`,
	`
CREATE TABLE sources (
	digest  BLOB NOT NULL UNIQUE, -- SHA-256 of the content
	uses    INTEGER NOT NULL,     -- how often lists name it
	content BLOB NOT NULL
) STRICT;

CREATE TABLE lists (
	number INTEGER PRIMARY KEY,
	digest BLOB NOT NULL UNIQUE, -- SHA-256 of files
	files  TEXT NOT NULL         -- JSON: kind, name and digest of each
) STRICT;

CREATE TABLE pinned (
	run  INTEGER PRIMARY KEY, -- its number
	list INTEGER NOT NULL     -- of what it was made of
) STRICT;

CREATE INDEX pinned_list ON pinned (list);
`,
	`
CREATE TABLE cached (
	place INTEGER PRIMARY KEY, -- of the event: a success that was executed in a run of this store
	key   TEXT NOT NULL        -- its cache_key
) STRICT;

CREATE INDEX cached_key ON cached (key);
` + peoplesViews,
	// A count beside the content had SQLite write all of the content whenever it changed.
	`
CREATE TABLE source_uses (
	digest BLOB PRIMARY KEY, -- of a source
	uses   INTEGER NOT NULL  -- how often lists name it
) STRICT, WITHOUT ROWID;

INSERT INTO source_uses (digest, uses) SELECT digest, uses FROM sources;

ALTER TABLE sources DROP COLUMN uses;
`,
}

// prepareFile sees to it that there is a file at path, which may be empty, and
// that it is no other application's. It gives the path as absolute.
func prepareFile(path string, readOnly bool) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if !readOnly {
		if err := os.MkdirAll(filepath.Dir(absolute), 0o700); err != nil { //nolint:gosec // the operator names the file
			return "", err
		}
	}
	flags := os.O_RDWR | os.O_CREATE
	if readOnly {
		flags = os.O_RDONLY
	}
	info, err := os.Stat(absolute) //nolint:gosec // as above
	if err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: it is no regular file", ErrNoStore)
	}
	isNew := errors.Is(err, os.ErrNotExist)
	f, err := os.OpenFile(absolute, flags, 0o600) //nolint:gosec // as above
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "", fmt.Errorf("it cannot be opened for writing: %w", err)
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only looked at
	if isNew {
		syncFolder(filepath.Dir(absolute))
	}
	// The files beside it belong to the file, whatever name it was opened by.
	if absolute, err = filepath.EvalSymlinks(absolute); err != nil {
		return "", err
	}
	// The header of the file and that of its first page, the list of tables:
	// https://sqlite.org/fileformat2.html#the_database_header
	var header [108]byte
	n, err := io.ReadFull(f, header[:])
	switch {
	case errors.Is(err, io.EOF) && !readOnly:
		return absolute, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "", fmt.Errorf("%w: it has %d bytes", ErrNoStore, n)
	case err != nil:
		return "", err
	case header == [108]byte{} && !readOnly && wasBegun(absolute):
		return absolute, nil
	case !bytes.HasPrefix(header[:], []byte("SQLite format 3\x00")):
		return "", fmt.Errorf("%w: it is no SQLite database", ErrNoStore)
	}
	id := binary.BigEndian.Uint32(header[68:])
	// One without tables is nobody's yet: somebody was stopped while making it.
	noTables := header[100] == 0x0d && binary.BigEndian.Uint16(header[103:]) == 0
	if id != application && (id != 0 || !noTables) {
		return "", fmt.Errorf("%w: it is an SQLite database of another application (%#x)", ErrNoStore, id)
	}
	return absolute, nil
}

// wasBegun says whether somebody was stopped while making the file at path: it has its
// size already, but nothing in it, and SQLite's journal beside it says how to go back.
func wasBegun(path string) bool {
	info, err := os.Stat(path + "-journal") //nolint:gosec // the operator names it
	return err == nil && info.Size() > 0
}

// syncFolder makes a new file's name durable, where the system can.
func syncFolder(path string) {
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it was only looked at
	_ = f.Sync()                     // some systems cannot sync folders, and need not
}

// checkVersion refuses a file of a later version.
func checkVersion(c *connection) error {
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if version > int64(len(migrations)) {
		return fmt.Errorf("%w: its version is %d, this chainrun knows %d", ErrVersion, version, len(migrations))
	}
	if version == 0 {
		return fmt.Errorf("%w: it is empty", ErrNoStore)
	}
	return nil
}

// has says whether the file has what came with a version. One that was opened for
// writing has been brought up to the last.
func (s *Store) has(c *connection, version int64) (bool, error) {
	if !s.options.ReadOnly {
		return true, nil
	}
	is, err := c.number("PRAGMA user_version")
	return is >= version, err
}

// migrate brings the file up to this version. Several processes may do so at
// once: one does the work, the others wait.
func migrate(ctx context.Context, c *connection) error {
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if version != int64(len(migrations)) {
		if version == 0 {
			// Decided before the first table is there, or never.
			if err := c.pragma("auto_vacuum", 2); err != nil {
				return err
			}
		}
		if err := c.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		if err := migrateLocked(c); err != nil {
			return errors.Join(err, c.rollback())
		}
		if err := c.exec("COMMIT"); err != nil {
			return errors.Join(err, c.rollback())
		}
	}
	return logAhead(ctx, c)
}

func migrateLocked(c *connection) error {
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if version == 0 {
		tables, err := c.number("SELECT count(*) FROM sqlite_schema")
		if err != nil {
			return err
		}
		if tables != 0 {
			return fmt.Errorf("%w: it has tables of another application", ErrNoStore)
		}
		if err := c.pragma("application_id", application); err != nil {
			return err
		}
	} else if err := checkVersion(c); err != nil {
		return err
	}
	for i := int(version); i < len(migrations); i++ {
		if err := c.c.Exec(migrations[i]); err != nil {
			return fmt.Errorf("bringing it to version %d: %w", i+1, reworded(err))
		}
	}
	return c.pragma("user_version", len(migrations))
}

// logAhead puts the file into WAL mode, in which it stays. SQLite does not wait
// for other processes here, so this does.
func logAhead(ctx context.Context, c *connection) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		var mode string
		_, err := c.one("PRAGMA journal_mode = WAL", nil, func(s *sqlite3.Stmt) { mode = s.ColumnText(0) })
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return fmt.Errorf("its file system has no write-ahead log (journal mode %q)", mode)
		case !errors.Is(err, ErrBusy) || wait > 90*time.Millisecond && ctx.Err() != nil:
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
