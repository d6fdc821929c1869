package sqlite

// Files that somebody made to do harm: anything may stand in a row, and the tables
// may be others.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// useAll does with a store all that can be done. Errors are no matter; a panic is.
func useAll(t *testing.T, s *Store, events map[string][]string, values map[string]string) {
	t.Helper()
	ctx := t.Context()
	readBack(t, s, events, values)
	for run := range events {
		_, _ = s.Run(ctx, run)
		_, _ = s.Inbox(ctx, run)
		_, _, _ = s.Size(ctx, "s")
		_, _ = s.Values(ctx, "s", "", "", 10)
		for seq := uint64(2); seq < 30; seq++ {
			e := event.Event{Run: run, Seq: seq, Time: moment, Body: event.AttemptFailed{Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Failure: failure.Failure{Code: failure.Trap}}}
			if s.Append(ctx, e) == nil {
				break
			}
		}
	}
	for _, view := range []string{"origins", "results", "steps", "attempts", "outputs", "calls", "violations", "made_of", "parts", "events", "texts"} {
		_ = s.read(ctx, func(c *connection) error {
			return c.query("SELECT * FROM "+view, nil, func(*sqlite3.Stmt) (bool, error) { return true, nil })
		})
	}
	_, _ = s.Waiting(ctx)
	_ = s.Import(ctx, madeOf(t, "source", "y"), []event.Event{{Run: "new", Seq: 1, Time: moment, Body: event.RunStarted{Input: document.Null()}}})
	_ = s.Verify(ctx, func(*CorruptError) {})
	_, _ = s.Prune(ctx, Retention{Keep: 1})
	_, _ = s.Prune(ctx, Retention{Before: moment.AddDate(9, 0, 0)})
	_ = s.Verify(ctx, func(*CorruptError) {})
}

// Each column of each table has had something else put into it, of the type that it
// takes.
func TestHostileRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	events, values := filled(t, path)
	s := openOn(t, path, nil)
	if err := s.Send(t.Context(), event.Event{Run: "run1", Time: moment, Body: event.CancelRequested{Reason: "why"}}); err != nil {
		t.Fatal(err)
	}
	type column struct{ table, name, kind string }
	var columns []column
	if err := s.writer.query(`
		SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, c.cid`, nil, func(st *sqlite3.Stmt) (bool, error) {
		columns = append(columns, column{st.ColumnText(0), st.ColumnText(1), st.ColumnText(2)})
		return true, nil
	}); err != nil || len(columns) < 40 {
		t.Fatal(columns, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	luck := rand.New(rand.NewPCG(3, 4))
	junk := map[string][]string{
		"INTEGER": {"0", "-1", "1", "7", "9223372036854775807", "-9223372036854775808"},
		"TEXT":    {"''", "'x'", "'{'", "'[]'", "'null'", "'[-5]'", "'[99999999999999]'", "'[0,80,9223372036854775807]'", "CAST(x'ff00fe' AS TEXT)", "CAST(randomblob(3000) AS TEXT)", `'[{"kind":"","name":"","digest":"é"}]'`},
		"BLOB":    {"x''", "x'00'", "randomblob(31)", "randomblob(32)", "randomblob(33)", "zeroblob(100000)"},
	}
	for _, c := range columns {
		for _, value := range junk[c.kind] {
			if luck.IntN(100) >= scaled(20) {
				continue
			}
			path := filepath.Join(t.TempDir(), "runs.db")
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
			s := openOn(t, path, nil)
			// One row, some of them, or all.
			where := []string{"rowid = 2", "random() % 2", "true"}[luck.IntN(3)]
			if c.table == "documents" || c.table == "kept" {
				where = []string{"random() % 3", "true"}[luck.IntN(2)] // they have no rowid
			}
			_ = s.writer.c.Exec(fmt.Sprintf("UPDATE OR REPLACE %s SET %s = %s WHERE %s", c.table, c.name, value, where))
			useAll(t, s, events, values)
			_ = s.Close()
		}
	}
}

// Tables that have other columns, or are views of something: errors, no panics.
func TestHostileTables(t *testing.T) {
	first := filepath.Join(t.TempDir(), "runs.db")
	events, values := filled(t, first)
	good, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		"DROP TABLE cached", "DROP TABLE pinned", "DROP TABLE lists", "DROP TABLE sources",
		"DROP TABLE cached; CREATE TABLE cached (place, key)",
		"DROP TABLE cached; CREATE TABLE cached (place, key); INSERT INTO cached VALUES (NULL, 'run1/4'), ('x', 'run1/4'), (x'00', x'ff'), (1e300, 1.5)",
		"DROP TABLE cached; CREATE VIEW cached AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i AS place, 'run1/4' AS key FROM n",
		"DROP TABLE lists; CREATE TABLE lists (number, digest, files); INSERT INTO lists VALUES (1, NULL, NULL)",
		"DROP TABLE sources; CREATE TABLE sources (digest, uses, content); INSERT INTO sources VALUES (1, 'x', 5)",
		"CREATE TRIGGER harm BEFORE INSERT ON cached BEGIN DELETE FROM runs; END",
		"CREATE TRIGGER harm AFTER INSERT ON records BEGIN SELECT raise(ABORT, 'no'); END",
		"PRAGMA user_version = 1", "PRAGMA user_version = 2",
		"PRAGMA legacy_alter_table = ON; CREATE TABLE r AS SELECT * FROM runs; DROP TABLE runs; ALTER TABLE r RENAME TO runs; UPDATE runs SET number = 'x'",
	} {
		path := filepath.Join(t.TempDir(), "runs.db")
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openOn(t, path, nil)
		if err := s.writer.c.Exec(change); err != nil {
			t.Fatal(change, err)
		}
		_ = s.Close()
		for _, readOnly := range []bool{true, false} {
			if s, err := Open(context.Background(), path, Options{ReadOnly: readOnly}); err == nil {
				useAll(t, s, events, values)
				_ = s.Close()
			}
		}
	}
}
