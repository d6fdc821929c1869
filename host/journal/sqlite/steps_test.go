//go:build linux

package sqlite

// What a step costs the processor and the disk, apart from what the disk takes to keep
// it: the disk here is the machine's without synchronizations.
//
//	go test -run '^$' -bench Steps ./host/journal/sqlite

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// countingDisk is the machine's, which counts what is asked of it and keeps nothing.
type countingDisk struct {
	vfs.VFS
	writes, bytes, reads, syncs atomic.Int64
}

func (d *countingDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &countingFile{File: f, disk: d}, flags, nil
}

type countingFile struct {
	vfs.File
	disk *countingDisk
}

func (f *countingFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.writes.Add(1)
	f.disk.bytes.Add(int64(len(p)))
	return f.File.WriteAt(p, off)
}

func (f *countingFile) ReadAt(p []byte, off int64) (int, error) {
	f.disk.reads.Add(1)
	return f.File.ReadAt(p, off)
}

func (f *countingFile) Sync(vfs.SyncFlag) error {
	f.disk.syncs.Add(1)
	return nil
}

func (f *countingFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// stepEvents are the events of so many steps of a chain.
func stepEvents(run string, seq uint64, steps int) (list []event.Event) {
	output := document.MustParse(`{"title": "The Third Man", "year": 1949, "score": 8.1, "genres": ["film noir", "thriller"], "verdict": "accepted"}`)
	for range steps {
		now := time.UnixMicro(1_800_000_000_000_000 + int64(seq)).UTC()
		list = append(list,
			event.Event{Run: run, Seq: seq, Time: now, Body: event.AttemptSucceeded{Attempt: event.Attempt{Step: fmt.Sprint("review[", seq, "]"), Node: "review", Number: 1}, Output: output, Fuel: 123456}},
			event.Event{Run: run, Seq: seq + 1, Time: now, Body: event.AttemptStarted{Attempt: event.Attempt{Step: fmt.Sprint("review[", seq+2, "]"), Node: "review", Number: 1}}})
		seq += 2
	}
	return list
}

// BenchmarkSteps appends steps: of one run and of 64 at once, one and eight an append.
// cpu-ns/step is what the process took of the processor, whatever else the machine does.
func BenchmarkSteps(b *testing.B) {
	for _, runs := range []int{1, 64} {
		for _, steps := range []int{1, 8} {
			b.Run(fmt.Sprintf("runs=%d/steps=%d", runs, steps), func(b *testing.B) { benchmarkSteps(b, runs, steps) })
		}
	}
}

func benchmarkSteps(b *testing.B, runs, steps int) {
	b.Helper()
	d := &countingDisk{VFS: vfs.Find("")}
	vfs.Register(b.Name(), d)
	defer vfs.Unregister(b.Name())
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "runs.db"), Options{vfs: b.Name()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	seqs := make([]uint64, runs)
	appendOne := func(run int) {
		id := fmt.Sprint("run", run)
		events := stepEvents(id, seqs[run], steps)
		if err := s.Append(b.Context(), events...); err != nil {
			b.Error(err)
		}
		seqs[run] += uint64(len(events))
	}
	for run := range runs {
		first := event.Event{Run: fmt.Sprint("run", run), Seq: 1, Time: time.UnixMicro(1_800_000_000_000_000).UTC(), Body: event.RunStarted{
			Graph: "chain", Plan: "sha256:00", Input: document.MustParse(`{}`), Engine: "x",
		}}
		if err := s.Append(b.Context(), first); err != nil {
			b.Fatal(err)
		}
		seqs[run] = 2
		for range 600 / runs { // the log has its full length
			appendOne(run)
		}
	}
	d.writes.Store(0)
	d.bytes.Store(0)
	d.reads.Store(0)
	d.syncs.Store(0)
	var done atomic.Int64
	before := processTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for run := range runs {
		wg.Go(func() {
			for done.Add(1) <= int64(b.N) && !b.Failed() {
				appendOne(run)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := float64(b.N * steps)
	b.ReportMetric(float64(processTime(b)-before)/all, "cpu-ns/step")
	b.ReportMetric(float64(d.writes.Load())/float64(b.N), "writes/append")
	b.ReportMetric(float64(d.reads.Load())/float64(b.N), "reads/append")
	b.ReportMetric(float64(d.syncs.Load())/float64(b.N), "syncs/append")
	b.ReportMetric(float64(d.bytes.Load())/all, "written-B/step")
}

// processTime is what the process has had of the processor, its system calls included.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
