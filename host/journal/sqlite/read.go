package sqlite

// How events come out of the file, checked against their chain.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// CorruptError means that the file has something else than was stored: the disk
// or somebody has changed it. It names what; everything that it does not name can
// be read as before.
type CorruptError struct {
	Run  string // "": of no run
	Seq  uint64 // the event; 0: none in particular
	What string // what was changed: "its event", "document …"
	Err  error  // what was found
}

// Error implements error.
func (e *CorruptError) Error() string {
	place := ""
	if e.Run != "" {
		place = fmt.Sprintf("run %q: ", e.Run)
	}
	if e.Seq != 0 {
		place += fmt.Sprintf("event %d: ", e.Seq)
	}
	return place + e.What + " is not what was stored: " + e.Err.Error()
}

// Unwrap gives what was found.
func (e *CorruptError) Unwrap() error { return e.Err }

// corrupt makes a CorruptError of what says that the file was changed; other
// errors stay.
func corrupt(err error, run string, seq uint64, what string) error {
	var known *CorruptError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, errCorrupt), errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return &CorruptError{Run: run, Seq: seq, What: what, Err: err}
	}
	return err
}

// At most so much is read in one go, so that nobody who reads slowly keeps the
// file from being tidied.
const (
	chunkEvents = 128
	chunkBytes  = 4 << 20
)

// Events implements [journal.Journal]. Each event is checked against the chain
// before it is given; one that is not what was stored ends the sequence with a
// [*CorruptError].
func (s *Store) Events(ctx context.Context, run string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		r := chainReader{store: s, run: run}
		err := r.begin(ctx)
		for err == nil && r.next < len(r.places) {
			var events []event.Event
			events, err = r.chunk(ctx)
			for _, e := range events {
				if err := context.Cause(ctx); err != nil {
					yield(event.Event{}, fmt.Errorf("reading run %q: %w", run, err))
					return
				}
				if !yield(e, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(event.Event{}, fmt.Errorf("reading run %q: %w", run, err))
		}
	}
}

// chainReader reads one run from its first event to the one that was the last
// when it began.
type chainReader struct {
	store  *Store
	run    string
	tail   *tail
	places []int64 // of the events, in order
	next   int
	before hash
	broken error // why places are not all
}

func (r *chainReader) begin(ctx context.Context) error {
	return r.store.read(ctx, func(c *connection) error { return r.find(c) })
}

// find looks the run up and follows its chain back.
func (r *chainReader) find(c *connection) (err error) {
	r.tail, err = c.findRun(r.run)
	if err != nil {
		return corrupt(err, r.run, 0, "the list of runs")
	}
	if r.tail == nil {
		return journal.ErrUnknownRun
	}
	err = c.query(`
		WITH RECURSIVE chain (place, previous) AS (
			SELECT place, previous FROM records WHERE place = ?1
			UNION ALL
			SELECT records.place, records.previous FROM chain JOIN records ON records.place = chain.previous AND records.place < chain.place
			LIMIT ?2
		) SELECT place FROM chain`, []any{r.tail.last, r.tail.events}, func(s *sqlite3.Stmt) (bool, error) {
		r.places = append(r.places, s.ColumnInt64(0))
		return true, nil
	})
	for i, j := 0, len(r.places)-1; i < j; i, j = i+1, j-1 {
		r.places[i], r.places[j] = r.places[j], r.places[i]
	}
	err = corrupt(err, r.run, 0, "its chain")
	var broken *CorruptError
	if err != nil && !errors.As(err, &broken) {
		return err
	}
	if err != nil || int64(len(r.places)) != r.tail.events {
		r.scan(c)
		r.broken = err
	}
	return nil
}

// scan looks for the events of a run whose chain is broken: those before the
// break can be read still. What cannot be found is told by chunk.
func (r *chainReader) scan(c *connection) {
	r.places = r.places[:0]
	_ = c.query("SELECT place FROM records WHERE run = ? ORDER BY place", []any{r.tail.number}, func(s *sqlite3.Stmt) (bool, error) {
		r.places = append(r.places, s.ColumnInt64(0))
		return int64(len(r.places)) < r.tail.events, nil
	})
	for int64(len(r.places)) < min(r.tail.events, int64(len(r.places)+1)) {
		r.places = append(r.places, 0) // where nothing is: it will be missed
	}
}

// chunk reads and checks the next events. What comes before an error is good.
func (r *chainReader) chunk(ctx context.Context) (events []event.Event, err error) {
	size := 0
	err = r.store.read(ctx, func(c *connection) error {
		for r.next < len(r.places) && len(events) < chunkEvents && size < chunkBytes {
			e, n, err := r.one(c)
			if err != nil {
				return err
			}
			events = append(events, e)
			size += n
		}
		return nil
	})
	if err == nil || ctx.Err() != nil {
		return events, err
	}
	// Has it been pruned meanwhile?
	if gone := r.store.read(ctx, func(c *connection) error {
		if t, err := c.findRun(r.run); err == nil && (t == nil || t.number != r.tail.number) {
			return journal.ErrUnknownRun
		}
		return nil
	}); errors.Is(gone, journal.ErrUnknownRun) {
		return events, gone
	}
	return events, err
}

// one reads and checks the next event.
func (r *chainReader) one(c *connection) (e event.Event, size int, err error) {
	seq := uint64(r.next + 1)
	bad := func(format string, args ...any) error {
		return &CorruptError{Run: r.run, Seq: seq, What: "it", Err: fmt.Errorf("%w: "+format, append([]any{errCorrupt}, args...)...)}
	}
	var number, got int64
	var stored hash
	var b []byte
	var cutText string
	found, err := c.one("SELECT run, seq, hash, event, cuts FROM records WHERE place = ?", []any{r.places[r.next]}, func(s *sqlite3.Stmt) {
		number, got, cutText = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnText(4)
		copy(stored[:], s.ColumnRawBlob(2))
		b = s.ColumnBlob(3, nil)
	})
	if err != nil {
		return e, 0, corrupt(err, r.run, seq, "it")
	}
	if !found && r.broken != nil {
		return e, 0, bad("%w", r.broken)
	}
	if !found {
		return e, 0, bad("it is missing")
	}
	if number != r.tail.number || uint64(got) != seq {
		return e, 0, bad("in its place is event %d of run number %d", got, number)
	}
	b, err = c.whole(b, cutText)
	if err != nil {
		return e, 0, corrupt(err, r.run, seq, "it")
	}
	head := follow(r.before, hashOf(b))
	if head != stored {
		return e, 0, bad("its bytes and its hash do not go together")
	}
	if int64(seq) == r.tail.events && head != r.tail.head {
		return e, 0, bad("the run's last hash is another")
	}
	e, err = event.Decode(b)
	switch {
	case err != nil:
		return e, 0, err // what was stored: a version or type that is not known here
	case e.Run != r.run || e.Seq != seq:
		return event.Event{}, 0, bad("it says that it is event %d of run %q", e.Seq, e.Run)
	}
	r.before = head
	r.next++
	return e, len(b), nil
}

// whole puts the documents that were cut out of an event back into it.
func (c *connection) whole(b []byte, cutText string) ([]byte, error) {
	cuts, err := parseCuts(cutText)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	documents := make([][]byte, len(cuts))
	for i, at := range cuts {
		digest, err := referenced(b, at)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		if documents[i], err = c.document(digest); err != nil {
			return nil, err
		}
	}
	return splice(b, cuts, documents), nil
}

// Runs implements [journal.Journal].
func (s *Store) Runs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for run, err := range s.List(ctx) {
			if !yield(run.ID, err) {
				return
			}
		}
	}
}

