package local_test

// Runs that one goroutine may carry out, of all shapes, with whatever goes wrong around
// them: they end as those do that are carried out by many, and leave nothing behind.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

var (
	seedsFlag = flag.Uint64("seeds", 40, "how many seeds of short runs are tried")
	firstFlag = flag.Uint64("first", 1, "the first of them")
)

// drawn draws for a purpose: it does not depend on what happens first.
func drawn(seed uint64, purpose ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, purpose...)
	return rand.New(rand.NewPCG(h.Sum64(), seed))
}

// shape is a graph without waits.
type shape struct {
	graph string
	fails string // the node of which some attempts fail
	hangs bool   // they take too long
}

var shapes = []shape{
	{graph: "chain = ['a', 'b', 'c', 'd', 'e']\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nc.module = 'c.wasm'\nd.module = 'd.wasm'\ne.module = 'e.wasm'\n"},
	{graph: "chain = ['a', 'calls', 'c']\n[nodes]\na.module = 'a.wasm'\ncalls.module = 'b.wasm'\nc.module = 'c.wasm'\n"},
	{graph: "[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nc.module = 'c.wasm'\ncalls.module = 'd.wasm'\ne.module = 'e.wasm'\n"},
	{graph: "chain = ['a', 'b']\n[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\n[nodes.b]\nmodule = 'b.wasm'\n"},
	{graph: "chain = ['calls', 'b']\n[nodes.calls]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 4\n[nodes.b]\nmodule = 'b.wasm'\n"},
	{graph: "chain = ['r', 'b']\n[nodes.r]\nmodule = 'r.wasm'\n[[nodes.r.retry]]\nmax_attempts = 4\ninitial_interval = '1ms'\n[nodes.b]\nmodule = 'b.wasm'\n", fails: "r"},
	{graph: "chain = ['r', 'b']\n[nodes.r]\nmodule = 'r.wasm'\nforeach = 'input'\non_error = 'collect'\n[[nodes.r.retry]]\nmax_attempts = 3\n[nodes.b]\nmodule = 'b.wasm'\n", fails: "r"},
	{graph: "chain = ['a', 'r', 'b']\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\n[nodes.r]\nmodule = 'r.wasm'\ndeadline = '500ms'\n", fails: "r", hangs: true},
	{graph: "deadline = '1m'\n[nodes.a]\nmodule = 'a.wasm'\n[nodes.r]\nmodule = 'r.wasm'\n", fails: "r", hangs: true},
	{graph: "[nodes.a]\nmodule = 'a.wasm'\n[nodes.b]\nmodule = 'b.wasm'\nforeach = 'input'\n[nodes.r]\nmodule = 'r.wasm'\n", fails: "r"},
	{graph: "[budget]\ncalls = 7\n[nodes.calls]\nmodule = 'a.wasm'\nforeach = 'input'\n"},
	{graph: loop},
	{graph: "chain = ['large', 'b', 'large2', 'c']\n[nodes]\nlarge.module = 'a.wasm'\nb.module = 'b.wasm'\nlarge2.module = 'b.wasm'\nc.module = 'c.wasm'\n"},
	{graph: "[nodes]\nlarge.module = 'a.wasm'\nlarge2.module = 'b.wasm'\nlarge3.module = 'c.wasm'\nlarge4.module = 'd.wasm'\nlarge5.module = 'e.wasm'\n"},
}

// uneven is a journal of which an append of each run may go wrong, in one way or another.
type uneven struct {
	*memory.Journal
	seed   uint64
	prompt bool
	calm   bool

	mu      sync.Mutex
	appends map[string]int
}

// Prompt implements [journal.Prompter].
func (j *uneven) Prompt() bool { return j.prompt }

// Append implements [journal.Journal].
func (j *uneven) Append(ctx context.Context, events ...event.Event) error {
	run := events[0].Run
	chance := drawn(j.seed, run, "journal")
	if !j.prompt {
		time.Sleep([]time.Duration{0, 10 * time.Microsecond, time.Millisecond, 50 * time.Millisecond, time.Second}[chance.IntN(5)])
	}
	j.mu.Lock()
	j.appends[run]++
	strikes := !j.calm && j.appends[run] == 1+chance.IntN(12)
	j.mu.Unlock()
	if !strikes {
		return j.Journal.Append(ctx, events...)
	}
	switch chance.IntN(6) {
	case 0:
		return errDisk
	case 1:
		panic("the disk")
	case 2:
		return errors.Join(j.Journal.Append(ctx, events...), errDisk)
	case 3:
		_ = j.Journal.Append(ctx, events...)
		panic("the disk")
	case 4:
		if !j.prompt {
			time.Sleep(time.Hour)
		}
	}
	return j.Journal.Append(ctx, events...)
}

// shorts is what the runs of a seed have in common.
type shorts struct {
	t       *testing.T
	seed    uint64
	calm    bool // nothing goes wrong but what is the graph's
	journal *uneven
	driver  *local.Driver

	mu    sync.Mutex
	stops map[string]context.CancelCauseFunc
	once  map[string]bool
}

