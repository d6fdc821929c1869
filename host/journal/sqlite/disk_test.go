package sqlite

// Disks that are full, that fail, that lose their power. They are put between
// SQLite and the real one.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// badDisk is a disk that remembers what it was told and fails on demand.
type badDisk struct {
	vfs.VFS
	name string

	mu     sync.Mutex
	done   []operation
	record bool
	fault  func(operation) error // asked before each operation
}

type operation struct {
	file string // its base name
	kind string // "write", "truncate", "sync", "delete"
	at   int64  // where it is written; the new size
	data []byte
}

func newBadDisk(t *testing.T) *badDisk {
	t.Helper()
	d := &badDisk{VFS: vfs.Find(""), name: strings.ReplaceAll(t.Name(), "/", "-"), record: true}
	vfs.Register(d.name, d)
	t.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

func (d *badDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &badFile{File: f, disk: d, name: filepath.Base(name.String())}, flags, nil
}

func (d *badDisk) Delete(name string, sync bool) error {
	if err := d.do(operation{file: filepath.Base(name), kind: "delete"}); err != nil {
		return err
	}
	return d.VFS.Delete(name, sync)
}

func (d *badDisk) do(o operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		if err := d.fault(o); err != nil {
			return err
		}
	}
	if d.record {
		d.done = append(d.done, o)
	}
	return nil
}

func (d *badDisk) setFault(fault func(operation) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

func (d *badDisk) operations() []operation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clip(d.done)
}

type badFile struct {
	vfs.File
	disk *badDisk
	name string
}

