package local

// Waits of which it is known what comes of them.

import "github.com/chainrun/chainrun/host/graph"

// lookUp asks what comes of a step, if it waits.
func (r *run) lookUp(step string) {
	n := r.s.Plan.Step(step)
	if n == nil || n.Kind != graph.KindWait {
		return
	}
	d, ok := r.machine.Describe(step)
	if !ok {
		return // what was recorded with it has ended it
	}
	if o, ok := r.s.Known(d); ok {
		r.known = append(r.known, o)
	}
}

// handKnown records what came of steps, as far as the ledger has room. It goes before the
// timers, so that no wait of which it is known how it ended ends by the time that it took
// to look; and before the others that have news, by whoever has brought it about.
func (r *run) handKnown() error {
	for len(r.known) > 0 && !r.machine.Finished() && !r.ledger.full() {
		o := r.known[0]
		r.known = r.known[1:]
		if !r.machine.Waiting(o.Step) {
			continue // the run has no use for it any more
		}
		if err := r.commit(r.machine.Judge(o)); err != nil {
			return err
		}
	}
	return nil
}
