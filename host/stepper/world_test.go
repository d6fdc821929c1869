package stepper_test

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// epoch is when the runs of the tests start.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a driver without a clock: it carries out a machine's commands in a
// made-up time, in which every attempt takes as long as nodes says.
type world struct {
	graph *graph.Graph
	nodes func(c stepper.Invoke) (event.Outcome, time.Duration)
	calls func(a event.Attempt) []scenario.Call // nil: none
	seed  event.Seed
	input document.Document
	// forked is what the run is a fork of; nil: of none.
	forked *event.Forked
	// cancelAt asks the run to stop; 0: nobody does.
	cancelAt time.Duration
	// stops are when the host stops, and resumes the run at once.
	stops []time.Duration
	// signals are sent to steps that wait.
	signals []scenario.Signal

	machine *stepper.Machine
	events  []event.Event
	batches []int // lengths of events after each batch
	said    []said
	pending []pending
	order   int
}

// said is one command, after the event that caused it.
type said struct {
	after   int
	command stepper.Command
}

// pending is something that will happen.
type pending struct {
	at      time.Time
	order   int
	outcome *event.Outcome
	timer   string
	cancel  bool
	stop    bool
	signal  *scenario.Signal
	call    *call
}

// call is one that an attempt will make.
type call struct {
	scenario.Call
	by      event.Attempt
	ordinal int
}

// of reports whether it is something that an attempt does.
func (p pending) of(a event.Attempt) bool {
	return p.outcome != nil && p.outcome.Attempt == a || p.call != nil && p.call.by == a
}

// run carries the run out and gives how it ended.
func (w *world) run(tb rapid.TB) event.RunFinished {
	tb.Helper()
	w.machine = stepper.New(w.graph)
	if w.cancelAt > 0 {
		w.wait(pending{at: epoch.Add(w.cancelAt), cancel: true})
	}
	w.await(epoch.Add(-1))
	w.commit(tb, epoch, event.RunStarted{Graph: w.graph.Name, Plan: "sha256:plan", Input: w.input, Seed: w.seed, Forked: w.forked})
	return w.carryOn(tb)
}

func (w *world) carryOn(tb rapid.TB) event.RunFinished {
	tb.Helper()
	for !w.machine.Finished() {
		if len(w.pending) == 0 {
			tb.Fatalf("the run is stuck after %v", w.last())
		}
		p := w.pending[0]
		w.pending = w.pending[1:]
		switch {
		case p.outcome != nil:
			w.commit(tb, p.at, w.machine.Judge(*p.outcome))
		case p.call != nil:
			admitted := p.call.Usage.Calls == 0 || w.machine.Admit(p.call.by)
			w.commit(tb, p.at, p.call.Answered(p.call.by, p.call.ordinal, admitted))
		case p.cancel:
			w.commit(tb, p.at, event.CancelRequested{Reason: scenario.CancelReason})
		case p.stop:
			w.resume(tb, p.at)
		case p.signal != nil:
			if err := w.machine.CheckSignal(p.signal.Step, p.signal.Document); err != nil {
				tb.Fatal(err)
			}
			w.commit(tb, p.at, event.SignalReceived{Step: p.signal.Step, Document: p.signal.Document})
		case w.machine.Awaits(p.timer):
			w.commit(tb, p.at, event.TimerFired{Timer: p.timer})
		}
	}
	end, ok := w.last().Body.(event.RunFinished)
	if !ok {
		tb.Fatalf("a finished run ends in %v", w.last())
	}
	return end
}

// resume makes the machine again from its events, in another process.
func (w *world) resume(tb rapid.TB, at time.Time) {
	tb.Helper()
	w.machine = w.folded(tb, len(w.events))
	w.pending = slices.DeleteFunc(w.pending, func(p pending) bool { return p.outcome != nil || p.call != nil || p.timer != "" })
	w.commit(tb, at, event.RunResumed{})
}

// await puts the signals and the stops that come after a time among what will
// happen.
func (w *world) await(after time.Time) {
	for _, s := range w.signals {
		if at := epoch.Add(s.At); at.After(after) {
			w.wait(pending{at: at, signal: &s})
		}
	}
	for _, s := range w.stops {
		if at := epoch.Add(s); at.After(after) {
			w.wait(pending{at: at, stop: true})
		}
	}
}

func (w *world) last() event.Event { return w.events[len(w.events)-1] }

