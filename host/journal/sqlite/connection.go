package sqlite

// One connection to the file, and the few things that are said over it.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/ncruces/go-sqlite3"
)

// connection is a connection of SQLite with the statements that were prepared
// on it. One goroutine at a time uses it.
type connection struct {
	c          *sqlite3.Conn
	statements map[string]*sqlite3.Stmt
	changes    int // statements that were executed since the transaction began, reading aside
}

// text is bound as TEXT.
type text []byte

func connect(path string, o Options) (*connection, error) {
	flags := sqlite3.OPEN_READWRITE
	if o.ReadOnly {
		flags = sqlite3.OPEN_READONLY
	}
	// As a URL no character of the path means anything. The files beside it are
	// as private as it is.
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	name.RawQuery = "modeof=" + strings.ReplaceAll(url.QueryEscape(path), "+", "%20")
	if o.immutable {
		name.RawQuery += "&immutable=1"
	}
	name.RawQuery += "&vfs=" + gatheringOver(o.vfs)
	conn, err := sqlite3.OpenFlags(name.String(), flags|sqlite3.OPEN_URI)
	if err != nil {
		return nil, reworded(err)
	}
	c := &connection{c: conn, statements: map[string]*sqlite3.Stmt{}}
	settings := `
		PRAGMA synchronous = FULL;
		PRAGMA fullfsync = ON;
		PRAGMA checkpoint_fullfsync = ON;
		PRAGMA trusted_schema = OFF;
		PRAGMA cell_size_check = ON;
		PRAGMA cache_size = -4096;
		PRAGMA journal_size_limit = 67108864;`
	if o.ReadOnly {
		settings += `PRAGMA query_only = ON;`
	}
	err = conn.BusyHandler(patience(o.BusyTimeout))
	if err == nil {
		err = conn.Exec(settings)
	}
	if err != nil {
		return nil, errors.Join(reworded(err), c.close())
	}
	return c, nil
}

// patience waits for a lock in short steps at first: a writer has it for one
// synchronization of the disk.
func patience(timeout time.Duration) func(ctx context.Context, count int) bool {
	var begin time.Time
	return func(ctx context.Context, count int) bool {
		now := time.Now()
		if count == 0 {
			begin = now
		}
		if now.Sub(begin) >= timeout {
			return false
		}
		timer := time.NewTimer(min(100*time.Microsecond<<min(count, 10), 5*time.Millisecond))
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// prepared gives a statement, prepared once a connection.
func (c *connection) prepared(sql string, args []any) (*sqlite3.Stmt, error) {
	s, ok := c.statements[sql]
	if !ok {
		var err error
		if s, _, err = c.c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, reworded(err)
		}
		c.statements[sql] = s
	}
	for i, arg := range args {
		var err error
		switch v := arg.(type) {
		case nil:
			err = s.BindNull(i + 1)
		case int:
			err = s.BindInt(i+1, v)
		case int64:
			err = s.BindInt64(i+1, v)
		case string:
			err = s.BindText(i+1, v)
		case text:
			// BindRawText would make a copy, and SQLite makes another.
			err = s.BindText(i+1, unsafe.String(unsafe.SliceData(v), len(v))) //nolint:gosec // nobody writes to it meanwhile
		case []byte:
			err = s.BindBlob(i+1, v)
		default:
			err = errUnbindable // which of them is not said: so args stay on the stack
		}
		if err != nil {
			return nil, reworded(err)
		}
	}
	return s, nil
}

var errUnbindable = errors.New("binding a value of a type that SQLite does not have")

// exec executes a statement that gives no rows.
func (c *connection) exec(sql string, args ...any) error {
	s, err := c.prepared(sql, args)
	if err != nil {
		return err
	}
	c.changes++
	err = s.Exec()
	if isLarge(args) {
		if e := s.ClearBindings(); err == nil {
			err = e
		}
	}
	return reworded(err)
}

// isLarge says whether SQLite is not to keep its copy of the arguments until the
// statement is executed again.
func isLarge(args []any) bool {
	size := 0
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			size += len(v)
		case text:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	return size > maxBoundBytes
}

// maxBoundBytes is how much a statement keeps between two executions.
const maxBoundBytes = 16 << 10

// query calls row for each row of a statement's result, until it returns false
// or an error. What the row gives is valid for the call only.
func (c *connection) query(sql string, args []any, row func(*sqlite3.Stmt) (bool, error)) error {
	s, err := c.prepared(sql, args)
	if err != nil {
		return err
	}
	more := true
	for err == nil && more && s.Step() {
		more, err = row(s)
	}
	if e := s.Reset(); err == nil {
		err = reworded(e)
	}
	if e := s.ClearBindings(); err == nil {
		err = reworded(e)
	}
	return err
}

// one is query for a result of at most one row, and says whether there was one.
func (c *connection) one(sql string, args []any, row func(*sqlite3.Stmt)) (found bool, err error) {
	err = c.query(sql, args, func(s *sqlite3.Stmt) (bool, error) {
		found = true
		row(s)
		return false, nil
	})
	return found && err == nil, err
}

// number is the one integer that a statement gives; 0 where it gives none.
func (c *connection) number(sql string, args ...any) (n int64, err error) {
	_, err = c.one(sql, args, func(s *sqlite3.Stmt) { n = s.ColumnInt64(0) })
	return n, err
}

// rollback ends a transaction without effect, where there is one.
func (c *connection) rollback() error {
	if c.c.GetAutocommit() {
		return nil
	}
	defer c.c.SetInterrupt(c.c.SetInterrupt(context.Background()))
	return c.exec("ROLLBACK")
}

func (c *connection) close() error {
	errs := []error{}
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	c.statements = nil
	return errors.Join(append(errs, c.c.Close())...)
}

// reworded makes the errors that have a name here wrap it.
func reworded(err error) error {
	if errors.Is(err, sqlite3.BUSY) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// pragma sets a number of the file that is no row of a table.
func (c *connection) pragma(name string, value int) error {
	return reworded(c.c.Exec("PRAGMA " + name + " = " + strconv.Itoa(value)))
}
