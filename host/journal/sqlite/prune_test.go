package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// finish appends a whole run that ended so many hours after the moment; its
// output is large and its own, its input large and the same in all.
func finish(t *testing.T, s *Store, run string, hours int) {
	t.Helper()
	events := []event.Event{startOf(run)}
	events[0].Body = event.RunStarted{Graph: "g", Plan: "p", Input: document.String(strings.Repeat("shared", 500))}
	for n := range uint64(5) {
		events = append(events, batchOf(run, 2*n+2)...)
	}
	events = append(events, event.Event{Run: run, Seq: 12, Time: moment.Add(time.Duration(hours) * time.Hour), Body: event.RunFinished{
		Status: event.Done, Output: document.String(strings.Repeat(run, 10000)),
	}})
	if err := s.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, s *Store) (list []string) {
	t.Helper()
	for run, err := range s.Runs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, run)
	}
	return list
}

func TestPrune(t *testing.T) {
	for _, c := range []struct {
		retention Retention
		left      string
	}{
		{Retention{Before: moment.Add(3 * time.Hour)}, "r3 r4 r5 open"},
		{Retention{Keep: 2}, "r4 r5 open"},
		{Retention{Keep: 4, Before: moment.Add(5 * time.Hour)}, "r2 r3 r4 r5 open"},
		{Retention{Keep: 1, Before: moment.Add(2 * time.Hour)}, "r2 r3 r4 r5 open"},
		{Retention{Before: moment.Add(1000 * time.Hour)}, "open"},
		{Retention{Keep: 100}, "r0 r1 r2 r3 r4 r5 open"},
	} {
		t.Run(fmt.Sprint(c.retention.Keep, c.left), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "runs.db")
			s := openOn(t, path, nil)
			for i := range 6 {
				finish(t, s, fmt.Sprint("r", i), i)
			}
			open := startOf("open")
			open.Body = event.RunStarted{Graph: "g", Plan: "p", Input: document.String(strings.Repeat("shared", 500))}
			if err := s.Append(t.Context(), open); err != nil {
				t.Fatal(err)
			}
			before := s.size(t)
			done, err := s.Prune(t.Context(), c.retention)
			if err != nil {
				t.Fatal(err)
			}
			left := strings.Fields(c.left)
			if got := ids(t, s); !slices.Equal(got, left) {
				t.Errorf("left are %v", got)
			}
			if gone := 7 - len(left); done.Runs != gone || done.Events != int64(12*gone) || gone > 0 && done.Bytes == 0 {
				t.Errorf("it says %+v", done)
			}
			for _, run := range left {
				for _, err := range s.Events(t.Context(), run) {
					if err != nil {
						t.Errorf("%s: %v", run, err)
					}
				}
			}
			// What runs have kept stays.
			if value, err := s.Value(t.Context(), "s", "r0"); err != nil || value.String() != `"10"` {
				t.Errorf("the first run keeps %s: %v", value, err)
			}
			nothingFound(t, s)
			if n, err := s.writer.number("SELECT count(*) FROM contents"); err != nil || n == 0 || n > int64(len(left)+10) {
				t.Errorf("%d documents: %v", n, err)
			}
			if after := s.size(t); len(left) == 1 && after > before/2 {
				t.Errorf("the file had %d bytes and has %d", before, after)
			}
			// Its name is free again, and the order is that of beginning.
			if len(left) == 1 {
				if err := s.Append(t.Context(), startOf("r0")); err != nil {
					t.Fatal(err)
				}
				if got := ids(t, s); !slices.Equal(got, []string{"open", "r0"}) {
					t.Errorf("runs: %v", got)
				}
			}
		})
	}
}

