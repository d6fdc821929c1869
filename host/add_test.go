package host_test

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// Elements of a foreach, and runs of two hosts, that add to one key at the same time
// lose nothing; their replays are identical.
func TestAdditionsAtTheSameTime(t *testing.T) {
	const text = `
version = 1
name = "counted"
chain = ["count"]
[nodes.count]
module = "add.wasm"
foreach = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"
input = "{'key': 'n', 'by': 1}"
concurrency = 12
[nodes.count.grants.kv]
`
	for name, open := range map[string]func(t *testing.T) (a, b journal.Values){
		"memory": func(*testing.T) (a, b journal.Values) {
			j := memory.New()
			return j, j
		},
		"sqlite": func(t *testing.T) (a, b journal.Values) {
			t.Helper()
			path := filepath.Join(t.TempDir(), "s.db")
			open := func() journal.Values {
				s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
			return open(), open() // as two processes have it
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := open(t)
			var wg sync.WaitGroup
			for _, j := range []journal.Values{one, two} {
				h := countedHost(t, j)
				fsys := fstest.MapFS{"graph.toml": {Data: []byte(text)}, "add.wasm": {Data: moduletest.Ask("kv", "add", 2)}}
				g, err := h.LoadFS(fsys, "graph.toml")
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					r, err := h.Run(t.Context(), g, json.RawMessage(`{}`))
					if err != nil || r.Status() != event.Done {
						t.Error(err)
						return
					}
					if got, err := h.Replay(t.Context(), r.ID()); err != nil || !got.Identical {
						t.Errorf("%s, %v", got.Divergence, err)
					}
				})
			}
			wg.Wait()
			if got := value(t, one, "n"); got != "48" {
				t.Errorf("the count is %s, want 48", got)
			}
		})
	}
}

// A replay compares what was added, and takes the sum of a record from before there were
// additions for the same.
func TestReplayOfAdditions(t *testing.T) {
	j := memory.New()
	ctx, stop := interruptible(t)
	defer stop()
	r, err := startCounted(t, countedHost(t, j), ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		stored    event.Stored
		identical bool
	}{
		"as it was":     {event.Stored{Add: document.Int(3)}, true},
		"the sum":       {event.Stored{Value: document.Int(3)}, true},
		"another one":   {event.Stored{Add: document.Int(2)}, false},
		"another sum":   {event.Stored{Value: document.Int(4)}, false},
		"it is deleted": {event.Stored{}, false},
	} {
		changed := 0
		h := countedHost(t, tampered{j, func(e *event.Event) {
			b, ok := e.Body.(event.AttemptSucceeded)
			if !ok || len(b.Stored) == 0 {
				return
			}
			changed++
			test.stored.Space, test.stored.Key = b.Stored[0].Space, b.Stored[0].Key
			b.Stored = []event.Stored{test.stored}
			e.Body = b
		}})
		got, err := h.Replay(t.Context(), r.ID())
		if err != nil || changed == 0 || got.Identical != test.identical || !test.identical && got.Divergence.What != inspect.DivergedStored {
			t.Errorf("%s: %d changed, %+v, %s, %v", name, changed, got, got.Divergence, err)
		}
	}
}
