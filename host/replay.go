package host

// Recorded runs that are executed again, and compared with their records.

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/meter"
)

// Replay executes every attempt of a run that is in the journal again, with the
// documents, clocks, seeds and answers that were recorded, and compares what comes of
// each, and all that was decided in between, byte for byte. It records nothing, asks no
// capability and reads no secret: neither need be there. A run that has not ended, also
// one that is under way, is replayed as far as it has come.
//
// A difference is no error: it is in the result. The error is [journal.ErrUnknownRun];
// [ErrNotPinned]; a [*PlanError]; [graph.Diagnostics] where this version of chainrun
// cannot run what was recorded; or ctx's. Safe for concurrent use.
func (h *Host) Replay(ctx context.Context, id string) (_ inspect.Replayed, err error) {
	defer guard(&err)
	past, err := h.past(ctx, id)
	if err != nil {
		return inspect.Replayed{}, fmt.Errorf("replaying run %s: %w", id, err)
	}
	began, _ := past[0].Body.(event.RunStarted)
	p, otherFuel, err := h.planRecorded(ctx, id, began.Plan)
	if err != nil {
		return inspect.Replayed{}, fmt.Errorf("replaying run %s: %w", id, err)
	}
	return inspect.Replay(ctx, p, past, invoker{h.replayer, invoke.Scope{Run: id, Replay: true}}, inspect.ReplayOptions{
		Parallel: h.parallel, Engine: h.engine.Name(), OtherFuel: otherFuel,
	})
}

// laterRules is how many versions of the fuel rule beyond this one are tried: a later
// chainrun may have recorded the run.
const laterRules = 16

// underOtherFuelRule reports whether a digest is that of the plan under an older or a
// later version of the fuel rule.
func underOtherFuelRule(p *plan.Plan, digest string) bool {
	for rule := 1; rule <= meter.Version+laterRules; rule++ {
		if p.DigestUnder(rule) == digest {
			return true
		}
	}
	return false
}

// planRecorded makes the plan of a run again, for a replay, and says whether its fuel
// was counted by another version of the rule.
func (h *Host) planRecorded(ctx context.Context, id, digest string) (p *plan.Plan, otherFuel bool, err error) {
	made, err := sourcesOf(ctx, h.journal, id)
	if err != nil {
		return nil, false, err
	}
	name, text, from := pinned(made)
	g, found := build(name, text, from)
	if found.Failed() {
		return nil, false, found
	}
	p, found = plan.LinkRecorded(g, from.module, h.offers, func(p *plan.Plan) bool {
		return p.Digest == digest || underOtherFuelRule(p, digest)
	})
	if found.Failed() {
		return nil, false, found
	}
	if otherFuel = p.Digest != digest; otherFuel && !underOtherFuelRule(p, digest) {
		return nil, false, &PlanError{Run: id, Began: digest, Is: p.Digest}
	}
	found, err = h.replayer.Prepare(ctx, p)
	if err != nil {
		return nil, false, err
	}
	if found.Failed() {
		return nil, false, found
	}
	return p, otherFuel, nil
}

// cache looks outputs up in a journal that finds them again.
type cache struct {
	h *Host
	j journal.Cacher
}

// cache gives what the attempts of a run look outputs up in; nil: nothing.
func (h *Host) cache() invoke.Cache {
	j, ok := h.journal.(journal.Cacher)
	if !ok {
		return nil
	}
	return cache{h, j}
}

// Cached implements [invoke.Cache]. A store that cannot be read costs time, and nothing
// else.
func (c cache) Cached(ctx context.Context, key string) (event.AttemptSucceeded, event.Origin, bool, error) {
	made, by, found, err := c.j.Cached(ctx, key)
	if err != nil && ctx.Err() == nil {
		c.h.logger.Warn("an output is not looked up in the cache: "+err.Error(), "key", key)
	}
	return made, by, found, err
}
