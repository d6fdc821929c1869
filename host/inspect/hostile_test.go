package inspect_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
)

// FuzzHostileJournal: whatever a stranger has made of a journal, it is shown as far as
// that goes, and twice alike. Each three bytes change one event.
func FuzzHostileJournal(f *testing.F) {
	g, events := films.run(f)
	for op := range byte(12) {
		f.Add([]byte{op, 5, 3, op, 11, 7, op, 20, 19})
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, changes []byte) {
		changed := mutate(events, changes[:min(len(changes), 60)])
		for _, g := range []*graph.Graph{g, nil} {
			one, other := lookAtAll(t, g, events, changed), lookAtAll(t, g, events, changed)
			if one != other {
				t.Fatalf("two looks differ:\n%s\n%s", one, other)
			}
		}
	})
}

// oddSteps are ids that no graph of ours gives.
var oddSteps = []string{
	"", "#", "/", "#5", "look#", "look#-1", "look#9999999999999999999", "look#0#0", "look/", "judge[", "judge[]", "judge[1.2.3]", "judge[-1]",
	"sub/inner/deeper", "sub#1/inner", "nobody", "nobody/inner", "look#1/x", "[1]", "list", "judge[1]", "sub", "sub/last", "look",
	strings.Repeat("a/", 3000), strings.Repeat("sub#1/", 40), strings.Repeat("x", 1<<16),
}

// mutate changes a journal, three bytes a change.
func mutate(events []event.Event, changes []byte) []event.Event {
	events = slices.Clone(events)
	for c := range slices.Chunk(changes, 3) {
		if len(c) < 3 || len(events) == 0 {
			break
		}
		i, j := int(c[1])%len(events), int(c[2])
		e := &events[i]
		step := oddSteps[j%len(oddSteps)]
		a := event.Attempt{Step: step, Node: "judge", Number: j - 100}
		switch c[0] % 12 {
		case 0:
			events = slices.Delete(events, i, i+1)
		case 1:
			events = slices.Insert(events, i, events[j%len(events)])
		case 2:
			events[i], events[j%len(events)] = events[j%len(events)], events[i]
		case 3:
			e.Body = event.AttemptStarted{Attempt: a}
		case 4:
			e.Body = event.AttemptSucceeded{Attempt: a, Fuel: math.MaxUint64, From: &event.Origin{Run: "x", Attempt: a}}
		case 5:
			e.Body = event.AttemptFailed{Attempt: a, Failure: failure.Failure{Code: failure.Code(step), Step: step}}
		case 6:
			e.Body = event.StepFailed{Step: step, Node: step, Failure: failure.Failure{Code: failure.Timeout, Step: "look#1"}}
		case 7:
			e.Body = event.StepSucceeded{Step: step}
		case 8:
			e.Time = time.Time{}.Add(time.Duration(j) * math.MaxInt64 / 255)
		case 9:
			e.Body = event.CapabilityAnswered{Attempt: a, Usage: event.Usage{Calls: math.MaxInt64}, Took: -1}
		case 10:
			e.Body = event.RunFinished{Status: event.Failed, Failure: &failure.Failure{Step: step, Code: failure.Trap}}
			if j%2 == 0 {
				e.Body = event.RunFinished{Status: event.Done, Output: document.MustParse(`{"report":{"best":"so far so good"}}`)}
			}
		case 11:
			bodies := []event.Body{
				event.RunResumed{},
				event.RunStarted{Forked: &event.Forked{Step: step, State: []document.Field{{Key: "no such key"}}}},
				event.SignalReceived{Step: step},
				event.StepSkipped{Step: step},
				event.TimerFired{Timer: step},
				event.CancelRequested{},
			}
			e.Body = bodies[j%len(bodies)]
		}
	}
	return events
}

// lookAtAll shows everything that there is to show of a journal.
func lookAtAll(t *testing.T, g *graph.Graph, sound, events []event.Event) string {
	t.Helper()
	seq := slices.Values(events)
	shown := []any{inspect.Fold(g, seq)}
	steps := []string{"judge[2]", "look", "look#1", "sub/inner", "sub"}
	for _, e := range events {
		if b, ok := e.Body.(event.AttemptStarted); ok && len(steps) < 12 && len(b.Step) < 200 {
			steps = append(steps, b.Step)
		}
	}
	for _, step := range steps {
		d, err := inspect.Detail(g, seq, step)
		var unknown *inspect.UnknownStepError
		if err != nil && !errors.As(err, &unknown) {
			t.Fatal(err)
		}
		shown = append(shown, d)
	}
	for _, pointer := range []string{"", "/report/best", "/report/words/0", "/report/ok"} {
		traced, err := inspect.Trace(g, seq, pointer)
		var wrong *inspect.PointerError
		if err != nil && !errors.As(err, &wrong) {
			t.Fatal(err)
		}
		shown = append(shown, traced)
	}
	shown = append(shown, inspect.Diff(subject(g, sound), subject(g, events)), inspect.Diff(subject(g, events), subject(nil, sound)))
	text, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// long makes a run of n steps in a loop, with a state that grows, three events each.
func long(tb testing.TB, n int) (*graph.Graph, []event.Event) {
	tb.Helper()
	i := 0
	return play{
		graph: `version = 1
max_steps = 100000000
[state.total]
reduce = "sum"
[state.last]
[nodes.a]
module = "a.wasm"
max_visits = 100000000
write = { total = "output.n", last = "output.text" }
[[edges]]
from = "a"
to = "a"
when = "output.more"
`,
		nodes: func(stepper.Invoke) event.Outcome {
			i++
			return event.Outcome{Fuel: 1, Output: document.Object(
				document.Field{Key: "n", Value: document.Int(int64(i))}, document.Field{Key: "more", Value: document.Bool(i < n)},
				document.Field{Key: "text", Value: document.String(strings.Repeat("words ", 100))},
				document.Field{Key: "sum", Value: document.String("only at the end" + strings.Repeat("!", i/n))},
			)}
		},
		calls: func(stepper.Invoke) []event.CapabilityAnswered {
			return []event.CapabilityAnswered{{Ordinal: 1, Capability: "c", Method: "m", Answer: document.Null(), Usage: event.Usage{Calls: 1}}}
		},
	}.run(tb)
}

// BenchmarkLongRun: 100,000 events are looked at in about a second.
func BenchmarkLongRun(b *testing.B) {
	g, events := long(b, 33_333)
	seq := slices.Values(events)
	b.Run("fold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			inspect.Fold(g, seq)
		}
	})
	b.Run("detail", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := inspect.Detail(g, seq, "a[33333]"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("trace", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := inspect.Trace(g, seq, "/sum"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("diff", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d := inspect.Diff(subject(g, events), subject(g, events)); !d.Equal {
				b.Fatal(d)
			}
		}
	})
}
