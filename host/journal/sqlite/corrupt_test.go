package sqlite

// A disk that changes what it was given.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// filled makes a store with three runs, of which the first has finished, all made of
// the same file, and gives all that is in it.
func filled(t *testing.T, path string) (events map[string][]string, values map[string]string) {
	t.Helper()
	s := openOn(t, path, nil)
	defer s.Close()
	events, values = map[string][]string{}, map[string]string{}
	for i := range 3 {
		run := fmt.Sprint("run", i)
		all := []event.Event{startOf(run)}
		for n := range uint64(12) {
			all = append(all, batchOf(run, 2*n+2)...)
		}
		if i == 0 {
			all = append(all, event.Event{Run: run, Seq: 26, Time: moment, Body: event.RunFinished{Status: event.Done, Output: document.Null()}})
		}
		for _, e := range all {
			var err error
			if e.Seq == 1 {
				err = s.Begin(t.Context(), madeOf(t, "source"), e)
			} else {
				err = s.Append(t.Context(), e)
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := event.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			events[run] = append(events[run], string(b))
		}
		value, err := s.Value(t.Context(), "s", run)
		if err != nil {
			t.Fatal(err)
		}
		values[run] = value.String()
	}
	return events, values
}

// readBack reads all that can be read and counts the errors. It fails where
// something is read that was never stored.
func readBack(t *testing.T, s *Store, events map[string][]string, values map[string]string) (faults int) {
	t.Helper()
	ctx := context.Background()
	for run := range events {
		n := 0
		for e, err := range s.Events(ctx, run) {
			if err != nil {
				faults++
				break
			}
			b, err := event.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			if n >= len(events[run]) || string(b) != events[run][n] {
				t.Fatalf("%s, event %d: %s was never stored", run, n+1, b)
			}
			n++
		}
		if n < len(events[run]) && faults == 0 {
			t.Fatalf("%s: event %d is missing, and nobody says so", run, n+1)
		}
		value, err := s.Value(ctx, "s", run)
		switch {
		case err != nil:
			faults++
		case value.IsZero():
		case value.String() != values[run]:
			t.Fatalf("%s keeps %s, which was never stored", run, value)
		}
		for seq := uint64(2); seq < 26; seq += 2 {
			want, _ := batchOf(run, seq)[0].Body.(event.AttemptSucceeded)
			switch done, by, found, err := s.Cached(ctx, keyOf(run, seq)); {
			case err != nil:
				faults++
			case !found: // which is no harm
			case by != (event.Origin{Run: run, Attempt: want.Attempt}) || done.Output.String() != want.Output.String() || done.CacheKey != want.CacheKey:
				t.Fatalf("%s gives %+v of %+v", keyOf(run, seq), done, by)
			}
		}
		switch made, err := s.Sources(ctx, run); {
		case err != nil:
			faults++
		case made != nil && (len(made.Files) != 1 || string(made.Files[0].Content) != "source" || made.Files[0].Name != "source"):
			t.Fatalf("%s is made of %+v", run, made)
		}
	}
	for info, err := range s.List(ctx) {
		if err != nil {
			faults++
		} else if _, ok := events[info.ID]; !ok || info.Graph != "g" || info.Plan != "p" {
			t.Fatalf("the list has %+v", info)
		}
	}
	return faults
}

// A byte of the file is changed, anywhere: an error tells of it, or it does not
// matter; nothing is read that was never stored.
func TestFlippedBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	events, values := filled(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(9, 10))
	opened, detected := 0, 0
	flips := scaled(400)
	for range flips {
		at := random.IntN(len(good))
		bad := append([]byte{}, good...)
		bad[at] ^= byte(1 + random.IntN(255))
		path := filepath.Join(t.TempDir(), "runs.db")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			detected++
			continue
		}
		opened++
		faults := readBack(t, s, events, values)
		told := 0
		if err := s.Verify(t.Context(), func(*CorruptError) { told++ }); err != nil {
			told++
		}
		if faults > 0 && told == 0 {
			t.Errorf("a flip at %d is seen by a reader, but not by Verify", at)
		}
		if told > 0 {
			detected++
		}
		_ = s.Close()
	}
	t.Logf("of %d flipped bytes in %d, %d were detected", flips, len(good), detected)
	if detected < flips/4 {
		t.Errorf("only %d were detected", detected)
	}
}

