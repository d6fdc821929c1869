package stepper_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
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
