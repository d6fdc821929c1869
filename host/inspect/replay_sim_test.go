package inspect_test

// Replays of runs of random graphs, whose nodes are made up.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

// linkDrawn makes a plan of a drawn graph.
func linkDrawn(g *graph.Graph) *plan.Plan {
	p := &plan.Plan{Graph: g, Digest: "sha256:drawn"}
	for _, n := range g.Nodes {
		own := &plan.Node{Node: n}
		if n.Sub != nil {
			own.Sub = linkDrawn(n.Sub)
		}
		p.Nodes = append(p.Nodes, own)
	}
	return p
}

// drawnNodes does what the nodes of a case do, in no time where they are replayed.
type drawnNodes struct {
	*simulate.Case
	replay bool
	change func(*event.Outcome) // what is wrong with them
}

func (v drawnNodes) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	if !v.replay {
		timer := time.NewTimer(v.Took(7, c.Attempt))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}}, nil
		}
	}
	o := v.Nodes(c.Attempt, c.Input, c.Feedback)
	if v.change != nil {
		v.change(&o)
	}
	return o, nil
}

var errGone = errors.New("the process is lost")

// goneJournal loses its process at some appends.
type goneJournal struct {
	*memory.Journal
	luck    *rand.Rand
	crashes int
}

func (j *goneJournal) Append(ctx context.Context, events ...event.Event) error {
	if j.crashes > 0 && events[0].Seq > 1 && j.luck.IntN(5) == 0 {
		j.crashes--
		return errGone
	}
	return j.Journal.Append(ctx, events...)
}

// drawnRun carries a run of a case out, through crashes, and gives its events.
func drawnRun(t *testing.T, c *simulate.Case, p *plan.Plan) (past []event.Event) {
	t.Helper()
	j := &goneJournal{Journal: memory.New(), crashes: int(c.Seed % 4), luck: rand.New(rand.NewPCG(c.Seed, 7))}
	s := driver.Session{Plan: p, Run: "r", Started: c.Started(), Engine: "e"}
	for {
		signals, over := make(chan driver.Signal), make(chan struct{})
		var senders sync.WaitGroup
		see := func(e event.Event) {
			if b, ok := e.Body.(event.AttemptStarted); ok && c.Waits(b.Node) {
				senders.Go(func() {
					select {
					case signals <- driver.Signal{Step: b.Step, Document: c.Answer(b.Step), Done: func(error) {}}:
					case <-over:
					}
				})
			}
		}
		s.Signals, s.Observe = signals, []driver.Observer{see}
		for _, e := range past {
			see(e)
		}
		_, err := local.New(local.Config{Invoker: drawnNodes{Case: c}, Journal: j, Parallel: 1 + int(c.Seed%5)}).Carry(t.Context(), s)
		close(over)
		senders.Wait()
		past = nil
		for e, err := range j.Events(t.Context(), "r") {
			if err != nil {
				t.Fatal(err)
			}
			past = append(past, e)
		}
		if err == nil {
			return past
		}
		if !errors.Is(err, errGone) {
			t.Fatalf("seed %d: %v", c.Seed, err)
		}
		s.Past = j.Events(t.Context(), "r")
	}
}

// own are the events that say how attempts came to their own end.
func own(c *simulate.Case, past []event.Event) (ends []int) {
	for i, e := range past {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			if !c.Waits(b.Node) {
				ends = append(ends, i)
			}
		case event.AttemptFailed:
			switch b.Failure.Code {
			case failure.Timeout, failure.Canceled, failure.Deadline, failure.Interrupted, failure.MaxSteps:
			default:
				if !c.Waits(b.Node) {
					ends = append(ends, i)
				}
			}
		default:
		}
	}
	return ends
}

func attemptOf(b event.Body) (event.Attempt, uint64) {
	switch b := b.(type) {
	case event.AttemptSucceeded:
		return b.Attempt, b.Fuel
	case event.AttemptFailed:
		return b.Attempt, b.Fuel
	default:
		return event.Attempt{}, 0
	}
}

