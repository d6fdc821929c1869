// Package driver is the contract of what carries out a run: it takes the
// commands that the stepper gives, does them, and feeds back what happened. The
// package local is one that does it in this process.
//
// # What a driver must do
//
// A run is a stepper.Machine and a place in the journal. For each fact (the
// start, what Machine.Judge makes of an outcome, a timer, a signal that
// Machine.CheckSignal lets pass, a request to cancel):
//
//  1. give it the next sequence number and the time, in whole microseconds of
//     UTC, and apply it to the machine; a time is never earlier than the one
//     before it;
//  2. while a Record comes back, do the same with its body, at the same time;
//  3. carry out the other commands: begin attempts, set timers, abort;
//  4. append all of these events to the journal, in one batch, in the order of the
//     facts. Facts that come while an append is under way may share the next one;
//  5. when they are durable, hand them to the observers, in order.
//
// So a step's success and the starts that it causes are stored together or not at all.
// An attempt may begin before what led to it is durable, because it can do nothing in
// the world but by its [Calls]: after a crash it is as if it had never been. What can be
// noticed waits: Admit, which goes before each call, and Settled for all that led to the
// attempt;
// Record, for the answer; [Signal.Done], for the signal; the observers, Rests, and the
// end of [Driver.Carry], for everything until then. Nothing happens in the world that
// the journal does not know of.
//
// What an attempt asks of its Calls is answered between two facts: Admit is what
// Machine.Admit says; Record is a fact like the others. How much waits to be appended is
// bounded.
//
// A run that is carried on ([Session.Past]) is a machine to which all of its events
// have been applied, without their commands. Its first fact is RunResumed, which
// gives the commands for all that is open; then, before anything else, the timers
// that are due fire. Seq and time go on from the last event. [Calls.Answered] gives
// an attempt that begins again what it was answered before.
package driver

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// Invoker makes one attempt of one node.
type Invoker interface {
	// Invoke makes the attempt and says what came of it. When ctx is done it
	// ends the attempt soon, with a failure. An error means that chainrun
	// itself could not do its work; it ends the run without a result, unless it is
	// the *[AbortedError] of an attempt that was aborted, which calls gives. Called
	// from many goroutines at once.
	//
	// Capability calls that the attempt makes go through calls.
	Invoke(ctx context.Context, p *plan.Plan, c stepper.Invoke, calls Calls) (event.Outcome, error)
}

// Calls is where an attempt's calls of capabilities meet its run. A driver gives
// one to each attempt. Its methods may be called until Invoke has returned.
type Calls interface {
	// Settled waits until what led to the attempt is durable. Whoever does something for
	// the attempt that is no call and that others notice, or that depends on what the
	// journal has, asks it first. The error means what that of Record means.
	Settled(ctx context.Context) error
	// Admit asks, before each call, whether it may be made: it waits until what led to
	// the attempt is durable, and says whether the run's budget has room. false: it
	// has not; record the call with failure code budget, which ends the run. Each
	// call that was admitted is recorded, or not made because the attempt ended.
	Admit(ctx context.Context) (bool, error)
	// Record makes a call durable: those of an attempt have the ordinals 1, 2, and
	// so on. The node may see the answer only after it. The error means that the
	// attempt or the run is over, or cannot be recorded: the attempt ends with it.
	// It may be over although the call was recorded: because of what it used up.
	Record(ctx context.Context, c event.CapabilityAnswered) error
	// Answered gives the calls of this attempt that were recorded before it began
	// again, in order: they are not made, admitted or recorded again as long as what
	// is asked is the same. Ordinals go on after the last of them.
	Answered() []event.CapabilityAnswered
	// Partial shows a part of an answer to whoever watches. It may drop it. Unlike
	// the others it may be called from several goroutines at once.
	Partial(p event.Partial)
}

// Observer sees each event of a run, in order, after it is durable. The run
// waits for it: it must be quick, and must not call back into the run. It is called by
// one goroutine at a time, but not by the same each time, and must not end it.
type Observer func(event.Event)

