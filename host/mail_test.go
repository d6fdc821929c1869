package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/stepper"
)

// postbox is a journal in memory with an inbox.
type postbox struct {
	*memory.Journal
	mu       sync.Mutex
	messages []journal.Message
	number   int64
	looked   int
	broken   error
}

func (p *postbox) send(run string, b event.Body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	p.messages = append(p.messages, journal.Message{Number: p.number, Event: event.Event{Run: run, Time: time.Now(), Body: b}})
}

func (p *postbox) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.messages)
}

func (p *postbox) Waiting(context.Context) (runs []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked++
	for _, m := range p.messages {
		if !slices.Contains(runs, m.Event.Run) {
			runs = append(runs, m.Event.Run)
		}
	}
	return runs, p.broken
}

func (p *postbox) Inbox(_ context.Context, run string) ([]journal.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.messages), func(m journal.Message) bool { return m.Event.Run != run }), nil
}

func (p *postbox) Take(ctx context.Context, run string, numbers []int64, events ...event.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = slices.DeleteFunc(p.messages, func(m journal.Message) bool { return m.Event.Run == run && slices.Contains(numbers, m.Number) })
	return p.Append(ctx, events...)
}

// heard is what a logger has said. It is safe for concurrent use.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// resting is a graph without modules: its runs rest at once, and again.
const resting = `
version = 1
name = "resting"
chain = ["a", "b"]
[nodes.a]
wait = true
output_schema = { type = "integer" }
[nodes.b]
wait = true
`

// What others send to a run arrives within a second, and nobody looks for it when no
// run is under way.
func TestMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &postbox{Journal: memory.New()}
		var said heard
		h := newHost(t, host.WithJournal(box), host.WithLogger(slog.New(slog.NewTextHandler(&said, nil))))
		g := load(t, h, resting)
		start := func(id string) *host.Run {
			r, err := h.Start(t.Context(), g, nil, host.WithRunID(id))
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		one, two, three := start("one"), start("two"), start("three")
		box.send("one", event.SignalReceived{Step: "a", Document: document.String("no integer")})
		box.send("one", event.SignalReceived{Step: "a", Document: document.Int(1)})
		box.send("two", event.CancelRequested{Reason: "enough"})
		box.send("elsewhere", event.SignalReceived{Step: "a", Document: document.Int(1)})
		box.send("three", event.SignalReceived{Step: "a", Document: document.Int(3)})
		box.mu.Lock()
		box.messages = append([]journal.Message{{Number: 99, Event: event.Event{Run: "three"}, Err: errors.New("it was spoilt")}}, box.messages...)
		box.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprintf("%s %s %s", one.Waits(), two.Status(), three.Waits()); got != "[b] canceled [b]" {
			t.Errorf("after a second: %s", got)
		}
		if f := two.Failure(); f == nil || !strings.Contains(f.Message, "enough") {
			t.Errorf("the reason is lost: %v", f)
		}
		if !strings.Contains(said.String(), "a message is dropped: it was spoilt") || strings.Count(said.String(), "a message is dropped") < 2 {
			t.Errorf("nobody was told of what was dropped: %q", said.String())
		}
		// A box that is broken for a while.
		box.mu.Lock()
		box.broken = errors.New("no box")
		box.mu.Unlock()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := strings.Count(said.String(), "no box"); n != 1 {
			t.Errorf("it was said %d times that the box is broken", n)
		}
		box.mu.Lock()
		box.broken = nil
		box.mu.Unlock()
		box.send("one", event.SignalReceived{Step: "b", Document: document.Int(2)})
		box.send("three", event.SignalReceived{Step: "b", Document: document.Int(4)})
		time.Sleep(time.Second)
		for _, r := range []*host.Run{one, two, three} {
			<-r.Done()
		}
		if one.Status() != event.Done || one.Output().String() != "2" || three.Output().String() != "4" {
			t.Errorf("%s with %s, %s with %s", one.Status(), one.Output(), three.Status(), three.Output())
		}
		// This one knows nothing of an end that empties inboxes.
		if n := box.left(); n != 2 {
			t.Errorf("%d messages are left", n)
		}
		synctest.Wait()
		before := box.looked
		time.Sleep(time.Minute)
		if box.looked != before {
			t.Error("somebody still looks into the inbox")
		}
	})
}

// A run whose end was asked for while nobody carried it out begins nothing more.
func TestCancelAtResume(t *testing.T) {
	box := &postbox{Journal: memory.New()}
	h := newHost(t, host.WithJournal(box))
	ctx, stop := interruptible(t)
	r, err := h.Run(ctx, load(t, h, `
version = 1
[nodes.a]
module = "echo.wasm"
[nodes.w]
wait = true
`), nil, host.WithRunID("r"))
	if err != nil || r.Status() != host.Waiting {
		t.Fatal(r.Status(), err)
	}
	stop()
	<-r.Done()
	box.send("r", event.SignalReceived{Step: "w", Document: document.Int(1)})
	box.send("r", event.CancelRequested{Reason: "enough"})
	var types []event.Type
	r, err = h.Resume(t.Context(), "r", host.WithObserver(func(e event.Event) { types = append(types, e.Body.Type()) }))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil || r.Status() != event.Canceled {
		t.Fatal(r.Status(), err)
	}
	if got := fmt.Sprint(types[:2]); got != "[run_resumed cancel_requested]" || slices.Contains(types, event.TypeSignalReceived) {
		t.Errorf("got %s", types)
	}
}

