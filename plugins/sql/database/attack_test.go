package database_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
)

// Nothing that query is asked changes a database of PostgreSQL, even as its
// superuser, and nothing of a call is there in the next one.
func TestWritesThroughQueryPostgres(t *testing.T) {
	needServer(t)
	server.Do(t, `drop schema if exists attack cascade; create schema attack; create table attack.t (n int); insert into attack.t values (1);
		create sequence attack.s;
		create function attack.writes() returns int language plpgsql as 'begin insert into attack.t values (2); return 1; end';
		create function attack.reopens() returns int language plpgsql as $$begin
			set transaction read write; insert into attack.t values (3); return 1; end$$;
		create function attack.configures() returns int language plpgsql set transaction_read_only = off as $$begin
			insert into attack.t values (4); return 1; end$$;
		create procedure attack.commits() language plpgsql as $$begin commit; insert into attack.t values (5); end$$;`)
	c := configure(t, "postgres", server.URL("postgres"), `, "max_open": 1`)
	for sql, want := range map[string]string{
		// What a reading statement must not begin with.
		`insert into attack.t values (9)`:                       "statement_not_allowed denied",
		`/* /* select */ */ delete from attack.t`:               "statement_not_allowed denied",
		"-- select\ntruncate attack.t":                          "statement_not_allowed denied",
		`do $$ begin insert into attack.t values (9); end $$`:   "statement_not_allowed denied",
		`call attack.commits()`:                                 "statement_not_allowed denied",
		`copy attack.t to program 'touch /tmp/x'`:               "statement_not_allowed denied",
		`copy attack.t from '/etc/passwd'`:                      "statement_not_allowed denied",
		`commit`:                                                "statement_not_allowed denied",
		`rollback and chain`:                                    "statement_not_allowed denied",
		`set transaction read write`:                            "statement_not_allowed denied",
		`set session characteristics as transaction read write`: "statement_not_allowed denied",
		`begin; insert into attack.t values (9)`:                "statement_not_allowed denied",
		`prepare transaction 'x'`:                               "statement_not_allowed denied",
		`execute x`:                                             "statement_not_allowed denied",
		`listen x`:                                              "statement_not_allowed denied",
		`lock table attack.t`:                                   "statement_not_allowed denied",
		`declare c cursor with hold for select 1`:               "statement_not_allowed denied",
		`ſelect 1`:                                              "statement_not_allowed denied",
		`;`:                                                     "statement_not_allowed denied",
		`/* never closed select 1`:                              "statement_not_allowed denied",
		// What the server refuses.
		`select 1; delete from attack.t`:                                            "multiple_statements denied",
		`select 1; commit; delete from attack.t`:                                    "multiple_statements denied",
		`with d as (delete from attack.t returning n) select * from d`:              "read_only denied",
		`with i as (insert into attack.t values (9) returning n) select * from i`:   "read_only denied",
		`select * into attack.u from attack.t`:                                      "read_only denied",
		`select n from attack.t for update`:                                         "read_only denied",
		`explain analyze delete from attack.t`:                                      "read_only denied",
		`select nextval('attack.s')`:                                                "read_only denied",
		`select setval('attack.s', 7)`:                                              "read_only denied",
		`select attack.writes()`:                                                    "read_only denied",
		`select attack.reopens()`:                                                   "sql_25001",
		`select attack.configures()`:                                                "sql_25001",
		`select set_config('transaction_read_only', 'off', true), attack.writes()`:  "sql_25001",
		`select set_config('transaction_read_only', 'off', false), attack.writes()`: "sql_25001",
		`select query_to_xml('delete from attack.t returning 1', true, true, '')`:   "sql_0a000",
		`select query_to_xml('copy attack.t to program ''true''', true, true, '')`:  "sql_0a000",
	} {
		if got := ask(t, c, sql, ``); got != want {
			t.Errorf("%s\n  got %s, want %s", sql, got, want)
		}
	}
	// What only a role with few rights refuses.
	server.Do(t, `do $$ begin if not exists (select from pg_roles where rolname = 'reader') then create role reader login; end if; end $$`)
	reader := configure(t, "postgres", server.URL("reader"), ``)
	for _, sql := range []string{
		`select lo_export(1, '/tmp/x')`, `select pg_read_file('/etc/passwd')`, `select lo_import('/etc/passwd')`,
		`select pg_reload_conf()`, `select pg_switch_wal()`,
		`select n from attack.t`, `select pg_stat_reset()`,
	} {
		if got := ask(t, reader, sql, ``); got != "sql_42501" && got != "read_only denied" {
			t.Errorf("%s: got %s", sql, got)
		}
	}
	// What is let through, and is nowhere afterwards.
	for sql, want := range map[string]string{
		`explain (analyze, costs off, timing off, summary off) create table attack.u as select 1`: `[["Result (actual rows=1 loops=1)"]]`, // a gap in the server
		`select lo_create(4711) > 0`:                                       `[[true]]`,
		`select pg_try_advisory_lock(4711)`:                                `[[true]]`,
		`select pg_notify('attack', 'x') is null`:                          `[[false]]`,
		`select set_config('search_path', 'attack', false)`:                `[["attack"]]`,
		`select set_config('default_transaction_read_only', 'off', false)`: `[["off"]]`,
		`select set_config('role', 'pg_monitor', false)`:                   `[["pg_monitor"]]`,
		`select set_config('statement_timeout', '0', false)`:               `[["0"]]`,
	} {
		if got := ask(t, c, sql, ``); got != want && (!strings.Contains(sql, "lo_create") || got != "read_only denied") { // since version 16
			t.Errorf("%s\n  got %s, want %s", sql, got, want)
		}
	}
	if got := ask(t, c, `select current_user, current_setting('search_path') like '%attack%', pg_try_advisory_lock(4711)`, ``); got != `[["postgres",false,true]]` {
		t.Errorf("something was left in the session: %s", got)
	}
	if got := server.Ask(t, `select (select count(*) from attack.t) || ' ' || (select sum(n) from attack.t) || ' ' || (select count(*) from pg_largeobject_metadata)
		|| ' ' || (select count(*) from pg_locks where locktype = 'advisory') || ' ' || (select count(*) from pg_tables where schemaname = 'attack')`); got != "1 1 0 0 1" {
		t.Errorf("the database was changed: %s", got)
	}
}