func (f *badFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.do(operation{file: f.name, kind: "write", at: off, data: append([]byte{}, p...)}); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *badFile) Truncate(size int64) error {
	if err := f.disk.do(operation{file: f.name, kind: "truncate", at: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *badFile) Sync(flags vfs.SyncFlag) error {
	if err := f.disk.do(operation{file: f.name, kind: "sync"}); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

func (f *badFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func openOn(t *testing.T, path string, d *badDisk) *Store {
	t.Helper()
	o := Options{}
	if d != nil {
		o.vfs = d.name
	}
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d != nil {
			d.setFault(nil)
		}
		s.Close()
	})
	return s
}

var moment = time.UnixMicro(1_800_000_000_000_000).UTC()

func startOf(run string) event.Event {
	return event.Event{Run: run, Seq: 1, Time: moment, Body: event.RunStarted{Graph: "g", Plan: "p", Input: document.Null()}}
}

// batchOf is what a step appends: two events, a value that the step keeps, an output
// that can be found under the run and the number, and every third time a large one.
func batchOf(run string, seq uint64) []event.Event {
	output := document.String(fmt.Sprint(run, seq))
	if seq%3 == 0 {
		output = document.String(strings.Repeat(fmt.Sprint(seq), 700))
	}
	return []event.Event{
		{Run: run, Seq: seq, Time: moment, Body: event.AttemptSucceeded{
			Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Output: output, CacheKey: keyOf(run, seq),
			Stored: []event.Stored{{Space: "s", Key: run, Value: document.String(fmt.Sprint(seq))}},
		}},
		{Run: run, Seq: seq + 1, Time: moment, Body: event.TimerFired{Timer: fmt.Sprint(seq + 1)}},
	}
}

func keyOf(run string, seq uint64) string { return fmt.Sprint(run, "/", seq) }

// check sees that a run has exactly the start and whole batches, at least up to
// the event that was acknowledged, and the value of the last batch, and that their
// outputs and no others are found again; it gives the number of the run's events.
func check(t *testing.T, s *Store, run string, acknowledged uint64) uint64 {
	t.Helper()
	var got []event.Event
	for e, err := range s.Events(context.Background(), run) {
		if errors.Is(err, journal.ErrUnknownRun) && acknowledged == 0 {
			return 0
		}
		if err != nil {
			t.Fatalf("%s, event %d of %d: %v", run, len(got)+1, acknowledged, err)
		}
		got = append(got, e)
	}
	n := uint64(len(got))
	if n < acknowledged || n%2 != 1 {
		t.Fatalf("%s has %d events, %d were acknowledged", run, n, acknowledged)
	}
	want := []event.Event{startOf(run)}
	for seq := uint64(2); seq < n; seq += 2 {
		want = append(want, batchOf(run, seq)...)
	}
	for i := range want {
		a, _ := event.Encode(want[i])
		b, _ := event.Encode(got[i])
		if string(a) != string(b) {
			t.Fatalf("%s: got %s, want %s", run, b, a)
		}
	}
	value, err := s.Value(context.Background(), "s", run)
	if err != nil {
		t.Fatal(err)
	}
	if n > 1 && value.String() != fmt.Sprintf("%q", fmt.Sprint(n-1)) || n == 1 && !value.IsZero() {
		t.Fatalf("%s has %d events and keeps %s", run, n, value)
	}
	for seq := uint64(2); seq <= n+1; seq += 2 {
		done, by, found, err := s.Cached(context.Background(), keyOf(run, seq))
		if err != nil || found != (seq < n) || found && (by.Run != run || done.CacheKey != keyOf(run, seq)) {
			t.Fatalf("%s has %d events, and %q gives %+v of %+v: %v, %v", run, n, keyOf(run, seq), done, by, found, err)
		}
	}
	return n
}

// The power fails at any moment: what was acknowledged is there, of what was not
// each append is whole or not there, although of the writes that were not
// synchronized some have reached the disk, in parts, and others have not.
func TestPowerCuts(t *testing.T) {
	const runs, appends = 3, 60
	cuts := scaled(80)
	d := newBadDisk(t)
	folder := t.TempDir()
	s := openOn(t, filepath.Join(folder, "runs.db"), d)
	if err := s.writer.c.Exec("PRAGMA wal_autocheckpoint = 40"); err != nil { // often, to be cut in two
		t.Fatal(err)
	}
	var mu sync.Mutex
	type ack struct {
		run       string
		seq       uint64
		operation int
	}
	var acks []ack
	var wg sync.WaitGroup
	for i := range runs {
		wg.Go(func() {
			run := fmt.Sprint("r", i)
			events := []event.Event{startOf(run)}
			for n := range appends {
				if err := s.Append(t.Context(), events...); err != nil {
					t.Error(err)
				}
				done := len(d.operations())
				mu.Lock()
				acks = append(acks, ack{run, events[len(events)-1].Seq, done})
				mu.Unlock()
				events = batchOf(run, uint64(2*n+2))
			}
		})
	}
	wg.Wait()
	all := d.operations()
	random := rand.New(rand.NewPCG(1, 2))
	for range cuts {
		cut := random.IntN(len(all) + 1)
		path := filepath.Join(t.TempDir(), "runs.db")
		afterPowerCut(t, path, all[:cut], random)
		after, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatalf("cut after %d operations: %v", cut, err)
		}
		for i := range runs {
			run := fmt.Sprint("r", i)
			acknowledged := uint64(0)
			for _, a := range acks {
				if a.run == run && a.operation <= cut {
					acknowledged = max(acknowledged, a.seq)
				}
			}
			n := check(t, after, run, acknowledged)
			if n == 0 {
				continue
			}
			if err := after.Append(t.Context(), batchOf(run, n+1)...); err != nil {
				t.Fatalf("going on after the cut: %v", err)
			}
		}
		nothingFound(t, after)
		after.Close()
	}
	t.Logf("%d cuts among %d operations of %d appends", cuts, len(all), len(acks))
}

// afterPowerCut makes the files that are left.
func afterPowerCut(t *testing.T, path string, done []operation, random *rand.Rand) {
	t.Helper()
	files := map[string][]byte{}
	synced := map[string]int{}
	for i, o := range done {
		if o.kind == "sync" {
			synced[o.file] = i
		}
	}
	for i, o := range done {
		last, ok := synced[o.file]
		sure := ok && i <= last || o.kind == "delete"
		if !sure && random.IntN(2) == 0 {
			continue // it never came to the disk
		}
		switch o.kind {
		case "write":
			data, at := o.data, o.at
			if !sure && random.IntN(3) == 0 { // or in part: some of its sectors
				from := random.IntN(len(data)) &^ 511
				data, at = data[from:min(from+512*(1+random.IntN(8)), len(data))], at+int64(from)
			}
			b := files[o.file]
			if grow := int(at) + len(data) - len(b); grow > 0 {
				b = append(b, make([]byte, grow)...)
			}
			copy(b[at:], data)
			files[o.file] = b
		case "truncate":
			if b := files[o.file]; int64(len(b)) > o.at {
				files[o.file] = b[:o.at]
			}
		case "delete":
			delete(files, o.file)
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func nothingFound(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Verify(context.Background(), func(e *CorruptError) { t.Error(e) }); err != nil {
		t.Error(err)
	}
}

// A disk that does not let a store be opened is named: SQLite's own words are of no use.
func TestNoRoomToOpen(t *testing.T) {
	d := newBadDisk(t)
	d.setFault(func(o operation) error {
		if o.kind == "write" {
			return sqlite3.IOERR_SHMSIZE
		}
		return nil
	})
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), Options{vfs: d.name})
	if !errors.Is(err, sqlite3.IOERR) || !strings.Contains(err.Error(), "is the disk full?") {
		t.Errorf("got %v", err)
	}
}

// A disk that is full fails every append that shares the transaction; nothing of
// them is there, and when there is room again all goes on.
func TestDiskFull(t *testing.T) {
	for _, fault := range []struct {
		name string
		err  error
	}{
		{"no room", sqlite3.FULL},
		{"write error", sqlite3.IOERR_WRITE},
	} {
		t.Run(fault.name, func(t *testing.T) {
			d := newBadDisk(t)
			d.record = false
			s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), d)
			if err := s.writer.c.Exec("PRAGMA wal_autocheckpoint = 30"); err != nil {
				t.Fatal(err)
			}
			const runs = 8
			var acknowledged, failed [runs]uint64
			for round := range max(scaled(20), 8) {
				left := round % 12 // writes that succeed; three appends of anybody are at least three
				d.setFault(func(o operation) error {
					if left--; left < 0 && o.kind == "write" {
						return fault.err
					}
					return nil
				})
				if round%4 == 3 {
					d.setFault(nil)
				}
				var wg sync.WaitGroup
				for i := range runs {
					wg.Go(func() {
						run := fmt.Sprint("r", i)
						for range 3 {
							events := []event.Event{startOf(run)}
							if acknowledged[i] > 0 {
								events = batchOf(run, acknowledged[i]+1)
							}
							err := s.Append(t.Context(), events...)
							switch {
							case err == nil:
								acknowledged[i] = events[len(events)-1].Seq
							case errors.Is(err, fault.err):
								failed[i]++
							default:
								t.Errorf("%v", err)
							}
						}
					})
				}
				wg.Wait()
				for i := range runs {
					if n := check(t, s, fmt.Sprint("r", i), acknowledged[i]); n != acknowledged[i] {
						t.Fatalf("run %d has %d events, %d were acknowledged", i, n, acknowledged[i])
					}
				}
			}
			d.setFault(nil)
			nothingFound(t, s)
			if sum := slices.Max(failed[:]); sum == 0 {
				t.Error("nothing failed")
			}
			t.Logf("acknowledged %v, failed %v", acknowledged, failed)
		})
	}
}

