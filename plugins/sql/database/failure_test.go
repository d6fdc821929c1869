package database_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/plugins/sql/database"
)

func TestNoDatabase(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := listener.Addr().String()
	listener.Close()
	if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close() // at once
		}
	}()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	notOne := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(notOne, []byte(strings.Repeat("This is a text. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ driver, url, want string }{
		{"postgres", "postgres://u:a-password-of-tests@" + refused + "/d", "connection_failed retryable"},
		{"postgres", "postgres://u:a-password-of-tests@" + listener.Addr().String() + "/d", "connection_failed retryable"},
		{"postgres", "postgres://u:a-password-of-tests@" + mute.Addr().String() + "/d", "timeout retryable"},
		{"postgres", "postgres://u:a-password-of-tests@a.invalid/d", "connection_failed retryable"},
		{"sqlite", filepath.Join(t.TempDir(), "none.sqlite"), "sqlite_cantopen"},
		{"sqlite", t.TempDir(), "sqlite_ioerr"},
		{"sqlite", notOne, "sqlite_notadb"},
	} {
		c := configure(t, test.driver, test.url, ``)
		_, err := c.Call(t.Context(), call("query", `select 1`, `{"timeout": "500ms"}`))
		if err == nil || reasonOf(t, err) != test.want {
			t.Errorf("%s: got %v, want %s", test.url, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), refused) {
			t.Errorf("the message tells the address: %v", err)
		}
	}
	for driver, wrong := range map[string][]string{
		"postgres": {"postgres://u:a-password-of-tests@h:port/d", "nonsense", "mysql://u@h/d"},
		"sqlite":   {"films.sqlite", "file:/x?mode=rwc", ":memory:", ""},
	} {
		for _, u := range wrong {
			_, err := database.New().Configure("db", document.MustParse(`{"driver": "`+driver+`", "url": `+document.String(u).String()+`}`))
			if _, ok := errors.AsType[capability.Problems](err); !ok || strings.Contains(err.Error(), "a-password-of-tests") {
				t.Errorf("%s %q: %v", driver, u, err)
			}
		}
	}
}

// What PostgreSQL says is classified.
func TestErrorsOfPostgres(t *testing.T) {
	needServer(t)
	server.Do(t, `drop table if exists errs; create table errs (n int primary key); drop role if exists one; create role one login connection limit 0;
		create or replace function fails(code text) returns int language plpgsql as $$begin raise exception using errcode = code, message = 'as asked'; end$$`)
	c := configure(t, "postgres", server.URL("postgres"), ``)
	for sql, want := range map[string]string{
		`select`:                `[[]]`,
		`select from where`:     "sql_42601",
		`select nothing`:        "sql_42703",
		`select * from nothing`: "sql_42p01",
		`select 1/0`:            "sql_22012",
		`select fails('40001')`: "serialization_failure retryable",
		`select fails('40P01')`: "deadlock retryable",
		`select fails('53300')`: "too_many_connections retryable",
		`select fails('55P03')`: "busy retryable",
		`select fails('XX000')`: "sql_xx000",
		`select pg_sleep(10)`:   "timeout retryable",
		`select pg_terminate_backend(pg_backend_pid()), pg_sleep(1)`: "connection_lost retryable",
		`select 1 as after`: `[[1]]`,
	} {
		if got := ask(t, c, sql, `{"timeout": "400ms"}`); got != want {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
	_, err := c.Call(t.Context(), call("query", `select nothing`, ``))
	if err == nil || err.Error() != `reading the statement: column "nothing" does not exist, at character 8` {
		t.Error(err)
	}
	one := configure(t, "postgres", server.URL("one"), ``)
	if got := ask(t, one, `select 1`, ``); got != "too_many_connections retryable" {
		t.Errorf("a role without connections: %s", got)
	}
	nobody := configure(t, "postgres", server.URL("nobody_of_this_name"), ``)
	if got := ask(t, nobody, `select 1`, ``); got != "sql_28000" {
		t.Errorf("a role that is not there: %s", got)
	}
}

// A call that is canceled or late ends in the database too, and its connection
// does not harm the next one.
func TestCancelReachesPostgres(t *testing.T) {
	needServer(t)
	name := fmt.Sprintf("cancel-%d", time.Now().UnixNano())
	c := configure(t, "postgres", server.URL("postgres")+"&application_name="+name, `, "max_open": 2`)
	running := `select count(*) from pg_stat_activity where application_name = '` + name + `' and state <> 'idle'`
	for _, sql := range []string{
		`select pg_sleep(60)`,
		`select count(*) from generate_series(1, 1000000000000)`,
		`with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0`,
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		because := errors.New("the attempt is over")
		var group sync.WaitGroup
		group.Go(func() {
			until(t, func() bool { return server.Ask(t, running) == "1" })
			cancel(because)
		})
		_, err := c.Call(ctx, call("query", sql, `{"timeout": "1m"}`))
		group.Wait()
		if !errors.Is(err, because) {
			t.Errorf("%s: %v", sql, err)
		}
		until(t, func() bool { return server.Ask(t, running) == "0" })
		if got := ask(t, c, `select 1`, ``); got != "[[1]]" {
			t.Errorf("after it: %s", got)
		}
	}
}

// until waits for something that another process does.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Error("it does not happen")
			return
		}
		again, stop := context.WithTimeout(context.Background(), 5*time.Millisecond)
		<-again.Done()
		stop()
	}
}

