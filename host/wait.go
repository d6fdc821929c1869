package host

// Runs that rest until a signal comes.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
)

// Waiting is the status of a run that rests: only a signal, or the timeout of a
// step that waits for one, can carry it on.
const Waiting event.Status = inspect.Waiting

func (r *Run) rests(steps []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = steps
	r.still.Broadcast()
}

// settled waits until the run has ended (nil), or rests: then it gives the steps
// that wait.
func (r *Run) settled() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.waiting == nil {
		select {
		case <-r.done:
			return nil
		default:
			r.still.Wait()
		}
	}
	return slices.Clone(r.waiting)
}

// Waits waits as [Run.Wait] does, and gives the steps that wait for a signal, in
// canonical order; nil where the run has ended.
func (r *Run) Waits() []string { return r.settled() }

// Signal answers a step that waits: "approve", or "approve[2]#17" in a loop and a
// foreach. The answer is what the run's input may be, see [Host.Run]. It returns
// when the signal is recorded. Where no such step waits, it was answered before,
// or the answer breaks the step's output schema, the error is a
// [*stepper.SignalError], and the run is as it was. Any other error has ended the run, or is that of ctx.
func (r *Run) Signal(ctx context.Context, step string, answer any) error {
	d, err := newInput(answer, document.Limits{})
	if err != nil {
		return fmt.Errorf("signal for step %q: %w", step, err)
	}
	err = r.signal(ctx, step, d)
	if errors.Is(err, errOver) {
		return &stepper.SignalError{Step: step, Text: errOver.Error()}
	}
	if refused := (*stepper.SignalError)(nil); err != nil && ctx.Err() == nil && !errors.As(err, &refused) {
		<-r.done // the run is broken: whoever asks it now is told so, and not that it rests
	}
	return err
}

// errOver means that nobody carries the run out any more: it has ended, was interrupted
// or is broken. The signal was not looked at.
var errOver = errors.New("the run is over")

// signal is Signal, but does not wait for the end of a run that it has broken, and
// gives errOver where nobody carries it out.
func (r *Run) signal(ctx context.Context, step string, d document.Document) error {
	d = r.redact.Document(d)
	taken := make(chan error, 1)
	select {
	case r.signals <- driver.Signal{Step: step, Document: d, Done: func(err error) { taken <- err }}:
	case <-r.over:
		return errOver
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-taken:
		return err
	case <-r.over:
	}
	select {
	case err := <-taken:
		return err
	default:
		return errOver
	}
}
