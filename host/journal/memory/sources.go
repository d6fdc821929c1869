package memory

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

var _ journal.Pinner = (*Journal)(nil)

// Begin implements [journal.Pinner].
func (j *Journal) Begin(ctx context.Context, made *journal.Sources, events ...event.Event) error {
	return j.append(ctx, made, events)
}

// Sources implements [journal.Pinner].
func (j *Journal) Sources(ctx context.Context, run string) (*journal.Sources, error) {
	err := context.Cause(ctx)
	r := j.run(run)
	if r == nil && err == nil {
		err = journal.ErrUnknownRun
	}
	if err != nil {
		return nil, fmt.Errorf("reading the sources of run %q: %w", run, err)
	}
	return r.made, nil
}
