package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/journaltest"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// open opens a store that is closed when the test ends.
func open(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path, sqlite.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func fresh(tb testing.TB) *sqlite.Store {
	tb.Helper()
	return open(tb, filepath.Join(tb.TempDir(), "runs.db"))
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Journal {
		t.Helper()
		return fresh(t)
	})
}
