package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

func TestStorePath(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, c := range []struct{ flag, env, state, want string }{
		{"", "", "", "/home/ada/.local/state/chainrun/store.sqlite"},
		{"", "", "/var/state", "/var/state/chainrun/store.sqlite"},
		{"", "", "relative", "/home/ada/.local/state/chainrun/store.sqlite"}, // as the specification says
		{"", "a.db", "/var/state", "a.db"},
		{"", "memory", "", "memory"},
		{"b.db", "a.db", "/var/state", "b.db"},
	} {
		t.Setenv("CHAINRUN_STORE", c.env)
		t.Setenv("XDG_STATE_HOME", c.state)
		if got, err := storePath(c.flag); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

// A store that has lost all its bytes is none: it is not made anew, as which it would be
// sound.
func TestEmptiedStore(t *testing.T) {
	var a app
	path := filepath.Join(t.TempDir(), "store.sqlite")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := a.verify(path)
	if codeOf(err) != exitUsage || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("verify: %v", err)
	}
	if _, err := a.readStore(t.Context(), path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("to read: %v", err)
	}
	if b, err := os.ReadFile(path); len(b) != 0 || err != nil {
		t.Errorf("the file has %d bytes now, %v", len(b), err)
	}
}

// A run is found by its id, or by what no other begins with.
func TestFindRun(t *testing.T) {
	var a app
	path := filepath.Join(t.TempDir(), "store.sqlite")
	if _, err := a.readStore(t.Context(), path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no store: %v", err)
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"abcde1", "abcde2", "abcd", "xyz"} {
		if err := s.Append(t.Context(), event.Event{Run: id, Seq: 1, Time: time.Unix(1, 0).UTC(), Body: event.RunStarted{Graph: "g", Input: document.Object()}}); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{"abcde1": "abcde1", "abcd": "abcd", "xyz": "xyz"} {
		if run, err := a.findRun(t.Context(), s, id); err != nil || run.ID != want {
			t.Errorf("%s: %q, %v", id, run.ID, err)
		}
	}
	for id, want := range map[string]string{"abcde": "2 runs begin with", "xy": "fewer than 4", "xyzz": "there is no run", "": "fewer than 4"} {
		if _, err := a.findRun(t.Context(), s, id); err == nil || codeOf(err) != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, err := a.findRun(ended, s, "abcd"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is done: %v", err)
	}
}

func TestQuoted(t *testing.T) {
	for word, want := range map[string]string{"a.db": "a.db", "./a b": "'./a b'", "it's": `'it'\''s'`, "": "''", "a;b": "'a;b'"} {
		if got := quoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "2w": 336 * time.Hour, "90m": 90 * time.Minute, "0s": 0} {
		if got, err := parseAge(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1.5d", "-3h", "99999999d", "30 d", "soon"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
