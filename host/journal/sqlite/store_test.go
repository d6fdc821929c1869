package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/journaltest"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// open opens a store that is closed when the test ends.
func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fresh(t testing.TB) *sqlite.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "runs.db"))
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Journal { return fresh(t) })
}
