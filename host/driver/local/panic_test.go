package local_test

// Something that a run calls panics, whoever's goroutine it is called in: Carry panics with
// it, whoever waits is told, nobody is asked again, and what the run had is given back.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// panics gives what f panics with, also where another goroutine did for it.
func panics(t *testing.T, f func()) (value any) {
	t.Helper()
	defer func() {
		value = recover()
		if p, ok := value.(*driver.Panic); ok {
			if !strings.Contains(string(p.Stack), "panic_test.go") {
				t.Errorf("the stack is %s", p.Stack)
			}
			value = p.Value
		}
	}()
	f()
	return nil
}

// trap panics at the first event of a type, and counts what it is shown afterwards.
type trap struct {
	at    event.Type
	once  bool
	after int
}

func (p *trap) see(e event.Event) {
	if p.once {
		p.after++
	}
	if e.Body.Type() == p.at {
		p.once = true
		panic("enough")
	}
}

// bad is a journal that panics at an event of a type.
type bad struct {
	slow
	at event.Type
}

func (j *bad) Append(ctx context.Context, events ...event.Event) error {
	for _, e := range events {
		if e.Body.Type() == j.at {
			panic("enough")
		}
	}
	return j.slow.Append(ctx, events...)
}

// asks makes a call, and says how that ended.
func asks(said chan<- error) func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
	return func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
		err := call(ctx, calls, 1, oneCall)
		said <- err
		return event.Outcome{Output: c.Input}, err
	}
}

func rests(ctx context.Context, _ stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	<-ctx.Done()
	return event.Outcome{}, context.Cause(ctx)
}

// enough panics after a while.
func enough(after time.Duration) func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
	return func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
		time.Sleep(after)
		panic("enough")
	}
}

func TestAPanicIsCarrys(t *testing.T) {
	errBroken := errors.New("the sandbox is broken")
	type scene struct {
		graph   string // of nodes a and b; "": a, then b
		prompt  bool
		observe event.Type // at which an observer panics
		decided event.Type // at which Decided does
		durable event.Type
		journal event.Type
		known   bool
		rests   bool
		a, b    func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) // nil: gives its input
		asked   bool                                                                       // a call of a fails
	}
	said := make(chan error, 10)
	wait := "chain = ['a', 'w']\n[nodes]\na.module = 'a.wasm'\nw.wait = true\n"
	scenes := map[string]scene{
		"an attempt has ended":                       {prompt: true, observe: event.TypeAttemptSucceeded},
		"the run has ended":                          {prompt: true, observe: event.TypeRunFinished},
		"a call is recorded":                         {prompt: true, observe: event.TypeCapabilityAnswered, a: asks(said), asked: true},
		"an append of who asks":                      {observe: event.TypeCapabilityAnswered, a: asks(said), asked: true},
		"an append of who asks, of what led to it":   {observe: event.TypeAttemptStarted, a: asks(said), asked: true},
		"an append that was put off":                 {observe: event.TypeRunStarted, a: rests},
		"an append at the end":                       {observe: event.TypeRunFinished},
		"an append at the end, of more than the end": {observe: event.TypeAttemptSucceeded},
		"an append when an attempt has broken down": {observe: event.TypeRunStarted, a: func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
			return event.Outcome{}, errBroken
		}},
		"an append when an attempt has broken down, of another one": {
			graph: "[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\n", observe: event.TypeCapabilityAnswered, a: asks(said), asked: true,
			b: func(context.Context, stepper.Invoke, driver.Calls) (event.Outcome, error) {
				time.Sleep(1500 * time.Millisecond) // the call is being recorded
				return event.Outcome{}, errBroken
			},
		},
		"an append before the run rests":     {graph: wait, observe: event.TypeAttemptSucceeded},
		"the run rests":                      {graph: wait, rests: true},
		"a decision of Carry":                {decided: event.TypeRunStarted},
		"a decision of an attempt":           {decided: event.TypeAttemptSucceeded},
		"a decision of an attempt, alone":    {graph: wait, decided: event.TypeAttemptSucceeded, prompt: true},
		"a decision of who asks":             {decided: event.TypeCapabilityAnswered, a: asks(said), asked: true},
		"what is known":                      {graph: wait, known: true},
		"what the caller keeps":              {durable: event.TypeAttemptSucceeded, prompt: true},
		"what the caller keeps, late":        {durable: event.TypeRunStarted, a: rests},
		"what the caller keeps, of who asks": {durable: event.TypeCapabilityAnswered, a: asks(said), asked: true},
		"an attempt":                         {a: enough(0)},
		"an attempt that takes its time":     {a: enough(time.Hour)},
		"an attempt beside another one":      {graph: "[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\n", a: rests, b: enough(time.Second)},
		"an attempt where others observe":    {a: enough(0), observe: event.TypeRunFinished},
		"a journal":                          {journal: event.TypeRunStarted},
		"a journal that is asked late":       {journal: event.TypeRunStarted, a: rests},
		"a journal, for who asks":            {journal: event.TypeCapabilityAnswered, a: asks(said), asked: true},
	}
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gives := func(_ context.Context, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
					return event.Outcome{Output: c.Input}, nil
				}
				work := callers{"a": gives, "b": gives}
				if s.a != nil {
					work["a"] = s.a
				}
				if s.b != nil {
					work["b"] = s.b
				}
				p := chain(t, "a", "b")
				if s.graph != "" {
					p = planOf(t, s.graph)
				}
				for _, n := range p.Graph.Nodes {
					p.Nodes = append(p.Nodes, &plan.Node{Node: n})
				}
				m := memory.New()
				broken := &bad{slow{Journal: m, takes: time.Second}, s.journal}
				j := journal.Journal(broken)
				if s.prompt {
					j = m
				}
				observer, decided, durable := &trap{at: s.observe}, &trap{at: s.decided}, &trap{at: s.durable}
				d := local.New(local.Config{Journal: j, Parallel: 2, Runs: 1, Invoker: work})
				session := driver.Session{
					Plan: p, Run: "r", Started: started, Signals: make(chan driver.Signal), Durable: durable.see,
					Rests: func([]string) {
						if s.rests {
							panic("enough")
						}
					},
				}
				if s.observe != "" {
					session.Observe = []driver.Observer{observer.see}
				}
				if s.decided != "" {
					session.Decided = decided.see
				}
				if s.known {
					session.Known = func(stepper.Description) (event.Outcome, bool) { panic("enough") }
				}
				if value := panics(t, func() {
					end, err := d.Carry(t.Context(), session)
					t.Errorf("it ended: %+v, %v", end, err)
				}); value != "enough" {
					t.Errorf("panic: %v", value)
				}
				if n := observer.after + decided.after + durable.after; n > 0 {
					t.Errorf("shown after the panic: %d events", n)
				}
				if s.asked {
					if err := <-said; err == nil {
						t.Error("the call was made")
					}
				}
				alone(t)
				work["a"], work["b"], broken.at = gives, gives, ""
				if end, err := d.Run(t.Context(), chain(t, "a", "b"), "next", started); err != nil || end.Status != event.Done {
					t.Errorf("the next run: %+v, %v", end, err)
				}
			})
		})
	}
}

