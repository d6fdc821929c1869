package host

// What is sent to runs from outside, by other processes, into the journal's inbox.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/stepper"
)

// mailInterval is how often the inbox is looked into while runs are under way.
const mailInterval = 500 * time.Millisecond

// mail hands the runs of a host what is sent to them. One look is for all of them;
// each delivery has a goroutine, because a run takes a signal when it gets to it.
// While no run is under way nobody looks.
type mail struct {
	box    journal.Mailbox // nil: there is none
	logger *slog.Logger

	mu     sync.Mutex
	runs   map[string]*addressee
	rounds *rounds // nil: there are no runs
}

// rounds are looks into the inbox, one after the other. A timer makes them, not a
// goroutine that waits: most runs are over before the first.
type rounds struct {
	ctx    context.Context //nolint:containedctx // it ends them
	stop   context.CancelFunc
	looks  sync.Mutex // held by a look
	timer  *time.Timer
	warned bool
}

// addressee is a run under way.
type addressee struct {
	run    *Run
	ctx    context.Context //nolint:containedctx // the run is the call
	cancel context.CancelCauseFunc
	// busy says that a delivery is under way; afterwards that none is wanted any more,
	// because the run was canceled. Guarded by mail.mu.
	busy       bool
	deliveries sync.WaitGroup
}

// enter begins to look for what is sent to a run. The run must use the context that
// it gives, and call leave when it is over: that waits until nothing is delivered any
// more.
func (m *mail) enter(ctx context.Context, r *Run) (_ context.Context, leave func()) {
	if m.box == nil {
		return ctx, func() {}
	}
	a := &addressee{run: r}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runs == nil {
		m.runs = map[string]*addressee{}
	}
	m.runs[r.id] = a
	if len(m.runs) == 1 {
		m.rounds = m.begin(context.WithoutCancel(ctx))
	}
	return a.ctx, func() {
		m.mu.Lock()
		delete(m.runs, r.id)
		var last *rounds
		if len(m.runs) == 0 {
			last, m.rounds = m.rounds, nil
		}
		m.mu.Unlock()
		a.cancel(nil)
		if last != nil {
			last.end()
		}
		a.deliveries.Wait()
	}
}

// begin has the inbox looked into every now and then.
func (m *mail) begin(ctx context.Context) *rounds {
	r := &rounds{}
	r.ctx, r.stop = context.WithCancel(ctx)
	r.looks.Lock()
	defer r.looks.Unlock()
	r.timer = time.AfterFunc(mailInterval, func() { m.round(r) })
	return r
}

// end waits until nobody looks any more.
func (r *rounds) end() {
	r.stop()
	r.timer.Stop()
	r.looks.Lock()
	defer r.looks.Unlock()
}

// round looks once, and sees to the next time.
func (m *mail) round(r *rounds) {
	r.looks.Lock()
	defer r.looks.Unlock()
	if r.ctx.Err() != nil {
		return
	}
	err := m.look(r.ctx)
	if r.ctx.Err() != nil {
		return
	}
	if err != nil && !r.warned { // once, until it is well again
		m.logger.Warn("what is sent to runs does not arrive: " + err.Error())
	}
	r.warned = err != nil
	r.timer.Reset(mailInterval)
}

// look hands out what has been sent to the runs that are under way here.
func (m *mail) look(ctx context.Context) error {
	waiting, err := m.box.Waiting(ctx)
	for _, id := range waiting {
		if !m.mine(id) {
			continue
		}
		messages, failed := m.box.Inbox(ctx, id)
		err = errors.Join(err, failed)
		m.hand(id, messages)
	}
	return err
}

// mine reports whether a run is under way here and takes messages.
func (m *mail) mine(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.runs[id]
	return a != nil && !a.busy
}

// hand has messages delivered to a run, unless it is over or others are just being
// delivered. wait waits until that is done.
func (m *mail) hand(id string, messages []journal.Message) (wait func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.runs[id]
	if a == nil || a.busy || len(messages) == 0 {
		return func() {}
	}
	a.busy = true
	over := make(chan struct{})
	a.deliveries.Go(func() {
		defer close(over)
		if m.deliver(a, messages) {
			m.mu.Lock()
			a.busy = false
			m.mu.Unlock()
		}
	})
	return func() { <-over }
}

