package simulate

// A driver without a clock: it carries out a machine's commands in a made-up
// time.

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper"
)

// epoch is when all runs start.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// planned is the digest of the plan that the runs of cases name.
const planned = "sha256:drawn"

// most bounds the events of a run: max_steps does, if it is kept.
const most = 50_000

// world is one run of a case.
type world struct {
	*Case
	graph    *graph.Graph
	schedule uint64 // decides how long attempts take
	crashes  int    // how often the machine is lost
	cancelAt time.Duration
	taken    map[string]event.Outcome // over, by step

	machine *stepper.Machine
	events  []event.Event
	inputs  map[event.Attempt]stepper.Invoke
	asked   map[string]bool           // steps whose signal is under way
	crowd   map[string]map[string]int // attempts under way, by foreach and element, also inside of it
	crowded bool                      // more than their author allows
	pending []pending
	order   int
	luck    *rand.Rand
}

// pending is something that will happen.
type pending struct {
	at      time.Time
	order   int
	outcome *event.Outcome
	timer   string
	signal  *event.SignalReceived
	answer  *event.Outcome // taken over, of a step that waits
	cancel  bool
	call    *Call
	asked   bool // the call was; this is its answer
}

// of reports whether it is something that an attempt does.
func (p pending) of(a event.Attempt) bool {
	return p.outcome != nil && p.outcome.Attempt == a || p.call != nil && p.call.Fact.Attempt == a
}

// run carries the run out, to its end.
func (w *world) run() error {
	w.luck = rand.New(rand.NewPCG(w.Seed, w.schedule))
	w.machine = stepper.New(w.graph)
	w.inputs, w.asked, w.crowd = map[event.Attempt]stepper.Invoke{}, map[string]bool{}, map[string]map[string]int{}
	if w.cancelAt > 0 {
		w.wait(pending{at: epoch.Add(w.cancelAt), cancel: true})
	}
	if err := w.commit(epoch, w.Started()); err != nil {
		return err
	}
	for !w.machine.Finished() {
		if len(w.events) > most {
			return fmt.Errorf("there are %d events, and no end", len(w.events))
		}
		if len(w.pending) == 0 {
			return fmt.Errorf("the run is stuck after %d events", len(w.events))
		}
		if w.crashes > 0 && w.luck.IntN(10) == 0 {
			w.crashes--
			if err := w.crash(); err != nil {
				return err
			}
			continue
		}
		p := w.pending[0]
		w.pending = w.pending[1:]
		var err error
		switch {
		case p.outcome != nil:
			for of, element := range elementsOf(p.outcome.Step) {
				if w.crowd[of][element]--; w.crowd[of][element] == 0 {
					delete(w.crowd[of], element)
				}
			}
			err = w.commit(p.at, w.machine.Judge(*p.outcome))
		case p.call != nil:
			err = w.called(p)
		case p.answer != nil:
			if slices.Contains(w.machine.Waits(), p.answer.Step) {
				err = w.commit(p.at, w.machine.Judge(*p.answer))
			}
		case p.cancel:
			err = w.commit(p.at, event.CancelRequested{Reason: "enough"})
		case p.signal != nil:
			if w.machine.CheckSignal(p.signal.Step, p.signal.Document) == nil {
				err = w.commit(p.at, *p.signal)
			}
		case w.machine.Awaits(p.timer):
			err = w.commit(p.at, event.TimerFired{Timer: p.timer})
		}
		if err != nil {
			return err
		}
	}
	if w.crowded {
		return errors.New("more elements were called at once than their foreach allows")
	}
	return nil
}

// Started is the first event of the case's runs.
func (c *Case) Started() event.RunStarted {
	return event.RunStarted{Graph: c.Graph.Name, Plan: planned, Input: c.Input, Seed: event.Seed{byte(c.Seed)}, Forked: c.Forked}
}

// crash throws the machine away, folds another from the events, and resumes the
// run with that one.
func (w *world) crash() error {
	now := w.events[len(w.events)-1].Time
	w.machine = stepper.New(w.graph)
	for _, e := range w.events {
		if _, err := w.machine.Apply(e); err != nil {
			return fmt.Errorf("folding event %d: %w", e.Seq, err)
		}
	}
	w.pending = slices.DeleteFunc(w.pending, func(p pending) bool { return !p.cancel })
	w.crowd = map[string]map[string]int{}
	w.asked = map[string]bool{}
	return w.commit(now, event.RunResumed{})
}

