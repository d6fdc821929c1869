package host

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
)

// Pinned reads the graph that a run was begun with from what the journal keeps of it
// ([journal.Pinner]): whatever became of the files, and without its modules, which are
// neither compiled nor looked at. It is enough for all of package inspect but a replay.
// Safe for concurrent use.
//
// The error is [journal.ErrUnknownRun]; [ErrNotPinned] where the journal does not know
// what the run was made of; or [graph.Diagnostics] where this version of chainrun takes
// that for no graph.
func Pinned(ctx context.Context, j journal.Journal, run string) (_ *graph.Graph, err error) {
	defer guard(&err)
	made, err := sourcesOf(ctx, j, run)
	if err != nil {
		return nil, fmt.Errorf("reading the graph of run %s: %w", run, err)
	}
	name, text, from := pinned(made)
	g, found := build(name, text, from)
	if found.Failed() {
		return nil, fmt.Errorf("reading the graph of run %s: %w", run, found)
	}
	return g, nil
}

// sourcesOf gives what a run was made of; never nil.
func sourcesOf(ctx context.Context, j journal.Journal, run string) (*journal.Sources, error) {
	p, ok := j.(journal.Pinner)
	if !ok {
		return nil, ErrNotPinned
	}
	made, err := p.Sources(ctx, run)
	switch {
	case err != nil:
		return nil, err
	case made == nil:
		return nil, ErrNotPinned
	}
	return made, nil
}
