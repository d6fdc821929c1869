package stepper_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/stepper"
)

// TestAppendsAreLinear: "State documents share structure: a run with 10,000
// appends is linear in time and memory, not quadratic." The loop counts and
// asks its count in every turn, as loops do.
func TestAppendsAreLinear(t *testing.T) {
	const text = `
version = 1
max_steps = 1000000
chain = ["draft", "check"]
[state.n]
reduce = "sum"
[state.drafts]
reduce = "append"
[nodes.draft]
module = "draft.wasm"
max_visits = 1000000
write = { n = "1", drafts = "output" }
[nodes.check]
module = "check.wasm"
max_visits = 1000000
[[edges]]
from = "check"
to = "draft"
when = "state.n < run.input.turns"
[output]
value = "size(state.drafts)"
`
	g, found := graphfile.Load("graph.toml", []byte(text), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	spend := func(turns int) uint64 {
		input := document.MustParse(fmt.Sprintf(`{"turns":%d,"text":"some words that each of the drafts has"}`, turns))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		out := runPlainly(t, stepper.New(g), input)
		runtime.ReadMemStats(&after)
		if out.Status != event.Done || out.Output.String() != fmt.Sprint(turns) {
			t.Fatalf("%d turns: %+v", turns, out)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	spend(100)
	few, many := spend(2_500), spend(10_000)
	if ratio := float64(many) / float64(few); ratio > 5 {
		t.Errorf("four times the appends took %.1f times the memory (%d and %d bytes)", ratio, few, many)
	}
}

// runPlainly carries a run out, one attempt after another, and keeps nothing.
func runPlainly(tb testing.TB, m *stepper.Machine, input document.Document) (end event.RunFinished) {
	tb.Helper()
	var seq uint64
	var todo []stepper.Invoke
	apply := func(next event.Body) {
		for next != nil {
			seq++
			commands, err := m.Apply(event.Event{Run: "r", Seq: seq, Time: epoch.Add(time.Duration(seq) * time.Microsecond), Body: next})
			if err != nil {
				tb.Fatal(err)
			}
			if e, ok := next.(event.RunFinished); ok {
				end = e
			}
			next = nil
			for _, c := range commands {
				switch c := c.(type) {
				case stepper.Record:
					next = c.Body
				case stepper.Invoke:
					todo = append(todo, c)
				case stepper.Wake, stepper.Abort:
				}
			}
		}
	}
	apply(event.RunStarted{Input: input})
	for len(todo) > 0 {
		c := todo[0]
		todo = todo[1:]
		apply(m.Judge(event.Outcome{Attempt: c.Attempt, Output: c.Input, Fuel: 1}))
	}
	if !m.Finished() {
		tb.Fatal("the run is stuck")
	}
	return end
}

// TestManyElements: "100,000 elements without holding 100,000 goroutines or
// instances": no more are under way than there are places, and time and memory
// grow with the elements, not faster.
func TestManyElements(t *testing.T) {
	const text = `
version = 1
[nodes.a]
module = "n.wasm"
foreach = "input"
concurrency = 16
`
	g, found := graphfile.Load("graph.toml", []byte(text), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	spend := func(n int) uint64 {
		items := make([]document.Document, n)
		for i := range items {
			items[i] = document.Int(int64(i))
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := stepper.New(g)
		out := runPlainly(t, m, document.Array(items...))
		runtime.ReadMemStats(&after)
		if out.Status != event.Done || !out.Output.Equal(document.Array(items...)) {
			t.Fatalf("%d elements: %s", n, out.Status)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	spend(100)
	few, many := spend(25_000), spend(100_000)
	t.Logf("%d bytes an element", many/100_000)
	if ratio := float64(many) / float64(few); ratio > 4.6 {
		t.Errorf("four times the elements took %.1f times the memory (%d and %d bytes)", ratio, few, many)
	}
}

// TestTooManyElements: a list of more elements than can be kept is refused.
func TestTooManyElements(t *testing.T) {
	g, found := graphfile.Load("graph.toml", []byte("[nodes.a]\nmodule = 'n.wasm'\nforeach = 'input'\n"), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	end := runPlainly(t, stepper.New(g), document.MustParse("["+strings.Repeat("0,", 1_000_000)+"0]"))
	if end.Failure == nil || end.Failure.Code != failure.ExpressionError {
		t.Errorf("%s, %v", end.Status, end.Failure)
	}
}

// TestElementsUnderWay: an element that is through leaves its bytes, one that has
// not begun as well; a rest holds no place.
func TestElementsUnderWay(t *testing.T) {
	const text = `
version = 1
[nodes.a]
module = "n.wasm"
foreach = "input"
concurrency = 3
`
	g, found := graphfile.Load("graph.toml", []byte(text), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	m := stepper.New(g)
	under, most, rests := 0, 0, 0
	var todo []stepper.Invoke
	var wakes []stepper.Wake
	var seq uint64
	now := epoch
	apply := func(next event.Body) {
		for next != nil {
			seq++
			commands, err := m.Apply(event.Event{Run: "r", Seq: seq, Time: now, Body: next})
			if err != nil {
				t.Fatal(err)
			}
			next = nil
			for _, c := range commands {
				switch c := c.(type) {
				case stepper.Record:
					next = c.Body
				case stepper.Invoke:
					todo = append(todo, c)
					under++
					most = max(most, under)
				case stepper.Wake:
					wakes = append(wakes, c)
				case stepper.Abort:
				}
			}
		}
	}
	items := make([]document.Document, 50)
	for i := range items {
		items[i] = document.Int(int64(i))
	}
	apply(event.RunStarted{Input: document.Array(items...)})
	for len(todo) > 0 || len(wakes) > 0 {
		if len(todo) == 0 {
			rests = max(rests, len(wakes))
			now = wakes[0].At
			for _, w := range wakes {
				if w.At.After(now) {
					now = w.At
				}
			}
			all := wakes
			wakes = nil
			for _, w := range all {
				apply(event.TimerFired{Timer: w.Timer})
			}
			continue
		}
		c := todo[0]
		todo = todo[1:]
		under--
		o := event.Outcome{Attempt: c.Attempt, Output: c.Input}
		if c.Number == 1 {
			o = event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Timeout, Message: "slow", Retryable: true}}
		}
		apply(m.Judge(o))
	}
	if !m.Finished() || most != 3 || rests != 50 {
		t.Errorf("finished %v; %d were under way at once, of 3; %d rested at once, of 50", m.Finished(), most, rests)
	}
}
