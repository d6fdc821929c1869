package sandbox

// What an attempt may use at most.

import (
	"math"
	"time"
)

// The limits that hold where a field of [Limits] is zero.
const (
	DefaultFuel          uint64        = 10_000_000_000
	DefaultMemoryBytes   uint64        = 256 << 20
	DefaultTableElements uint32        = 1 << 20
	DefaultCallDepth     uint32        = 10_000
	DefaultOutputBytes   int           = 16 << 20
	DefaultLogBytes      int           = 1 << 20
	DefaultHostCalls     int           = 10_000
	DefaultTimeout       time.Duration = 30 * time.Second
)

// hostWork bounds what the host does for a guest through WASI and
// chainrun_v1.call, in units of one byte moved, plus hostWorkCall a call. The
// work of the host is free (it is in no attempt's fuel), so it needs a bound
// of its own: without one a guest could have the host fill its memory with
// random numbers for ever at a few instructions a turn. The bound is far
// beyond what an honest node needs and is reached after some seconds.
const (
	hostWork     = 8 << 30
	hostWorkCall = 64
	// hostWorkSlice is how much is done between two looks at the clock.
	hostWorkSlice = 4 << 20
)

// Limits bound one attempt. A zero field means its default; there is no
// "unlimited". Start-up of a module (its start function and _initialize) runs
// under the same limits, counted separately.
type Limits struct {
	Fuel          uint64        // executed instructions
	MemoryBytes   uint64        // linear memory, with what an Extism plug-in shares with its host; rounded down to pages of 64 KiB
	TableElements uint32        // elements of all tables together
	CallDepth     uint32        // nested calls
	OutputBytes   int           // the output document; also each payload and answer of a host call
	LogBytes      int           // log text; what is beyond is cut, not a failure
	HostCalls     int           // calls of chainrun_v1.call, and of Extism's http_request
	Timeout       time.Duration // wall clock, time in host calls included
}

// orDefaults replaces zero fields and brings the others into the range that
// the machine below can hold.
func (l Limits) orDefaults() Limits {
	if l.Fuel == 0 {
		l.Fuel = DefaultFuel
	}
	l.Fuel = min(l.Fuel, math.MaxInt64/4)
	if l.MemoryBytes == 0 {
		l.MemoryBytes = DefaultMemoryBytes
	}
	l.MemoryBytes = min(l.MemoryBytes, 1<<32) &^ (pageBytes - 1)
	if l.TableElements == 0 {
		l.TableElements = DefaultTableElements
	}
	if l.CallDepth == 0 {
		l.CallDepth = DefaultCallDepth
	}
	l.CallDepth = min(l.CallDepth, math.MaxInt32)
	if l.OutputBytes <= 0 {
		l.OutputBytes = DefaultOutputBytes
	}
	l.OutputBytes = min(l.OutputBytes, math.MaxInt32) // the ABI's length has 31 bits
	if l.LogBytes <= 0 {
		l.LogBytes = DefaultLogBytes
	}
	if l.HostCalls <= 0 {
		l.HostCalls = DefaultHostCalls
	}
	if l.Timeout <= 0 {
		l.Timeout = DefaultTimeout
	}
	return l
}
