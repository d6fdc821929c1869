package stepper_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/stepper"
)

// TestManyRest: elements that are subgraphs rest all at once, however few places
// there are; when they are answered no more go on than there are places. Time and
// memory grow with the elements, not faster, also where a quarter of them fail.
func TestManyRest(t *testing.T) {
	files := map[string]string{
		"graph.toml": `
version = 1
[nodes.m]
graph = "sub.toml"
foreach = "input"
concurrency = 16
on_error = "collect"
`,
		"sub.toml": `
version = 1
chain = ["q", "r"]
[nodes]
q.wait = true
r.module = "n.wasm"
`,
	}
	g, found := graphfile.Load("graph.toml", []byte(files["graph.toml"]), func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	})
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
		var seq uint64
		var todo []stepper.Invoke
		most := 0
		apply := func(next event.Body) {
			for next != nil {
				seq++
				commands, err := m.Apply(event.Event{Run: "r", Seq: seq, Time: epoch.Add(time.Duration(seq) * time.Microsecond), Body: next})
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
					case stepper.Wake, stepper.Abort:
					}
				}
			}
			most = max(most, len(todo))
		}
		apply(event.RunStarted{Input: document.Array(items...)})
		if waits := len(m.Waits()); !m.Resting() || waits != n {
			t.Fatalf("the run rests: %v; %d elements wait, of %d", m.Resting(), waits, n)
		}
		for i := range items {
			apply(event.SignalReceived{Step: fmt.Sprintf("m#%d/q", i), Document: items[i]})
		}
		for i := 0; len(todo) > 0; i++ {
			c := todo[0]
			todo = todo[1:]
			o := event.Outcome{Attempt: c.Attempt, Output: c.Input}
			if i%4 == 0 {
				o = event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Trap, Message: "unreachable"}}
			}
			apply(m.Judge(o))
		}
		if !m.Finished() || most != 16 {
			t.Fatalf("finished: %v; %d were under way at once, of 16", m.Finished(), most)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	spend(100)
	few, many := spend(25_000), spend(100_000)
	t.Logf("%d bytes an element", many/100_000)
	if ratio := float64(many) / float64(few); ratio > 5 {
		t.Errorf("four times the elements took %.1f times the memory (%d and %d bytes)", ratio, few, many)
	}
}