// TestAnAttemptEndsItsGoroutine: the run ends with it. Carry panics, unless that goroutine
// was its own.
func TestAnAttemptEndsItsGoroutine(t *testing.T) {
	exits := func(after time.Duration) func(context.Context, stepper.Invoke) (event.Outcome, error) {
		return func(context.Context, stepper.Invoke) (event.Outcome, error) {
			time.Sleep(after)
			runtime.Goexit()
			return event.Outcome{}, nil
		}
	}
	for name, c := range map[string]struct {
		observed bool
		work     func(context.Context, stepper.Invoke) (event.Outcome, error)
	}{
		"Carry's":               {work: exits(0)},
		"Carry's, after a time": {work: exits(time.Hour)},
		"another one":           {work: exits(time.Hour), observed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				work := nodes{"a": c.work}
				d := local.New(local.Config{Journal: memory.New(), Parallel: 1, Runs: 1, Invoker: work})
				s := driver.Session{Plan: chain(t, "a"), Run: "r", Started: started}
				if c.observed {
					s.Observe = []driver.Observer{func(event.Event) {}}
				}
				var value any
				over := make(chan struct{})
				go func() {
					defer close(over)
					value = panics(t, func() {
						end, err := d.Carry(t.Context(), s)
						t.Errorf("it ended: %+v, %v", end, err)
					})
				}()
				<-over
				if said := fmt.Sprint(value); c.observed != strings.Contains(said, "runtime.Goexit") {
					t.Errorf("panic: %v", value)
				}
				alone(t)
				work["a"] = func(_ context.Context, i stepper.Invoke) (event.Outcome, error) {
					return event.Outcome{Output: i.Input}, nil
				}
				if end, err := d.Run(t.Context(), chain(t, "a"), "next", started); err != nil || end.Status != event.Done {
					t.Errorf("the next run: %+v, %v", end, err)
				}
			})
		})
	}
}

// TestASignalIsToldOnceWhateverPanics: also that the run has taken it, or has not.
func TestASignalIsToldOnceWhateverPanics(t *testing.T) {
	for name, at := range map[string]event.Type{"it is recorded": event.TypeSignalReceived, "what follows": event.TypeRunFinished, "telling it": ""} {
		for _, prompt := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", prompt: ", prompt), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := planOf(t, "[nodes]\nw.wait = true\nv.wait = true\n[nodes.a]\nmodule = 'a.wasm'\n")
					m := memory.New()
					j := journal.Journal(&slow{Journal: m, takes: time.Second})
					if prompt {
						j = m
					}
					made := make(chan error, 1)
					d := local.New(local.Config{Journal: j, Parallel: 1, Runs: 1, Invoker: callers{"a": func(ctx context.Context, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
						time.Sleep(time.Hour)
						return asks(made)(ctx, c, calls)
					}}})
					signals, told := make(chan driver.Signal), make(chan string, 10)
					send := func(step string) {
						select {
						case signals <- driver.Signal{Step: step, Document: document.Int(1), Done: func(error) {
							told <- step
							if at == "" && step == "w" {
								panic("enough")
							}
						}}:
						case <-time.After(time.Minute):
							told <- step // nobody takes it any more
						}
					}
					go func() {
						time.Sleep(time.Hour)
						send("w")
					}()
					go func() {
						time.Sleep(time.Hour)
						send("v")
					}()
					observer := &trap{at: at}
					if value := panics(t, func() {
						end, err := d.Carry(t.Context(), driver.Session{Plan: p, Run: "r", Started: started, Signals: signals, Observe: []driver.Observer{observer.see}})
						t.Errorf("it ended: %+v, %v", end, err)
					}); value != "enough" {
						t.Errorf("panic: %v", value)
					}
					time.Sleep(time.Hour)
					synctest.Wait()
					first, second := <-told, <-told
					if first == second || len(told) > 0 {
						t.Errorf("told: %s, %s, and %d more", first, second, len(told))
					}
					if at != event.TypeRunFinished {
						<-made
					}
					alone(t)
					if _, err := d.Run(t.Context(), planOf(t, "[nodes.w]\nwait = true\n"), "next", started); !errors.Is(err, driver.ErrWaiting) {
						t.Errorf("the next run: %v", err)
					}
				})
			})
		}
	}
}
