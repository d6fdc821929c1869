package sqlite

// What gathers writes to the log, seen from below.

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"
)

// loggedFile notes what is done to it.
type loggedFile struct {
	vfs.File
	b      []byte
	done   []string
	refuse error
}

func (f *loggedFile) WriteAt(p []byte, off int64) (int, error) {
	f.done = append(f.done, "write")
	if f.refuse != nil {
		return 0, f.refuse
	}
	f.b = append(f.b, make([]byte, max(0, int(off)+len(p)-len(f.b)))...)
	return copy(f.b[off:], p), nil
}

func (f *loggedFile) ReadAt(p []byte, off int64) (int, error) {
	f.done = append(f.done, "read")
	if n := copy(p, f.b[min(int(off), len(f.b)):]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (f *loggedFile) Truncate(size int64) error {
	f.done = append(f.done, "truncate")
	f.b = f.b[:size]
	return nil
}

func (f *loggedFile) Sync(vfs.SyncFlag) error { f.done = append(f.done, "sync"); return nil }
func (f *loggedFile) Size() (int64, error)    { return int64(len(f.b)), nil }
func (f *loggedFile) Close() error            { f.done = append(f.done, "close"); return nil }

func (f *loggedFile) expect(t *testing.T, what ...string) {
	t.Helper()
	if !slices.Equal(f.done, what) {
		t.Fatalf("done %q, not %q", f.done, what)
	}
	f.done = nil
}

func TestGatheredWrites(t *testing.T) {
	f := &loggedFile{}
	l := &gatheringLog{File: f}
	write := func(at int64, p []byte) {
		t.Helper()
		if n, err := l.WriteAt(p, at); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	// One after another they are one; the synchronization comes after it.
	write(32, []byte("head"))
	write(36, []byte("page"))
	f.expect(t)
	if err := l.Sync(0); err != nil {
		t.Fatal(err)
	}
	f.expect(t, "write", "sync")
	if !bytes.Equal(f.b[32:], []byte("headpage")) {
		t.Fatalf("%q", f.b)
	}
	// One elsewhere is another, and in order.
	write(40, []byte("next"))
	write(0, []byte("log"))
	f.expect(t, "write")
	write(0, []byte("LOG"))
	p := make([]byte, 3)
	if _, err := l.ReadAt(p, 0); err != nil || string(p) != "LOG" {
		t.Fatalf("%q, %v", p, err)
	}
	f.expect(t, "write", "write", "read")
	// What is asked of the file is said of all that was written.
	write(44, []byte("more"))
	if size, err := l.Size(); size != 48 || err != nil {
		t.Fatal(size, err)
	}
	write(48, []byte("more"))
	if err := l.Truncate(50); err != nil || string(f.b[44:]) != "moremo" {
		t.Fatalf("%q, %v", f.b, err)
	}
	f.expect(t, "write", "write", "truncate")
	// Nothing is gathered without bounds.
	for i := range int64(3) {
		write(50+i*maxGathered/2, make([]byte, maxGathered/2))
	}
	f.expect(t, "write")
	if err := l.Close(); err != nil || len(f.b) != 50+3*maxGathered/2 {
		t.Fatal(len(f.b), err)
	}
	f.expect(t, "write", "close")
}

// A write that is refused later is refused as the write that it is, and the file is not
// synchronized as if nothing had been.
func TestGatheredErrors(t *testing.T) {
	for _, refusal := range []error{&fs.PathError{Op: "write", Err: syscall.EIO}, &fs.PathError{Op: "write", Err: syscall.ENOSPC}, errors.New("another")} {
		f := &loggedFile{refuse: refusal}
		l := &gatheringLog{File: f}
		if _, err := l.WriteAt([]byte("page"), 0); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(0); err == nil {
			t.Errorf("%v: it was synchronized", refusal)
		}
		f.expect(t, "write")
		f.refuse = nil
		if err := l.Sync(0); err != nil { // it is forgotten
			t.Error(err)
		}
		f.expect(t, "sync")
	}
}
