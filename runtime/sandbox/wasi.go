package sandbox

// WASI preview 1, as far as a node has a world: arguments, environment, clock,
// randomness, three streams. No file, no network. The table below is complete;
// what a node has no use for answers the errno that a system without the thing
// would give.

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
)

// errno is a WASI error number.
type errno uint32

// The error numbers that are given.
const (
	ok            errno = 0
	errBadf       errno = 8
	errFault      errno = 21
	errInval      errno = 28
	errNosys      errno = 52
	errNotdir     errno = 54
	errNotsock    errno = 57
	errSpipe      errno = 70
	errNotcapable errno = 76
)

// A wasiCall is one call of a WASI function.
type wasiCall struct {
	*attempt
	ctx context.Context //nolint:containedctx // lives as long as the call
	mem api.Memory
	arg []uint64
}

func (c *wasiCall) u32(i int) uint32 { return uint32(c.arg[i]) }

// wasiFunctions are all functions of wasi_snapshot_preview1 except proc_exit,
// which does not return. Their signatures are module.WASIFunctions.
var wasiFunctions = map[string]func(c *wasiCall) errno{
	"args_get":          func(c *wasiCall) errno { return c.putStrings(c.args(), c.u32(0), c.u32(1)) },
	"args_sizes_get":    func(c *wasiCall) errno { return c.putSizes(c.args(), c.u32(0), c.u32(1)) },
	"environ_get":       func(c *wasiCall) errno { return c.putStrings(c.environ(), c.u32(0), c.u32(1)) },
	"environ_sizes_get": func(c *wasiCall) errno { return c.putSizes(c.environ(), c.u32(0), c.u32(1)) },

	"clock_res_get":  clockResGet,
	"clock_time_get": clockTimeGet,
	"poll_oneoff":    pollOneoff,
	"random_get":     randomGet,
	"sched_yield":    func(*wasiCall) errno { return ok },
	"proc_raise":     func(*wasiCall) errno { return errNosys },

	"fd_close":            fdClose,
	"fd_fdstat_get":       fdFdstatGet,
	"fd_fdstat_set_flags": fdFdstatSetFlags,
	"fd_fdstat_set_rights": func(c *wasiCall) errno {
		return c.files.setRights(c.u32(0), c.arg[1], c.arg[2])
	},
	"fd_filestat_get": fdFilestatGet,
	"fd_read":         fdRead,
	"fd_renumber":     func(c *wasiCall) errno { return c.files.renumber(c.u32(0), c.u32(1)) },
	"fd_write":        fdWrite,

	// Streams cannot seek.
	"fd_advise":   openOr(errSpipe),
	"fd_allocate": openOr(errSpipe),
	"fd_pread":    openOr(errSpipe),
	"fd_pwrite":   openOr(errSpipe),
	"fd_seek":     openOr(errSpipe),
	"fd_tell":     openOr(errSpipe),
	// What is written is there at once.
	"fd_datasync": openOr(ok),
	"fd_sync":     openOr(ok),
	// Streams have no size or times to set.
	"fd_filestat_set_size":  openOr(errNotcapable),
	"fd_filestat_set_times": openOr(errNotcapable),

	// There is no directory.
	"fd_prestat_get":          openOr(errBadf),
	"fd_prestat_dir_name":     openOr(errBadf),
	"fd_readdir":              openOr(errNotdir),
	"path_create_directory":   openOr(errNotdir),
	"path_filestat_get":       openOr(errNotdir),
	"path_filestat_set_times": openOr(errNotdir),
	"path_link":               openOr(errNotdir),
	"path_open":               openOr(errNotdir),
	"path_readlink":           openOr(errNotdir),
	"path_remove_directory":   openOr(errNotdir),
	"path_rename":             openOr(errNotdir),
	"path_symlink": func(c *wasiCall) errno { // the descriptor comes third
		if c.files.get(c.u32(2)) == nil {
			return errBadf
		}
		return errNotdir
	},
	"path_unlink_file": openOr(errNotdir),

	// There is no network.
	"sock_accept":   openOr(errNotsock),
	"sock_recv":     openOr(errNotsock),
	"sock_send":     openOr(errNotsock),
	"sock_shutdown": openOr(errNotsock),
}

// openOr answers e for an open descriptor in the first argument and EBADF for
// any other.
func openOr(e errno) func(*wasiCall) errno {
	return func(c *wasiCall) errno {
		if c.files.get(c.u32(0)) == nil {
			return errBadf
		}
		return e
	}
}

// wasiFunction makes the host function for name; nil when there is none.
func wasiFunction(name string) api.GoModuleFunction {
	if name == "proc_exit" {
		return api.GoModuleFunc(procExit)
	}
	f, found := wasiFunctions[name]
	if !found {
		return nil
	}
	return api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
		a, caller := attemptOf(ctx)
		a.charge(caller, 0)
		stack[0] = uint64(f(&wasiCall{attempt: a, ctx: caller, mem: mod.Memory(), arg: stack}))
	})
}

// procExit implements proc_exit. The instance stays as it is; whoever called
// the guest decides what becomes of it.
func procExit(ctx context.Context, _ api.Module, stack []uint64) {
	a, _ := attemptOf(ctx)
	code := uint32(stack[0])
	a.exit = &code
	panic(errEnded)
}

// args are the guest's arguments: a name, as programs expect one.
func (c *wasiCall) args() []string { return []string{"node"} }

// environ is a command's environment: the two things that a reactor asks of
// chainrun_v1.
func (c *wasiCall) environ() []string {
	if !c.command || c.starting {
		return nil
	}
	var env []string
	for _, v := range []struct {
		name  string
		value []byte
	}{{"CHAINRUN_CONFIG=", c.call.Config}, {"CHAINRUN_FEEDBACK=", c.call.Feedback}} {
		if len(v.value) > 0 {
			env = append(env, v.name+string(v.value))
		}
	}
	return env
}

// putStrings writes strings and pointers to them as args_get does.
func (c *wasiCall) putStrings(strings []string, pointers, at uint32) errno {
	for i, s := range strings {
		c.charge(c.ctx, uint64(len(s)))
		if !c.mem.WriteUint32Le(pointers+uint32(4*i), at) || !c.mem.WriteString(at, s+"\x00") {
			return errFault
		}
		at += uint32(len(s)) + 1
	}
	return ok
}

func (c *wasiCall) putSizes(strings []string, count, size uint32) errno {
	total := 0
	for _, s := range strings {
		total += len(s) + 1
	}
	if !c.mem.WriteUint32Le(count, uint32(len(strings))) || !c.mem.WriteUint32Le(size, uint32(total)) {
		return errFault
	}
	return ok
}

// iovecs bounds the pieces of one read or write, as systems do.
const iovecs = 1024

// vectors gives the buffers of an iovec array as views of the memory.
func (c *wasiCall) vectors(at, count uint32) ([][]byte, errno) {
	if count > iovecs {
		return nil, errInval
	}
	table, found := c.mem.Read(at, 8*count)
	if !found {
		return nil, errFault
	}
	buffers := make([][]byte, count)
	for i := range buffers {
		buffers[i], found = c.mem.Read(binary.LittleEndian.Uint32(table[8*i:]), binary.LittleEndian.Uint32(table[8*i+4:]))
		if !found {
			return nil, errFault
		}
	}
	return buffers, ok
}
