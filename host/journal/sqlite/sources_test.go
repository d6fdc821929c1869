package sqlite

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

func madeOf(t *testing.T, contents ...string) *journal.Sources {
	t.Helper()
	var files []journal.Source
	for _, c := range contents {
		files = append(files, journal.Source{Kind: journal.SourceModule, Name: c, Content: []byte(c)})
	}
	made, err := journal.NewSources(files)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// complaints is what Verify finds.
func complaints(t *testing.T, s *Store) (found []string) {
	t.Helper()
	if err := s.Verify(t.Context(), func(e *CorruptError) { found = append(found, e.Error()) }); err != nil {
		t.Fatal(err)
	}
	return found
}

// What several runs are made of is there once, and goes with the last of them.
func TestSourcesAreShared(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	for run, made := range map[string]*journal.Sources{
		"a": madeOf(t, "x", "y", "x"), "b": madeOf(t, "x", "y", "x"), "c": madeOf(t, "y", "z"),
	} {
		end := event.Event{Run: run, Seq: 2, Time: moment.Add(time.Hour), Body: event.RunFinished{Status: event.Canceled}}
		if run == "c" {
			end.Time = moment.Add(3 * time.Hour)
		}
		if err := errors.Join(s.Begin(t.Context(), made, startOf(run)), s.Append(t.Context(), end)); err != nil {
			t.Fatal(err)
		}
	}
	count := func() []int64 {
		var n []int64
		for _, table := range []string{"sources", "lists", "pinned"} {
			rows, err := s.writer.number("SELECT count(*) FROM " + table)
			if err != nil {
				t.Fatal(err)
			}
			n = append(n, rows)
		}
		return n
	}
	if n := count(); !slices.Equal(n, []int64{3, 2, 3}) {
		t.Errorf("sources, lists, pinned: %v", n)
	}
	if found := complaints(t, s); found != nil {
		t.Error(found)
	}
	if _, err := s.Prune(t.Context(), Retention{Before: moment.Add(2 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if n := count(); !slices.Equal(n, []int64{2, 1, 1}) {
		t.Errorf("after pruning a and b: sources, lists, pinned: %v", n)
	}
	if found := complaints(t, s); found != nil {
		t.Error(found)
	}
	if got, err := s.Sources(t.Context(), "c"); err != nil || string(got.Files[1].Content) != "z" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.Prune(t.Context(), Retention{Before: moment.Add(9 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if n := count(); !slices.Equal(n, []int64{0, 0, 0}) {
		t.Errorf("after pruning all: sources, lists, pinned: %v", n)
	}
}

// Whatever is changed in what a run was made of is found, and the run not made of it.
func TestSourcesThatWereChanged(t *testing.T) {
	for _, change := range []string{
		"UPDATE sources SET content = x'00'", "DELETE FROM sources", "UPDATE lists SET files = '[]'", "DELETE FROM lists",
		"UPDATE lists SET files = replace(files, 'module', 'file')", "UPDATE pinned SET list = 77",
	} {
		s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
		if err := s.Begin(t.Context(), madeOf(t, "x"), startOf("r")); err != nil {
			t.Fatal(err)
		}
		if err := s.writer.exec(change); err != nil {
			t.Fatal(err)
		}
		var corrupt *CorruptError
		if _, err := s.Sources(t.Context(), "r"); !errors.As(err, &corrupt) || corrupt.Run != "r" {
			t.Errorf("%s: %v", change, err)
		}
		if found := complaints(t, s); found == nil {
			t.Errorf("%s: Verify is content", change)
		}
	}
}

// A store of version 1 gets the tables that it lacks; its runs were pinned to nothing.
func TestVersionOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	downgrade(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openOn(t, path, nil)
	if got, err := s.Sources(t.Context(), "r"); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Begin(t.Context(), madeOf(t, "x"), startOf("q")); err != nil {
		t.Error(err)
	}
}

// A store of version 3 counts uses beside the contents. They are taken over: what two
// lists name stays until both are gone.
func TestVersionThree(t *testing.T) {
	for _, open := range []int{3, 4} { // pruned as it was brought up, or after more was pinned
		path := filepath.Join(t.TempDir(), "runs.db")
		s := openOn(t, path, nil)
		if err := errors.Join(s.Begin(t.Context(), madeOf(t, "x", "shared"), startOf("r")), s.Begin(t.Context(), madeOf(t, "y", "shared"), startOf("q"))); err != nil {
			t.Fatal(err)
		}
		counts := func() (list []string) {
			t.Helper()
			if err := s.writer.query("SELECT lower(hex(digest)) || ' ' || uses FROM source_uses ORDER BY 1", nil, func(st *sqlite3.Stmt) (bool, error) {
				list = append(list, st.ColumnText(0))
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
			return list
		}
		before := counts()
		downgrade(t, s, 3)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		old, err := Open(t.Context(), path, Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		nothingFound(t, old)
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		s = openOn(t, path, nil)
		if after := counts(); !slices.Equal(before, after) || !slices.ContainsFunc(after, func(s string) bool { return strings.HasSuffix(s, " 2") }) {
			t.Errorf("%q, before it was brought up %q", after, before)
		}
		if open == 4 {
			if err := s.Begin(t.Context(), madeOf(t, "z", "shared"), startOf("p")); err != nil {
				t.Fatal(err)
			}
		}
		nothingFound(t, s)
		for _, run := range []string{"r", "q"} {
			if err := s.Append(t.Context(), event.Event{Run: run, Seq: 2, Time: moment, Body: event.RunFinished{Status: event.Done, Output: document.Null()}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Prune(t.Context(), Retention{Before: time.Now().AddDate(100, 0, 0)}); err != nil {
				t.Fatal(err)
			}
			nothingFound(t, s)
		}
		if left := counts(); (open == 3) != (len(left) == 0) {
			t.Errorf("pruned, %q is left", left)
		}
	}
}