// A run that has its answer in the inbox does not seem to rest when it is resumed.
func TestAnswerAtResume(t *testing.T) {
	box := &postbox{Journal: memory.New()}
	h := newHost(t, host.WithJournal(box))
	for i := range 20 {
		ctx, stop := interruptible(t)
		r, err := h.Run(ctx, load(t, h, resting), nil, host.WithRunID(fmt.Sprint(i)))
		if err != nil || r.Status() != host.Waiting {
			t.Fatal(r.Status(), err)
		}
		stop()
		<-r.Done()
		box.send(r.ID(), event.SignalReceived{Step: "a", Document: document.Int(1)})
		box.send(r.ID(), event.SignalReceived{Step: "b", Document: document.Int(2)})
		if r, err = h.Resume(t.Context(), r.ID()); err != nil {
			t.Fatal(err)
		}
		if r.Status() != event.Done || box.left() != 0 {
			t.Fatalf("%s, %d messages are left", r.Status(), box.left())
		}
	}
}

// fullDisk is a journal with an inbox that appends nothing any more once it is full:
// after somebody has let it.
type fullDisk struct {
	*postbox
	mu   sync.Mutex
	full chan struct{} // nil: it is not
}

func (d *fullDisk) Append(ctx context.Context, events ...event.Event) error {
	d.mu.Lock()
	full := d.full
	d.mu.Unlock()
	if full == nil {
		return d.postbox.Append(ctx, events...)
	}
	<-full
	return errors.New("the disk is full")
}

// A message for a run that breaks before it has looked at it is there for a resume, and
// nobody is told that it was dropped.
func TestMailForABrokenRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{postbox: &postbox{Journal: memory.New()}}
		var said heard
		h := newHost(t, host.WithJournal(disk), host.WithLogger(slog.New(slog.NewTextHandler(&said, nil))))
		r, err := h.Start(t.Context(), load(t, h, "version = 1\n[nodes.a]\nwait = true\n[nodes.b]\nwait = true\n"), nil, host.WithRunID("r"))
		if err != nil || r.Status() != host.Waiting {
			t.Fatal(r.Status(), err)
		}
		full := make(chan struct{})
		disk.mu.Lock()
		disk.full = full
		disk.mu.Unlock()
		answered := make(chan error, 1)
		go func() { answered <- r.Signal(t.Context(), "a", 1) }()
		synctest.Wait() // it is being recorded
		disk.send("r", event.SignalReceived{Step: "b", Document: document.Int(2)})
		time.Sleep(time.Second)
		synctest.Wait() // and the other one waits for that
		close(full)
		<-r.Done()
		synctest.Wait()
		if err := <-answered; err == nil || asSignalError(err) || r.Wait() == nil {
			t.Errorf("signal: %v, run: %v", err, r.Wait())
		}
		if disk.left() != 1 || strings.Contains(said.String(), "dropped") {
			t.Errorf("%d messages are left; said: %s", disk.left(), said.String())
		}
		if err := r.Signal(t.Context(), "b", 2); !asSignalError(err) {
			t.Errorf("a run that is over: %v", err)
		}
	})
}

// What would be refused is refused before it is sent.
func TestCheckSignal(t *testing.T) {
	j := memory.New()
	h := newHost(t, host.WithJournal(j))
	r, err := h.Run(t.Context(), load(t, h, resting), nil, host.WithRunID("r"))
	if err != nil || r.Status() != host.Waiting {
		t.Fatal(r.Status(), err)
	}
	s, err := host.CheckSignal(t.Context(), j, "r", "", 7)
	if err != nil || s.Step != "a" || s.Document.String() != "7" {
		t.Errorf("%+v, %v", s, err)
	}
	for step, answer := range map[string]any{"a": "text", "b": 1, "": "text"} {
		if _, err := host.CheckSignal(t.Context(), j, "r", step, answer); !asSignalError(err) {
			t.Errorf("%s = %v: %v", step, answer, err)
		}
	}
	var refused *host.InputError
	if _, err := host.CheckSignal(t.Context(), j, "r", "a", []byte("{")); !errors.As(err, &refused) {
		t.Errorf("no JSON: %v", err)
	}
	if _, err := host.CheckSignal(t.Context(), j, "nobody", "a", 1); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("no run: %v", err)
	}
}

func asSignalError(err error) bool {
	_, ok := errors.AsType[*stepper.SignalError](err)
	return ok
}
