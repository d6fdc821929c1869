package sqlite

// Commits that are written and kept by one call, and when they must not be.

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

func TestWrittenThrough(t *testing.T) {
	f := &loggedFile{}
	var fails error
	l := &gatheringLog{File: f, gathers: true, behind: true, through: func(p []byte, off int64) error {
		f.done = append(f.done, "through")
		if fails != nil {
			return fails
		}
		f.b = append(f.b[:off], p...)
		return nil
	}}
	at := int64(0)
	commit := func(refused bool, what ...string) {
		t.Helper()
		if _, err := l.WriteAt([]byte("frame"), at); err != nil {
			t.Fatal(err)
		}
		at += 5
		if err := l.Sync(0); (err != nil) != refused {
			t.Fatal(err)
		}
		f.expect(t, what...)
	}
	// Of what was there before nobody knows whether the disk has it.
	commit(false, "write", "sync")
	commit(false, "through")
	commit(false, "through")
	if err := l.Sync(0); err != nil {
		t.Fatal(err)
	}
	f.expect(t, "sync") // before the log is copied: nothing was gathered, and it is asked for

	// What was written otherwise is kept by a synchronization only.
	l.gathers = false
	if _, err := l.WriteAt([]byte("spilt"), at); err != nil {
		t.Fatal(err)
	}
	at, l.gathers = at+5, true
	commit(false, "write", "write", "sync")
	commit(false, "through")
	if err := l.Truncate(at); err != nil {
		t.Fatal(err)
	}
	commit(false, "truncate", "write", "sync")
	if _, err := l.WriteAt([]byte("far"), at+1); err != nil {
		t.Fatal(err)
	}
	commit(false, "write", "write", "sync")

	// Nobody knows what an error has left behind. One that is not that of a full disk may
	// be that of the synchronization.
	fails = syscall.EIO
	commit(true, "through")
	at, fails = at-5, nil
	commit(false, "write", "sync")
	fails = syscall.ENOSPC
	commit(true, "through")
	at, fails = at-5, nil
	commit(false, "write", "sync")
	commit(false, "through")

	// A system that cannot is asked once.
	fails = errors.ErrUnsupported
	commit(false, "through", "write", "sync")
	commit(false, "write", "sync")
	if want := bytes.Repeat([]byte("frame"), 3); !bytes.HasSuffix(f.b, want) || len(f.b) != int(at) {
		t.Errorf("%q, not %d bytes", f.b, at)
	}
}

// A store writes through where the system can.
func TestAppendsAreWrittenThrough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	file, err := s.writer.c.FileControl("", sqlite3.FCNTL_JOURNAL_POINTER)
	if err != nil {
		t.Fatal(err)
	}
	l, ok := file.(*gatheringLog)
	if !ok {
		t.Fatalf("the log is a %T", file)
	}
	if writingThrough(&loggedFile{}) != nil {
		t.Error("a file that is not the system's is written through")
	}
	if l.through == nil {
		t.Skip("this system cannot write through")
	}
	count, writes := l.through, 0
	l.through = func(p []byte, off int64) error {
		writes++
		return count(p, off)
	}
	for seq := uint64(2); seq < 20; seq += 2 {
		if err := s.Append(t.Context(), batchOf("r", seq)...); err != nil {
			t.Fatal(err)
		}
	}
	if l.through == nil {
		t.Skip("the file system cannot write through")
	}
	if writes != 9 {
		t.Errorf("%d of 9 appends were written through", writes)
	}
	if n, err := s.writer.number("SELECT count(*) FROM records"); err != nil || n != 19 {
		t.Errorf("%d events, %v", n, err)
	}
}

// What came of a commit that could not be kept is not known, unless there was no room.
func TestThroughFails(t *testing.T) {
	for fails, broken := range map[error]bool{syscall.EIO: true, syscall.ENOSPC: false} {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), startOf("r")); err != nil {
			t.Fatal(err)
		}
		file, err := s.writer.c.FileControl("", sqlite3.FCNTL_JOURNAL_POINTER)
		if err != nil {
			t.Fatal(err)
		}
		l, ok := file.(*gatheringLog)
		if !ok {
			t.Fatalf("the log is a %T", file)
		}
		l.through = func([]byte, int64) error { return fails }
		if err := s.Append(t.Context(), batchOf("r", 2)...); err == nil || errors.Is(err, ErrBroken) != broken {
			t.Errorf("%v: %v", fails, err)
		}
		l.through = nil
		if err := s.Append(t.Context(), batchOf("r", 2)...); errors.Is(err, ErrBroken) != broken || (err == nil) == broken {
			t.Errorf("after %v: %v", fails, err)
		}
		_ = s.Close()
	}
}
