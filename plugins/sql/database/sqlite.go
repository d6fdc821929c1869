package database

// SQLite: a file, with connections that only read and connections that write.

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// What one connection may take: of memory, and for one value.
const (
	sqliteHeapBytes  = 256 << 20
	sqliteValueBytes = 64 << 20
	idleTime         = 5 * time.Minute
)

// sqliteEngine implements engine.
type sqliteEngine struct {
	reading, writing *sql.DB
}

func openSQLite(c config) (engine, error) {
	open := func(write bool, setUp func(*sqlite3.Conn) error) (*sql.DB, error) {
		name, err := sqliteFile(c.URL, write)
		if err != nil {
			return nil, err
		}
		db, err := driver.Open(name, setUp)
		if err != nil {
			return nil, fmt.Errorf("opening the database: %w", err)
		}
		db.SetMaxOpenConns(c.MaxOpen)
		db.SetMaxIdleConns(c.MaxOpen)
		db.SetConnMaxIdleTime(idleTime)
		return db, nil
	}
	reading, err := open(false, func(conn *sqlite3.Conn) error {
		return errors.Join(bound(conn), conn.Exec(`PRAGMA query_only = ON`), conn.SetAuthorizer(mayRead))
	})
	if err != nil {
		return nil, err
	}
	writing, err := open(true, bound)
	if err != nil {
		return nil, err
	}
	writing.SetMaxOpenConns(1) // SQLite has one writer anyway; here they wait in order
	return &sqliteEngine{reading: reading, writing: writing}, nil
}

// sqliteFile is the name by which a file is opened. As a URL no character of the
// path means anything.
func sqliteFile(path string, write bool) (string, error) {
	if strings.HasPrefix(path, "file:") || strings.HasPrefix(path, ":") || !filepath.IsAbs(path) {
		return "", errors.New("the url of a database of SQLite is the absolute path of its file: a provider has a working directory of its own")
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: "mode=ro"}
	if write {
		name.RawQuery = "mode=rw" // a file that is not there is not made
	}
	return name.String(), nil
}

// bound makes a connection safe for whatever it is asked.
func bound(conn *sqlite3.Conn) error {
	conn.HardHeapLimit(sqliteHeapBytes)
	conn.Limit(sqlite3.LIMIT_LENGTH, sqliteValueBytes)
	conn.Limit(sqlite3.LIMIT_ATTACHED, 0)
	_, err := conn.Config(sqlite3.DBCONFIG_DEFENSIVE, true)
	return errors.Join(err,
		conn.BusyHandler(patience),
		conn.Exec(`PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY`))
}