// A run of any graph, in any order, through any crash, is identical in a replay. Where
// one node behaves otherwise, or one event is another one, that is what the replay
// finds.
func TestReplayOfDrawnRuns(t *testing.T) {
	attempts, skipped, changed := 0, 0, 0
	for seed := uint64(1); seed <= 200; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		p := linkDrawn(c.Graph)
		var past []event.Event
		synctest.Test(t, func(t *testing.T) { past = drawnRun(t, c, p) })
		replay := func(past []event.Event, change func(*event.Outcome), parallel int) inspect.Replayed {
			t.Helper()
			got, err := inspect.Replay(t.Context(), p, past, drawnNodes{Case: c, replay: true, change: change}, inspect.ReplayOptions{Parallel: parallel, Engine: "e"})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			return got
		}
		ends := own(c, past)
		for _, parallel := range []int{1, 4} {
			got := replay(past, nil, parallel)
			if !got.Identical || got.Divergence != nil || got.Attempts != len(ends) || got.Digest == "" || got.Reworded != 0 {
				t.Fatalf("seed %d: %+v, %v; %d attempts", seed, got, got.Divergence, len(ends))
			}
			attempts, skipped = attempts+got.Attempts, skipped+got.Skipped
		}
		for cut := 1; cut < len(past); cut += 1 + len(past)/5 {
			// What an append that is cut off leaves open is the next decision.
			if got := replay(past[:cut], nil, 2); !got.Identical && (got.Divergence.What != inspect.DivergedDecision || got.Divergence.Event != uint64(cut)+1) {
				t.Fatalf("seed %d, cut at %d: %+v", seed, cut, got.Divergence)
			}
		}
		if len(ends) == 0 {
			continue
		}
		luck := rand.New(rand.NewPCG(seed, 9))
		for range 4 {
			n := luck.IntN(len(ends))
			at := ends[n]
			a, fuel := attemptOf(past[at].Body)
			expect := func(how string, got inspect.Replayed, what ...string) {
				t.Helper()
				changed++
				d := got.Divergence
				if d == nil || d.Event != past[at].Seq || d.Step != a.Step || d.Attempt != a.Number || d.Node != a.Node || !slices.Contains(what, d.What) {
					t.Fatalf("seed %d, %s of %v (event %d): %+v", seed, how, a, past[at].Seq, d)
				}
			}
			faulty := func(change func(*event.Outcome)) inspect.Replayed {
				return replay(past, func(o *event.Outcome) {
					if o.Attempt == a {
						change(o)
					}
				}, 4)
			}
			expect("fuel now", faulty(func(o *event.Outcome) { o.Fuel++ }), inspect.DivergedFuel)
			expect("trap now", faulty(func(o *event.Outcome) {
				*o = event.Outcome{Attempt: o.Attempt, Failure: &failure.Failure{Code: failure.MemoryExceeded}}
			}), inspect.DivergedOutcome)
			record := func(change func(event.Body) event.Body) inspect.Replayed {
				other := slices.Clone(past)
				other[at].Body = change(other[at].Body)
				return replay(other, nil, 4)
			}
			expect("fuel recorded", record(func(b event.Body) event.Body {
				switch b := b.(type) {
				case event.AttemptSucceeded:
					b.Fuel = fuel + 1
					return b
				case event.AttemptFailed:
					b.Fuel = fuel + 1
					return b
				default:
					return b
				}
			}), inspect.DivergedFuel)
			if b, ok := past[at].Body.(event.AttemptSucceeded); ok {
				spaced := document.MustParse(" " + b.Output.String() + " ")
				if spaced.String() == b.Output.String() {
					spaced = document.Array(b.Output)
				}
				expect("output now", faulty(func(o *event.Outcome) { o.Output = spaced }), inspect.DivergedOutput, inspect.DivergedOutcome)
				expect("output recorded", record(func(event.Body) event.Body { b.Output = spaced; return b }), inspect.DivergedOutput, inspect.DivergedDecision, inspect.DivergedOutcome)
			}
		}
	}
	t.Logf("%d attempts executed again, %d taken as recorded, %d changes found", attempts, skipped, changed)
	if attempts < 1000 || skipped == 0 || changed < 1000 {
		t.Error("too few to mean anything")
	}
}

