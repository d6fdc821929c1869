// Package local carries out runs in this process: a [Driver] takes any number
// of runs at once and bounds how many attempts are under way in all of them.
package local

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
)

// Config is what a driver needs.
type Config struct {
	Invoker driver.Invoker
	Journal journal.Journal
	// Parallel bounds the attempts that are under way at once, over all runs;
	// 0: the number of CPUs. Runs take turns: one that has many attempts to make
	// does not hold up one that has few.
	Parallel int
	// Runs bounds the runs that are under way at once; 0: DefaultRuns. Carry
	// waits outside for the others to end, or to rest until a signal comes.
	Runs int
	// Clock is where times come from; nil: the system's.
	Clock Clock
}

// DefaultRuns is how many runs are under way at once, where nobody says it.
const DefaultRuns = 1024

// Clock tells the time and wakes up. Safe for concurrent use.
type Clock interface {
	Now() time.Time
	// NewTimer gives a channel that receives once d has passed, and a function
	// that makes it needless.
	NewTimer(d time.Duration) (<-chan time.Time, func())
}

type systemClock struct{}

// Now implements [Clock].
func (systemClock) Now() time.Time { return time.Now() }

// NewTimer implements [Clock].
func (systemClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// Driver carries out runs. Safe for concurrent use. It has no goroutines while it has
// no runs.
type Driver struct {
	invoker driver.Invoker
	journal journal.Journal
	clock   Clock
	places  places
	gate    gate
}

var _ driver.Driver = (*Driver)(nil)

// New makes a driver. Invoker and Journal are needed.
func New(c Config) *Driver {
	if c.Parallel <= 0 {
		c.Parallel = runtime.GOMAXPROCS(0)
	}
	if c.Runs <= 0 {
		c.Runs = DefaultRuns
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	return &Driver{
		invoker: c.Invoker, journal: c.Journal, clock: c.Clock,
		places: places{most: c.Parallel}, gate: gate{most: c.Runs},
	}
}

// Run is [Driver.Carry] without signals.
func (d *Driver) Run(ctx context.Context, p *plan.Plan, id string, started event.RunStarted, observe ...driver.Observer) (event.RunFinished, error) {
	return d.Carry(ctx, driver.Session{Plan: p, Run: id, Started: started, Observe: observe})
}

// Carry implements [driver.Driver]. Where the session does not say how many
// elements of a foreach are under way at once, it is as many as the driver lets. Attempts
// may be made in the goroutine that calls it.
func (d *Driver) Carry(ctx context.Context, s driver.Session) (event.RunFinished, error) {
	d.gate.enter(ctx)
	r := newRun(ctx, d, s)
	r.back()
	end, err := r.through(r.carry, nil)
	if errors.Is(err, errReplaced) {
		return r.deputy.wait()
	}
	return end, err
}

// through has a run carried out, by a deputy or by none, and closes it, unless it has
// another one by then.
func (r *run) through(carry func() (event.RunFinished, error), by *deputy) (end event.RunFinished, err error) {
	panicked := true
	defer func() {
		if r.deputy != by {
			<-r.deputy.done
			return
		}
		if broken := r.close(panicked); broken != nil && !errors.Is(err, broken) {
			err = errors.Join(err, broken)
		}
	}()
	end, err = carry()
	panicked = false
	return end, err
}

// carry begins a run, or goes on with it, and drives it.
func (r *run) carry() (event.RunFinished, error) {
	if err := interrupted(r.caller); err != nil {
		return event.RunFinished{}, err
	}
	begin := r.start
	if r.s.Past != nil {
		begin = r.resume
	}
	if err := begin(); err != nil {
		return event.RunFinished{}, err
	}
	return r.drive()
}

// interrupted gives ErrInterrupted where that is why ctx is done.
func interrupted(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, driver.ErrInterrupted) {
		return cause
	}
	return nil
}
