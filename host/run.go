package host

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
)

// Run is one execution of a graph on one input. Its methods are safe for
// concurrent use.
type Run struct {
	id     string
	graph  *graph.Graph
	redact *secret.Redactor // of what comes from outside while the run goes on

	mu     sync.Mutex
	grown  *sync.Cond // there is another event, or there will be none
	still  *sync.Cond // the run rests, or has ended: whoever waits for that is not woken by each event
	events []event.Event

	waiting []string // the steps for whose signals the run rests; nil: it does not
	signals chan driver.Signal

	over     chan struct{} // closed when nobody carries the run out any more
	left     sync.Once     // closes over
	done     chan struct{} // closed when the run has ended; what follows is fixed then
	finished event.RunFinished
	err      error
}

// Run runs g on input and waits for the end, or until the run rests, see
// [Run.Wait]. The input is a document, JSON text
// ([]byte, json.RawMessage), or any value that encoding/json can write; nil is
// an empty object.
//
// What need not be done by others is done in the goroutine that calls it: a short run of
// a graph without waits takes no other.
//
// When ctx is canceled the run is canceled: its status is canceled and the error
// is nil. The cause [ErrInterrupted] stops it where it is, and is returned.
func (h *Host) Run(ctx context.Context, g *Graph, input any, options ...RunOption) (*Run, error) {
	r, err := h.start(ctx, g, input, append(slices.Clip(options), ends))
	if err != nil {
		return nil, err
	}
	return r, r.Wait()
}

// ends says that somebody waits until the run has ended, or rests.
func ends(c *runConfig) { c.ends = true }

// ErrRunning means that a run with the id that [WithRunID] asked for is under
// way: choose another.
var ErrRunning = errors.New("a run with this id is under way")

// Start begins a run of g on input and returns when that is recorded: at once,
// unless as many runs are under way as may be (see [WithRuns]); then it waits for
// one of them to end, or to rest. See [Host.Run].
func (h *Host) Start(ctx context.Context, g *Graph, input any, options ...RunOption) (*Run, error) {
	r, err := h.start(ctx, g, input, append(slices.Clip(options), awaited))
	if err != nil {
		return nil, err
	}
	r.event(0)
	return r, nil
}

// awaited says that somebody waits until the start of the run is recorded.
func awaited(c *runConfig) { c.awaited = true }

func (h *Host) start(ctx context.Context, g *Graph, input any, options []RunOption) (*Run, error) {
	var c runConfig
	for _, o := range options {
		o(&c)
	}
	d, err := newInput(input, h.limits)
	if err != nil {
		return nil, err
	}
	return h.begin(ctx, g, d, c)
}

// begin begins a run, also one that is a fork.
func (h *Host) begin(ctx context.Context, g *Graph, d document.Document, c runConfig) (_ *Run, err error) {
	var open vault
	if c.answers == nil { // recorded answers need no key, and hold none
		if open, err = h.unlock(ctx, g); err != nil {
			return nil, err
		}
	}
	if open.redact != nil {
		// What stands for a secret may be longer than it.
		if d, err = parseInput(open.redact.Document(d).Bytes(), h.limits); err != nil {
			return nil, err
		}
	}
	if err := g.checkInput(ctx, d); err != nil {
		return nil, err
	}
	if c.id == "" {
		c.id = newRunID(time.Now())
	}
	seed := defaultSeed(g, d)
	if c.seed != nil {
		seed = *c.seed
	}
	release, err := h.take(c.id)
	if err != nil {
		return nil, err
	}
	if c.forked != nil {
		forked := open.redacted(*c.forked)
		c.forked = &forked
	}
	r := newRun(c.id, g, open)
	h.carry(ctx, r, c, driver.Session{
		Plan: g.plan, Made: g.made, Awaited: c.awaited,
		Started: event.RunStarted{Graph: g.Name(), Plan: g.Digest(), Input: d, Seed: seed, Forked: c.forked},
	}, open, release)
	return r, nil
}

// usualEvents has room for those of a small run.
const usualEvents = 24

func newRun(id string, g *Graph, open vault) *Run {
	r := &Run{id: id, graph: g.plan.Graph, redact: open.redact, events: make([]event.Event, 0, usualEvents), over: make(chan struct{}), done: make(chan struct{}), signals: make(chan driver.Signal)}
	r.grown, r.still = sync.NewCond(&r.mu), sync.NewCond(&r.mu)
	return r
}

// take makes a run this host's own, and one under way.
func (h *Host) take(id string) (release func(), err error) {
	if _, taken := h.running.LoadOrStore(id, true); taken {
		return nil, fmt.Errorf("%w: %s", ErrRunning, id)
	}
	disown := func() error { return nil }
	if o, ok := h.journal.(journal.Owner); ok {
		own, err := o.Own(id)
		switch {
		case err == nil:
			disown = own
		case errors.Is(err, errors.ErrUnsupported):
			h.logger.Warn("this system cannot tell which process a run belongs to: no other one may carry it on", "run", id)
		default:
			h.running.Delete(id)
			return nil, err
		}
	}
	return func() {
		if err := disown(); err != nil {
			h.logger.Warn("giving the run back: "+err.Error(), "run", id)
		}
		h.running.Delete(id)
	}, nil
}