// An attempt that went on otherwise after its host had stopped is executed with the
// answers that count.
func TestReplayOfAResumedAttempt(t *testing.T) {
	g := play{graph: "version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'm'\n"}.build(t)
	p := linkDrawn(g)
	a := event.Attempt{Step: "a", Node: "a", Number: 1}
	call := func(n int, text string) event.Body {
		return event.CapabilityAnswered{Attempt: a, Ordinal: n, Capability: "c", Method: "m", Request: document.String(text), Usage: event.Usage{Calls: 1}}
	}
	events := func(bodies ...event.Body) (past []event.Event) {
		for i, b := range slices.Concat([]event.Body{event.RunStarted{Plan: "p", Input: document.Null()}, event.AttemptStarted{Attempt: a}}, bodies,
			[]event.Body{event.AttemptSucceeded{Attempt: a, Output: document.Int(1)}, event.RunFinished{Status: event.Done, Output: document.Int(1)}}) {
			past = append(past, event.Event{Run: "r", Seq: uint64(i + 1), Time: epoch, Body: b})
		}
		return past
	}
	stop := event.RunResumed{}
	for name, c := range map[string]struct {
		past  []event.Event
		found bool
	}{
		"at once":                        {events(call(1, "x"), call(2, "y")), true},
		"resumed":                        {events(call(1, "x"), stop, call(2, "y")), true},
		"resumed at the end":             {events(call(1, "x"), call(2, "y"), stop), true},
		"something else first":           {events(call(1, "z"), stop, call(2, "x"), call(3, "y")), true},
		"something else later":           {events(call(1, "x"), call(2, "z"), call(3, "y"), stop, call(4, "y")), true},
		"again and again":                {events(call(1, "x"), call(2, "z"), stop, call(3, "z"), stop, call(4, "y")), true},
		"more asked, and then given up":  {events(call(1, "x"), call(2, "y"), call(3, "z"), stop), true},
		"less":                           {events(call(1, "x")), false},
		"another one":                    {events(call(1, "x"), call(2, "z")), false},
		"more":                           {events(call(1, "x"), call(2, "y"), call(3, "z")), false},
		"something else, also afterward": {events(call(1, "z"), stop, call(2, "x"), call(3, "z")), false},
	} {
		got, err := inspect.Replay(t.Context(), p, c.past, asking{"x", "y"}, inspect.ReplayOptions{})
		if err != nil || got.Identical != c.found {
			t.Errorf("%s: %+v, %v, %v", name, got, got.Divergence, err)
		}
		if d := got.Divergence; d != nil && (d.What != inspect.DivergedCall || d.Step != "a" || d.Attempt != 1) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// asking asks these requests, and gives 1.
type asking []string

func (a asking) Invoke(_ context.Context, _ *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	past := calls.Answered()
	for i, text := range a {
		asked := event.CapabilityAnswered{Attempt: c.Attempt, Ordinal: i + 1, Capability: "c", Method: "m", Request: document.String(text)}
		if i >= len(past) {
			return event.Outcome{}, fmt.Errorf("asking: %w", &otherCallError{asked: &asked})
		}
		if !past[i].Request.Equal(asked.Request) {
			return event.Outcome{}, fmt.Errorf("asking: %w", &otherCallError{&asked, &past[i]})
		}
	}
	if len(past) > len(a) {
		return event.Outcome{}, &otherCallError{recorded: &past[len(a)]}
	}
	return event.Outcome{Attempt: c.Attempt, Output: document.Int(1)}, nil
}

type otherCallError struct{ asked, recorded *event.CapabilityAnswered }

func (*otherCallError) Error() string { return "another call" }

func (d *otherCallError) Diverged() (asked, recorded *event.CapabilityAnswered) {
	return d.asked, d.recorded
}