// size is the file's, with all that was written brought into it.
func (s *Store) size(t *testing.T) int64 {
	t.Helper()
	if _, err := s.writer.number("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestPruneNeedsARetention(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	finish(t, s, "r", 0)
	if _, err := s.Prune(t.Context(), Retention{}); err == nil || len(ids(t, s)) != 1 {
		t.Errorf("pruned by nothing: %v", err)
	}
}

// A run whose chain is broken can be pruned too, all of it.
func TestPruneBrokenRun(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	finish(t, s, "a", 0)
	finish(t, s, "b", 0)
	if err := s.writer.c.Exec("UPDATE records SET previous = 999 WHERE run = 1 AND seq = 6"); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Prune(t.Context(), Retention{Before: moment.Add(time.Hour)}); err != nil || done.Runs != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	if n, err := s.writer.number("SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM documents) + (SELECT count(*) FROM contents)"); n != 0 || err != nil {
		t.Errorf("%d rows are left: %v", n, err)
	}
	nothingFound(t, s)
}

// Who reads a run while it is pruned is told that it is gone.
func TestPrunedWhileRead(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	events := []event.Event{startOf("r")}
	for n := range uint64(400) {
		events = append(events, event.Event{Run: "r", Seq: n + 2, Time: moment, Body: event.TimerFired{Timer: "t"}})
	}
	events = append(events, event.Event{Run: "r", Seq: 402, Time: moment, Body: event.RunFinished{Status: event.Done, Output: document.Null()}})
	if err := s.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	var last error
	for e, err := range s.Events(t.Context(), "r") {
		last = err
		if e.Seq == 2 {
			if _, err := s.Prune(t.Context(), Retention{Before: moment.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(last, journal.ErrUnknownRun) {
		t.Errorf("got %v", last)
	}
}

func TestInbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s, other := openOn(t, path, nil), openOn(t, path, nil)
	cancel := event.Event{Run: "r", Time: moment, Body: event.CancelRequested{Reason: "enough"}}
	if err := other.Send(t.Context(), cancel); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("to a run that is not there: %v", err)
	}
	for _, run := range []string{"r", "q"} {
		if err := s.Append(t.Context(), startOf(run)); err != nil {
			t.Fatal(err)
		}
	}
	signal := event.Event{Run: "r", Time: moment, Body: event.SignalReceived{Step: "w", Document: document.MustParse(`{"ok": true}`)}}
	for _, e := range []event.Event{signal, cancel} {
		if err := other.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for name, e := range map[string]event.Event{
		"a number":      {Run: "r", Seq: 2, Time: moment, Body: cancel.Body},
		"another event": {Run: "r", Time: moment, Body: event.TimerFired{Timer: "t"}},
		"none":          {Run: "r", Time: moment},
	} {
		if err := other.Send(t.Context(), e); err == nil {
			t.Errorf("%s was sent", name)
		}
	}
	if runs, err := s.Waiting(t.Context()); err != nil || !slices.Equal(runs, []string{"r"}) {
		t.Errorf("waiting are %v: %v", runs, err)
	}
	messages, err := s.Inbox(t.Context(), "r")
	if err != nil || len(messages) != 2 || messages[0].Event.Body.Type() != event.TypeSignalReceived || messages[1].Event.Body != cancel.Body {
		t.Fatalf("got %+v: %v", messages, err)
	}
	// A message is taken together with its event, once, and by its own run.
	journaled := signal
	journaled.Seq = 2
	first := []int64{messages[0].Number}
	if err := s.Take(t.Context(), "q", first); !errors.Is(err, ErrTaken) {
		t.Errorf("taken by another run: %v", err)
	}
	gap := journaled
	gap.Seq = 5
	var sequence *journal.SequenceError
	if err := s.Take(t.Context(), "r", first, gap); !errors.As(err, &sequence) {
		t.Errorf("with a gap: %v", err)
	}
	if err := s.Take(t.Context(), "r", first, journaled); err != nil {
		t.Error(err)
	}
	journaled.Seq = 3
	if err := s.Take(t.Context(), "r", first, journaled); !errors.Is(err, ErrTaken) {
		t.Errorf("taken twice: %v", err)
	}
	if run, err := s.Run(t.Context(), "r"); err != nil || run.Events != 2 {
		t.Errorf("%+v, %v", run, err)
	}
	if err := s.Take(t.Context(), "q", nil, journaled); !errors.Is(err, journal.ErrNotOneRun) {
		t.Errorf("events of another run: %v", err)
	}
	// What is left when the run ends is dropped, and nothing can be sent.
	end := event.Event{Run: "r", Seq: 3, Time: moment, Body: event.RunFinished{Status: event.Done, Output: document.Null()}}
	if err := s.Append(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if runs, err := s.Waiting(t.Context()); err != nil || len(runs) != 0 {
		t.Errorf("waiting are %v: %v", runs, err)
	}
	if err := other.Send(t.Context(), cancel); !errors.Is(err, journal.ErrFinished) {
		t.Errorf("to a run that has ended: %v", err)
	}
}

func TestInboxIsBounded(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	if err := s.writer.c.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 999) INSERT INTO inbox (run, event, seal) SELECT 'r', '', x'' FROM n`); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		err := s.Send(t.Context(), event.Event{Run: "r", Time: moment, Body: event.CancelRequested{}})
		if full := errors.Is(err, ErrInboxFull); full != (i == 1) {
			t.Errorf("message %d: %v", 1000+i, err)
		}
	}
}

func TestList(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	want := map[string]Run{}
	for i := range 600 { // more than are read at once
		run := fmt.Sprint("r", i)
		if err := s.Append(t.Context(), startOf(run)); err != nil {
			t.Fatal(err)
		}
		want[run] = Run{ID: run, Graph: "g", Plan: "p", Started: moment, Events: 1}
	}
	finish(t, s, "last", 3)
	want["last"] = Run{ID: "last", Graph: "g", Plan: "p", Started: moment, Status: event.Done, Finished: moment.Add(3 * time.Hour), Events: 12}
	n := 0
	for run, err := range s.List(t.Context()) {
		if err != nil || run != want[run.ID] {
			t.Fatalf("got %+v: %v", run, err)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d runs", n)
	}
	if _, err := s.Run(t.Context(), "none"); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("got %v", err)
	}
}

// Values of all sizes, which other runs share, and that are replaced and deleted,
// leave no document behind.
func TestDocumentsOfValuesAreFreed(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	big := document.String(strings.Repeat("v", 4000))
	seq := uint64(1)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	for i, v := range []document.Document{big, big, document.Null(), big, {}} {
		seq++
		if err := s.Append(t.Context(), event.Event{Run: "r", Seq: seq, Time: moment, Body: event.AttemptSucceeded{
			Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Output: document.Null(), Stored: []event.Stored{{Space: "s", Key: "k", Value: v}},
		}}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Value(t.Context(), "s", "k")
		if err != nil || got.String() != v.String() {
			t.Errorf("write %d: %v", i, err)
		}
		nothingFound(t, s)
	}
	if err := s.Append(t.Context(), event.Event{Run: "r", Seq: seq + 1, Time: moment, Body: event.RunFinished{Status: event.Done, Output: document.Null()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(t.Context(), Retention{Before: moment.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.writer.number("SELECT count(*) FROM contents"); n != 0 || err != nil {
		t.Errorf("%d documents are left: %v", n, err)
	}
}
