package database

// PostgreSQL: a statement in a transaction of its own.

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

const (
	connecting       = 10 * time.Second
	cancelGrace      = 2 * time.Second // from a cancel request to the end of the statement
	postgresMessage  = 64 << 20        // bytes of one message, so of one row
	postgresLifetime = 30 * time.Minute
)

// postgresEngine implements engine.
type postgresEngine struct {
	db    *sql.DB
	types *postgresTypes

	mu    sync.Mutex
	calls bool // the table chainrun_calls is there
}

// postgresConfig reads a URL. Its error does not show it.
func postgresConfig(text string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, errors.New("the url is none that PostgreSQL understands, such as postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	return c, nil
}

func openPostgres(c config) (engine, error) {
	parsed, err := postgresConfig(c.URL)
	if err != nil {
		return nil, &capability.Error{Reason: "invalid_config", Message: err.Error()}
	}
	if parsed.ConnectTimeout == 0 {
		parsed.ConnectTimeout = connecting
	}
	if parsed.RuntimeParams["application_name"] == "" {
		parsed.RuntimeParams["application_name"] = "chainrun"
	}
	parsed.MaxProtocolMessageBodyLen = postgresMessage
	db := stdlib.OpenDB(*parsed)
	db.SetMaxOpenConns(c.MaxOpen)
	db.SetMaxIdleConns(c.MaxOpen)
	db.SetConnMaxIdleTime(idleTime)
	db.SetConnMaxLifetime(postgresLifetime)
	return &postgresEngine{db: db, types: newPostgresTypes()}, nil
}

func (e *postgresEngine) close() error { return e.db.Close() }

// on hands a connection to f, and sees to it that ctx reaches the database: when
// it is done, the server is asked to cancel what it does. f uses the connection
// with a context that is never done. The connection goes back to the pool only if
// nothing of f's transaction or session is left on it.
func (e *postgresEngine) on(ctx context.Context, f func(*pgconn.PgConn) error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return connectError(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	_ = conn.Raw(func(inner any) error {
		c, ok := inner.(*stdlib.Conn)
		if !ok {
			err = fmt.Errorf("a connection of another driver: %T", inner)
			return nil
		}
		pg := c.Conn().PgConn()
		canceled, finished := make(chan struct{}), make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(canceled)
			cancelUntil(pg, finished)
		})
		err = f(pg)
		close(finished)
		if !stop() {
			<-canceled
			return driver.ErrBadConn // a late cancel could hit the next statement
		}
		if !tidy(pg) {
			return driver.ErrBadConn
		}
		return nil
	})
	return err
}

// cancelUntil asks the server to cancel, again and again, because a request that
// comes between two statements does nothing; and at last gives the connection up.
func cancelUntil(pg *pgconn.PgConn, finished <-chan struct{}) {
	_ = pg.Conn().SetDeadline(time.Now().Add(cancelGrace))
	ctx, done := context.WithTimeout(context.Background(), cancelGrace)
	defer done()
	again := time.NewTicker(cancelGrace / 10)
	defer again.Stop()
	for {
		_ = pg.CancelRequest(ctx) // if it does not come through, the deadline is there
		select {
		case <-finished:
			return
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// tidy ends a transaction that is still open, and forgets settings, locks,
// temporary tables and whatever else belongs to the session.
func tidy(pg *pgconn.PgConn) bool {
	if pg.IsClosed() {
		return false
	}
	_ = pg.Conn().SetDeadline(time.Now().Add(cancelGrace))
	if pg.TxStatus() != 'I' && simple(pg, "ROLLBACK") != nil {
		return false
	}
	if simple(pg, "DISCARD ALL") != nil {
		return false
	}
	return pg.Conn().SetDeadline(time.Time{}) == nil
}

// simple carries out statements of ours.
func simple(pg *pgconn.PgConn, text string) error {
	_, err := pg.Exec(context.Background(), text).ReadAll()
	return err
}

// begin starts a transaction with settings of its own. The query that sets them
// makes it one that has been used: from then on it cannot be made to write.
func begin(ctx context.Context, pg *pgconn.PgConn, mode string) error {
	left := maxTimeout
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), time.Millisecond)
	}
	set := func(name, value string) string {
		return "pg_catalog.set_config('" + name + "', '" + value + "', true)"
	}
	// The server ends by itself what nobody is left to cancel.
	timeout := strconv.FormatInt((left + cancelGrace).Milliseconds(), 10)
	err := simple(pg, "BEGIN "+mode+"; SELECT "+
		set("statement_timeout", timeout)+", "+set("idle_in_transaction_session_timeout", timeout)+", "+
		set("datestyle", "ISO, YMD")+", "+set("timezone", "UTC")+", "+set("intervalstyle", "iso_8601")+", "+
		set("bytea_output", "hex")+", "+set("extra_float_digits", "1")+", "+set("client_encoding", "UTF8"))
	return postgresError("beginning a transaction", err)
}

