package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
)

func TestNewStoreIsPrivate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	s := openOn(t, filepath.Join(folder, "runs.db"), nil)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Own("r"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"": fs.ModeDir | 0o700, "runs.db": 0o600, "runs.db-wal": 0o600, "runs.db-owners": 0o600,
	} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%q has mode %v, want %v", name, info.Mode(), want)
		}
	}
	for name, want := range map[string]int64{
		"application_id": application, "user_version": int64(len(migrations)), "auto_vacuum": 2, "synchronous": 2,
	} {
		if got, err := s.writer.number("PRAGMA " + name); err != nil || got != want {
			t.Errorf("%s is %d, want %d: %v", name, got, want, err)
		}
	}
}

// Names mean nothing but themselves.
func TestNamesOfFiles(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a?vfs=none", "100%20.db", "#1", "file:x", ":memory:", "é ü", "a&b=c;d"} {
		path := filepath.Join(folder, name)
		for range 2 {
			s := openOn(t, path, nil)
			if err := s.Append(t.Context(), startOf("r")); err != nil && !strings.Contains(err.Error(), "does not follow") {
				t.Errorf("%q: %v", name, err)
			}
			s.Close()
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: %v", name, err)
		}
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink(filepath.Join(folder, "#1"), link); err != nil {
		t.Skip(err)
	}
	check(t, openOn(t, link, nil), "r", 1)
}

// What is no store is refused and left as it is.
func TestWhatIsNoStore(t *testing.T) {
	foreign := func(t *testing.T, path string, statements string) {
		t.Helper()
		c, err := sqlite3.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Exec(statements); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"a text", func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, bytes.Repeat([]byte("my diary\n"), 100), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrNoStore},
		{"a short text", func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrNoStore},
		{"another application's database", func(t *testing.T, path string) {
			t.Helper()
			foreign(t, path, "CREATE TABLE runs (id); PRAGMA application_id = 77")
		}, ErrNoStore},
		{"a database without an application", func(t *testing.T, path string) {
			t.Helper()
			foreign(t, path, "CREATE TABLE runs (id)")
		}, ErrNoStore},
		{"a later version", func(t *testing.T, path string) {
			t.Helper()
			openOn(t, path, nil).Close()
			foreign(t, path, "PRAGMA user_version = 1000")
		}, ErrVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			c.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, readOnly := range []bool{false, true} {
				if _, err := Open(t.Context(), path, Options{ReadOnly: readOnly}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	if _, err := Open(t.Context(), t.TempDir(), Options{}); !errors.Is(err, ErrNoStore) {
		t.Errorf("a folder: %v", err)
	}
	path := filepath.Join(t.TempDir(), "a", "none")
	if _, err := Open(t.Context(), path, Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file to read: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading has made a folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(file, "runs.db"), Options{}); err == nil {
		t.Error("a store was opened below a file")
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(canceled, file, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	for _, closed := range []bool{false, true} { // beside a writer, and with none
		if closed {
			s.Close()
		}
		r, err := Open(t.Context(), path, Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, "r", 1)
		if err := r.Append(t.Context(), batchOf("r", 2)...); !errors.Is(err, ErrReadOnly) {
			t.Errorf("append: %v", err)
		}
		if _, err := r.Own("r"); !errors.Is(err, ErrReadOnly) {
			t.Errorf("own: %v", err)
		}
		if owner, err := r.Owner("r"); owner != nil || err != nil {
			t.Errorf("owner: %v, %v", owner, err)
		}
		nothingFound(t, r)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whoever opens a new file at the same time as others gets the same store.
func TestOpenedAtOnce(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "runs.db")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				s, err := Open(t.Context(), path, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if err := s.Append(t.Context(), startOf(fmt.Sprint("r", i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := openOn(t, path, nil)
		n := 0
		for _, err := range s.Runs(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if n != 8 {
			t.Errorf("%d runs", n)
		}
	}
}

// Another writer that does not end gives an error in the end, and one that is
// asked to give up does so before.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	other := openOn(t, path, nil)
	s, err := Open(t.Context(), path, Options{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	letGo := hold(t, other)
	if err := s.Append(t.Context(), startOf("r")); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	letGo()
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	patient := openOn(t, path, nil)
	letGo = hold(t, other)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := patient.Append(ctx, batchOf("r", 2)...); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	letGo()
	check(t, s, "r", 1)
}

// A process that is killed while it makes a store may leave a file that has its size
// and nothing in it; the journal beside it says that there was nothing.
func TestOpenBegun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrNoStore) {
		t.Errorf("zeros without a journal: %v", err)
	}
	// https://sqlite.org/fileformat2.html#the_rollback_journal
	header := make([]byte, 512)
	copy(header, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7") // no records, of a database of no pages
	binary.BigEndian.PutUint32(header[20:], 512)
	binary.BigEndian.PutUint32(header[24:], 4096)
	if err := os.WriteFile(path+"-journal", header, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	nothingFound(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A store that has lost its end is a store still, and corrupted.
func TestOpenTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	if err := s.Append(t.Context(), startOf("r")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 300); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err := Open(t.Context(), path, Options{ReadOnly: readOnly})
		if _, ok := errors.AsType[*CorruptError](err); !ok || errors.Is(err, ErrNoStore) {
			t.Errorf("reading only %t: %v", readOnly, err)
		}
	}
}
