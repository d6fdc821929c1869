package inspect

// Replay: every node of a recorded run is executed again, and what comes of it is held
// against the record.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// ReplayOptions say how a run is replayed. The zero value is a good one.
type ReplayOptions struct {
	// Parallel bounds the attempts that are under way at once; 0: the number of CPUs.
	// It makes no difference to what comes of the replay.
	Parallel int
	// Engine is what nodes are executed by now, as in [event.RunStarted]. "": unknown.
	Engine string
	// OtherFuel says that the record's fuel was counted by another version of the rule:
	// it is not compared, and attempts that ran out of it are taken as recorded.
	OtherFuel bool
}

// Replayed says what came of a replay.
type Replayed struct {
	Run string `json:"run"`
	// Identical says that nothing differs from the record.
	Identical bool `json:"identical"`
	// Attempts is how many were executed again and were as recorded, up to the
	// divergence where there is one. Skipped is how many others were taken as they were
	// recorded: those that time, a cancellation, a budget or an interruption ended, and
	// what a fork took over.
	Attempts int `json:"attempts"`
	Skipped  int `json:"skipped"`
	// FuelCompared is false where fuel was counted by another version of the rule.
	FuelCompared bool `json:"fuel_compared"`
	// Reworded is how many failures this version of chainrun describes in other words;
	// their codes, and the places of their violations, are the same.
	Reworded int `json:"reworded,omitempty"`
	// Engines executed the recorded run, Engine the replay. Empty: unknown.
	Engines []string `json:"engines,omitempty"`
	Engine  string   `json:"engine,omitempty"`
	// Digest is the lineage digest of the recorded run; "" unless it has ended.
	Digest string `json:"digest,omitempty"`
	// Divergence is the first difference, in the order of the journal; nil: none.
	Divergence *Divergence `json:"divergence,omitempty"`
}