// Panic is what Carry panics with where something else that it has called (an observer,
// the journal, the stepper) has panicked, as a rule in another goroutine. Stack is of that
// one.
type Panic struct {
	Value any
	Stack []byte
}

// String implements [fmt.Stringer].
func (p *Panic) String() string { return fmt.Sprint(p.Value) }

// Driver carries out runs. Safe for concurrent use.
type Driver interface {
	// Carry starts a run, or goes on with one, and carries it out to its end. Of a run
	// that has ended it gives the end, and does nothing. The error means that
	// there is no end: chainrun could not do its work; or the run rests
	// ([ErrWaiting]); or ctx was canceled with the cause [ErrInterrupted], which
	// is then returned. Canceling ctx with any other cause cancels the run,
	// which is an end.
	Carry(ctx context.Context, s Session) (event.RunFinished, error)
}

// Session is a run to be carried out. Plan and Run are needed, and one of Started
// and Past.
type Session struct {
	Plan    *plan.Plan
	Run     string // its id
	Started event.RunStarted
	// Awaited says that somebody waits until the start of the run is recorded: it is not
	// put off.
	Awaited bool
	// Made is what the plan was made of: stored with the start of a new run, where the
	// journal is a [journal.Pinner]. nil: nothing is stored.
	Made *journal.Sources
	// Past is what the journal has of a run that is carried on, read once: all of its
	// events, in order. Observers see only those that are new. nil: it is a new run.
	Past iter.Seq2[event.Event, error]
	// Observe see each event when it is durable, in order, one after the other.
	Observe []Observer
	// Durable sees each event when it is durable, in order, before those who observe.
	// Unlike them it waits for nothing and for nobody: it is for what the caller keeps of
	// the run. nil: nobody.
	Durable Observer
	// Decided sees each event, in order, as soon as it is decided on: before it is
	// durable, and before anything begins that it leads to. It is for what the run
	// itself goes by; it must not show anybody what may yet be forgotten. nil: nobody.
	Decided Observer
	// Partial sees the parts of answers as they come, from the goroutines of the
	// attempts: several at once. nil: nobody watches.
	Partial func(event.Partial)
	// Invoker makes the attempts of this run; nil: the driver's own.
	Invoker Invoker
	// Engine is what it executes nodes by, recorded with the start of the run and each
	// time that it is carried on. "": unknown.
	Engine string
	// Cassette says that calls are answered from a cassette; it is recorded likewise.
	Cassette bool

	// Known knows what comes of steps that wait, where the run goes as another one went.
	// It is asked, as observers are, about each step that has begun to wait,
	// and at a resume about each that still does; the outcome is recorded before
	// anything else happens, also where the wait's time is over by then. nil, or false:
	// nobody knows yet.
	Known func(stepper.Description) (event.Outcome, bool)

	// Signals answer the steps that wait. With nil, or once it is closed, a run of
	// which only waits are left is not carried on: that is ErrWaiting.
	Signals <-chan Signal
	// Rests is called, if Signals are taken, whenever only a signal, or the
	// timeout of one, can carry the run on, with the steps that wait. Like an
	// observer, it must be quick.
	Rests func(steps []string)
}

// Signal is an answer for a step that waits.
type Signal struct {
	Step     string
	Document document.Document
	// Done is told, exactly once, when the signal is recorded (nil), or why it
	// cannot be (a *stepper.SignalError, or that the run is broken).
	Done func(error)
}

// ErrWaiting means that only signals can carry a run on, and that the driver was
// not given any.
var ErrWaiting = errors.New("waiting for a signal")

// ErrInterrupted is the cause to cancel a run's context with when the process
// is to stop and the run is not over: nothing more is recorded.
var ErrInterrupted = errors.New("interrupted")

// AbortedError is the cause with which the context of an attempt is canceled
// when the run no longer wants its outcome.
type AbortedError struct {
	stepper.Abort
}

// Error implements error.
func (e *AbortedError) Error() string {
	return "attempt aborted: " + string(e.Cause)
}
