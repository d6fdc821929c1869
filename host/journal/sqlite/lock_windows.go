package sqlite

// Locks of bytes of a file that belong to its handle.

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func place(at int64) *windows.Overlapped {
	return &windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
}

// lockByte locks one byte, which need not exist; false where somebody else has it.
func lockByte(f *os.File, at int64) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, place(at))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

func unlockByte(f *os.File, at int64) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, place(at))
}

// lockedByte says whether somebody else has locked a byte.
func lockedByte(f *os.File, at int64) (bool, error) {
	ok, err := lockByte(f, at)
	if err != nil || !ok {
		return !ok && err == nil, err
	}
	return false, unlockByte(f, at)
}
