package sqlite

// Which process a run belongs to: a lock of the operating system, which dies
// with its process. It is a lock on one byte of a file beside the store's, so that
// it costs no synchronization of the disk and leaves nothing behind.

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/chainrun/chainrun/host/journal"
)

// OwnedError means that somebody else carries the run on: wait until that
// process has ended, or ask it by the inbox.
type OwnedError struct {
	Run  string
	PID  int    // of the owner; 0: not known
	Host string // of the owner; "": not known
}

// Error implements error.
func (e *OwnedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	if e.Host != "" {
		who += " on " + e.Host
	}
	return fmt.Sprintf("run %q belongs to %s", e.Run, who)
}

// owners are the runs that a store owns.
type owners struct {
	mu     sync.Mutex
	file   *os.File // nil until it is needed
	mine   map[string]bool
	closed bool
}

// ownersSuffix makes the name of the file with the locks. It is never deleted:
// who has it open must have the same file as who opens it later.
const ownersSuffix = "-owners"

var _ journal.Owner = (*Store)(nil)

// Own makes a run this store's own, until release is called, the store is closed
// or the process ends in whatever way; whether the run is there yet does not
// matter. Where it belongs to another process, or to somebody else in this one,
// the error is an [*OwnedError]. Append does not ask for it: whoever carries a
// run on owns it first. On systems without locks of ranges of a file the error
// wraps errors.ErrUnsupported.
func (s *Store) Own(run string) (release func() error, err error) {
	if s.writer == nil {
		return nil, fmt.Errorf("owning run %q: %w", run, ErrReadOnly)
	}
	if err := s.owners.take(s.path, run); err != nil {
		if _, ok := errors.AsType[*OwnedError](err); ok {
			return nil, err
		}
		return nil, fmt.Errorf("owning run %q: %w", run, err)
	}
	var once sync.Once
	return func() (err error) {
		once.Do(func() { err = s.owners.release(run) })
		return err
	}, nil
}

// Owner says whether a run belongs to anybody just now, and to whom: an
// [*OwnedError], nil where to nobody.
func (s *Store) Owner(run string) (*OwnedError, error) {
	o := &s.owners
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mine[run] {
		return self(run), nil
	}
	if err := o.open(s.path, s.writer == nil); errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // nobody has ever owned a run here
	} else if err != nil {
		return nil, fmt.Errorf("looking for the owner of run %q: %w", run, err)
	}
	owned, err := lockedByte(o.file, lockAt(run))
	if err != nil {
		return nil, fmt.Errorf("looking for the owner of run %q: %w", run, err)
	}
	if !owned {
		return nil, nil //nolint:nilnil // nobody
	}
	return o.told(run), nil
}

func (o *owners) take(path, run string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mine[run] {
		return self(run)
	}
	if err := o.open(path, false); err != nil {
		return err
	}
	ok, err := lockByte(o.file, lockAt(run))
	if err != nil {
		return err
	}
	if !ok {
		return o.told(run)
	}
	if o.mine == nil {
		o.mine = map[string]bool{}
	}
	o.mine[run] = true
	o.tell(run)
	return nil
}

func (o *owners) release(run string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.mine[run] || o.closed {
		return nil
	}
	delete(o.mine, run)
	if err := unlockByte(o.file, lockAt(run)); err != nil {
		return fmt.Errorf("releasing run %q: %w", run, err)
	}
	return nil
}

func (o *owners) open(path string, readOnly bool) (err error) {
	switch {
	case o.closed:
		return ErrClosed
	case o.file != nil:
		return nil
	case readOnly:
		o.file, err = os.Open(path + ownersSuffix)
	default:
		o.file, err = os.OpenFile(path+ownersSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		o.file = nil
	}
	return err
}

func (o *owners) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.mine = nil
	if o.file == nil {
		return nil
	}
	f := o.file
	o.file = nil
	return f.Close()
}

// lockAt is the byte that stands for a run. Two runs of a million share one with
// a probability of one in ten million; they could not be carried on at once.
func lockAt(run string) int64 {
	sum := hashOf([]byte(run))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 2)
}

// Who the owner is stands in the file too, for people: a line at a place that
// depends on the run. Another run may write over it; the locks alone decide.
const (
	noteBytes = 128
	notes     = 4096
)

func noteAt(run string) int64 { return lockAt(run) % notes * noteBytes }

func noteKey(run string) string {
	sum := hashOf([]byte(run))
	return hex.EncodeToString(sum[:16])
}

// here names this machine; "": not known, which is no harm.
var here = sync.OnceValue(func() string {
	name, _ := os.Hostname()
	return name
})

func self(run string) *OwnedError {
	return &OwnedError{Run: run, PID: os.Getpid(), Host: here()}
}

// tell writes down that this process owns a run.
func (o *owners) tell(run string) {
	me := self(run)
	line := fmt.Sprintf("%s %d %.80s", noteKey(run), me.PID, me.Host)
	note := append(bytes.Repeat([]byte{' '}, noteBytes-1), '\n')
	copy(note[:noteBytes-1], line)
	_, _ = o.file.WriteAt(note, noteAt(run)) // it is for people, and may be missing
}

// told reads who owns a run, as far as that is known.
func (o *owners) told(run string) *OwnedError {
	e := &OwnedError{Run: run}
	note := make([]byte, noteBytes)
	n, _ := o.file.ReadAt(note, noteAt(run)) // as above
	fields := strings.Fields(string(note[:n]))
	if len(fields) < 2 || fields[0] != noteKey(run) {
		return e
	}
	e.PID, _ = strconv.Atoi(fields[1])
	if len(fields) > 2 {
		e.Host = fields[2]
	}
	return e
}
