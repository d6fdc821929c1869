package sqlite

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
)

// TestAWriterPanics: it does so alone. Those who wait for it are told, nothing of what it
// has left is written, and the file is sound.
func TestAWriterPanics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	if err := s.Append(t.Context(), startOf("before")); err != nil {
		t.Fatal(err)
	}
	leads, others := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		defer func() {
			if value := recover(); value != "enough" {
				t.Errorf("panic: %v", value)
			}
		}()
		err := s.writer.do(t.Context(), func(*writer) error {
			close(leads)
			<-others
			panic("enough")
		})
		t.Errorf("it was written: %v", err)
	})
	<-leads
	for _, run := range []string{"a", "b"} {
		all.Go(func() {
			if err := s.Append(t.Context(), startOf(run)); !errors.Is(err, ErrBroken) {
				t.Errorf("%s: %v", run, err)
			}
		})
	}
	for waiting := 0; waiting < 2; {
		s.writer.mu.Lock()
		waiting = len(s.writer.queue)
		s.writer.mu.Unlock()
	}
	close(others)
	all.Wait()
	if err := s.Append(t.Context(), startOf("after")); !errors.Is(err, ErrBroken) {
		t.Errorf("after it: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s = openOn(t, path, nil)
	nothingFound(t, s)
	if n := check(t, s, "before", 1); n != 1 {
		t.Errorf("%d events are left", n)
	}
	if err := s.Append(t.Context(), startOf("a")); err != nil {
		t.Error(err)
	}
}
