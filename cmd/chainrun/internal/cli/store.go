package cli

// Where runs and the values of kv are kept.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// memoryStore is the name of the store that ends with the process.
const memoryStore = "memory"

// store is what a run is recorded in, and what kv reads.
type store interface {
	journal.Journal
	kv.Store
	io.Closer
}

// inMemory is a store that keeps nothing.
type inMemory struct{ *memory.Journal }

// Close implements io.Closer.
func (inMemory) Close() error { return nil }

// addStoreFlag adds --store to a command about runs that are in a store.
func addStoreFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "store", "", "the file that runs are kept in (default: CHAINRUN_STORE, else a file in the user's state folder)")
}

// runStore opens the store that a new run is kept in, and makes it where there is
// none. What is opened is closed by closeStore.
func runStore(ctx context.Context, path string) (store, error) {
	path, err := storePath(path)
	if err != nil {
		return nil, err
	}
	if path == memoryStore {
		return inMemory{memory.New()}, nil
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, storeError(err, "--store PATH names another file, --store memory keeps nothing")
	}
	return s, nil
}

// readStore opens the store of runs that are there, for reading alone where it
// cannot be written. Where there is none, the error wraps os.ErrNotExist.
func (a *app) readStore(ctx context.Context, path string) (*sqlite.Store, error) {
	s, err := a.writeStore(ctx, path)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		path, _ = storePath(path) // there was no error
		s, err = sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true})
		if err != nil {
			return nil, storeError(err, "--store PATH names another file")
		}
	}
	return s, err
}

// emptyError says that a file has no bytes: that is no store.
type emptyError struct{}

// Error implements error.
func (emptyError) Error() string { return "the file is empty" }

// Is makes it one of [os.ErrNotExist].
func (emptyError) Is(target error) bool { return target == os.ErrNotExist }

// writeStore opens the store of runs that are there. Where there is none, the
// error wraps os.ErrNotExist.
func (a *app) writeStore(ctx context.Context, path string) (*sqlite.Store, error) {
	path, err := storePath(path)
	if err != nil {
		return nil, err
	}
	if path == memoryStore {
		return nil, usagef("--store memory keeps no runs; --store PATH names a file")
	}
	info, err := os.Stat(path) // opening it would make it
	if err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		// Made anew, one that has lost everything would pass for sound.
		err = &fs.PathError{Op: "open", Path: path, Err: emptyError{}}
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, usagef("no run was kept there, there is no store: %w; --store PATH names another file", err)
	}
	if err != nil {
		return nil, storeError(fmt.Errorf("opening the store: %w", err), "--store PATH names another file")
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, storeError(err, "--store PATH names another file")
	}
	return s, nil
}

// storeError says what can be done about a store that cannot be opened.
func storeError(err error, todo string) error {
	if errors.Is(err, host.ErrInterrupted) {
		return err
	}
	return usagef("%w; %s", err, todo)
}

// closeStore closes a store, and says what went wrong: what was acknowledged is
// kept all the same.
func (a *app) closeStore(s io.Closer) {
	if err := s.Close(); err != nil {
		fmt.Fprintf(a.Err, "chainrun: closing the store: %v\n", err)
	}
}

// recordIn are the options of a host whose runs are recorded in s.
func recordIn(s store) []host.Option {
	return []host.Option{host.WithJournal(s), host.WithCapability("kv", kv.New(s))}
}

// minPrefix is how much of a run's id must be given at least.
const minPrefix = 4

// findRun finds a run by its id, or by the beginning of it where there is one such
// run alone.
func (a *app) findRun(ctx context.Context, s *sqlite.Store, id string) (sqlite.Run, error) {
	run, err := s.Run(ctx, id)
	if !errors.Is(err, journal.ErrUnknownRun) {
		return run, err
	}
	if len(id) < minPrefix {
		return sqlite.Run{}, usagef("there is no run %q, and fewer than %d characters do not stand for one; `chainrun runs` lists the runs", id, minPrefix)
	}
	var found []sqlite.Run
	for r, err := range s.List(ctx) {
		var corrupt *sqlite.CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			return sqlite.Run{}, err
		}
		if err == nil && strings.HasPrefix(r.ID, id) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return sqlite.Run{}, usagef("there is no run %q; `chainrun runs` lists the runs", id)
	case 1:
		return found[0], nil
	}
	return sqlite.Run{}, usagef("%d runs begin with %q, such as %s and %s: give more of the id", len(found), id, found[0].ID, found[len(found)-1].ID)
}

// storePath is the store that the operator names, else CHAINRUN_STORE, else a file
// in the user's state folder as the XDG base directory specification says.
func storePath(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	if path := os.Getenv("CHAINRUN_STORE"); path != "" {
		return path, nil
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", usagef("there is no home folder to keep runs in; --store PATH names a file, --store memory keeps nothing")
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "chainrun", "store.sqlite"), nil
}

// commandLine is what can be typed about a run in the store that the operator named
// by --store.
func commandLine(store string, words ...string) string {
	line := "chainrun " + strings.Join(words, " ")
	if store != "" {
		line += " --store " + quoted(store)
	}
	return line
}

// quoted is a word for a shell.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@%,", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
