package simulate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

// TestLocalDriver carries cases out with the real driver, with few and with many
// attempts at once: the promise holds there too.
func TestLocalDriver(t *testing.T) {
	for seed := uint64(1); seed <= 300; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, parallel := range []int{1, 3, 100} {
			synctest.Test(t, func(t *testing.T) {
				events := carried(t, c, parallel, 0, c.Seed%2 == 0)
				report(t, c.Compare(events))
				crashed := carried(t, c, parallel, stepper.MaxInterruptions-1, c.Seed%2 == 0)
				report(t, c.Compare(crashed))
				if text := repeated(crashed); text != "" {
					t.Errorf("seed %d, %d at once: %s", seed, parallel, text)
				}
				undo := c.Limit(simulate.Spent(events))
				if undo == nil {
					return
				}
				defer undo()
				if text, _ := c.Budgets(carried(t, c, parallel, 2, false)); text != "" {
					t.Errorf("seed %d, %d at once: with budgets: %s", seed, parallel, text)
				}
			})
		}
	}
}

// TestLocalDriverForks carries forks of cases out with the real driver, which is lost at
// some of its appends.
func TestLocalDriverForks(t *testing.T) {
	forks := 0
	for seed := uint64(1); seed <= 150; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = c.Fork(); err != nil {
			t.Fatal(err)
		}
		if c == nil {
			continue
		}
		forks++
		for _, parallel := range []int{1, 100} {
			synctest.Test(t, func(t *testing.T) {
				report(t, c.Compare(carried(t, c, parallel, stepper.MaxInterruptions-1, c.Seed%2 == 0)))
			})
		}
	}
	if forks < 50 {
		t.Errorf("only %d forks", forks)
	}
}

// repeated says which step was begun again after it had been committed; "": none.
func repeated(events []event.Event) string {
	began, over := map[event.Attempt]bool{}, map[string]bool{}
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.AttemptStarted:
			if began[b.Attempt] || over[b.Step] {
				return fmt.Sprintf("attempt %v began twice, or after its step was over", b.Attempt)
			}
			began[b.Attempt] = true
		case event.AttemptSucceeded:
			if over[b.Step] {
				return fmt.Sprintf("step %s was committed twice", b.Step)
			}
			over[b.Step] = true
		default:
		}
	}
	return ""
}

// frail is a journal whose process is lost at some of its appends: before they are
// stored, or after, when nobody is told any more.
type frail struct {
	*memory.Journal
	luck    *rand.Rand
	crashes int // that are left
	lost    bool
	late    bool // appends take a while: the run goes on meanwhile
}

// Prompt implements [journal.Prompter].
func (j *frail) Prompt() bool { return !j.late }

var errLost = errors.New("the process is lost")

// Append implements [journal.Journal].
func (j *frail) Append(ctx context.Context, events ...event.Event) error {
	if j.lost {
		return errLost
	}
	if j.late {
		time.Sleep(time.Duration(j.luck.IntN(50)) * time.Millisecond)
	}
	if j.crashes > 0 && j.luck.IntN(8) == 0 {
		j.crashes--
		j.lost = true
		// An append that was to start the run is not tried: without it there is none.
		if events[0].Seq == 1 || j.luck.IntN(2) == 0 {
			if err := j.Journal.Append(ctx, events...); err != nil {
				return err
			}
		}
		return errLost
	}
	return j.Journal.Append(ctx, events...)
}

// carried gives the events of a run by the local driver, whose waits are
// answered after a while, and which is lost and resumed a number of times. Where the
// journal is late, the run goes on meanwhile.
func carried(t *testing.T, c *simulate.Case, parallel, crashes int, late bool) (events []event.Event) {
	t.Helper()
	j := &frail{Journal: memory.New(), crashes: crashes, late: late, luck: rand.New(rand.NewPCG(c.Seed, uint64(parallel)))}
	s := driver.Session{Run: "run", Started: c.Started()}
	for {
		err := carry(t, c, parallel, j, s)
		if err == nil {
			break
		}
		if !errors.Is(err, errLost) {
			t.Fatalf("seed %d: %v", c.Seed, err)
		}
		j.lost = false
		s.Past = j.Events(t.Context(), "run")
	}
	for e, err := range j.Events(t.Context(), "run") {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// carry carries a run out, or carries it on, until its end or a crash.
func carry(t *testing.T, c *simulate.Case, parallel int, j journal.Journal, s driver.Session) error {
	t.Helper()
	d := local.New(local.Config{Invoker: invoker{c, uint64(parallel), j}, Journal: j, Parallel: parallel})
	var senders sync.WaitGroup
	over := make(chan struct{})
	signals := make(chan driver.Signal)
	answer := func(a event.Attempt) {
		senders.Go(func() {
			timer := time.NewTimer(c.Took(uint64(parallel), a))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-over:
				return
			}
			select {
			case signals <- driver.Signal{Step: a.Step, Document: c.Answer(a.Step), Done: func(error) {}}:
			case <-over:
			}
		})
	}
	see := func(e event.Event) {
		if b, ok := e.Body.(event.AttemptStarted); ok && c.Waits(b.Node) {
			answer(b.Attempt)
		}
	}
	s.Plan, s.Signals, s.Observe = &plan.Plan{Graph: c.Graph, Digest: s.Started.Plan}, signals, []driver.Observer{see}
	if s.Past != nil {
		for e, err := range s.Past {
			if err != nil {
				t.Fatal(err)
			}
			see(e) // a signal that nobody took is sent again
		}
	}
	_, err := d.Carry(t.Context(), s)
	close(over)
	senders.Wait()
	return err
}

// invoker does what the nodes of a case do.
type invoker struct {
	*simulate.Case
	schedule uint64
	journal  journal.Journal
}

// knows reports whether the journal has the start of an attempt.
func (v invoker) knows(ctx context.Context, a event.Attempt) bool {
	for e := range v.journal.Events(ctx, "run") {
		if b, ok := e.Body.(event.AttemptStarted); ok && b.Attempt == a {
			return true
		}
	}
	return false
}

// Invoke implements driver.Invoker.
func (v invoker) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	begin := time.Now()
	for i, call := range v.Calls(v.schedule, c.Attempt) {
		if i < len(calls.Answered()) {
			continue
		}
		if err := v.ask(ctx, begin, c.Attempt, calls, call); err != nil {
			return event.Outcome{}, err
		}
	}
	timer := time.NewTimer(v.Took(v.schedule, c.Attempt) - time.Since(begin))
	defer timer.Stop()
	select {
	case <-timer.C:
		return v.Nodes(c.Attempt, c.Input, c.Feedback), nil
	case <-ctx.Done():
		return event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}}, nil
	}
}

// ask makes a call of a case, in its time.
func (v invoker) ask(ctx context.Context, begin time.Time, a event.Attempt, calls driver.Calls, c simulate.Call) error {
	until := func(d time.Duration) error {
		timer := time.NewTimer(time.Until(begin.Add(d)))
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := until(c.Asked); err != nil {
		return err
	}
	if c.Fact.Usage.Calls > 0 {
		admitted, err := calls.Admit(ctx)
		if err != nil {
			return err
		}
		if !admitted {
			return calls.Record(ctx, c.Refused())
		}
		if !v.knows(context.WithoutCancel(ctx), a) {
			return fmt.Errorf("a call of attempt %v was admitted, and the journal does not know of it", a)
		}
	}
	if c.Lost {
		return nil
	}
	if err := until(c.Answered); err != nil {
		return err
	}
	return calls.Record(ctx, c.Fact)
}
