package fork

// Forks of runs of random graphs, against a slow definition of what they execute.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

// linked makes a plan of a drawn graph, in which some nodes are other ones.
func linked(g *graph.Graph, other map[string]bool, changed *schema.Schema) *plan.Plan {
	p := &plan.Plan{Graph: g, Digest: "sha256:drawn"}
	for _, n := range g.Nodes {
		own := &plan.Node{Node: n}
		if n.Sub != nil {
			own.Sub = linked(n.Sub, other, changed)
		}
		if other[n.Name] {
			own.OutSchemas = []*schema.Schema{changed}
		}
		p.Nodes = append(p.Nodes, own)
	}
	return p
}

// drawnRun carries out runs of a case, with a driver and a journal like real ones.
type drawnRun struct {
	c        *simulate.Case
	other    map[string]bool // nodes that do something else
	schedule uint64          // how long attempts take
	past     *Past           // what it is a fork of; nil: it is no fork
	takes    *TakeOver       // nil: it is no fork
	crashes  int
	luck     *rand.Rand

	mu       sync.Mutex
	executed map[string]bool
}

var errCrash = errors.New("the process is lost")

// lossy loses the process now and then, before or after an append.
type lossy struct {
	*memory.Journal
	r    *drawnRun
	lost bool
}

// Append implements [journal.Journal].
func (j *lossy) Append(ctx context.Context, events ...event.Event) error {
	if j.lost {
		return errCrash
	}
	if j.r.crashes > 0 && events[0].Seq > 1 && j.r.luck.IntN(6) == 0 {
		j.r.crashes--
		j.lost = true
		if j.r.luck.IntN(2) == 0 {
			if err := j.Journal.Append(ctx, events...); err != nil {
				return err
			}
		}
		return errCrash
	}
	return j.Journal.Append(ctx, events...)
}

// Invoke implements [driver.Invoker].
func (r *drawnRun) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	r.mu.Lock()
	r.executed[c.Step] = true
	r.mu.Unlock()
	timer := time.NewTimer(r.c.Took(r.schedule, c.Attempt))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}}, nil
	}
	does := *r.c
	if r.other[c.Node] {
		does.Seed += 1000
	}
	return does.Nodes(c.Attempt, c.Input, c.Feedback), nil
}

// carry carries a run out, through crashes, and gives its events.
func (r *drawnRun) carry(t *testing.T, p *plan.Plan, id string, started event.RunStarted) []event.Event {
	t.Helper()
	r.executed = map[string]bool{}
	r.luck = rand.New(rand.NewPCG(r.c.Seed, r.schedule))
	j := &lossy{Journal: memory.New(), r: r}
	s := driver.Session{Plan: p, Run: id, Started: started, Invoker: r}
	for {
		j.lost = false
		if r.takes != nil {
			s.Invoker, s.Known = r.takes.Invoker(r), r.takes.Known
		}
		err := r.once(t, j, s)
		past := all(t, j, id)
		if err == nil {
			return past
		}
		if !errors.Is(err, errCrash) {
			t.Fatalf("seed %d: %v", r.c.Seed, err)
		}
		s.Past = each(past)
		if r.takes != nil {
			r.takes = r.past.TakeOverAgain(p, started.Forked, past)
		}
	}
}

