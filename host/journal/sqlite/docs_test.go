package sqlite

// docs/journal.md: its statements run, and its rule of hashes is the one that is
// followed, done here once more from the document alone.

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

func TestDocumentedStatements(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "journal.md"))
	if err != nil {
		t.Fatal(err)
	}
	statements := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(b), -1)
	if len(statements) == 0 {
		t.Fatal("there are none")
	}
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	large := strings.Repeat("w", 3000)
	a := event.Attempt{Step: "a", Node: "a", Number: 1}
	events := []event.Event{startOf("RUN")}
	for _, body := range []event.Body{
		event.AttemptSucceeded{Attempt: a, Output: document.String(large), Fuel: 7},
		event.AttemptSucceeded{Attempt: a, Output: document.String("short"), Fuel: 5},
		event.AttemptFailed{Attempt: a, Fuel: 1},
		event.RunFinished{Status: event.Done, Output: document.Null()},
	} {
		events = append(events, event.Event{Run: "RUN", Seq: uint64(len(events) + 1), Time: moment, Body: body})
	}
	if err := s.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	for _, m := range statements {
		rows := ""
		if err := s.writer.query(m[1], nil, func(st *sqlite3.Stmt) (bool, error) {
			for i := range st.ColumnCount() {
				rows += st.ColumnText(i) + "|"
			}
			rows += "\n"
			return true, nil
		}); err != nil || rows == "" {
			t.Errorf("%s\ngave %q: %v", m[1], rows, err)
		}
		if strings.Contains(m[1], "FROM outputs") && rows != "a|\""+large+"\"|\na|\"short\"|\n" {
			t.Errorf("the outputs are %q", rows)
		}
		if strings.Contains(m[1], "AS fuel") && !strings.Contains(rows, "a|13|") {
			t.Errorf("the fuel is %q", rows)
		}
	}
}

func TestDocumentedHash(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	events := []event.Event{startOf("r")}
	for seq := uint64(2); seq <= 12; seq += 2 { // the last with a document of 1,400 bytes
		events = append(events, batchOf("r", seq)...)
	}
	if err := s.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	chain := make([]byte, 32)
	for _, e := range events {
		b, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		own := sha256.Sum256(b)
		next := sha256.Sum256(append(chain, own[:]...))
		chain = next[:]
	}
	n, err := s.writer.number("SELECT count(*) FROM runs JOIN records ON place = last WHERE head = ?1 AND hash = ?1", chain)
	if err != nil || n != 1 {
		t.Errorf("the run's head is another: %v", err)
	}
	if n, err := s.writer.number("SELECT count(*) FROM records WHERE cuts IS NOT NULL"); err != nil || n != 1 {
		t.Errorf("%d events have a large document: %v", n, err)
	}
}
