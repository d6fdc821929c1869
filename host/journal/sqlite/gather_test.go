package sqlite

// What gathers writes to the log, seen from below.

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/chainrun/chainrun/host/event"
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
	l := &gatheringLog{File: f, gathers: true}
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
		l := &gatheringLog{File: f, gathers: true}
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

// The frames of an append are one write and a synchronization.
func TestAppendsAreGathered(t *testing.T) {
	d := newBadDisk(t)
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), d)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	before := len(d.operations())
	if err := s.Append(t.Context(), batchOf("r", 2)...); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range d.operations()[before:] {
		if strings.HasSuffix(o.file, "-wal") {
			kinds = append(kinds, o.kind)
		}
	}
	if !slices.Equal(kinds, []string{"write", "sync"}) {
		t.Errorf("an append is %q", kinds)
	}
}

// What a transaction has written before it was rolled back, because it was larger than
// the cache, does not come over what another process commits afterwards.
func TestRolledBackFramesAreNotKept(t *testing.T) {
	for kilobytes := 3800; kilobytes <= 4400; kilobytes += 100 {
		path := filepath.Join(t.TempDir(), "runs.db")
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		one, err := connect(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		exec := func(sql string, args ...any) {
			t.Helper()
			if err := one.exec(sql, args...); err != nil {
				t.Fatal(err)
			}
		}
		exec("CREATE TABLE large (x BLOB)")
		if _, err := one.number("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		exec("BEGIN IMMEDIATE")
		for range kilobytes / 100 {
			exec("INSERT INTO large (x) VALUES (randomblob(100000))")
		}
		if err := one.rollback(); err != nil {
			t.Fatal(err)
		}
		events := []event.Event{startOf("r")}
		for seq := uint64(2); seq < 200; seq += 2 {
			events = append(events, batchOf("r", seq)...)
		}
		if err := s.Append(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		if n, err := one.number("SELECT count(*) FROM events WHERE run = 'r'"); err != nil || n != int64(len(events)) {
			t.Errorf("%d kB: %d events of %d, %v", kilobytes, n, len(events), err)
		}
		if err := errors.Join(one.close(), s.Close()); err != nil {
			t.Error(err)
		}
		two, err := connect(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		if err := two.query("PRAGMA integrity_check", nil, func(row *sqlite3.Stmt) (bool, error) {
			said = append(said, row.ColumnText(0))
			return true, nil
		}); err != nil || !slices.Equal(said, []string{"ok"}) {
			t.Errorf("%d kB: %q, %v", kilobytes, said, err)
		}
		if err := two.close(); err != nil {
			t.Error(err)
		}
	}
}
