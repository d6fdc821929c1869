package cli

// --keep-input: what attempts that failed were given, a file each.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/attemptfile"
	"github.com/chainrun/chainrun/host"
)

// What is kept of one run at most.
const (
	keptAttempts = 100
	keptBytes    = 512 << 20
	keptShown    = 10 // lines about it
)

// keeper writes the attempts of one run that fail to a folder. Safe for concurrent use.
type keeper struct {
	dir string

	mu    sync.Mutex
	files []keptAttempt
	bytes int64
	left  int   // attempts that found no room
	err   error // the first thing that went wrong
}

type keptAttempt struct {
	step, module, name string
	attempt            int
}

// newKeeper makes the folder, so that the operator hears now that it cannot be had.
func newKeeper(dir string) (*keeper, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, usagef("--keep-input: %w", err)
	}
	return &keeper{dir: dir}, nil
}

// see keeps an attempt. The run waits for it.
func (k *keeper) see(a host.FailedAttempt) {
	if k.full() {
		return
	}
	f := attemptfile.Of(a)
	text, err := f.Encode()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case errors.Is(err, attemptfile.ErrTooLarge), err == nil && (len(k.files) >= keptAttempts || k.bytes+int64(len(text)) > keptBytes):
		k.left++
		return
	case err == nil:
		err = k.write(f.Name(), text)
	}
	if err != nil {
		k.err = cmp.Or(k.err, err)
		return
	}
	k.bytes += int64(len(text))
	k.files = append(k.files, keptAttempt{step: f.Step, module: f.Module, name: f.Name(), attempt: f.Attempt})
}

// full counts an attempt for which there is no room, before work is done for it.
func (k *keeper) full() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) < keptAttempts {
		return false
	}
	k.left++
	return true
}

// write puts a file in its place whole, for nobody else to read: documents stand in it.
func (k *keeper) write(name string, text []byte) error {
	f, err := os.CreateTemp(k.dir, ".attempt-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(k.dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// say names the command that makes each attempt again.
func (k *keeper) say(a *app) {
	k.mu.Lock()
	defer k.mu.Unlock()
	slices.SortFunc(k.files, func(x, y keptAttempt) int {
		return cmp.Or(strings.Compare(x.step, y.step), cmp.Compare(x.attempt, y.attempt))
	})
	for i, f := range k.files {
		if i == keptShown {
			fmt.Fprintf(a.Err, "  and %d more in %s\n", len(k.files)-i, printable(k.dir))
			break
		}
		fmt.Fprintf(a.Err, "to make attempt %d of step %q again: %s\n", f.attempt, f.step,
			printable("chainrun node run "+quoted(f.module)+" --attempt "+quoted(filepath.Join(k.dir, f.name))))
	}
	if k.left > 0 {
		fmt.Fprintf(a.Err, "--keep-input: %d more attempts failed and were not kept: a run keeps %d of them and %s\n", k.left, keptAttempts, binarySize(keptBytes))
	}
	if k.err != nil {
		fmt.Fprintf(a.Err, "--keep-input: %v\n", k.err)
	}
}
