//go:build linux

package sqlite

// How many runs share a disk that is slower than that of this machine: what
// group commit is for. A virtual disk may answer in a tenth of a millisecond;
// one that writes through to flash takes a quarter to three quarters.
//
//	go test -run '^$' -bench SlowDisk ./host/journal/sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// slowDisk is the machine's own, whose synchronizations take longer.
type slowDisk struct {
	vfs.VFS
	least time.Duration // of a synchronization
}

func (d slowDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return slowFile{f, d.least}, flags, nil
}

type slowFile struct {
	vfs.File
	least time.Duration
}

func (f slowFile) Sync(flags vfs.SyncFlag) error {
	begin := time.Now()
	err := f.File.Sync(flags)
	if rest := f.least - time.Since(begin); rest > 0 {
		// As a disk does it: the thread waits, and to the microsecond.
		wait := unix.NsecToTimespec(int64(rest))
		_ = unix.Nanosleep(&wait, nil)
	}
	return err
}

func (f slowFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// echoed says what it is told.
type echoed struct{}

func (echoed) Describe() capability.Description {
	return capability.Description{Text: "echo", Methods: []capability.Method{{Name: "say", Request: []byte("{}"), Response: []byte("{}")}}}
}

func (echoed) Call(_ context.Context, c capability.Call) (capability.Answer, error) {
	return capability.Answer{Document: c.Request}, nil
}

// BenchmarkSlowDisk has 64 runs make steps at once, in turns with one run alone:
// times is how many more steps a second come of it. The steps of a plain chain are
// executed while the disk keeps those before; where they ask a capability, each waits
// twice for the disk, before the world is asked and before the answer is given.
func BenchmarkSlowDisk(b *testing.B) {
	for _, asks := range []bool{false, true} {
		for _, least := range []time.Duration{0, 250 * time.Microsecond, 500 * time.Microsecond, 750 * time.Microsecond} {
			b.Run(fmt.Sprintf("asks=%t/synchronization=%v", asks, least), func(b *testing.B) { benchmarkSlowDisk(b, asks, least) })
		}
	}
}

func benchmarkSlowDisk(b *testing.B, asks bool, least time.Duration) {
	b.Helper()
	const runs, alone, each = 64, 100, 50
	vfs.Register(b.Name(), slowDisk{vfs.Find(""), least})
	defer vfs.Unregister(b.Name())
	store, err := Open(b.Context(), filepath.Join(b.TempDir(), "runs.db"), Options{vfs: b.Name()})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	h, err := host.New(host.WithJournal(store), host.WithCapability("echo", echoed{}), host.WithParallel(runs))
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	graph, node := turning, moduletest.SmallEcho()
	if asks {
		graph, node = turning+"[nodes.turn.grants.echo]\n", moduletest.Ask("echo", "say", 1)
	}
	g, err := h.LoadFS(fstest.MapFS{"graph.toml": {Data: []byte(graph)}, "node.wasm": {Data: node}}, "graph.toml")
	if err != nil {
		b.Fatal(err)
	}
	turn := func(steps int) {
		r, err := h.Run(b.Context(), g, map[string]int{"steps": steps})
		if err != nil || r.Status() != event.Done {
			b.Error(r.Failure(), err)
		}
	}
	turn(each) // what is done once
	var rates [2][]float64
	for b.Loop() {
		begin := time.Now()
		turn(alone)
		rates[0] = append(rates[0], alone/time.Since(begin).Seconds())
		begin = time.Now()
		var wg sync.WaitGroup
		for range runs {
			wg.Go(func() { turn(each) })
		}
		wg.Wait()
		rates[1] = append(rates[1], runs*each/time.Since(begin).Seconds())
	}
	slices.Sort(rates[0])
	slices.Sort(rates[1])
	one, shared := rates[0][len(rates[0])/2], rates[1][len(rates[1])/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(one, "alone/s")
	b.ReportMetric(shared, "shared/s")
	b.ReportMetric(shared/one, "times")
}

// turning is a graph whose one node is called as often as the input says.
const turning = `
version = 1
name = "turning"
max_steps = 100000
chain = ["turn"]

[[edges]]
from = "turn"
to = "turn"
when = "state.n < run.input.steps"

[state.n]
reduce = "sum"

[nodes.turn]
module = "node.wasm"
max_visits = 100000
write = { n = "1" }
`