func (e *postgresEngine) query(ctx context.Context, s statement) (*table, error) {
	var rows *table
	err := e.on(ctx, func(pg *pgconn.PgConn) error {
		err := begin(ctx, pg, "READ ONLY")
		if err == nil {
			rows, _, err = e.run(pg, s)
		}
		return err // and tidy rolls back
	})
	return rows, err
}

func (e *postgresEngine) exec(ctx context.Context, s statement, once bool) (document.Document, error) {
	var answer document.Document
	err := e.on(ctx, func(pg *pgconn.PgConn) (err error) {
		if once {
			if err := e.callsTable(pg); err != nil {
				return err
			}
		}
		if err := begin(ctx, pg, "READ WRITE"); err != nil {
			return err
		}
		if once {
			if answer, err = storedInPostgres(pg, s.key); err != nil || !answer.IsZero() {
				return err
			}
		}
		t, affected, err := e.run(pg, s)
		switch {
		case err != nil:
			return err
		case t.truncated:
			return t.tooLarge()
		case pg.TxStatus() != 'T':
			return &capability.Error{Reason: "statement_not_allowed", Denied: true, Message: "the statement ended the transaction that it stood in"}
		}
		answer = t.execAnswer(affected)
		if once {
			r := pg.ExecParams(context.Background(), "UPDATE "+callsTable+" SET answer = $2 WHERE key = $1",
				[][]byte{[]byte(s.key), answer.Bytes()}, nil, nil, nil).Read()
			if r.Err != nil {
				return postgresError("storing the call in "+callsTable, r.Err)
			}
		}
		if err := ctx.Err(); err != nil { // nobody waits for it any more
			return err
		}
		return commit(pg, once)
	})
	return answer, err
}

// commit says, where it cannot know whether the work was done, just that.
func commit(pg *pgconn.PgConn, once bool) error {
	results, err := pg.Exec(context.Background(), "COMMIT").ReadAll()
	if err == nil {
		if len(results) == 1 && results[0].CommandTag.String() == "COMMIT" {
			return nil
		}
		return &capability.Error{Reason: "rolled_back", Message: "the database rolled the transaction back"}
	}
	if _, ok := errors.AsType[*pgconn.PgError](err); ok && !pg.IsClosed() {
		return postgresError("committing", err)
	}
	e := &capability.Error{
		Reason: outcomeUnknown, Retryable: once,
		Message: "the connection was lost while the transaction was being committed: whether the work was done is not known",
	}
	if once {
		e.Message += "; once = true makes it safe to try again"
	}
	return e
}

// callsTable makes the table, the first time.
func (e *postgresEngine) callsTable(pg *pgconn.PgConn) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.calls {
		return nil
	}
	err := simple(pg, "DO $$ BEGIN IF pg_catalog.to_regclass('"+callsTable+"') IS NULL THEN "+
		"CREATE TABLE IF NOT EXISTS "+callsTable+" (key text PRIMARY KEY, answer text, at timestamptz NOT NULL DEFAULT pg_catalog.now()); "+
		"END IF; EXCEPTION WHEN unique_violation OR duplicate_table THEN NULL; END $$") // somebody else was faster
	e.calls = err == nil
	return postgresError("making the table "+callsTable, err)
}

// storedInPostgres takes the key for this transaction; where another one has had
// it, it waits for its end and gives its answer.
func storedInPostgres(pg *pgconn.PgConn, key string) (document.Document, error) {
	const doing = "looking for the call in " + callsTable
	r := pg.ExecParams(context.Background(), "INSERT INTO "+callsTable+" (key) VALUES ($1) ON CONFLICT DO NOTHING", [][]byte{[]byte(key)}, nil, nil, nil).Read()
	if r.Err != nil || r.CommandTag.RowsAffected() == 1 {
		return document.Document{}, postgresError(doing, r.Err)
	}
	r = pg.ExecParams(context.Background(), "SELECT answer FROM "+callsTable+" WHERE key = $1", [][]byte{[]byte(key)}, nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return document.Document{}, postgresError(doing, r.Err)
	case len(r.Rows) != 1 || r.Rows[0][0] == nil:
		return document.Document{}, &capability.Error{Reason: "busy", Retryable: true, Message: doing + ": its row is being changed"}
	}
	return stored(r.Rows[0][0])
}