func each(events []event.Event) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func all(t *testing.T, j journal.Journal, id string) (events []event.Event) {
	t.Helper()
	for e, err := range j.Events(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// once carries the run out until its end or a crash. Who waits is answered after a
// while, if it is not known what comes of it.
func (r *drawnRun) once(t *testing.T, j journal.Journal, s driver.Session) error {
	t.Helper()
	over, signals := make(chan struct{}), make(chan driver.Signal)
	var senders sync.WaitGroup
	var see driver.Observer = func(e event.Event) {
		a, ok := e.Body.(event.AttemptStarted)
		if !ok || !r.c.Waits(a.Node) {
			return
		}
		senders.Go(func() {
			timer := time.NewTimer(r.c.Took(r.schedule, a.Attempt))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-over:
				return
			}
			does := *r.c
			if r.other[a.Node] {
				does.Seed += 1000
			}
			select {
			case signals <- driver.Signal{Step: a.Step, Document: does.Answer(a.Step), Done: func(error) {}}:
			case <-over:
			}
		})
	}
	s.Signals, s.Observe = signals, []driver.Observer{see}
	if r.takes != nil {
		s.Decided = r.takes.See
	}
	if s.Past != nil {
		for e := range s.Past {
			see(e)
		}
	}
	_, err := local.New(local.Config{Invoker: r, Journal: j, Parallel: 4}).Carry(t.Context(), s)
	close(over)
	senders.Wait()
	return err
}

// told is what a run comes to: what its steps were given and what they led to, without
// who made it, and in which attempt.
func told(t *testing.T, g *graph.Graph, events []event.Event) map[string]string {
	t.Helper()
	m := stepper.New(g)
	steps := map[string]string{}
	for _, e := range events {
		if _, err := m.Apply(e); err != nil {
			t.Fatal(err)
		}
		see := func(step, end string) {
			if d, ok := m.Describe(step); ok && !d.Again {
				steps[step] = fmt.Sprintf("%v %s %s %s %s %s", d.From, d.Input, d.Before, d.After, d.Output, end)
			}
		}
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			see(b.Step, "done")
		case event.AttemptFailed:
			see(b.Step, fmt.Sprint(b.Failure))
		case event.StepSucceeded:
			see(b.Step, "done")
		case event.StepFailed:
			see(b.Step, fmt.Sprint(b.Failure))
		case event.StepSkipped:
			steps[b.Step] = "skipped"
		case event.RunFinished:
			steps[""] = fmt.Sprint(b)
			if b.Failure != nil {
				steps[""] = fmt.Sprint(b.Status, *b.Failure)
			}
		default:
		}
	}
	return steps
}

// gave says of each step of a run whether it gave what can be taken over, as another way
// to find that: from its events alone.
func gave(events []event.Event) map[string]bool {
	last := map[string]bool{}
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			last[b.Step] = true
		case event.AttemptFailed:
			last[b.Step] = b.Failure.Code != failure.Timeout && b.Failure.Code != failure.Canceled
		case event.AttemptStarted:
			last[b.Step] = false
		default:
		}
	}
	return last
}