// patience waits for a lock as long as the call may take.
func patience(ctx context.Context, count int) bool {
	timer := time.NewTimer(min(time.Millisecond<<min(count, 5), 20*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (e *sqliteEngine) close() error { return errors.Join(e.reading.Close(), e.writing.Close()) }

// on hands a connection to f, which ctx interrupts.
func (e *sqliteEngine) on(ctx context.Context, db *sql.DB, f func(*sqlite3.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return sqliteError("opening the database", err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	return conn.Raw(func(inner any) error {
		c, ok := inner.(driver.Conn)
		if !ok {
			return fmt.Errorf("a connection of another driver: %T", inner)
		}
		raw := c.Raw()
		defer raw.SetInterrupt(raw.SetInterrupt(ctx))
		return f(raw)
	})
}

func (e *sqliteEngine) query(ctx context.Context, s statement) (*table, error) {
	var rows *table
	err := e.on(ctx, e.reading, func(conn *sqlite3.Conn) (err error) {
		rows, err = runSQLite(conn, s)
		return err
	})
	return rows, err
}

// runSQLite carries out the one statement of s, up to one row too many.
func runSQLite(conn *sqlite3.Conn, s statement) (_ *table, err error) {
	stmt, rest, err := conn.Prepare(s.sql)
	if err != nil {
		return nil, sqliteError("reading the statement", err)
	}
	if stmt == nil {
		return nil, &capability.Error{Reason: "invalid_statement", Message: "there is no statement"}
	}
	defer func() {
		if e := stmt.Close(); err == nil && e != nil {
			err = sqliteError("carrying out the statement", e)
		}
	}()
	if err := alone(conn, rest); err != nil {
		return nil, err
	}
	if err := bindAll(stmt, s.args); err != nil {
		return nil, err
	}
	kinds := make([]sqliteKind, stmt.ColumnCount())
	columns := make([]column, len(kinds))
	for i := range kinds {
		declared := strings.ToLower(stmt.ColumnDeclType(i))
		kinds[i] = kindOf(declared)
		if declared == "" {
			declared = "any"
		}
		columns[i] = column{name: strings.ToValidUTF8(stmt.ColumnName(i), "\uFFFD"), kind: strings.ToValidUTF8(declared, "\uFFFD")}
	}
	t := newTable(s, columns)
	for !t.full() && stmt.Step() {
		if err := t.add(func(dst []byte, i int) ([]byte, error) { return appendSQLite(dst, stmt, i, kinds[i]) }); err != nil {
			return nil, err
		}
	}
	if err := stmt.Err(); err != nil {
		return nil, sqliteError("carrying out the statement", err)
	}
	return t, nil
}

// alone looks whether what follows a statement is only space and comments.
func alone(conn *sqlite3.Conn, rest string) error {
	if strings.Trim(rest, " \t\r\n\f;") == "" {
		return nil
	}
	second, _, err := conn.Prepare(rest)
	if err == nil && second == nil {
		return nil
	}
	if second != nil {
		_ = second.Close() // it never ran
	}
	return errSeveral
}

var errSeveral = &capability.Error{Reason: "multiple_statements", Denied: true, Message: "a call is one statement, and there are several"}

// callsTable keeps what exec has done once. Only keys and answers stand in it.
const callsTable = "chainrun_calls"

const sqliteCalls = `CREATE TABLE IF NOT EXISTS chainrun_calls (key TEXT PRIMARY KEY, answer TEXT NOT NULL, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)`

func (e *sqliteEngine) exec(ctx context.Context, s statement, once bool) (document.Document, error) {
	var answer document.Document
	err := e.on(ctx, e.writing, func(conn *sqlite3.Conn) (err error) {
		if err = conn.Exec(`BEGIN IMMEDIATE`); err != nil {
			return sqliteError("beginning a transaction", err)
		}
		defer func() {
			if !conn.GetAutocommit() { // also of what a statement has left open
				defer conn.SetInterrupt(conn.SetInterrupt(context.Background()))
				if conn.Exec(`ROLLBACK`) != nil {
					err = errors.Join(err, sqldriver.ErrBadConn) // not to be used again
				}
			}
		}()
		if once {
			if answer, err = storedInSQLite(conn, s.key); err != nil || !answer.IsZero() {
				return err
			}
		}
		before := conn.TotalChanges()
		if err := conn.SetAuthorizer(mayWrite); err != nil {
			return err
		}
		t, err := runSQLite(conn, s)
		if e := conn.SetAuthorizer(nil); err == nil {
			err = e
		}
		if err == nil && t.truncated {
			err = t.tooLarge()
		}
		if err != nil {
			return err
		}
		affected := int64(0)
		if conn.TotalChanges() != before { // Changes is that of the statement before, if this one changed nothing
			affected = conn.Changes()
		}
		answer = t.execAnswer(affected)
		if once {
			if err := store(conn, s.key, answer); err != nil {
				return err
			}
		}
		return sqliteError("committing", conn.Exec(`COMMIT`))
	})
	return answer, err
}

// storedInSQLite is the answer of a call that was carried out before.
func storedInSQLite(conn *sqlite3.Conn, key string) (document.Document, error) {
	const doing = "looking for the call in chainrun_calls"
	if err := conn.Exec(sqliteCalls); err != nil {
		return document.Document{}, sqliteError(doing, err)
	}
	stmt, _, err := conn.Prepare(`SELECT answer FROM chainrun_calls WHERE key = ?`)
	if err != nil {
		return document.Document{}, sqliteError(doing, err)
	}
	defer stmt.Close() //nolint:errcheck // it only reads
	if err := stmt.BindText(1, key); err != nil {
		return document.Document{}, sqliteError(doing, err)
	}
	if !stmt.Step() {
		return document.Document{}, sqliteError(doing, stmt.Err())
	}
	return stored([]byte(stmt.ColumnText(0)))
}

// stored reads an answer that was written before.
func stored(text []byte) (document.Document, error) {
	d, err := document.Parse(text, document.Limits{})
	if err != nil {
		return d, fmt.Errorf("the answer in chainrun_calls: %w", err)
	}
	return d, nil
}

func store(conn *sqlite3.Conn, key string, answer document.Document) error {
	const doing = "storing the call in chainrun_calls"
	stmt, _, err := conn.Prepare(`INSERT INTO chainrun_calls (key, answer) VALUES (?, ?)`)
	if err != nil {
		return sqliteError(doing, err)
	}
	return sqliteError(doing, errors.Join(stmt.BindText(1, key), stmt.BindText(2, answer.String()), stmt.Exec(), stmt.Close()))
}
