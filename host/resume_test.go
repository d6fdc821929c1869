package host_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// counted is a graph whose run counts in kv, rests, and goes on.
const counted = `
version = 1
name = "counted"
chain = ["count", "approve", "again"]
[nodes.count]
module = "add.wasm"
input = "{'key': 'n', 'by': 1}"
[nodes.count.grants.kv]
[nodes.approve]
wait = true
output_schema = "answer.json"
[nodes.again]
graph = "inner/again.toml"
`

func countedFiles() map[string]string {
	return map[string]string{
		"graph.toml": counted, "answer.json": `{"type":"object"}`, "add.wasm": string(moduletest.Ask("kv", "add", 3)),
		"inner/again.toml": "version = 1\nchain = ['a', 'b']\n[nodes.a]\nmodule = 'echo.wasm'\n[nodes.b]\nmodule = 'echo.wasm'\n",
		"inner/echo.wasm":  string(moduletest.Echo()),
	}
}

// interruptible is a context, and what interrupts the runs in it.
func interruptible(t *testing.T) (ctx context.Context, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return ctx, func() { cancel(host.ErrInterrupted) }
}

func value(t *testing.T, v journal.Values, key string) string {
	t.Helper()
	d, err := v.Value(t.Context(), "counted", key)
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// countedHost is another process, in which kv and the store are the same.
func countedHost(t *testing.T, j journal.Values, options ...host.Option) *host.Host {
	t.Helper()
	return newHost(t, append(options, host.WithJournal(j), host.WithCapability("kv", kv.New(j)))...)
}

func startCounted(t *testing.T, h *host.Host, ctx context.Context, options ...host.RunOption) (*host.Run, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range countedFiles() {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	g, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	return h.Start(ctx, g, nil, options...)
}

// frail loses its process after so many appends: what is appended then is stored, or
// not, and nobody is told.
type frail struct {
	*memory.Journal
	left   int
	stored bool
}

var errLost = errors.New("the process is lost")

func (f *frail) lost(store func() error) error {
	if f.left--; f.left > 0 {
		return store()
	}
	if f.left == 0 && f.stored {
		return errors.Join(store(), errLost)
	}
	return errLost
}

func (f *frail) Append(ctx context.Context, events ...event.Event) error {
	return f.lost(func() error { return f.Journal.Append(ctx, events...) })
}

func (f *frail) Begin(ctx context.Context, made *journal.Sources, events ...event.Event) error {
	return f.lost(func() error { return f.Journal.Begin(ctx, made, events...) })
}

// A run whose process is lost at any append goes on in another one, without its
// files, to the same output and the same digest; what it keeps is written once.
func TestResume(t *testing.T) {
	finish := func(t *testing.T, r *host.Run) {
		t.Helper()
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		if r.Status() == host.Waiting {
			if err := r.Signal(t.Context(), "approve", map[string]any{"ok": true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole := memory.New()
	want, err := startCounted(t, countedHost(t, whole), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	finish(t, want)
	if want.Status() != event.Done || want.Output().String() != `{"ok":true}` {
		t.Fatal(want.Status(), want.Output(), want.Failure())
	}
	crashes := 0
	for left := 1; ; left++ {
		over := false
		for _, stored := range []bool{false, true} {
			kept := memory.New()
			f := &frail{Journal: kept, left: left, stored: stored}
			r, err := startCounted(t, countedHost(t, f), t.Context(), host.WithRunID("r"))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Wait(); err == nil && r.Status() == host.Waiting {
				_ = r.Signal(t.Context(), "approve", map[string]any{"ok": true}) // the crash may come here
			}
			if err := r.Wait(); err == nil && r.Status() == event.Done {
				over = true
				break
			} else if !errors.Is(err, errLost) {
				t.Fatal(left, stored, err)
			}
			crashes++
			var seen []event.Event
			r, err = countedHost(t, kept).Resume(t.Context(), "r", host.WithObserver(func(e event.Event) { seen = append(seen, e) }))
			if left == 1 && !stored {
				if !errors.Is(err, journal.ErrUnknownRun) {
					t.Errorf("a run that never began: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(left, stored, err)
			}
			finish(t, r)
			if r.Status() != event.Done || !r.Output().Equal(want.Output()) || r.View().Digest != want.View().Digest || r.View().Fuel != want.View().Fuel {
				t.Errorf("lost at append %d (%v): %s, %s, %s", left, stored, r.Status(), r.Output(), r.Failure())
			}
			if got, wanted := r.View().Usage, want.View().Usage; got != wanted {
				t.Errorf("lost at append %d (%v): usage %+v, not %+v", left, stored, got, wanted)
			}
			if n := value(t, kept, "n"); n != "3" {
				t.Errorf("lost at append %d (%v): kept %s, not 3", left, stored, n)
			}
		}
		if over {
			break
		}
	}
	if crashes < 16 {
		t.Errorf("only %d crashes", crashes)
	}
}

// What cannot be resumed is refused, and says why.
func TestResumeRefused(t *testing.T) {
	kept := memory.New()
	h := countedHost(t, kept)
	ctx, stop := interruptible(t)
	r, err := startCounted(t, h, ctx, host.WithRunID("r"))
	if err != nil || r.Status() != host.Waiting {
		t.Fatal(err)
	}
	if _, err := h.Resume(t.Context(), "r"); !errors.Is(err, host.ErrRunning) {
		t.Errorf("a run under way: %v", err)
	}
	if _, err := h.Resume(t.Context(), "nobody"); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("an unknown run: %v", err)
	}
	stop()
	for range r.Events() { // to its end
	}
	if err := r.Wait(); !errors.Is(err, host.ErrInterrupted) {
		t.Fatal(err)
	}
	var ds graph.Diagnostics
	if _, err := newHost(t, host.WithJournal(kept)).Resume(t.Context(), "r"); !errors.As(err, &ds) {
		t.Errorf("a host without kv: %v", err)
	}
	if err := kept.Append(t.Context(), event.Event{Run: "old", Seq: 1, Body: event.RunStarted{Input: document.Null()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Resume(t.Context(), "old"); !errors.Is(err, host.ErrNotPinned) {
		t.Errorf("a run without sources: %v", err)
	}
	made, err := kept.Sources(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Begin(t.Context(), made, event.Event{Run: "other", Seq: 1, Body: event.RunStarted{Plan: "sha256:0", Input: document.Null()}}); err != nil {
		t.Fatal(err)
	}
	var changed *host.PlanError
	if _, err := h.Resume(t.Context(), "other"); !errors.As(err, &changed) || changed.Began != "sha256:0" {
		t.Errorf("another plan: %v", err)
	}
	// None of this has done anything to the run.
	r, err = h.Resume(t.Context(), "r")
	if err != nil || r.Status() != host.Waiting {
		t.Fatal(err)
	}
	if err := r.Signal(t.Context(), "approve", map[string]any{"ok": true}); err != nil || r.Status() != event.Done {
		t.Fatal(err, r.Failure())
	}
	again, err := h.Resume(t.Context(), "r")
	if err != nil || again.Status() != event.Done || again.View().Digest != r.View().Digest {
		t.Errorf("a run that has ended: %v", err)
	}
}

// In a store that processes share, a run has one owner, who takes what was sent.
func TestResumeFromStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	first, second := open(), open()
	ctx, stop := interruptible(t)
	var begun []*host.Run
	for _, run := range []string{"a", "b"} {
		r, err := startCounted(t, countedHost(t, first), ctx, host.WithRunID(run))
		if err != nil || r.Status() != host.Waiting {
			t.Fatal(err)
		}
		var owned *sqlite.OwnedError
		if _, err := countedHost(t, second).Resume(t.Context(), run); !errors.As(err, &owned) {
			t.Errorf("a run of another process: %v", err)
		}
		begun = append(begun, r)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	signal := func(text string) event.Body {
		return event.SignalReceived{Step: "approve", Document: document.MustParse(text)}
	}
	for _, e := range []event.Event{
		{Run: "a", Time: now, Body: signal(`"no object"`)},
		{Run: "a", Time: now, Body: signal(`{"ok":1}`)},
		{Run: "b", Time: now, Body: event.CancelRequested{Reason: "enough"}},
	} {
		if err := second.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	for _, r := range begun {
		for range r.Events() { // to its end: then it is nobody's
		}
	}
	h := countedHost(t, second)
	resume := func(run string) *host.Run {
		t.Helper()
		r, err := h.Resume(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		for range r.Events() { // to its end
		}
		return r
	}
	if r := resume("a"); r.Status() != event.Done || r.Output().String() != `{"ok":1}` {
		t.Errorf("%s with %s", r.Status(), r.Output())
	}
	if r := resume("b"); r.Status() != event.Canceled || !strings.Contains(r.Failure().Message, "enough") {
		t.Errorf("%s with %s", r.Status(), r.Failure())
	}
	if waiting, err := second.Waiting(t.Context()); len(waiting) != 0 || err != nil {
		t.Errorf("messages are left for %v, %v", waiting, err)
	}
	if err := second.Verify(t.Context(), func(e *sqlite.CorruptError) { t.Error(e) }); err != nil {
		t.Error(err)
	}
}