// A fork of a run that is done, with nothing changed, executes nothing, and is that
// run; with a changed node, it executes exactly the steps of that node and those
// downstream of them; with a step that it is from, that one and those downstream. All
// in whatever order steps finish, and through crashes.
func TestForksOfDrawnRuns(t *testing.T) {
	changed, err := schema.Compile("changed.json", []byte(`{"title":"another"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	forks, executed, taken := 0, 0, 0
	for seed := uint64(1); seed <= 250; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		luck := rand.New(rand.NewPCG(seed, 7))
		synctest.Test(t, func(t *testing.T) {
			before := linked(c.Graph, nil, changed)
			old := &drawnRun{c: c, schedule: seed}
			events := old.carry(t, before, "old", c.Started())
			ended, ok := events[len(events)-1].Body.(event.RunFinished)
			if !ok {
				t.Fatalf("seed %d: no end", seed)
			}
			was := told(t, c.Graph, events)
			ran := slices.Sorted(maps.Keys(gave(events)))
			if len(ran) == 0 {
				return
			}
			for kind := range 6 {
				other, from := map[string]bool{}, ""
				switch kind {
				case 0, 1:
				case 2, 3:
					other[nameOf(ran[luck.IntN(len(ran))])] = true
				case 4, 5:
					from = ran[luck.IntN(len(ran))]
				}
				after := linked(c.Graph, other, changed)
				past, err := Recall(before, "old", each(events), time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				started := c.Started()
				started.Forked = &event.Forked{Run: "old", Step: from}
				fork := &drawnRun{c: c, past: past, other: other, schedule: seed + uint64(kind), crashes: kind % 2 * 3}
				fork.takes = past.TakeOver(after, from)
				got := fork.carry(t, after, "new", started)
				for _, e := range got {
					if signal, ok := e.Body.(event.SignalReceived); ok {
						fork.executed[signal.Step] = true
					}
				}
				forks++
				executed += len(fork.executed)
				about := fmt.Sprintf("seed %d, changed %v, from %q", seed, slices.Collect(maps.Keys(other)), from)
				if len(other) == 0 && from == "" || from != "" && ended.Status == event.Done {
					same(t, about, was, told(t, c.Graph, got))
				}
				if ended.Status != event.Done {
					continue
				}
				// What is expected, by the slow definition.
				slow := &slowly{graph: c.Graph, most: turns(got) + 1, flat: map[*graph.Graph]*unrolled{}}
				gave := gave(events)
				anew := map[string]bool{}
				if from != "" {
					anew[from] = true
				}
				for _, e := range got {
					if f, ok := e.Body.(event.StepFailed); ok {
						slow.forget(anew, f.Step, f.Failure.Step)
					}
					a, ok := e.Body.(event.AttemptStarted)
					if !ok || a.Number > 1 {
						continue
					}
					want := other[a.Node] || !gave[a.Step]
					for x := range anew {
						want = want || slow.reaches(x, a.Step)
					}
					if want {
						anew[a.Step] = true
					} else {
						taken++
					}
					if fork.executed[a.Step] != want && !aborted(got, a.Step) {
						t.Errorf("%s: %s was executed: %v, want %v", about, a.Step, !want, want)
					}
					if len(other) == 0 && from == "" && want && gave[a.Step] {
						t.Errorf("%s: %s was executed", about, a.Step)
					}
				}
			}
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("%d forks executed %d steps and took over %d", forks, executed, taken)
	if executed < forks || taken < forks {
		t.Errorf("%d forks executed %d steps and took over %d: it says little", forks, executed, taken)
	}
}

// turns gives the greatest number of a turn in a run.
func turns(events []event.Event) int {
	most := 1
	for _, e := range events {
		if a, ok := e.Body.(event.AttemptStarted); ok {
			for _, f := range framesOf(a.Step) {
				most = max(most, slices.Max(append(f.turns, 1)))
			}
		}
	}
	return most
}

// forget takes out of a set of steps what is inside of one that failed and later, in
// canonical order, than the step inside that it failed with.
func (s *slowly) forget(set map[string]bool, failed, with string) {
	for x := range set {
		if within(x, failed) && strings.HasPrefix(with, failed) && s.later(x, with) {
			delete(set, x)
		}
	}
}

// later reports whether x comes later than y in canonical order, by their names.
func (s *slowly) later(x, y string) bool {
	xs, ys, g := strings.Split(x, "/"), strings.Split(y, "/"), s.graph
	for i := range min(len(xs), len(ys)) {
		if xs[i] == ys[i] {
			g = g.Node(nameOf(xs[i])).Sub
			continue
		}
		a, b := lastFrame(xs[i]), lastFrame(ys[i])
		if a.node == b.node && slices.Equal(a.turns, b.turns) {
			return a.element > b.element
		}
		n, m := g.Node(a.node), g.Node(b.node)
		var of []*graph.Loop // that both are in, outermost first
		for l := n.Loop; l != nil; l = l.Parent {
			if slices.Contains(l.Nodes, m) {
				of = append([]*graph.Loop{l}, of...)
			}
		}
		if turn := slices.Compare(a.turns[:len(of)], b.turns[:len(of)]); turn != 0 {
			return turn > 0
		}
		// In the same turn: by the nodes, or by the loops inside that they are in.
		at := func(n *graph.Node) int {
			l := n.Loop
			for l != nil && l.Depth > len(of)+1 {
				l = l.Parent
			}
			if l != nil && l.Depth == len(of)+1 {
				return l.Header.Rank
			}
			return n.Rank
		}
		return at(n) > at(m)
	}
	return false
}

// aborted reports whether an attempt of a step ended because it was wanted no more,
// perhaps before it was begun.
func aborted(events []event.Event, step string) bool {
	return slices.ContainsFunc(events, func(e event.Event) bool {
		f, ok := e.Body.(event.AttemptFailed)
		return ok && f.Step == step && f.Failure.Code == failure.Canceled
	})
}

func nameOf(step string) string {
	frames := framesOf(step)
	return frames[len(frames)-1].node
}

// same compares what two runs come to. What was stopped because another step failed, or
// was ahead of it, is outside of the promise.
func same(t *testing.T, about string, want, got map[string]string) {
	t.Helper()
	if strings.Contains(want[""]+got[""], string(failure.MaxSteps)) {
		return // how far a run comes that stops at once depends on time
	}
	if want[""] != got[""] {
		t.Errorf("%s: the run ends with %s, want %s", about, got[""], want[""])
	}
	if strings.HasPrefix(want[""], string(event.Failed)) {
		return // what comes later in canonical order may have begun, or not
	}
	for _, steps := range []map[string]string{want, got} {
		for _, text := range steps {
			if strings.Contains(text, "canceled:") {
				return
			}
		}
	}
	for _, step := range slices.Sorted(maps.Keys(want)) {
		if got[step] != want[step] {
			t.Errorf("%s: step %q:\n%s\nwant\n%s", about, step, got[step], want[step])
		}
	}
	for _, step := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[step]; !ok {
			t.Errorf("%s: step %q: %s; there was none", about, step, got[step])
		}
	}
}
