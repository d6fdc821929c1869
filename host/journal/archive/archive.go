// Package archive makes one text of a run, to be replayed on another machine or kept
// for years without a store.
//
// A [Run] has its events and what it was made of. Its text, lines of JSON with a
// digest at the end, is written down in docs/journal.md ("The exported run").
package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// Run is a run with all that it needs to be replayed elsewhere.
type Run struct {
	ID     string           // of all its events
	Made   *journal.Sources // nil: not known
	Events []event.Event    // all that there are, from the first; the run need not have finished
}

// Version is the version of the text that this package writes. It reads this one and
// all before it.
const Version = 1

// DefaultMaxBytes is how long the text of a run may be for [Read].
const DefaultMaxBytes = 1 << 30

// Bounds on a run, so that nobody's text takes more memory than a few times its
// length. They are those of what a run can have, with room.
const (
	maxFiles      = 100_000
	maxEvents     = 4 << 20
	maxLineBytes  = 2*event.MaxEncodedBytes + 1<<10 // an event whose text is escaped
	maxPieceBytes = 3 << 20                         // of a file; in base64 4 MiB
)

// format is what the first line says that the text is.
const format = "chainrun run"

// Errors of reading.
var (
	// ErrFormat means that the text is something else than an exported run.
	ErrFormat = errors.New("not an exported run")

	// ErrVersion means that a later version of chainrun has written the text: use
	// that one.
	ErrVersion = errors.New("a later version of chainrun has exported this run")

	// ErrDamaged means that the text is not as it was written: it was cut off, or
	// something in it was changed. Export the run again.
	ErrDamaged = errors.New("the exported run is damaged")

	// ErrTooLarge means that the text is longer than it may be, see [ReadAtMost].
	ErrTooLarge = errors.New("the exported run is too large")
)

// Load takes a run out of a journal, with what it was made of where the journal keeps
// that ([journal.Pinner]). A run that is not there gives [journal.ErrUnknownRun].
func Load(ctx context.Context, j journal.Journal, run string) (Run, error) {
	r := Run{ID: run}
	for e, err := range j.Events(ctx, run) {
		if err != nil {
			return Run{}, fmt.Errorf("exporting a run: %w", err)
		}
		r.Events = append(r.Events, e)
	}
	if p, ok := j.(journal.Pinner); ok {
		made, err := p.Sources(ctx, run)
		if err != nil {
			return Run{}, fmt.Errorf("exporting a run: %w", err)
		}
		r.Made = made
	}
	return r, nil
}

// check says whether a run is one: events of one run from its first, in order.
func (r Run) check() error {
	if len(r.Events) == 0 {
		return errors.New("it has no events")
	}
	if err := journal.Check(r.Events, 0, false); err != nil {
		return err
	}
	if r.ID != r.Events[0].Run {
		return fmt.Errorf("its id is %q, and its events are of run %q", r.ID, r.Events[0].Run)
	}
	return nil
}

// header is the first line.
type header struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	Run      string `json:"run"`
	Contents int    `json:"contents"`        // how many different files there are
	Files    *int   `json:"files,omitempty"` // how often they are named; absent: it is not known what the run was made of
	Events   int    `json:"events"`
}

// piece is a part of a file.
type piece struct {
	Digest  string `json:"digest"`
	Content string `json:"content"`        // base64
	More    bool   `json:"more,omitempty"` // the next line has more of it
}

// file names one of the contents.
type file struct {
	Kind   journal.SourceKind `json:"kind"`
	Name   string             `json:"name"`
	Digest string             `json:"digest"`
}

// trailer is the last line: of all the lines before it.
type trailer struct {
	SHA256 string `json:"sha256"`
}