// Every byte that an event, a document, a value, a row of runs or a message
// consists of is guarded: it is found, named, and the others can be read.
func TestChangesAreNamed(t *testing.T) {
	run1 := func(e *CorruptError) bool { return e.Run == "run1" && e.Seq == 5 }
	for _, c := range []struct {
		name, change string
		is           func(*CorruptError) bool
	}{
		{"an event's text", "UPDATE records SET event = replace(event, '\"r', '\"s') WHERE run = 2 AND seq = 5", run1},
		{"one letter more", "UPDATE records SET event = event || ' ' WHERE run = 2 AND seq = 5", run1},
		{"an event's hash", "UPDATE records SET hash = zeroblob(32) WHERE run = 2 AND seq = 5", run1},
		{"an event's number", "UPDATE records SET seq = 6 WHERE run = 2 AND seq = 5", run1},
		{"an event's run", "UPDATE records SET run = 1 WHERE run = 2 AND seq = 5", run1},
		{"an event is gone", "DELETE FROM records WHERE run = 2 AND seq = 5", run1},
		{"the last event is gone", "DELETE FROM records WHERE run = 2 AND seq = 25", func(e *CorruptError) bool { return e.Run == "run1" && e.Seq == 25 }},
		{"two events are exchanged", "UPDATE records SET seq = 99 WHERE run = 2 AND seq = 5; UPDATE records SET seq = 5 WHERE run = 2 AND seq = 6; UPDATE records SET seq = 6 WHERE run = 2 AND seq = 99", run1},
		{"a row of runs", "UPDATE runs SET graph = 'h' WHERE number = 2", func(e *CorruptError) bool { return e.Run == "run1" && strings.Contains(e.What, "runs") }},
		{"a run ends earlier", "UPDATE runs SET events = 3 WHERE number = 2", func(e *CorruptError) bool { return e.Run == "run1" }},
		{"a run has ended", "UPDATE runs SET status = 'done' WHERE number = 2", func(e *CorruptError) bool { return e.Run == "run1" }},
		{"a cut", "UPDATE records SET cuts = '[3]' WHERE run = 2 AND seq = 12", func(e *CorruptError) bool { return e.Run == "run1" && e.Seq == 12 }},
		{"a chain in a circle", "UPDATE records SET previous = place WHERE run = 2 AND seq = 5", func(e *CorruptError) bool { return e.Run == "run1" }},
		{"a document", "UPDATE contents SET document = replace(document, '2', '7') WHERE number = (SELECT min(number) FROM contents)", func(e *CorruptError) bool { return e.Seq == 12 }},
		{"a document is gone", "DELETE FROM contents WHERE number = (SELECT min(number) FROM contents)", func(e *CorruptError) bool { return e.Seq == 12 }},
		{"a count of uses", "UPDATE documents SET uses = 9", func(e *CorruptError) bool { return strings.Contains(e.What, "document") }},
		{"a value", "UPDATE kept SET value = '\"x\"' WHERE key = 'run1'", func(e *CorruptError) bool { return e.What == `value "run1" of "s"` }},
		{"a message", "UPDATE inbox SET event = replace(event, 'why', 'how')", func(e *CorruptError) bool { return e.Run == "run1" && strings.Contains(e.What, "message") }},
		{"a file that it was made of", "UPDATE sources SET content = x'00'", func(e *CorruptError) bool { return strings.Contains(e.What, `"source"`) }},
		{"a list of files", "UPDATE lists SET files = replace(files, 'module', 'file')", func(e *CorruptError) bool { return strings.Contains(e.What, "list of sources") }},
		{"a row of the cache", "UPDATE cached SET place = place + 1 WHERE key = 'run1/4'", func(e *CorruptError) bool { return e.Run == "run1" && e.Seq == 5 && strings.Contains(e.What, "cache") }},
		{"a row of the cache for nothing", "UPDATE cached SET place = 12345 WHERE key = 'run1/4'", func(e *CorruptError) bool { return strings.Contains(e.What, "12345") }},
		{"a key of the cache", "UPDATE cached SET key = 'run1/5' WHERE key = 'run1/4'", func(e *CorruptError) bool { return e.Run == "run1" && e.Seq == 4 && strings.Contains(e.What, "cache") }},
		{"an output of the cache", "UPDATE records SET event = replace(event, 'run14', 'run15') WHERE run = 2 AND seq = 4", func(e *CorruptError) bool { return e.Run == "run1" && e.Seq == 4 && strings.Contains(e.What, "cache") }},
		{"a stray event", "INSERT INTO records (run, seq, previous, hash, event) VALUES (99, 1, 0, x'', '{}')", func(e *CorruptError) bool { return e.Seq == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "runs.db")
			events, values := filled(t, path)
			s := openOn(t, path, nil)
			if err := s.Send(t.Context(), event.Event{Run: "run1", Time: moment, Body: event.CancelRequested{Reason: "why"}}); err != nil {
				t.Fatal(err)
			}
			nothingFound(t, s)
			if err := s.writer.c.Exec(c.change); err != nil {
				t.Fatal(err)
			}
			var found []*CorruptError
			if err := s.Verify(t.Context(), func(e *CorruptError) { found = append(found, e) }); err != nil {
				t.Fatal(err)
			}
			named := false
			for _, e := range found {
				named = named || c.is(e)
				if e.Run != "" && e.Run != "run1" && !strings.Contains(c.name, "document") && c.name != "an event's run" { // which is run0 then
					t.Errorf("also named: %v", e)
				}
			}
			if !named {
				t.Errorf("found only %v", found)
			}
			readBack(t, s, events, values)
			for _, run := range []string{"run0", "run2"} {
				if strings.Contains(c.name, "document") {
					continue // which all have
				}
				n := 0
				for _, err := range s.Events(t.Context(), run) {
					if err != nil {
						t.Errorf("%s cannot be read: %v", run, err)
					}
					n++
				}
				if n != len(events[run]) {
					t.Errorf("%s has %d events", run, n)
				}
			}
		})
	}
}

