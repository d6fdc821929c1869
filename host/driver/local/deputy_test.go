package local_test

// What is done by Carry's goroutine, and what by others, while it makes an attempt.

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/stepper"
)

// me names the goroutine.
func me() string {
	b := make([]byte, 64)
	title, _, _ := bytes.Cut(b[:runtime.Stack(b, false)], []byte(" ["))
	return string(title)
}

// TestAShortRunIsOneGoroutines: also where its journal takes its time. One that is observed
// or may wait is not, nor is what comes after an attempt that takes more than a moment.
func TestAShortRunIsOneGoroutines(t *testing.T) {
	const abc = "chain = ['a', 'b', 'c']\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nc.module = 'c.wasm'\n"
	for name, c := range map[string]struct {
		graph   string
		observe []driver.Observer
		each    time.Duration // what an attempt takes
		takes   time.Duration // and b besides
		same    int           // attempts in Carry's goroutine
	}{
		"short":    {graph: abc, same: 3},
		"observed": {graph: abc, observe: []driver.Observer{func(event.Event) {}}},
		"waits":    {graph: "chain = ['a', 'w']\n[nodes]\na.module = 'a.wasm'\nw.wait = true\nw.timeout = '1s'\n"},
		"long":     {graph: abc, takes: time.Second, same: 2},
		"together": {graph: abc, each: 600 * time.Microsecond, same: 3},
	} {
		t.Run(name, func(t *testing.T) {
			for _, disk := range []time.Duration{0, time.Second} {
				synctest.Test(t, func(t *testing.T) {
					carrys, made, same := me(), 0, 0
					work := func(_ context.Context, i stepper.Invoke) (event.Outcome, error) {
						if made++; me() == carrys {
							same++
						}
						time.Sleep(c.each)
						if i.Step == "b" {
							time.Sleep(c.takes)
						}
						return event.Outcome{Output: i.Input}, nil
					}
					d := local.New(local.Config{Journal: &slow{Journal: memory.New(), takes: disk}, Invoker: nodes{"a": work, "b": work, "c": work}})
					s := driver.Session{Plan: planOf(t, c.graph), Run: "r", Started: started, Observe: c.observe, Signals: make(chan driver.Signal)}
					if _, err := d.Carry(t.Context(), s); err != nil || made == 0 || same != c.same {
						t.Errorf("%v; %d of %d attempts in Carry's goroutine, want %d", err, same, made, c.same)
					}
				})
			}
		})
	}
}

// TestATurnIsNotTakenFromThoseWhoWait: a run that carries itself out makes one attempt at a
// time like all others where others wait.
func TestATurnIsNotTakenFromThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		work := func(_ context.Context, i stepper.Invoke) (event.Outcome, error) {
			order = append(order, i.Input.String()) // one at a time
			time.Sleep(time.Microsecond)
			return event.Outcome{Output: i.Input}, nil
		}
		d := local.New(local.Config{Journal: memory.New(), Parallel: 1, Invoker: nodes{"a": work, "b": work, "c": work}})
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Nanosecond)
				end, err := d.Run(t.Context(), chain(t, "a", "b", "c"), string(rune('x'+i)), event.RunStarted{Input: document.Int(int64(i))})
				if err != nil || end.Status != event.Done {
					t.Errorf("%+v, %v", end, err)
				}
			})
		}
		all.Wait()
		if got := strings.Join(order, ""); got != "012012012" {
			t.Errorf("the turns: %s", got)
		}
	})
}
