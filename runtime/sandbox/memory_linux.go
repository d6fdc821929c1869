package sandbox

// Linear memories on Linux: private mappings.

import (
	"golang.org/x/sys/unix"
)

// reserve maps n bytes of zeros without committing memory; nil when the system
// does not want to.
func reserve(n uint64) []byte {
	b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return b
}

func release(b []byte) {
	if b != nil {
		_ = unix.Munmap(b) // fails only for a mapping that is not ours
	}
}

// discard makes b, which begins at a page of a mapping, read as zeros.
func discard(b []byte) bool { return unix.Madvise(b, unix.MADV_DONTNEED) == nil }
