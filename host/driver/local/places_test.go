package local

// The turns that runs take, and that a run waits for one turn at a time.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

func TestPlacesGoToWhoHasWaitedLongest(t *testing.T) {
	p := places{most: 2}
	a, b, c, d := &run{}, &run{}, &run{}, &run{}
	names := map[*run]string{nil: "nobody", a: "a", b: "b", c: "c", d: "d"}
	var got []string
	for _, r := range []*run{a, b, c, d} {
		got = append(got, fmt.Sprint(names[r], p.take(r)))
	}
	for _, had := range []*run{a, nil, c, d, nil, a, nil, nil} {
		got = append(got, names[p.next(had)])
	}
	want := "[atrue btrue cfalse dfalse c d a c d a nobody nobody]"
	if fmt.Sprint(got) != want || p.taken != 0 || len(p.queue) != 0 {
		t.Errorf("got %v, want %s; %d places are taken, %d runs wait", got, want, p.taken, len(p.queue))
	}
}

// checked looks at the places whenever an attempt is made.
type checked struct {
	t *testing.T
	d *Driver
}

// Invoke implements [driver.Invoker].
func (c *checked) Invoke(_ context.Context, _ *plan.Plan, of stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	c.d.places.mu.Lock()
	queue, taken := slices.Clone(c.d.places.queue), c.d.places.taken
	c.d.places.mu.Unlock()
	for i, r := range queue {
		if slices.Contains(queue[:i], r) {
			c.t.Errorf("%s waits twice", r.s.Run)
		}
	}
	if taken < 1 || taken > c.d.places.most || len(queue) > 0 && taken < c.d.places.most {
		c.t.Errorf("%d of %d places are taken, %d runs wait", taken, c.d.places.most, len(queue))
	}
	runtime.Gosched()
	return event.Outcome{Output: of.Input}, nil
}

// TestARunWaitsForOneTurnAtATime: also where many leave it and begin its attempts at once.
func TestARunWaitsForOneTurnAtATime(t *testing.T) {
	g, found := graphfile.Load("graph.toml", []byte("[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 50\n"), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	items := make([]document.Document, 500)
	for i := range items {
		items[i] = document.Int(int64(i))
	}
	v := &checked{t: t}
	v.d = New(Config{Invoker: v, Journal: memory.New(), Parallel: 3})
	var wg sync.WaitGroup
	for i := range 6 {
		observe := []driver.Observer{func(event.Event) { runtime.Gosched() }}[:min(i%3, 1)]
		wg.Go(func() {
			end, err := v.d.Run(t.Context(), &plan.Plan{Graph: g}, fmt.Sprint("run ", i), event.RunStarted{Input: document.Array(items...)}, observe...)
			if err != nil || end.Status != event.Done {
				t.Errorf("%+v, %v", end, err)
			}
		})
	}
	wg.Wait()
}
