package sqlite

import (
	"errors"

	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"
)

// writingThrough gives a function that writes to a file and has the disk keep that
// before it returns, in one call instead of two (RWF_DSYNC, see pwritev2(2)): the system
// then has to look at these pages only. nil: f is no file of the system. Its error is
// [errors.ErrUnsupported] where the system or the file system cannot do it; nothing was
// written then.
func writingThrough(f vfs.File) func(p []byte, off int64) error {
	file, ok := f.(interface{ Fd() uintptr })
	if !ok {
		return nil
	}
	return func(p []byte, off int64) error {
		for len(p) > 0 {
			n, err := unix.Pwritev2(int(file.Fd()), [][]byte{p}, off, unix.RWF_DSYNC)
			switch {
			case errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
				return errors.ErrUnsupported
			case err != nil:
				return err
			default:
				p, off = p[n:], off+int64(n)
			}
		}
		return nil
	}
}
