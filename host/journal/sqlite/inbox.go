package sqlite

// What is sent to a run from outside: by another process, or while nobody owns it.

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// Message is something that was sent to a run.
type Message = journal.Message

var _ journal.Mailbox = (*Store)(nil)

// maxMessages is how many may wait for one run.
const maxMessages = 1000

var (
	// ErrInboxFull means that a thousand messages wait for this run already: let
	// its owner take them, or resume it.
	ErrInboxFull = errors.New("the run's inbox is full")

	// ErrTaken means that a message is not in the inbox any more. Nothing was
	// stored; read the inbox again.
	ErrTaken = errors.New("the message was taken")
)

// Send puts a message into a run's inbox, durably, whoever owns the run: e is a
// [event.SignalReceived] or [event.CancelRequested] with the run and the time of
// sending, and Seq 0. A run that is not there gives [journal.ErrUnknownRun], one
// that has ended [journal.ErrFinished]. What the message asks for is checked by
// whoever takes it.
func (s *Store) Send(ctx context.Context, e event.Event) error {
	if err := s.send(ctx, e); err != nil {
		return fmt.Errorf("sending to run %q: %w", e.Run, err)
	}
	return nil
}

func (s *Store) send(ctx context.Context, e event.Event) error {
	switch e.Body.(type) {
	case event.SignalReceived, event.CancelRequested:
	default:
		return errors.New("only signals and cancels are sent")
	}
	if e.Seq != 0 {
		return fmt.Errorf("a message has no number of the run's events; this one has %d", e.Seq)
	}
	b, err := event.Encode(e)
	if err != nil {
		return err
	}
	return s.write(ctx, func(w *writer) error {
		t, err := w.tail(e.Run)
		if err != nil {
			return err
		}
		if t == nil {
			return journal.ErrUnknownRun
		}
		if t.status != "" {
			return journal.ErrFinished
		}
		n, err := w.number("SELECT count(*) FROM inbox WHERE run = ?", e.Run)
		if err != nil {
			return err
		}
		if n >= maxMessages {
			return ErrInboxFull
		}
		sum := seal([]byte(e.Run), b)
		return w.exec("INSERT INTO inbox (run, event, seal) VALUES (?, ?, ?)", e.Run, text(b), sum[:])
	})
}

// Waiting gives the runs that have messages. It is cheap: to be asked once or
// twice a second, for all the runs that a process owns.
func (s *Store) Waiting(ctx context.Context) (runs []string, err error) {
	err = s.read(ctx, func(c *connection) error {
		return c.query("SELECT DISTINCT run FROM inbox ORDER BY run", nil, func(st *sqlite3.Stmt) (bool, error) {
			runs = append(runs, st.ColumnText(0))
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", corrupt(err, "", 0, "the inbox"))
	}
	return runs, nil
}

// Inbox gives the messages that wait for a run, in the order in which they came. One
// that was changed has a [*CorruptError] in place of its event.
func (s *Store) Inbox(ctx context.Context, run string) (messages []Message, err error) {
	err = s.read(ctx, func(c *connection) error {
		return c.query("SELECT number, event, seal FROM inbox WHERE run = ? ORDER BY number", []any{run}, func(st *sqlite3.Stmt) (bool, error) {
			b, m := st.ColumnRawText(1), Message{Number: st.ColumnInt64(0)}
			err := errors.New("the seal does not match")
			if sum := seal([]byte(run), b); bytes.Equal(sum[:], st.ColumnRawBlob(2)) {
				m.Event, err = event.Decode(bytes.Clone(b))
			}
			if err != nil {
				m.Err = &CorruptError{Run: run, What: fmt.Sprintf("message %d", m.Number), Err: err}
			}
			messages = append(messages, m)
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the inbox of run %q: %w", run, corrupt(err, run, 0, "its inbox"))
	}
	return messages, nil
}

// Take appends events to a run and removes messages from its inbox, all or
// nothing: a message is journaled once, or is still there. Events may be none,
// for a message that nothing comes of. A message that is not there, or is
// another run's, gives [ErrTaken]; the other errors are those of Append.
func (s *Store) Take(ctx context.Context, run string, messages []int64, events ...event.Event) error {
	take := func(w *writer) error {
		for _, number := range messages {
			if err := w.exec("DELETE FROM inbox WHERE number = ? AND run = ?", number, run); err != nil {
				return err
			}
			if w.c.Changes() == 0 {
				return fmt.Errorf("message %d: %w", number, ErrTaken)
			}
		}
		return nil
	}
	var err error
	switch {
	case len(events) == 0:
		err = s.write(ctx, take)
	case events[0].Run != run:
		err = journal.ErrNotOneRun
	default:
		err = s.append(ctx, events, take)
	}
	if err != nil {
		return fmt.Errorf("taking messages of run %q: %w", run, err)
	}
	return nil
}
