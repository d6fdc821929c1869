package sqlite

// Stores as earlier versions of chainrun have left them.

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// objects are the tables, views and indexes of a file.
func objects(t *testing.T, c *sqlite3.Conn) (list []string) {
	t.Helper()
	st, _, err := c.Prepare("SELECT type || ' ' || name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type, name")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for st.Step() {
		list = append(list, st.ColumnText(0))
	}
	return list
}

// downgrade takes from a store what came after a version.
func downgrade(t *testing.T, s *Store, version int) {
	t.Helper()
	old, err := sqlite3.Open(filepath.Join(t.TempDir(), "old"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	for _, m := range migrations[:version] {
		if err := old.Exec(m); err != nil {
			t.Fatal(err)
		}
	}
	then := objects(t, old)
	if version < 4 {
		if err := s.writer.c.Exec(`
			ALTER TABLE sources ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
			UPDATE sources SET uses = (SELECT uses FROM source_uses WHERE source_uses.digest = sources.digest)`); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range objects(t, s.writer.c) {
		if !slices.Contains(then, o) {
			if err := s.writer.c.Exec("DROP " + o); err != nil && o[:5] != "index" {
				t.Fatal(err)
			}
		}
	}
	if now := objects(t, s.writer.c); !slices.Equal(now, then) {
		t.Fatalf("version %d has %v, this is left: %v", version, then, now)
	}
	if err := s.writer.c.Exec("PRAGMA user_version = " + strconv.Itoa(version)); err != nil {
		t.Fatal(err)
	}
}