// Nor one of SQLite.
func TestWritesThroughQuerySQLite(t *testing.T) {
	path := films(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.sqlite")
	c := configure(t, "sqlite", path, `, "max_open": 1`)
	const notAllowed = "statement_not_allowed denied"
	for sql, want := range map[string]string{
		`insert into films values (9, 'x', 1, 1, null)`:    notAllowed,
		`replace into films values (1, 'x', 1, 1, null)`:   notAllowed,
		`/* select */ delete from films`:                   notAllowed,
		"-- select\nupdate films set title = 'x'":          notAllowed,
		`drop table films`:                                 notAllowed,
		`create table x (a)`:                               notAllowed,
		`create temp table x (a)`:                          notAllowed,
		`attach database '` + other + `' as other`:         notAllowed,
		`vacuum into '` + other + `'`:                      notAllowed,
		`pragma query_only = off`:                          notAllowed,
		`pragma journal_mode = delete`:                     notAllowed,
		`begin immediate`:                                  notAllowed,
		`savepoint x`:                                      notAllowed,
		`reindex`:                                          notAllowed,
		`analyze`:                                          notAllowed,
		`/* /* */ select 1 */`:                             "sqlite_error", // comments of SQLite do not nest
		`select 1; delete from films`:                      "multiple_statements denied",
		"select 1 /* ; */; /* */ -- x\n; drop table films": "multiple_statements denied",
		`with d as (select 1) delete from films`:           notAllowed,
		`with d as (select 1) insert into films select 9,'x',1,1,null returning id`: notAllowed,
		`explain delete from films`:                           notAllowed,
		`select load_extension('x')`:                          "sqlite_error",
		`select writefile('` + other + `', 'x')`:              "sqlite_error",
		`select readfile('/etc/passwd')`:                      "sqlite_error",
		`select * from pragma_database_list`:                  notAllowed,
		`select * from pragma_journal_mode`:                   "sqlite_error",
		`select * from pragma_query_only(0)`:                  "sqlite_error",
		`select name from pragma_table_info('films') limit 1`: `[["id"]]`,
		`select 1 /* ; */; -- ; and no more`:                  `[[1]]`,
		`(select 1)`:                                          "sqlite_error",
		`values (1), (2)`:                                     `[[1],[2]]`,
	} {
		if got := ask(t, c, sql, ``); got != want && (want != "sqlite_error" || got != notAllowed) {
			t.Errorf("%s\n  got %s, want %s", sql, got, want)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Error("the file was changed", err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("another file was made")
	}
}

// exec may change rows, but not the transaction, other files, or what was done once.
func TestWhatExecRefuses(t *testing.T) {
	path := films(t)
	other := filepath.Join(t.TempDir(), "other.sqlite")
	databases := map[string]capability.Capability{"sqlite": configure(t, "sqlite", path, `, "once": true`)}
	if server != nil {
		databases["postgres"] = configure(t, "postgres", server.URL("postgres"), ``)
	}
	if _, err := databases["sqlite"].Call(t.Context(), call("exec", `update films set seen = 1 where id = 1`, `{"read_only": false}`)); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct{ driver, sql, want string }{
		{"sqlite", `commit`, "statement_not_allowed denied"},
		{"sqlite", `attach database '` + other + `' as o`, "statement_not_allowed denied"},
		{"sqlite", `vacuum into '` + other + `'`, "statement_not_allowed denied"},
		{"sqlite", `create temp table x (a)`, "statement_not_allowed denied"},
		{"sqlite", `delete from chainrun_calls`, "statement_not_allowed denied"},
		{"sqlite", `drop table chainrun_calls`, "statement_not_allowed denied"},
		{"sqlite", `alter table chainrun_calls rename to x`, "statement_not_allowed denied"},
		{"sqlite", `update sqlite_schema set sql = ''`, "sqlite_error"},
		{"sqlite", `delete from films; delete from films`, "multiple_statements denied"},
		{"sqlite", `insert into films (id, title) values (1, 'twice')`, "sqlite_constraint"},
		{"sqlite", `update films set title = title returning id`, "result_too_large"},
		{"postgres", `commit`, "statement_not_allowed denied"},
		{"postgres", `rollback and chain`, "statement_not_allowed denied"},
		{"postgres", `copy pg_class to stdout`, "statement_not_allowed denied"},
		{"postgres", `set role pg_monitor`, "statement_not_allowed denied"},
		{"postgres", `select 1; select 2`, "multiple_statements denied"},
		{"postgres", `select generate_series(1, 1000000)`, "result_too_large"},
	} {
		c := databases[test.driver]
		if c == nil {
			continue
		}
		asked := call("exec", test.sql, `{"read_only": false, "max_rows": 2}`)
		asked.Key = fmt.Sprint("another ", i)
		_, err := c.Call(t.Context(), asked)
		if err == nil || reasonOf(t, err) != test.want {
			t.Errorf("%s: %s: got %v, want %s", test.driver, test.sql, err, test.want)
		}
	}
	for _, sql := range []string{`select answer from chainrun_calls`, `select count(*) from Chainrun_Calls`, `with c as (select * from main.chainrun_calls) select * from c`} {
		if got := ask(t, databases["sqlite"], sql, ``); got != "statement_not_allowed denied" {
			t.Errorf("%s: got %s", sql, got)
		}
	}
	if got := asked(t, path, `select count(*) || (select count(*) from chainrun_calls) from films where title <> ''`); got != "31" {
		t.Errorf("there are %s films and calls", got)
	}
}

// The list of statements is word for word.
func TestStatementsOfAGrant(t *testing.T) {
	c := configure(t, "sqlite", films(t), ``)
	const grant = `{"statements": ["select title from films where id = ?", "select 1;"]}`
	for sql, want := range map[string]string{
		"\n select title from films where id = ?; ": `[["Alien"]]`,
		"select title from films where id = ? --":   "statement_not_granted denied",
		"select title from films where id = 1":      "statement_not_granted denied",
		"select title from films":                   "statement_not_granted denied",
	} {
		if got := ask(t, c, sql, grant, `1`); got != want {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
	if got := ask(t, c, "select 1", grant); got != "[[1]]" {
		t.Error(got)
	}
	checker := c.(capability.GrantChecker)
	for grant, want := range map[string]int{
		grant: 0, `{}`: 0, `{"timeout": "1 hour", "max_bytes": "16MiB", "statements": ["select 1", "commit"]}`: 3,
		`{"statements": ["delete from films"]}`: 1, `{"read_only": false, "statements": ["delete from films"]}`: 0,
		`{"timeout": "0s"}`: 1, `{"max_bytes": "4KiB", "timeout": "90s", "max_rows": 1e3}`: 0,
	} {
		if found := checker.CheckGrant(call("query", "", grant).Grant); len(found) != want {
			t.Errorf("%s: %v", grant, found)
		}
	}
}

// The bytes that a grant has left hold for the whole answer.
func TestBytesLeft(t *testing.T) {
	c := configure(t, "sqlite", films(t), ``)
	asked := call("query", `select title from films order by id`, ``)
	whole, err := c.Call(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	for left := range len(whole.Document.Bytes()) + 50 {
		asked.Left.Bytes = int64(left)
		a, err := c.Call(t.Context(), asked)
		if err != nil && reasonOf(t, err) != "result_too_large" || err == nil && len(a.Document.Bytes()) > left {
			t.Errorf("%d bytes left: %s, %v", left, a.Document, err)
		}
	}
	asked.Left.Bytes = 200
	if a, err := c.Call(t.Context(), asked); err != nil || !a.Document.Equal(whole.Document) {
		t.Errorf("%s, %v", a.Document, err)
	}
}

// However much there is, an answer and the memory for it stay within bounds.
func TestHugeResults(t *testing.T) {
	const endless = `with recursive n(i) as (select 1 union all select i + 1 from n) `
	check := func(t *testing.T, c capability.Capability, sql, grant, want string) {
		t.Helper()
		start := time.Now()
		got := ask(t, c, sql, grant)
		if len(got) > 100 {
			got = got[:20] + "…" + map[bool]string{true: "within", false: "beyond"}[len(got) < 15<<20]
		}
		if got != want {
			t.Errorf("%s %s: got %s, want %s", sql, grant, got, want)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s %s: it took %v", sql, grant, took)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		c := configure(t, "sqlite", films(t), ``)
		check(t, c, endless+`select i from n`, `{"max_rows": 3}`, `[[1],[2],[3]]`)
		check(t, c, endless+`select 'xxxxxxxxxx' from n`, `{"max_rows": 1000000, "max_bytes": 40}`, `[["xxxxxxxxxx"],["xxxxxxxxxx"]]`)
		check(t, c, endless+`select printf('%1000c', 'x') from n`, `{"max_rows": 1000000, "max_bytes": "15MiB"}`, `[["                 …within`)
		check(t, c, `select zeroblob(1000000000)`, ``, `result_too_large`)
		check(t, c, `select zeroblob(50000000)`, ``, `result_too_large`)
		check(t, c, `select printf('%.*c', 1000000000, 'x')`, ``, `result_too_large`)
		check(t, c, endless+`select group_concat(i) from n`, `{"timeout": "200ms"}`, `timeout retryable`)
		check(t, c, `select 1 from films order by `+strings.Repeat("1,", 3000)+`1`, ``, `sqlite_error`)
		check(t, c, `select `+strings.Repeat("(", 5000)+`1`+strings.Repeat(")", 5000), ``, `sqlite_error`)
		check(t, c, `select 1 -- `+strings.Repeat("x", 300_000), ``, `invalid_statement`)
	})
	t.Run("postgres", func(t *testing.T) {
		needServer(t)
		c := configure(t, "postgres", server.URL("postgres"), ``)
		check(t, c, endless+`select i from n`, `{"max_rows": 3}`, `[[1],[2],[3]]`)
		check(t, c, `select generate_series(1, 1000000000)`, `{"max_rows": 3}`, `[[1],[2],[3]]`)
		check(t, c, endless+`select 'xxxxxxxxxx' from n`, `{"max_rows": 1000000, "max_bytes": 40}`, `[["xxxxxxxxxx"],["xxxxxxxxxx"]]`)
		check(t, c, endless+`select repeat('x', 1000) from n`, `{"max_rows": 1000000, "max_bytes": "15MiB"}`, `[["xxxxxxxxxxxxxxxxx…within`)
		check(t, c, `select repeat('x', 50000000)`, ``, `result_too_large`)
		check(t, c, `select repeat('x', 200000000)`, ``, `result_too_large`)
		check(t, c, `select 1 as after`, ``, `[[1]]`)
	})
}
