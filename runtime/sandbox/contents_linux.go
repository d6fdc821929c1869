package sandbox

// Mapping files of the cache, on Linux.

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile maps a file for reading; nil where that cannot be done.
func mapFile(f *os.File, size int64) []byte {
	if size == 0 {
		return nil
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		return nil
	}
	return b
}

func unmapFile(b []byte) {
	_ = unix.Munmap(b) // fails only for a mapping that is not ours
}

// canExecute tells whether code may be executed where it lies in the file: not
// where the file system forbids it, and not from a network, whence a page that
// is needed again might not come.
func canExecute(f *os.File) bool {
	if !knowsWazero() {
		return false
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil || fs.Flags&unix.ST_NOEXEC != 0 {
		return false
	}
	switch int64(fs.Type) { //nolint:unconvert // it is narrower elsewhere
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
		return true
	}
	return false
}

// mapOverMin is from how many bytes on a copy is dearer than a mapping.
const mapOverMin = 64 << 10

// mapOver puts a private mapping of the file from at on in place of the memory
// p, which must be whole pages of a mapping of its own: the code is then read
// when it is first executed, and shared by all processes. False: p is as it was,
// and it has to be copied.
func (c *contents) mapOver(p []byte, at uint64) bool {
	page := uint64(os.Getpagesize())
	if c.file == nil || len(p) < mapOverMin || at%page != 0 {
		return false
	}
	address := unsafe.Pointer(unsafe.SliceData(p)) //nolint:gosec // only compared and handed to the system
	if uint64(uintptr(address))%page != 0 {
		return false
	}
	_, err := unix.MmapPtr(int(c.file.Fd()), int64(at), address, uintptr(len(p)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_FIXED)
	return err == nil
}
