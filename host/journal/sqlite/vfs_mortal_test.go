//go:build unix

package sqlite

// A process that kills itself at one of its moments: before, in the middle of or
// after anything that it does to the disk, the journal or the world.

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// The classes of moments.
const (
	ofFacts  = "facts"  // an append; a synchronization; a file that is made, cut or deleted; a call of the world
	ofWrites = "writes" // a write to one of the store's files: before it, and when parts of it are there
)

// mortal counts the moments of a process, and kills it at one of them.
type mortal struct {
	mu    sync.Mutex
	class string // of the moments that count; "": none, it lives
	left  int    // of these; at 0 it dies
	dies  string // the file that it writes down its last moment in
	seen  map[string]int
}

// at is called at a moment; last is what is done by a process that dies of it.
func (m *mortal) at(class, what string, last func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[class]++
	if class != m.class {
		return
	}
	if m.left--; m.left > 0 {
		return
	}
	if last != nil {
		last()
	}
	_ = os.WriteFile(m.dies, []byte(what), 0o600) // for the statistics
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it is on its way
}

// mortalDisk is the disk of a mortal process.
type mortalDisk struct {
	vfs.VFS
	*mortal
}

func (d mortalDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	_, err := os.Stat(name.String())
	f, flags, openErr := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if openErr != nil {
		return nil, flags, openErr
	}
	if errors.Is(err, fs.ErrNotExist) {
		d.at(ofFacts, "after a file is made", nil)
	}
	return &mortalFile{f, d.mortal}, flags, nil
}

func (d mortalDisk) Delete(name string, sync bool) error {
	d.at(ofFacts, "before a file is deleted", nil)
	err := d.VFS.Delete(name, sync)
	d.at(ofFacts, "after a file is deleted", nil)
	return err
}

type mortalFile struct {
	vfs.File
	*mortal
}

func (f *mortalFile) WriteAt(p []byte, off int64) (int, error) {
	f.at(ofWrites, "before a write", nil)
	pieces := 2 + 2*len(p)/4096 // a write may be one of many pages
	for piece := 1; piece < pieces; piece++ {
		f.at(ofWrites, "in the middle of a write", func() { _, _ = f.File.WriteAt(p[:len(p)*piece/pieces], off) })
	}
	return f.File.WriteAt(p, off)
}

func (f *mortalFile) Truncate(size int64) error {
	f.at(ofFacts, "before a file is cut", nil)
	err := f.File.Truncate(size)
	f.at(ofFacts, "after a file is cut", nil)
	return err
}

func (f *mortalFile) Sync(flags vfs.SyncFlag) error {
	f.at(ofFacts, "before a synchronization", nil)
	err := f.File.Sync(flags)
	f.at(ofFacts, "after a synchronization", nil)
	return err
}

func (f *mortalFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// mortalStore is the store of a mortal process.
type mortalStore struct {
	*Store
	*mortal
}

func openMortal(ctx context.Context, path string, m *mortal) (*mortalStore, error) {
	name := "mortal-" + filepath.Base(path)
	vfs.Register(name, mortalDisk{vfs.Find(""), m})
	s, err := Open(ctx, path, Options{vfs: name})
	return &mortalStore{s, m}, err
}

func (s *mortalStore) around(what string, do func() error) error {
	s.at(ofFacts, "before "+what, nil)
	err := do()
	s.at(ofFacts, "after "+what, nil)
	return err
}

func (s *mortalStore) Append(ctx context.Context, events ...event.Event) error {
	return s.around("an append", func() error { return s.Store.Append(ctx, events...) })
}

func (s *mortalStore) Begin(ctx context.Context, made *journal.Sources, events ...event.Event) error {
	return s.around("the first append", func() error { return s.Store.Begin(ctx, made, events...) })
}

func (s *mortalStore) Send(ctx context.Context, e event.Event) error {
	return s.around("a message is sent", func() error { return s.Store.Send(ctx, e) })
}

func (s *mortalStore) Take(ctx context.Context, run string, messages []int64, events ...event.Event) error {
	return s.around("a message is taken", func() error { return s.Store.Take(ctx, run, messages, events...) })
}