// After a synchronization has failed nobody can say what the disk has: the store
// says so to everybody until it is opened again.
func TestSyncFails(t *testing.T) {
	d := newBadDisk(t)
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, d)
	for _, e := range [][]event.Event{{startOf("r")}, batchOf("r", 2)} {
		if err := s.Append(t.Context(), e...); err != nil {
			t.Fatal(err)
		}
	}
	d.setFault(func(o operation) error {
		if o.kind == "sync" {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	})
	if err := s.Append(t.Context(), batchOf("r", 4)...); !errors.Is(err, ErrBroken) {
		t.Errorf("an append that was not kept: %v", err)
	}
	d.setFault(nil)
	if err := s.Append(t.Context(), batchOf("r", 4)...); !errors.Is(err, ErrBroken) {
		t.Errorf("the one after it: %v", err)
	}
	if n := check(t, s, "r", 3); n != 3 {
		t.Errorf("%d events", n)
	}
	s.Close()
	s = openOn(t, path, d)
	n := check(t, s, "r", 3)
	if err := s.Append(t.Context(), batchOf("r", n+1)...); err != nil {
		t.Errorf("after opening it again: %v", err)
	}
}

// hold keeps the writer busy until the returned function is called, so that what
// is appended meanwhile shares a transaction.
func hold(t *testing.T, s *Store) (letGo func()) {
	t.Helper()
	busy, gate, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := s.write(context.Background(), func(*writer) error {
			close(busy)
			<-gate
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-busy
	return func() { close(gate); <-done }
}

// waiting waits until n jobs are in the queue.
func waiting(s *Store, n int) {
	for {
		s.writer.mu.Lock()
		m := len(s.writer.queue)
		s.writer.mu.Unlock()
		if m == n {
			return
		}
		time.Sleep(time.Millisecond) // the queue has no other way to be watched
	}
}

// Appends that come together share one synchronization, and those that are
// refused fail alone, also those that are found out in the middle.
func TestGroupCommit(t *testing.T) {
	d := newBadDisk(t)
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), d)
	const runs = 64
	for i := range runs {
		if err := s.Append(t.Context(), startOf(fmt.Sprint("r", i))); err != nil {
			t.Fatal(err)
		}
	}
	letGo := hold(t, s)
	errs := make([]error, runs)
	var wg sync.WaitGroup
	for i := range runs {
		wg.Go(func() {
			run := fmt.Sprint("r", i)
			switch i % 16 {
			case 3:
				errs[i] = s.Append(t.Context(), batchOf(run, 5)...)
			case 9:
				errs[i] = s.Take(t.Context(), run, []int64{77}, batchOf(run, 2)...)
			default:
				errs[i] = s.Append(t.Context(), batchOf(run, 2)...)
			}
		})
	}
	waiting(s, runs)
	before := len(d.operations())
	letGo()
	wg.Wait()
	syncs := 0
	for _, o := range d.operations()[before:] {
		if o.kind == "sync" {
			syncs++
		}
	}
	if syncs != 1 {
		t.Errorf("%d appends took %d synchronizations", runs, syncs)
	}
	for i, err := range errs {
		want := uint64(1)
		switch i % 16 {
		case 3:
			if _, ok := errors.AsType[*journal.SequenceError](err); !ok {
				t.Errorf("run %d: %v", i, err)
			}
		case 9:
			if !errors.Is(err, ErrTaken) {
				t.Errorf("run %d: %v", i, err)
			}
		default:
			want = 3
			if err != nil {
				t.Errorf("run %d: %v", i, err)
			}
		}
		if n := check(t, s, fmt.Sprint("r", i), want); n != want {
			t.Errorf("run %d has %d events, want %d", i, n, want)
		}
	}
}

// Who waits for the writer can give up, and then nothing of theirs is stored.
func TestGivingUp(t *testing.T) {
	s := openOn(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	letGo := hold(t, s)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("no more")
	failed := make(chan error)
	go func() { failed <- s.Append(ctx, startOf("r")) }()
	waiting(s, 1)
	cancel(cause)
	if err := <-failed; !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	// Close waits for the one that is at it, and for those that were let in.
	late := make(chan error)
	go func() { late <- s.Append(t.Context(), startOf("late")) }()
	waiting(s, 1)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	letGo()
	if err := <-late; err != nil {
		t.Errorf("an append before the end: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := s.Append(t.Context(), startOf("later")); !errors.Is(err, ErrClosed) {
		t.Errorf("an append after the end: %v", err)
	}
	for _, err := range s.Runs(t.Context()) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("reading after the end: %v", err)
		}
	}
}
