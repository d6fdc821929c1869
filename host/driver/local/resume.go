package local

import (
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/event"
)

// start records the start of a new run.
func (r *run) start() error {
	started := r.s.Started
	if started.Parallel == 0 {
		started.Parallel = r.d.places.most
	}
	if started.Engine == "" {
		started.Engine = r.s.Engine
	}
	started.Cassette = started.Cassette || r.s.Cassette
	return r.commit(started)
}

// resume brings the machine to where the run was when its host stopped, and
// carries it on from there. Of a run that has ended it learns the end.
func (r *run) resume() error {
	r.answered = map[event.Attempt][]event.CapabilityAnswered{}
	for e, err := range r.s.Past {
		if err != nil {
			return fmt.Errorf("reading the run: %w", err)
		}
		if err := r.fold(e); err != nil {
			return fmt.Errorf("resuming the run: %w", err)
		}
	}
	r.ledger.durable.Store(r.seq)
	switch {
	case r.seq == 0:
		return errors.New("resuming the run: it has no events")
	case r.machine.Finished():
		return nil
	}
	r.resuming = true
	if err := r.commit(event.RunResumed{Engine: r.s.Engine, Cassette: r.s.Cassette}); err != nil {
		return err
	}
	if r.s.Known != nil {
		for _, step := range r.machine.Waits() {
			r.lookUp(step)
		}
	}
	// What is known of them, and then what came due meanwhile, goes before all signals, and
	// before an attempt that it ends begins.
	if err := r.wake(); err != nil {
		return err
	}
	// One of the attempts that were under way may have taken the process with it. It must
	// not do so again before it is known to be interrupted once more, which would go on
	// for ever; nor must another attempt be blamed.
	r.careful = len(r.waiting) > 0
	r.ledger.hasty = r.careful
	r.resuming = false
	return r.settle()
}

// fold applies an event of the journal. Whatever it led to is in the journal too,
// or RunResumed asks for it again.
func (r *run) fold(e event.Event) error {
	if e.Run != r.s.Run || e.Seq != r.seq+1 || e.Time.Before(r.last) {
		return fmt.Errorf("event %d of run %q at %s does not follow event %d at %s", e.Seq, e.Run, e.Time, r.seq, r.last)
	}
	if _, err := r.machine.Apply(e); err != nil {
		return err
	}
	r.seq, r.last = e.Seq, e.Time
	switch b := e.Body.(type) {
	case event.CapabilityAnswered:
		r.answered[b.Attempt] = append(r.answered[b.Attempt], b)
	case event.AttemptSucceeded:
		delete(r.answered, b.Attempt)
	case event.AttemptFailed:
		delete(r.answered, b.Attempt)
	case event.RunFinished:
		r.finished = b
	default:
		// The machine has taken it.
	}
	return nil
}
