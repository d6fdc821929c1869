package stepper

import (
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// Command is something that the machine asks its driver to do. The set is
// closed: Record, Invoke, Wake, Abort.
//
//sumtype:decl
type Command interface {
	command()
}

// Record asks the driver to apply Body and append it in the same batch as the
// event that caused it, with that event's time. Nothing of a batch is carried
// out before the whole batch is durable.
type Record struct {
	Body event.Body
}

// Invoke asks the driver to begin an attempt. Its AttemptStarted is in the same
// batch. The driver hands the outcome to [Machine.Judge] and applies what comes
// back.
type Invoke struct {
	event.Attempt
	Time     time.Time  // where the node's clock starts
	Seed     event.Seed // of the node's randomness
	Input    document.Document
	Feedback []failure.Violation // why the attempt before was refused; nil: nothing to say
	// Used is what earlier attempts of the step used of each capability, by name
	// in order: the limits of a grant count over all attempts of a step.
	Used []Used
	// Rejected is how many answers of the step were rejected as invalid_output so
	// far. It is part of the idempotency keys.
	Rejected int
}

// Used is what a step used of one capability.
type Used struct {
	Capability string
	event.Usage
}

// Wake asks the driver for a TimerFired with this name, not before At.
type Wake struct {
	Timer string
	At    time.Time
}

// Abort asks the driver to stop an attempt that is running. Its outcome is
// still judged and applied.
type Abort struct {
	event.Attempt
	Cause failure.Code
}

func (Record) command() {}
func (Invoke) command() {}
func (Wake) command()   {}
func (Abort) command()  {}
