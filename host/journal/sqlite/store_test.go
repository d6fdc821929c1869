package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
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

// A document of the largest size is stored once, however often it comes.
func TestLargestDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := open(t, path)
	largest := document.String(strings.Repeat("x", 16<<20-2))
	a := event.Attempt{Step: "a", Node: "a", Number: 1}
	events := []event.Event{started("r")}
	for seq := uint64(2); seq <= 4; seq++ {
		events = append(events, event.Event{Run: "r", Seq: seq, Time: events[0].Time, Body: event.AttemptSucceeded{
			Attempt: a, Output: largest, Stored: []event.Stored{{Space: "s", Key: "k", Value: largest}},
		}})
	}
	for _, e := range events {
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for e, err := range s.Events(t.Context(), "r") {
		if err != nil {
			t.Fatal(err)
		}
		if done, ok := e.Body.(event.AttemptSucceeded); ok && (!done.Output.Equal(largest) || !done.Stored[0].Value.Equal(largest)) {
			t.Errorf("event %d has another document", e.Seq)
		}
		n++
	}
	if n != len(events) {
		t.Errorf("%d events", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 17<<20 {
		t.Errorf("the file has %d bytes: %v", info.Size(), err)
	}
}

func started(run string) event.Event {
	return event.Event{Run: run, Seq: 1, Time: time.UnixMicro(1_800_000_000_000_000).UTC(), Body: event.RunStarted{
		Graph: "films", Plan: "sha256:0", Input: document.String(run),
	}}
}