// Two that write in opposite order: one is told of the deadlock, and may try again.
func TestDeadlockAndLocks(t *testing.T) {
	needServer(t)
	server.Do(t, `drop table if exists dead; create table dead (n int primary key, v int); insert into dead values (1, 0), (2, 0)`)
	c := configure(t, "postgres", server.URL("postgres"), ``)
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `set local deadlock_timeout = '1h'; update dead set v = 1 where n = 2`); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { // waits for row 1, which the call has
		until(t, func() bool { return server.Ask(t, `select count(*) from pg_locks where not granted`) == "1" })
		_, _ = tx.Exec(t.Context(), `update dead set v = 1 where n = 1`)
	})
	_, err = c.Call(t.Context(), call("exec", `update dead set v = 2 where n in (select n from dead order by n)`, `{"read_only": false}`))
	if err == nil || reasonOf(t, err) != "deadlock retryable" {
		t.Errorf("got %v", err)
	}
	group.Wait()
	_, err = c.Call(t.Context(), call("exec", `update dead set v = 2`, `{"read_only": false, "timeout": "200ms"}`))
	if err == nil || reasonOf(t, err) != "timeout retryable" {
		t.Errorf("a lock that is not to be had: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if got := server.Ask(t, `select sum(v) from dead`); got != "2" {
		t.Errorf("the rows have %s", got)
	}
}

func TestBusySQLite(t *testing.T) {
	path := films(t)
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(`begin exclusive`); err != nil {
		t.Fatal(err)
	}
	c := configure(t, "sqlite", path, ``)
	_, err = c.Call(t.Context(), call("exec", `delete from films`, `{"read_only": false, "timeout": "100ms"}`))
	if err == nil || reasonOf(t, err) != "timeout retryable" {
		t.Errorf("got %v", err)
	}
	if err := conn.Exec(`commit`); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, `select count(*) from films`, ``); got != "[[3]]" {
		t.Error(got)
	}
}

// A database in WAL mode can be read while it is written.
func TestWAL(t *testing.T) {
	path := films(t)
	change(t, path, `pragma journal_mode = wal`)
	c := configure(t, "sqlite", path, ``)
	writer, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := writer.Exec(`begin immediate; delete from films`); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, `select count(*) from films`, ``); got != "[[3]]" {
		t.Error(got)
	}
	if err := writer.Exec(`commit`); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, `select count(*) from films`, ``); got != "[[0]]" {
		t.Error(got)
	}
}

// With once, a key does its work one time, however often and by however many at
// once it is asked, and has one answer.
func TestOnce(t *testing.T) {
	path := films(t)
	databases := map[string]capability.Capability{"sqlite": configure(t, "sqlite", path, `, "once": true`)}
	if server != nil {
		server.Do(t, `drop table if exists chainrun_calls; drop table if exists films; create table films (id serial primary key, title text)`)
		databases["postgres"] = configure(t, "postgres", server.URL("postgres"), `, "once": true, "max_open": 5`)
	}
	for driver, c := range databases {
		t.Run(driver, func(t *testing.T) {
			sql := map[string]string{"sqlite": `insert into films (title) values (?) returning id`, "postgres": `insert into films (title) values ($1) returning id`}[driver]
			ask := func(key, title string) (document.Document, error) {
				asked := call("exec", sql, `{"read_only": false}`, `"`+title+`"`)
				asked.Key = strings.Repeat(key, 64)
				a, err := c.Call(t.Context(), asked)
				return a.Document, err
			}
			answers := make([]string, 8)
			var group sync.WaitGroup
			for i := range answers {
				group.Go(func() {
					a, err := ask("b", "Dune")
					if err != nil {
						t.Error(err)
					}
					answers[i] = a.String()
				})
			}
			group.Wait()
			for _, a := range answers {
				if a != answers[0] || !strings.HasPrefix(a, `{"rows_affected":1,"columns":[{"name":"id"`) {
					t.Errorf("answers %s and %s", answers[0], a)
				}
			}
			other, err := ask("c", "Dune")
			if err != nil || other.String() == answers[0] {
				t.Errorf("another key: %s, %v", other, err)
			}
			// What failed was not done, and is done when it is asked again.
			failing := call("exec", strings.Replace(sql, "id", "nothing", 1), `{"read_only": false}`, `"x"`)
			failing.Key = strings.Repeat("d", 64)
			if _, err := c.Call(t.Context(), failing); err == nil {
				t.Error("a column that is not there")
			}
			if _, err := ask("d", "Eraserhead"); err != nil {
				t.Error(err)
			}
			count := `select count(*) from films where title in ('Dune', 'Eraserhead')`
			var got string
			if driver == "sqlite" {
				got = asked(t, path, count)
			} else {
				got = server.Ask(t, count)
			}
			if got != "3" {
				t.Errorf("there are %s films", got)
			}
		})
	}
}

// A connection that breaks before the commit may be tried again; in the commit
// only with once.
func TestLostInCommit(t *testing.T) {
	needServer(t)
	server.Do(t, `drop table if exists lost; create table lost (n int); drop function if exists ends();
		create function ends() returns trigger language plpgsql as $$begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; end$$;
		create constraint trigger ends after insert on lost deferrable initially deferred for each row when (new.n = 2) execute function ends();
		create trigger now before insert on lost for each row when (new.n = 1) execute function ends()`)
	for once, want := range map[string][2]string{
		"false": {"connection_lost retryable", "outcome_unknown"},
		"true":  {"connection_lost retryable", "outcome_unknown retryable"},
	} {
		c := configure(t, "postgres", server.URL("postgres"), `, "once": `+once)
		for i, want := range want {
			asked := call("exec", fmt.Sprintf(`insert into lost values (%d)`, i+1), `{"read_only": false}`)
			asked.Key = once + want
			_, err := c.Call(t.Context(), asked)
			if err == nil || reasonOf(t, err) != want {
				t.Errorf("once = %s: got %v, want %s", once, err, want)
			}
		}
	}
	if got := server.Ask(t, `select count(*) from lost`); got != "0" {
		t.Errorf("%s rows", got)
	}
}
