// Package sqlite keeps a journal in one SQLite file: what runs survive their
// process by.
//
// A [Store] is one open file. Any number of goroutines append to it at once and
// share transactions, each of which costs one synchronization of the disk; any
// number of processes may have it open. Each event of a run is chained to those
// before it by a hash, so what the disk has changed is found when it is read
// ([CorruptError]). The format of the file is written down in docs/journal.md.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/journal"
)

// Store is a journal in a file. It is safe for concurrent use; close it when
// nobody uses it any more.
type Store struct {
	path    string // absolute
	options Options
	writer  *writer // nil where the store is read-only
	readers pool
	owners  owners
}

var _ journal.Values = (*Store)(nil)

// Options says how a file is opened. Its zero value is what most want.
type Options struct {
	// ReadOnly opens a file that is there for reading alone: nothing of it is
	// changed, and what would change it gives [ErrReadOnly]. A file of an earlier
	// version is read as it is. It may lie where nothing can be written, a read-only
	// file system; then nobody else may write to it meanwhile.
	ReadOnly bool

	// BusyTimeout is how long to wait for another process that is writing; then
	// the call ends in an error that wraps [ErrBusy]. The default, 0, is 30 seconds.
	BusyTimeout time.Duration

	vfs       string // of SQLite, in tests
	immutable bool   // nobody writes to the file, see openToRead
}

// Errors of opening and using a store.
var (
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("the store is closed")

	// ErrReadOnly means that the store was opened for reading alone.
	ErrReadOnly = errors.New("the store is open for reading only")

	// ErrBusy means that other processes kept the file locked for longer than
	// Options.BusyTimeout. Nothing was stored; try again.
	ErrBusy = errors.New("the store is busy")

	// ErrNoStore means that the file is something else, which was left as it is:
	// choose another path.
	ErrNoStore = errors.New("not a store of chainrun")

	// ErrVersion means that a later chainrun has written the file, which was left
	// as it is: use that one.
	ErrVersion = errors.New("a later version of chainrun has written this store")

	// ErrBroken means that the disk has refused to make an append durable. What
	// was acknowledged before is in the file as far as the disk keeps its word;
	// nothing more is appended until the store is opened again.
	ErrBroken = errors.New("the disk did not keep an append")
)

// Open opens the store in the file at path. Where there is none, it is made (mode
// 0600, its folder 0700), unless o asks to read only: then the error is one of
// os.ErrNotExist. A file of an earlier version is brought up to this one. A store of
// which the disk has lost so much that it cannot be opened gives a [*CorruptError].
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening the store %s: %w", path, roomless(corrupt(err, "", 0, "the file")))
		}
	}()
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 30 * time.Second
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	absolute, err := prepareFile(path, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	s := &Store{path: absolute, options: o}
	if o.ReadOnly {
		if err := s.openToRead(); err != nil {
			return nil, err
		}
		return s, nil
	}
	c, err := connect(absolute, o)
	if err != nil {
		return nil, err
	}
	if err = migrate(ctx, c); err == nil {
		err = settle(c, o)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	s.writer = newWriter(c)
	return s, nil
}

// roomless says of an error that names no file what it is as a rule, where a store is
// opened: also one that is only read has an index of its log beside it, in a file.
func roomless(err error) error {
	if errors.Is(err, sqlite3.IOERR) {
		return fmt.Errorf("%w: is the disk full? To open a store takes 32 KiB beside it", err)
	}
	return err
}

// settle empties the log into the file, where nobody else uses it. A process that was
// killed after the disk had refused a synchronization leaves pages in the log that were
// never kept, although the system may take them for kept: nothing may be appended to
// those. A full disk has no room for it, and none for appends.
func settle(c *connection, o Options) error {
	err := c.c.BusyHandler(nil) // who uses the file has found it well
	if err == nil {
		_, _, err = c.c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	}
	if errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.BUSY) {
		err = nil
	}
	return errors.Join(reworded(err), c.c.BusyHandler(patience(o.BusyTimeout)))
}

// openToRead makes the first connection of a store that is only read.
func (s *Store) openToRead() error {
	c, err := s.connectToRead()
	if errors.Is(err, sqlite3.CANTOPEN) || errors.Is(err, sqlite3.READONLY) {
		// The files beside it that readers share with writers cannot be made here.
		// Where there is no log, the file has all, and nobody has it open to write.
		if info, e := os.Stat(s.path + "-wal"); e == nil && info.Size() > 0 {
			return fmt.Errorf("its folder cannot be written to, and its newest appends are in %s still; copy both to another folder: %w", filepath.Base(s.path)+"-wal", err)
		}
		s.options.immutable = true
		c, err = s.connectToRead()
	}
	if err == nil {
		s.readers.put(c)
	}
	return err
}

func (s *Store) connectToRead() (*connection, error) {
	c, err := connect(s.path, s.options)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Close ends the use of the file: it waits for the appends that are under way,
// and gives up the runs that the store owns. A later call does nothing.
func (s *Store) Close() error {
	var err error
	if s.writer != nil {
		err = s.writer.close()
	}
	err = errors.Join(err, s.readers.close(), s.owners.close())
	if err != nil {
		return fmt.Errorf("closing the store %s: %w", s.path, err)
	}
	return nil
}

// write has apply called in a transaction that is durable when write returns
// nil. It may share the transaction with others, and may be called again where
// one of those has spoilt it: it must have no other effect.
func (s *Store) write(ctx context.Context, apply func(*writer) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if s.writer == nil {
		return ErrReadOnly
	}
	return s.writer.do(ctx, apply)
}

// read has look called with a connection, within one transaction: all that it
// reads is of one moment.
func (s *Store) read(ctx context.Context, look func(*connection) error) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	c, err := s.readers.get(ctx, func() (*connection, error) { return connect(s.path, s.options) })
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	before := c.c.SetInterrupt(ctx)
	defer func() {
		c.c.SetInterrupt(before)
		if e := c.rollback(); err == nil {
			err = e
		}
		if errors.Is(err, sqlite3.INTERRUPT) && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	if err := c.exec("BEGIN"); err != nil {
		return err
	}
	return look(c)
}

// maxReaders is how many goroutines read at once; others wait.
const maxReaders = 4

// pool keeps the connections that read, each for one goroutine at a time.
type pool struct {
	once   sync.Once
	places chan struct{} // one for each connection that is lent
	mu     sync.Mutex
	idle   []*connection
	closed bool
}

func (p *pool) init() {
	p.once.Do(func() { p.places = make(chan struct{}, maxReaders) })
}

func (p *pool) get(ctx context.Context, open func() (*connection, error)) (*connection, error) {
	p.init()
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	closed := p.closed
	var c *connection
	if n := len(p.idle); n > 0 && !closed {
		c, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	var err error
	if closed {
		err = ErrClosed
	} else if c == nil {
		c, err = open()
	}
	if err != nil {
		<-p.places
	}
	return c, err
}

// put takes a connection back, or a new one that nobody has asked for.
func (p *pool) put(c *connection) {
	p.init()
	p.mu.Lock()
	if p.closed {
		_ = c.close() // it has only read
	} else {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	select {
	case <-p.places:
	default:
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}