// answer sends a signal to those who began to wait.
func (w *world) answer(now time.Time) {
	if len(w.waits) == 0 {
		return
	}
	for _, id := range w.machine.Waits() {
		if w.asked[id] {
			continue
		}
		w.asked[id] = true
		a := event.Attempt{Step: id, Node: nodeOf(id), Number: 1}
		took := w.Took(w.schedule, a)
		if o, ok := w.takeOver(a); ok {
			w.wait(pending{at: now, answer: &o})
			continue
		}
		w.wait(pending{at: now.Add(took), signal: &event.SignalReceived{Step: id, Document: w.Answer(id)}})
	}
}

func (w *world) wait(p pending) {
	w.order++
	p.order = w.order
	i, _ := slices.BinarySearchFunc(w.pending, p, func(a, b pending) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order, b.order))
	})
	w.pending = slices.Insert(w.pending, i, p)
}

// commit is the driver's loop.
func (w *world) commit(at time.Time, body event.Body) error {
	if last := len(w.events) - 1; last >= 0 && at.Before(w.events[last].Time) {
		at = w.events[last].Time // a timer that was due before a crash
	}
	var todo []stepper.Command
	for body != nil {
		e := event.Event{Run: "run", Seq: uint64(len(w.events) + 1), Time: at, Body: body}
		w.events = append(w.events, e)
		commands, err := w.machine.Apply(e)
		if err != nil {
			return fmt.Errorf("applying event %d: %w", e.Seq, err)
		}
		body = nil
		for _, c := range commands {
			if r, ok := c.(stepper.Record); ok {
				body = r.Body
			} else {
				todo = append(todo, c)
			}
		}
	}
	for _, c := range todo {
		w.do(at, c)
	}
	w.answer(at)
	return nil
}

func (w *world) do(at time.Time, c stepper.Command) {
	switch c := c.(type) {
	case stepper.Invoke:
		w.inputs[c.Attempt] = c
		for of, element := range elementsOf(c.Step) {
			if w.crowd[of] == nil {
				w.crowd[of] = map[string]int{}
			}
			w.crowd[of][element]++
			w.crowded = w.crowded || len(w.crowd[of]) > w.foreach[nodeOf(of)]
		}
		if o, ok := w.takeOver(c.Attempt); ok {
			w.wait(pending{at: at, outcome: &o})
			return
		}
		w.ask(at, c.Attempt)
		o := w.Nodes(c.Attempt, c.Input, c.Feedback)
		w.wait(pending{at: at.Add(w.Took(w.schedule, c.Attempt)), outcome: &o})
	case stepper.Wake:
		w.wait(pending{at: c.At, timer: c.Timer})
	case stepper.Abort:
		for _, p := range w.pending {
			if p.outcome != nil && p.outcome.Attempt == c.Attempt {
				w.pending = slices.DeleteFunc(w.pending, func(p pending) bool { return p.of(c.Attempt) })
				if w.luck.IntN(2) == 0 { // it may have ended by itself just before
					p.outcome = &event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled}, Fuel: 1}
				}
				p.at = at
				w.wait(p)
				return
			}
		}
	case stepper.Record:
		// Part of the batch, see commit.
	}
}

// ask lets an attempt make its calls, without those that were recorded before a
// crash.
func (w *world) ask(at time.Time, a event.Attempt) {
	calls := w.Calls(w.schedule, a)
	if len(calls) == 0 {
		return
	}
	for _, e := range w.events {
		if b, ok := e.Body.(event.CapabilityAnswered); ok && b.Attempt == a {
			calls = calls[1:]
		}
	}
	for _, c := range calls {
		w.wait(pending{at: at.Add(c.Asked), call: &c})
	}
}

// called admits a call, or records its answer.
func (w *world) called(p pending) error {
	switch costs := p.call.Fact.Usage.Calls > 0; {
	case p.asked:
		return w.commit(p.at, p.call.Fact)
	case costs && !w.machine.Admit(p.call.Fact.Attempt):
		return w.commit(p.at, p.call.Refused())
	case p.call.Lost:
		return nil
	}
	p.asked = true
	p.at = p.at.Add(p.call.Answered - p.call.Asked)
	w.wait(p)
	return nil
}

// Took is how long an attempt takes: always the same in schedule 0; the longer
// the earlier in canonical order in schedule 1; anything else in the others.
func (c *Case) Took(schedule uint64, a event.Attempt) time.Duration {
	switch schedule {
	case 0:
		return time.Millisecond
	case 1:
		if n := c.Graph.Node(a.Node); n != nil {
			return time.Hour / time.Duration(1+n.Rank)
		}
	}
	h := hash("took", strconv.FormatUint(schedule, 10), a.Step, strconv.Itoa(a.Number))
	if h%4 == 0 {
		return time.Duration(h/4%100) * time.Second
	}
	return time.Duration(h/4%5000) * time.Millisecond
}
