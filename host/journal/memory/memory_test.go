package memory_test

import (
	"errors"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/journaltest"
	"github.com/chainrun/chainrun/host/journal/memory"
)

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journal.Journal { return memory.New() })
}

func TestForget(t *testing.T) {
	j := memory.New()
	for _, run := range []string{"a", "b"} {
		if err := j.Append(t.Context(), event.Event{Run: run, Seq: 1, Body: event.RunStarted{Input: document.Null()}}); err != nil {
			t.Fatal(err)
		}
	}
	j.Forget("a")
	j.Forget("nobody")
	for _, err := range j.Events(t.Context(), "a") {
		if !errors.Is(err, journal.ErrUnknownRun) {
			t.Errorf("a forgotten run: %v", err)
		}
	}
	for run := range j.Runs(t.Context()) {
		if run != "b" {
			t.Errorf("run %q is left", run)
		}
	}
}
