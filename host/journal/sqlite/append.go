package sqlite

// How events come into the file.

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// tail is a run as the file has it: its row in runs.
type tail struct {
	number   int64
	id       string
	graph    string
	plan     string
	started  int64
	status   string // "": it has not finished
	finished int64
	events   int64
	last     int64 // place
	head     hash
	birth    hash // over what never changes; not stored
}

// maxTails is how many ends of runs are remembered between appends.
const maxTails = 1 << 14

// seal is the hash of the row. What changes with each append is apart from what
// never does.
func (t *tail) seal() hash {
	if t.birth == (hash{}) {
		t.birth = seal(integer(t.number), []byte(t.id), []byte(t.graph), []byte(t.plan), integer(t.started))
	}
	return seal(t.birth[:], []byte(t.status), integer(t.finished), integer(t.events), integer(t.last), t.head[:])
}

const tailColumns = "number, id, graph, plan, started, status, finished, events, last, head, seal"

// scanTail reads a row of tailColumns. A row that the disk has changed gives a
// [*CorruptError].
func scanTail(s *sqlite3.Stmt) (*tail, error) {
	t := &tail{
		number: s.ColumnInt64(0), id: s.ColumnText(1), graph: s.ColumnText(2), plan: s.ColumnText(3), started: s.ColumnInt64(4),
		status: s.ColumnText(5), finished: s.ColumnInt64(6), events: s.ColumnInt64(7), last: s.ColumnInt64(8),
	}
	copy(t.head[:], s.ColumnRawBlob(9))
	if sum := t.seal(); !bytes.Equal(sum[:], s.ColumnRawBlob(10)) {
		return nil, &CorruptError{Run: t.id, What: "its row in runs", Err: errors.New("the seal does not match")}
	}
	return t, nil
}

// findRun reads a run's row; nil where there is none.
func (c *connection) findRun(id string) (t *tail, err error) {
	err = c.query("SELECT "+tailColumns+" FROM runs WHERE id = ?", []any{id}, func(s *sqlite3.Stmt) (bool, error) {
		t, err = scanTail(s)
		return false, err
	})
	return t, err
}

// tail gives a run's end within a transaction; nil where the run is not there.
func (w *writer) tail(id string) (*tail, error) {
	if t, ok := w.tails[id]; ok {
		return t, nil
	}
	t, err := w.findRun(id)
	if err == nil && t != nil {
		w.tails[id] = t
	}
	return t, err
}

// Append implements [journal.Journal]. Events of different runs that are appended
// at once share one synchronization of the disk. An error that is none of those
// of [journal.Check] and comes from the disk means that the events are not to be
// seen in the store; after a crash that follows it, they may be.
func (s *Store) Append(ctx context.Context, events ...event.Event) error {
	if err := s.append(ctx, events, nil); err != nil {
		return fmt.Errorf("appending to the journal: %w", err)
	}
	return nil
}

// append stores events, and does what also asks for in the same transaction.
func (s *Store) append(ctx context.Context, events []event.Event, also func(*writer) error) error {
	if err := context.Cause(ctx); err != nil || len(events) == 0 {
		return err
	}
	// What does not depend on the run is done before anybody is kept waiting. A
	// batch that breaks the rules is told so before one that cannot be written.
	b, unwritable := encode(events)
	defer b.done()
	stored := journal.Stored(events)
	return s.write(ctx, func(w *writer) error {
		t, err := w.tail(events[0].Run)
		if err != nil {
			return err
		}
		var last uint64
		finished := false
		if t != nil {
			last, finished = uint64(t.events), t.status != ""
		}
		if err := journal.Check(events, last, finished); err != nil {
			return err
		}
		if unwritable != nil {
			return unwritable
		}
		if t, err = w.begin(t, events[0]); err != nil {
			return err
		}
		for i := range b.records {
			if err := w.insert(t, &b.records[i]); err != nil {
				return err
			}
			if err := w.index(events[i], t.last); err != nil {
				return err
			}
		}
		if err := w.update(t, events[len(events)-1]); err != nil {
			return err
		}
		for _, v := range stored {
			if err := w.keep(v); err != nil {
				return err
			}
		}
		w.tails[t.id] = t
		if also != nil {
			return also(w)
		}
		return nil
	})
}

// begin gives the run's row to be written to: a copy, because a transaction may
// fail; a new row where the run begins.
func (w *writer) begin(t *tail, first event.Event) (*tail, error) {
	if t != nil {
		next := *t
		return &next, nil
	}
	started, ok := first.Body.(event.RunStarted)
	if !ok {
		return nil, fmt.Errorf("run %q begins with %s", first.Run, first.Body.Type())
	}
	t = &tail{id: first.Run, graph: started.Graph, plan: started.Plan, started: first.Time.UnixMicro()}
	err := w.exec("INSERT INTO runs (id, graph, plan, started, events, last, head, seal) VALUES (?, ?, ?, ?, 0, 0, x'', x'')",
		t.id, t.graph, t.plan, t.started)
	t.number = w.c.LastInsertRowID()
	return t, err
}

// insert stores one event at the end of its run.
func (w *writer) insert(t *tail, r *record) error {
	for i, d := range r.documents {
		if err := w.use(r.digests[i], d); err != nil {
			return err
		}
	}
	head := follow(t.head, r.hash)
	err := w.exec("INSERT INTO records (run, seq, previous, hash, event, cuts) VALUES (?, ?, ?, ?, ?, ?)",
		t.number, int64(r.seq), t.last, head[:], text(r.text), formatCuts(r.cuts))
	t.events, t.last, t.head = int64(r.seq), w.c.LastInsertRowID(), head
	return err
}

// update writes the run's row after its last event.
func (w *writer) update(t *tail, last event.Event) error {
	var status, finished any
	if end, ok := last.Body.(event.RunFinished); ok {
		t.status, t.finished = string(end.Status), last.Time.UnixMicro()
		status, finished = t.status, t.finished
		// Nobody will ever take what still waits.
		if err := w.exec("DELETE FROM inbox WHERE run = ?", t.id); err != nil {
			return err
		}
	}
	sum := t.seal()
	return w.exec("UPDATE runs SET status = ?, finished = ?, events = ?, last = ?, head = ?, seal = ? WHERE number = ?",
		status, finished, t.events, t.last, t.head[:], sum[:], t.number)
}