// The events before the one that was changed can be read.
func TestWhatComesBeforeTheChange(t *testing.T) {
	for _, change := range []string{
		"UPDATE records SET event = event || ' ' WHERE run = 2 AND seq = 20",
		"DELETE FROM records WHERE run = 2 AND seq = 20",
		"UPDATE records SET previous = 1 WHERE run = 2 AND seq = 21",
	} {
		path := filepath.Join(t.TempDir(), "runs.db")
		filled(t, path)
		s := openOn(t, path, nil)
		if err := s.writer.c.Exec(change); err != nil {
			t.Fatal(err)
		}
		n := 0
		var corrupt *CorruptError
		for _, err := range s.Events(t.Context(), "run1") {
			if err != nil {
				if !errors.As(err, &corrupt) {
					t.Error(err)
				}
				break
			}
			n++
		}
		if n < 19 && !strings.Contains(change, "previous") || corrupt == nil && n != 25 {
			t.Errorf("%s: %d events could be read, then %v", change, n, corrupt)
		}
	}
}

// A document that the disk has changed is mended when it is stored again.
func TestDocumentIsMended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	output := document.String(strings.Repeat("x", 5000))
	done := func(run string) []event.Event {
		return []event.Event{startOf(run), {Run: run, Seq: 2, Time: moment, Body: event.AttemptSucceeded{Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Output: output}}}
	}
	if err := s.Append(t.Context(), done("a")...); err != nil {
		t.Fatal(err)
	}
	if err := s.writer.c.Exec("UPDATE contents SET document = 'y'"); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), done("b")...); err != nil {
		t.Fatal(err)
	}
	for _, run := range []string{"a", "b"} {
		for _, err := range s.Events(t.Context(), run) {
			if err != nil {
				t.Error(err)
			}
		}
	}
	nothingFound(t, s)
}

// An output that the disk has changed is not found, and somebody is told; a later one
// with the same key takes its place.
func TestCacheOfChangedOutputs(t *testing.T) {
	for _, change := range []string{
		"UPDATE records SET event = replace(event, '\"a\"', '\"b\"') WHERE seq = 2",
		"UPDATE records SET hash = zeroblob(32) WHERE seq = 2",
		"UPDATE records SET hash = zeroblob(32) WHERE seq = 1",
		"UPDATE records SET previous = 0 WHERE seq = 2",
		"UPDATE records SET cuts = '[1' WHERE seq = 2",
		"UPDATE contents SET document = 'y'",
		"DELETE FROM contents",
		"DELETE FROM documents",
		"DELETE FROM records WHERE seq = 2",
		"DELETE FROM records WHERE seq = 1",
		"UPDATE cached SET place = -1",
		"UPDATE cached SET place = 1",
		"UPDATE runs SET id = 'b'",
	} {
		s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
		done := event.AttemptSucceeded{Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Output: document.String(strings.Repeat("x", 5000)), CacheKey: "k"}
		if err := s.Append(t.Context(), startOf("a"), event.Event{Run: "a", Seq: 2, Time: moment, Body: done}); err != nil {
			t.Fatal(err)
		}
		if err := s.writer.c.Exec(change); err != nil {
			t.Fatal(err)
		}
		var corrupt *CorruptError
		if got, _, found, err := s.Cached(t.Context(), "k"); found || !errors.As(err, &corrupt) {
			t.Errorf("%s: %+v, %v, %v", change, got, found, err)
		}
		if complaints(t, s) == nil {
			t.Errorf("%s: Verify is content", change)
		}
		done.Output = document.String("good")
		if err := s.Append(t.Context(), startOf("c"), event.Event{Run: "c", Seq: 2, Time: moment, Body: done}); err != nil {
			t.Fatal(err)
		}
		if got, by, found, err := s.Cached(t.Context(), "k"); !found || err != nil || by.Run != "c" || got.Output.String() != `"good"` {
			t.Errorf("%s: then %+v of %+v, %v", change, got, by, err)
		}
	}
}
