package journal

// What runs give each other: outputs that were made before, and whole runs.

import (
	"context"
	"errors"

	"github.com/chainrun/chainrun/host/event"
)

// Cacher is a journal that finds outputs again. Safe for concurrent use.
type Cacher interface {
	Journal

	// Cached gives the success that was stored under a key
	// ([event.AttemptSucceeded.CacheKey]): of those, the first that is still there and
	// was made by executing its node (its From is nil). found is false where there is
	// none. A success can be found as soon as the append that holds it has returned. An
	// error says why nothing can be given, such as that the disk has changed it: then
	// the node is executed as if nothing were there, and somebody is told.
	Cached(ctx context.Context, key string) (made event.AttemptSucceeded, by event.Origin, found bool, err error)
}

// Importer is a journal that takes in runs which another one has recorded. Safe for
// concurrent use.
type Importer interface {
	Journal

	// Import stores a run as it is, with what it was made of (nil: that is not known),
	// all or nothing. It is a run like others from then on, except that what its steps
	// kept beyond the run ([event.AttemptSucceeded.Stored]) is not stored as a value,
	// and its outputs are not found under their cache keys: they come from strangers.
	// A run of this id that is there gives [ErrRunExists].
	//
	// A journal that runs are carried on in also refuses what [CheckImport] does.
	Import(ctx context.Context, made *Sources, events []event.Event) error
}

// ErrOpenFork means that an imported run is a fork that has not ended: carried on here,
// it would be told what came of the steps of a run of the same name, which may be
// anybody's. Import the run that it was forked from, and fork that again.
var ErrOpenFork = errors.New("a fork that has not ended cannot be taken in: take in the run that it was forked from, and fork that")

// CheckImport says whether a run that comes from elsewhere may be carried on here: the
// error is [ErrOpenFork].
func CheckImport(events []event.Event) error {
	if len(events) == 0 {
		return nil
	}
	began, ok := events[0].Body.(event.RunStarted)
	if _, ended := events[len(events)-1].Body.(event.RunFinished); ok && began.Forked != nil && !ended {
		return ErrOpenFork
	}
	return nil
}