func newShorts(t *testing.T, seed uint64, calm bool) *shorts {
	t.Helper()
	chance := drawn(seed, "driver")
	s := &shorts{t: t, seed: seed, calm: calm, stops: map[string]context.CancelCauseFunc{}, once: map[string]bool{}}
	s.journal = &uneven{Journal: memory.New(), seed: seed, calm: calm, prompt: chance.IntN(2) == 0, appends: map[string]int{}}
	s.driver = local.New(local.Config{Journal: s.journal, Invoker: s, Parallel: 1 + chance.IntN(3), Runs: 1 + chance.IntN(4)})
	return s
}

// first says whether something is done for the first time.
func (s *shorts) first(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.once[what]
	s.once[what] = true
	return first
}

// pause takes nothing, some µs, about a moment or more.
func pause(ctx context.Context, chance *rand.Rand) {
	var d time.Duration
	switch chance.IntN(12) {
	case 0, 1, 2:
		d = time.Duration(chance.IntN(50)) * time.Microsecond
	case 3, 4:
		d = time.Duration(100+chance.IntN(500)) * time.Microsecond
	case 5:
		d = time.Millisecond + time.Duration(chance.IntN(3)-1)*time.Duration(chance.IntN(3))*time.Microsecond
	case 6:
		d = time.Duration(chance.IntN(100)) * time.Millisecond
	default:
		return
	}
	if chance.IntN(2) == 0 {
		time.Sleep(d)
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Invoke implements [driver.Invoker].
func (s *shorts) Invoke(ctx context.Context, p *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	chance := drawn(s.seed, c.Attempt)
	pause(ctx, chance)
	if strings.HasPrefix(c.Node, "calls") {
		for i := len(calls.Answered()) + 1; i <= 1+chance.IntN(4); i++ {
			if err := call(ctx, calls, i, oneCall); err != nil {
				return event.Outcome{}, err
			}
			pause(ctx, chance)
		}
	}
	if chance.IntN(4) == 0 {
		if err := calls.Settled(ctx); err != nil {
			return event.Outcome{}, err
		}
	}
	if !s.calm {
		if err := s.trouble(p.Digest, c); err != nil {
			return event.Outcome{}, err
		}
	}
	of := shapes[shapeOf(p.Digest)]
	switch {
	case c.Node == of.fails && chance.IntN(2) == 0 && of.hangs:
		<-ctx.Done()
		if chance.IntN(2) == 0 {
			time.Sleep(time.Hour)
		}
	case c.Node == of.fails && chance.IntN(2) == 0:
		return event.Outcome{Failure: &failure.Failure{Code: failure.CapabilityError, Retryable: true}}, nil
	}
	if ctx.Err() != nil {
		return event.Outcome{Failure: &failure.Failure{Code: failure.Canceled}}, nil //nolint:nilerr // the failure says it
	}
	if strings.HasPrefix(c.Node, "large") {
		return event.Outcome{Output: document.String(strings.Repeat("x", 700<<10))}, nil
	}
	return event.Outcome{Output: document.MustParse(`[1,2]`)}, nil
}

func shapeOf(run string) (i int) {
	_, _ = fmt.Sscanf(run, "run %d", &i)
	return i % len(shapes)
}

var errAttempt = errors.New("an attempt is broken")

// trouble stops a run in the middle of an attempt, in one way or another, or does not.
func (s *shorts) trouble(run string, c stepper.Invoke) error {
	chance := drawn(s.seed, run, c.Attempt, "trouble")
	kind := chance.IntN(40)
	if kind > 4 || !s.first(fmt.Sprint(run, c.Attempt)) {
		return nil
	}
	s.mu.Lock()
	stop := s.stops[run]
	s.mu.Unlock()
	switch kind {
	case 0:
		panic("an attempt")
	case 1:
		return errAttempt
	case 2:
		stop(errors.New("enough"))
	case 3:
		stop(driver.ErrInterrupted)
	case 4:
		stop(driver.ErrInterrupted)
		time.Sleep(time.Hour)
	}
	return nil
}

// carry carries out a part of a run; a panic is an error of it.
func (s *shorts) carry(ctx context.Context, of driver.Session) (end event.RunFinished, err error) {
	defer func() {
		if value := recover(); value != nil {
			if p, ok := value.(*driver.Panic); ok {
				value = p.Value
			}
			if !slices.Contains([]any{"an attempt", "the disk", "the caller"}, value) {
				panic(value)
			}
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	return s.driver.Carry(ctx, of)
}

// session makes a run from its name.
func (s *shorts) session(run string) driver.Session {
	chance := drawn(s.seed, run)
	p := planOf(s.t, shapes[shapeOf(run)].graph)
	p.Digest = run
	of := driver.Session{
		Plan: p, Run: run, Started: event.RunStarted{Input: list(chance.IntN(9))}, Awaited: chance.IntN(2) == 0,
	}
	var last uint64
	panics := uint64(1 + chance.IntN(60))
	of.Durable = func(e event.Event) {
		if last++; e.Seq != last && e.Body.Type() != event.TypeRunResumed {
			s.t.Errorf("%s: event %d was shown after %d", run, e.Seq, last-1)
		}
		if last = e.Seq; e.Seq == panics && !s.calm && s.first(run+" is shown") {
			panic("the caller")
		}
	}
	return of
}

// signals sends what no step waits for.
func (s *shorts) signals(run string, to chan<- driver.Signal, over <-chan struct{}) {
	chance := drawn(s.seed, run, "signals")
	told := make(chan error, 2)
	select {
	case <-over:
		return
	case <-time.After(time.Duration(chance.IntN(20_000)) * time.Microsecond):
	}
	select {
	case <-over:
		return
	case to <- driver.Signal{Step: "a", Document: document.Int(1), Done: func(err error) { told <- err }}:
	}
	<-over
	if len(told) != 1 || <-told == nil {
		s.t.Errorf("%s: what came of a signal for no step was told %d times, or that it was taken", run, len(told))
	}
}

// all carries a run out, in as many parts as it takes.
func (s *shorts) all(run string, of driver.Session) event.RunFinished {
	chance := drawn(s.seed, run, "stops")
	for range 100 {
		end, err := s.part(run, of, chance)
		if err == nil {
			return end
		}
		if s.calm {
			s.t.Errorf("%s: %v", run, err)
		}
		of.Past = s.journal.Events(s.t.Context(), run)
		for _, err := range of.Past {
			if err != nil { // it was stopped before it began
				of.Past = nil
			}
			break
		}
	}
	s.t.Errorf("%s: it does not end", run)
	return event.RunFinished{}
}

// part carries a run out until something stops it.
func (s *shorts) part(run string, of driver.Session, chance *rand.Rand) (event.RunFinished, error) {
	ctx, stop := context.WithCancelCause(s.t.Context())
	defer stop(nil)
	s.mu.Lock()
	s.stops[run] = stop
	s.mu.Unlock()
	if !s.calm && chance.IntN(2) == 0 {
		cause := []error{driver.ErrInterrupted, driver.ErrInterrupted, errors.New("enough")}[chance.IntN(3)]
		after := []time.Duration{time.Microsecond, 100 * time.Microsecond, time.Millisecond, time.Second}[chance.IntN(4)]
		timer := time.AfterFunc(after*time.Duration(chance.IntN(12))/10, func() { stop(cause) })
		defer timer.Stop()
	}
	if chance.IntN(2) == 0 {
		signals, over := make(chan driver.Signal), make(chan struct{})
		of.Signals = signals
		var others sync.WaitGroup
		others.Go(func() { s.signals(run, signals, over) })
		defer others.Wait()
		defer close(over)
	}
	return s.carry(ctx, of)
}

// check holds a run against what the journal has of it.
func (s *shorts) check(run string, end event.RunFinished, p *plan.Plan) {
	m := stepper.New(p.Graph)
	var last event.Body
	for _, e := range stored(s.t, s.journal, run) {
		if _, err := m.Apply(e); err != nil {
			s.t.Errorf("%s: %v", run, err)
		}
		last = e.Body
	}
	if finished, ok := last.(event.RunFinished); !ok || !m.Finished() || said(finished) != said(end) {
		s.t.Errorf("%s: it ended %s; the journal ends with %+v", run, said(end), last)
	}
}

// said is what is to be the same, however a run is carried out.
func said(end event.RunFinished) string {
	if end.Failure != nil {
		return fmt.Sprint(end.Status, " ", end.Failure.Code)
	}
	return fmt.Sprint(end.Status, " ", end.Output.Digest())
}

// idle fails the test where something is taken or left behind.
func (s *shorts) idle() {
	s.t.Helper()
	alone(s.t)
	if places, gate, wait := s.driver.Taken(); places != 0 || gate != 0 || wait != 0 {
		s.t.Errorf("%d places are taken, %d runs are in the gate, %d wait", places, gate, wait)
	}
}

var _ journal.Prompter = (*uneven)(nil)

// TestShortRuns: many at once, of which each ends; and of each shape one alone, which ends
// as one does that is observed.
func TestShortRuns(t *testing.T) {
	for seed := *firstFlag; seed < *firstFlag+*seedsFlag; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShorts(t, seed, false)
				var runs sync.WaitGroup
				for i := range 8 {
					runs.Go(func() {
						run := fmt.Sprint("run ", (int(seed)+i)%len(shapes))
						of := s.session(run)
						s.check(run, s.all(run, of), of.Plan)
					})
				}
				runs.Wait()
				s.idle()
			})
			synctest.Test(t, func(t *testing.T) {
				run := fmt.Sprint("run ", seed)
				var ends [2]string
				for i := range ends {
					s := newShorts(t, seed, true)
					of := s.session(run)
					if i > 0 {
						of.Observe = []driver.Observer{func(event.Event) {}}
					}
					end := s.all(run, of)
					s.check(run, end, of.Plan)
					s.idle()
					ends[i] = said(end)
				}
				if ends[0] != ends[1] {
					t.Errorf("%s: it ended %s; observed %s", run, ends[0], ends[1])
				}
			})
		})
	}
}
