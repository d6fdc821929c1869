//go:build unix

package host_test

// Crashes, for real: a child process kills itself at every append.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// crashing is a graph with a fork, a loop, a foreach, retries and a wait.
const crashing = `
version = 1
name = "crashing"
start = ["split"]
chain = ["join", "loop", "approve", "last"]
[state.turns]
initial = 0
reduce = "sum"
[nodes.split]
module = "echo.wasm"
[nodes.left]
module = "add.wasm"
input = "{'key': 'left', 'by': 1}"
[nodes.left.grants.kv]
[nodes.right]
module = "echo.wasm"
foreach = "[1, 2, 3]"
[nodes.broken]
module = "trap.wasm"
[[nodes.broken.retry]]
on = ["trap"]
max_attempts = 3
initial_interval = "1ms"
[nodes.mended]
module = "echo.wasm"
input = "input.code"
[nodes.join]
module = "echo.wasm"
[nodes.loop]
module = "echo.wasm"
write.turns = "1"
[nodes.approve]
wait = true
[nodes.last]
module = "add.wasm"
input = "{'key': 'last', 'by': input}"
[nodes.last.grants.kv]
[[edges]]
from = "split"
to = "left"
[[edges]]
from = "split"
to = "right"
[[edges]]
from = "split"
to = "broken"
[[edges]]
from = "broken"
to = "mended"
on = "trap"
[[edges]]
from = "left"
to = "join"
[[edges]]
from = "right"
to = "join"
[[edges]]
from = "mended"
to = "join"
[[edges]]
from = "loop"
to = "loop"
when = "state.turns < 3"
`

// deadly is a store whose process kills itself at an append: before it, or after it
// when nobody has been told.
type deadly struct {
	*sqlite.Store
	left  int
	after bool
}

func (d *deadly) die(store func() error) error {
	d.left--
	if d.left == 0 && d.after {
		if err := store(); err != nil {
			return err
		}
	}
	if d.left == 0 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		select {} // it is on its way
	}
	return store()
}

func (d *deadly) Append(ctx context.Context, events ...event.Event) error {
	return d.die(func() error { return d.Store.Append(ctx, events...) })
}

func (d *deadly) Begin(ctx context.Context, made *journal.Sources, events ...event.Event) error {
	return d.die(func() error { return d.Store.Begin(ctx, made, events...) })
}

// carried begins the run in the store, or goes on with it, to its end.
func carried(ctx context.Context, j interface {
	journal.Values
	journal.Pinner
}, cache string,
) (*host.Run, error) {
	h, err := host.New(host.WithJournal(j), host.WithCapability("kv", kv.New(j)), host.WithCacheDir(cache), host.WithParallel(4))
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	r, err := h.Resume(ctx, "r")
	if errors.Is(err, journal.ErrUnknownRun) {
		fsys := fstest.MapFS{
			"graph.toml": {Data: []byte(crashing)}, "echo.wasm": {Data: moduletest.Echo()},
			"trap.wasm": {Data: moduletest.Trap()}, "add.wasm": {Data: moduletest.Ask("kv", "add", 3)},
		}
		var g *host.Graph
		if g, err = h.LoadFS(fsys, "graph.toml"); err != nil {
			return nil, err
		}
		r, err = h.Start(ctx, g, nil, host.WithRunID("r"))
	}
	if err != nil {
		return nil, err
	}
	if err := r.Wait(); err != nil {
		return nil, err
	}
	if r.Status() == host.Waiting {
		if err := r.Signal(ctx, "approve", 7); err != nil {
			return nil, err
		}
	}
	return r, r.Wait()
}

// TestCrashChild is no test: it is the process that is killed.
func TestCrashChild(t *testing.T) {
	path, at, ok := strings.Cut(os.Getenv("CHAINRUN_TEST_CRASH"), "@")
	if !ok {
		t.Skip("it is started by TestCrashes")
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	left, err := strconv.Atoi(strings.TrimSuffix(at, "+"))
	if err != nil {
		t.Fatal(err)
	}
	d := &deadly{Store: s, left: left, after: strings.HasSuffix(at, "+")}
	if _, err := carried(t.Context(), d, filepath.Join(filepath.Dir(path), "cache")); err != nil {
		t.Fatal(err)
	}
}

// A process that is killed at any append is followed by another one, which is killed
// a few appends later, and that by one that comes to the end: with the output and
// the digest of a run that nobody has disturbed, and no committed step repeated.
func TestCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills some dozens of processes")
	}
	folder := t.TempDir()
	open := func(path string) *sqlite.Store {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cache := filepath.Join(folder, "cache")
	whole := open(filepath.Join(folder, "whole.db"))
	want, err := carried(t.Context(), whole, cache)
	if err != nil || want.Status() != event.Done {
		t.Fatal(err, want.Failure())
	}
	_ = whole.Close()
	points, over := 0, false
	for at := 1; !over; at++ {
		for _, after := range []string{"", "+"} {
			path := filepath.Join(folder, fmt.Sprintf("%d%s.db", at, after))
			killed := 0
			for _, next := range []int{at, 1 + at%3} {
				child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashChild$")
				child.Env = append(os.Environ(), fmt.Sprintf("CHAINRUN_TEST_CRASH=%s@%d%s", path, next, after))
				text, err := child.CombinedOutput()
				if err == nil {
					break // it came to the end before
				}
				if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
					t.Fatalf("killed at %d%s: %v: %s", at, after, err, text)
				}
				killed++
			}
			points += killed
			if over = killed == 0; over {
				break
			}
			s := open(path)
			got, err := carried(t.Context(), s, cache)
			if err != nil {
				t.Fatalf("killed at %d%s: %v", at, after, err)
			}
			if got.Status() != event.Done || !got.Output().Equal(want.Output()) || got.View().Digest != want.View().Digest {
				t.Errorf("killed at %d%s: %s with %s, %s; want %s, %s", at, after, got.Status(), got.Output(), got.View().Digest, want.Output(), want.View().Digest)
			}
			if text := repeated(got); text != "" {
				t.Errorf("killed at %d%s: %s", at, after, text)
			}
			for key, n := range map[string]string{"left": "3", "last": "21"} {
				if d, err := s.Value(t.Context(), "crashing", key); err != nil || d.String() != n {
					t.Errorf("killed at %d%s: %s is %s, not %s: %v", at, after, key, d, n, err)
				}
			}
			if err := s.Verify(t.Context(), func(e *sqlite.CorruptError) { t.Error(at, after, e) }); err != nil {
				t.Error(err)
			}
			_ = s.Close()
		}
	}
	t.Logf("%d processes were killed", points)
	if points < 60 {
		t.Errorf("only %d processes were killed", points)
	}
}

// repeated says which step was begun or committed twice; "": none.
func repeated(r *host.Run) string {
	began, over := map[event.Attempt]bool{}, map[string]bool{}
	for e := range r.Events() {
		switch b := e.Body.(type) {
		case event.AttemptStarted:
			if began[b.Attempt] || over[b.Step] {
				return fmt.Sprintf("attempt %v began twice, or after its step was over", b.Attempt)
			}
			began[b.Attempt] = true
		case event.AttemptSucceeded:
			if over[b.Step] {
				return fmt.Sprintf("step %s was committed twice", b.Step)
			}
			over[b.Step] = true
		default:
		}
	}
	return ""
}
