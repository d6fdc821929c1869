// A WASI preview 1 that is the same for every engine and answers the same on
// every run, so that a program's fuel can be compared to the last instruction.
package main

import (
	"encoding/binary"
	"errors"
)

const wasiModule = "wasi_snapshot_preview1"

const (
	errnoSuccess = 0
	errnoBadf    = 8
	errnoFault   = 21
	errnoNosys   = 52
)

var errExit = errors.New("the program called proc_exit")

// wasi is the state of one instance: a clock and a generator, both of which
// only advance by being asked.
type wasi struct {
	clock  uint64
	random uint64
}

// call carries out the WASI function with that name. The arguments are as they
// came, an i32 in the low half.
func (w *wasi) call(name string, memory []byte, args []uint64) (errno uint32, err error) {
	at := func(i, size int) []byte { // nil when out of bounds
		p := uint64(uint32(args[i]))
		if p+uint64(size) > uint64(len(memory)) {
			return nil
		}
		return memory[p : p+uint64(size)]
	}
	switch name {
	case "args_sizes_get", "environ_sizes_get":
		a, b := at(0, 4), at(1, 4)
		if a == nil || b == nil {
			return errnoFault, nil
		}
		clear(a)
		clear(b)
		return errnoSuccess, nil
	case "args_get", "environ_get", "sched_yield", "fd_fdstat_set_flags":
		return errnoSuccess, nil
	case "clock_time_get":
		b := at(2, 8)
		if b == nil {
			return errnoFault, nil
		}
		w.clock += 1000
		binary.LittleEndian.PutUint64(b, w.clock)
		return errnoSuccess, nil
	case "random_get":
		b := at(0, int(uint32(args[1])))
		if b == nil {
			return errnoFault, nil
		}
		for i := range b {
			w.random = w.random*6364136223846793005 + 1442695040888963407
			b[i] = byte(w.random >> 56)
		}
		return errnoSuccess, nil
	case "fd_fdstat_get":
		b := at(1, 24)
		if b == nil {
			return errnoFault, nil
		}
		clear(b)
		b[0] = 2 // a character device
		return errnoSuccess, nil
	case "fd_prestat_get", "fd_prestat_dir_name":
		return errnoBadf, nil
	case "poll_oneoff":
		return w.poll(memory, args)
	case "proc_exit":
		return 0, errExit
	}
	return errnoNosys, nil
}

// poll answers every subscription at once and lets the clock pass.
func (w *wasi) poll(memory []byte, args []uint64) (uint32, error) {
	in, out, n, count := uint64(uint32(args[0])), uint64(uint32(args[1])), uint64(uint32(args[2])), uint64(uint32(args[3]))
	size := uint64(len(memory))
	if in+n*48 > size || out+n*32 > size || count+4 > size {
		return errnoFault, nil
	}
	for i := range n {
		subscription, event := memory[in+i*48:][:48], memory[out+i*32:][:32]
		clear(event)
		copy(event, subscription[:8])
		event[10] = subscription[8]
		if subscription[8] == 0 {
			w.clock += binary.LittleEndian.Uint64(subscription[24:])
		}
	}
	binary.LittleEndian.PutUint32(memory[count:], uint32(n))
	return errnoSuccess, nil
}
