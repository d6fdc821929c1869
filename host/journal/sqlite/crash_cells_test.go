package sqlite

// Corruption at rest: each cell of each table, whatever tables there are.

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// rich fills a store with four runs that share documents and sources, and with
// messages, values and outputs that can be found again.
func rich(t *testing.T, s *Store) {
	t.Helper()
	for i := range 4 {
		run := fmt.Sprint("run", i)
		made := madeOf(t, "echo.wasm", "graph.toml")
		if i > 1 {
			made = madeOf(t, "echo.wasm", strings.Repeat("other", 50))
		}
		batches := [][]event.Event{batchOf(run, 2), batchOf(run, 4)}
		batches[1] = append(batches[1], event.Event{Run: run, Seq: 6, Time: moment, Body: event.AttemptSucceeded{
			Attempt: event.Attempt{Step: "b", Node: "b", Number: 1}, Output: document.String(strings.Repeat("shared", 200)), CacheKey: "key of " + run,
			Stored: []event.Stored{{Space: "large", Key: run, Value: document.String(strings.Repeat(run, 300))}},
		}})
		if i == 0 {
			batches = append(batches, []event.Event{{Run: run, Seq: 7, Time: moment, Body: event.RunFinished{Status: event.Done, Output: document.Null()}}})
		}
		if err := s.Begin(t.Context(), made, startOf(run)); err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if err := s.Append(t.Context(), b...); err != nil {
				t.Fatal(err)
			}
		}
		if i > 0 {
			for _, text := range []string{"1", "2"} {
				message := event.Event{Run: run, Time: moment, Body: event.SignalReceived{Step: "w", Document: document.MustParse(text)}}
				if err := s.Send(t.Context(), message); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// readable is all that can be read from the store of rich: what by where it is. What
// cannot be read is not there.
func readable(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for info, err := range s.List(t.Context()) {
		if err == nil {
			all["row of "+info.ID] = fmt.Sprintf("%+v", info)
		}
	}
	for i := range 4 {
		run := fmt.Sprint("run", i)
		for e, err := range s.Events(t.Context(), run) {
			if err == nil {
				b, _ := event.Encode(e)
				all[fmt.Sprintf("event %d of %s", e.Seq, run)] = string(b)
			}
		}
		for _, space := range []string{"s", "large"} {
			if d, err := s.Value(t.Context(), space, run); err == nil && !d.IsZero() {
				all[fmt.Sprintf("value in %s of %s", space, run)] = d.String()
			}
		}
		if made, err := s.Sources(t.Context(), run); err == nil && made != nil {
			all["sources of "+run] = fmt.Sprintf("%+v", made)
		}
		messages, err := s.Inbox(t.Context(), run)
		if err != nil {
			t.Error(err)
		}
		for _, m := range messages {
			if m.Err == nil {
				all[fmt.Sprintf("message %d to %s", m.Number, run)] = fmt.Sprintf("%+v", m)
			}
		}
		if done, by, found, err := s.Cached(t.Context(), "key of "+run); err == nil && found {
			all["output of "+run] = fmt.Sprintf("%+v %+v", done, by)
		}
	}
	return all
}

// cell is one cell of a table.
type cell struct {
	table, column string
	where         string // its row, by the values of all columns
	kind          sqlite3.Datatype
	text          []byte
	integer       int64
	row           map[string]string
}

// cells are those of all tables.
func cells(t *testing.T, c *connection) (all []cell) {
	t.Helper()
	var tables []string
	err := c.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name", nil, func(st *sqlite3.Stmt) (bool, error) {
		tables = append(tables, st.ColumnText(0))
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		err := c.query("SELECT * FROM "+table, nil, func(st *sqlite3.Stmt) (bool, error) {
			var row []cell
			var where []string
			values := map[string]string{}
			for i := range st.ColumnCount() {
				f := cell{table: table, column: st.ColumnName(i), kind: st.ColumnType(i), text: slices.Clone(st.ColumnRawBlob(i)), integer: st.ColumnInt64(i), row: values}
				if f.kind == sqlite3.INTEGER {
					f.text = nil
				}
				values[f.column] = st.ColumnText(i)
				row = append(row, f)
				where = append(where, fmt.Sprintf("%s IS %s", f.column, f.literal()))
			}
			for i := range row {
				row[i].where = strings.Join(where, " AND ")
			}
			all = append(all, row...)
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// literal writes the cell's value in SQL.
func (f cell) literal() string {
	switch f.kind {
	case sqlite3.INTEGER:
		return fmt.Sprint(f.integer)
	case sqlite3.TEXT:
		return fmt.Sprintf("CAST(x'%x' AS TEXT)", f.text)
	case sqlite3.BLOB:
		return fmt.Sprintf("x'%x'", f.text)
	default:
		return "NULL"
	}
}

// changed gives some values that are not the cell's: one bit of each byte, or of some
// bytes where there are many.
func (f cell) changed(luck *rand.Rand, most int) (others []cell) {
	switch f.kind {
	case sqlite3.INTEGER:
		for _, bit := range []int{0, 1, 7, 20} {
			g := f
			g.integer ^= 1 << bit
			others = append(others, g)
		}
	case sqlite3.TEXT, sqlite3.BLOB:
		for _, at := range luck.Perm(len(f.text))[:min(most, len(f.text))] {
			g := f
			g.text = slices.Clone(f.text)
			g.text[at] ^= 1 << luck.IntN(7)
			others = append(others, g)
		}
	default:
		g := f
		g.kind, g.text, g.integer = sqlite3.TEXT, []byte("1"), 1
		others = append(others, g)
	}
	return others
}

// hastyDisk is the machine's own, which keeps nothing for sure: no power is cut here.
type hastyDisk struct{ vfs.VFS }

func (d hastyDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return hastyFile{f}, flags, nil
}

type hastyFile struct{ vfs.File }

func (f hastyFile) Sync(vfs.SyncFlag) error        { return nil }
func (f hastyFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// Whatever cell of whatever table the disk changes, Verify tells of it; nothing is
// read that was never stored; and what is not of the same run, or does not share what
// was changed, can be read as before.
func TestEveryCell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	vfs.Register(t.Name(), hastyDisk{vfs.Find("")})
	defer vfs.Unregister(t.Name())
	s, err := Open(t.Context(), path, Options{vfs: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rich(t, s)
	nothingFound(t, s)
	before := readable(t, s)
	if len(before) < 40 {
		t.Fatalf("only %d things are readable: %v", len(before), before)
	}
	names := map[string]string{} // of runs, by number
	for _, f := range cells(t, s.writer.connection) {
		if f.table == "runs" {
			names[f.row["number"]] = f.row["id"]
		}
	}
	luck := rand.New(rand.NewPCG(11, 12))
	changes, silent := 0, map[string]int{}
	for _, f := range cells(t, s.writer.connection) {
		if f.table == "inbox" && f.column == "number" {
			continue // an order and nothing more, which a file that is read by SQLite has: its integrity check
		}
		for _, g := range f.changed(luck, scaled(5)) {
			// The value that it has now identifies the row afterwards, too.
			if s.writer.c.Exec(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", f.table, f.column, g.literal(), f.where)) != nil {
				continue // the table itself refuses it
			}
			changes++
			var found []string
			run := f.of(names)
			// A relation of numbers is named by them, and a run without its id not at all.
			named := run == "" || f.table == "pinned" || f.column == "number" || f.column == "id" || f.column == "place"
			err := s.Verify(t.Context(), func(e *CorruptError) {
				found = append(found, e.Error())
				named = named || e.Run == run || f.table == "kept" && strings.HasPrefix(e.What, "value ")
			})
			what := fmt.Sprintf("%s.%s of %v: %s for %s", f.table, f.column, f.row, g.literal(), f.literal())
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			lost := 0
			now := readable(t, s)
			for where, text := range now {
				if old, ok := before[where]; ok && old != text {
					t.Errorf("%s: %s is %s, which was never stored", what, where, text)
				} else if !ok && found == nil {
					t.Errorf("%s: %s is new", what, where)
				}
			}
			for where := range before {
				if _, ok := now[where]; ok {
					continue
				}
				lost++
				if run != "" && !strings.HasSuffix(where, run) {
					t.Errorf("%s: %s cannot be read any more", what, where)
				}
			}
			switch {
			case found == nil && lost > 0:
				t.Errorf("%s: %d things cannot be read, and Verify is content", what, lost)
			case found == nil:
				silent[f.table+"."+f.column]++
			case !named:
				t.Errorf("%s: nobody names %s: %v", what, run, found)
			}
			back := strings.Replace(f.where, fmt.Sprintf("%s IS %s", f.column, f.literal()), fmt.Sprintf("%s IS %s", g.column, g.literal()), 1)
			if err := s.writer.c.Exec(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", f.table, f.column, f.literal(), back)); err != nil {
				t.Fatalf("%s: changing it back: %v", what, err)
			}
			if t.Failed() {
				break // one of each cell
			}
		}
	}
	nothingFound(t, s)
	t.Logf("%d changes; without consequence: %v", changes, silent)
	for where := range silent {
		t.Errorf("nobody notices a change of %s", where)
	}
}

// of is the run that the row of a cell belongs to; "" where it is everybody's.
func (f cell) of(names map[string]string) string {
	switch f.table {
	case "runs":
		return f.row["id"]
	case "records", "pinned":
		return names[f.row["run"]]
	case "inbox":
		if f.column != "run" {
			return f.row["run"]
		}
	case "kept":
		return f.row["key"]
	}
	return ""
}