// carry carries a run out, hands it what is sent to it, and releases it at the end. It
// returns at once, unless somebody waits for the end anyway.
func (h *Host) carry(ctx context.Context, r *Run, c runConfig, s driver.Session, open vault, release func()) {
	c.id = r.id
	s.Run, s.Durable, s.Observe, s.Partial = r.id, r.add, c.observe, c.partials()
	s.Signals, s.Rests = r.signals, r.rests
	s.Cassette = c.answers != nil
	scope := c.scope(open)
	scope.Cache = h.cache()
	s.Engine, s.Invoker = h.engine.Name(), c.watched(invoker{h.invoker, scope}, r.id, open)
	if c.takes != nil {
		s.Invoker, s.Known, s.Decided = c.takes.Invoker(s.Invoker), c.takes.Known, c.takes.See
	}
	ctx, leave := h.mail.enter(ctx, r)
	carry := func() {
		finished, err := event.RunFinished{}, errExit
		defer func() { // also where what a run asks ends the goroutine that asks
			r.leave()
			leave()
			h.forget(r.id)
			release()
			r.end(finished, err)
		}()
		finished, err = h.drive(ctx, s)
	}
	if c.ends && !s.Plan.Graph.Waits() { // it cannot rest
		carry()
	} else {
		go carry()
	}
}

// errExit is what becomes of a run whose goroutine has called runtime.Goexit.
var errExit = errors.New("a capability, or another part of the host, has ended the goroutine that asked it: runtime.Goexit, or FailNow of a test")

func (h *Host) drive(ctx context.Context, s driver.Session) (_ event.RunFinished, err error) {
	defer guard(&err)
	return h.driver.Carry(ctx, s)
}

func (r *Run) add(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.waiting = nil
	r.grown.Broadcast()
}

// leave says that nobody carries the run out any more.
func (r *Run) leave() { r.left.Do(func() { close(r.over) }) }

func (r *Run) end(finished event.RunFinished, err error) {
	r.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished, r.waiting = finished, nil
	if err != nil {
		r.err = fmt.Errorf("run %s: %w", r.id, err)
	}
	close(r.done)
	r.grown.Broadcast()
	r.still.Broadcast()
}

// ID names the run.
func (r *Run) ID() string { return r.id }

// Wait waits for the end of the run, or until the run rests: then its status is
// [Waiting], and after [Run.Signal] has carried it on Wait can be called again. A
// run that rests stays in the process until its context is canceled.
//
// The error means that chainrun could not do its work; a run that failed is no
// error.
func (r *Run) Wait() error {
	if r.settled() != nil {
		return nil
	}
	return r.err
}

// Done is closed when the run has ended, or this process does no more for it; never
// because it rests.
func (r *Run) Done() <-chan struct{} { return r.done }

// Events gives the run's events from the first one on, waits for those to come,
// and ends with the run. It may be called any number of times.
func (r *Run) Events() iter.Seq[event.Event] {
	return func(yield func(event.Event) bool) {
		for i := 0; ; i++ {
			e, ok := r.event(i)
			if !ok || !yield(e) {
				return
			}
		}
	}
}

// event waits for the i-th event; false when there will be none.
func (r *Run) event(i int) (event.Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i >= len(r.events) {
		select {
		case <-r.done:
			return event.Event{}, false
		default:
			r.grown.Wait()
		}
	}
	return r.events[i], true
}

// Status waits as [Run.Wait] does and says how the run ended, or [Waiting]; empty
// where Wait gives an error.
func (r *Run) Status() event.Status {
	if r.settled() != nil {
		return Waiting
	}
	return r.finished.Status
}

// Output waits as [Run.Wait] does and gives the run's output; absent unless it is
// done.
func (r *Run) Output() document.Document {
	if r.settled() != nil {
		return document.Document{}
	}
	return r.finished.Output
}

// Decode waits as [Run.Wait] does and stores the run's output in v, as json.Unmarshal
// does. It fails where the run did.
func (r *Run) Decode(v any) error {
	if err := r.Wait(); err != nil {
		return err
	}
	if f := r.Failure(); f != nil {
		return fmt.Errorf("run %s %s: %s", r.id, r.finished.Status, f)
	}
	if steps := r.settled(); steps != nil {
		return fmt.Errorf("run %s waits for a signal to %s", r.id, strings.Join(steps, ", "))
	}
	if err := json.Unmarshal(r.finished.Output.Bytes(), v); err != nil {
		return fmt.Errorf("decoding the output of run %s: %w", r.id, err)
	}
	return nil
}

// Failure waits as [Run.Wait] does and says why the run did not succeed; nil where it
// did.
func (r *Run) Failure() *failure.Failure {
	if r.settled() != nil {
		return nil
	}
	return r.finished.Failure
}

// View folds the events so far: steps, attempts, fuel, lineage digest.
func (r *Run) View() inspect.View {
	r.mu.Lock()
	events := slices.Clip(r.events)
	r.mu.Unlock()
	return inspect.Fold(r.graph, func(yield func(event.Event) bool) {
		for _, e := range events {
			if !yield(e) {
				return
			}
		}
	})
}

// defaultSeed makes equal runs equal: it is a hash of what the run does and of
// what it does it to.
func defaultSeed(g *Graph, input document.Document) event.Seed {
	return sha256.Sum256([]byte("chainrun seed 1\n" + g.Digest() + "\n" + input.Digest()))
}

// crockford is the alphabet of run ids: no letter looks like a digit.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// newRunID makes an id of 18 characters that sorts by time: 50 bits of
// milliseconds and 40 random bits.
func newRunID(now time.Time) string {
	var chance [8]byte
	_, _ = rand.Read(chance[:]) // never fails, see crypto/rand
	when, what := uint64(now.UnixMilli()), binary.BigEndian.Uint64(chance[:])
	id := make([]byte, 18)
	for i := 9; i >= 0; i-- {
		id[i], when = crockford[when&31], when>>5
	}
	for i := 17; i >= 10; i-- {
		id[i], what = crockford[what&31], what>>5
	}
	return string(id)
}
