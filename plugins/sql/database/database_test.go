package database_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/plugins/sql/database"
	"github.com/chainrun/chainrun/plugins/sql/internal/postgrestest"
)

// server is the PostgreSQL of these tests; nil, and why, where there is none.
var (
	server *postgrestest.Server
	noWhy  string
)

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, func(s *postgrestest.Server, why string) { server, noWhy = s, why }))
}

func needServer(t *testing.T) {
	t.Helper()
	if server == nil {
		t.Skip(noWhy)
	}
}

// films is a file with a table.
func films(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "films.sqlite")
	change(t, path, `CREATE TABLE films (id INTEGER PRIMARY KEY, title TEXT NOT NULL, rating REAL, seen BOOLEAN, extra JSON);
		INSERT INTO films VALUES (1, 'Alien', 8.5, 1, '{"a": [1.50]}'), (2, 'Brazil', NULL, 0, NULL), (3, 'Cube', 7, 0, '[]')`)
	return path
}

func change(t *testing.T, path, statements string) {
	t.Helper()
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

// asked is one number or text that a file has.
func asked(t *testing.T, path, query string) string {
	t.Helper()
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stmt, _, err := conn.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	stmt.Step()
	return stmt.ColumnText(0)
}

// configure makes the capability for a database.
func configure(t *testing.T, driver, url, more string) capability.Capability {
	t.Helper()
	settings := document.MustParse(`{"driver": "` + driver + `", "url": ` + document.String(url).String() + more + `}`)
	c, err := database.New().Configure("db", settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

type plainSecrets struct{}

func (plainSecrets) Expand(s string) (string, error) { return s, nil }
func (plainSecrets) Env(string) (string, bool)       { return "", false }

func call(method, sql, grant string, args ...string) capability.Call {
	if grant == "" {
		grant = "{}"
	}
	return capability.Call{
		Method: method, Key: strings.Repeat("a", 64), Grant: document.MustParse(grant), Secrets: plainSecrets{},
		Caller:  capability.Caller{Node: "n"},
		Left:    capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited},
		Partial: func(document.Document) {},
		Request: document.MustParse(`{"sql": ` + document.String(sql).String() + `, "args": [` + strings.Join(args, ",") + `]}`),
	}
}

// ask gives the rows of a query, or the reason why there are none.
func ask(t *testing.T, c capability.Capability, sql, grant string, args ...string) string {
	t.Helper()
	a, err := c.Call(t.Context(), call("query", sql, grant, args...))
	if err != nil {
		return reasonOf(t, err)
	}
	var rows string
	for _, f := range a.Document.Fields() {
		if f.Key == "rows" {
			rows = f.Value.String()
		}
	}
	if _, err := document.Parse(a.Document.Bytes(), document.Limits{}); err != nil {
		t.Errorf("%s: no document: %v", sql, err)
	}
	return rows
}

func reasonOf(t *testing.T, err error) string {
	t.Helper()
	e, ok := errors.AsType[*capability.Error](err)
	if !ok {
		t.Errorf("not classified: %T %v", err, err)
		return err.Error()
	}
	if strings.Contains(e.Message, "a-password-of-tests") || strings.Contains(e.Message, "postgres://") {
		t.Errorf("the message tells the URL: %s", e.Message)
	}
	text := e.Reason
	if e.Denied {
		text += " denied"
	}
	if e.Retryable {
		text += " retryable"
	}
	return text
}

const slow = `with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n`

func TestSuiteSQLite(t *testing.T) {
	path := films(t)
	capabilitytest.Run(t, capabilitytest.Suite{
		New:      func(*testing.T) capability.Capability { return database.New() },
		Settings: `{"driver": "sqlite", "url": "${secret:FILE}"}`,
		Secrets:  map[string]string{"FILE": path},
		Cases: []capabilitytest.Case{
			{Method: "query", Request: `{"sql": "select id, title from films where rating > ? order by id;", "args": [7.5]}`, Answer: `{"columns":[{"name":"id","type":"integer"},{"name":"title","type":"text"}],"rows":[[1,"Alien"]],"truncated":false}`},
			{Method: "query", Request: `{"sql": "select id from films", "max_rows": 2}`, Answer: `{"columns":[{"name":"id","type":"integer"}],"rows":[[1],[2]],"truncated":true}`},
			{Method: "query", Request: `{"sql": "select 1 from nothing"}`, Reason: "sqlite_error"},
			{Method: "query", Request: `{"sql": "delete from films"}`, Reason: "statement_not_allowed", Denied: true},
			{Method: "exec", Request: `{"sql": "delete from films"}`, Reason: "read_only", Denied: true},
			{Method: "exec", Request: `{"sql": "update films set rating = 9 where id = ?", "args": [1]}`, Grant: `{"read_only": false}`, Answer: `{"rows_affected": 1}`},
		},
		Slow: &capabilitytest.Case{Method: "query", Request: `{"sql": "` + slow + `"}`, Grant: `{"timeout": "1m"}`},
	})
}

func TestSuitePostgres(t *testing.T) {
	needServer(t)
	server.Do(t, `drop schema if exists suite cascade; create schema suite; create table suite.films (id int primary key, title text, rating numeric);
		insert into suite.films values (1, 'Alien', 8.50), (2, 'Brazil', null)`)
	capabilitytest.Run(t, capabilitytest.Suite{
		New:      func(*testing.T) capability.Capability { return database.New() },
		Settings: `{"driver": "postgres", "url": "${secret:URL}"}`,
		Secrets:  map[string]string{"URL": server.URL("postgres")},
		Cases: []capabilitytest.Case{
			{Method: "query", Request: `{"sql": "select id, rating from suite.films where rating > $1;", "args": [7.5]}`, Answer: `{"columns":[{"name":"id","type":"int4"},{"name":"rating","type":"numeric"}],"rows":[[1,8.50]],"truncated":false}`},
			{Method: "query", Request: `{"sql": "select id from suite.films order by id", "max_rows": 1}`, Answer: `{"columns":[{"name":"id","type":"int4"}],"rows":[[1]],"truncated":true}`},
			{Method: "query", Request: `{"sql": "select 1 from nothing"}`, Reason: "sql_42p01"},
			{Method: "query", Request: `{"sql": "delete from suite.films"}`, Reason: "statement_not_allowed", Denied: true},
			{Method: "exec", Request: `{"sql": "delete from suite.films"}`, Reason: "read_only", Denied: true},
			{Method: "exec", Request: `{"sql": "update suite.films set title = title where id = $1", "args": [1]}`, Grant: `{"read_only": false}`, Answer: `{"rows_affected": 1}`},
		},
		Slow: &capabilitytest.Case{Method: "query", Request: `{"sql": "select pg_sleep(60)"}`, Grant: `{"timeout": "1m"}`},
	})
}