// inbox gives what waits for a run.
func (m *mail) inbox(ctx context.Context, id string) ([]journal.Message, error) {
	if m.box == nil {
		return nil, nil
	}
	return m.box.Inbox(ctx, id)
}

// canceledBy is why a run is to be canceled, if one of its messages says so.
func canceledBy(messages []journal.Message) error {
	for _, message := range messages {
		if b, ok := message.Event.Body.(event.CancelRequested); ok {
			if b.Reason == "" {
				return context.Canceled
			}
			return errors.New(b.Reason)
		}
	}
	return nil
}

// deliver hands a run what was sent to it; false: it takes nothing more. A message is
// taken out of the inbox when the run has recorded it; where the process stops in
// between it is delivered again, and the run refuses it. The end of a run empties its
// inbox.
func (m *mail) deliver(a *addressee, messages []journal.Message) bool {
	if why := canceledBy(messages); why != nil {
		a.cancel(why)
		return false
	}
	for _, message := range messages {
		if message.Err != nil {
			m.logger.Warn("a message is dropped: "+message.Err.Error(), "run", a.run.id)
		} else if b, ok := message.Event.Body.(event.SignalReceived); ok {
			err := a.run.signal(a.ctx, b.Step, b.Document)
			var refused *stepper.SignalError
			switch {
			case errors.As(err, &refused):
				m.logger.Warn("a message is dropped: "+err.Error(), "run", a.run.id)
			case err != nil:
				return false // the run is over, or broken: a resume finds the message
			}
		}
		if err := m.box.Take(a.ctx, a.run.id, []int64{message.Number}); err != nil && a.ctx.Err() == nil {
			m.logger.Warn("a message stays: "+err.Error(), "run", a.run.id)
		}
	}
	return true
}

// CheckSignal says whether a run that is in j would take a signal now, whoever carries
// it out: whether the step waits, and whether the answer holds to its schema. Without a
// step it is the one that waits, if that is the only one. It gives the signal as it can
// be sent to the run's inbox. Nothing is changed. The answer is what the run's input may
// be, see [Host.Run].
//
// The error is a [*stepper.SignalError] where the run would not take it; an [InputError]
// where the answer is no JSON; else one of [Pinned] or of the journal.
func CheckSignal(ctx context.Context, j journal.Journal, run, step string, answer any) (_ event.SignalReceived, err error) {
	defer guard(&err)
	d, err := newInput(answer, document.Limits{})
	if err != nil {
		return event.SignalReceived{}, err
	}
	m, err := machineOf(ctx, j, run)
	if err != nil {
		return event.SignalReceived{}, err
	}
	if waits := m.Waits(); step == "" && len(waits) == 1 {
		step = waits[0]
	}
	if err := m.CheckSignal(step, d); err != nil {
		return event.SignalReceived{}, err
	}
	return event.SignalReceived{Step: step, Document: d}, nil
}

// WaitsOf gives the steps of a run in j that wait for a signal, in canonical order. The
// error is one of [Pinned] or of the journal.
func WaitsOf(ctx context.Context, j journal.Journal, run string) (steps []string, err error) {
	defer guard(&err)
	m, err := machineOf(ctx, j, run)
	if err != nil {
		return nil, err
	}
	return m.Waits(), nil
}

// machineOf brings a machine to where a run is.
func machineOf(ctx context.Context, j journal.Journal, run string) (*stepper.Machine, error) {
	g, err := Pinned(ctx, j, run)
	if err != nil {
		return nil, err
	}
	m := stepper.New(g)
	for e, err := range j.Events(ctx, run) {
		if err == nil {
			_, err = m.Apply(e)
		}
		if err != nil {
			return nil, fmt.Errorf("reading run %s: %w", run, err)
		}
	}
	return m, nil
}
