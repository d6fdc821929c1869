//go:build linux

package sqlite_test

// What an append costs, beside what the disk itself needs.
//
//	go test -run '^$' -bench . ./host/journal/sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// disk is a file to measure the disk by: a page is written in place and kept,
// which is the least that anything durable costs.
type disk struct {
	f    *os.File
	next int64
}

const diskPages = 64

func openDisk(b *testing.B) *disk {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "disk"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err := f.Write(make([]byte, diskPages*4096)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return &disk{f: f}
}

func (d *disk) sync(b *testing.B) time.Duration {
	b.Helper()
	page := make([]byte, 4096)
	begin := time.Now()
	if _, err := d.f.WriteAt(page, d.next%diskPages*4096); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fdatasync(int(d.f.Fd())); err != nil {
		b.Fatal(err)
	}
	d.next++
	return time.Since(begin)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// step gives the two events of an append that a driver makes for a step of a
// chain: a success, and the start that it causes.
func step(run string, seq uint64, output document.Document) []event.Event {
	now := time.UnixMicro(1_800_000_000_000_000 + int64(seq)).UTC()
	return []event.Event{
		{Run: run, Seq: seq, Time: now, Body: event.AttemptSucceeded{Attempt: event.Attempt{Step: fmt.Sprint("review[", seq, "]"), Node: "review", Number: 1}, Output: output, Fuel: 123456}},
		{Run: run, Seq: seq + 1, Time: now, Body: event.AttemptStarted{Attempt: event.Attempt{Step: fmt.Sprint("review[", seq+2, "]"), Node: "review", Number: 1}}},
	}
}

var small = document.MustParse(`{"title": "The Third Man", "year": 1949, "score": 8.1, "genres": ["film noir", "thriller"], "verdict": "accepted"}`)

// appender appends steps to runs of one store, each run from one goroutine.
type appender struct {
	s    *sqlite.Store
	seqs []uint64
}

func newAppender(b *testing.B, runs int) *appender {
	b.Helper()
	a := &appender{s: fresh(b), seqs: make([]uint64, runs)}
	for i := range runs {
		if err := a.s.Append(b.Context(), started(name(i))); err != nil {
			b.Fatal(err)
		}
		a.seqs[i] = 2
	}
	// The log has its full length before anything is measured.
	for i := range 600 {
		a.append(b, i%runs)
	}
	return a
}

func name(i int) string { return fmt.Sprint("run", i) }

func (a *appender) append(b *testing.B, i int) {
	b.Helper()
	if err := a.s.Append(b.Context(), step(name(i), a.seqs[i], small)...); err != nil {
		b.Error(err)
	}
	a.seqs[i] += 2
}

// BenchmarkAppend appends steps, two events each, to one run, and looks at the
// disk between each two of them: fdatasyncs is how many of those an append costs.
func BenchmarkAppend(b *testing.B) {
	a, d := newAppender(b, 1), openDisk(b)
	var appends, syncs []time.Duration
	for b.Loop() {
		begin := time.Now()
		a.append(b, 0)
		appends = append(appends, time.Since(begin))
		syncs = append(syncs, d.sync(b))
	}
	each, sync := median(appends), median(syncs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(each)/1000, "append-µs")
	b.ReportMetric(float64(sync)/1000, "fdatasync-µs")
	b.ReportMetric(float64(each)/float64(sync), "fdatasyncs")
}

// BenchmarkShared has 64 runs append at once, in turns of a quarter of a second
// with one run alone: times is how many more appends a second come of it.
func BenchmarkShared(b *testing.B) {
	const runs, turn = 64, 250 * time.Millisecond
	a := newAppender(b, runs)
	var rates [2][]float64
	for b.Loop() {
		for which, count := range []int{1, runs} {
			var n atomic.Int64
			var wg sync.WaitGroup
			begin := time.Now()
			for i := range count {
				wg.Go(func() {
					for time.Since(begin) < turn && !b.Failed() {
						a.append(b, i)
						n.Add(1)
					}
				})
			}
			wg.Wait()
			rates[which] = append(rates[which], float64(n.Load())/time.Since(begin).Seconds())
		}
	}
	slices.Sort(rates[0])
	slices.Sort(rates[1])
	alone, shared := rates[0][len(rates[0])/2], rates[1][len(rates[1])/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(alone, "alone/s")
	b.ReportMetric(shared, "shared/s")
	b.ReportMetric(shared/alone, "times")
}

// BenchmarkBytes tells how many bytes of the file a step takes, when its state
// grows with each: the journal has facts, so it must be the same at the end as at
// the beginning.
func BenchmarkBytes(b *testing.B) {
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "runs.db")
		s, err := sqlite.Open(b.Context(), path, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		size := func() float64 {
			var sum int64
			for _, suffix := range []string{"", "-wal"} {
				if info, err := os.Stat(path + suffix); err == nil && suffix == "" {
					sum += info.Size()
				}
			}
			return float64(sum)
		}
		if err := s.Append(b.Context(), started("r")); err != nil {
			b.Fatal(err)
		}
		var at []float64
		for i := range uint64(1000) {
			if err := s.Append(b.Context(), step("r", 2+2*i, small)...); err != nil {
				b.Fatal(err)
			}
			if i == 99 || i == 899 || i == 999 {
				if err := s.Close(); err != nil { // which brings the log into the file
					b.Fatal(err)
				}
				at = append(at, size())
				if s, err = sqlite.Open(b.Context(), path, sqlite.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		}
		s.Close()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric((at[2]-at[1])/100, "B/step-at-1000")
		b.ReportMetric((at[1]-at[0])/800, "B/step-before")
	}
}
