package sandbox

// The guest's time and randomness. Neither comes from the host's.

import (
	"encoding/binary"
	"math"
	"time"
)

// tick is how far the clock advances a reading, and its resolution.
const tick = uint64(time.Microsecond)

// A guestClock is the only clock that a guest sees.
type guestClock struct {
	start   uint64 // nanoseconds since 1970 when the attempt began
	before  uint64 // what the instance's monotonic clock showed then
	elapsed uint64 // since then
}

func newGuestClock(start time.Time, before uint64) guestClock {
	c := guestClock{before: before}
	switch seconds := start.Unix(); {
	case seconds < 0: // before 1970, the zero Time included
	case seconds >= math.MaxInt64/int64(time.Second):
		c.start = math.MaxInt64
	default:
		c.start = uint64(start.UnixNano())
	}
	return c
}

// advance moves the clock on, never beyond what all clocks can show.
func (c *guestClock) advance(by uint64) {
	c.elapsed += min(by, math.MaxInt64/2-min(c.elapsed, math.MaxInt64/2))
}

// now reads the realtime (0) or any other clock; the latter show the time that
// the instance has lived.
func (c *guestClock) now(id uint32) uint64 {
	if id == 0 {
		return c.start + c.elapsed
	}
	return c.before + c.elapsed
}

// clocks is the number of clock ids: realtime, monotonic, process and thread
// CPU time.
const clocks = 4

func clockResGet(c *wasiCall) errno {
	if c.u32(0) >= clocks {
		return errInval
	}
	return c.put64(c.u32(1), tick)
}

func clockTimeGet(c *wasiCall) errno {
	if c.u32(0) >= clocks {
		return errInval
	}
	c.clock.advance(tick)
	return c.put64(c.u32(2), c.clock.now(c.u32(0)))
}

func (c *wasiCall) put64(at uint32, v uint64) errno {
	if !c.mem.WriteUint64Le(at, v) {
		return errFault
	}
	return ok
}

func randomGet(c *wasiCall) errno {
	b, found := c.mem.Read(c.u32(0), c.u32(1))
	if !found {
		return errFault
	}
	if !c.seeded && !c.starting { // a start-up has randomness of its own
		c.rng.Seed(c.call.Seed)
		c.seeded = true
	}
	for len(b) > 0 {
		piece := b[:min(len(b), hostWorkSlice)]
		c.charge(c.ctx, uint64(len(piece)))
		_, _ = c.rng.Read(piece) // cannot fail
		b = b[len(piece):]
	}
	return ok
}

// The layout of poll_oneoff's arrays.
const (
	subscriptionBytes = 48
	eventBytes        = 32
	subscriptions     = 1024 // at most, as systems bound it

	eventClock = 0
	eventRead  = 1
	eventWrite = 2
)

// pollOneoff never waits. The streams are always ready; if only clocks are
// asked for, the time is advanced to the first of them.
func pollOneoff(c *wasiCall) errno {
	count := c.u32(2)
	if count == 0 || count > subscriptions {
		return errInval
	}
	view, found := c.mem.Read(c.u32(0), subscriptionBytes*count)
	if !found {
		return errFault
	}
	// Copied: the guest may have the events written over the subscriptions.
	in := append([]byte(nil), view...)
	out, found := c.mem.Read(c.u32(1), eventBytes*count)
	if !found {
		return errFault
	}
	c.charge(c.ctx, uint64(count)*(subscriptionBytes+eventBytes))

	events := uint32(0)
	emit := func(sub []byte, e errno, bytes uint64) {
		event := out[eventBytes*events:][:eventBytes]
		clear(event)
		copy(event, sub[:8]) // userdata
		binary.LittleEndian.PutUint16(event[8:], uint16(e))
		event[10] = sub[8]
		binary.LittleEndian.PutUint64(event[16:], bytes)
		events++
	}

	first := uint64(math.MaxUint64) // the shortest wait
	for sub := in; len(sub) > 0; sub = sub[subscriptionBytes:] {
		switch sub[8] {
		case eventClock:
			if binary.LittleEndian.Uint32(sub[16:]) < clocks {
				first = min(first, c.wait(sub))
			} else {
				emit(sub, errInval, 0)
			}
		case eventRead, eventWrite:
			if f := c.files.get(binary.LittleEndian.Uint32(sub[16:])); f == nil {
				emit(sub, errBadf, 0)
			} else {
				emit(sub, ok, uint64(len(c.files.input)))
			}
		default:
			return errInval
		}
	}
	if events == 0 {
		for sub := in; len(sub) > 0; sub = sub[subscriptionBytes:] {
			if c.wait(sub) <= first {
				emit(sub, ok, 0)
			}
		}
		c.clock.advance(first)
	}
	if !c.mem.WriteUint32Le(c.u32(3), events) {
		return errFault
	}
	return ok
}

// wait tells how long a clock subscription has to wait from now on.
func (c *wasiCall) wait(sub []byte) uint64 {
	timeout := binary.LittleEndian.Uint64(sub[24:])
	if binary.LittleEndian.Uint16(sub[40:])&1 == 0 {
		return timeout
	}
	now := c.clock.now(binary.LittleEndian.Uint32(sub[16:]))
	return timeout - min(timeout, now)
}