// Run is what the list of runs says of one.
type Run struct {
	ID       string
	Graph    string // its name
	Plan     string // the plan's digest
	Started  time.Time
	Status   event.Status // "" while it has not finished
	Finished time.Time    // zero while it has not
	Events   uint64       // how many it has
}

// List gives the runs in the order in which they began, without reading their
// events. A run whose row was changed gives a [*CorruptError], and the list goes
// on; any other error ends it.
func (s *Store) List(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		after := int64(0)
		for {
			rows, err := s.listChunk(ctx, after)
			for _, row := range rows {
				if row.number <= after && err == nil {
					err = fmt.Errorf("%w: they have no order", errCorrupt)
				}
				after = row.number
				if row.err == nil {
					row.err = context.Cause(ctx)
				}
				if !yield(row.run, row.err) || ctx.Err() != nil {
					return
				}
			}
			if err != nil {
				yield(Run{}, fmt.Errorf("reading the runs: %w", corrupt(err, "", 0, "the list of runs")))
			}
			if err != nil || len(rows) == 0 {
				return
			}
		}
	}
}

type listed struct {
	number int64
	run    Run
	err    error
}

func (s *Store) listChunk(ctx context.Context, after int64) (rows []listed, err error) {
	err = s.read(ctx, func(c *connection) error {
		return c.query("SELECT "+tailColumns+" FROM runs WHERE number > ? ORDER BY number LIMIT 256", []any{after}, func(st *sqlite3.Stmt) (bool, error) {
			t, err := scanTail(st)
			if err != nil {
				rows = append(rows, listed{number: st.ColumnInt64(0), err: fmt.Errorf("reading the runs: %w", err)})
				return true, nil
			}
			rows = append(rows, listed{number: t.number, run: t.public()})
			return true, nil
		})
	})
	return rows, err
}

func (t *tail) public() Run {
	run := Run{
		ID: t.id, Graph: t.graph, Plan: t.plan, Started: time.UnixMicro(t.started).UTC(),
		Status: event.Status(t.status), Events: uint64(t.events),
	}
	if t.status != "" {
		run.Finished = time.UnixMicro(t.finished).UTC()
	}
	return run
}

// Run gives what List says of one run; [journal.ErrUnknownRun] where it is not
// there.
func (s *Store) Run(ctx context.Context, id string) (run Run, err error) {
	err = s.read(ctx, func(c *connection) error {
		t, err := c.findRun(id)
		if err == nil && t == nil {
			err = journal.ErrUnknownRun
		}
		if err == nil {
			run = t.public()
		}
		return corrupt(err, id, 0, "the list of runs")
	})
	if err != nil {
		return Run{}, fmt.Errorf("reading run %q: %w", id, err)
	}
	return run, nil
}