func (w *world) wait(p pending) {
	w.order++
	p.order = w.order
	i, _ := slices.BinarySearchFunc(w.pending, p, func(a, b pending) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order, b.order))
	})
	w.pending = slices.Insert(w.pending, i, p)
}

// commit is the driver's loop.
func (w *world) commit(tb rapid.TB, at time.Time, body event.Body) {
	tb.Helper()
	var todo []stepper.Command
	for body != nil {
		e := event.Event{Run: "run", Seq: uint64(len(w.events) + 1), Time: at, Body: body}
		w.events = append(w.events, e)
		commands, err := w.machine.Apply(e)
		if err != nil {
			tb.Fatal(err)
		}
		body = nil
		for i, c := range commands {
			if r, ok := c.(stepper.Record); ok {
				if body = r.Body; i != len(commands)-1 {
					tb.Fatalf("a command follows the record of %v", body)
				}
				continue
			}
			w.said = append(w.said, said{len(w.events), c})
			todo = append(todo, c)
		}
	}
	w.batches = append(w.batches, len(w.events))
	for _, c := range todo {
		w.do(at, c)
	}
}

func (w *world) do(at time.Time, c stepper.Command) {
	switch c := c.(type) {
	case stepper.Invoke:
		w.ask(at, c.Attempt)
		o, took := w.nodes(c)
		o.Attempt = c.Attempt
		w.wait(pending{at: at.Add(took), outcome: &o})
	case stepper.Wake:
		w.wait(pending{at: c.At, timer: c.Timer})
	case stepper.Abort:
		w.pending = slices.DeleteFunc(w.pending, func(p pending) bool { return p.of(c.Attempt) })
		w.wait(pending{at: at, outcome: &event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}, Fuel: 1}})
	case stepper.Record:
		// Part of the batch, see commit.
	}
}

// ask lets an attempt make the calls that it has not made before a crash.
func (w *world) ask(at time.Time, a event.Attempt) {
	if w.calls == nil {
		return
	}
	recorded := 0
	for _, e := range w.events {
		if b, ok := e.Body.(event.CapabilityAnswered); ok && b.Attempt == a {
			recorded++
		}
	}
	for i, c := range w.calls(a) {
		if i >= recorded {
			w.wait(pending{at: at.Add(c.At), call: &call{c, a, i + 1}})
		}
	}
}

// folded makes a machine from the first events of w, as a resume would.
func (w *world) folded(tb rapid.TB, n int) *stepper.Machine {
	tb.Helper()
	m := stepper.New(w.graph)
	for _, e := range w.events[:n] {
		if _, err := m.Apply(e); err != nil {
			tb.Fatal(err)
		}
	}
	return m
}

// checkFolding shows that a machine made from the journal at any batch waits
// for the same things as the one that made it, and ends the run with the same
// events.
func (w *world) checkFolding(tb rapid.TB) {
	tb.Helper()
	for _, n := range w.batches {
		m := w.folded(tb, n)
		again := &world{graph: w.graph, nodes: w.nodes, calls: w.calls, machine: m, events: slices.Clone(w.events[:n])}
		at := w.events[n-1].Time
		if w.cancelAt > 0 && epoch.Add(w.cancelAt).After(at) {
			again.wait(pending{at: epoch.Add(w.cancelAt), cancel: true})
		}
		again.signals, again.stops = w.signals, w.stops
		again.await(at)
		for _, c := range m.Open() {
			from := at
			if c, ok := c.(stepper.Invoke); ok {
				from = began(w.events[:n], c) // the outcome comes when it would have come
			}
			again.do(from, c)
		}
		again.carryOn(tb)
		if got, want := again.events, w.events; !reflect.DeepEqual(plain(got), plain(want)) {
			tb.Fatalf("resumed after event %d:\n%s\nin one go:\n%s", n, lines(got), lines(want))
		}
	}
}

// began is when an attempt under way began, or began again.
func began(events []event.Event, c stepper.Invoke) time.Time {
	at := c.Time
	for _, e := range events {
		if _, ok := e.Body.(event.RunResumed); ok && e.Time.After(at) {
			at = e.Time
		}
	}
	return at
}

// plain makes events comparable.
func plain(events []event.Event) (list []string) {
	for _, e := range events {
		b, err := event.Encode(e)
		if err != nil {
			b = []byte(err.Error())
		}
		list = append(list, string(b))
	}
	return list
}

func lines(events []event.Event) (text string) {
	for _, s := range plain(events) {
		text += s + "\n"
	}
	return text
}