// Replay executes the attempts of a recorded run again, with their recorded documents,
// clocks, seeds and answers, and compares what comes of each, and everything that was
// decided in between, with the record. Nothing is recorded, and the world is asked
// nothing: v must be an invoker for that. A run that has not ended is replayed as far as
// it has come.
//
// A difference is no error: it is in [Replayed.Divergence]. Attempts are executed side
// by side, but the report depends on the record and the nodes alone.
func Replay(ctx context.Context, p *plan.Plan, past []event.Event, v driver.Invoker, o ReplayOptions) (Replayed, error) {
	if len(past) == 0 {
		return Replayed{}, errors.New("replaying a run: it has no events")
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	r := &replay{plan: p, past: past, invoker: v, options: o, result: Replayed{
		Run: past[0].Run, FuelCompared: !o.OtherFuel, Engine: o.Engine,
	}}
	r.survey()
	if err := r.execute(ctx); err != nil {
		return Replayed{}, fmt.Errorf("replaying run %s: %w", r.result.Run, err)
	}
	if r.result.Divergence == nil {
		r.result.Divergence = r.broken
	}
	r.result.Identical = r.result.Divergence == nil
	r.result.Digest = Fold(p.Graph, slices.Values(past)).Digest
	return r.result, nil
}

// replay is one under way.
type replay struct {
	plan    *plan.Plan
	past    []event.Event
	invoker driver.Invoker
	options ReplayOptions

	reruns []*rerun
	until  int         // the event at which the record breaks off, or its length
	broken *Divergence // what is wrong there
	result Replayed
}

// rerun is one attempt that is executed again.
type rerun struct {
	stepper.Invoke
	engine  string // it was executed by
	end     int    // the event that says what came of it
	answers []event.CapabilityAnswered
	resumed int // how many of those were there when the attempt was begun for the last time

	done    chan struct{} // closed when what follows is there
	outcome event.Outcome
	err     error
}

// survey goes through the record once, as the machine does: it finds the attempts, and
// sees that everything which the machine decides is what was recorded next.
func (r *replay) survey() {
	machine := stepper.New(r.plan.Graph)
	open := map[event.Attempt]*rerun{}
	var owed event.Body
	engine, fork := "", false
	for i, e := range r.past {
		if owed != nil {
			if d := r.decided(e.Body, owed); d != nil {
				r.breakOff(i, d, engine)
				return
			}
		}
		commands, err := machine.Apply(e)
		if err != nil {
			r.breakOff(i, &Divergence{What: DivergedDecision, Now: err.Error()}, engine)
			return
		}
		if from := tookOver(e.Body); from != nil && !fork {
			r.breakOff(i, &Divergence{
				What:     DivergedDecision,
				Recorded: describeFact(e.Body) + ", taken over from run " + clipped(from.Run),
				Now:      "the run is no fork: it takes over nothing",
			}, engine)
			return
		}
		switch b := e.Body.(type) {
		case event.RunStarted:
			engine, fork = b.Engine, b.Forked != nil
			r.ran(engine)
		case event.RunResumed:
			engine = b.Engine
			r.ran(engine)
			for _, one := range open {
				one.resumed = len(one.answers)
			}
		case event.CapabilityAnswered:
			if one := open[b.Attempt]; one != nil {
				one.answers = append(one.answers, b)
			}
		case event.AttemptSucceeded:
			r.ended(open, b.Attempt, i, engine, owed != nil, takenAs(b.From, b.CacheKey))
		case event.AttemptFailed:
			taken := takenAs(b.From, "") || slices.Contains(outside, b.Failure.Code) ||
				r.options.OtherFuel && b.Failure.Code == failure.FuelExhausted
			r.ended(open, b.Attempt, i, engine, owed != nil, taken)
		default:
			// The machine has taken it.
		}
		owed = nil
		for _, c := range commands {
			switch c := c.(type) {
			case stepper.Record:
				owed = c.Body
			case stepper.Invoke:
				if open[c.Attempt] == nil { // else it begins again, as it was
					open[c.Attempt] = &rerun{Invoke: c, done: make(chan struct{})}
				}
			case stepper.Wake, stepper.Abort:
				// The record says what came of them.
			}
		}
	}
	r.until = len(r.past)
	if owed != nil {
		r.breakOff(len(r.past), &Divergence{What: DivergedDecision, Now: describeFact(owed)}, engine)
	}
}

// outside are the codes of attempts that did not come to their own end.
var outside = []failure.Code{
	failure.Timeout, failure.Canceled, failure.Deadline, failure.Interrupted, failure.Budget, failure.MaxSteps,
}

// takenAs reports whether an outcome is one that a fork has taken over. What was found
// in the cache is executed.
func takenAs(from *event.Origin, cacheKey string) bool { return from != nil && cacheKey == "" }

// tookOver gives where the outcome of an attempt was taken over from; nil: from nowhere.
func tookOver(b event.Body) *event.Origin {
	switch b := b.(type) {
	case event.AttemptSucceeded:
		if takenAs(b.From, b.CacheKey) {
			return b.From
		}
	case event.AttemptFailed:
		return b.From
	default:
		// No outcome.
	}
	return nil
}

// ended notes what is to be done about an attempt that has ended.
func (r *replay) ended(open map[event.Attempt]*rerun, a event.Attempt, at int, engine string, decided, taken bool) {
	one := open[a]
	delete(open, a)
	switch {
	case taken:
		r.result.Skipped++
	case one == nil || decided:
		// A wait, or an attempt that the machine itself has ended.
	default:
		one.end, one.engine = at, engine
		r.reruns = append(r.reruns, one)
	}
}

// ran notes an engine that the run was executed by.
func (r *replay) ran(engine string) {
	if engine != "" && !slices.Contains(r.result.Engines, engine) {
		r.result.Engines = append(r.result.Engines, engine)
	}
}

// breakOff notes where the record and the machine part.
func (r *replay) breakOff(at int, d *Divergence, engine string) {
	r.until = at
	d.Event = uint64(at) + 1
	if at < len(r.past) {
		e := r.past[at]
		d.Event = e.Seq
		if d.Recorded == "" {
			d.Recorded = describeFact(e.Body)
		}
		d.place(e.Body)
	}
	r.hint(d, engine, nil)
	r.broken = d
}

// execute executes the attempts, and compares them in the order in which they ended.
func (r *replay) execute(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	// Those who work keep so far ahead of the one who compares, and no farther: what
	// comes of all attempts of a run may be large.
	places, ahead := make(chan struct{}, r.options.Parallel), make(chan struct{}, 4*r.options.Parallel)
	workers.Go(func() {
		for _, one := range r.reruns {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return
			}
			workers.Go(func() {
				defer func() { <-places }()
				defer close(one.done)
				one.outcome, one.err = r.attempt(ctx, one)
			})
		}
	})

	machine := stepper.New(r.plan.Graph)
	next := 0
	for i, e := range r.past[:r.until] {
		if next < len(r.reruns) && r.reruns[next].end == i {
			one := r.reruns[next]
			next++
			select {
			case <-one.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			<-ahead
			d, err := r.compare(ctx, machine, one, e)
			if err != nil || d != nil {
				r.result.Divergence = d
				r.result.Skipped = r.skipped(i)
				return err
			}
			one.outcome = event.Outcome{}
			r.result.Attempts++
		}
		if _, err := machine.Apply(e); err != nil {
			return err // the survey has applied it, too
		}
	}
	return nil
}

// skipped counts the attempts before an event that were taken as recorded.
func (r *replay) skipped(before int) (n int) {
	for _, e := range r.past[:before] {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			if takenAs(b.From, b.CacheKey) {
				n++
			}
		case event.AttemptFailed:
			if takenAs(b.From, "") || slices.Contains(outside, b.Failure.Code) || r.options.OtherFuel && b.Failure.Code == failure.FuelExhausted {
				n++
			}
		default:
			// No outcome.
		}
	}
	return n
}

