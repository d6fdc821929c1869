package sandbox

// The host's side of one entry into a guest: what it has used, and the one
// place where it is ended.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// errEnded is what host functions panic with to unwind a guest whose attempt
// has been ended; the reason is in the attempt.
var errEnded = errors.New("attempt ended")

// An attempt is the state of one Call, or of one start-up of an instance. It
// is used by one goroutine, the one on which the guest runs.
type attempt struct {
	limits   Limits
	call     Call // zero for a start-up
	command  bool
	starting bool // a start-up: no input, no config, no capabilities
	deadline time.Time

	// Fuel: the guest's counter counts down from what was granted.
	slice   uint64
	granted int64

	deep bool // the guest was seen deep in a recursion

	work      uint64 // what the host did for the guest, see hostWork
	lookAt    uint64 // the work at which to look at the clock again
	hostCalls int
	answer    hostAnswer // the last answer, for node.answer
	memory    *memory
	extism    *extism // an Extism plug-in's; nil for others

	clock  guestClock
	rng    rand.ChaCha8
	seeded bool
	files  fileTable
	log    logWriter

	stop *Stop // why the attempt was ended by the host
	exit *uint32
	err  error // chainrun itself could not do its work
}

// guestContext is the context of a call into wazero. It carries the attempt
// to the host functions and hides the caller's values: they could hold
// wazero's own switches.
type guestContext struct {
	context.Context //nolint:containedctx // it is a context
	attempt         *attempt
}

// deepCalls is the depth from which an instance is thrown away: its native
// stack has grown and would stay so. A stack that is large takes a while to
// fill, so looking when a slice ends is often enough.
const deepCalls = 500

type attemptKey struct{}

// Value gives the context itself to attemptOf, and nothing to anybody else.
func (c *guestContext) Value(key any) any {
	if _, ok := key.(attemptKey); ok {
		return c
	}
	return nil
}

// attemptOf gives the attempt to which a host function belongs, and the
// caller's context.
func attemptOf(ctx context.Context) (*attempt, context.Context) {
	c, ok := ctx.Value(attemptKey{}).(*guestContext)
	if !ok {
		panic("sandbox: a host function was called outside an attempt") // a bug of this package
	}
	return c.attempt, c.Context
}

// yield is called by the guest when its slice of fuel is used up. It grants
// the next one or ends the attempt.
func (a *attempt) yield(ctx context.Context, counter api.MutableGlobal, depth api.Global) {
	if a.limits.CallDepth-min(uint32(depth.Get()), a.limits.CallDepth) > deepCalls {
		a.deep = true
	}
	left := int64(counter.Get())
	used := a.granted - left
	if used < 0 || uint64(used) > a.limits.Fuel {
		a.end(a.outOfFuel())
	}
	a.look(ctx)
	next := int64(min(a.slice, a.limits.Fuel-uint64(used)))
	a.granted += next - left
	counter.Set(uint64(next))
	// Native code cannot be preempted: let others have the processor.
	runtime.Gosched()
}

// used gives the fuel used so far, from the guest's counter.
func (a *attempt) used(counter api.Global) uint64 {
	return uint64(max(0, a.granted-int64(counter.Get())))
}

func (a *attempt) outOfFuel() *Stop {
	return &Stop{Reason: FuelExhausted, Message: fmt.Sprintf("fuel of %d used up", a.limits.Fuel)}
}

// look ends the attempt when its time is over or nobody wants it any more.
func (a *attempt) look(ctx context.Context) {
	if stop := a.over(ctx); stop != nil {
		a.end(stop)
	}
}

// over says why the attempt has to end now, if it has to.
func (a *attempt) over(ctx context.Context) *Stop {
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	if !time.Now().Before(a.deadline) {
		return &Stop{Reason: TimedOut, Message: fmt.Sprintf("ran longer than %v", a.limits.Timeout)}
	}
	return nil
}

func canceled(ctx context.Context) *Stop {
	return &Stop{Reason: Canceled, Message: fmt.Sprintf("canceled: %v", context.Cause(ctx))}
}

// charge accounts for work that the host is about to do, bytes moved, besides
// the call itself.
func (a *attempt) charge(ctx context.Context, bytes uint64) {
	a.work += bytes + hostWorkCall
	if a.work > hostWork {
		a.end(&Stop{Reason: Trap, Message: fmt.Sprintf(
			"asked the host for more than %d units of work (one a byte moved, %d a call) in one attempt", uint64(hostWork), hostWorkCall)})
	}
	if a.work >= a.lookAt {
		a.lookAt = a.work + hostWorkSlice
		a.look(ctx)
	}
}

// end ends the attempt from inside a host function; it does not return.
func (a *attempt) end(stop *Stop) {
	a.stop = stop
	panic(errEnded)
}

// fail ends the attempt because chainrun itself could not do its work.
func (a *attempt) fail(err error) {
	a.err, a.log.sink = err, nil
	panic(errEnded)
}

// trap ends the attempt for something that the guest must not do.
func (a *attempt) trap(format string, args ...any) {
	a.end(&Stop{Reason: Trap, Message: fmt.Sprintf(format, args...)})
}
