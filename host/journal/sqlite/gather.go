package sqlite

// The write-ahead log in few writes. SQLite writes each frame of it in two pieces, its
// header of 24 bytes and its page, and the end of a transaction is some frames, one
// after another, and a synchronization. Here they are gathered and written in one piece
// before it; where the system can, in the same call.

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// gathering is a VFS over another one: its logs gather what is written to them, all
// else is the other's.
type gathering struct{ vfs.VFS }

// gatheringName is what SQLite knows the gathering VFS by that is over the machine's
// files.
const gatheringName = "chainrun"

var registerGathering = sync.OnceFunc(func() { vfs.Register(gatheringName, gathering{vfs.Find("")}) })

// gatheringOver gives the name of the gathering VFS over another one, "" for the
// machine's.
func gatheringOver(name string) string {
	if name == "" {
		registerGathering()
		return gatheringName
	}
	vfs.Register(gatheringName+"-"+name, gathering{vfs.Find(name)})
	return gatheringName + "-" + name
}

// OpenFilename implements [vfs.VFSFilename].
func (g gathering) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, out, err := vfsutil.WrapOpenFilename(g.VFS, name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return f, out, err
	}
	return &gatheringLog{File: f, through: writingThrough(f), behind: true}, out, nil
}

// maxGathered is how much is gathered. A larger transaction is written in pieces.
const maxGathered = 256 << 10

// gatheringLog is one connection's log. Nobody else reads what is gathered here: what
// is in the log after the last synchronization is in nobody's index of it
// (synchronous = FULL, see connect). The connection itself sees it: whatever else it
// does to the file, what was gathered is written before.
//
// It gathers within a COMMIT alone. What SQLite writes of a transaction that is under
// way, because its cache is full, is followed by no synchronization where that is rolled
// back: written later, it would come over what another process has committed since.
type gatheringLog struct {
	vfs.File
	gathers  bool
	gathered []byte
	at       int64 // where they belong

	// through writes so that the disk keeps it; nil: that takes a synchronization.
	through func(p []byte, off int64) error
	// behind says that the file may have more that the disk does not keep yet: what was
	// written without through, and what it had when it was opened. A process that was
	// killed before its synchronization has left whole frames, which count, and on which
	// those that follow depend.
	behind bool
}

// commit ends a transaction, with its frames in few writes.
func (c *connection) commit() error {
	if file, err := c.c.FileControl("", sqlite3.FCNTL_JOURNAL_POINTER); err == nil {
		if l, ok := file.(*gatheringLog); ok {
			l.gathers = true
			defer l.end()
		}
	}
	return c.exec("COMMIT")
}

// end forgets what a COMMIT has gathered and not synchronized: it has failed.
func (l *gatheringLog) end() { l.gathers, l.gathered = false, l.gathered[:0] }

// flush writes what was gathered. After an error it is forgotten: the caller's
// transaction is at its end, and writes again what it writes again.
func (l *gatheringLog) flush() error {
	if len(l.gathered) == 0 {
		return nil
	}
	l.behind = true
	_, err := l.File.WriteAt(l.gathered, l.at)
	l.gathered = l.gathered[:0]
	if plain, ok := errors.AsType[*fs.PathError](err); ok {
		return coded(plain, sqlite3.IOERR_WRITE)
	}
	return err // it has a code
}

// coded gives an error of the system the code that SQLite is to know it by, whatever
// call it is the error of: that of a full disk, or another.
func coded(err error, other sqlite3.ExtendedErrorCode) error {
	if errors.Is(err, syscall.ENOSPC) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return vfs.SystemError(err, other)
}

// WriteAt implements [vfs.File].
func (l *gatheringLog) WriteAt(p []byte, off int64) (int, error) {
	if !l.gathers {
		l.behind = true
		return l.File.WriteAt(p, off)
	}
	if off != l.at+int64(len(l.gathered)) || len(l.gathered)+len(p) > maxGathered {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	if len(l.gathered) == 0 {
		l.at = off
	}
	l.gathered = append(l.gathered, p...)
	return len(p), nil
}

// ReadAt implements [vfs.File].
func (l *gatheringLog) ReadAt(p []byte, off int64) (int, error) {
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.File.ReadAt(p, off)
}

// Sync implements [vfs.File].
func (l *gatheringLog) Sync(flags vfs.SyncFlag) error {
	if l.through != nil && !l.behind && len(l.gathered) > 0 {
		err := l.through(l.gathered, l.at)
		switch {
		case err == nil:
			l.gathered = l.gathered[:0]
			return nil
		case !errors.Is(err, errors.ErrUnsupported):
			l.gathered, l.behind = l.gathered[:0], true
			return coded(err, sqlite3.IOERR_FSYNC)
		}
		l.through = nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.File.Sync(flags); err != nil {
		return err
	}
	l.behind = false
	return nil
}

// Truncate implements [vfs.File].
func (l *gatheringLog) Truncate(size int64) error {
	if err := l.flush(); err != nil {
		return err
	}
	l.behind = true
	return l.File.Truncate(size)
}

// Size implements [vfs.File].
func (l *gatheringLog) Size() (int64, error) {
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.File.Size()
}

// Close implements [vfs.File].
func (l *gatheringLog) Close() error {
	return errors.Join(l.flush(), l.File.Close())
}