// attempt executes one attempt. Answers that were recorded before the attempt was begun
// for the last time count as long as the node asks for them; where it asked something
// else then, those from that time on follow at once.
func (r *replay) attempt(ctx context.Context, one *rerun) (event.Outcome, error) {
	o, err := r.invoker.Invoke(ctx, r.plan, one.Invoke, recorded(one.answers))
	d := divergedCall(err)
	if d == nil {
		return o, err
	}
	_, was := d.Diverged()
	if was == nil {
		return o, err
	}
	at := slices.IndexFunc(one.answers, func(a event.CapabilityAnswered) bool { return a.Ordinal == was.Ordinal })
	if at < 0 || at >= one.resumed {
		return o, err
	}
	again, failed := r.invoker.Invoke(ctx, r.plan, one.Invoke, recorded(slices.Concat(one.answers[:at], one.answers[one.resumed:])))
	if divergedCall(failed) != nil {
		return o, err // the first is what can be told
	}
	return again, failed
}

// calls is an error that says that a node asked something else than was recorded.
type calls interface {
	error
	// Diverged says what was asked, and what was recorded; each may be nil.
	Diverged() (asked, recorded *event.CapabilityAnswered)
}

func divergedCall(err error) calls {
	d, _ := errors.AsType[calls](err)
	return d
}

// recorded are the calls of an attempt that is executed again. It implements
// [driver.Calls].
type recorded []event.CapabilityAnswered

var _ driver.Calls = recorded(nil)

var errNotRecorded = errors.New("a replay records nothing")

// Settled implements [driver.Calls]: what is replayed was recorded.
func (recorded) Settled(context.Context) error { return nil }

// Admit implements [driver.Calls].
func (recorded) Admit(context.Context) (bool, error) { return false, errNotRecorded }

// Record implements [driver.Calls].
func (recorded) Record(context.Context, event.CapabilityAnswered) error { return errNotRecorded }

// Answered implements [driver.Calls].
func (c recorded) Answered() []event.CapabilityAnswered { return c }

// Partial implements [driver.Calls].
func (recorded) Partial(event.Partial) {}

// compare holds what came of an attempt against the record.
func (r *replay) compare(ctx context.Context, machine *stepper.Machine, one *rerun, e event.Event) (*Divergence, error) {
	found := func(d *Divergence) (*Divergence, error) {
		d.Event, d.Step, d.Node, d.Attempt = e.Seq, one.Step, one.Node, one.Number
		r.hint(d, one.engine, one)
		return d, nil
	}
	if d := divergedCall(one.err); d != nil {
		return found(callDivergence(d))
	}
	if one.err != nil {
		return nil, cmp.Or(context.Cause(ctx), one.err)
	}
	if f := one.outcome.Failure; f != nil && f.Code == failure.Canceled && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	one.outcome.Attempt = one.Attempt
	if d := r.outcomes(one, e.Body, machine.Judge(one.outcome)); d != nil {
		return found(d)
	}
	return nil, nil
}
