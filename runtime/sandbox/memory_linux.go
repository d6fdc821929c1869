package sandbox

// Linear memories on Linux: private mappings.

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// reservations counts the mappings of this process's memories.
var reservations atomic.Int64

// reservationsMax bounds them: a process may have so many mappings (65,530 by
// default), of which a memory takes up to three, and the Go runtime, which
// cannot go on without, needs some, too.
var reservationsMax = sync.OnceValue(func() int64 {
	most := int64(65530)
	if b, err := os.ReadFile("/proc/sys/vm/max_map_count"); err == nil {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64); err == nil {
			most = n
		}
	}
	return most / 4
})

// reserve maps n bytes of zeros without committing memory; nil when the system
// does not want to, or has made many mappings already.
func reserve(n uint64) []byte {
	if reservations.Add(1) > reservationsMax() {
		reservations.Add(-1)
		return nil
	}
	b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		reservations.Add(-1)
		return nil
	}
	// Huge pages would make large what an attempt writes a few bytes of. Not
	// all kernels know them.
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	return b
}

func release(b []byte) {
	if b != nil {
		_ = unix.Munmap(b) // fails only for a mapping that is not ours
		reservations.Add(-1)
	}
}

// discard makes b, which begins at a page of a mapping, read as zeros.
func discard(b []byte) bool { return unix.Madvise(b, unix.MADV_DONTNEED) == nil }
