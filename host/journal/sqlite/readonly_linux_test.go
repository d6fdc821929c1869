package sqlite

// Stores that lie where nothing can be written, of this version and of earlier ones.

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/chainrun/chainrun/host/event"
)

// powerless has look called as somebody who may read and not write. Who is not root
// is that already, in a folder that is closed to writing.
func powerless(t *testing.T, folder string, look func()) {
	t.Helper()
	for f := folder; strings.HasPrefix(f, os.TempDir()) && f != os.TempDir(); f = filepath.Dir(f) {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(folder, 0o755) // so that it can be deleted
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Getuid() == 0 {
		setUser := func(id uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, id, 0, 0) } // of this thread alone
		setUser(65534)
		defer setUser(0)
	}
	if f, err := os.Create(filepath.Join(folder, "x")); err == nil {
		_ = f.Close()
		t.Skip("the file system lets anybody write")
	}
	look()
}

func TestReadOnlyFolder(t *testing.T) {
	for version := 1; version <= len(migrations); version++ {
		folder := t.TempDir()
		path := filepath.Join(folder, "runs.db")
		events, values := filled(t, path)
		s := openOn(t, path, nil)
		if err := s.Begin(t.Context(), madeOf(t, "x"), startOf("pinned")); err != nil {
			t.Fatal(err)
		}
		downgrade(t, s, version)
		if err := errors.Join(s.Close(), os.Chmod(path, 0o644)); err != nil {
			t.Fatal(err)
		}
		powerless(t, folder, func() {
			if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, os.ErrPermission) {
				t.Errorf("version %d: opened for writing: %v", version, err)
			}
			s, err := Open(t.Context(), path, Options{ReadOnly: true})
			if err != nil {
				t.Errorf("version %d: %v", version, err)
				return
			}
			defer s.Close()
			n := 0
			for _, err := range s.List(t.Context()) {
				if n++; err != nil {
					t.Errorf("version %d: %v", version, err)
				}
			}
			for run := range events {
				got := 0
				for _, err := range s.Events(t.Context(), run) {
					if got++; err != nil {
						t.Errorf("version %d: %v", version, err)
					}
				}
				value, err := s.Value(t.Context(), "s", run)
				if got != len(events[run]) || err != nil || value.String() != values[run] {
					t.Errorf("version %d: run %s has %d events and keeps %s (%v)", version, run, got, value, err)
				}
			}
			made, err := s.Sources(t.Context(), "pinned")
			if n != 4 || err != nil || (made != nil) != (version > 1) {
				t.Errorf("version %d: %d runs, one made of %v (%v)", version, n, made, err)
			}
			if _, _, found, err := s.Cached(t.Context(), "k"); found || err != nil {
				t.Errorf("version %d: found %v, %v", version, found, err)
			}
			if _, err := s.Inbox(t.Context(), "run1"); err != nil {
				t.Errorf("version %d: %v", version, err)
			}
			if owner, err := s.Owner("run1"); owner != nil || err != nil {
				t.Errorf("version %d: it belongs to %v, %v", version, owner, err)
			}
			nothingFound(t, s)
		})
		// Nothing has changed: it is brought up when somebody can write.
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), event.Event{Run: "pinned", Seq: 2, Time: moment, Body: event.TimerFired{Timer: "t"}}); err != nil {
			t.Error(err)
		}
		nothingFound(t, s)
		_ = s.Close()
	}
}

// With a log that was left behind and cannot be brought in, somebody is told.
func TestReadOnlyFolderWithALog(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "runs.db"+suffix), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	powerless(t, folder, func() {
		if s, err := Open(t.Context(), filepath.Join(folder, "runs.db"), Options{ReadOnly: true}); err == nil {
			check(t, s, "r", 1) // some systems can
			_ = s.Close()
		} else if !strings.Contains(err.Error(), "runs.db-wal still; copy both") {
			t.Error(err)
		}
	})
}
